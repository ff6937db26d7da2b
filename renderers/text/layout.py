"""Lines of text as Blink lays them out: where they break, how high they are, where their baselines are.

Follows CSS Text 3 (`white-space: pre-wrap`, `overflow-wrap: anywhere`) and CSS 2.1, 10.8 for the height
of lines; a line's height comes from the fonts that were asked for, never from those fallen back to.
Lengths are px of the document; x and y are measured from the element's corner.
"""

from __future__ import annotations

import math
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from renderers.text import bidi
from renderers.text.fonts import FontSet
from renderers.text.linebreak import opportunities
from renderers.text.shaping import (
    Glyphs,
    Item,
    Style,
    advances_by_character,
    itemize,
    opens,
    shape,
    trimmed,
)
from renderers.text.styling import styled
from renderers.text.thai import split_words
from schemas.elements import TextElement

_UNIT = 64  # Blink's LayoutUnit: lengths are whole 64ths of a px
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


class _Broken(NamedTuple):
    """Characters of a paragraph that stand on one line."""

    paragraph: _Paragraph
    start: int
    end: int
    is_last: bool
    ellipsis: bool = False


class _Paragraph:
    """One paragraph, shaped once; lines take their parts of it."""

    def __init__(self, text: str, styles: Sequence[Style], offset: int, rtl: bool, fonts: FontSet) -> None:
        self.text = text
        self.styles = styles
        self.offset = offset
        self.rtl = rtl
        self.fonts = fonts
        self.levels = bidi.levels(text, rtl=rtl)
        self.items = itemize(text, styles, self.levels, fonts)
        self.starts = [item.start for item in self.items]
        self.shaped = [shape(text, item) for item in self.items]
        self.widths, self.begins = advances_by_character(len(text), self.shaped)
        self._opening = {at for at in trimmed(text, 0, len(text), (0, len(text))) if opens(text[at])}

    def lines(self, width: float) -> list[_Broken]:
        """Greedy: each line takes all that fits, spaces at its end hang."""
        text, count = self.text, len(self.text)
        limit = width + 1 / _UNIT
        if not count:
            return [_Broken(self, 0, 0, True)]
        if "\t" not in text and sum(self.widths) <= limit:
            return [_Broken(self, 0, count, True)]
        places = [*opportunities(text, split_words), count]
        lines, start, at = [], 0, 0
        while start < count:
            end, used, spaces = start, 0.0, 0.0
            while at < len(places):
                place = places[at]
                for index in range(max(end, start), place):
                    advance = self._advance(index, used, start)
                    used += advance
                    if text[index] in " \t":
                        spaces += advance
                    else:
                        spaces = 0.0
                        if used > limit:
                            break
                if used - spaces > limit:
                    break
                end, at = place, at + 1
            if end == start:
                end = self._anywhere(start, places[at], limit)
            lines.append(_Broken(self, start, end, end == count))
            start = end
            while at < len(places) and places[at] <= start:
                at += 1
        return lines

    def _advance(self, index: int, used: float, start: int) -> float:
        if index == start and index in self._opening:
            # Where a line begins with it, it has the half that it lost to the punctuation before.
            return self.widths[index] + self.styles[index].size / 2
        if self.text[index] != "\t":
            return self.widths[index]
        return self.tab(index, used)

    def tab(self, index: int, used: float) -> float:
        """The width of a tab after `used` px: to the next multiple of eight spaces (CSS Text 3,
        `tab-size`).
        """
        style = self.styles[index]
        face = self.fonts.face(style.family, style.weight, style.italic)
        space = (
            face.hb_font.get_glyph_h_advance(face.hb_font.get_nominal_glyph(32) or 0)
            * style.size
            / face.units
        )
        stop = _TAB_STOPS * (space + style.letter_spacing)
        return stop - used % stop if stop > 0 else 0.0

    def _anywhere(self, start: int, end: int, limit: float) -> int:
        """As many clusters of a word that is too long as fit, at least one."""
        used, place = 0.0, start
        for index in range(start, end):
            if self.begins[index] and index > start and not _sticks(self.text, index):
                place = index
            used += self.widths[index]
            if used > limit and place > start:
                return place
            if used > limit:
                break
        for index in range(start + 1, end):
            if self.begins[index] and not _sticks(self.text, index):
                return index
        return end


