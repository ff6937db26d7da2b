"""The projection: batches of facts become rows and snapshots, and no message stops those behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.store.memory import MemoryStore
from processors.documents import Documents
from processors.projection import Projector, Raw, fold_batch, read
from processors.stage import Outgoing
from schemas import topics
from schemas.errors import Unavailable
from schemas.facts import (
    CancelledFact,
    ChunkEncoded,
    Completed,
    Fact,
    Failed,
    Planned,
    PlanStarted,
    Problem,
    Result,
)
from schemas.identity import JobRef
from schemas.lifecycle import Job
from schemas.messages import DEFAULT_TENANT, Control, ExportRequest, Message, PartDone
from tests.unit.builders import document, slide
from tests.unit.processors.stream import EPOCH


class Table:
    """A job table in memory, which may be away for some calls."""

    def __init__(self, away: int = 0) -> None:
        self.rows: dict[JobRef, Job] = {}
        self.away = away

    def get_many(self, refs: Sequence[JobRef]) -> Mapping[JobRef, Job]:
        """The rows that are there."""
        if self.away:
            self.away -= 1
            raise Unavailable("database_unavailable", "The job table is away.")
        return {ref: self.rows[ref] for ref in refs if ref in self.rows}

    def upsert(self, jobs: Sequence[Job]) -> None:
        """Write rows; a version never goes back."""
        for job in jobs:
            known = self.rows.get(job.ref)
            if known is None or known.version <= job.version:
                self.rows[job.ref] = job


class World:
    """A projector with its table and what it published."""

    def __init__(self, away: int = 0, keep: Callable[[ExportRequest], ExportRequest] = lambda r: r) -> None:
        self.table = Table(away)
        self.published: list[Outgoing] = []
        self.slept: list[float] = []
        self.projector = Projector(self.table, self._publish, lambda: EPOCH, keep, self._sleep)

    def _publish(self, outgoing: Sequence[Outgoing]) -> None:
        for one in outgoing:
            one.message.encode()
        self.published += outgoing

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def apply(self, *messages: Message) -> None:
        """Fold messages, again and again while the table is away."""
        asyncio.run(self.projector.persistently(self.projector.apply, [raw(m) for m in messages]))

    @property
    def snapshots(self) -> list[Job]:
        """The jobs that were published."""
        return [o.message for o in self.published if isinstance(o.message, Job)]


def raw(message: Message) -> Raw:
    """A message as it was read."""
    topic = topics.REQUESTS if isinstance(message, ExportRequest) else topics.PROGRESS
    return Raw(topic, message.TYPE, str(message.VERSION), message.encode())


def request(job_id: str = "a", **fields: Any) -> ExportRequest:
    """A request of a small project."""
    given: dict[str, Any] = {"project": document(), "requested_at": EPOCH, **fields}
    return ExportRequest(job_id=job_id, format="mp4", **given)


def mine(job_id: str) -> JobRef:
    """A job of the default tenant."""
    return JobRef(DEFAULT_TENANT, job_id)


def common(job_id: str, tenant: str = DEFAULT_TENANT) -> dict[str, Any]:
    """The fields of every fact."""
    return {"job_id": job_id, "tenant": tenant, "at": EPOCH}


RESULT = Result(key="k", file_name="f", content_type="video/mp4", size=1, sha256="0")
JOBS = st.sampled_from(["a", "b", "c"])
TENANTS = st.sampled_from([DEFAULT_TENANT, "other"])
FACTS: st.SearchStrategy[Fact | ExportRequest] = st.one_of(
    st.builds(lambda j, t: request(j, tenant=t), JOBS, TENANTS),
    st.builds(lambda j, t: PlanStarted(**common(j, t)), JOBS, TENANTS),
    st.builds(lambda j: Planned(**common(j), project_key="k", chunks=4), JOBS),
    st.builds(lambda j, p: ChunkEncoded(**common(j), position=p, frames=9), JOBS, st.integers(0, 3)),
    st.builds(lambda j: Completed(**common(j), result=RESULT), JOBS),
    st.builds(lambda j: Failed(**common(j), error=Problem(code="c", message="m")), JOBS),
    st.builds(lambda j, t: CancelledFact(**common(j, t)), JOBS, TENANTS),
)


@given(st.lists(FACTS, max_size=20), st.data())
def test_batches_may_be_cut_anywhere(facts: list[Fact | ExportRequest], data: st.DataObject) -> None:
    """The rows and the last snapshots are the same, however the log is cut into batches."""
    cut = data.draw(st.integers(0, len(facts)))
    whole, snapshots = fold_batch({}, facts, EPOCH)
    first, one = fold_batch({}, facts[:cut], EPOCH)
    second, two = fold_batch(first, facts[cut:], EPOCH)
    assert first | second == whole
    assert {job.ref: job for job in [*one, *two]} == {job.ref: job for job in snapshots}


@given(st.lists(FACTS, min_size=1, max_size=20))
def test_a_batch_that_comes_again_changes_no_row(
    facts: list[Fact | ExportRequest],
) -> None:
    """After a crash nobody misses a snapshot, under the version that it had."""
    rows, _ = fold_batch({}, facts, EPOCH)
    again, snapshots = fold_batch(rows, facts, EPOCH)
    assert again == rows
    assert sorted(job.ref for job in snapshots) == sorted(rows)
    assert all(rows[job.ref] == job for job in snapshots)


@given(st.lists(FACTS, max_size=20))
def test_versions_count_up_by_one_and_the_last_snapshot_is_the_row(facts: list[Fact | ExportRequest]) -> None:
    """A listener sees each change once, in order, and ends with what the table says."""
    rows, snapshots = fold_batch({}, facts, EPOCH)
    for ref, row in rows.items():
        seen = [job for job in snapshots if job.ref == ref]
        assert [job.version for job in seen] == list(range(1, len(seen) + 1))
        assert seen[-1] == row
        assert len({job.status for job in seen if job.terminal}) <= 1


def test_two_tenants_may_choose_the_same_id() -> None:
    """Each has a job of its own: a row, snapshots under a key of their own, and an end of its own."""
    world = World()
    world.apply(request("a"), request("a", tenant="other"), CancelledFact(**common("a", "other")))
    assert {ref: job.status for ref, job in world.table.rows.items()} == {
        mine("a"): "queued",
        JobRef("other", "a"): "cancelled",
    }
    assert [out.key for out in world.published] == ["default/a", "other/a", "other/a"]


def test_the_projection_waits_for_the_table() -> None:
    """While the table is away the batch is tried again; then everything is written once."""
    world = World(away=3)
    world.apply(request("a"), PlanStarted(**common("a")))
    assert len(world.slept) == 3
    assert [job.status for job in world.snapshots] == ["queued", "planning"]


@pytest.mark.parametrize(
    ("type_name", "version", "value"),
    [
        (None, None, b"rubbish"),
        ("", None, b'{"job_id": "a", "tenant": "default", "at": "2026-01-01T00:00:00Z"}'),
        ("plan.started", "7", b"{}"),
        ("nobody.knows", "1", b"{}"),
        ("job.completed", "1", b'{"job_id": "a"}'),
    ],
)
def test_what_cannot_be_read_is_passed_over(type_name: str | None, version: str | None, value: bytes) -> None:
    """A fact says in its headers what it is; the rest is nobody's."""
    assert read(Raw(topics.PROGRESS, type_name, version, value)) is None


