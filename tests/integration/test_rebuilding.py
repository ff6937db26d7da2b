"""`projection rebuild` over the embedded broker and a real one, into SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message

from connectors.jobs import Jobs
from connectors.kafka import KafkaSettings, Publisher
from connectors.kafka_log import TopicLog
from connectors.kafka_topics import create_topics
from exportstream.cli import run
from exportstream.projecting import publish_all
from exportstream.rebuilding import Rebuilt, from_facts, from_snapshots
from exportstream.wiring import EMBEDDED
from processors.facts import tell
from processors.projection import fold_batch
from processors.stage import Outgoing
from schemas import topics
from schemas.errors import Missing, Unavailable
from schemas.facts import ChunkEncoded, Completed, Fact, Planned, PlanStarted, Result
from schemas.identity import JobRef
from schemas.lifecycle import Job
from schemas.messages import ExportRequest
from tests.integration.kafka_support import embedded_settings, real_settings
from tests.servers.base import free_port
from tests.servers.postgres_server import PostgresServer

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
Broker = tuple[KafkaSettings, dict[str, str]]
"""How to reach a broker, for this process and for another."""
RESULT = Result(key="k", file_name="f.mp4", content_type="video/mp4", size=1, sha256="0")


@dataclass
class Site:
    """A broker and a job table."""

    kafka: KafkaSettings
    publisher: Publisher
    jobs: Jobs
    environ: dict[str, str]

    def publish(self, *messages: Fact | ExportRequest | Job) -> None:
        """Publish as everybody does today."""
        publish_all(self.publisher, [addressed(message) for message in messages])

    def raw(self, topic: str, key: str, value: bytes | None) -> None:
        """Publish bytes without headers."""
        self.publisher.publish(topic, key, value, []).result(20)

    def on(self, topic: str) -> list[Message]:
        """All messages on a topic, each partition in its order."""
        return [message for batch in TopicLog(self.kafka, topic).batches() for message in batch]

    def keys(self) -> dict[str, Job | None]:
        """The last word of each key on `export.status`."""
        return {
            (m.key() or b"").decode(): None if (value := m.value()) is None else Job.decode(value)
            for m in self.on(topics.STATUS)
        }

    def rows(self, *refs: JobRef) -> list[Job | None]:
        """The rows of jobs."""
        found = self.jobs.get_many(refs)
        return [found.get(ref) for ref in refs]


def addressed(message: Fact | ExportRequest | Job) -> Outgoing:
    """A message on its way to its topic."""
    if isinstance(message, Fact):
        return tell(message)
    topic = topics.STATUS if isinstance(message, Job) else topics.REQUESTS
    return Outgoing(topic, str(message.ref), message)


@pytest.fixture(params=["embedded", "kafka"])
def broker(request: pytest.FixtureRequest, topic_prefix: str) -> Iterator[Broker]:
    """A broker of each kind with our topics, and the environment by which it is found."""
    if request.param == "embedded":
        server, kafka = embedded_settings("")
        with closing(server):
            yield kafka, {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap, EMBEDDED: "1"}
    else:
        kafka = real_settings(request.getfixturevalue("kafka_bootstrap"), topic_prefix)
        found = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap, "KAFKA_TOPIC_PREFIX": kafka.topic_prefix}
        yield kafka, {**found, "KAFKA_GROUP_ID": kafka.group}


@contextmanager
def site_of(kafka: KafkaSettings, environ: dict[str, str], url: str) -> Iterator[Site]:
    """A broker and an empty job table."""
    with closing(Jobs(url)) as jobs, closing(Publisher(kafka)) as publisher:
        jobs.migrate()
        yield Site(kafka, publisher, jobs, {**environ, "DATABASE_URL": url})


@pytest.fixture(params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest, broker: Broker, tmp_path: Path) -> Iterator[Site]:
    """A broker of each kind beside a database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'jobs.db'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.create_database()
    kafka, environ = broker
    with site_of(kafka, {**environ, "EXPORTSTREAM_DATA": str(tmp_path)}, url) as made:
        yield made


def request_of(job_id: str, tenant: str = "a", **more: Any) -> ExportRequest:
    """A request that says when it was made."""
    given = {"format": "mp4", "project_key": "t/a/documents/x.json", "requested_at": NOON, **more}
    return ExportRequest(job_id=job_id, tenant=tenant, **given)


def story(job_id: str, tenant: str = "a", chunks: int = 3) -> list[Fact]:
    """The facts of a job that is completed."""
    moments = (NOON + timedelta(seconds=n) for n in range(100))

    def common() -> dict[str, Any]:
        return {"job_id": job_id, "tenant": tenant, "at": next(moments)}

    return [
        PlanStarted(**common()),
        Planned(**common(), project_key="k", chunks=chunks),
        *(ChunkEncoded(**common(), position=n, frames=3) for n in range(chunks)),
        Completed(**common(), result=RESULT),
    ]