def _sticks(text: str, at: int) -> bool:
    """Whether no grapheme begins here, though HarfBuzz gave it a glyph of its own."""
    return unicodedata.category(text[at]) in ("Mn", "Me") or text[at] == "\u200d" or text[at - 1] == "\u200d"


def lay_out(element: TextElement, fonts: FontSet) -> Layout:
    """The lines of a text element in its box, `shrink` and `ellipsis` obeyed."""
    text, styles = styled(element)
    if not styles:
        return Layout((), element.width, 0.0)
    if element.overflow == "shrink":
        return _shrunk(element, text, styles, fonts)
    layout = _lay_out(element, text, styles, fonts, 1.0)
    if element.overflow == "ellipsis" and layout.height > element.height + 1 / _UNIT:
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
    return layout.height <= element.height + 1 / _UNIT and not layout.is_cut


def _lay_out(
    element: TextElement, text: str, styles: list[Style], fonts: FontSet, scale: float, *, cut: bool = False
) -> Layout:
    if scale != 1.0:
        known = {style: style.scaled(scale) for style in set(styles)}
        styles = [known[style] for style in styles]
    rtl = element.direction == "rtl" or (element.direction == "auto" and bidi.first_strong(text) == "rtl")
    broken, split_word = _break(element, text, styles, fonts, rtl)
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
    element: TextElement, text: str, styles: list[Style], fonts: FontSet, rtl: bool
) -> tuple[list[_Broken], bool]:
    """All lines, and whether one of them ends inside a word."""
    lines: list[_Broken] = []
    offset, split = 0, False
    for part in text.split("\n"):
        # An empty line is as high as the style at its line feed.
        paragraph = _Paragraph(
            part, styles[offset : offset + max(1, len(part))] or styles[-1:], offset, rtl, fonts
        )
        broken = paragraph.lines(element.width)
        if len(broken) > 1 and element.overflow == "shrink":
            places = frozenset(opportunities(part, split_words))
            split = split or any(line.end not in places for line in broken[:-1])
        elif element.overflow == "shrink":
            split = split or (sum(paragraph.widths) > element.width + 1 and len(part) == 1)
        lines += broken
        offset += len(part) + 1
    return lines, split


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


def _line_box(line: _Broken, strut: tuple[float, float], fonts: FontSet) -> tuple[float, float]:
    above, below = strut
    styles = line.paragraph.styles[line.start : line.end] or line.paragraph.styles[:1]
    for style in dict.fromkeys(styles):
        box = _inline_box(style.family, style.size, style.weight, style.italic, style.line_height, fonts)
        above, below = max(above, box[0]), max(below, box[1])
    return above, below


def _cut(
    element: TextElement, broken: list[_Broken], heights: list[tuple[float, float]]
) -> tuple[list[_Broken], list[tuple[float, float]]]:
    """The lines that fit the box, at least one; the last of them ends in an ellipsis."""
    used, count = 0.0, 0
    for above, below in heights:
        used += above + below
        if used > element.height + 1 / _UNIT and count:
            break
        count += 1
    if count == len(broken):
        return broken, heights
    kept = broken[:count]
    kept[-1] = kept[-1]._replace(ellipsis=True)
    return kept, heights[:count]


def _place(line: _Broken, element: TextElement, rtl: bool, top: float, above: float, below: float) -> Line:
    runs, content, hanging = _visual(line, element.width)
    x = _start(line, element, rtl, content)
    if element.align == "justify" and not line.is_last and not line.ellipsis and content < element.width:
        before = sum(run.width for run in runs)
        runs = _justified(runs, line, element.width - content)
        grown = sum(run.width for run in runs) - before
        x, content = (x - grown if rtl else x), content + grown
    at, placed = x - (hanging if rtl else 0.0), []
    for glyphs in runs:
        placed.append(Run(at, glyphs))
        at += glyphs.width
    offset = line.paragraph.offset
    return Line(
        tuple(placed), offset + line.start, offset + line.end, top, above + below, top + above, content, x
    )


def _start(line: _Broken, element: TextElement, rtl: bool, content: float) -> float:
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


