"""Handling one message: parse, work with retries, publish, and say how it ended.

    done         handled, outputs acknowledged by the broker
    failed       the job's owner was told why it cannot be done
    cancelled    the job was called off: dropped
    dead_letter  unreadable: published to the dead-letter topic
    handed_back  the worker stops: not handled, the partition's next owner begins again

All but the last count as handled: their offset may be committed.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import structlog

from connectors.store.base import FULL, disk_error
from processors.running import metrics, suspects
from processors.running.backlog import Record
from processors.running.policies import RetryPolicy
from processors.stage import JOB_CANCELLED, Instead, Outgoing, Stage, TaskContext
from schemas.cloudevents import Headers, child_trace, headers_for
from schemas.errors import Cancelled, ExportError, InvalidInput, InvalidMessage, Unavailable
from schemas.topics import DEAD_LETTER

Outcome = Literal["done", "failed", "cancelled", "dead_letter", "handed_back"]

log = structlog.stdlib.get_logger(__name__)

WAIT_STEP = 0.2
"""Seconds between two looks at whether the task should end, while it waits."""


class Publishes(Protocol):
    """The part of a publisher that is needed (connectors.kafka.Publisher)."""

    def publish(
        self, topic: str, key: str | bytes | None, value: bytes | None, headers: Headers
    ) -> Future[None]:
        """Send a message; the future ends when the broker has it."""


@dataclass(frozen=True)
class Clock:
    """Time and chance, so that tests decide them. `wait` returns early, and True, when the event is set."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    wait: Callable[[threading.Event, float], bool] = lambda event, seconds: event.wait(seconds)
    random: random.Random = field(default_factory=random.SystemRandom)


class _HandedBack(Exception):
    """The worker lets go of the task."""


class Tasks:
    """Runs messages through their stage; used by all worker threads of a process."""

    def __init__(
        self,
        publisher: Publishes,
        is_cancelled: Callable[[tuple[str, str]], bool],
        retry: RetryPolicy,
        clock: Clock,
    ) -> None:
        """is_cancelled: whether (job id, tenant) was called off."""
        self._publisher = publisher
        self._is_cancelled = is_cancelled
        self._retry = retry
        self._clock = clock

    def run(self, stage: Stage[Any], record: Record, abort: threading.Event) -> Outcome:
        """Handle one message; never raises. `abort` is set when the worker must let go."""
        began = self._clock.monotonic()
        with metrics.TASKS_IN_FLIGHT.labels(stage.name).track_inprogress():
            outcome = self._run(stage, record, abort)
        metrics.TASKS.labels(stage.name, outcome).inc()
        metrics.TASK_SECONDS.labels(stage.name).observe(self._clock.monotonic() - began)
        return outcome

    def bury(
        self, stage: Stage[Any], record: Record, abort: threading.Event, deaths: int, attempts: int
    ) -> Outcome:
        """Dead-letter a message that ended its worker `deaths` times, and fail its job; never raises.

        When even that ended a worker (more deaths than `attempts`), it is read no more: a dead letter only.
        """
        task = _Task(self._publisher, self._clock, stage.name, record, abort)
        error = suspects.killed(attempts)
        try:
            if deaths == attempts and record.value is not None:
                with suppress(ExportError):
                    message = stage.parse(record.headers.type, record.headers.version, record.value)
                    task.deliver(stage.on_failure(message, error, self._clock.now()))
            outcome = self._dead_letter(task, error)
        except _HandedBack:
            outcome = "handed_back"
        except Exception:
            log.exception("a dead letter's job could not be told", stage=stage.name, place=_place(record))
            outcome = self._dead_letter(task, error)
        metrics.TASKS.labels(stage.name, outcome).inc()
        return outcome

    def _run(self, stage: Stage[Any], record: Record, abort: threading.Event) -> Outcome:
        task = _Task(self._publisher, self._clock, stage.name, record, abort)
        try:
            try:
                if record.value is None:
                    raise InvalidMessage("empty_message", "The message has no value.")
                message = stage.parse(record.headers.type, record.headers.version, record.value)
                job = stage.job_of(message)
            except ExportError as error:
                return self._dead_letter(task, error)
            with structlog.contextvars.bound_contextvars(job_id=job[0], tenant=job[1], stage=stage.name):
                return self._work(stage, message, job, task)
        except _HandedBack:
            return "handed_back"
        except Exception as error:
            log.exception("a message could not be handled", stage=stage.name, place=_place(record))
            try:
                return self._dead_letter(task, ExportError("internal_error", repr(error)))
            except _HandedBack:
                return "handed_back"

    def _work(self, stage: Stage[Any], message: Any, job: tuple[str, str], task: _Task) -> Outcome:
        def check() -> None:
            if task.abort.is_set():
                raise Cancelled("worker_stopping", "The worker stops and hands the task back.")
            if self._is_cancelled(job):
                raise Cancelled(JOB_CANCELLED, "The job was cancelled.")

        context = TaskContext(check, task.emit, self._clock.now)
        try:
            check()
            task.deliver(self._attempts(stage, message, context, task.abort))
        except Cancelled as error:
            if task.abort.is_set() and not self._is_cancelled(job):
                log.info("handed back", place=_place(task.record))
                return "handed_back"
            log.info("dropped, its job was cancelled", reason=error.code)
            return "cancelled"
        except InvalidMessage as error:
            return self._dead_letter(task, error)
        except ExportError as error:
            log.warning("failed", code=error.code, reason=error.message, path=error.path)
            return self._fail(stage, message, error, task)
        return "done"

    def _attempts(
        self, stage: Stage[Any], message: Any, context: TaskContext, abort: threading.Event
    ) -> list[Outgoing]:
        began = self._clock.monotonic()
        attempt = 0
        while True:
            attempt += 1
            try:
                # A list: a stage may be a generator, and its work belongs inside this try.
                return _handled(stage, message, context)
            except Unavailable as error:
                elapsed = self._clock.monotonic() - began
                delay = self._retry.delay(attempt, elapsed, self._clock.random.random())
                if delay is None:
                    raise
                log.warning(
                    "trying again", code=error.code, reason=error.message, attempt=attempt, delay=delay
                )
                metrics.RETRIES.labels(stage.name).inc()
                self._pause(delay, context, abort)
            except ExportError:
                raise
            except Exception as error:
                log.exception("an unexpected error")
                sentence = "Something unexpected went wrong in the export service."
                raise InvalidInput("internal_error", sentence) from error

    def _pause(self, seconds: float, context: TaskContext, abort: threading.Event) -> None:
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            context.check()
            self._clock.wait(abort, min(WAIT_STEP, left))
        context.check()

    def _fail(self, stage: Stage[Any], message: Any, error: ExportError, task: _Task) -> Outcome:
        task.deliver(stage.on_failure(message, error, self._clock.now()))
        return "failed"

    def _dead_letter(self, task: _Task, error: ExportError) -> Outcome:
        record = task.record
        log.warning("dead letter", code=error.code, reason=error.message, place=_place(record))
        headers = dead_letter_headers(record, error, task.stage, self._clock.now())
        task.wait(lambda: [self._publisher.publish(DEAD_LETTER, record.key, record.value, headers)])
        metrics.DEAD_LETTERS.labels(record.topic, error.code).inc()
        return "dead_letter"


