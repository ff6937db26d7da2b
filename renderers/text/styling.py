"""Which style each character of a text has: the element's, changed by its spans in their order."""

from __future__ import annotations

from typing import Any

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
    columns = _columns(element)
    known: dict[tuple[Any, ...], Style] = {}
    lowered = element.text.lower()
    lowered = lowered if len(lowered) == len(element.text) else ""  # knows the sigma that ends a word
    shown: list[str] = []
    styles: list[Style] = []
    for at, (character, values) in enumerate(zip(element.text, zip(*columns, strict=True), strict=True)):
        if character == "\r":
            if element.text[at + 1 : at + 2] == "\n":
                continue
            character = "\n"
        style = known.get(values)
        if style is None:
            style = known[values] = _style(values)
        transform = values[11]
        if transform == "none":
            new = character
        elif transform == "lowercase" and lowered:
            new = lowered[at]
        else:
            new = _transformed(character, element.text[at - 1] if at else " ", transform)
        shown.append(new)
        styles += [style] * len(new)
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
    for span in element.spans:
        if span.start < count:
            _paint(columns, span, min(span.end, count))
    return list(columns.values())


def _paint(columns: dict[str, list[Any]], span: Span, end: int) -> None:
    """Set what a span says. A line that it asks for has the colour and size of its own beginning."""
    for name, column in columns.items():
        value = getattr(span, name)
        if value is None:
            continue
        if name in ("underline", "strikethrough"):
            own = Decoration(columns["color"][span.start], columns["font_size"][span.start])
            value = own if value else None
        column[span.start : end] = [value] * (end - span.start)


def _transformed(character: str, before: str, transform: str) -> str:
    if transform == "uppercase":
        return character.upper()
    if transform == "lowercase":
        return character.lower()
    return character if before.isalnum() or before in "'’_" else character.title()
