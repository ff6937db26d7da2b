"""Lines of text as Blink lays them out: where they break, how high they are, where their baselines are.

Follows CSS Text 3 and CSS 2.1, 10.8 for the height of lines; a line's height comes from the fonts that were
asked for, never from those fallen back to.
Lengths are px of the document; x and y are measured from the element's corner.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from renderers.text import bidi
from renderers.text.fonts import FontSet
from renderers.text.paragraph import UNIT, Broken, Paragraph
from renderers.text.shaping import Glyphs, Item, Style, shape
from renderers.text.styling import styled
from schemas.elements import TextElement

_TAB_STOPS = 8


class Run(NamedTuple):
    """Shaped characters at `x` on their line."""

    x: float
    glyphs: Glyphs


class Line(NamedTuple):
    """A line: its runs from left to right, and where it is; x and width are those of its content.

    Spaces that hang at its end are in the runs, beyond the content.
    """

    runs: tuple[Run, ...]
    start: int
    end: int
    top: float
    height: float
    baseline: float
    width: float
    x: float


class Layout(NamedTuple):
    """All lines of an element; `height` of all together, `scale` what `shrink` came to."""

    lines: tuple[Line, ...]
    width: float
    height: float
    scale: float = 1.0
    is_cut: bool = False


def lay_out(element: TextElement, fonts: FontSet) -> Layout:
    """The lines of a text element in its box, `shrink` and `ellipsis` obeyed."""
    text, styles = styled(element)
    if not styles:
        return Layout((), element.width, 0.0)
    if element.overflow == "shrink":
        return _shrunk(element, text, styles, fonts)
    layout = _lay_out(element, text, styles, fonts, 1.0)
    if element.overflow == "ellipsis" and layout.height > element.height + 1 / UNIT:
        return _lay_out(element, text, styles, fonts, 1.0, cut=True)
    return layout


def _shrunk(element: TextElement, text: str, styles: list[Style], fonts: FontSet) -> Layout:
    """The largest size in steps of a quarter px at which all fits and no word is broken."""
    layout = _lay_out(element, text, styles, fonts, 1.0)
    if _fits(layout, element):
        return layout
    size = element.font_size
    low, high = 0, max(1, math.ceil(size * 4) - 1)
    best = _lay_out(element, text, styles, fonts, max(low, 1) / 4 / size)
    while low < high:
        middle = (low + high + 1) // 2
        tried = _lay_out(element, text, styles, fonts, middle / 4 / size)
        if _fits(tried, element):
            low, best = middle, tried
        else:
            high = middle - 1
    return best


def _fits(layout: Layout, element: TextElement) -> bool:
    return layout.height <= element.height + 1 / UNIT and not layout.is_cut


def _lay_out(
    element: TextElement, text: str, styles: list[Style], fonts: FontSet, scale: float, *, cut: bool = False
) -> Layout:
    if scale != 1.0:
        known = {style: style.scaled(scale) for style in set(styles)}
        styles = [known[style] for style in styles]
    rtl = element.direction == "rtl" or (element.direction == "auto" and bidi.first_strong(text) == "rtl")
    broken, split_word = _break(element, text, styles, fonts, rtl, scale)
    strut = _strut(element, fonts, scale)
    heights = [_line_box(line, strut, fonts) for line in broken]
    if cut:
        broken, heights = _cut(element, broken, heights)
    total = sum(above + below for above, below in heights)
    top = _floor(
        (element.height - total) * {"top": 0.0, "middle": 0.5, "bottom": 1.0}[element.vertical_align]
    )
    lines = []
    for line, (above, below) in zip(broken, heights, strict=True):
        lines.append(_place(line, element, rtl, top, above, below))
        top += above + below
    return Layout(tuple(lines), element.width, total, scale, split_word)


def _break(
    element: TextElement, text: str, styles: list[Style], fonts: FontSet, rtl: bool, scale: float
) -> tuple[list[Broken], bool]:
    """All lines, and whether one of them ends inside a word."""
    lines: list[Broken] = []
    offset, split = 0, False
    tab = _tab(element, fonts, scale)
    parts = text.split("\n")
    if len(parts) > 1 and not parts[-1]:
        parts.pop()  # nothing would stand on a line after the last line feed
    for part in parts:
        # An empty line is as high as the style at its line feed.
        shown = styles[offset : offset + max(1, len(part))] or styles[-1:]
        paragraph = Paragraph(part, shown, offset, rtl, fonts, tab)
        broken = paragraph.lines(element.width)
        split = split or any(line.forced for line in broken)
        if element.overflow == "shrink" and len(part) == 1:
            split = split or sum(paragraph.widths) > element.width + 1
        lines += broken
        offset += len(part) + 1
    return lines, split


def _tab(element: TextElement, fonts: FontSet, scale: float) -> float:
    """From one tab stop to the next: eight spaces of the element's own font (CSS Text 3, `tab-size`)."""
    face = fonts.face(element.font_family, element.font_weight, element.font_style != "normal")
    face = face.sized(element.font_size * scale)
    space: float = face.hb_font.get_glyph_h_advance(face.hb_font.get_nominal_glyph(32) or 0) / face.units
    return _TAB_STOPS * (space * element.font_size + element.letter_spacing) * scale


