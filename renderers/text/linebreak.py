"""Where a line may break: UAX #14 with the tailorings of Blink for ASCII.

Classes of the Latin scripts and of common punctuation are written here, so that most text needs no
table; all others are looked up in `uniseg`. Languages written without spaces that need a dictionary
(Thai, Lao, Khmer, Burmese) may break where `renderers.text.thai` says so.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache

_COMMON = {
    " ": "SP",
    "\t": "BA",
    "!": "EX",
    "?": "EX",
    '"': "QU",
    "'": "QU",
    "$": "PR",
    "%": "PO",
    "(": "OP",
    ")": "CP",
    "[": "OP",
    "]": "CP",
    "{": "OP",
    "}": "CL",
    "+": "PR",
    "\\": "PR",
    ",": "IS",
    ".": "IS",
    ":": "IS",
    ";": "IS",
    "-": "HY",
    "/": "SY",
    "|": "BA",
    "\u00a0": "GL",
    "\u00ad": "BA",
    "¡": "OP",
    "¿": "OP",
    "«": "QU",
    "»": "QU",
    "‘": "QU",
    "’": "QU",
    "“": "QU",
    "”": "QU",
    "‚": "OP",
    "„": "OP",
    "‹": "QU",
    "›": "QU",
    "‐": "BA",
    "‑": "GL",
    "–": "BA",
    "—": "B2",
    "…": "IN",
    "€": "PR",
    "£": "PR",
    "¥": "PR",
    "°": "PO",
    "¢": "PO",
    "·": "AL",
    "\u200b": "ZW",
    "\u2060": "WJ",
    "\ufeff": "WJ",
    "\u200d": "ZWJ",
}
_ALPHABETIC = frozenset(("AL", "HL"))
_NUMERIC_PAIRS = frozenset(("PO NU", "PR NU", "IS NU"))
_AFFIXES = frozenset(("PO", "PR"))
_IN_NUMBERS = frozenset(("NU", "SY", "IS"))
_NUMBER_ENDS = frozenset(("SY", "IS", "CL", "CP"))
_HANGUL_PAIRS = frozenset(
    ("JL JL", "JL JV", "JL H2", "JL H3", "JV JV", "JV JT", "H2 JV", "H2 JT", "JT JT", "H3 JT")
)
_HANGUL = frozenset(("JL", "JV", "JT", "H2", "H3"))
_IDEOGRAPHIC = frozenset(("ID", "EB", "EM"))
_NEVER_BEFORE = frozenset(("CL", "CP", "EX", "IS", "SY", "WJ", "QU", "BA", "HY", "NS", "IN"))


@lru_cache(maxsize=16384)
def line_class(character: str) -> str:
    """The class of UAX #14 after LB1; `SA` is left to its caller."""
    known = _COMMON.get(character)
    if known is not None:
        return known
    if character.isascii():
        return "NU" if character.isdigit() else "AL" if character.isprintable() else "CM"
    category, code = unicodedata.category(character), ord(character)
    if category in ("Lu", "Ll", "Lt") and code < 0x0590:
        return "AL"
    if 0x4E00 <= code <= 0x9FFF:
        return "ID"
    from uniseg.linebreak import line_break

    found = str(line_break(character).value)
    if found == "SA":
        return "CM" if category in ("Mn", "Mc") else "SA"
    return {"AI": "AL", "SG": "AL", "XX": "AL", "CJ": "NS"}.get(found, found)


def opportunities(text: str, words: Callable[[str], list[int]] | None = None) -> list[int]:
    """The places 1 … len(text) - 1 where a line may break before the character; spaces stay behind.

    text: one paragraph without line feeds. words: splits a run of South East Asian text, which
    otherwise breaks nowhere, and returns the places inside of it.
    """
    classes = [line_class(character) for character in text]
    found = _by_rules(text, classes)
    if "SA" in classes and words is not None:
        found = sorted({*found, *_in_words(text, classes, words)})
    return found


def _in_words(text: str, classes: list[str], words: Callable[[str], list[int]]) -> list[int]:
    found, start = [], 0
    while start < len(text):
        if classes[start] != "SA":
            start += 1
            continue
        end = start
        while end < len(text) and classes[end] in ("SA", "CM"):
            end += 1
        found += [start + place for place in words(text[start:end])]
        start = end
    return found


