"""Where lines may break."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uniseg.linebreak import line_break_boundaries

from renderers.text.linebreak import opportunities


def _pieces(text: str) -> list[str]:
    places = [0, *opportunities(text), len(text)]
    return [text[first:last] for first, last in pairwise(places)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a  b", ["a  ", "b"]),
        ("well-known 10-20", ["well-", "known ", "10-", "20"]),
        ("x = -1", ["x ", "= ", "-1"]),
        ("and/or a.b/c?d", ["and/or ", "a.b/c?", "d"]),
        ("(a) “b” c…", ["(a) ", "“b” ", "c…"]),
        ("10\u00a0km", ["10\u00a0km"]),
        ("e\u0301 e\u0301", ["e\u0301 ", "e\u0301"]),
        ("日本、中国", ["日", "本、", "中", "国"]),
        ("「東」 京", ["「東」 ", "京"]),
        ("👩‍👩‍👧🇩🇪🇫🇷👍🏽", ["👩‍👩‍👧", "🇩🇪", "🇫🇷", "👍🏽"]),
    ],
)
def test_lines_break_where_a_browser_breaks_them(text: str, expected: list[str]) -> None:
    """Known texts fall into the pieces that Chromium gives."""
    assert _pieces(text) == expected


@settings(max_examples=300, deadline=None)
@given(st.text("ab12 ,.()$%é–…“”你好、。「」한あっ\u00a0", min_size=1, max_size=12))
def test_uax_14_is_followed(text: str) -> None:
    """Without ASCII's tailorings the places are those of another implementation of UAX #14."""
    if "”" in text or "“" in text:
        text = text.replace("”", "é").replace("“", "a")  # quotation marks changed between versions of Unicode
    assert opportunities(text) == [place for place in line_break_boundaries(text) if 0 < place < len(text)]