def _strut(element: TextElement, fonts: FontSet, scale: float) -> tuple[float, float]:
    return _inline_box(
        element.font_family,
        element.font_size * scale,
        element.font_weight,
        element.font_style != "normal",
        element.line_height,
        fonts,
    )


def _inline_box(
    family: str, size: float, weight: int, italic: bool, line_height: float, fonts: FontSet
) -> tuple[float, float]:
    """How far an inline box reaches above and below the baseline (Blink's CalculateLeadingSpace)."""
    metrics = fonts.face(family, weight, italic).metrics(size)
    height = _floor(size * line_height)
    leading = math.floor((height - metrics.ascent - metrics.descent) / 2)
    above = float(metrics.ascent + leading)
    return above, height - above


def _line_box(line: Broken, strut: tuple[float, float], fonts: FontSet) -> tuple[float, float]:
    above, below = strut
    styles = line.paragraph.styles[line.start : line.end] or line.paragraph.styles[:1]
    for style in dict.fromkeys(styles):
        box = _inline_box(style.family, style.size, style.weight, style.italic, style.line_height, fonts)
        above, below = max(above, box[0]), max(below, box[1])
    return above, below


def _cut(
    element: TextElement, broken: list[Broken], heights: list[tuple[float, float]]
) -> tuple[list[Broken], list[tuple[float, float]]]:
    """The lines that fit the box, at least one; the last of them ends in an ellipsis."""
    used, count = 0.0, 0
    for above, below in heights:
        used += above + below
        if used > element.height + 1 / UNIT and count:
            break
        count += 1
    if count == len(broken):
        return broken, heights
    kept = broken[:count]
    kept[-1] = kept[-1]._replace(ellipsis=True)
    return kept, heights[:count]


def _place(line: Broken, element: TextElement, rtl: bool, top: float, above: float, below: float) -> Line:
    runs, content, hanging = _visual(line, element.width)
    styles = line.paragraph.styles
    x = _start(line, element, rtl, content + _placed(runs, styles, 0.0)[1] - sum(run.width for run in runs))
    if element.align == "justify" and not line.is_last and not line.ellipsis and content < element.width:
        before = sum(run.width for run in runs)
        runs = _justified(runs, line, element.width - content)
        grown = sum(run.width for run in runs) - before
        x, content = (x - grown if rtl else x), content + grown
    placed, _ = _placed(runs, styles, x - (hanging if rtl else 0.0))
    offset = line.paragraph.offset
    return Line(placed, offset + line.start, offset + line.end, top, above + below, top + above, content, x)


def _placed(runs: list[Glyphs], styles: Sequence[Style], x: float) -> tuple[tuple[Run, ...], float]:
    """Runs from `x` on, and where they end: where look or direction change, the next begins at a whole
    LayoutUnit.
    """
    placed: list[Run] = []
    begin, width = x, 0.0
    for piece in (piece for glyphs in runs for piece in _painted(glyphs, styles)):
        if placed:
            before, after = placed[-1].glyphs.item, piece.item
            if before.style != after.style or before.level != after.level:
                begin, width = begin + math.ceil(width * UNIT - 1e-6) / UNIT, 0.0
        placed.append(Run(begin + width, piece))
        width += piece.width
    return tuple(placed), begin + width


def _painted(glyphs: Glyphs, styles: Sequence[Style]) -> Iterator[Glyphs]:
    """A run cut where it looks otherwise: a glyph has the style of its cluster's first character."""
    if not glyphs.item.mixed:
        yield glyphs
        return
    looks = [styles[cluster] for cluster in glyphs.clusters]
    first = 0
    for last in range(1, len(looks) + 1):
        if last < len(looks) and (looks[last] is looks[first] or looks[last] == looks[first]):
            continue
        advances = glyphs.advances[first:last]
        yield Glyphs(
            glyphs.item._replace(style=looks[first]),
            glyphs.ids[first:last],
            glyphs.clusters[first:last],
            advances,
            glyphs.offsets and glyphs.offsets[first:last],
            sum(advances),
        )
        first = last