def _by_rules(text: str, classes: list[str]) -> list[int]:
    """Rules LB7 to LB31, as a walk that keeps the class before the spaces."""
    found: list[int] = []
    previous = ""  # class of the last character that is no space, LB9 applied
    second = ""  # the one before it
    spaces = False
    joiner = False
    flags = 0  # regional indicators in a row
    number = False  # what is before is a number, its separators and closing bracket included (LB25)
    for at, kind in enumerate(classes):
        if kind == "SA":
            kind = "AL"
        if kind == "SP":
            spaces, joiner = True, False
            continue
        if kind in ("CM", "ZWJ"):
            if previous and not spaces and previous != "ZW":
                joiner = kind == "ZWJ"  # LB9
                continue
            joiner, effective = kind == "ZWJ", "AL"  # LB10
        else:
            effective = kind
        if (
            at
            and previous
            and not (joiner and kind != "ZWJ" and not spaces)
            and not (number and not spaces and _goes_on(previous, effective))
            and _may_break(previous, effective, spaces, second, flags, text, at)
        ):
            found.append(at)
        elif at and not previous and spaces and effective != "ZW" and _after_spaces("", effective, text, at):
            found.append(at)  # spaces begin the paragraph: LB18
        number = effective == "NU" or (
            number and not spaces and previous in _IN_NUMBERS and effective in _NUMBER_ENDS
        )
        flags = flags + 1 if effective == "RI" and not spaces else int(effective == "RI")
        second, previous, spaces = ("" if spaces else previous), effective, False
        joiner = kind == "ZWJ"
    return found


def _may_break(before: str, after: str, spaces: bool, second: str, flags: int, text: str, at: int) -> bool:
    if after == "ZW":
        return False  # LB7
    if before == "ZW":
        return True  # LB8
    if spaces:
        return _after_spaces(before, after, text, at)
    if after in _NEVER_BEFORE or before in ("WJ", "GL", "QU", "BB", "OP"):
        return _blink_exception(before, after, text, at)
    if after == "GL":
        return before in ("BA", "HY")  # LB12a
    if before == "CB" or after == "CB":
        return True  # LB20
    if second == "HL" and before in ("HY", "BA"):
        return False  # LB21a
    if before == "HY" and after == "NU":
        return len(text) > at >= 2 and text[at - 2].isalnum() and text[at - 2].isascii()
    return not _joined(before, after, flags, text, at)


def _goes_on(before: str, after: str) -> bool:
    """LB25: whether a number that ends in `before` goes on, or has a unit."""
    return after in _AFFIXES or (after == "NU" and before in _IN_NUMBERS)


def _after_spaces(before: str, after: str, text: str, at: int) -> bool:
    """LB7, LB11 to LB18 across spaces."""
    if after == "IS" and text[at + 1 : at + 2].isdigit():
        return True  # LB15c: .5
    if after in ("CL", "CP", "EX", "IS", "SY", "WJ"):
        return False
    return not (
        before == "OP"
        or (before == "QU" and after == "OP")
        or (before in ("CL", "CP") and after == "NS")
        or (before == "B2" and after == "B2")
    )


def _blink_exception(before: str, after: str, text: str, at: int) -> bool:
    """Where Blink's table for ASCII allows what UAX #14 does not: nowhere so far."""
    return False


def _joined(before: str, after: str, flags: int, text: str, at: int) -> bool:
    """LB17 and LB21b to LB30b."""
    pair = f"{before} {after}"
    if before == "SY":
        return text[at].isascii() or after == "HL" or after == "NU"  # Blink breaks no ASCII after a slash
    if before == "B2" and after == "B2":
        return True
    if pair in _NUMERIC_PAIRS or pair in _HANGUL_PAIRS:
        return True
    if before in _AFFIXES and after == "OP" and text[at + 1 : at + 3].lstrip(".,:;")[:1].isdigit():
        return True
    if before in _ALPHABETIC and (after in _ALPHABETIC or after in ("NU", "PR", "PO")):
        return True
    if after in _ALPHABETIC and before in ("NU", "PR", "PO", "IS"):
        return True
    if (before == "PR" and (after in _IDEOGRAPHIC or after in _HANGUL)) or (
        after == "PO" and (before in _IDEOGRAPHIC or before in _HANGUL)
    ):
        return True
    if after == "OP" and (before in _ALPHABETIC or before == "NU"):
        return not _is_wide(text[at])
    if before == "CP" and (after in _ALPHABETIC or after == "NU"):
        return not _is_wide(text[at - 1])
    if before == "RI" and after == "RI":
        return flags % 2 == 1
    return before == "EB" and after == "EM"


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in ("F", "W", "H")
