"""Reading ahead: objects, or the ranges of a large one, fetched side by side and handed out in order.

A store answers after some milliseconds, whatever is asked for: who reads a thousand chunks one after another
waits most of the time. What is held in memory is bounded, however many objects there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import TypeVar

from connectors.store.base import ObjectStore

T = TypeVar("T")

READERS = 8
"""Objects that are read at a time."""
BUDGET = 64 << 20
"""Bytes that may wait for the reader; a larger object is read alone."""
RANGE = 4 << 20
"""Bytes of a large object that are read at a time."""


def objects(store: ObjectStore, keys: Iterable[str], budget: int = BUDGET) -> Iterator[bytes]:
    """Whole objects in the order of their keys; one that is named twice in a row is read once.

    Raises what `store.get` raises where its turn comes.
    """
    runs = [(key, len(list(group))) for key, group in groupby(keys)]
    if len(runs) == 1:  # no threads for a still
        ((key, count),) = runs
        yield from [store.get(key)] * count
        return
    largest = 0

    def depth() -> int:
        return max(1, min(READERS, budget // largest)) if largest else 2

    fetched = _in_order((partial(store.get, key) for key, _ in runs), depth)
    for (_, count), data in zip(runs, fetched, strict=True):
        largest = max(largest, len(data))
        for _ in range(count):
            yield data


def blocks(store: ObjectStore, key: str, size: int, length: int = RANGE) -> Iterator[bytes]:
    """An object of `size` bytes from the first to the last. Raises Missing where it is not there any more."""

    def read(start: int) -> bytes:
        return b"".join(store.open_range(key, start, length))

    if size <= length:
        yield store.get(key)
    else:
        yield from _in_order((partial(read, start) for start in range(0, size, length)), lambda: READERS)


def _in_order(calls: Iterable[Callable[[], T]], depth: Callable[[], int]) -> Iterator[T]:
    """Results of the calls in their order, while up to `depth` more run ahead."""
    waiting = iter(calls)
    begun: deque[Future[T]] = deque()
    with ThreadPoolExecutor(READERS, thread_name_prefix="ahead") as pool:
        try:
            while True:
                while len(begun) < depth() and (call := next(waiting, None)) is not None:
                    begun.append(pool.submit(call))
                if not begun:
                    return
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()
