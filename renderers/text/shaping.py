"""From characters to positioned glyphs: which font, script and direction each stretch has, then HarfBuzz.

Widths are px of the document, exact (no hinting, no rounding), so that text breaks the same way at any
output size.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

from renderers.text.fonts import Face, FontSet, han_region, is_emoji, is_invisible, script_of
from schemas.paint import TextBackground, TextStroke


class Decoration(NamedTuple):
    """A line under or through text: colour and size are those of the text that asked for it (CSS Text
    Decoration 3).
    """

    color: str
    size: float


class Style(NamedTuple):
    """All that decides how a character looks, resolved: lengths in px."""

    family: str
    size: float
    weight: int
    italic: bool
    color: str
    line_height: float
    letter_spacing: float
    underline: Decoration | None
    strikethrough: Decoration | None
    stroke: TextStroke | None
    background: TextBackground | None

    @property
    def font(self) -> tuple[object, ...]:
        """What glyphs and their places depend on: text is shaped across all else (CSS Text 3, 7.3)."""
        padding = self.background.padding if self.background else 0.0
        return self.family, self.size, self.weight, self.italic, self.letter_spacing, padding

    def scaled(self, factor: float) -> Style:
        """The same at another size, as `shrink` wants it."""
        lines = (self.underline, self.strikethrough)
        under, through = (line and line._replace(size=line.size * factor) for line in lines)
        spacing = self.letter_spacing * factor
        return self._replace(
            size=self.size * factor, letter_spacing=spacing, underline=under, strikethrough=through
        )


class Item(NamedTuple):
    """Characters start … end of a paragraph that one font draws in one direction.

    style is that of the first of them; mixed: others look otherwise.
    """

    start: int
    end: int
    face: Face
    style: Style
    level: int
    script: str
    mixed: bool = False


class Glyphs(NamedTuple):
    """A shaped item in visual order: glyph ids, their first characters, advances and offsets in px."""

    item: Item
    ids: list[int]
    clusters: list[int]
    advances: list[float]
    offsets: list[tuple[float, float]] | None
    width: float


def itemize(text: str, styles: Sequence[Style], levels: Sequence[int], fonts: FontSet) -> list[Item]:
    """Cut a paragraph where font, size, level or script change, but not where only its looks do.

    text without line feeds; styles and levels: one for each character.
    """
    if not text:
        return []
    scripts = _scripts(text)
    faces = _faces(text, styles, scripts, fonts)
    if not text.isascii():
        _keep_marks(text, styles, scripts, faces, fonts)
    items, start, mixed = [], 0, False
    for at in range(1, len(text) + 1):
        if (
            at < len(text)
            and faces[at] is faces[start]
            and levels[at] == levels[start]
            and scripts[at] == scripts[start]
        ):
            if styles[at] is styles[at - 1] or styles[at] == styles[at - 1]:
                continue
            if styles[at].font == styles[start].font:
                mixed = True
                continue
        face = faces[start].sized(styles[start].size)
        items.append(Item(start, at, face, styles[start], levels[start], scripts[start], mixed))
        start, mixed = at, False
    return items


def _scripts(text: str) -> list[str]:
    """The script of each character; what is common to all takes that of its neighbours (UAX #24, 5.1)."""
    if text.isascii():
        return ["Latn"] * len(text)
    found = [script_of(character) for character in text]
    following = next((script for script in found if script not in _COMMON), "Latn")
    previous = following
    for at, script in enumerate(found):
        if script in _COMMON:
            found[at] = previous
        else:
            previous = script
    return found


_COMMON = frozenset(("Zyyy", "Zinh", "Zzzz"))


def _faces(text: str, styles: Sequence[Style], scripts: Sequence[str], fonts: FontSet) -> list[Face]:
    region = "" if text.isascii() else han_region(text)
    found: list[Face] = []
    for at, character in enumerate(text):
        style = styles[at]
        primary = fonts.face(style.family, style.weight, style.italic)
        if at and _continues(text, at):
            found.append(found[-1])
            continue
        if at and text[at - 1] == "\u200d" and found[-1] is fonts.emoji_face(style.italic):
            found.append(found[-1])  # a sign that an emoji is joined with
            continue
        following = text[at + 1] if at + 1 < len(text) else ""
        if _shown_as_emoji(character, following):
            emoji = fonts.emoji_face(style.italic)
            if emoji.has(ord(character)):
                found.append(emoji)
                continue
        if is_invisible(character) or unicodedata.category(character) == "Cc":
            found.append(primary)
            continue
        if (listed := fonts.listed(character, style.family, style.weight, style.italic)) is not None:
            found.append(listed)
            continue
        script = f"Hani-{region}" if region and scripts[at] == "Hani" else scripts[at]
        if (
            scripts[at] in ("Hani", "Hira", "Kana", "Hang", "Bopo")
            or unicodedata.category(character)[0] != "L"
        ):
            script = f"{scripts[at]}-{region}" if region else script
        if found and not character.isalnum() and found[-1].has(ord(character)):
            found.append(found[-1])  # punctuation stays with the text it follows
            continue
        found.append(fonts.fallback(character, script, style.weight, style.italic) or primary)
    return found


def _keep_marks(
    text: str, styles: Sequence[Style], scripts: Sequence[str], faces: list[Face], fonts: FontSet
) -> None:
    """Where a font lacks a mark and what the mark makes with its letter, take both from one that has both
    (CSS Fonts 4, 5.3).
    """
    at = 0
    while at < len(text):
        end = at + 1
        while end < len(text) and unicodedata.category(text[end])[0] == "M":
            end += 1
        if end > at + 1 and not _draws(faces[at], text[at:end]):
            style = styles[at]
            wanted = (
                fonts.fallback(mark, scripts[at], style.weight, style.italic) for mark in text[at + 1 : end]
            )
            for face in filter(None, wanted):
                if _draws(face, text[at:end]):
                    faces[at:end] = [face] * (end - at)
                    break
        at = end


def _draws(face: Face, cluster: str) -> bool:
    """Whether a font has all of a letter and its marks, as they are or composed."""
    if all(face.has(ord(character)) or is_invisible(character) for character in cluster):
        return True
    composed = unicodedata.normalize("NFC", cluster)
    return composed != cluster and all(face.has(ord(character)) for character in composed)


def _continues(text: str, at: int) -> bool:
    """Whether the character belongs to the one before: marks, joiners, selectors, skin tones."""
    character = text[at]
    if character.isascii():
        return False
    return (
        character in "\u200d\ufe0e\ufe0f"
        or unicodedata.category(character) in ("Mn", "Me", "Mc")
        or 0x1F3FB <= ord(character) <= 0x1F3FF
        or 0xE0020 <= ord(character) <= 0xE007F
    )


def _shown_as_emoji(character: str, following: str) -> bool:
    if following == "\ufe0f" and character < "\u00a9" and character not in "#*0123456789":
        return False  # a stray selector
    if following == "\ufe0f" or "\U0001f3fb" <= following <= "\U0001f3ff":
        return True
    if following == "\u20e3":
        return False
    return following != "\ufe0e" and is_emoji(character)


_OPENING = frozenset("（［｛〈《「『【〔〖〘〝“‘｟")
_BRACKETS = frozenset("）］｝〉》」』】〕〗〙〟”’｠")
_DOTS = frozenset("、。，．")
_COLONS = frozenset("：；")
_CLOSING = _BRACKETS | _DOTS
_MIDDLE = frozenset("・：；　")
_FULL = _OPENING | _CLOSING | _MIDDLE


def opens(character: str) -> bool:
    """Whether it is full-width punctuation whose empty half is its first."""
    return character in _OPENING and character >= "\u3000"


def _is_full(character: str) -> bool:
    return character in _FULL and character >= "\u3000"


def _category(character: str) -> str:
    """The general category; none for guillemets, which trim nothing."""
    return unicodedata.category(character) if character and character not in "«»‹›" else ""


def closes(character: str) -> bool:
    """Whether it is a bracket or quotation mark whose empty half, if it is full-width, is its last."""
    return character in _BRACKETS


def trimmed(text: str, start: int, end: int, line: tuple[int, int]) -> list[int]:
    """Of start … end the full-width punctuation that loses its empty half beside other punctuation of
    its line.

    line: where the line begins and ends (CSS Text 4, `text-spacing-trim`).
    """
    if text.isascii():
        return []
    found = []
    for at in range(start, end):
        character = text[at]
        before = text[at - 1] if at > line[0] else ""
        after = text[at + 1] if at + 1 < line[1] else ""
        if character < "\u3000":
            continue  # quotation marks that are narrow in other text
        opening = opens(character) and (
            _is_full(before) or _category(before) in ("Ps", "Pi") or before in ("”", "’", "·")
        )
        closing = character in _CLOSING | _COLONS and (
            (after in _CLOSING | _MIDDLE and after >= "\u3000" and character not in _COLONS)
            or ((_category(after) in ("Pe", "Pf") or after == "·") and not _is_full(after))
        )
        if opening or closing:
            found.append(at)
    return found


_UNSEEN = dict.fromkeys((*range(9), *range(11, 32), *range(0x7F, 0xA0)), "\u200b")
_SEPARATORS = dict.fromkeys((0x2028, 0x2029), " ")


def shown(text: str) -> str:
    """The text as fonts are asked for it: controls draw nothing, separators of lines are spaces."""
    return text if text.isprintable() else text.translate(_UNSEEN | _SEPARATORS)


_JOINED = frozenset(("Arab", "Mand", "Mong", "Nkoo", "Phag", "Rohg", "Syrc"))
"""Scripts whose letters join, which letter spacing would tear apart (CSS Text 3, 8.2.1)."""
_CONTEXT = 5  # characters around an item that HarfBuzz looks at


def shape(
    text: str,
    item: Item,
    start: int | None = None,
    end: int | None = None,
    halved: Sequence[int] = (),
) -> Glyphs:
    """Shape an item, or its characters start … end, in the context of the whole paragraph.

    text: as `shown` gives it. halved: characters of the paragraph that lose their empty half.
    """
    import uharfbuzz

    first = item.start if start is None else start
    last = item.end if end is None else end
    begin = max(0, first - _CONTEXT)
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text[begin : last + _CONTEXT], item_offset=first - begin, item_length=last - first)
    buffer.direction = "rtl" if item.level % 2 else "ltr"
    buffer.script = item.script
    buffer.cluster_level = uharfbuzz.BufferClusterLevel.MONOTONE_GRAPHEMES
    spacing = item.style.letter_spacing
    features: dict[str, Any] = {"liga": False, "clig": False} if spacing else {}
    if item.script == "Hang":
        features["calt"] = False  # as Blink; Noto Sans CJK has a wider space there
    if item.face.family.endswith((" TC", " HK")):  # whose dots stand in the middle of their squares
        halved = [place for place in halved if text[place] not in _DOTS | _COLONS]
    if places := [place - begin for place in halved if first <= place < last]:
        features["halt"] = [(place, place + 1, True) for place in places]
    uharfbuzz.shape(item.face.hb_font, buffer, features)
    infos, positions = buffer.glyph_infos, buffer.glyph_positions
    scale = item.style.size / item.face.units
    ids = [info.codepoint for info in infos]
    clusters = [info.cluster + begin for info in infos]
    advances = [position.x_advance * scale for position in positions]
    if item.face.has_sized_pictures:
        # A picture is as wide as it is drawn, which is not quite what the table `hmtx` says.
        font = item.face.at(item.style.size, ids, pictures=not item.face.is_emoji)
        for at, (glyph, width) in enumerate(zip(ids, font.getWidths(ids), strict=True)):
            if advances[at] and (item.face.is_emoji or item.face.is_picture(glyph)):
                advances[at] = width
    offsets = None
    if any(position.x_offset or position.y_offset for position in positions):
        offsets = [(position.x_offset * scale, -position.y_offset * scale) for position in positions]
    if spacing:
        _space(text, item.script, clusters, advances, spacing)
    return Glyphs(item, ids, clusters, advances, offsets, sum(advances))


def _space(text: str, script: str, clusters: list[int], advances: list[float], spacing: float) -> None:
    """Letter spacing after each cluster, on its last glyph; of scripts that join, after spaces only."""
    for at, cluster in enumerate(clusters):
        if at + 1 == len(clusters) or clusters[at + 1] != cluster:
            character = text[cluster]
            if character in " \u00a0" or not (script in _JOINED or is_invisible(character)):
                advances[at] += spacing


def advances_by_character(length: int, runs: Sequence[Glyphs]) -> tuple[list[float], list[bool]]:
    """Of a paragraph's characters: the width that begins there, and whether a cluster does."""
    widths, begins = [0.0] * length, [False] * length
    for run in runs:
        for cluster, advance in zip(run.clusters, run.advances, strict=True):
            widths[cluster] += advance
            begins[cluster] = True
    return widths, begins
