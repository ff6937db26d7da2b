"""Readers of foreign text: twice the text is twice the work, whatever stands in it."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from connectors.assets import _decode_data
from connectors.ffmpeg import explain
from renderers.drawing.svgpath import parse_path
from renderers.foreign.images import sniff
from renderers.foreign.svgtext import Document
from renderers.text.fonts import FontSet, split_families
from renderers.text.layout import lay_out
from schemas.colors import parse_color
from schemas.easings import check_easing
from schemas.elements import ShapeElement, TextElement
from schemas.errors import ExportError
from schemas.limits import Limits
from schemas.reading import load

SHORT = 20_000
TIMES = 4
MOST = 2.5 * TIMES
"""Quadratic work would be 16 times as much."""
UNMEASURABLE_S = 0.02
"""Quadratic work on 80,000 characters takes seconds; what takes less than this is not."""


def svg(inside: str, attributes: str = "") -> bytes:
    """A document."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{inside}</svg>'.encode()


def sheet(text: str) -> Callable[[], object]:
    """The reading of a style sheet."""
    return lambda: Document(svg(f"<style>{text}</style><g/>"), 1).rewritten((1, 1))


def attribute(text: str, root: str = "") -> Callable[[], object]:
    """The reading of an element's style."""
    document = svg(f'<g style="{text}"/>', f'style="{root}"')
    return lambda: Document(document, 1).rewritten((1, 1))


def shape(d: str) -> Callable[[], object]:
    """The reading of an outline, by the contract and by who draws."""

    def read() -> None:
        ShapeElement.model_validate({"type": "shape", "shape": "path", "d": d, "width": 1, "height": 1})
        parse_path(d)

    return read


def laid_out(text: str) -> Callable[[], object]:
    """The layout of a text in a narrow box."""
    element = TextElement.model_validate({"type": "text", "text": text, "width": 300, "height": 170})
    return lambda: lay_out(element, FontSet())


