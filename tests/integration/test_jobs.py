"""The job table: one suite of behaviour over SQLite and PostgreSQL."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from connectors.databases import make_engine
from connectors.job_rows import row_of, stamp
from connectors.jobs import MOST_COUNTED, JobFilter, Jobs
from connectors.migrations import migrate
from schemas.errors import InvalidInput, Unavailable
from schemas.facts import Problem
from schemas.identity import JobRef
from schemas.lifecycle import Job
from tests.servers.base import free_port
from tests.servers.postgres_server import PostgresServer

ALL = JobFilter()
OLD_COLUMNS = frozenset(
    [
        "id",
        "tenant",
        "status",
        "format",
        "project_id",
        "batch_id",
        "source",
        "version",
        "created_at",
        "snapshot",
    ]
)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def job(job_id: str, **fields: Any) -> Job:
    """A job of tenant `a`, made at noon unless told otherwise."""
    return Job(**{"id": job_id, "tenant": "a", "version": 1, "format": "mp4", "created_at": NOON, **fields})


def ref(job_id: str, tenant: str = "a") -> JobRef:
    """The job of tenant `a`, or another."""
    return JobRef(tenant, job_id)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.create_database()


@pytest.fixture
def jobs(url: str) -> Iterator[Jobs]:
    """An empty job table."""
    table = Jobs(url)
    table.migrate()
    yield table
    table.close()


def ids(jobs: Jobs, wanted: JobFilter = ALL, tenant: str = "a") -> list[str]:
    """The ids of the jobs on the first page."""
    return [found.id for found in jobs.list(tenant, wanted).jobs]


def test_a_job_comes_back_as_it_was(jobs: Jobs) -> None:
    """Every field survives, in any script."""
    written = job(
        "j1",
        status="failed",
        settings={"quality": "1080p", "fps": 30},
        metadata={"name": "Größe 文件 \u0000 🎬"},
        stages=("plan", "mix", "upload"),
        warnings=("eins", "zwei"),
        error=Problem(code="x", message="y"),
        rendered="ff",
        fractions={"mix": 0.5},
        updated_at=NOON + timedelta(microseconds=1),
    )
    assert jobs.insert_if_absent(written)
    assert jobs.get(ref("j1")) == written
    assert jobs.get(ref("j2")) is None
    assert jobs.get_many([ref("j2"), ref("j1")]) == {ref("j1"): written}
    assert jobs.get_many([]) == {}


def test_an_id_is_taken_once(jobs: Jobs) -> None:
    """The second to insert an id is told so, and the first one's row stays."""
    assert jobs.insert_if_absent(job("j1", format="mp4"))
    assert not jobs.insert_if_absent(job("j1", format="mp3", version=9))
    found = jobs.get(ref("j1"))
    assert found is not None
    assert found.format == "mp4"


def test_one_of_many_wins_an_id(jobs: Jobs) -> None:
    """Of eight who insert the same id at once, one is told that it did."""
    won: list[bool] = []
    barrier = threading.Barrier(8)

    def insert() -> None:
        barrier.wait()
        won.append(jobs.insert_if_absent(job("j1")))

    threads = [threading.Thread(target=insert) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


def test_a_version_never_goes_back(jobs: Jobs) -> None:
    """An older snapshot that comes late changes nothing, whatever else is written with it."""
    jobs.upsert([job("j1", version=5, status="rendering")])
    jobs.upsert([job("j1", version=4, status="planning"), job("j2", version=1)])
    assert {j.id: (j.version, j.status) for j in jobs.get_many([ref("j1"), ref("j2")]).values()} == {
        "j1": (5, "rendering"),
        "j2": (1, "queued"),
    }
    jobs.upsert([job("j1", version=6, status="completed")])
    found = jobs.get(ref("j1"))
    assert found is not None
    assert found.status == "completed"
    assert ids(jobs, JobFilter(statuses=("completed",))) == ["j1"]
    assert ids(jobs, JobFilter(statuses=("rendering",))) == []
    jobs.upsert([])


def test_writers_that_overtake_one_another_do_no_harm(jobs: Jobs) -> None:
    """Many batches at once, in any order, end with each job's newest version."""
    names = [f"j{number}" for number in range(10)]
    errors: list[BaseException] = []

    def write(first: int) -> None:
        try:
            for version in range(first, 25, 4):
                order = names if version % 2 else names[::-1]
                jobs.upsert([job(name, version=version) for name in order])
        except Unavailable as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(first,)) for first in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {found.version for found in jobs.get_many([ref(name) for name in names]).values()} == {24}


