"""Hub of live snapshots: from `export.status` to all listeners of a job.

`StatusHub` is fed by the thread that reads the topic. Each listener has a bounded queue: one that is
too slow for all snapshots gets the latest, because a snapshot contains everything in those before it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from schemas.identity import JobRef
from schemas.lifecycle import Job

QUEUE = 32


class Subscription:
    """Snapshots of one job for one listener; bound to the event loop that created it."""

    def __init__(self, hub: StatusHub, ref: JobRef, capacity: int) -> None:
        self._hub = hub
        self._ref = ref
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Job] = deque()
        self._capacity = capacity
        self._wake = asyncio.Event()
        self._closed = False

    def __enter__(self) -> Self:
        self._hub._add(self._ref, self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hub._remove(self._ref, self)

    async def next(self, seconds: float) -> Job | None:
        """The next snapshot; None when there is none in `seconds`, or the hub closes."""
        if not self._waiting and not self._closed:
            self._wake.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            except TimeoutError:
                return None
        return self._waiting.popleft() if self._waiting else None

    def wake(self) -> None:
        """End the current wait."""
        self._wake.set()

    def closed(self) -> bool:
        """True once no more snapshots will arrive."""
        return self._closed

    def put(self, job: Job) -> None:
        """Queue a snapshot; a full queue is replaced by it."""
        if len(self._waiting) >= self._capacity:
            self._waiting.clear()
        self._waiting.append(job)
        self._wake.set()

    def _from_thread(self, call: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # The loop is closed, and its listener with it.
            self._hub._remove(self._ref, self)

    def _close(self) -> None:
        self._closed = True
        self._wake.set()


class StatusHub:
    """Distributes snapshots to the listeners of their jobs. Thread-safe."""

    def __init__(self, capacity: int = QUEUE) -> None:
        """capacity: most snapshots queued for one listener."""
        self._capacity = capacity
        self._lock = threading.Lock()
        self._listeners: dict[JobRef, set[Subscription]] = {}
        self._closed = False

    def publish_threadsafe(self, job: Job) -> None:
        """Pass a snapshot to the listeners of its job; callable from any thread."""
        if job.ref not in self._listeners:
            return
        with self._lock:
            listeners = tuple(self._listeners.get(job.ref, ()))
        for listener in listeners:
            listener._from_thread(lambda to=listener: to.put(job))  # type: ignore[misc]

    def subscribe(self, ref: JobRef) -> Subscription:
        """Listen to a job: `with hub.subscribe(ref) as snapshots`. Subscribe first, then read the table."""
        return Subscription(self, ref, self._capacity)

    def close(self) -> None:
        """End all event streams, so that the server can stop; callable from any thread."""
        with self._lock:
            self._closed = True
            listeners = [one for group in self._listeners.values() for one in group]
        for listener in listeners:
            listener._from_thread(listener._close)

    def listeners(self) -> int:
        """Number of current listeners."""
        with self._lock:
            return sum(len(group) for group in self._listeners.values())

    def _add(self, ref: JobRef, listener: Subscription) -> None:
        with self._lock:
            listener._closed = self._closed
            self._listeners.setdefault(ref, set()).add(listener)

    def _remove(self, ref: JobRef, listener: Subscription) -> None:
        with self._lock:
            group = self._listeners.get(ref, set())
            group.discard(listener)
            if not group:
                self._listeners.pop(ref, None)
