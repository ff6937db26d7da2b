"""Cancellation of long work: a function that is called now and then and raises to end it."""

from __future__ import annotations


def nothing() -> None:
    """A check that never raises, for work that cannot be cancelled."""