def test_a_large_batch_is_written_and_read(jobs: Jobs) -> None:
    """More jobs than a statement has parameters."""
    names = [f"j{number:05}" for number in range(1500)]
    jobs.upsert([job(name) for name in names])
    assert sorted(jobs.get_many([ref(name) for name in names])) == [ref(name) for name in names]


def test_the_same_job_twice_in_a_batch_is_its_newest(jobs: Jobs) -> None:
    """A batch may hold several snapshots of a job, in any order."""
    jobs.upsert([job("j1", version=1), job("j1", version=3), job("j1", version=2)])
    found = jobs.get(ref("j1"))
    assert found is not None
    assert found.version == 3


def test_jobs_are_listed_newest_first_page_by_page(jobs: Jobs) -> None:
    """Each job is on one page, also those of the same moment; those that come meanwhile disturb nothing."""
    moments = [NOON + timedelta(seconds=number // 3) for number in range(20)]
    names = [f"j{number:02}" for number in range(20)]
    jobs.upsert([job(name, created_at=moment) for name, moment in zip(names, moments, strict=True)])
    seen: list[str] = []
    cursor = None
    while True:
        page = jobs.list("a", cursor=cursor, limit=7)
        seen += [found.id for found in page.jobs]
        cursor = page.next_cursor
        jobs.upsert([job(f"new-{len(seen)}", created_at=NOON + timedelta(hours=1))])
        if cursor is None:
            break
    assert seen == names[::-1]


def test_a_full_last_page_is_the_last(jobs: Jobs) -> None:
    """There is no cursor to an empty page."""
    jobs.upsert([job("j1"), job("j2")])
    assert jobs.list("a", limit=2).next_cursor is None
    assert jobs.list("a", limit=1).next_cursor is not None
    assert jobs.list("nobody").jobs == ()


def test_tenants_see_their_own(jobs: Jobs) -> None:
    """A tenant's list has no other's jobs."""
    jobs.upsert([job("j1"), job("j2", tenant="b")])
    assert ids(jobs) == ["j1"]
    assert ids(jobs, tenant="b") == ["j2"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (JobFilter(), ["j4", "j3", "j2", "j1"]),
        (JobFilter(statuses=("completed", "failed")), ["j4", "j2"]),
        (JobFilter(statuses=()), []),
        (JobFilter(format="mp3"), ["j3"]),
        (JobFilter(project_id="p1"), ["j2", "j1"]),
        (JobFilter(batch_id="b1"), ["j4", "j1"]),
        (JobFilter(batch_id="b1", statuses=("completed",)), ["j4"]),
        (JobFilter(after=NOON + timedelta(seconds=2)), ["j4", "j3", "j2"]),
        (JobFilter(before=NOON + timedelta(seconds=2)), ["j1"]),
        (JobFilter(after=NOON + timedelta(seconds=2), before=NOON + timedelta(seconds=3)), ["j2"]),
        (JobFilter(project_id="' OR 1=1 --"), []),
    ],
)
def test_filters_choose(jobs: Jobs, wanted: JobFilter, found: list[str]) -> None:
    """By state, format, project, batch and time (from, and up to but not including)."""
    second = timedelta(seconds=1)
    jobs.upsert(
        [
            job("j1", project_id="p1", batch_id="b1", created_at=NOON + second),
            job("j2", project_id="p1", status="failed", created_at=NOON + 2 * second),
            job("j3", format="mp3", status="rendering", created_at=NOON + 3 * second),
            job("j4", batch_id="b1", status="completed", created_at=NOON + 4 * second),
        ]
    )
    assert ids(jobs, wanted) == found


@pytest.mark.parametrize("cursor", ["", "x", "💥", "bnVsbA", "WzEsMl0", "W10", "eyJhIjoxfQ", "/" * 50])
def test_a_made_up_cursor_is_refused(jobs: Jobs, cursor: str) -> None:
    """What is no cursor of ours is the client's mistake, not ours."""
    with pytest.raises(InvalidInput) as caught:
        jobs.list("a", cursor=cursor)
    assert caught.value.code == "bad_cursor"


def test_unfinished_jobs_are_found_oldest_first(jobs: Jobs) -> None:
    """Of all tenants, without those that ended."""
    jobs.upsert(
        [
            job("j1", created_at=NOON + timedelta(seconds=1)),
            job("j2", status="rendering", tenant="b"),
            job("j3", status="completed"),
            job("j4", status="cancelled"),
            job("j5", status="failed"),
        ]
    )
    assert [found.id for found in jobs.unfinished()] == ["j2", "j1"]


def test_what_strangers_send_as_labels_is_stored(jobs: Jobs) -> None:
    """A raw producer's odd labels never stop the projection."""
    odd = job("j1", project_id="nul \u0000 in it", batch_id="x" * 200, source="\u0000", created_at=None)
    jobs.upsert([odd])
    assert jobs.get(ref("j1")) == odd
    assert ids(jobs, JobFilter(project_id="nul \u0000 in it")) == ["j1"]


def test_an_emptied_table_is_empty(jobs: Jobs) -> None:
    """Rebuilding begins with nothing."""
    jobs.upsert([job("j1"), job("j2")])
    with jobs.loading(emptied=True):
        pass
    assert ids(jobs) == []
    jobs.ping()


def test_a_loaded_table_has_what_was_loaded(jobs: Jobs, url: str) -> None:
    """Of several versions the newest, in whatever batch it came; what was removed or there before is gone.

    Readers see the old table until the end.
    """
    jobs.upsert([job("old"), job("j1", version=7, status="failed")])
    odd = job("odd", project_id="nul \u0000\t\\N in it", metadata={"text": "\u0000\n\\."}, user_id="u")
    reader = Jobs(url)
    with jobs.loading(emptied=True) as loader:
        loader.write([job("j1", version=2), job("j1", version=3, status="rendering"), job("j1", version=1)])
        loader.write([job("j1", version=2), odd, job("gone"), job("gone", tenant="b")])
        loader.write([])
        loader.remove([ref("gone"), ref("never")])
        loader.remove([])
        assert sorted(ids(reader)) == ["j1", "old"]
    assert jobs.get_many([ref("j1"), ref("odd"), ref("old"), ref("gone"), ref("gone", "b")]) == {
        ref("j1"): job("j1", version=3, status="rendering"),
        ref("odd"): odd,
        ref("gone", "b"): job("gone", tenant="b"),
    }
    reader.close()


def test_a_load_that_fails_changes_nothing(jobs: Jobs) -> None:
    """What was there is there, and nothing of what was written."""
    jobs.upsert([job("j1")])

    def batches() -> Iterator[list[Job]]:
        yield [job("j2")]
        raise BrokenPipeError

    def load() -> None:
        with jobs.loading(emptied=True) as loader:
            for batch in batches():
                loader.write(batch)

    with pytest.raises(BrokenPipeError):
        load()
    assert ids(jobs) == ["j1"]


def test_a_database_that_refuses_what_is_loaded_says_so(postgres_server: PostgresServer) -> None:
    """PostgreSQL's word about a COPY comes out as everything else that it says."""
    table = Jobs(postgres_server.create_database())
    table.migrate()
    too_long = Job.model_construct(id="j1", tenant="a", format="x" * 21, created_at=NOON)

    def load() -> None:
        with table.loading() as loader:
            loader.write([too_long])

    with pytest.raises(Unavailable, match="too long"):
        load()
    table.close()


def test_rows_may_be_loaded_beside_those_that_are_there(jobs: Jobs) -> None:
    """A table that is not emptied keeps its rows, and newer ones of them as they are."""
    jobs.upsert([job("j1"), job("j2", version=5, status="failed"), job("j3")])
    with jobs.loading() as loader:
        loader.write([job("j2", version=4), job("j3", version=2, status="completed"), job("j4")])
    assert {name: jobs.get(ref(name)) for name in ("j1", "j2", "j3", "j4")} == {
        "j1": job("j1"),
        "j2": job("j2", version=5, status="failed"),
        "j3": job("j3", version=2, status="completed"),
        "j4": job("j4"),
    }


def test_an_end_is_stamped(jobs: Jobs) -> None:
    """A row says when its job ended, whichever way it did, and nothing before."""
    ends = {"completed": NOON, "failed": NOON + timedelta(seconds=1), "cancelled": NOON + timedelta(days=1)}
    jobs.upsert([job("open", status="uploading")])
    jobs.upsert([job(status, status=status, completed_at=moment) for status, moment in ends.items()])
    with jobs._begin() as connection:
        rows = connection.execute(text("SELECT id, ended_at FROM jobs")).all()
    assert dict(map(tuple, rows)) == {"open": None} | {name: stamp(moment) for name, moment in ends.items()}


def test_jobs_are_counted_up_to_a_number(jobs: Jobs) -> None:
    """A count is exact up to a bound, and one more beyond it: a page has no use for the rest."""
    many = [job(f"j{n}", status="failed" if n % 2 else "queued") for n in range(MOST_COUNTED + 100)]
    jobs.upsert([*many, job("other", tenant="b", batch_id="b1")])
    assert jobs.count("a") == MOST_COUNTED + 1
    assert jobs.count("a", JobFilter(statuses=("failed",))) == len(many) // 2
    assert jobs.count("a", JobFilter(statuses=("failed", "queued"), format="mp4")) == MOST_COUNTED + 1
    assert jobs.count("a", JobFilter(statuses=())) == jobs.count("nobody") == 0
    assert jobs.count("b", JobFilter(batch_id="b1", before=NOON + timedelta(days=1))) == 1


def test_migrations_are_applied_once(url: str) -> None:
    """Again, and by a second process, nothing is left to do and nothing is lost."""
    first = Jobs(url)
    assert first.migrate() >= 1
    first.upsert([job("j1")])
    assert first.migrate() == 0
    second = Jobs(url)
    assert second.migrate() == 0
    assert second.get(ref("j1")) is not None
    first.close()
    second.close()


def test_processes_that_start_together_migrate_once(url: str) -> None:
    """Of four that migrate an empty database at once each ends well."""
    tables = [Jobs(url) for _ in range(4)]
    barrier = threading.Barrier(4)
    results: list[object] = []

    def migrate(table: Jobs) -> None:
        barrier.wait()
        try:
            results.append(table.migrate())
        except Unavailable as error:
            results.append(error)

    threads = [threading.Thread(target=migrate, args=(table,)) for table in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results))[:3] == ["0", "0", "0"]
    assert len([r for r in results if isinstance(r, int) and r > 0]) == 1
    for table in tables:
        table.close()