def snapshots_of(request: ExportRequest, *facts: Fact) -> list[Job]:
    """Every snapshot that the projection publishes of a job."""
    return fold_batch({}, [request, *facts], NOON)[1]


def test_the_table_ends_as_the_topic_has_it(site: Site) -> None:
    """The newest snapshot of each job of a tenant is its row; what the topic lacks or has deleted is gone."""
    told = [snapshots_of(request_of("x", tenant), *story("x", tenant)) for tenant in ("a", "b")]
    begun = snapshots_of(request_of("begun"))
    site.publish(*[job for pair in zip(*told, strict=True) for job in pair], *begun)
    site.publish(*snapshots_of(request_of("gone")), *snapshots_of(request_of("back")))
    for name in ("gone", "back"):
        site.raw(topics.STATUS, f"a/{name}", None)
    back = snapshots_of(request_of("back", format="mp3"))
    site.publish(*back)
    site.raw(topics.STATUS, "a/odd", b"\xff garbage")
    site.jobs.upsert([*snapshots_of(request_of("forgotten")), told[0][-1].model_copy(update={"version": 99})])
    assert from_snapshots(site.kafka, site.jobs) == Rebuilt(jobs=4, unreadable=1)
    refs = [JobRef(*pair) for pair in (("a", "x"), ("b", "x"), ("a", "begun"), ("a", "back"))]
    assert site.rows(*refs) == [told[0][-1], told[1][-1], begun[-1], back[-1]]
    assert site.rows(JobRef("a", "gone"), JobRef("a", "forgotten")) == [None, None]


def test_snapshots_of_old_keys_are_moved_once(site: Site) -> None:
    """They become rows, are published under tenant/id, then their keys are deleted: nothing is left to do."""
    old = snapshots_of(request_of("old"), *story("old"))
    for job in old:
        site.raw(topics.STATUS, job.id, job.encode())
    went_on = snapshots_of(request_of("on"), *story("on"))
    site.raw(topics.STATUS, "on", went_on[0].encode())
    site.publish(*went_on[1:])
    new = snapshots_of(request_of("new"))
    site.publish(*new)
    assert from_snapshots(site.kafka, site.jobs) == Rebuilt(jobs=3, moved=2)
    ends = {"a/old": old[-1], "a/on": went_on[-1], "a/new": new[-1]}
    assert site.keys() == {**ends, "old": None, "on": None}
    length = len(site.on(topics.STATUS))
    assert from_snapshots(site.kafka, site.jobs) == Rebuilt(jobs=3)
    assert len(site.on(topics.STATUS)) == length
    assert site.rows(*(JobRef("a", name) for name in ("old", "on", "new"))) == list(ends.values())


def test_a_deleted_job_does_not_come_back_by_its_old_key(site: Site) -> None:
    """A snapshot under the old key, not yet compacted away, is no reason to keep what was deleted since."""
    (job,) = snapshots_of(request_of("x"))
    site.raw(topics.STATUS, "x", job.encode())
    from_snapshots(site.kafka, site.jobs)
    site.raw(topics.STATUS, "a/x", None)
    assert from_snapshots(site.kafka, site.jobs) == Rebuilt(jobs=0)
    assert site.rows(job.ref) == [None]


def test_facts_give_the_rows_of_the_projection(site: Site) -> None:
    """From requests and facts alone, old keys and new ones, each row and snapshot is what it was."""
    requests = [request_of("done"), request_of("done", "b", format="mp3"), request_of("open")]
    facts = [*story("done"), *story("done", "b"), *story("open")[:3]]
    rows, _ = fold_batch({}, [*requests, *facts], NOON)
    site.publish(*requests[1:])
    site.raw(topics.REQUESTS, "done", requests[0].encode())  # a raw producer's key
    for fact in facts[:2]:  # an older version's key
        headers = [("ce_type", fact.TYPE.encode()), ("version", b"1")]
        site.publisher.publish(topics.PROGRESS, fact.job_id, fact.encode(), headers).result(20)
    site.publish(*facts[2:], *facts[4:7])
    site.raw(topics.PROGRESS, "a/done", b"\xff")
    site.raw(topics.REQUESTS, "a/done", b"{}")
    done = from_facts(site.kafka, site.jobs)
    assert done == Rebuilt(jobs=3, facts=len(facts) + 3, unreadable=2)
    assert {ref: site.rows(ref)[0] for ref in rows} == rows
    assert site.keys() == {str(ref): job for ref, job in rows.items()}
    assert from_snapshots(site.kafka, site.jobs).jobs == 3
    assert {ref: site.rows(ref)[0] for ref in rows} == rows


