"""Style sheets and style values of an SVG, as resvg understands them, in time that grows with their length.

Foreign text is read here by scanners that look at each character a bounded number of times: an expression
that may begin anywhere and reach as far as it likes is quadratic, and 80 kB then take seconds.
"""

from __future__ import annotations

import colorsys
import math
import re
from collections.abc import Iterator
from typing import Protocol

from schemas.colors import parse_color
from schemas.errors import InvalidInput

_COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.DOTALL)
_FONT_FACE = re.compile(r"@font-face\s*\{[^{}]*\}", re.IGNORECASE)
_IMPORT = re.compile(r"@import", re.IGNORECASE)
_CONDITION = re.compile(r"@(media|supports)\b(.*)", re.IGNORECASE | re.DOTALL)
_VENDOR = re.compile(r"(?<=[{;])\s*-[\w-]+\s*:[^;{}]*;?")
_PROPERTY = re.compile(r"(?<![\w-])(--[\w-]+)\s*:\s*([^;{}]*)")
_DIRECTION = re.compile(r"direction\s*:\s*rtl")
_URL = re.compile(r"url\([\s'\"]*([^\s'\")]{0,5})", re.IGNORECASE)
_OWN_URL = re.compile(r"url\(\s*(?:['\"]\s*)?(#[^'\"()\s]+)\s*(?:['\"]\s*)?\)", re.IGNORECASE)
_VAR = re.compile(r"var\(\s*(--[\w-]+)\s*([,)])")
_PAREN = re.compile(r"[()]")
_FUNCTION = re.compile(
    r"(?<![\w-])(?:rgb|hsl)a?\([^()]*\)|(?<![\w-])(?:hwb|lab|lch|oklab|oklch)\([^()]*\)", re.IGNORECASE
)
_HSL = re.compile(
    r"hsla?\(\s*([-+]?[\d.]+)(deg|grad|rad|turn|)[\s,]+([\d.]+)%?[\s,]+([\d.]+)%?\s*(?:[,/]\s*([\d.]+)(%)?)?\s*\)",
    re.IGNORECASE,
)
_DASHES = re.compile(r"stroke-dasharray\s*:([^;{}]{0,400})", re.IGNORECASE)
_DASH = re.compile(r"\+?(\d{0,9}\.?\d{1,9}(?:[eE][-+]?\d{1,3})?)(?:px)?")
_MOST_DASHES = 100
_LONGEST_COLOUR = 200
_LONGEST_VALUE = 1 << 20
_ROUNDS = 8


class Known(Protocol):
    """Custom properties by name."""

    def get(self, name: str, default: str, /) -> str:
        """The value of a property, or `default`."""


def cleaned(sheet: str, warnings: set[str]) -> str:
    """A style sheet without what lies outside, without comments, and with the rules that hold on a screen.

    What will not be seen is told to `warnings`. What browsers have for themselves stays until `plain`.
    """
    sheet = _COMMENT.sub("", sheet)
    if _IMPORT.search(sheet):
        warnings.add("style sheets that are imported are left out")
        sheet = _without_imports(sheet)
    if _FONT_FACE.search(sheet):
        warnings.add("fonts that are embedded are not used")
        sheet = _FONT_FACE.sub("", sheet)
    return _for_screens(sheet)


def plain(sheet: str) -> str:
    """Without properties that begin with a hyphen: custom ones, and those of single browsers."""
    return _VENDOR.sub("", sheet)


def properties(style: str) -> dict[str, str]:
    """The custom properties that a style sheet or attribute sets."""
    return dict(_PROPERTY.findall(style))


def leads_outside(text: str) -> bool:
    """Whether an address is anything but a part of this document or data."""
    return any(not start.startswith("#") and start.lower() != "data:" for start in _URL.findall(text))


def runs_right_to_left(style: str) -> bool:
    """Whether a style says so."""
    return _DIRECTION.search(style) is not None


def with_variables(text: str, known: Known) -> str:
    """With each `var()` replaced by its property's value, else by its fallback (CSS Variables 1, 3).

    Raises InvalidInput (`broken_svg`) where values in values grow beyond all measure.
    """
    for _ in range(_ROUNDS):
        if "var(" not in text or len(text) > _LONGEST_VALUE:
            return text
        text = "".join(_substituted(text, known))
    return text