CASES: dict[str, Callable[[int], Callable[[], object]]] = {
    "selectors": lambda n: sheet("a" * n),
    "selectors that match": lambda n: sheet("a:not(b) " * (n // 9)),
    "rules": lambda n: sheet("a{b:c}" * (n // 6)),
    "imports without an end": lambda n: sheet("@import" * (n // 7) + "}"),
    "font faces without an end": lambda n: sheet("@font-face{" * (n // 11)),
    "media without a block": lambda n: sheet("@media " * (n // 7)),
    "media side by side": lambda n: sheet("@media all{a{b:c}}" * (n // 18)),
    "media in media": lambda n: sheet("@media all{" * (n // 11)),
    "media that does not hold": lambda n: sheet("@media print{a{b:c}}" * (n // 20)),
    "comments": lambda n: sheet("/*" * (n // 2)),
    "vendors": lambda n: sheet("{" + "-a-" * (n // 3)),
    "white space": lambda n: sheet("{" + " " * n + ";" + " " * n),
    "directions": lambda n: sheet("direction " * (n // 10)),
    "custom properties": lambda n: sheet("--a" * (n // 3) + " " * n),
    "addresses": lambda n: sheet("url(" + " " * n),
    "addresses in addresses": lambda n: sheet("fill:url(#" * (n // 10)),
    "colours": lambda n: sheet("fill:rgb(" * (n // 9)),
    "hsl": lambda n: attribute("fill:hsl(1 1 1" + " " * n + "x)"),
    "variables without an end": lambda n: attribute("fill:var(--a," * (n // 13)),
    "variables in variables": lambda n: attribute("fill:" + "var(--b)" * (n // 8), "--b:c"),
    "parentheses": lambda n: attribute("fill:var(--a," + "()" * (n // 2)),
    "a scope for each": lambda n: (
        lambda: Document(
            svg('<g style="--x:1"/>' * (n // 18), f'style="{"".join(f"--v{i}:1;" for i in range(n // 8))}"'),
            1,
        ).rewritten((1, 1))
    ),
    "lengths": lambda n: lambda: Document(svg("", f'width="{"1" * n}!" height="{" " * n}!"'), 1),
    "view boxes": lambda n: lambda: Document(svg("", f'viewBox="{"1" * n} {"." * n}"'), 1),
    "data": lambda n: lambda: Document(svg(f'<image href="data:image/png;base64,{"=" * n}"/>'), 1),
    "prologues": lambda n: lambda: sniff(b"<?" * (n // 2) + b"<a" * (n // 2)),
    "roots": lambda n: lambda: sniff(b"<" + b"a:" * (n // 2)),
    "outlines with gaps": lambda n: shape("M0" + " " * n + "0"),
    "outlines with gaps at the end": lambda n: shape("M0 0" + " " * n + ","),
    "outlines of commas": lambda n: shape("M0 0L" + ", " * (n // 2)),
    "outlines of digits": lambda n: shape("M" + "1" * n + "."),
    "texts without a break": lambda n: laid_out("ﷺ" * (n // 8)),
    "texts of one word": lambda n: laid_out("w" * (n // 8)),
    "texts of accents": lambda n: laid_out("e" + "\u0301" * (n // 8)),
    "texts of joiners": lambda n: laid_out("\u200d" * (n // 8)),
    "texts of spaces": lambda n: laid_out("a" + " " * (n // 8) + "a"),
    "texts of overrides": lambda n: laid_out("\u202ea" * (n // 16)),
    "families": lambda n: lambda: split_families.__wrapped__("'a," * (n // 6) + '"b,' * (n // 6)),
    "colours of a document": lambda n: lambda: parse_color.__wrapped__("rgb(" + " " * n),
    "easings": lambda n: lambda: check_easing("cubic-bezier(" + " " * n),
    "data addresses": lambda n: lambda: _decode_data("data:" + ";a" * (n // 2)),
    "base64": lambda n: lambda: _decode_data("data:;base64," + base64.b64encode(b"a" * n).decode()),
    "JSON": lambda n: lambda: load(b'{"a":' + b"[ " * (n // 2), Limits()),
    "words of FFmpeg": lambda n: lambda: explain("Protocol " * (n // 9), 1),
}


def work(read: Callable[[], object]) -> float:
    """Seconds of this thread's own time, the least of three."""
    taken = []
    for _ in range(3):
        begin = time.thread_time()
        with suppress(ExportError, ValueError):
            read()
        taken.append(time.thread_time() - begin)
    return min(taken)


@pytest.mark.parametrize("name", CASES)
def test_work_grows_with_the_text(name: str) -> None:
    """A reader's own time for four times the text is about four times as much, never sixteen."""
    long = work(CASES[name](SHORT * TIMES))
    assert long < UNMEASURABLE_S or long < MOST * work(CASES[name](SHORT))


def test_variables_do_not_multiply_without_end() -> None:
    """Values that show values, each many times, are refused instead of filling memory."""
    style = "".join(f"--v{n}:{f'var(--v{n - 1})' * 40};" for n in range(1, 9))
    with pytest.raises(ExportError, match="too large") as caught:
        Document(svg('<g style="fill:var(--v8)"/>', f'style="--v0:lol;{style}"'), 1).rewritten((1, 1))
    assert caught.value.code == "broken_svg"


def test_what_is_rewritten_is_bounded_in_all() -> None:
    """Many elements that each show a long value are refused as well."""
    document = Document(svg('<g fill="var(--v)"/>' * 2000, f'style="--v:{"x" * 100_000}"'), 1)
    with pytest.raises(ExportError, match="too large"):
        document.rewritten((1, 1))


def test_conditions_and_variables_still_mean_what_they_say() -> None:
    """What holds on a screen is kept, nested or not; values, fallbacks and values in values are shown."""
    text = Document(
        svg(
            "<style>@media screen{a{fill:red}@media print{b{fill:blue}}c{fill:var(--q, var(--p))}}"
            "@media print{d{fill:red}}@import url(#x);e{--p:lime}</style>"
            '<g style="--own:2" fill="var(--own)" stroke="var(--none, rgb(1, 2, 3))"/>'
        ),
        1,
    ).rewritten((1, 1))
    assert "a{fill:red}c{fill:lime}e{" in text
    assert "blue" not in text
    assert "d{" not in text
    assert 'fill="2" stroke="#010203ff"' in text
