"""The projection, a process over the embedded broker and a real one: nothing lost, nothing invented."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message

from connectors.jobs import Jobs
from connectors.kafka import KafkaSettings, Publisher
from connectors.kafka_topics import create_topics
from exportstream.projecting import publish_all
from exportstream.wiring import EMBEDDED
from processors.facts import tell
from processors.stage import Outgoing
from schemas.cloudevents import decode_headers
from schemas.facts import (
    STAGES,
    ChunkEncoded,
    ChunkRendered,
    Completed,
    Fact,
    Failed,
    Planned,
    PlanStarted,
    Problem,
    Result,
    StageProgressed,
)
from schemas.identity import JobRef
from schemas.lifecycle import Job, fold
from schemas.messages import DEFAULT_TENANT, Control, ExportRequest
from schemas.topics import CONTROL, PROGRESS, REQUESTS, STATUS
from tests.acceptance.support import Process
from tests.integration.kafka_support import PARTITIONS, embedded_settings, read_all, real_settings
from tests.servers.base import wait_until
from tests.servers.kafka_server import KafkaServer

PATIENCE_S = 40.0
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def mine(job_id: str) -> JobRef:
    """A job of the default tenant."""
    return JobRef(DEFAULT_TENANT, job_id)


@dataclass
class Site:
    """A broker, a job table, and the environment by which a projection finds them."""

    kafka: KafkaSettings
    publisher: Publisher
    jobs: Jobs
    environ: Mapping[str, str]
    folder: Path
    started: int = 0

    @contextmanager
    def projection(self, *arguments: str, live: bool = True) -> Iterator[Process]:
        """A process of `exportstream projection`, live unless that is not waited for."""
        self.started += 1
        log = self.folder / f"projection-{self.started}.log"
        process = Process(["projection", *arguments], self.environ, log)
        try:
            if live:
                wait_until(
                    lambda: process.says("the projection is live"), "the projection is live", PATIENCE_S
                )
            yield process
        finally:
            process.close()

    def publish(self, *messages: Fact | ExportRequest | Control) -> None:
        """Publish as stages and the API do."""
        publish_all(self.publisher, [outgoing(message) for message in messages])

    def publish_raw(self, topic: str, key: str, value: bytes) -> None:
        """Publish bytes without headers, as a raw producer does."""
        self.publisher.publish(topic, key, value, []).result(20)

    def wait(self, job_id: str, condition: Callable[[Job], bool]) -> Job:
        """The row of a job once it is as wanted."""

        def there() -> bool:
            job = self.jobs.get(mine(job_id))
            return job is not None and condition(job)

        wait_until(there, f"the row of {job_id}, now {self.jobs.get(mine(job_id))}", PATIENCE_S)
        job = self.jobs.get(mine(job_id))
        assert job is not None
        return job

    def snapshots(self, enough: Callable[[list[Job]], bool]) -> list[Job]:
        """What was published on `export.status`, once it is enough."""
        found = read_all(
            self.kafka,
            STATUS,
            lambda found: enough([Job.decode(m.value() or b"") for m in found]),
            PATIENCE_S,
        )
        return [Job.decode(message.value() or b"") for message in found]


def outgoing(message: Fact | ExportRequest | Control) -> Outgoing:
    """A message on its way to its topic."""
    if isinstance(message, Fact):
        return tell(message)
    return Outgoing(CONTROL if isinstance(message, Control) else REQUESTS, message.job_id, message)


@pytest.fixture(params=["embedded", "kafka"])
def site(request: pytest.FixtureRequest, topic_prefix: str, tmp_path: Path) -> Iterator[Site]:
    """A broker with our topics and an empty job table."""
    if request.param == "embedded":
        broker, kafka = embedded_settings("")
        environ = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap, EMBEDDED: "1"}
        with closing(broker), site_of(kafka, environ, tmp_path) as site:
            yield site
    else:
        kafka = real_settings(request.getfixturevalue("kafka_bootstrap"), topic_prefix)
        with site_of(kafka, real_environ(kafka), tmp_path) as site:
            yield site


def real_environ(kafka: KafkaSettings) -> dict[str, str]:
    """How a process finds a real broker."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        "KAFKA_GROUP_ID": kafka.group,
    }


@contextmanager
def site_of(kafka: KafkaSettings, environ: Mapping[str, str], folder: Path) -> Iterator[Site]:
    """A site with an empty table on SQLite."""
    url = f"sqlite:///{folder / 'jobs.db'}"
    with closing(Jobs(url)) as jobs, closing(Publisher(kafka)) as publisher:
        jobs.migrate()
        yield Site(
            kafka, publisher, jobs, {**environ, "DATABASE_URL": url, "EXPORTSTREAM_DATA": str(folder)}, folder
        )