def test_readers_do_not_wait_for_a_writer(jobs: Jobs, url: str) -> None:
    """A second process reads while the first writes."""
    jobs.upsert([job("j1")])
    other = Jobs(url)
    with jobs._begin() as connection:
        connection.exec_driver_sql("UPDATE jobs SET version = 2")
        assert other.get(ref("j1")) is not None
        assert ids(other) == ["j1"]
    other.close()


def load(jobs: Jobs) -> None:
    """Begin to load, and load nothing."""
    with jobs.loading():
        pass


def test_a_database_that_is_away_says_so(own_postgres: PostgresServer) -> None:
    """Every method raises Unavailable while the server is gone, and works when it is back."""
    jobs = Jobs(own_postgres.create_database())
    jobs.migrate()
    jobs.upsert([job("j1")])
    own_postgres.stop(kill=True)
    calls: list[Callable[[], object]] = [
        jobs.ping,
        lambda: jobs.get(ref("j1")),
        lambda: jobs.upsert([job("j2")]),
        lambda: jobs.insert_if_absent(job("j2")),
        lambda: jobs.list("a"),
        lambda: list(jobs.unfinished()),
        lambda: jobs.count("a"),
        lambda: load(jobs),
    ]
    for call in calls:
        with pytest.raises(Unavailable) as caught:
            call()
        assert caught.value.code == "database_unavailable"
    own_postgres.start()
    assert jobs.get(ref("j1")) == job("j1")
    assert jobs.get(ref("j2")) is None
    jobs.close()