def _visual(line: _Broken, width: float) -> tuple[list[Glyphs], float, float]:
    """A line's glyphs from left to right, the width of its content and of the spaces that hang."""
    paragraph, start, end = line.paragraph, line.start, line.end
    visible = end
    while visible > start and paragraph.text[visible - 1] in " \t":
        visible -= 1
    if line.ellipsis:
        return (*_with_ellipsis(line, visible, width), 0.0)
    runs = _slices(paragraph, start, visible)
    trailing = _slices(paragraph, visible, end, level=int(paragraph.rtl))
    ordered = [runs[index] for index in bidi.reorder([run.item.level for run in runs])]
    content, spaces = sum(run.width for run in ordered), sum(run.width for run in trailing)
    hanging = spaces
    if line.is_last:  # conditionally hanging: only what does not fit
        hanging = max(0.0, content + spaces - max(width, content))
        content += spaces - hanging
    ordered = [*trailing, *ordered] if paragraph.rtl else [*ordered, *trailing]
    return ordered, content, hanging


def _slices(paragraph: _Paragraph, start: int, end: int, level: int | None = None) -> list[Glyphs]:
    """The glyphs of characters start … end, reshaped where an item is cut."""
    found: list[Glyphs] = []
    used = 0.0
    if start >= end:
        return found
    at = bisect_right(paragraph.starts, start) - 1
    while at < len(paragraph.items) and paragraph.starts[at] < end:
        item, whole = paragraph.items[at], paragraph.shaped[at]
        at += 1
        first, last = max(item.start, start), min(item.end, end)
        if level is not None and item.level != level:
            item = item._replace(level=level)
            whole = shape(paragraph.text, item)
        glyphs = whole
        if (first, last) != (item.start, item.end) or _trims_otherwise(
            paragraph.text, first, last, (start, end)
        ):
            glyphs = shape(paragraph.text, item, first, last, (start, end))
        if "\t" in paragraph.text[first:last]:
            glyphs = _tabbed(paragraph, glyphs, used)
        used += glyphs.width
        found.append(glyphs)
    return found


def _trims_otherwise(text: str, first: int, last: int, line: tuple[int, int]) -> bool:
    """Whether a line's own ends change which punctuation loses its empty half."""
    if text.isascii():
        return False
    return trimmed(text, first, last, line) != trimmed(text, first, last, (0, len(text)))


def _tabbed(paragraph: _Paragraph, glyphs: Glyphs, used: float) -> Glyphs:
    """Tabs as gaps up to the next stop, without a glyph of their own."""
    ids, advances, at = list(glyphs.ids), list(glyphs.advances), used
    for index, cluster in enumerate(glyphs.clusters):
        if paragraph.text[cluster] == "\t":
            advances[index] = paragraph.tab(cluster, at)
            ids[index] = glyphs.item.face.hb_font.get_nominal_glyph(32) or 0
        at += advances[index]
    return glyphs._replace(ids=ids, advances=advances, width=sum(advances))


def _justified(runs: list[Glyphs], line: _Broken, free: float) -> list[Glyphs]:
    """Share the free width among the spaces inside the line, and after its emoji (CSS Text 3,
    `text-justify: auto`).
    """
    text = line.paragraph.text
    visible = line.end
    while visible > line.start and text[visible - 1] in " \t":
        visible -= 1
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


def _with_ellipsis(line: _Broken, visible: int, width: float) -> tuple[list[Glyphs], float]:
    """The beginning of a line and `…` after it, together no wider than the box."""
    paragraph = line.paragraph
    style = paragraph.styles[min(max(visible - 1, line.start), len(paragraph.styles) - 1)]
    face = paragraph.fonts.face(style.family, style.weight, style.italic)
    if not face.has(0x2026):
        face = paragraph.fonts.fallback("…", "Latn", style.weight, style.italic) or face
    dots = shape("…", Item(0, 1, face, style, int(paragraph.rtl), "Latn"))
    end = visible
    while True:
        runs = _slices(paragraph, line.start, end)
        content = sum(run.width for run in runs) + dots.width
        if content <= width + 1 / _UNIT or end <= line.start:
            break
        end -= 1
        while end > line.start and not paragraph.begins[end]:
            end -= 1
    ordered = [runs[index] for index in bidi.reorder([run.item.level for run in runs])]
    return ([dots, *ordered] if paragraph.rtl else [*ordered, dots]), content


def _floor(length: float) -> float:
    """To a LayoutUnit."""
    return math.floor(length * _UNIT) / _UNIT
