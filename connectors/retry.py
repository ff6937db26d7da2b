"""Tries again what failed because a service was away: jittered back-off within a budget.

The policy is a value without state; the clock, the waiting and the randomness are arguments.
Source: "Exponential Backoff And Jitter", AWS Architecture Blog (full jitter), with a floor, so that a
retry never follows at once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from connectors.store.base import ObjectInfo, ObjectStore
from schemas.checks import nothing
from schemas.errors import Unavailable

T = TypeVar("T")

TURN_S = 0.2
"""The longest wait between two calls of `check`."""


@dataclass(frozen=True)
class Backoff:
    """When to try again, in seconds: ceilings of the first wait, of any wait, and of the whole."""

    first: float = 0.1
    most: float = 2.0
    budget: float = 60.0

    def delay(self, attempt: int, elapsed: float, chance: float) -> float | None:
        """Seconds to wait after failed attempt number `attempt` (from 1); None to give up.

        elapsed: seconds since the first attempt began; chance: in [0, 1).
        """
        ceiling = min(self.most, self.first * 2.0 ** min(attempt - 1, 32))
        delay = ceiling * (0.1 + 0.9 * chance)
        return delay if elapsed + delay <= self.budget else None


@dataclass(frozen=True)
class Retrier:
    """Calls things until they work. `check` may raise to stop the waiting, and is called often meanwhile."""

    backoff: Backoff = Backoff()
    check: Callable[[], None] = nothing
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def call(self, work: Callable[[], T]) -> T:
        """Result of `work`, retried while it raises Unavailable; when time is up the last error is raised."""
        begin = self.clock()
        attempt = 0
        while True:
            try:
                return work()
            except Unavailable:
                attempt += 1
                if not self.wait(attempt, begin):
                    raise

    def wait(self, attempt: int, begin: float) -> bool:
        """Wait after a failed attempt; False when the budget is spent."""
        delay = self.backoff.delay(attempt, self.clock() - begin, self.chance())
        if delay is None:
            return False
        while delay > 0:
            self.check()
            turn = min(delay, TURN_S)
            self.sleep(turn)
            delay -= turn
        self.check()
        return True


def with_retries(store: ObjectStore, retrier: Retrier = Retrier()) -> RetryingStore:
    """`store` with calls that are retried while it is away. Cheap: one is made for each task's `check`."""
    return RetryingStore(store, retrier)


class RetryingStore:
    """An object store in front of another (see `with_retries`): all its calls may be repeated."""

    def __init__(self, store: ObjectStore, retrier: Retrier) -> None:
        self._store = store
        self._retrier = retrier

    def get(self, key: str) -> bytes:
        """All of an object. Raises Missing."""
        return self._retrier.call(lambda: self._store.get(key))

    def open_range(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Blocks of an object; when they break off, the rest is asked for. Raises Missing at once."""
        blocks = self._retrier.call(lambda: self._store.open_range(key, start, length))
        return self._resumed(blocks, key, start, length)

    def _resumed(self, blocks: Iterator[bytes], key: str, start: int, length: int | None) -> Iterator[bytes]:
        done, attempt, begin = 0, 0, self._retrier.clock()
        while True:
            try:
                for block in blocks:
                    done += len(block)
                    attempt, begin = 0, self._retrier.clock()
                    yield block
                return
            except Unavailable:
                attempt += 1
                if not self._retrier.wait(attempt, begin):
                    raise
            left = None if length is None else length - done
            at = start + done
            blocks = self._retrier.call(partial(self._store.open_range, key, at, left))

    def download(self, key: str, path: Path) -> None:
        """Write an object to a file. Raises Missing."""
        self._retrier.call(lambda: self._store.download(key, path))

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Write an object."""
        self._retrier.call(lambda: self._store.put(key, data, content_type))

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        """Write an object from a file."""
        self._retrier.call(lambda: self._store.put_file(key, path, content_type))

    def exists(self, key: str) -> bool:
        """True if the object exists."""
        return self._retrier.call(lambda: self._store.exists(key))

    def stat(self, key: str) -> ObjectInfo:
        """Metadata of an object. Raises Missing."""
        return self._retrier.call(lambda: self._store.stat(key))

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._retrier.call(lambda: self._store.delete(key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """The objects under a prefix, gathered before the first is handed out: a listing cannot resume."""
        return iter(self._retrier.call(lambda: [*self._store.list(prefix)]))

    def copy(self, source: str, target: str) -> None:
        """Have an object under a second key too. Raises Missing."""
        self._retrier.call(lambda: self._store.copy(source, target))

    def compose(
        self,
        target: str,
        sources: Sequence[str],
        head: bytes = b"",
        *,
        check: Callable[[], None] = nothing,
    ) -> None:
        """Make one object of several. Raises Missing."""
        self._retrier.call(lambda: self._store.compose(target, sources, head, check=check))

    def presign(self, key: str, seconds: int, file_name: str) -> str | None:
        """An address to download the object from, if the store can serve it."""
        return self._retrier.call(lambda: self._store.presign(key, seconds, file_name))
