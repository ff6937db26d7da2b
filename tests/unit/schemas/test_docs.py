"""The diagram in the docs is the table in the code."""

from __future__ import annotations

from pathlib import Path

from schemas.lifecycle import TERMINAL, TRANSITIONS

DOC = Path(__file__).parents[3] / "docs" / "architecture.md"


def test_the_diagram_shows_the_transition_table() -> None:
    """Each transition of the table is an arrow in the documentation, and there is no other."""
    lines = ["stateDiagram-v2", "    [*] --> queued"]
    lines += [f"    {before} --> {after}" for before, follow in TRANSITIONS.items() for after in follow]
    lines += [f"    {status} --> [*]" for status in TRANSITIONS if status in TERMINAL]
    drawn = DOC.read_text().split("<!-- lifecycle -->")[1].split("<!-- /lifecycle -->")[0]
    assert drawn.strip().removeprefix("```mermaid").removesuffix("```").strip().splitlines() == lines