def _substituted(text: str, known: Known) -> Iterator[str]:
    closing = _closing(text)
    at = size = 0
    for match in _VAR.finditer(text):
        if match.start() < at:
            continue  # in the fallback of one before
        end: int | None = match.end()
        fallback = ""
        if match[2] == ",":
            close = closing.get(match.start() + len("var"))
            if close is None:
                continue
            fallback, end = text[match.end() : close], close + 1
        value = known.get(match[1], fallback).strip()
        size += len(value)
        if size > 2 * _LONGEST_VALUE:
            raise InvalidInput(
                "broken_svg", "The SVG's style grows too large once its variables are expanded."
            )
        yield text[at : match.start()]
        yield value
        at = end or 0
    yield text[at:]


def _closing(text: str) -> dict[int, int]:
    """Where each parenthesis that is closed is closed."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for match in _PAREN.finditer(text):
        if match[0] == "(":
            opened.append(match.start())
        elif opened:
            found[opened.pop()] = match.start()
    return found


def without_dust(text: str, least: float) -> str:
    """With a line in the place of dashes whose period is less than `least`: none of them would be seen, and
    millions would be drawn.
    """
    return _DASHES.sub(
        lambda match: match[0] if _period(match[1]) >= least else "stroke-dasharray:none", text
    )


def is_dust(dashes: str, least: float) -> bool:
    """Whether `stroke-dasharray` has a period of less than `least`."""
    return _period(dashes) < least


def _period(dashes: str) -> float:
    """The sum of the dashes and gaps in px; infinite for what is none, or is relative."""
    lengths = [_DASH.fullmatch(part) for part in dashes.replace(",", " ").split()[:_MOST_DASHES]]
    found = [match for match in lengths if match is not None]
    if not found or len(found) < len(lengths):
        return math.inf
    return sum(float(match[1]) for match in found) or math.inf


def with_colours(text: str) -> str:
    """With the functions of CSS Color 4 as `#rrggbbaa`, which any reader knows."""
    if "(" not in text:
        return text
    return _FUNCTION.sub(lambda match: _hexadecimal(match[0]), _OWN_URL.sub(r"url(\1)", text))


_BRACES, _ENDS = re.compile(r"[{}]"), re.compile(r"[;{}]")


def _divided(text: str, at: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """What lies between marks, each with the mark that ends it; the last with none."""
    begin = 0
    for match in at.finditer(text):
        yield text[begin : match.start()], match[0]
        begin = match.end()
    yield text[begin:], ""


def _without_imports(sheet: str) -> str:
    parts: list[str] = []
    for text, end in _divided(sheet, _ENDS):
        match = _IMPORT.search(text) if end in (";", "") else None
        parts += [text, end] if match is None else [text[: match.start()]]
    return "".join(parts)


def _for_screens(sheet: str) -> str:
    """With the rules of each `@media` that holds for a picture on a light screen, and of `@supports`."""
    parts: list[str] = []
    opened: list[bool | None] = []  # of a condition, whether it holds; None for any other block
    failed = 0
    for text, end in _divided(sheet, _BRACES):
        condition = _CONDITION.search(text) if end == "{" else None
        if not failed:
            parts.append(text if condition is None else text[: condition.start()])
        if condition is not None:
            opened.append(_holds(condition[1].lower(), condition[2].lower()))
            failed += opened[-1] is False
            continue
        closed = opened.pop() if end == "}" and opened else None
        if end == "{":
            opened.append(None)
        failed -= closed is False
        if not failed and closed is None:
            parts.append(end)
    return "".join(parts)


def _holds(kind: str, condition: str) -> bool:
    screen = re.search(r"\b(?:screen|all|light|no-preference|min-width)\b", condition)
    return kind == "supports" or (screen is not None and "not" not in condition.split())


def _hexadecimal(function: str) -> str:
    if len(function) > _LONGEST_COLOUR:
        return function
    if (match := _HSL.fullmatch(function)) is not None:
        turn = (
            float(match[1]) / {"": 360, "deg": 360, "grad": 400, "rad": math.tau, "turn": 1}[match[2].lower()]
        )
        light, saturation = (min(1.0, float(match[index]) / 100) for index in (4, 3))
        alpha = float(match[5] or 1) / (100 if match[6] else 1)
        channels = (*colorsys.hls_to_rgb(turn % 1, light, saturation), min(1.0, max(0.0, alpha)))
        return "#" + "".join(f"{int(channel * 255 + 0.5):02x}" for channel in channels)
    try:
        red, green, blue, alpha = parse_color(function)
    except ValueError:
        return function
    return f"#{red:02x}{green:02x}{blue:02x}{int(alpha * 255 + 0.5):02x}"
