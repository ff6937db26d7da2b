"""`projection rebuild`: the job table filled anew, from the snapshots or from the facts themselves.

From the snapshots (`export.status`) is the ordinary way: the table ends as the topic has it. From the facts
(`export.requests`, `export.progress`) is the way when the snapshots are lost or wrong; it reaches as far back
as these topics are kept, leaves older rows alone, and publishes what it folded, so that both agree again.
Either reads its topics in batches.

Snapshots that an older version published lie under the job's id alone. They count as any other, then are
published under the key of today, and the old key is deleted.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import structlog
from confluent_kafka import Message

from connectors.kafka import KafkaSettings, Publisher
from connectors.kafka_log import BATCH, TopicLog
from exportstream.projecting import publish_all, wait_for_all
from processors.refolding import Refold
from processors.stage import Outgoing
from schemas import topics
from schemas.cloudevents import read_type
from schemas.errors import InvalidMessage
from schemas.facts import Fact, read_fact
from schemas.identity import JobRef
from schemas.lifecycle import Job
from schemas.messages import ExportRequest, read_message

if TYPE_CHECKING:
    from connectors.jobs import Jobs

log = structlog.stdlib.get_logger(__name__)

ItemT = TypeVar("ItemT")


class Rebuilt(NamedTuple):
    """What was done: jobs written, facts folded, jobs moved to a key of today, messages left out."""

    jobs: int = 0
    facts: int = 0
    moved: int = 0
    unreadable: int = 0


# --- from snapshots --------------------------------------------------------------------------------


class Snapshots:
    """Reads `export.status`, and notes what its keys say: which jobs were deleted, which have an old key."""

    def __init__(self) -> None:
        self._deleted: set[JobRef] = set()
        self._old: dict[str, set[JobRef]] = {}
        self.unreadable = 0

    def read(self, batch: Iterable[Message]) -> list[Job]:
        """The snapshots in a batch that may be rows."""
        found = []
        for message in batch:
            key, value = (message.key() or b"").decode("utf-8", "replace"), message.value()
            if value is None:
                self._delete(key)
                continue
            try:
                job = Job.decode(value)
            except InvalidMessage as error:
                self.unreadable += 1
                log.warning("a snapshot cannot be read", key=key, reason=error.message)
                continue
            if key == job.id:
                self._old.setdefault(key, set()).add(job.ref)
            else:
                self._deleted.discard(job.ref)
            found.append(job)
        return found

    def _delete(self, key: str) -> None:
        tenant, slash, job_id = key.partition("/")
        if slash:
            self._deleted.add(JobRef(tenant, job_id))
        else:
            self._old.pop(key, None)

    @property
    def deleted(self) -> set[JobRef]:
        """The jobs whose last word is that they are gone."""
        return self._deleted

    def of_old_keys(self) -> Iterator[JobRef]:
        """The jobs that an old key still stands for."""
        return (ref for refs in self._old.values() for ref in refs)


def from_snapshots(kafka: KafkaSettings, jobs: Jobs) -> Rebuilt:
    """Have the table hold the newest snapshot of each job on `export.status`, and nothing else.

    In one transaction: until it ends the table is as it was, and stays so when the broker goes away. Stop the
    projection before, or it writes between.
    """
    snapshots = Snapshots()
    with jobs.loading(emptied=True) as loader:
        for batch in TopicLog(kafka, topics.STATUS).batches():
            loader.write(snapshots.read(batch))
        loader.remove(snapshots.deleted)
        written = loader.count()
    moved = _move(kafka, jobs, snapshots.of_old_keys())
    return Rebuilt(written, moved=moved, unreadable=snapshots.unreadable)


def _move(kafka: KafkaSettings, jobs: Jobs, refs: Iterable[JobRef]) -> int:
    """Publish snapshots under the key of today, then delete what lies under the old one."""
    moved = 0
    publisher = Publisher(kafka)
    try:
        for some in _portions(refs):
            rows = jobs.get_many(some)
            publish_all(publisher, [_snapshot(job) for job in rows.values()])
            wait_for_all([publisher.publish(topics.STATUS, ref.id, None, []) for ref in some])
            moved += len(rows)
    finally:
        publisher.close()
    return moved


# --- from facts ------------------------------------------------------------------------------------


def from_facts(
    kafka: KafkaSettings,
    jobs: Jobs,
    keep: Callable[[ExportRequest], ExportRequest] = lambda request: request,
) -> Rebuilt:
    """Fold every job of the log anew, write its row and publish its snapshot.

    A version never goes back, and a job whose request the topic has forgotten keeps the row that it has.
    Stop the projection before, or it writes between.
    """
    # The ends of the facts are noted first: so whatever they tell of was requested before the other ends.
    facts, requests = TopicLog(kafka, topics.PROGRESS), TopicLog(kafka, topics.REQUESTS)
    read = LogReader()
    publisher = Publisher(kafka)
    written = 0
    try:
        for some in _portions(_folded(requests, facts, read, Refold(keep))):
            written += _write_over(some, jobs, publisher)
    finally:
        gc.unfreeze()
        publisher.close()
    return Rebuilt(written, facts=read.facts_read, unreadable=read.unreadable)


class LogReader:
    """Reads requests and facts; of the headers only the type, for the rest takes as long as folding."""

    def __init__(self) -> None:
        self.facts_read = 0
        self.unreadable = 0

    def requests(self, batch: Iterable[Message]) -> Iterator[tuple[ExportRequest, datetime]]:
        """The requests in a batch, and when each was published."""
        for message in batch:
            type_name, version = read_type(message.headers())
            try:
                request = read_message(type_name, version, message.value() or b"", ExportRequest)
            except InvalidMessage:
                self.unreadable += 1
                continue
            assert isinstance(request, ExportRequest)
            yield request, datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)

    def facts(self, batch: Iterable[Message]) -> Iterator[Fact]:
        """The facts in a batch."""
        for message in batch:
            type_name, version = read_type(message.headers())
            try:
                fact = read_fact(type_name, version, message.value() or b"")
            except InvalidMessage:
                self.unreadable += 1
                continue
            self.facts_read += 1
            yield fact


def _folded(requests: TopicLog, facts: TopicLog, read: LogReader, refold: Refold) -> Iterator[Job]:
    """Every job of the log as it ends, then those that have not ended."""
    for batch in requests.batches():
        for request, at in read.requests(batch):
            refold.ask(request, at)
        gc.freeze()
    for batch in facts.batches():
        for fact in read.facts(batch):
            if (job := refold.tell(fact)) is not None:
                yield job
        # What is held is no garbage: the collector would go through all of it again and again.
        gc.freeze()
    yield from refold.unfinished()


def _write_over(folded: Sequence[Job], jobs: Jobs, publisher: Publisher) -> int:
    """Write rows, then publish their snapshots; how many."""
    rows = jobs.get_many([job.ref for job in folded])
    changed = [over(rows.get(job.ref), job) for job in folded]
    agreed = [job for job in changed if job is not None]
    with jobs.loading() as loader:
        loader.write(agreed)
    publish_all(publisher, [_snapshot(job) for job in agreed])
    return len(agreed)


def over(row: Job | None, folded: Job) -> Job | None:
    """The row after its job was folded anew; None when it stays as it is, for the log knows less.

    The version is the row's if they agree, and else a later one: listeners have seen the row's.
    """
    if row is None:
        return folded
    if folded.format is None or (row.terminal and not folded.terminal):
        return None
    same = {"created_at": row.created_at, "version": row.version}
    if folded.model_copy(update=same) == row:
        return row
    return folded.model_copy(update={**same, "version": max(folded.version, row.version + 1)})


def _snapshot(job: Job) -> Outgoing:
    return Outgoing(topics.STATUS, str(job.ref), job)


def _portions(items: Iterable[ItemT]) -> Iterator[list[ItemT]]:
    items = iter(items)
    while some := list(islice(items, BATCH)):
        yield some
