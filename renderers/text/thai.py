"""Words of Thai, which writes no spaces between them, by the word list of the package newmm-tokenizer.

The list (PyThaiNLP's, CC0) is read when a Thai text is first wrapped. A run is cut into as few unknown
characters and then as few words as possible, which is what ICU's dictionary comes to on ordinary text.
Lao, Khmer and Burmese have no word list here: their runs break only where a line would overflow.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

_FIRST, _LAST = "\u0e00", "\u0e7f"
_LONGEST = 30
_LEADING = frozenset("เแโใไ")  # vowels written before their consonant: no word ends in one
_DEPENDENT = frozenset("ะัาำิีึืฺุู็่้๊๋์ํ๎ๅ")  # nothing begins with one


def split_words(text: str) -> list[int]:
    """Where a word begins inside `text`, a run of South East Asian characters."""
    words = _words()
    if not words or not _FIRST <= text[0] <= _LAST:
        return []
    return list(_split(text, words))


@lru_cache(maxsize=512)
def _split(text: str, words: frozenset[str]) -> tuple[int, ...]:
    """Dynamic programming from the end: the best way on from each place is (unknown characters, words)."""
    count = len(text)
    # Of equal ways the one with the longer first word is taken: hence the ends are negative.
    best: list[tuple[int, int, int]] = [(0, 0, -count)] * (count + 1)
    for start in range(count - 1, -1, -1):
        unknown, parts, _ = best[start + 1]
        found = (unknown + 1, parts + 1, -start - 1)
        if start + 1 < count and not _is_known_start(text, start + 1, best, words):
            found = (unknown + 1, parts, best[start + 1][2])  # an unknown word goes on
        for end in range(min(count, start + _LONGEST), start, -1):
            if (end == count or text[end] not in _DEPENDENT) and text[start:end] in words:
                unknown, parts, _ = best[end]
                found = min(found, (unknown, parts + 1, -end))
        best[start] = found
    places, at = [], -best[0][2]
    while at < count:
        if text[at] not in _DEPENDENT and text[at - 1] not in _LEADING:
            places.append(at)
        at = -best[at][2]
    return tuple(places)


def _is_known_start(text: str, at: int, best: list[tuple[int, int, int]], words: frozenset[str]) -> bool:
    return text[at : -best[at][2]] in words


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    """The word list, or nothing where its package is missing."""
    spec = importlib.util.find_spec("newmm_tokenizer")
    if spec is None or spec.origin is None:
        return frozenset()
    path = Path(spec.origin).with_name("words_th.txt")
    return frozenset(path.read_text("utf-8").split("\n")) - {""} if path.is_file() else frozenset()