def test_facts_go_over_rows_without_going_back(site: Site) -> None:
    """A wrong row is mended under a later version; an older row, and one that knows more, stays."""
    wrong = snapshots_of(request_of("wrong"), *story("wrong"))[-1].model_copy(
        update={"duration": 99.0, "version": 20, "created_at": NOON + timedelta(seconds=9)}
    )
    right = snapshots_of(request_of("right"), *story("right"))[-1]
    ended = snapshots_of(request_of("ended"), *story("ended"))[-1]
    aged = snapshots_of(request_of("aged"), *story("aged"))[-1]
    site.jobs.upsert([wrong, right, ended, aged])
    site.publish(request_of("wrong"), *story("wrong"), request_of("right"), *story("right"))
    site.publish(request_of("ended"), *story("ended")[:2], *story("aged")[2:], *story("lost")[1:])
    done = from_facts(site.kafka, site.jobs)
    assert (done.jobs, done.unreadable) == (3, 0)
    assert site.rows(right.ref, ended.ref, aged.ref) == [right, ended, aged]
    mended, lost = site.rows(wrong.ref, JobRef("a", "lost"))
    assert mended is not None
    assert lost is not None
    assert (mended.version, mended.duration, mended.created_at) == (21, None, wrong.created_at)
    assert (lost.status, lost.format) == ("completed", None)
    assert site.keys() == {"a/wrong": mended, "a/right": right, "a/lost": lost}


def test_the_commands_say_what_they_did(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """By count, source, and what was left out; --from-progress goes with `rebuild` only."""
    (old,) = snapshots_of(request_of("old"))
    site.raw(topics.STATUS, "old", old.encode())
    site.publish(request_of("x"), *story("x"))
    site.raw(topics.PROGRESS, "x", b"?")
    assert run(["projection", "rebuild"], site.environ) == 0
    out = capsys.readouterr().out
    assert f"The job table holds 1 jobs again, from {site.kafka.name('export.status')}." in out
    assert "1 snapshots lay under a job's id alone" in out
    assert run(["projection", "rebuild", "--from-progress"], site.environ) == 0
    out = capsys.readouterr().out
    assert "1 jobs were folded anew from 6 facts" in out
    assert "1 messages could not be read" in out
    assert run(["projection", "--from-progress"], site.environ) == 2
    assert "--from-progress" in capsys.readouterr().err


def test_a_log_is_read_in_batches_to_the_end_it_had(broker: Broker) -> None:
    """Each message once and in order, none that came later, and never more at once than a batch."""
    kafka, _ = broker
    with closing(Publisher(kafka)) as publisher:

        def fill(numbers: range) -> None:
            for future in [publisher.publish(topics.STATUS, f"k{n % 7}", b"%d" % n, []) for n in numbers]:
                future.result(20)

        fill(range(500))
        log = TopicLog(kafka, topics.STATUS)
        seen: list[int] = []
        for batch in log.batches(64):
            assert len(batch) <= 64
            seen += [int(message.value() or b"") for message in batch]
            fill(range(1000, 1003))
        assert sorted(seen) == list(range(500))
        for key in range(7):
            assert [n for n in seen if n % 7 == key] == list(range(key, 500, 7))
        empty = TopicLog(kafka, topics.DEAD_LETTER)
        assert list(empty.batches()) == []


def test_a_log_whose_end_was_compacted_away_ends(kafka_bootstrap: str, topic_prefix: str) -> None:
    """The last offset may hold nothing: a transaction's mark lies there, which no reader is given."""
    from confluent_kafka import Producer

    kafka = real_settings(kafka_bootstrap, topic_prefix)
    producer = Producer({"bootstrap.servers": kafka_bootstrap, "transactional.id": topic_prefix})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(kafka.name(topics.STATUS), b"value", b"key")
    producer.commit_transaction(30)
    messages = [m for batch in TopicLog(kafka, topics.STATUS).batches() for m in batch]
    assert [message.value() for message in messages] == [b"value"]


def test_a_rebuild_without_a_broker_leaves_the_table(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Nobody there, or no such topic: one sentence, and every row is where it was."""
    (job,) = snapshots_of(request_of("x"))
    without_topics = KafkaSettings(kafka_bootstrap, topic_prefix=topic_prefix)
    rebuilds: list[Callable[[KafkaSettings, Jobs], Rebuilt]] = [from_snapshots, from_facts]
    with closing(Jobs(str(tmp_path / "jobs.db"))) as jobs:
        jobs.migrate()
        jobs.upsert([job])
        for rebuild in rebuilds:
            with pytest.raises(Missing, match=r"lacks the topic"):
                rebuild(without_topics, jobs)
        assert jobs.get(job.ref) == job
    create_topics(without_topics, partitions=1)


def test_a_log_of_nobody_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker answers: the wait ends, with its address in the sentence."""
    monkeypatch.setattr("connectors.kafka_log.ANSWER_S", 1.0)
    port = free_port()
    with pytest.raises(Unavailable, match=f"Kafka does not answer at 127.0.0.1:{port}"):
        TopicLog(KafkaSettings(f"127.0.0.1:{port}"), topics.STATUS)
