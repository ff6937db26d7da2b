"""What long work looks at while it goes on: a function that raises when the work is to end."""

from __future__ import annotations


def nothing() -> None:
    """A check that never ends anything: for work that nobody can cancel."""


def unlimited(count: int) -> None:
    """Takes any number of bytes."""
