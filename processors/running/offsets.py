"""Which offset of a partition may be committed when several of its messages are in flight."""

from __future__ import annotations


class OffsetTracker:
    """Offsets taken and finished; `position` never passes an unfinished one.

    Offsets have gaps (compaction, transactions), and may be taken twice after a rewind.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._next: int | None = None

    def take(self, offset: int) -> None:
        """A message was read and is to be handled."""
        self._open.add(offset)
        self._next = offset + 1

    def finish(self, offset: int) -> None:
        """A message was handled, its effects are published."""
        self._open.discard(offset)

    @property
    def position(self) -> int | None:
        """The offset to commit: the lowest unfinished one, else the one after the last; None before any."""
        return min(self._open) if self._open else self._next
