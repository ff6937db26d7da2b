"""The projection: facts from the stream, folded into the job table and published as snapshots.

Each batch is written to the table, then published to `export.status`, then acknowledged by the
caller (processors/projection_app.py). What is repeated after a crash folds to nothing new and is
published again under the same version: no change is missed, and none is seen that was not made.

Cancel orders are turned into facts, so that the end of a job has one place in one log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from processors.facts import tell
from processors.stage import Outgoing
from schemas import topics
from schemas.errors import InvalidInput, InvalidMessage, Unavailable
from schemas.facts import CancelledFact, Fact, read_fact
from schemas.identity import JobRef
from schemas.lifecycle import Job, fold
from schemas.messages import Control, ExportRequest, read_message

log = logging.getLogger(__name__)


class JobTable(Protocol):
    """The projection's view of the job table."""

    def get_many(self, refs: Sequence[JobRef]) -> Mapping[JobRef, Job]:
        """The jobs that are there. Raises Unavailable."""

    def upsert(self, jobs: Sequence[Job]) -> None:
        """Write jobs; a row's version never goes back. Raises Unavailable."""


@dataclass(frozen=True)
class Raw:
    """A message as it was read: the topic's plain name, its CloudEvents type and version, and the value."""

    topic: str
    type_name: str | None
    version: str | None
    value: bytes


def read(raw: Raw) -> Fact | ExportRequest | None:
    """The request or fact in `raw`; None for one that cannot be read (its own stage dead-letters it)."""
    try:
        if raw.topic == topics.REQUESTS:
            message = read_message(raw.type_name, raw.version, raw.value, ExportRequest)
            assert isinstance(message, ExportRequest)
            return message
        return read_fact(raw.type_name, raw.version, raw.value)
    except InvalidMessage as error:
        log.warning("unreadable message on %s: %s", raw.topic, error.message)
        return None


def fold_batch(
    known: Mapping[JobRef, Job], facts: Iterable[Fact | ExportRequest], now: datetime
) -> tuple[dict[JobRef, Job], list[Job]]:
    """Fold facts in their order. Returns the jobs as they are now, and each snapshot to be published.

    A job whose facts changed nothing is published once as it stands: it may be that a crash came
    between its writing and its publication.
    """
    jobs = dict(known)
    snapshots: list[Job] = []
    touched: dict[JobRef, None] = {}
    for fact in facts:
        before = jobs.get(fact.ref)
        after = fold(before, fact, at=now)
        jobs[fact.ref] = after
        if after is before:
            touched.setdefault(fact.ref)
        else:
            snapshots.append(after)
    published = {job.ref for job in snapshots}
    snapshots += [jobs[ref] for ref in touched if ref not in published]
    return {ref: jobs[ref] for ref in {*published, *touched}}, snapshots


class Projector:
    """Folds batches into the table and publishes what comes of it.

    keep: puts a project that came inline where it outlives the request, for a broker that forgets.
    """

    def __init__(
        self,
        jobs: JobTable,
        publish: Callable[[Sequence[Outgoing]], None],
        now: Callable[[], datetime],
        keep: Callable[[ExportRequest], ExportRequest] = lambda request: request,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        backoff: Callable[[int], float] = lambda attempt: min(2.0, 0.05 * 2**attempt),
    ) -> None:
        self._jobs = jobs
        self._publish = publish
        self._now = now
        self._keep = keep
        self._sleep = sleep
        self._backoff = backoff

    def apply(self, batch: Sequence[Raw]) -> None:
        """Write and publish one batch. Raises Unavailable when the table or the broker is away."""
        facts = [self._kept(fact) for raw in batch if (fact := read(raw)) is not None]
        if not facts:
            return
        known = self._jobs.get_many(list({fact.ref for fact in facts}))
        changed, snapshots = fold_batch(known, facts, self._now())
        self._jobs.upsert(list(changed.values()))
        self._publish([Outgoing(topics.STATUS, str(job.ref), job) for job in snapshots])

    def _kept(self, fact: Fact | ExportRequest) -> Fact | ExportRequest:
        if not isinstance(fact, ExportRequest) or fact.project is None:
            return fact
        try:
            return self._keep(fact)
        except InvalidInput:
            return fact  # `plan` says what is wrong with it

    def cancel(self, batch: Sequence[Raw]) -> None:
        """State the cancellation of each job that is ordered and still known to be under way."""
        orders = []
        for raw in batch:
            try:
                order = read_message(raw.type_name, raw.version, raw.value, Control)
            except InvalidMessage as error:
                log.warning("unreadable order: %s", error.message)
                continue
            assert isinstance(order, Control)
            orders.append(order)
        known = self._jobs.get_many(list({order.ref for order in orders}))
        self._publish([tell(_cancelled(order, self._now())) for order in orders if _may_cancel(known, order)])

    async def persistently(self, work: Callable[[Sequence[Raw]], None], batch: Sequence[Raw]) -> None:
        """Do `work` in a thread, again and again until the table and the broker are there.

        Messages that cannot be worked on are left out, one by one: none may stop those behind it.
        """
        attempt = 0
        while True:
            try:
                return await asyncio.to_thread(work, batch)
            except Unavailable as error:
                if attempt % 20 == 0:
                    log.warning("the projection waits: %s", error.message)
                await self._sleep(self._backoff(attempt))
                attempt += 1
            except Exception:
                if len(batch) == 1:
                    log.exception("a message on %s was left out", batch[0].topic)
                    return None
                for raw in batch:
                    await self.persistently(work, [raw])
                return None


def _may_cancel(known: Mapping[JobRef, Job], order: Control) -> bool:
    job = known.get(order.ref)
    return job is None or not job.terminal


def _cancelled(order: Control, now: datetime) -> CancelledFact:
    return CancelledFact(job_id=order.job_id, tenant=order.tenant, at=order.at or now, by=order.by)
