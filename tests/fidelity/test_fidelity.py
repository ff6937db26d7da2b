"""What we draw is what Chromium draws from the same design, picture by picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.fidelity.cases import CASES, Case
from tests.fidelity.compare import Result, compare
from tests.fidelity.metrics import difference, ssim
from tests.servers.needs import needed

ALIKE = 0.98
"""Structural similarity that each picture has at least."""
REACH = 1.0
"""px that the ends of lines may lie apart."""


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    """All pictures, drawn both ways."""
    with needed():
        found, _ = compare(CASES)
    return {result.case.name: result for result in found}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_picture_is_what_chromium_draws(case: Case, results: dict[str, Result]) -> None:
    """Structure, levels, line breaks and boxes agree."""
    result = results[case.name]
    assert result.starts, "lines begin with other characters"
    assert result.reach <= REACH
    assert result.ssim >= ALIKE
    assert result.difference <= case.levels
    assert result.block <= case.block
    assert result.ink is None or result.ink <= case.box


def test_there_are_enough_pictures() -> None:
    """Each with a name of its own, and no more than a few with bounds of their own."""
    assert len({case.name for case in CASES}) == len(CASES) >= 60
    assert sum(case.levels > 1.5 or case.box > 1 for case in CASES) <= 3


def test_another_picture_is_told_apart(results: dict[str, Result]) -> None:
    """The measures notice what a person would: text moved by two px, other words, a colour."""
    names = ("latin/wrap", "latin/weight 700", "shape/rect")
    moved = np.roll(results[names[0]].ours, 2, axis=1)
    assert ssim(moved, results[names[0]].theirs) < ALIKE
    assert difference(moved, results[names[0]].theirs) > 1.5
    assert ssim(results[names[1]].ours, results[names[0]].theirs) < ALIKE
    dark = results[names[2]].ours // 2
    assert difference(dark, results[names[2]].theirs) > 1.5


def test_other_line_breaks_are_told_apart() -> None:
    """A box that is narrower in our document than in the page is noticed by its lines."""
    case = next(case for case in CASES if case.name == "latin/wrap")
    narrow = replace(case, elements=({**case.elements[0], "width": 300},))
    with needed():
        (result,), _ = compare([narrow], shown=[case])
    assert not result.starts