def test_one_message_that_nobody_can_work_on_stops_no_other() -> None:
    """Its batch is worked on one by one, and only it is left out."""
    world = World()

    def work(batch: Sequence[Raw]) -> None:
        if any(b"poison" in one.value for one in batch):
            raise ValueError("nobody thought of this")
        world.projector.apply(batch)

    batch = [raw(request("a")), raw(request("poison")), raw(request("b"))]
    asyncio.run(world.projector.persistently(work, batch))
    assert sorted(world.table.rows) == [mine("a"), mine("b")]


def test_inline_projects_are_kept_where_the_broker_forgets() -> None:
    """The row names the document in the store; one that cannot be written is left to `plan` to refuse."""
    store = MemoryStore()
    world = World(keep=Documents(store, None).keep)
    value = b'{"job_id": "b", "format": "mp4", "project": ' + b'{"a":' * 400 + b"1" + b"}" * 401
    batch = [raw(request("a", project=document(slides=[slide()]))), Raw(topics.REQUESTS, None, None, value)]
    asyncio.run(world.projector.persistently(world.projector.apply, batch))
    key = world.table.rows[mine("a")].project_key
    assert key is not None
    assert store.exists(key)
    assert world.table.rows[mine("b")].project_key is None


def test_an_order_to_cancel_becomes_a_fact_unless_the_job_has_ended() -> None:
    """An ended job is left alone; one that is not known yet is not, nor another tenant's of the same id."""
    world = World()
    world.apply(request("a"), request("b"), Failed(**common("b"), error=Problem(code="c", message="m")))
    world.published.clear()
    orders = [Control(job_id=job, by="me") for job in ("a", "b", "c")]
    orders.append(Control(job_id="b", tenant="other"))
    world.projector.cancel([Raw(topics.CONTROL, o.TYPE, "1", o.encode()) for o in orders])
    world.projector.cancel([Raw(topics.CONTROL, None, None, b"rubbish")])
    told = [o.message for o in world.published]
    assert told == [
        CancelledFact(job_id="a", tenant="default", at=EPOCH, by="me"),
        CancelledFact(job_id="c", tenant="default", at=EPOCH, by="me"),
        CancelledFact(job_id="b", tenant="other", at=EPOCH),
    ]


def test_every_snapshot_is_an_event_of_its_own() -> None:
    """A consumer that drops events whose id it has seen keeps each version of each tenant's job."""
    world = World()
    world.apply(request("a"), request("a", tenant="other"), PlanStarted(**common("a")))
    assert [out.message.event_id(out.key) for out in world.published] == [
        "default/a:job.snapshot:1",
        "other/a:job.snapshot:1",
        "default/a:job.snapshot:2",
    ]


def test_every_finished_part_is_an_event_of_its_own() -> None:
    """Parts of a job are announced under one key: their ids differ, and one said again keeps its own."""
    done = [PartDone(job_id="a", tenant="t", plan_key="p", position=n) for n in (0, 1, 1)]
    ids = [one.event_id("t/a") for one in done]
    assert ids == ["t/a:chunk.done:0", "t/a:chunk.done:1", "t/a:chunk.done:1"]
