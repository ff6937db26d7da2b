"""Handling one message, without a broker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import UTC, datetime
from random import Random
from typing import ClassVar

from prometheus_client import REGISTRY

from processors.running.backlog import Record
from processors.running.policies import RetryPolicy
from processors.running.tasks import Clock, Outcome, Tasks
from processors.stage import Outgoing, TaskContext
from schemas.cloudevents import EventHeaders, Headers, decode_headers
from schemas.errors import Cancelled, ExportError, InvalidInput, Unavailable
from schemas.messages import Message

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Job(Message):
    """The least that a message can be."""

    TYPE: ClassVar[str] = "job"

    job_id: str = "j"


class Log:
    """A publisher that keeps what it gets; `away` times it is not available."""

    def __init__(self, away: int = 0) -> None:
        self.sent: list[tuple[str, bytes | None, Headers]] = []
        self.away = away

    def publish(
        self, topic: str, key: str | bytes | None, value: bytes | None, headers: Headers
    ) -> Future[None]:
        """Keep a message, or fail its future."""
        future: Future[None] = Future()
        if self.away:
            self.away -= 1
            future.set_exception(Unavailable("broker_unavailable", "away"))
            return future
        self.sent.append((topic, value, headers))
        future.set_result(None)
        return future

    @property
    def topics(self) -> list[str]:
        """Where the messages went."""
        return [topic for topic, _, _ in self.sent]


class Time:
    """A clock that moves only when somebody waits."""

    def __init__(self) -> None:
        self.at = 0.0

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Pass the time at once."""
        self.at += seconds
        return event.is_set()

    def clock(self) -> Clock:
        """What tasks see of it."""
        return Clock(lambda: self.at, lambda: NOW, self.wait, Random(1))


class Fake:
    """A stage that does what it is given."""

    name = "mix"
    topic = "in"
    concurrency = 1
    unordered = False

    def __init__(
        self, work: Callable[[TaskContext], Iterable[Outgoing]], tell: Callable[[], Iterable[Outgoing]] = list
    ) -> None:
        self._work = work
        self._tell = tell
        self.calls = 0

    def parse(self, type_name: str | None, version: str | None, value: bytes) -> Job:
        """A job."""
        return Job.decode(value)

    def job_of(self, message: Job) -> tuple[str, str]:
        """Its id."""
        return message.job_id, "default"

    def handle(self, message: Job, context: TaskContext) -> Iterable[Outgoing]:
        """Do it."""
        self.calls += 1
        return self._work(context)

    def on_failure(self, message: Job, error: ExportError, now: datetime) -> Iterable[Outgoing]:
        """Say so."""
        return self._tell()


def _run(
    stage: Fake,
    log: Log,
    value: bytes | None = b"{}",
    cancelled: bool = False,
    abort: bool = False,
    time: Time | None = None,
) -> Outcome:
    event = threading.Event()
    if abort:
        event.set()
    retry = RetryPolicy(first=1.0, most=8.0, budget=60.0)
    tasks = Tasks(log, lambda _: cancelled, retry, (time or Time()).clock())
    return tasks.run(stage, Record("in", 3, 17, b"key", value), event)


def _out(_: TaskContext) -> list[Outgoing]:
    return [Outgoing("out", "key", Job())]


def _failing(error: Exception) -> Callable[[TaskContext], list[Outgoing]]:
    def work(_: TaskContext) -> list[Outgoing]:
        raise error

    return work


def test_outputs_are_published() -> None:
    """A handled message is done once its outputs are with the broker."""
    log = Log()
    assert _run(Fake(_out), log) == "done"
    assert log.topics == ["out"]


def test_outputs_are_published_again_while_the_broker_is_away() -> None:
    """The work is not repeated when only its outputs could not be delivered."""
    log, stage = Log(away=5), Fake(_out)
    assert _run(stage, log) == "done"
    assert (log.topics, stage.calls) == (["out"], 1)


def test_a_worker_that_stops_while_the_broker_is_away_hands_back() -> None:
    """Outputs that were never delivered leave the message unhandled."""
    stop = threading.Event()

    def work(_: TaskContext) -> list[Outgoing]:
        stop.set()
        return [Outgoing("out", "key", Job())]

    log = Log(away=1000)
    tasks = Tasks(log, lambda _: False, RetryPolicy(), Time().clock())
    assert tasks.run(Fake(work), Record("in", 3, 17, b"key", b"{}"), stop) == "handed_back"


def test_progress_that_was_not_delivered_is_published_again() -> None:
    """Live progress is with the broker at the latest when the message is handled."""
    log = Log(away=1)

    def work(context: TaskContext) -> list[Outgoing]:
        context.emit(Outgoing("live", "key", Job()))
        return _out(context)

    assert _run(Fake(work), log) == "done"
    assert sorted(log.topics) == ["live", "out"]


