"""What a job may fetch and decode, and what it left in the store so far: refused, it leaves nothing.

Limits hold while files come, not when all are there; and the first file that cannot be used ends the work on
those that come after it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from connectors.store.base import ObjectStore
from schemas.errors import Cancelled, ExportError, InvalidInput

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 8


class Purse:
    """Bytes that a job may still fetch; safe for threads."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._lock = threading.Lock()

    def spend(self, count: int) -> None:
        """So many are fetched now. Raises InvalidInput (`limit_exceeded`) when they are too many."""
        with self._lock:
            self._left -= count
            if self._left < 0:
                told = f"The project's files have more than {self._most} bytes together."
                raise InvalidInput("limit_exceeded", told)


class Kept:
    """A store as one job writes to it: what was not there before can be taken back; safe for threads."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._new: list[str] = []

    def put_file(self, key: str, path: Path) -> None:
        """Store a file, unless it is there."""
        if not self._store.exists(key):
            self._new.append(key)
            self._store.put_file(key, path)

    def put_json(self, key: str, value: bytes) -> None:
        """Store a note."""
        if not self._store.exists(key):
            self._new.append(key)
        self._store.put(key, value, content_type="application/json")

    def take_back(self) -> None:
        """Remove what this job was the first to write; what cannot be removed now expires."""
        for key in self._new:
            with suppress(ExportError):
                self._store.delete(key)


class _GivenUp(Cancelled):
    """Something before it cannot be used, so nobody needs this one."""


def in_order(
    one: Callable[[T, Callable[[], None]], R], items: Sequence[T], check: Callable[[], None]
) -> list[R]:
    """`one` of each item, several at once; the first error in the order of the items is raised.

    one: gets the item and a check, which raises as soon as an item before it has failed.
    """
    lock = threading.Lock()
    failed = len(items)

    def at(number: int) -> R:
        nonlocal failed

        def still() -> None:
            check()
            if failed < number:
                raise _GivenUp("given_up", "Another file of the project cannot be used.")

        try:
            still()
            return one(items[number], still)
        except BaseException:
            with lock:
                failed = min(failed, number)
            raise

    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(at, number) for number in range(len(items))]
        errors = [error for future in futures if (error := future.exception()) is not None]
    for error in errors:
        if not isinstance(error, _GivenUp):
            raise error
    return [future.result() for future in futures]