def _start(line: Broken, element: TextElement, rtl: bool, content: float) -> float:
    """Where the content of a line begins; hanging spaces are none of it."""
    free = element.width - content
    align = element.align
    if align == "justify":
        align = "start"
    if align in ("start", "end"):
        align = "right" if (align == "start") == rtl else "left"
    if align == "left" or (free < 0 and not rtl):
        return 0.0
    if align == "right" or free < 0:
        return _floor(free)
    return _floor(free / 2)


def _visual(line: Broken, width: float) -> tuple[list[Glyphs], float, float]:
    """A line's glyphs from left to right, the width of its content and of the spaces that hang."""
    paragraph, visible = line.paragraph, line.visible
    if line.ellipsis:
        return (*_with_ellipsis(line, visible, width), 0.0)
    runs = paragraph.slices(line.start, visible, squeezed=line.squeezed)
    if line.hyphenated:
        runs.append(paragraph.hyphen(line.end - 1))
    trailing = paragraph.slices(visible, line.end, level=int(paragraph.rtl))
    ordered = [runs[index] for index in bidi.reorder([run.item.level for run in runs])]
    content, spaces = sum(run.width for run in ordered), sum(run.width for run in trailing)
    hanging = spaces
    if line.is_last:  # conditionally hanging: only what does not fit
        hanging = max(0.0, content + spaces - max(width, content))
        content += spaces - hanging
    ordered = [*trailing, *ordered] if paragraph.rtl else [*ordered, *trailing]
    return ordered, content, hanging


def _justified(runs: list[Glyphs], line: Broken, free: float) -> list[Glyphs]:
    """Share the free width among the spaces inside the line, and after its emoji (CSS Text 3,
    `text-justify: auto`).
    """
    text, visible = line.paragraph.text, line.visible
    places = {at for at in range(line.start, visible) if text[at] in " \u00a0" or _expands(text, at, visible)}
    shown = [cluster for glyphs in runs for cluster in glyphs.clusters if cluster < visible]
    places |= {at for glyphs in runs for at in _pictures(glyphs)} - {max(shown, default=0)}
    if free <= 0 or not places:
        return runs
    share, found = free / len(places), []
    for glyphs in runs:
        advances = [
            advance + (share if cluster in places else 0.0)
            for cluster, advance in zip(glyphs.clusters, glyphs.advances, strict=True)
        ]
        found.append(glyphs._replace(advances=advances, width=sum(advances)))
    return found


def _pictures(glyphs: Glyphs) -> list[int]:
    """The emoji that have a width: joiners that joined nothing have none."""
    pairs = zip(glyphs.clusters, glyphs.advances, strict=True)
    return [cluster for cluster, advance in pairs if advance and glyphs.item.face.is_emoji]


def _expands(text: str, at: int, end: int) -> bool:
    """Between Chinese and Japanese characters there is room too."""
    return at + 1 < end and 0x2E80 <= ord(text[at]) <= 0x9FFF and text[at + 1] != " "


def _with_ellipsis(line: Broken, visible: int, width: float) -> tuple[list[Glyphs], float]:
    """The beginning of a line and `…` after it, together no wider than the box."""
    paragraph = line.paragraph
    style = paragraph.styles[min(max(visible - 1, line.start), len(paragraph.styles) - 1)]
    face = paragraph.fonts.face(style.family, style.weight, style.italic).sized(style.size)
    if not face.has(0x2026):
        face = paragraph.fonts.fallback("…", "Latn", style.weight, style.italic) or face
    dots = shape("…", Item(0, 1, face, style, int(paragraph.rtl), "Latn"))
    dots = dots._replace(clusters=[max(visible - 1, line.start)] * len(dots.ids))
    end = visible
    while True:
        runs = paragraph.slices(line.start, end)
        content = sum(run.width for run in runs) + dots.width
        if content <= width + 1 / UNIT or end <= line.start:
            break
        end -= 1
        while end > line.start and not paragraph.begins[end]:
            end -= 1
    ordered = [runs[index] for index in bidi.reorder([run.item.level for run in runs])]
    return ([dots, *ordered] if paragraph.rtl else [*ordered, dots]), content


def _floor(length: float) -> float:
    """To a LayoutUnit."""
    return math.floor(length * UNIT) / UNIT
