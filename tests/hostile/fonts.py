"""Fonts that are small to fetch and endless to draw."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from fontTools.colorLib.builder import buildCOLR, buildCPAL
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib.tables import otTables


def _square(pen: Any, points: int = 4) -> None:
    pen.moveTo((0, 0))
    for number in range(points - 4):
        pen.lineTo((number % 2, number % 500))
    pen.lineTo((0, 500))
    pen.lineTo((500, 500))
    pen.lineTo((500, 0))
    pen.closePath()


def _written(builder: Any) -> bytes:
    file = io.BytesIO()
    builder.save(file)
    return file.getvalue()


def _finished(builder: Any, order: list[str]) -> Any:
    builder.setupHorizontalMetrics(dict.fromkeys(order, (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Bomb", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200)
    builder.setupPost()
    return builder


def of_components(parts: Mapping[str, list[str]], mapped: Mapping[int, str], points: int = 4) -> bytes:
    """A TrueType font with a square `a` of so many points, and composites that show other glyphs."""
    order = [".notdef", "a", *parts]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap(dict(mapped))
    pen = TTGlyphPen(None)
    _square(pen, points)
    glyphs = {".notdef": TTGlyphPen(None).glyph(), "a": pen.glyph()}
    for name, shown in parts.items():
        pen = TTGlyphPen(dict.fromkeys(order))
        for number, part in enumerate(shown):
            pen.addComponent(part, (1, 0, 0, 1, number, number))
        glyphs[name] = pen.glyph()
    builder.setupGlyf(glyphs, calcGlyphBounds=False)
    for glyph in glyphs.values():
        glyph.xMin = glyph.yMin = 0
        glyph.xMax = glyph.yMax = 500
    builder.font.recalcBBoxes = False
    _finished(builder, order)
    builder.font["maxp"].recalc = lambda font: None
    return _written(builder)


def nested(levels: int, width: int) -> bytes:
    """Levels of composites, each of which shows the one below so many times."""
    names = ["a", *(f"level{number}" for number in range(levels))]
    parts = {name: [below] * width for below, name in pairwise(names)}
    return of_components(parts, {ord("A"): names[-1]})


def of_programs(levels: int, width: int) -> bytes:
    """A CFF font whose one glyph calls subroutines that call subroutines."""
    builder = FontBuilder(1000, isTTF=False)
    order = [".notdef", "a"]
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap({ord("A"): "a"})
    pen = T2CharStringPen(600, None)
    _square(pen)
    strings = {".notdef": T2CharStringPen(600, None).getCharString(), "a": pen.getCharString()}
    builder.setupCFF("Bomb", {"FullName": "Bomb"}, strings, {})
    _finished(builder, order)
    from fontTools.cffLib import SubrsIndex
    from fontTools.misc.psCharStrings import T2CharString

    top = builder.font["CFF "].cff.topDictIndex[0]
    index = SubrsIndex(isCFF2=False)
    programs: list[list[Any]] = [[10, 10, "rlineto", "return"]]
    programs += [[*[level - 107, "callsubr"] * width, "return"] for level in range(levels)]
    for program in programs:
        index.append(T2CharString(program=program, private=top.Private, globalSubrs=top.GlobalSubrs))
    top.Private.Subrs = index
    top.CharStrings["a"].program = [600, 0, 0, "rmoveto", levels - 107, "callsubr", "endchar"]
    builder.font.recalcBBoxes = False
    return _written(builder)


def of_layers(levels: int, width: int) -> bytes:
    """A colour font whose one glyph shows layers that show layers (COLR version 1)."""
    builder = FontBuilder(1000, isTTF=True)
    order = [".notdef", "a", *(f"level{number}" for number in range(levels))]
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap({ord("A"): order[-1]})
    glyphs = {}
    for name in order:
        pen = TTGlyphPen(None)
        if name != ".notdef":
            _square(pen)
        glyphs[name] = pen.glyph()
    builder.setupGlyf(glyphs)
    _finished(builder, order)
    solid = {"Format": int(otTables.PaintFormat.PaintSolid), "PaletteIndex": 0, "Alpha": 1.0}
    leaf = {"Format": int(otTables.PaintFormat.PaintGlyph), "Paint": solid, "Glyph": "a"}
    layers: dict[str, Any] = {order[2]: {"Format": 1, "Layers": [leaf] * width}}
    for below, name in pairwise(order[2:]):
        shown = {"Format": int(otTables.PaintFormat.PaintColrGlyph), "Glyph": below}
        layers[name] = {"Format": 1, "Layers": [shown] * width}
    builder.font["COLR"] = buildCOLR(layers, version=1)
    builder.font["CPAL"] = buildCPAL([[(1.0, 0.0, 0.0, 1.0)]])
    return _written(builder)


def with_picture(side: int) -> bytes:
    """A font with the head of a picture of so many px (sbix)."""
    import zlib

    from fontTools.ttLib import newTable
    from fontTools.ttLib.tables.sbixGlyph import Glyph
    from fontTools.ttLib.tables.sbixStrike import Strike

    def chunk(name: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(name + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + name + body + crc

    head = side.to_bytes(4, "big") * 2 + bytes((8, 6, 0, 0, 0))
    row = bytes(1 + 4 * side)
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    from fontTools.ttLib import TTFont

    font = TTFont(io.BytesIO(of_components({}, {ord("A"): "a"})))
    table: Any = newTable("sbix")
    table.version, table.flags = 1, 1
    strike = Strike(ppem=100, resolution=72)
    for name in font.getGlyphOrder():
        strike.glyphs[name] = Glyph(glyphName=name, graphicType="png ", imageData=png if name == "a" else b"")
    table.strikes, table.numStrikes = {100: strike}, 1
    font["sbix"] = table
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()


BOMBS: dict[str, Callable[[], bytes]] = {
    "nine levels of ten": lambda: nested(9, 10),
    "many levels of one": lambda: nested(60, 1),
    "two levels of a thousand": lambda: nested(2, 1000),
    "many glyphs, each large": lambda: of_components(
        {f"g{number}": ["a"] for number in range(2000)},
        {0x4E00 + number: f"g{number}" for number in range(2000)},
        points=20_000,
    ),
    "a glyph that shows itself": lambda: of_components({"b": ["b"]}, {ord("A"): "b"}),
    "glyphs that show one another": lambda: of_components({"b": ["c"], "c": ["b"]}, {ord("A"): "b"}),
    "layers in layers": lambda: of_layers(9, 10),
    "a large picture": lambda: with_picture(8000),
}
