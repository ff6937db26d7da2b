"""Some hundred changed files of every kind: the same ones in every run."""

from __future__ import annotations

import pytest

from tests.fuzz.campaign import run

COUNTS = {"sounds": 100, "pictures": 600, "profiles": 60, "drawings": 500, "fonts": 100, "projects": 150}
"""Inputs of each kind: together about a minute."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", COUNTS)
def test_no_changed_file_breaks_its_decoder(kind: str) -> None:
    """It gives a result that can be used, or a code and a sentence, within the decoder's limits."""
    report = run(kind, 15, inputs=COUNTS[kind])
    assert report.faults == {}
    assert report.codes["ok"] > 0
