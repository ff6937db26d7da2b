"""Some hundred changed files of every kind: the same ones in every run."""

from __future__ import annotations

import pytest

from tests.fuzz.campaign import run

COUNTS = {"sounds": 250, "pictures": 2000, "profiles": 300, "drawings": 1500, "fonts": 250, "projects": 250}
"""Inputs of each kind: together about a minute."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", COUNTS)
def test_no_changed_file_breaks_its_decoder(kind: str) -> None:
    """It gives a result that can be used, or a code and a sentence, within the decoder's limits."""
    report = run(kind, 15, inputs=COUNTS[kind])
    assert report.faults == {}
    assert report.codes["ok"] > 0