class _Task:
    """One message's way out: what it publishes, and that all of it is acknowledged."""

    def __init__(
        self, publisher: Publishes, clock: Clock, stage: str, record: Record, abort: threading.Event
    ) -> None:
        self.record = record
        self.stage = stage
        self.abort = abort
        self._publisher = publisher
        self._clock = clock
        self._emitted: list[tuple[Outgoing, Future[None]]] = []

    def emit(self, outgoing: Outgoing) -> None:
        """Publish at once; acknowledged at the latest before the task counts as handled."""
        self._emitted = [(sent, future) for sent, future in self._emitted if not _acknowledged(future)]
        self._emitted.append((outgoing, self._publish(outgoing)))

    def deliver(self, outputs: Iterable[Outgoing]) -> None:
        """Publish and wait for the broker; raises InvalidInput for what it will never take."""
        messages = list(outputs)
        self.wait(lambda: [self._publish(outgoing) for outgoing in messages])
        emitted, self._emitted = self._emitted, []
        for outgoing, future in emitted:
            self._settle(outgoing, future)

    def _settle(self, outgoing: Outgoing, future: Future[None]) -> None:
        try:
            self._wait_for(future)
        except ExportError:
            self.wait(lambda: [self._publish(outgoing)])

    def wait(self, publish: Callable[[], list[Future[None]]]) -> None:
        """Publish until the broker has all of it, however long it is away, or until the worker lets go."""
        while True:
            try:
                futures = publish()
                for future in futures:
                    self._wait_for(future)
                return
            except Unavailable as error:
                log.warning("publishing again", code=error.code, reason=error.message)
                if self._clock.wait(self.abort, 0.5):
                    raise _HandedBack from error

    def _wait_for(self, future: Future[None]) -> None:
        while True:
            try:
                return future.result(WAIT_STEP)
            except FutureTimeout as error:
                if self.abort.is_set():
                    raise _HandedBack from error

    def _publish(self, outgoing: Outgoing) -> Future[None]:
        record, message = self.record, outgoing.message
        headers = headers_for(
            message,
            outgoing.key,
            source=self.stage,
            time=self._clock.now(),
            traceparent=child_trace(record.headers.traceparent, self._clock.random.getrandbits),
            cause=record.headers.id or _place(record),
        )
        return self._publisher.publish(outgoing.topic, outgoing.key, message.encode(), headers)


def _handled(stage: Stage[Any], message: Any, context: TaskContext) -> list[Outgoing]:
    """Messages that a stage emits. Raises as it does, and Unavailable if the work folder's disk is full."""
    try:
        return list(stage.handle(message, context))
    except Instead as other:
        return list(other.outputs)
    except OSError as error:
        if error.errno in FULL:
            raise disk_error(error) from error
        raise


def _acknowledged(future: Future[None]) -> bool:
    return future.done() and future.exception() is None


def dead_letter_headers(record: Record, error: ExportError, stage: str, now: datetime) -> Headers:
    """The headers that came, then why and from where: what `exportstream dlq` shows and replays by."""
    kept = [(name, value) for name, value in record.raw_headers if not name.startswith("dlq_")]
    why = {
        "dlq_code": error.code,
        "dlq_reason": str(error)[:1000],
        "dlq_stage": stage,
        "dlq_topic": record.topic,
        "dlq_partition": str(record.partition),
        "dlq_offset": str(record.offset),
        "dlq_at": now.isoformat(),
    }
    return kept + [(name, value.encode()) for name, value in why.items()]


def _place(record: Record) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"
