"""Text elements: glyphs on the lines that `renderers.text.layout` made, in the order CSS paints them.

Backgrounds, underlines, strokes, fills, then lines through (CSS Text Decoration 4, 2.1 and
`paint-order: stroke fill`). Glyphs are drawn without hinting and at sub-pixel positions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby
from typing import Any, NamedTuple

from renderers._skia import skia
from renderers.drawing import brushes
from renderers.drawing.images import rounded
from renderers.text.fonts import FontSet
from renderers.text.layout import Layout, Run
from renderers.text.shaping import Glyphs, Style
from schemas.elements import TextElement


class _Piece(NamedTuple):
    """One run's glyphs as Skia draws them, with where they are.

    blob: its outlines. blobs: all of it in order, bitmaps in colour too.
    """

    blob: Any
    blobs: tuple[Any, ...]
    style: Style
    x: float
    width: float
    baseline: float
    top: float


def draw_text(
    target: Any, element: TextElement, fonts: FontSet, layout: Layout, *, hinted: bool = True
) -> None:
    """Draw in the element's box (0, 0, width, height).

    Baselines and decorations of an upright text come to lie on whole px of the document, as in a browser.
    hinted: glyphs are fitted to whole px too, which is for text that never moves.
    """
    top = 0.0 if element.rotation % 360 else element.y
    clips = element.overflow == "clip"
    if element.background is not None:
        _draw_background(target, element)
    if clips:
        target.save()
        target.clipRect(skia.Rect.MakeWH(element.width, element.height))
    pieces = list(_pieces(layout, top, hinted and not element.rotation % 360))
    for paint_part in _PARTS:
        for piece in pieces:
            paint_part(target, piece, fonts)
    if clips:
        target.restore()


def text_box(element: TextElement, layout: Layout) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of all that a text may paint, from its corner: as far as ink reaches, which
    may be beyond its lines and its box.
    """
    boxes = [(0.0, 0.0, element.width, element.height)]
    if element.background is not None:
        grown = element.background.padding
        boxes.append((-grown, -grown, element.width + grown, element.height + grown))
    if element.overflow != "clip":
        boxes += (box for line in layout.lines for run in line.runs for box in _inked(run, line.baseline))
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


_MITRE = 4  # CSS has no other for text
_SNAPPED = 1.0  # px by which baselines and decorations may move to come to lie on whole ones


def _inked(run: Run, baseline: float) -> Iterator[tuple[float, float, float, float]]:
    """What the glyphs of a run cover with their strokes, and what its decorations and background do."""
    glyphs, style = run.glyphs, run.glyphs.item.style
    reach = _SNAPPED + (style.stroke.width * _MITRE / 2 if style.stroke else 0.0)
    face, places = glyphs.item.face, _places(glyphs)
    for pictures in (False, True) if face.has_pictures else (False,):
        font = face.at(style.size, glyphs.ids, pictures=pictures)
        for (x, y), box in zip(places, font.getBounds(glyphs.ids), strict=True):
            if not box.isEmpty():
                left, top = run.x + x + box.left() - reach, baseline + y + box.top() - reach
                yield left, top, left + box.width() + 2 * reach, top + box.height() + 2 * reach
    size = max((line.size for line in (style.underline, style.strikethrough) if line), default=0.0)
    if style.background or size:
        padding = style.background.padding if style.background else 0.0
        metrics = face.metrics(style.size)
        above, below = max(metrics.ascent, size), max(metrics.descent, size * _SHARE * 2)
        reach = padding + _SNAPPED + 1
        yield run.x - reach, baseline - above - reach, run.x + glyphs.width + reach, baseline + below + reach


def _pieces(layout: Layout, top: float, hinted: bool) -> Iterator[_Piece]:
    for line in layout.lines:
        baseline = _snap(line.baseline, top)
        for run in line.runs:
            blob, blobs = _blobs(run, hinted)
            if blobs:
                yield _Piece(blob, blobs, run.glyphs.item.style, run.x, run.glyphs.width, baseline, top)


def _snap(y: float, top: float) -> float:
    """To a whole px of the document, for an element that begins at `top`."""
    return math.floor(top + y + 0.5) - top


def _blobs(run: Run, hinted: bool) -> tuple[Any, tuple[Any, ...]]:
    """A run's outlines, and all of it in order; few fonts have bitmaps in colour beside outlines."""
    glyphs, face = run.glyphs, run.glyphs.item.face
    places, every = _places(glyphs), range(len(glyphs.ids))
    if not face.has_pictures:
        blob = _blob(glyphs, places, every, hinted)
        return blob, () if blob is None else (blob,)
    outlines = [at for at in every if not face.is_picture(glyphs.ids[at])]
    parts = groupby(every, lambda at: face.is_picture(glyphs.ids[at]))
    blobs = [_blob(glyphs, places, list(part), hinted, pictures=its) for its, part in parts]
    return _blob(glyphs, places, outlines, hinted), tuple(blobs)