@pytest.mark.parametrize("where", ["postgresql://app@127.0.0.1:{port}/x", "sqlite:////proc/nowhere/jobs.db"])
def test_a_database_that_was_never_there_is_away(where: str) -> None:
    """At the first use, with a sentence."""
    with pytest.raises(Unavailable) as caught:
        Jobs(where.format(port=free_port())).migrate()
    assert caught.value.code == "database_unavailable"


def test_addresses_as_deployments_write_them(postgres_server: PostgresServer, tmp_path: Path) -> None:
    """postgres://, postgresql://, and a bare path."""
    address = postgres_server.create_database().replace("postgresql+psycopg", "postgres")
    for url in (
        address,
        address.replace("postgres:", "postgresql:"),
        str(tmp_path / uuid.uuid4().hex / "jobs.db"),
    ):
        table = Jobs(url)
        table.migrate()
        table.ping()
        table.close()


def test_two_tenants_may_choose_the_same_id(jobs: Jobs) -> None:
    """Their rows stand side by side, and neither is found, listed, inserted over or written by the other."""
    theirs = job("j1", tenant="b", format="mp3")
    assert jobs.insert_if_absent(job("j1"))
    assert jobs.insert_if_absent(theirs)
    jobs.upsert([job("j1", version=9, status="completed")])
    assert jobs.get_many([ref("j1"), ref("j1", "b"), ref("j1", "c")]) == {
        ref("j1"): job("j1", version=9, status="completed"),
        ref("j1", "b"): theirs,
    }
    assert jobs.list("b").jobs == (theirs,)


