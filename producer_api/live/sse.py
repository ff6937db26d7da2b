"""Server-sent events of a job's snapshots. Source: WHATWG HTML, section 9.2.

An event's id is the snapshot's version, its data the job as a dialect shows it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from producer_api.live.hub import StatusHub
from producer_api.streaming import Departure
from schemas.errors import Unavailable
from schemas.lifecycle import Job

RETRY_MS = 1000
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]

Show = Callable[[Job], bytes]
"""A job as JSON on one line."""


def event(job: Job, show: Show) -> bytes:
    """A snapshot as an event."""
    return b"id: %d\ndata: %s\n\n" % (job.version, show(job))


def last_seen(last_event_id: str | None) -> int:
    """The version in a `Last-Event-ID`; 0 where it is not a version."""
    text = (last_event_id or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


class EventStream(Response):
    """Response with an event for every change of a job; ends after its last one.

    load: reads the job from the table. seen: last version that the listener has seen. show: writes a job.
    With each heartbeat the table is read again, so a lost message only delays an event.
    """

    def __init__(
        self,
        hub: StatusHub,
        job: Job,
        load: Callable[[], Awaitable[Job | None]],
        show: Show,
        *,
        seen: int,
        heartbeat: float,
    ) -> None:
        super().__init__(None, 200)
        self._hub = hub
        self._job = job
        self._load = load
        self._show = show
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
                self._seen = 0  # The table was rebuilt: start over.
            while not departure.gone():
                if job is not None and job.version > self._seen:
                    self._seen = job.version
                    await _write(send, event(job, self._show))
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