def request_of(job_id: str, **keys: object) -> ExportRequest:
    """A request that says when it was made."""
    given = {"format": "mp4", "project_key": "t/default/documents/x.json", "requested_at": NOON, **keys}
    return ExportRequest(job_id=job_id, **given)  # type: ignore[arg-type]


def story(job_id: str, chunks: int = 5) -> list[Fact]:
    """The facts of a job that is completed, in a likely order."""
    common: dict[str, Any] = {"job_id": job_id, "tenant": "default"}
    moments = (NOON + timedelta(seconds=n) for n in range(100))
    result = Result(
        key=f"t/default/exports/{job_id}/file.mp4",
        file_name="x.mp4",
        content_type="video/mp4",
        size=1,
        sha256="0",
    )
    facts: list[Fact] = [PlanStarted(**common, at=next(moments))]
    facts.append(
        Planned(
            **common,
            at=next(moments),
            project_key="t/default/documents/x.json",
            stages=STAGES,
            chunks=chunks,
            duration=2.0,
        )
    )
    for position in range(chunks):
        facts.append(ChunkRendered(**common, at=next(moments), position=position, frames=3))
        facts.append(ChunkEncoded(**common, at=next(moments), position=position, frames=3))
    facts.append(StageProgressed(**common, at=next(moments), stage="mix", fraction=0.9))
    facts.append(StageProgressed(**common, at=next(moments), stage="upload", fraction=0.5))
    return [*facts, Completed(**common, at=next(moments), result=result)]


def test_a_raw_request_is_in_the_table_before_any_worker_runs(site: Site) -> None:
    """Nobody works, nobody wrote headers, and yet the job is known and told."""
    with site.projection():
        site.publish_raw(REQUESTS, "raw-1", b'{"job_id": "raw-1", "format": "mp3", "project_ref": "c/p"}')
        job = site.wait("raw-1", lambda job: True)
        told = site.snapshots(lambda found: len(found) == 1)
    assert (job.status, job.format, job.version, job.progress) == ("queued", "mp3", 1, 0)
    assert told == [job]


def test_facts_are_folded_in_the_order_of_their_partition(site: Site) -> None:
    """The row ends as `fold` says, and each change was told once, under a version of its own."""
    request, facts = request_of("told"), story("told")
    with site.projection() as process:
        site.publish(request, *facts)
        job = site.wait("told", lambda job: job.terminal)
        told = site.snapshots(lambda found: any(job.terminal for job in found))
        assert process.stop() == 0
    assert job == folded(request, *facts)
    assert [job.version for job in told] == list(range(1, job.version + 1))
    assert [job.progress for job in told] == sorted(job.progress for job in told)


def test_what_cannot_be_read_does_not_stop_the_projection(site: Site) -> None:
    """Garbage on each topic is passed over."""
    with site.projection():
        for topic in (REQUESTS, PROGRESS, CONTROL):
            site.publish_raw(topic, "fine", b"\xff garbage")
            site.publish_raw(topic, "fine", b"[" * 10_000)
        site.publish(request_of("fine"), *story("fine"))
        assert site.wait("fine", lambda job: job.terminal).status == "completed"


def test_duplicates_and_a_kill_in_the_middle_lose_and_invent_nothing(site: Site) -> None:
    """Facts told twice, a projection killed amid them: the table is what one careful reader writes."""
    chance = random.Random(7)
    requests = [request_of(f"job-{number}") for number in range(16)]
    told: dict[str, list[Fact]] = {}
    for request in requests:
        facts = story(request.job_id)
        middle = [*facts[1:-1], *chance.sample(facts, 4)]
        middle = [fact for fact in middle if not isinstance(fact, Completed)]
        chance.shuffle(middle)
        told[request.job_id] = [facts[0], *middle, facts[-1], *chance.sample(facts, 3)]
    with site.projection() as first:
        for request in requests[:8]:
            site.publish(request, request, *told[request.job_id])
        site.wait("job-3", lambda job: job.version > 1)
        first.kill()
    for request in requests[8:]:
        site.publish(request, *told[request.job_id])
    with site.projection():
        for request in requests:
            # A request may be read after the facts of its job, and what it adds after the end.
            job = site.wait(request.job_id, lambda job: job.terminal and job.source is not None)
            assert job.model_dump() == folded(request, *told[request.job_id]).model_dump()
        rows = {job.id: job for job in site.jobs.get_many([r.ref for r in requests]).values()}
        newest = newest_of(site.snapshots(lambda found: newest_of(found) == rows))
    assert newest == rows