def test_a_table_of_an_older_version_keeps_its_rows(url: str) -> None:
    """A table whose key was the id alone becomes one of pairs: every row is there, as it was."""
    kept = [
        job("done", status="completed", completed_at=NOON, user_id="u1", batch_id="b1", version=4),
        job("odd", user_id="null \u0000 🎬", metadata={"text": "\\u0000 \u0000"}, tenant="b"),
        job("late", status="failed", completed_at=NOON + timedelta(microseconds=1)),
    ]
    engine = make_engine(url)
    with engine.begin() as connection:
        migrate(connection, 1)
        for one in kept:
            row = {k: v for k, v in row_of(one).items() if k in OLD_COLUMNS}
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO jobs ({names}) VALUES ({values})"), row)
    engine.dispose()
    table = Jobs(url)
    assert table.migrate() == 1
    assert table.migrate() == 0
    assert table.get_many([one.ref for one in kept]) == {one.ref: one for one in kept}
    assert ids(table, JobFilter(user_id="u1")) == ["done"]
    assert ids(table, JobFilter(user_id="null \u0000 🎬"), "b") == ["odd"]
    ended = {row["id"]: row["ended_at"] for row in map(row_of, kept)}
    with table._begin() as connection:
        rows = connection.execute(text("SELECT id, ended_at FROM jobs")).all()
    assert {row[0]: row[1] for row in rows} == ended
    table.close()


FILTERS = (
    JobFilter(),
    JobFilter(statuses=("failed",)),
    JobFilter(statuses=("queued", "failed", "rendering")),
    JobFilter(statuses=()),
    JobFilter(format="mp3"),
    JobFilter(project_id="p1"),
    JobFilter(batch_id="b1"),
    JobFilter(user_id="u1"),
    JobFilter(video_id="v1"),
    JobFilter(user_id="u1", statuses=("queued", "completed")),
    JobFilter(after=NOON + timedelta(minutes=10), before=NOON + timedelta(minutes=30)),
)


@pytest.mark.parametrize("wanted", FILTERS)
def test_every_filter_pages_through_all_it_means(jobs: Jobs, wanted: JobFilter) -> None:
    """Twenty times over, for PostgreSQL plans a statement anew without its values after five runs."""
    statuses = ("queued", "rendering", "completed", "failed")
    all_of_them = [
        job(
            f"j{n:02}",
            status=statuses[n % 4],
            format=("mp4", "mp3")[n % 2],
            created_at=NOON + timedelta(minutes=n // 2),
            project_id="p1" if n % 3 == 0 else None,
            batch_id="b1" if n % 5 == 0 else None,
            user_id=f"u{n % 2}",
        )
        for n in range(80)
    ]
    jobs.upsert([*all_of_them, *(one.model_copy(update={"tenant": "b"}) for one in all_of_them)])
    expected = [one.id for one in reversed(all_of_them) if _means(wanted, one)]
    for _ in range(20):
        found: list[str] = []
        cursor = None
        while True:
            page = jobs.list("a", wanted, cursor=cursor, limit=7)
            found += [one.id for one in page.jobs]
            if (cursor := page.next_cursor) is None:
                break
        assert found == expected


def _means(wanted: JobFilter, one: Job) -> bool:
    named = ("format", "project_id", "batch_id", "user_id", "video_id")
    equal = all(getattr(wanted, n) in (None, getattr(one, n, None)) for n in named)
    assert one.created_at is not None
    late = wanted.after is None or one.created_at >= wanted.after
    early = wanted.before is None or one.created_at < wanted.before
    return equal and late and early and (wanted.statuses is None or one.status in wanted.statuses)
