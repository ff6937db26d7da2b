"""Places where a line may break, as Blink finds them: UAX #14 by ICU, with a table of its own for ASCII.

Blink asks ICU only where a character beyond ASCII stands at the place, and begins anew at each line, so that
the same characters may break otherwise at the beginning of a line than inside of one: a hyphen there is a
sign, not the end of a word (UAX #14, LB20a). Spaces break whatever follows. ICU's rules are those for
`line-break: normal` (CSS Text 3, 5.3), its dictionaries cut the words of Thai, Lao, Khmer and Burmese.

Ordinary Latin, Greek and Cyrillic text is decided here, so that ICU is loaded for other scripts only.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

_LOCALE = "en@lb=normal"
_SPACES = frozenset(" \t\n")
_WIDE_SPACE = "\u3000"
_NO_BREAK = "\u00a0"
_SOFT_HYPHEN = "\u00ad"
_HYPHENS = frozenset("-|")
_WINDOW = 1024  # characters that ICU is given at first
_AHEAD = 128  # how far a dictionary may look ahead of a place

# What may be separated in ASCII: measured, pair by pair, in Chromium 156.
_OPENING = frozenset("(<[{")
_BEFORE_OPENING = frozenset('!"#%&)*+,.:;=>\\]|}~')
_AFTER_HYPHEN = frozenset("\"#%&'(*+-<=>@[\\^_`{|~")
_AFTER_QUESTION = frozenset("#$%&(*+-<=>@[\\^_`{|~")

_QUOTES = frozenset("“”‘’«»‹›")
_OPENERS = frozenset("„‚¡¿")
_ENDS = frozenset("…–")
_SEPARATES = frozenset("-!?/|}")  # what a letter beyond ASCII may be separated from


class Breaks:
    """The places in one paragraph, which has no line feeds."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._units: list[int] | None = None
        if not text.isascii() and max(text) > "\uffff":
            self._units = [0, *accumulate(2 if character > "\uffff" else 1 for character in text)]

    def after(self, start: int, most: int | None = None) -> Iterator[int]:
        """The places beyond `start`, in order, at which a line that begins there may end, up to `most`.

        A place is the index of the character that would begin the next line; the paragraph's end is none.
        """
        text = self._text
        icu: _Icu | None = None
        for at in range(start + 1, len(text) if most is None else min(len(text), most + 1)):
            before, character = text[at - 1], text[at]
            if character in _SPACES or character == _WIDE_SPACE:
                continue  # stays at the end of its line, however wide
            if before in _SPACES:
                yield at
                continue
            if before < "\x80" and character < "\x80":
                if _ascii(text, start, at):
                    yield at
                continue
            decided = _ordinary(before, character)
            if decided is None:
                icu = icu or _Icu(text, start, self._units)
                decided = icu.breaks(at)
            if decided:
                yield at


class _Icu:
    """ICU's breaks of a text from `start` on, asked for in ascending order."""

    def __init__(self, text: str, start: int, units: list[int] | None) -> None:
        self._text, self._start, self._units = text, start, units
        self._window = _WINDOW
        self._begin()

    def _begin(self) -> None:
        from icu4py.breakers import LineBreaker

        shown = self._text[self._start : self._start + self._window]
        self._segments = LineBreaker(shown, _LOCALE).segments()
        self._next = -1

    def breaks(self, at: int) -> bool:
        """Whether a line may break before the character at `at`."""
        while at > self._start + self._window - _AHEAD and self._start + self._window < len(self._text):
            self._window *= 4
            self._begin()
        units = self._units
        place = at - self._start if units is None else units[at] - units[self._start]
        while self._next < place:
            self._next = next(self._segments, (0, 1 << 30))[1]
        return self._next == place


def _ascii(text: str, start: int, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if before == "-":
        if after.isdigit():  # no sign of a number, but a part of ABCD-1234
            return at - 2 >= start and text[at - 2].isascii() and text[at - 2].isalnum()
        return after.isalpha() or after in _AFTER_HYPHEN
    if before == "?":
        return after.isalnum() or after in _AFTER_QUESTION
    return after in _OPENING and before in _BEFORE_OPENING


@lru_cache(maxsize=4096)
def _ordinary(before: str, after: str) -> bool | None:
    """What UAX #14 says of two characters, one of them beyond ASCII, in European text; None: ask ICU."""
    if _NO_BREAK in (before, after):
        other = after if before == _NO_BREAK else before
        return False if other not in _HYPHENS and (other < "\x80" or _is_letter(other)) else None
    if before == _SOFT_HYPHEN:
        return True if _is_letter(after) else None
    left, right = _is_letter(before), _is_letter(after)
    if (left or before < "\x80") and after in _QUOTES:
        return False
    if before in _QUOTES and (right or after < "\x80" or after in _QUOTES):
        return False
    if (before in _OPENERS and (right or after < "\x80")) or (left and after in _OPENERS):
        return False
    if left and (right or "!" <= after <= "~" or after == _SOFT_HYPHEN or after in _ENDS):
        return False
    if before.isalnum() and before < "\x80" and (after in _ENDS or after == _SOFT_HYPHEN):
        return False
    if right and "!" <= before <= "~" and before not in _SEPARATES:
        return False
    return None


def _is_letter(character: str) -> bool:
    """Whether it is a letter of Latin, Greek or Cyrillic."""
    return character < "\u0530" and unicodedata.category(character) in ("Lu", "Ll", "Lt")
