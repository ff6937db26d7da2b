"""One at a time for each job, in stages that have several messages of a partition in flight.

A request that is delivered twice would otherwise be planned twice at once, and each would state facts
of its own. Messages of one job have one key, hence one partition, hence one process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_S = 0.2


class Turns:
    """Whose turn it is, by name; safe for threads."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._changed = threading.Condition()

    @contextmanager
    def of(self, name: str, check: Callable[[], None]) -> Iterator[None]:
        """A block that excludes others of the same name; `check` may end the wait by raising."""
        with self._changed:
            while name in self._taken:
                check()
                self._changed.wait(LOOK_S)
            self._taken.add(name)
        try:
            yield
        finally:
            with self._changed:
                self._taken.discard(name)
                self._changed.notify_all()
