"""The hub of live snapshots and the publisher: threads on one side, the event loop on the other."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from datetime import UTC, datetime

import pytest

from producer_api.live.hub import StatusHub, Subscription
from producer_api.live.sse import event
from producer_api.publishing import StreamPublisher
from producer_api.views import export_json
from schemas import topics
from schemas.cloudevents import Headers, decode_headers
from schemas.errors import Unavailable
from schemas.identity import JobRef
from schemas.lifecycle import Job
from schemas.messages import DEFAULT_TENANT, Control, read_message

J1 = JobRef(DEFAULT_TENANT, "j1")
LONG = 30.0


def snapshot(version: int, job_id: str = "j1") -> Job:
    """A job after so many changes."""
    return Job(id=job_id, tenant="default", version=version, format="mp4")


async def versions(snapshots: Subscription, count: int) -> list[int]:
    """The versions of the next snapshots."""
    found = [await snapshots.next(LONG) for _ in range(count)]
    return [job.version for job in found if job is not None]


def test_listeners_get_the_snapshots_of_their_job_from_any_thread() -> None:
    """Each listener gets every snapshot of its job in order, and none of another's."""

    async def scene() -> tuple[list[int], list[int]]:
        hub = StatusHub()
        with hub.subscribe(J1) as one, hub.subscribe(J1) as other:

            def feed() -> None:
                for version in range(1, 6):
                    hub.publish_threadsafe(snapshot(version, "j2"))
                    hub.publish_threadsafe(snapshot(version))

            thread = threading.Thread(target=feed)
            thread.start()
            found = await versions(one, 5), await versions(other, 5)
            thread.join()
            assert hub.listeners() == 2
        assert hub.listeners() == 0
        return found

    assert asyncio.run(scene()) == ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])


def test_a_slow_listener_gets_the_latest() -> None:
    """What it missed is dropped: its queue is bounded, and the newest snapshot is always in it."""

    async def scene() -> list[int]:
        hub = StatusHub(capacity=4)
        with hub.subscribe(J1) as slow:
            for version in range(1, 11):
                hub.publish_threadsafe(snapshot(version))
            await asyncio.sleep(0)
            found = []
            while (job := await slow.next(0.001)) is not None:
                found.append(job.version)
            return found

    found = asyncio.run(scene())
    assert found[-1] == 10
    assert len(found) <= 4
    assert found == sorted(found)


def test_silence_ends_the_wait_with_nothing() -> None:
    """The wait is limited, and so is one on a hub that is closed."""

    async def scene() -> None:
        hub = StatusHub()
        with hub.subscribe(J1) as snapshots:
            assert await snapshots.next(0.001) is None
            threading.Thread(target=hub.close).start()
            assert await snapshots.next(LONG) is None
            assert snapshots.closed()
        with hub.subscribe(J1) as late:
            assert await late.next(LONG) is None

    asyncio.run(scene())


def test_a_listener_whose_loop_has_ended_is_forgotten() -> None:
    """A snapshot for nobody does no harm."""
    hub = StatusHub()

    async def leave() -> None:
        hub.subscribe(J1).__enter__()

    asyncio.run(leave())
    assert hub.listeners() == 1
    hub.publish_threadsafe(snapshot(1))
    assert hub.listeners() == 0


def test_an_event_is_one_block_with_the_version_as_its_id() -> None:
    """However the data looks, an event is two lines and an empty one."""
    job = snapshot(7).model_copy(update={"metadata": {"text": "a\n\nb\r\rc"}})
    text = event(job, export_json).decode()
    assert text.startswith('id: 7\ndata: {"id":"j1",')
    assert text.endswith("}\n\n")
    assert text.count("\n") == 3
    assert "\r" not in text


class Sender:
    """A Kafka client that acknowledges at once, never, or with an error."""

    def __init__(self, outcome: Exception | None = None, *, silent: bool = False) -> None:
        self.sent: list[tuple[str, str | bytes | None, bytes | None, Headers]] = []
        self._outcome = outcome
        self._silent = silent

    def publish(
        self, topic: str, key: str | bytes | None, value: bytes | None, headers: Headers
    ) -> Future[None]:
        """Take a message."""
        self.sent.append((topic, key, value, headers))
        future: Future[None] = Future()
        if self._outcome is not None:
            future.set_exception(self._outcome)
        elif not self._silent:
            future.set_result(None)
        return future


def test_a_message_travels_with_its_type_and_a_trace() -> None:
    """What is published can be read by its headers alone."""
    sender = Sender()
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    publisher = StreamPublisher(sender, now=lambda: moment)
    publisher.publish(topics.CONTROL, "j1", Control(job_id="j1"))
    [(topic, key, value, headers)] = sender.sent
    told = decode_headers(headers)
    assert (topic, key, told.time, told.source) == (topics.CONTROL, "j1", moment, "exportstream/api")
    assert told.traceparent is not None
    assert value is not None
    assert read_message(told.type, told.version, value, Control) == Control(job_id="j1")


@pytest.mark.parametrize(
    "sender", [Sender(silent=True), Sender(Unavailable("broker_unavailable", "No.")), Sender(TimeoutError())]
)
def test_a_message_that_is_not_acknowledged_is_unavailable(sender: Sender) -> None:
    """An error of the broker and its silence are the same to the caller."""
    publisher = StreamPublisher(sender, timeout=0.05)
    with pytest.raises(Unavailable) as caught:
        publisher.publish(topics.CONTROL, "j1", Control(job_id="j1"))
    assert caught.value.code == "broker_unavailable"
