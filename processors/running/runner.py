"""The loop that every worker process runs: from Kafka into the stages and back.

One consumer, all its calls on the thread of `run`, which never stops polling. What it reads goes
into a backlog; worker threads claim from there, do the work and publish; the loop commits offsets
whose effects are published. Partitions of which enough is kept ready are paused meanwhile.

    poll ──▶ backlog ──▶ worker threads ──▶ publish, acknowledged ──▶ backlog ──▶ commit

Stopping: nothing more is claimed; what runs may finish within `grace` seconds, then is asked to let
go (its `check` raises) and handed back, not committed. All of it takes less than 10 s, whatever
hangs.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.cimpl import Message

from connectors.kafka import KafkaSettings, Publisher, drain, lag, make_consumer
from connectors.kafka_topics import check_topics
from processors.running import metrics
from processors.running.backlog import Backlog, Limits, Place, Record
from processors.running.control import CancelledJobs, ControlReader
from processors.running.policies import DlqLimit, DlqPolicy, RetryPolicy, TooManyDeadLetters
from processors.running.tasks import Clock, Tasks
from processors.stage import Stage
from schemas.cloudevents import decode_headers
from schemas.topics import CONTROL, DEAD_LETTER, PROGRESS

log = structlog.stdlib.get_logger(__name__)

POLL = 0.05
LET_GO = 1.0
"""Seconds that tasks get to let go once they are asked to."""
LAST_COMMIT = 0.7
LEAVE_GROUP = 1.0
LAG_EVERY = 5.0


@dataclass(frozen=True)
class RunnerOptions:
    """Behaviour of a worker in trouble and at its end: `grace` in seconds, the rest takes 3 more."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    dlq: DlqPolicy = field(default_factory=DlqPolicy)
    grace: float = 6.5


@dataclass(frozen=True)
class Health:
    """State of a worker: ages in seconds; `waiting` is what lies in Kafka for it, if known."""

    since_poll: float
    since_progress: float
    in_flight: int
    assigned: int
    waiting: int

    @property
    def alive(self) -> bool:
        """The loop goes round, and while there is work some of it gets done."""
        idle = self.in_flight == 0 and self.waiting == 0
        return self.since_poll < 15 and (idle or self.since_progress < 300)


