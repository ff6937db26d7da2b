"""One paragraph: shaped once, then broken into lines that each take their part of it.

Follows CSS Text 3 (`white-space: pre-wrap`, `overflow-wrap: anywhere`) as Blink does. Lengths are px of the
document.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from renderers.text import bidi
from renderers.text.fonts import FontSet, script_of
from renderers.text.linebreak import Breaks
from renderers.text.shaping import (
    Glyphs,
    Item,
    Style,
    advances_by_character,
    closes,
    itemize,
    opens,
    shape,
    shown,
    trimmed,
)

UNIT = 64  # Blink's LayoutUnit: lengths are whole 64ths of a px
HANGING = frozenset(" \t\u3000")
"""What stays at the end of its line without counting for its width (CSS Text 3, 4.1.3)."""
_SOFT_HYPHEN = "\u00ad"
_VIRAMA = 9  # the combining class of signs that join the letter before to the one after
_CONJOINED = frozenset(("Deva", "Beng", "Gujr", "Mlym", "Orya", "Telu"))
"""Scripts of which such letters are one cluster (UAX #29, GB9c)."""
_HYPHENS = (0x2010, 0x2D)  # what a word is broken with: the first that the font has


class Broken(NamedTuple):
    """Characters of a paragraph that stand on one line.

    hyphenated: it ends at a soft hyphen, which shows. squeezed: a bracket at its end has lost its empty half.
    forced: it ends where no line may break otherwise.
    """

    paragraph: Paragraph
    start: int
    end: int
    is_last: bool
    hyphenated: bool = False
    squeezed: bool = False
    forced: bool = False
    ellipsis: bool = False

    @property
    def visible(self) -> int:
        """Where the spaces begin that hang at the line's end."""
        end = self.end
        while end > self.start and self.paragraph.text[end - 1] in HANGING:
            end -= 1
        return end


class Paragraph:
    """A paragraph without line feeds, at `offset` of its element's text.

    styles: of each character, at least one. tab: px from one tab stop to the next.
    """

    def __init__(
        self, text: str, styles: Sequence[Style], offset: int, rtl: bool, fonts: FontSet, tab: float
    ) -> None:
        self.text = text
        self.styles = styles
        self.offset = offset
        self.rtl = rtl
        self.fonts = fonts
        self.levels = bidi.levels(text, rtl=rtl)
        self._shown = shown(text)
        self.items = itemize(self._shown, styles, self.levels, fonts)
        self.starts = [item.start for item in self.items]
        halved = trimmed(text, 0, len(text), (0, len(text)))
        self.shaped = [shape(self._shown, item, halved=halved) for item in self.items]
        self.widths, self.begins = advances_by_character(len(text), self.shaped)
        self._tab = tab
        self._breaks = Breaks(text)
        self._trimmed = frozenset(halved)

    def lines(self, width: float) -> list[Broken]:
        """Greedy: each line takes all that fits, spaces at its end hang."""
        count = len(self.text)
        limit = width + 1 / UNIT
        if not count:
            return [Broken(self, 0, 0, True)]
        if "\t" not in self.text and sum(self.widths) <= limit:
            return [Broken(self, 0, count, True)]
        lines = [self._line(0, limit)]
        while lines[-1].end < count:
            lines.append(self._line(lines[-1].end, limit))
        return lines

    def _line(self, start: int, limit: float) -> Broken:
        """The line that begins at `start`."""
        text, count = self.text, len(self.text)
        end, at, used, spaces = start, start, self._lead(start), 0.0
        place, squeezed = count, False
        # No further: in a text without a place to break, each line would look through all that is left.
        for place in chain(self._breaks.after(start, self._reach(start, limit) + 1), (count,)):
            for index in range(at, place):
                advance = self._advance(index, used, start)
                used += advance
                spaces = spaces + advance if text[index] in HANGING else 0.0
                if used - spaces > limit + self._give(index, place):
                    break
            else:
                at = place
                if used - spaces + self._hyphen_width(place) <= limit + self._give(place - 1, place):
                    end, squeezed = place, used - spaces > limit
                continue
            break
        if end > start:
            hyphenated = end < count and text[end - 1] == _SOFT_HYPHEN
            return Broken(self, start, end, end == count, hyphenated, squeezed)
        end = self._anywhere(start, place, limit)
        squeezed = bool(self._give(end - 1, end)) and sum(self.widths[start:end]) > limit
        return Broken(self, start, end, end == count, squeezed=squeezed, forced=end != place)

    def _lead(self, start: int) -> float:
        """How much wider a mark is where a line begins with it: it gets a dotted circle there."""
        end = start
        while start and end < len(self.text) and unicodedata.category(self.text[end])[0] == "M":
            end += 1
        if end == start:
            return 0.0
        return sum(piece.width for piece in self.slices(start, end)) - sum(self.widths[start:end])

    def _reach(self, start: int, limit: float) -> int:
        """The first character that is on no line from `start` on, wherever that breaks."""
        used, spaces = self._lead(start), 0.0
        for index in range(start, len(self.text)):
            advance = self._advance(index, used, start)
            used += advance
            spaces = spaces + advance if self.text[index] in HANGING else 0.0
            give = self.styles[index].size / 2 if closes(self.text[index]) else 0.0
            if used - spaces > limit + give:
                return index
        return len(self.text)

    def _give(self, index: int, end: int) -> float:
        """By how much a line that ends before `end` gets shorter, if that is after this character: the empty
        half of a closing bracket goes where the line is too long else (CSS Text 4, `text-spacing-trim`).
        """
        if index != end - 1 or not closes(self.text[index]):
            return 0.0
        half = self.styles[index].size / 2
        return 0.0 if index in self._trimmed or self.widths[index] < 1.5 * half else half

    def _hyphen_width(self, place: int) -> float:
        if place == len(self.text) or self.text[place - 1] != _SOFT_HYPHEN:
            return 0.0
        return self.hyphen(place - 1).width

    def hyphen(self, index: int) -> Glyphs:
        """The hyphen that the soft one at `index` shows as at the end of a line."""
        item = self.items[bisect_right(self.starts, index) - 1]
        style = self.styles[index]._replace(letter_spacing=0.0)
        face = self.fonts.face(style.family, style.weight, style.italic).sized(style.size)
        text = chr(next(filter(face.has, _HYPHENS), _HYPHENS[-1]))
        glyphs = shape(text, Item(0, 1, face, style, item.level, "Latn"))
        return glyphs._replace(clusters=[index] * len(glyphs.ids))

    def _advance(self, index: int, used: float, start: int) -> float:
        if index == start and index in self._trimmed and opens(self.text[index]):
            # Where a line begins with it, it has the half that it lost to the punctuation before.
            return self.widths[index] + self.styles[index].size / 2
        return self.tab(used) if self.text[index] == "\t" else self.widths[index]

    def tab(self, used: float) -> float:
        """The width of a tab after `used` px: to the next stop (CSS Text 3, `tab-size`), and to the one after
        where that is less than half a space away, as Blink has it.
        """
        if self._tab <= 0:
            return 0.0
        left = self._tab - used % self._tab
        return left + self._tab if left < self._tab / 16 else left

    def _anywhere(self, start: int, end: int, limit: float) -> int:
        """As many clusters of a word that is too long as fit, at least one."""
        used, place = 0.0, start
        for index in range(start, end):
            if index > start and self.may_cut(index):
                place = index
            used += self.widths[index]
            if used > limit + self._give(index, index + 1):
                break
        else:
            place = end
        # Cut, a word is shaped anew, and may be wider than where it is kerned with what comes after.
        while start < place < end and self._is_wider(start, place, limit):
            place = next((index for index in range(place - 1, start, -1) if self.may_cut(index)), start)
        if place == start:
            place = next((index for index in range(start + 1, end) if self.may_cut(index)), end)
        while place < end and self.text[place] in HANGING:
            place += 1
        return place

    def _is_wider(self, start: int, end: int, limit: float) -> bool:
        return sum(piece.width for piece in self.slices(start, end)) > limit + self._give(end - 1, end)

    def may_cut(self, index: int) -> bool:
        """Whether a cluster begins here, of HarfBuzz and for a reader."""
        text = self.text
        return (
            self.begins[index]
            and unicodedata.category(text[index]) not in ("Mn", "Me")
            and "\u200d" not in text[index - 1 : index + 1]
            and not (
                unicodedata.combining(text[index - 1]) == _VIRAMA and script_of(text[index]) in _CONJOINED
            )
        )

    def slices(
        self, start: int, end: int, level: int | None = None, *, squeezed: bool = False
    ) -> list[Glyphs]:
        """The glyphs of characters start … end in logical order, shaped anew where an item is cut.

        level: their embedding, if not their own. squeezed: the last of them without its empty half.
        """
        found: list[Glyphs] = []
        used = 0.0
        halved = trimmed(self.text, start, end, (start, end))
        if squeezed:
            halved.append(end - 1)
        if start >= end:
            return found
        at = bisect_right(self.starts, start) - 1
        while at < len(self.items) and self.starts[at] < end:
            item, glyphs = self.items[at], self.shaped[at]
            at += 1
            first, last = max(item.start, start), min(item.end, end)
            turned = level is not None and item.level != level
            if turned and level is not None:
                item = item._replace(level=level)
            if turned or (first, last) != (item.start, item.end) or self._trims(first, last, halved):
                glyphs = shape(self._shown, item, first, last, halved)
            if "\t" in self.text[first:last]:
                glyphs = self._tabbed(glyphs, used)
            used += glyphs.width
            found.append(glyphs)
        return found

    def _trims(self, first: int, last: int, halved: list[int]) -> bool:
        """Whether a line's own ends change which punctuation loses its empty half."""
        if self.text.isascii():
            return False
        return {at for at in halved if first <= at < last} != {
            at for at in self._trimmed if first <= at < last
        }

    def _tabbed(self, glyphs: Glyphs, used: float) -> Glyphs:
        """Tabs as gaps up to the next stop, without a glyph of their own."""
        ids, advances, at = list(glyphs.ids), list(glyphs.advances), used
        for index, cluster in enumerate(glyphs.clusters):
            if self.text[cluster] == "\t":
                advances[index] = self.tab(at)
                ids[index] = glyphs.item.face.hb_font.get_nominal_glyph(32) or 0
            at += advances[index]
        return glyphs._replace(ids=ids, advances=advances, width=sum(advances))
