"""How much a font's glyphs are to draw, counted before anybody draws them. Runs in the sandbox only.

A glyph of a few bytes may show others, which show others (OpenType 1.9, `glyf`, composite description): nine
levels of ten are a thousand million outlines. So components are counted without drawing them, and of colour
glyphs (COLR) the layers that they show. Then each glyph is drawn once: of fonts with programs for outlines
(CFF) nothing else tells what comes of them.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from schemas.errors import InvalidInput

DEEPEST = 16
"""Levels of components."""
MOST_COMPONENTS = 1_024
MOST_POINTS = 32_768
"""Of one glyph with all that it shows. TrueType itself counts to 65,535 (`maxp`)."""
MOST_IN_ALL = 30_000_000
"""Points of all glyphs that characters are mapped to: a font of 65,000 Chinese characters has ten million."""
MOST_LAYERS = 1_024
"""Paints of a colour glyph."""
LONGEST_S = 10.0
"""Processor time for drawing each glyph once: some thousand a second are usual."""
LARGEST_BITMAP = 1_024
"""Side of a glyph's picture in px."""
_SIZE = 64.0

_WORDS, _MORE, _SCALE, _TWO_SCALES, _MATRIX = 0x0001, 0x0020, 0x0008, 0x0040, 0x0080
"""Flags of a component (OpenType 1.9, `glyf`)."""


class Shown(NamedTuple):
    """What a glyph shows in all: levels below it, components, points."""

    depth: int
    components: int
    points: int


def check_outlines(font: Any, mapped: Iterable[int], typeface: Callable[[], Any]) -> None:
    """Raises InvalidInput (`bad_font`) for a font whose glyphs are more than anybody needs.

    font: fontTools' of the file that will be drawn; mapped: the glyphs that characters have; typeface: makes
    Skia's, when all is counted.
    """
    glyphs = sorted(set(mapped))
    if "glyf" in font:
        _check_glyf(font.getTableData("glyf"), list(font["loca"].locations), glyphs)
    if "COLR" in font:
        _check_layers(font["COLR"])
    _check_bitmaps(font)
    draw_each(typeface(), glyphs)


def _bad(what: str) -> InvalidInput:
    return InvalidInput("bad_font", f"The font cannot be used: {what}.")


def _check_glyf(data: bytes, locations: Sequence[int], mapped: Sequence[int]) -> None:
    points: list[int] = []
    parts: dict[int, list[int]] = {}
    for number, (begin, end) in enumerate(pairwise(locations)):
        own, components = _glyph(data[begin:end])
        points.append(own)
        if components:
            parts[number] = components
    shown = count(points, parts)
    if sum(shown[number].points for number in mapped if number < len(shown)) > MOST_IN_ALL:
        raise _bad("its glyphs have too many points")


def _glyph(data: bytes) -> tuple[int, list[int]]:
    """A glyph's own points, or the glyphs that it is composed of."""
    if len(data) < 10:
        return 0, []
    (contours,) = struct.unpack_from(">h", data)
    if contours >= 0:
        end = 10 + 2 * contours
        return (
            struct.unpack_from(">H", data, end - 2)[0] + 1 if contours > 0 and end <= len(data) else 0
        ), []
    found: list[int] = []
    at = 10
    while at + 4 <= len(data):
        flags, glyph = struct.unpack_from(">HH", data, at)
        found.append(glyph)
        at += 8 if flags & _WORDS else 6
        at += 2 if flags & _SCALE else 4 if flags & _TWO_SCALES else 8 if flags & _MATRIX else 0
        if not flags & _MORE or len(found) > MOST_COMPONENTS:
            break
    return 0, found


def count(points: Sequence[int], parts: Mapping[int, Sequence[int]]) -> list[Shown]:
    """What each glyph shows, every one counted once. Raises InvalidInput (`bad_font`).

    points: of each glyph's own; parts: of a composite the glyphs that it shows, as often as it shows them.
    """
    shown = [Shown(0, 0, own) for own in points]
    done = [number not in parts for number in range(len(points))]
    for first in parts:
        way: list[tuple[int, int]] = [(first, 0)]
        on_way = {first}
        while way:
            number, at = way[-1]
            below = parts[number]
            if done[number] or at == len(below):
                if not done[number]:
                    shown[number] = _sum(shown, below)
                    done[number] = True
                way.pop()
                on_way.discard(number)
                continue
            way[-1] = number, at + 1
            part = below[at]
            if part in on_way:
                raise _bad("a glyph of it shows itself")
            if part < len(points) and not done[part]:
                if len(way) > DEEPEST:
                    raise _bad("its glyphs are nested too deep")
                way.append((part, 0))
                on_way.add(part)
    return shown


