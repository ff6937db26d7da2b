"""Colours, sources and easings: what is one and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.colors import NAMED, parse_color
from schemas.easings import check_easing
from schemas.sources import check_source


@pytest.mark.parametrize(
    ("text", "rgba"),
    [
        ("#f00", (255, 0, 0, 1)),
        ("#F008", (255, 0, 0, 136 / 255)),
        ("#336699", (51, 102, 153, 1)),
        ("#33669980", (51, 102, 153, 128 / 255)),
        ("rgb(1, 2, 3)", (1, 2, 3, 1)),
        ("rgb(1 2 3 / 50%)", (1, 2, 3, 0.5)),
        ("rgba(1,2,3,.25)", (1, 2, 3, 0.25)),
        ("rgba(100%, 0%, 50%, 1)", (255, 0, 128, 1)),
        ("rgb(300, -5, 2.5)", (255, 0, 3, 1)),
        ("RebeccaPurple", (102, 51, 153, 1)),
        ("grey", (128, 128, 128, 1)),
        (" transparent ", (0, 0, 0, 0)),
    ],
)
def test_colours_mean_what_css_says(text: str, rgba: tuple[int, int, int, float]) -> None:
    """Channels are clamped, percentages scaled, names and letters of any case."""
    assert parse_color(text) == pytest.approx(rgba)


@pytest.mark.parametrize(
    "text",
    ["", "#12", "#12345", "#ggg", "rgb(1,2)", "rgb(1,2,3", "hsl(1,2,3)", "rgb(a,b,c)", "x" * 10**6, "#١٢٣"],
)
def test_what_is_no_colour_is_refused(text: str) -> None:
    """Also very long text, quickly."""
    with pytest.raises(ValueError, match="not a colour"):
        parse_color(text)


def test_all_names_of_css_are_known() -> None:
    """CSS Color 4 names 148 colours."""
    assert len(NAMED) == 148
    assert parse_color("lightgoldenrodyellow") == (250, 250, 210, 1)


@given(st.text(max_size=30))
def test_any_text_is_a_colour_or_a_value_error(text: str) -> None:
    """No other exception, and channels in range."""
    try:
        red, green, blue, alpha = parse_color(text)
    except ValueError:
        return
    assert all(0 <= c <= 255 for c in (red, green, blue))
    assert 0 <= alpha <= 1


@pytest.mark.parametrize(
    "src",
    [
        "s3://bucket/key.png",
        "s3://my.bucket/a/b c/ü.png",
        "https://host/a?b=c#d",
        "http://host:81",
        "photos/a..b.png",
        "photos/日本.png",
        "./beside.png",
        "a.png",
        "data:image/png;base64,AAAA",
        "data:,x",
    ],
)
def test_allowed_sources(src: str) -> None:
    """The schemes of the document, bare keys, and paths relative to it."""
    assert check_source(src) == src


@pytest.mark.parametrize(
    "src",
    [
        "",
        "  ",
        "file:///etc/passwd",
        "FILE:/etc/passwd",
        "/etc/passwd",
        "~/x",
        "../x",
        "a/../../x",
        "a/./x",
        "a/..",
        "..\\x",
        "C:\\x",
        "C:/x",
        "//host/x",
        "s3://bucket",
        "s3://bucket/",
        "s3:///key",
        "s3://bucket/../x",
        "s3://bucket//x",
        "https://",
        "https:///x",
        "https://ho st/",
        "ftp://host/x",
        "javascript:alert(1)",
        "gopher://x/",
        "a\nb",
        "a\x00b",
        "data:nonsense",
        "data:image/png;base64," + "A" * 1_500_000,
        "x" * 3000,
    ],
)
def test_refused_sources(src: str) -> None:
    """Local files, paths that lead out, other schemes, control characters, too much."""
    with pytest.raises(ValueError, match=r"\.$|…$"):
        check_source(src)


@pytest.mark.parametrize("easing", ["linear", "step", "easeInOutBounce", "cubic-bezier(0, -2, 1.0, +3.5)"])
def test_allowed_easings(easing: str) -> None:
    """Keywords, the field's names, and curves that may overshoot in y."""
    assert check_easing(easing) == easing


@pytest.mark.parametrize(
    "easing", ["", "Linear", "easeInFoo", "cubic-bezier(1.1,0,0,1)", "cubic-bezier(0,0,1)", "steps(2)"]
)
def test_refused_easings(easing: str) -> None:
    """Time must not run backwards in a curve."""
    with pytest.raises(ValueError, match="not an easing"):
        check_easing(easing)
