"""Which style each character of a text has: the element's, changed by its spans in their order."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate, groupby, islice
from typing import Any

from renderers.text.fonts import script_of
from renderers.text.shaping import Decoration, Style
from schemas.elements import Span, TextElement

_COLUMNS = (
    "font_family",
    "font_size",
    "font_weight",
    "font_style",
    "color",
    "line_height",
    "letter_spacing",
    "underline",
    "strikethrough",
    "stroke",
    "background",
    "text_transform",
)


def styled(element: TextElement) -> tuple[str, list[Style]]:
    """The text as shown (transformed, line feeds normalised) and the style of each of its characters.

    Equal styles are one object, which makes comparing them quick.
    """
    text = element.text
    known: dict[tuple[Any, ...], Style] = {}
    shown: list[str] = []
    styles: list[Style] = []
    start = 0
    for values, group in groupby(zip(*_columns(element), strict=True)):
        end = start + sum(1 for _ in group)
        style = known.setdefault(values, _style(values))
        for at, new in enumerate(_transformed(text, start, end, values[11]), start):
            if text[at] == "\r":
                new = "" if text[at + 1 : at + 2] == "\n" else "\n"
            shown.append(new)
            styles += [style] * len(new)
        start = end
    return "".join(shown), styles


def _style(values: tuple[Any, ...]) -> Style:
    family, size, weight, slant, *others, _ = values
    return Style(family, size, weight, slant != "normal", *others)


def _columns(element: TextElement) -> list[list[Any]]:
    """For each property its value at each character: ranges cost little, however many spans there are."""
    count = len(element.text)
    line = Decoration(element.color, element.font_size)
    base = {name: getattr(element, name) for name in _COLUMNS}
    base |= {name: line if base[name] else None for name in ("underline", "strikethrough")}
    base["background"] = None  # the element's own lies behind its box
    columns = {name: [value] * count for name, value in base.items()}
    units = _units(element.text) if element.spans else None
    for span in element.spans:
        start, end = span.start, span.end
        if span.unit == "utf16" and units is not None:
            start, end = bisect_right(units, start) - 1, bisect_left(units, end)
        if start < count:
            _paint(columns, span, start, min(end, count))
    return list(columns.values())


def _units(text: str) -> list[int] | None:
    """Where each character begins, and the end, in UTF-16 code units; None where that is its index.

    A span that begins or ends inside of a character takes all of it.
    """
    if text.isascii() or max(text) < "\U00010000":
        return None
    return [0, *accumulate(2 if character > "\uffff" else 1 for character in text)]


def _paint(columns: dict[str, list[Any]], span: Span, start: int, end: int) -> None:
    """Set what a span says. A line that it asks for has the colour and size of its own beginning."""
    for name, column in columns.items():
        value = getattr(span, name)
        if value is None:
            continue
        if name in ("underline", "strikethrough"):
            own = Decoration(columns["color"][start], columns["font_size"][start])
            value = own if value else None
        column[start:end] = [value] * (end - start)


def _transformed(text: str, start: int, end: int, transform: str) -> Iterable[str]:
    """What is shown of each of the characters start … end: none, one or more."""
    part = text[start:end]
    if transform == "uppercase":
        return [character.upper() for character in part]
    if transform == "lowercase":
        lowered = iter(part.lower())  # of the whole, for the sigma that ends a word
        return ["".join(islice(lowered, len(character.lower()))) for character in part]
    if transform == "capitalize":
        return [_title(text, at) if _begins_word(text, at) else text[at] for at in range(start, end)]
    return part


def _title(text: str, at: int) -> str:
    """One character for one, as in browsers: neither ß nor the ligature of f and i becomes two."""
    title = text[at].title()
    return title if len(title) == 1 else text[at]


_APOSTROPHES = frozenset("'’‘·‧")
_UNSPACED = frozenset(("Hani", "Hira", "Kana", "Thai", "Laoo", "Khmr", "Mymr"))


def _begins_word(text: str, at: int) -> bool:
    """Whether a letter is the first of its word (UAX #29, 4.1): apostrophes may stand inside of one."""
    if not text[at].isalpha():
        return False
    before = at - 1
    while before >= 0 and text[before] != "\u200b" and unicodedata.category(text[before]) == "Cf":
        before -= 1
    if before > 0 and text[before] in _APOSTROPHES and text[before - 1].isalpha():
        before -= 1
    if before < 0:
        return True
    character = text[before]
    if character.isalnum():
        return not character.isascii() and script_of(character) in _UNSPACED
    return character != "_" and unicodedata.category(character)[0] != "M"