def test_retries_end_with_their_budget() -> None:
    """An infrastructure fault is tried again until the budget is spent, then told."""
    time, log = Time(), Log()
    stage = Fake(
        _failing(Unavailable("store_unavailable", "away")), lambda: [Outgoing("facts", "key", Job())]
    )
    assert _run(stage, log, time=time) == "failed"
    assert stage.calls > 5
    assert 40 < time.at <= 60
    assert log.topics == ["facts"]


def test_a_generator_is_work_too() -> None:
    """What a stage raises while its outputs are taken from it counts like any other error."""

    def work(_: TaskContext) -> Iterable[Outgoing]:
        yield Outgoing("out", "key", Job())
        raise InvalidInput("bad", "Bad.")

    log = Log()
    assert _run(Fake(work, lambda: [Outgoing("facts", "key", Job())]), log) == "failed"
    assert log.topics == ["facts"]


def test_a_message_of_a_cancelled_job_is_dropped_unseen() -> None:
    """Nothing is done for it, and nothing is published."""
    log, stage = Log(), Fake(_out)
    assert _run(stage, log, cancelled=True) == "cancelled"
    assert (log.sent, stage.calls) == ([], 0)


def test_a_stage_may_give_up_a_job_by_itself() -> None:
    """Cancelled from within a stage drops the message."""
    assert _run(Fake(_failing(Cancelled("superseded", "No longer needed."))), Log()) == "cancelled"


def test_a_stopping_worker_begins_nothing() -> None:
    """A message that was claimed just before the end is handed back."""
    stage = Fake(_out)
    assert _run(stage, Log(), abort=True) == "handed_back"
    assert stage.calls == 0


def test_a_tombstone_is_a_dead_letter() -> None:
    """A message without a value cannot be handled."""
    log = Log()
    assert _run(Fake(_out), log, value=None) == "dead_letter"
    ((topic, value, headers),) = log.sent
    assert (topic, value) == ("export.dead-letter", None)
    assert dict(headers)["dlq_code"] == b"empty_message"
    assert dict(headers)["dlq_offset"] == b"17"


def test_a_failure_that_cannot_be_told_is_a_dead_letter() -> None:
    """When even `on_failure` has a bug, the message is kept where somebody will look."""

    def broken() -> Iterable[Outgoing]:
        raise ZeroDivisionError

    log = Log()
    assert _run(Fake(_failing(InvalidInput("bad", "Bad.")), broken), log) == "dead_letter"
    assert dict(log.sent[0][2])["dlq_code"] == b"internal_error"


def test_tasks_are_counted_by_stage_and_outcome() -> None:
    """A handled message shows in the metrics, and nothing is left in flight."""
    labels = {"stage": "mix", "outcome": "done"}
    before = REGISTRY.get_sample_value("exportstream_tasks_total", labels) or 0.0
    _run(Fake(_out), Log())
    assert REGISTRY.get_sample_value("exportstream_tasks_total", labels) == before + 1
    assert REGISTRY.get_sample_value("exportstream_tasks_in_flight", {"stage": "mix"}) == 0


def test_a_trace_runs_through() -> None:
    """What follows from a message belongs to its trace."""
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    headers = decode_headers([("traceparent", trace.encode())])
    log = Log()
    tasks = Tasks(log, lambda _: False, RetryPolicy(), Time().clock())
    tasks.run(Fake(_out), Record("in", 0, 0, b"key", b"{}", headers), threading.Event())
    assert (decode_headers(log.sent[0][2]).traceparent or "").split("-")[1] == "a" * 32


def _ids(stage: Fake, log: Log, cause: str | None, offset: int = 0) -> list[str | None]:
    """The event ids of what follows from a message."""
    tasks = Tasks(log, lambda _: False, RetryPolicy(), Time().clock())
    record = Record("in", 0, offset, b"key", b"{}", EventHeaders("job", id=cause))
    tasks.run(stage, record, threading.Event())
    return [decode_headers(headers).id for _, _, headers in log.sent]


def test_what_is_published_again_is_the_same_event() -> None:
    """While the broker is away, and when its cause is delivered again: a task keeps its first id."""
    first = _ids(Fake(_out), Log(), "cause")
    tried = Refusing()
    assert _ids(Fake(_out), tried, "cause") == first
    assert tried.refused == first
    assert _ids(Fake(_out), Log(), "cause", offset=9) == first
    assert first[0] is not None


def test_the_same_work_ordered_for_another_reason_is_another_event() -> None:
    """A part that was swept away is made again: a consumer that drops known ids must not drop the order."""
    ids = [
        _ids(Fake(_out), Log(), cause, offset)[0]
        for cause, offset in (("a", 0), ("b", 0), (None, 1), (None, 2))
    ]
    assert len(set(ids)) == 4


class Refusing(Log):
    """A publisher that fails twice, and notes what it was given then."""

    def __init__(self) -> None:
        super().__init__(away=2)
        self.refused: list[str | None] = []

    def publish(
        self, topic: str, key: str | bytes | None, value: bytes | None, headers: Headers
    ) -> Future[None]:
        """Note and fail, or keep."""
        if self.away:
            self.refused = [decode_headers(headers).id]
        return super().publish(topic, key, value, headers)
