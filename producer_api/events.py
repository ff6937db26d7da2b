"""Live events: snapshots from `export.status`, fanned out to whoever listens to a job by SSE.

`StatusHub` is fed by the thread that reads the topic. Each listener has a bounded queue: one that is
too slow for all snapshots gets the latest, for a snapshot tells everything that those before it told.

Server-Sent Events: WHATWG HTML, section 9.2. The event's id is the snapshot's version.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from producer_api.streaming import Departure
from producer_api.views import export_json
from schemas.errors import Unavailable
from schemas.identity import JobRef
from schemas.lifecycle import Job

QUEUE = 32
RETRY_MS = 1000
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Subscription:
    """The snapshots of one job for one listener; to be used in the event loop that made it."""

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
        """Whether nothing more will come."""
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
        except RuntimeError:  # The loop is closed: so is whoever listened.
            self._hub._remove(self._ref, self)

    def _close(self) -> None:
        self._closed = True
        self._wake.set()


class StatusHub:
    """Hands snapshots to the listeners of their jobs. Safe for threads."""

    def __init__(self, capacity: int = QUEUE) -> None:
        """capacity: snapshots that wait for one listener at most."""
        self._capacity = capacity
        self._lock = threading.Lock()
        self._listeners: dict[JobRef, set[Subscription]] = {}
        self._closed = False

    def publish_threadsafe(self, job: Job) -> None:
        """Hand a snapshot to whoever listens to its job; called from any thread."""
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
        """End all event streams, so that a server can stop; called from any thread."""
        with self._lock:
            self._closed = True
            listeners = [one for group in self._listeners.values() for one in group]
        for listener in listeners:
            listener._from_thread(listener._close)

    def listeners(self) -> int:
        """How many listen now."""
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


def event(job: Job) -> bytes:
    """A snapshot as an event."""
    return b"id: %d\ndata: %s\n\n" % (job.version, export_json(job))


class EventStream(Response):
    """An answer that tells of every change of a job, and ends after its last one.

    load: reads the job from the table. seen: the version that the listener knows already. Between
    events the table is read again with each heartbeat, so that a lost message delays and no more.
    """

    def __init__(
        self, hub: StatusHub, job: Job, load: Callable[[], Awaitable[Job | None]], seen: int, heartbeat: float
    ) -> None:
        super().__init__(None, 200)
        self._hub = hub
        self._job = job
        self._load = load
        self._seen = seen
        self._heartbeat = heartbeat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer over ASGI."""
        with self._hub.subscribe(self._job.ref) as snapshots, Departure(receive, snapshots.wake) as departure:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await _write(send, b"retry: %d\n\n" % RETRY_MS)
            # What changed between the look at the table and the subscription is in the table.
            job: Job | None = await self._reload() or self._job
            if job is not None and self._seen > job.version:
                self._seen = 0  # The table was rebuilt: begin anew.
            while not departure.gone():
                if job is not None and job.version > self._seen:
                    self._seen = job.version
                    await _write(send, event(job))
                if (job is not None and job.terminal) or snapshots.closed():
                    break
                job = await snapshots.next(self._heartbeat)
                if job is None and not snapshots.closed() and not departure.gone():
                    await _write(send, b": still here\n\n")
                    job = await self._reload()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _reload(self) -> Job | None:
        try:
            return await self._load()
        except Unavailable:
            return None


async def _write(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})