class Runner:
    """Runs stages in this process until it is stopped."""

    def __init__(
        self,
        settings: KafkaSettings,
        stages: Sequence[Stage[Any]],
        *,
        options: RunnerOptions | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._stages = {stage.topic: stage for stage in stages}
        self._options = options = options or RunnerOptions()
        self._clock = clock or Clock()
        self._backlog = Backlog({stage.topic: Limits(stage.concurrency, stage.unordered) for stage in stages})
        self._cancelled = CancelledJobs()
        self._dlq_limit = DlqLimit(options.dlq)
        self._dlq_lock = threading.Lock()
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        self._ready = threading.Event()
        self._last_poll = self._last_progress = self._clock.monotonic()
        self._next_lag = 0.0
        self._waiting = 0
        self._resume: set[Place] = set()
        self._unanswered: dict[Place, int] = {}
        self._measured: set[tuple[str, str]] = set()

    # What others may call, from any thread

    def stop(self) -> None:
        """Ask `run` to end; it does within 10 s."""
        self._stopping.set()

    def wait_ready(self, timeout: float) -> bool:
        """Wait until partitions are assigned; False when none were within `timeout` seconds."""
        return self._ready.wait(timeout)

    def health(self) -> Health:
        """State of the worker."""
        now = self._clock.monotonic()
        return Health(
            since_poll=now - self._last_poll,
            since_progress=now - self._last_progress,
            in_flight=self._backlog.in_flight,
            assigned=self._backlog.assigned,
            waiting=self._waiting,
        )

    def run(self) -> None:
        """Handle messages until `stop`.

        Raises Missing when topics are missing and Unavailable when no broker answers at the start;
        TooManyDeadLetters; KafkaException for what librdkafka calls fatal. Then the process should
        end, and be restarted by its supervisor.
        """
        check_topics(self._settings, [*self._stages, PROGRESS, CONTROL, DEAD_LETTER])
        publisher = Publisher(self._settings)
        control = ControlReader(self._settings, self._cancelled_by_control)
        if not control.start():
            log.warning("the control topic is not read yet; orders to cancel come late")
        is_cancelled = self._cancelled.__contains__
        tasks = Tasks(publisher, is_cancelled, self._options.retry, self._clock)
        self._start_threads(tasks)
        consumer = make_consumer(self._settings, on_commit=self._on_commit)
        topics = [self._settings.name(topic) for topic in self._stages]
        try:
            consumer.subscribe(
                topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            while not self._stopping.is_set():
                self._turn(consumer)
        finally:
            self._end(consumer, control, publisher)
        if self._failure is not None:
            raise self._failure

    # One turn of the loop

    def _turn(self, consumer: Consumer) -> None:
        for message in drain(consumer, POLL):
            self._take(message)
        self._commit(consumer)
        self._throttle(consumer)
        now = self._clock.monotonic()
        self._last_poll = now
        if now >= self._next_lag:
            self._next_lag = now + LAG_EVERY
            self._measure(consumer)

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            if error.fatal():
                raise KafkaException(error)
            if error.code() != KafkaError._PARTITION_EOF:
                log.warning("consumer", error=error.str(), code=error.name())
            return
        self._backlog.add(_record(message, self._settings))

    def _commit(self, consumer: Consumer) -> None:
        commits = self._backlog.commits()
        if not commits:
            return
        self._last_progress = self._clock.monotonic()
        try:
            consumer.commit(offsets=self._offsets(commits), asynchronous=True)
        except KafkaException as error:
            log.warning("commit failed, trying again", error=str(error))
            self._backlog.uncommitted(commits)
        else:
            self._unanswered |= commits

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        for place, partition in zip(self._places(partitions), partitions, strict=True):
            if self._unanswered.get(place) == partition.offset:
                del self._unanswered[place]
        failed = [p for p in partitions if error is not None or p.error is not None]
        if failed:
            log.warning("commit failed, trying again", error=str(error or failed[0].error))
            self._backlog.uncommitted(self._places(failed))

    def _throttle(self, consumer: Consumer) -> None:
        pause, resume = self._backlog.throttle()
        fresh, self._resume = self._resume, set()
        try:
            if pause:
                consumer.pause(self._partitions(pause))
            # A pause survives losing and regaining a partition: what was just assigned is resumed too.
            if resume or (fresh := fresh - set(pause)):
                consumer.resume(self._partitions({*resume, *fresh}))
        except KafkaException as error:
            log.warning("pausing failed", error=str(error))

    def _measure(self, consumer: Consumer) -> None:
        positions = {(self._settings.name(t), p): at for (t, p), at in self._backlog.positions().items()}
        behind = lag(consumer, positions)
        labels = {(self._settings.plain(topic), str(number)): n for (topic, number), n in behind.items()}
        for gone in self._measured - set(labels):
            metrics.CONSUMER_LAG.remove(*gone)
        for label, count in labels.items():
            metrics.CONSUMER_LAG.labels(*label).set(count)
        self._measured = set(labels)
        self._waiting = sum(behind.values())
        if self._waiting == 0 and self._backlog.in_flight == 0:
            self._last_progress = self._clock.monotonic()
        metrics.ASSIGNED_PARTITIONS.set(self._backlog.assigned)
        now = self._clock.now().timestamp()
        metrics.LAST_POLL.set(now)
        metrics.LAST_PROGRESS.set(now - (self._clock.monotonic() - self._last_progress))

    # Rebalances: called by the consumer from within poll, on the loop's thread

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        places = self._places(partitions)
        log.info("assigned", partitions=len(places))
        self._backlog.assign(places)
        self._resume |= set(places)
        if places:
            self._ready.set()

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        commits = self._owed_commits()
        places = self._places(partitions)
        log.info("revoked", partitions=len(places), commits=len(commits))
        if commits:
            try:
                consumer.commit(offsets=self._offsets(commits), asynchronous=False)
                self._unanswered.clear()
            except KafkaException as error:
                log.warning("the last commit before a revocation failed", error=str(error))
                self._backlog.uncommitted(commits)
        self._forget(places)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.warning("partitions lost", partitions=len(partitions))
        self._forget(self._places(partitions))

    def _forget(self, places: list[Place]) -> None:
        self._backlog.revoke(places)
        for place in places:
            self._unanswered.pop(place, None)
        self._resume -= set(places)

    def _owed_commits(self) -> dict[Place, int]:
        """Offsets to commit, and those sent but unanswered: a restarting broker forgets them."""
        return self._unanswered | self._backlog.commits()

    # The threads

    def _start_threads(self, tasks: Tasks) -> None:
        count = sum(stage.concurrency for stage in self._stages.values())
        for number in range(count):
            # Daemons: a task that hangs must not keep the process from ending.
            threading.Thread(target=self._work, args=(tasks,), name=f"task-{number}", daemon=True).start()

    def _work(self, tasks: Tasks) -> None:
        while (claim := self._backlog.claim()) is not None:
            outcome = tasks.run(self._stages[claim.record.topic], claim.record, claim.abort)
            self._backlog.finish(claim, handled=outcome != "handed_back")
            self._count(claim.record.topic, outcome == "dead_letter")

    def _count(self, topic: str, dead: bool) -> None:
        try:
            with self._dlq_lock:
                self._dlq_limit.record(topic, dead)
        except TooManyDeadLetters as error:
            log.error("stopping", code=error.code, reason=error.message)
            self._failure = error
            self._stopping.set()

    def _cancelled_by_control(self, job_id: str, tenant: str) -> None:
        self._cancelled.add(job_id, tenant)

    # The end

    def _end(self, consumer: Consumer, control: ControlReader, publisher: Publisher) -> None:
        log.info("stopping", in_flight=self._backlog.in_flight)
        self._backlog.close()
        self._keep_polling(consumer, self._options.grace)
        self._backlog.abort()
        self._keep_polling(consumer, LET_GO)
        self._last_commits(consumer)
        # Leaving the group, and flushing, may hang on a broker that is away.
        ends = [threading.Thread(target=consumer.close, name="leave-group", daemon=True)]
        ends.append(threading.Thread(target=publisher.close, args=(LEAVE_GROUP,), daemon=True))
        ends.append(threading.Thread(target=control.stop, daemon=True))
        for thread in ends:
            thread.start()
        deadline = self._clock.monotonic() + LEAVE_GROUP
        for thread in ends:
            thread.join(max(0.0, deadline - self._clock.monotonic()))
        log.info("stopped", handed_back=self._backlog.in_flight)

    def _keep_polling(self, consumer: Consumer, seconds: float) -> None:
        deadline = self._clock.monotonic() + seconds
        while self._backlog.in_flight and self._clock.monotonic() < deadline:
            try:
                drain(consumer, POLL)  # keeps the membership; what it reads is left to others
                self._commit(consumer)
            except KafkaException as error:
                log.warning("consumer", error=str(error))
                return

    def _last_commits(self, consumer: Consumer) -> None:
        commits = self._owed_commits()
        if not commits:
            return
        done = threading.Thread(target=self._commit_now, args=(consumer, commits), daemon=True)
        done.start()
        done.join(LAST_COMMIT)

    def _commit_now(self, consumer: Consumer, commits: dict[Place, int]) -> None:
        try:
            consumer.commit(offsets=self._offsets(commits), asynchronous=False)
            self._unanswered.clear()
        except (KafkaException, RuntimeError) as error:
            log.warning("the last commit failed: some messages will be handled again", error=str(error))

    # Names on the broker and names in the code

    def _offsets(self, commits: dict[Place, int]) -> list[TopicPartition]:
        name = self._settings.name
        return [TopicPartition(name(topic), number, offset) for (topic, number), offset in commits.items()]

    def _partitions(self, places: Sequence[Place] | set[Place]) -> list[TopicPartition]:
        return [TopicPartition(self._settings.name(topic), number) for topic, number in places]

    def _places(self, partitions: Sequence[TopicPartition]) -> list[Place]:
        return [(self._settings.plain(p.topic), p.partition) for p in partitions]


def _record(message: Message, settings: KafkaSettings) -> Record:
    raw = message.headers() or []
    pairs = list(raw.items()) if isinstance(raw, dict) else list(raw)
    return Record(
        topic=settings.plain(message.topic() or ""),
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=message.key(),
        value=message.value(),
        headers=decode_headers(pairs),
        raw_headers=[(name, value) for name, value in pairs if isinstance(value, bytes)],
    )