def _places(glyphs: Glyphs) -> list[tuple[float, float]]:
    """Where each glyph's origin is, from the run's."""
    ends = accumulate(glyphs.advances)
    starts = [0.0, *ends][: len(glyphs.ids)]
    if glyphs.offsets is None:
        return [(x, 0.0) for x in starts]
    return [(x + dx, dy) for x, (dx, dy) in zip(starts, glyphs.offsets, strict=True)]


def _blob(
    glyphs: Glyphs,
    places: list[tuple[float, float]],
    chosen: Sequence[int],
    hinted: bool,
    *,
    pictures: bool = False,
) -> Any:
    if not chosen:
        return None
    ids = [glyphs.ids[at] for at in chosen]
    font = glyphs.item.face.at(glyphs.item.style.size, ids, hinted=hinted, pictures=pictures)
    builder = skia.TextBlobBuilder()
    if glyphs.offsets is None:
        builder.allocRunPosH(font, ids, [places[at][0] for at in chosen], 0.0)
    else:
        builder.allocRunPos(font, ids, [skia.Point(*places[at]) for at in chosen])
    return builder.make()


def _draw_stroke(target: Any, piece: _Piece, fonts: FontSet) -> None:
    stroke = piece.style.stroke
    if stroke is None or stroke.width <= 0 or piece.blob is None:
        return
    paint = skia.Paint(brushes.ink(stroke.color))
    paint.setStyle(skia.Paint.kStroke_Style)
    paint.setStrokeWidth(stroke.width)
    paint.setStrokeMiter(_MITRE)
    target.drawTextBlob(piece.blob, piece.x, piece.baseline, paint)


def _draw_fill(target: Any, piece: _Piece, fonts: FontSet) -> None:
    for blob in piece.blobs:
        target.drawTextBlob(blob, piece.x, piece.baseline, brushes.ink(piece.style.color))


def _draw_background(target: Any, element: TextElement) -> None:
    """The padding box: the element's box grown by the padding, which moves no text."""
    assert element.background is not None
    padding = element.background.padding
    box = skia.Rect.MakeWH(element.width, element.height).makeOutset(padding, padding)
    _fill_box(target, box, element.background.radius, element.background.color)


def _draw_span_background(target: Any, piece: _Piece, fonts: FontSet) -> None:
    """As of an inline box: as high as its font's ascent and descent, grown by the padding."""
    background, style = piece.style.background, piece.style
    if background is None:
        return
    metrics = fonts.face(style.family, style.weight, style.italic).metrics(style.size)
    box = skia.Rect.MakeLTRB(
        piece.x, piece.baseline - metrics.ascent, piece.x + piece.width, piece.baseline + metrics.descent
    ).makeOutset(background.padding, background.padding)
    _fill_box(target, box, background.radius, background.color)


def _fill_box(target: Any, box: Any, radius: float, color: str) -> None:
    paint = skia.Paint(AntiAlias=True)
    paint.setColor(brushes.color(color))
    if radius > 0:
        target.drawRRect(rounded(box, radius), paint)
    else:
        target.drawRect(box, paint)


_SHARE = 0.1  # Blink's `text-decoration-thickness: auto`, in sizes of the font


def _thickness(size: float) -> float:
    """What is drawn of a decoration: whole px, at least one."""
    return max(1.0, math.floor(size * _SHARE + 1e-6))


def _draw_underline(target: Any, piece: _Piece, fonts: FontSet) -> None:
    """Below the baseline by half of its thickness, with gaps where glyphs cross it (`skip-ink: auto`)."""
    line = piece.style.underline
    if line is None:
        return
    thickness = _thickness(line.size)
    y = _snap(piece.baseline + max(1, math.ceil(max(1.0, line.size * _SHARE) / 2)), piece.top)
    bounds = [y - piece.baseline, y + thickness - piece.baseline]
    crossed = piece.blob.getIntercepts(bounds) if piece.blob is not None else []
    x, end = piece.x, piece.x + piece.width
    for first, last in zip(crossed[::2], crossed[1::2], strict=False):
        if piece.x + first - thickness > x:
            _draw_decoration(target, x, piece.x + first - thickness, y, thickness, line.color)
        x = max(x, piece.x + last + thickness)
    if end > x:
        _draw_decoration(target, x, end, y, thickness, line.color)


def _draw_strike(target: Any, piece: _Piece, fonts: FontSet) -> None:
    """A third of the ascent above the baseline."""
    line, style = piece.style.strikethrough, piece.style
    if line is None:
        return
    thickness = _thickness(line.size)
    ascent = fonts.face(style.family, style.weight, style.italic).metrics(line.size).ascent
    y = _snap(piece.baseline - ascent / 3 - max(1.0, line.size * _SHARE) / 2, piece.top)
    _draw_decoration(target, piece.x, piece.x + piece.width, y, thickness, line.color)


def _draw_decoration(target: Any, left: float, right: float, y: float, height: float, color: str) -> None:
    paint = skia.Paint(AntiAlias=True)
    paint.setColor(brushes.color(color))
    target.drawRect(skia.Rect.MakeLTRB(left, y, right, y + height), paint)


_PARTS = (_draw_span_background, _draw_underline, _draw_stroke, _draw_fill, _draw_strike)
