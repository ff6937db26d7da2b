"""The bidirectional algorithm, against an implementation that shares no code with ours."""

from __future__ import annotations

import pytest
from bidi import get_display
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.text.bidi import first_strong, levels, reorder


@settings(max_examples=300, deadline=None)
@given(st.text("abאבسع12 .,()-+%[]é", min_size=1, max_size=14), st.booleans())
def test_the_order_is_that_of_the_annex(text: str, rtl: bool) -> None:
    """Visual order without explicit controls is what the reference gives."""
    order = reorder(levels(text, rtl=rtl))
    assert "".join(text[at] for at in order) == get_display(text, base_dir="R" if rtl else "L")


@pytest.mark.parametrize(
    ("text", "rtl", "expected"),
    [
        ("a\u2067bc\u2069d", False, [0, 0, 2, 2, 0, 0]),
        ("א\u2066ab\u2069ב", True, [1, 1, 2, 2, 1, 1]),
        ("\u2068אב\u2069 c", False, [0, 1, 1, 0, 0, 0]),
        ("a\u202eb", False, [0, 0, 1]),
        ("a(ב)c", False, [0, 0, 1, 0, 0]),
        ("א (b) ג", True, [1, 1, 1, 2, 1, 1, 1]),
    ],
)
def test_isolates_overrides_and_brackets(text: str, rtl: bool, expected: list[int]) -> None:
    """Explicit controls and paired brackets give the levels of UAX #9."""
    assert levels(text, rtl=rtl) == expected


def test_the_first_strong_character_decides() -> None:
    """Digits and isolates are passed over when the direction is found."""
    assert first_strong("123 שלום abc") == "rtl"
    assert first_strong("\u2067שלום\u2069 abc") == "ltr"
    assert first_strong("...") == "ltr"