def test_a_dropped_table_is_rebuilt_from_the_snapshots(site: Site) -> None:
    """`projection rebuild` restores every row."""
    with site.projection() as process:
        site.publish(request_of("a"), *story("a"), request_of("b"))
        before = {job_id: site.wait(job_id, lambda job: True) for job_id in ("b",)}
        before["a"] = site.wait("a", lambda job: job.terminal)
        site.snapshots(lambda found: newest_of(found) == before)
        assert process.stop() == 0
    with site.jobs.loading(emptied=True):
        pass
    with site.projection("rebuild", live=False) as rebuilding:
        wait_until(lambda: not rebuilding.alive, "the table is rebuilt", PATIENCE_S)
        assert rebuilding.status == 0, rebuilding.tail()
        assert "2 jobs" in rebuilding.tail()
    rows = site.jobs.get_many([mine("a"), mine("b")])
    assert {ref.id: job for ref, job in rows.items()} == before


def test_an_order_to_cancel_becomes_a_fact(site: Site) -> None:
    """The end of a cancelled job is on `export.progress`; a job that has ended stays as it is."""
    with site.projection():
        site.publish(request_of("off"), request_of("over"), *story("over"))
        site.wait("over", lambda job: job.terminal)
        site.wait("off", lambda job: True)
        site.publish(
            Control(job_id="off", by="somebody"),
            Control(job_id="over"),
            Control(job_id="off", tenant="other"),
        )
        assert site.wait("off", lambda job: job.terminal).status == "cancelled"
        site.publish(*story("off"))
        site.publish(request_of("last"))
        site.wait("last", lambda job: True)
        facts = read_all(site.kafka, PROGRESS, lambda found: "job.cancelled" in kinds(found), PATIENCE_S)
    assert kinds(facts).count("job.cancelled") == 1
    assert [site.wait(name, lambda job: True).status for name in ("off", "over")] == [
        "cancelled",
        "completed",
    ]


def test_the_first_end_is_the_end(site: Site) -> None:
    """A failure that is told after completion changes nothing."""
    problem = Problem(code="late", message="Too late.")
    late = Failed(job_id="done", tenant="default", at=NOON, error=problem)
    with site.projection():
        site.publish(request_of("done"), *story("done"), late, request_of("next"))
        site.wait("next", lambda job: True)
        assert site.wait("done", lambda job: job.terminal).status == "completed"


def test_the_projection_waits_for_its_broker(
    own_kafka: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    """Started before the broker, and while it goes away and comes back: it waits, and then folds."""
    kafka = real_settings(own_kafka.bootstrap, topic_prefix)
    own_kafka.stop()
    with site_of(kafka, real_environ(kafka), tmp_path) as site, site.projection(live=False) as process:
        wait_until(lambda: process.says("waits for the broker"), "it notices", PATIENCE_S)
        own_kafka.start()
        site.publish(request_of("first"))
        site.wait("first", lambda job: True)
        own_kafka.stop(kill=True)
        own_kafka.start()
        site.publish(*story("first"))
        assert site.wait("first", lambda job: job.terminal).status == "completed"
        assert process.alive


def test_partitions_that_are_added_are_read_at_once(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    """What a broker did not name when the projection joined is noticed in seconds, not after a minute."""
    kafka = real_settings(kafka_bootstrap, topic_prefix)
    with site_of(kafka, real_environ(kafka), tmp_path) as site, site.projection():
        create_topics(kafka, partitions=4 * PARTITIONS)
        names = [f"job-{number}" for number in range(4 * 4 * PARTITIONS)]
        with closing(Publisher(kafka)) as publisher:
            publish_all(publisher, [outgoing(request_of(name)) for name in names])
        assert len({message.partition() for message in read_all(kafka, REQUESTS, fewest(names))}) > PARTITIONS
        # Members that join anew may take a while to agree; without looking again it would be a minute.
        wait_until(lambda: all(site.jobs.get(mine(name)) for name in names), "a row of every job", 52)


def fewest(names: Sequence[str]) -> Callable[[list[Message]], bool]:
    """Whether there are as many messages as names."""
    return lambda found: len(found) >= len(names)


def folded(request: ExportRequest, *facts: Fact) -> Job:
    """What one careful reader makes of it."""
    job = fold(None, request, at=NOON)
    for fact in facts:
        job = fold(job, fact)
    return job


def newest_of(snapshots: list[Job]) -> dict[str, Job]:
    """The newest snapshot of each job."""
    newest: dict[str, Job] = {}
    for job in snapshots:
        if job.id not in newest or newest[job.id].version <= job.version:
            newest[job.id] = job
    return newest


def kinds(messages: list[Message]) -> list[str | None]:
    """The types of messages, as their headers have them."""
    return [decode_headers(message.headers()).type for message in messages]