def _sum(shown: Sequence[Shown], parts: Sequence[int]) -> Shown:
    known = [shown[part] for part in parts if part < len(shown)]
    found = Shown(
        1 + max((part.depth for part in known), default=0),
        len(known) + sum(part.components for part in known),
        sum(part.points for part in known),
    )
    if found.depth > DEEPEST:
        raise _bad("its glyphs are nested too deep")
    if found.components > MOST_COMPONENTS or found.points > MOST_POINTS:
        raise _bad("a glyph of it has too many parts")
    return found


def _check_layers(colr: Any) -> None:
    """Version 0 lists layers; version 1 has graphs of paints, of which parts are named and shown again."""
    if colr.version == 0:
        if max(map(len, colr.ColorLayers.values()), default=0) > MOST_LAYERS:
            raise _bad("a colour glyph of it has too many layers")
        return
    table = colr.table
    if table.BaseGlyphRecordArray is not None:
        records = table.BaseGlyphRecordArray.BaseGlyphRecord
        if max((record.NumLayers for record in records), default=0) > MOST_LAYERS:
            raise _bad("a colour glyph of it has too many layers")
    glyphs = table.BaseGlyphList.BaseGlyphPaintRecord if table.BaseGlyphList is not None else []
    layers = table.LayerList.Paint if table.LayerList is not None else []
    paints = _Paints({record.BaseGlyph: record.Paint for record in glyphs}, layers)
    for record in glyphs:
        if paints.shown(record.Paint) > MOST_LAYERS:
            raise _bad("a colour glyph of it has too many layers")


class _Paints:
    """Counts the paints that a paint shows, named ones once only (OpenType 1.9, `COLR`, paint tables)."""

    def __init__(self, glyphs: Mapping[str, Any], layers: Sequence[Any]) -> None:
        self._glyphs, self._layers = glyphs, layers
        self._known: dict[object, int | None] = {}

    def shown(self, paint: Any, depth: int = 0) -> int:
        """How many; more than `MOST_LAYERS` for what is nested too deep or shows itself."""
        if depth > 4 * DEEPEST:
            return MOST_LAYERS + 1
        total = 1
        if paint.Format == 1:  # PaintColrLayers
            first = paint.FirstLayerIndex
            for number in range(first, min(first + paint.NumLayers, len(self._layers))):
                total += self._named(number, self._layers[number], depth)
        elif paint.Format == 11:  # PaintColrGlyph
            if (named := self._glyphs.get(paint.Glyph)) is not None:
                total += self._named(paint.Glyph, named, depth)
        else:
            for name in ("Paint", "SourcePaint", "BackdropPaint"):
                if (inner := getattr(paint, name, None)) is not None:
                    total += self.shown(inner, depth + 1)
        return min(total, MOST_LAYERS + 1)

    def _named(self, name: object, paint: Any, depth: int) -> int:
        if name not in self._known:
            self._known[name] = None
            self._known[name] = self.shown(paint, depth + 1)
        known = self._known[name]
        return MOST_LAYERS + 1 if known is None else known


def _check_bitmaps(font: Any) -> None:
    """Pictures of glyphs are small, whatever size they claim to have in the tables."""
    if "sbix" in font:
        for strike in font["sbix"].strikes.values():
            for glyph in strike.glyphs.values():
                _check_png(glyph.imageData or b"")
    if "CBDT" in font:
        for strike in font["CBDT"].strikeData:
            for glyph in strike.values():
                glyph.ensureDecompiled()
                _check_png(getattr(glyph, "imageData", b""))


def _check_png(data: bytes) -> None:
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        if max(width, height) > LARGEST_BITMAP:
            raise _bad(f"a picture in it has {width} × {height} px")


def draw_each(typeface: Any, glyphs: Iterable[int], clock: Callable[[], float] = time.process_time) -> None:
    """Draw each glyph once, as text that rests is drawn. Raises InvalidInput (`bad_font`)."""
    from renderers._skia import skia

    font = skia.Font(typeface, _SIZE)
    font.setHinting(skia.FontHinting.kSlight)
    font.setSubpixel(True)
    begun, total = clock(), 0
    for glyph in glyphs:
        path = font.getPath(glyph)
        points = path.countPoints() if path is not None else 0
        total += points
        if points > 4 * MOST_POINTS:  # curves of CFF and of TrueType count differently here
            raise _bad("a glyph of it has too many parts")
        if total > 4 * MOST_IN_ALL or clock() - begun > LONGEST_S:
            raise _bad("its glyphs take too long to draw")
