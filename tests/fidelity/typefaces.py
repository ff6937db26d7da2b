"""The fonts that the cases name besides the shipped ones: made here, each for a property of its format."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable
from fontTools.ttLib.tables.BitmapGlyphMetrics import SmallGlyphMetrics
from fontTools.ttLib.tables.C_B_D_T_ import cbdt_bitmap_format_17
from fontTools.ttLib.tables.E_B_L_C_ import (
    BitmapSizeTable,
    SbitLineMetrics,
    Strike,
    eblc_index_sub_table_1,
)
from fontTools.ttLib.tables.sbixGlyph import Glyph as Picture
from fontTools.ttLib.tables.sbixStrike import Strike as Pictures
from PIL import Image

_ORDER = [".notdef", "space", "A", "B", "C"]
_LETTERS = {32: "space", 65: "A", 66: "B", 67: "C", 97: "A", 98: "B", 99: "C"}
Corners = list[tuple[float, float]]
_OUTLINES: dict[str, Corners] = {
    ".notdef": [(50, 0), (50, 700), (450, 700), (450, 0)],
    "space": [],
    "A": [(20, 0), (300, 700), (580, 0)],
    "B": [(50, 0), (50, 700), (450, 700), (450, 0)],
    "C": [(20, 350), (300, 700), (580, 350), (300, 0)],
}
_WIDTHS = {".notdef": 500, "space": 300, "A": 600, "B": 500, "C": 600}


def _draw(pen: Any, corners: Corners, scale: float) -> Any:
    if corners:
        pen.moveTo((corners[0][0] * scale, corners[0][1] * scale))
        for x, y in corners[1:]:
            pen.lineTo((x * scale, y * scale))
        pen.closePath()
    return pen


def _built(
    *,
    units: int = 1000,
    cff: bool = False,
    height: int = 800,
    outlines: dict[str, Corners] = _OUTLINES,
    axis: tuple[str, float, float, float] | None = None,
) -> TTFont:
    """A font of three letters; with an axis, B gets wider along it."""
    scale = units / 1000
    builder = FontBuilder(units, isTTF=not cff)
    builder.setupGlyphOrder(_ORDER)
    builder.setupCharacterMap(_LETTERS)
    if cff:
        strings = {
            name: _draw(T2CharStringPen(_WIDTHS[name] * scale, {}), outlines[name], scale).getCharString()
            for name in _ORDER
        }
        builder.setupCFF("Made", {}, strings, {})
    else:
        builder.setupGlyf({name: _draw(TTGlyphPen(None), outlines[name], scale).glyph() for name in _ORDER})
    left = {name: min((x for x, _ in outlines[name]), default=0) for name in _ORDER}
    builder.setupHorizontalMetrics(
        {name: (round(_WIDTHS[name] * scale), round(left[name] * scale)) for name in _ORDER}
    )
    builder.setupHorizontalHeader(ascent=round(height * scale), descent=-round(height / 4 * scale))
    builder.setupNameTable({"familyName": "Made", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=round(height * scale), usWinAscent=round(height * scale))
    builder.setupPost()
    if axis is not None:
        from fontTools.ttLib.tables.TupleVariation import TupleVariation

        builder.setupFvar([(*axis, axis[0])], [])
        wider = [(0, 0), (0, 0), (150, 0), (150, 0), (0, 0), (200, 0), (0, 0), (0, 0)]
        builder.setupGvar({"B": [TupleVariation({axis[0]: (0, 1, 1)}, wider)]})
    return builder.font


def _symbols(*, beside_roman: bool = False) -> TTFont:
    """Its signs are at U+F000 and up, in a table for symbols."""
    font = _built()
    tables = [(3, 0, {0xF000 + code: name for code, name in _LETTERS.items()})]
    if beside_roman:
        tables.insert(0, (1, 0, {65: "C", 66: "C", 67: "C"}))
    return _mapped(font, tables)


def _mapped(font: TTFont, tables: list[tuple[int, int, dict[int, str]]]) -> TTFont:
    font["cmap"].tables = []
    for platform, encoding, characters in tables:
        table = CmapSubtable.newSubtable(4 if platform == 3 else 0)
        table.platformID, table.platEncID, table.language, table.cmap = platform, encoding, 0, characters
        font["cmap"].tables.append(table)
    return font


def _png(width: int, height: int) -> bytes:
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 // width, y * 255 // height, 128 + 0 * x, 255 + 0 * x], axis=-1)
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def _pictures() -> TTFont:
    """A is a bitmap (`sbix`), the others are outlines."""
    font = _built()
    font["sbix"] = newTable("sbix")
    strike = Pictures(ppem=64, resolution=72)
    for name in _ORDER:
        data = _png(40, 48) if name == "A" else None
        strike.glyphs[name] = Picture(
            glyphName=name, graphicType="png " if data else None, imageData=data, originOffsetX=0
        )
    font["sbix"].strikes = {64: strike}
    return font


def _bitmaps() -> TTFont:
    """A is a bitmap (`CBDT`), the others are outlines."""
    font = _built()
    font["CBDT"], font["CBLC"] = newTable("CBDT"), newTable("CBLC")
    for table in ("CBDT", "CBLC"):
        font[table].version = 3.0
    glyph = cbdt_bitmap_format_17(None, font)
    glyph.metrics = SmallGlyphMetrics()
    glyph.metrics.height, glyph.metrics.width = 48, 40
    glyph.metrics.BearingX, glyph.metrics.BearingY, glyph.metrics.Advance = 0, 48, 38
    glyph.imageData = _png(40, 48)
    font["CBDT"].strikeData = [{"A": glyph}]
    strike = Strike()
    size = BitmapSizeTable()
    for line in ("hori", "vert"):
        metrics = SbitLineMetrics()
        for name in _LINE:
            setattr(metrics, name, 0)
        setattr(size, line, metrics)
    size.colorRef, size.flags, size.bitDepth = 0, 1, 32
    size.ppemX = size.ppemY = 64
    size.startGlyphIndex = size.endGlyphIndex = _ORDER.index("A")
    strike.bitmapSizeTable = size
    index = eblc_index_sub_table_1(None, font)
    index.names, index.indexFormat, index.imageFormat = ["A"], 1, 17
    index.firstGlyphIndex = index.lastGlyphIndex = _ORDER.index("A")
    strike.indexSubTables = [index]
    font["CBLC"].strikes = [strike]
    return font


_LINE = [
    "ascender",
    "descender",
    "widthMax",
    "caretSlopeNumerator",
    "caretSlopeDenominator",
    "caretOffset",
    "minOriginSB",
    "minAdvanceSB",
    "maxBeforeBL",
    "minAfterBL",
    "pad1",
    "pad2",
]


def _packed(font: TTFont) -> TTFont:
    font.flavor = "woff2"
    return font


_SWASHES: dict[str, Corners] = _OUTLINES | {"A": [(-1900, -1900), (300, 3000), (2900, -1500), (300, 700)]}
_OPTICAL = ("opsz", 8.0, 12.0, 96.0)
MADE: dict[str, Callable[[], TTFont]] = {
    "Made Symbols": _symbols,
    "Made Symbols and Roman": lambda: _symbols(beside_roman=True),
    "Made Roman": lambda: _mapped(_built(), [(1, 0, {65: "A", 66: "B", 67: "C"})]),
    "Made WOFF2": lambda: _packed(_built()),
    "Made WOFF2 CFF": lambda: _packed(_built(cff=True, units=2048)),
    "Made WOFF2 Variable": lambda: _packed(_built(axis=("wght", 100, 400, 900), units=500)),
    "Made Optical": lambda: _built(axis=_OPTICAL),
    "Made Flat": lambda: _built(height=0),
    "Made Pictures": _pictures,
    "Made Bitmaps": _bitmaps,
    "Made Swashes": lambda: _built(outlines=_SWASHES),
}

SHOWN = tuple(family for family in MADE if family != "Made Roman")
"""Those that Chromium shows: it refuses a font without a Unicode or symbol table."""


@cache
def made(family: str) -> bytes:
    """The file of a font that is made here."""
    file = io.BytesIO()
    MADE[family]().save(file)
    return file.getvalue()
