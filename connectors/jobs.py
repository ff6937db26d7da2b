"""The job table: what anyone may ask for, on SQLite or PostgreSQL, by SQLAlchemy Core.

A row is a snapshot (schemas/lifecycle.Job) as JSON, with columns for what is filtered. A row's
version never goes back, so writers that overtake one another do no harm.
"""

from __future__ import annotations

import base64
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Executable,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    create_engine,
    delete,
    event,
    false,
    literal,
    literal_column,
    select,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from connectors.migrations import migrate
from connectors.private import private_file
from schemas.errors import InvalidInput, Unavailable
from schemas.identity import JobRef
from schemas.lifecycle import TERMINAL, TRANSITIONS, Job

jobs = Table(
    "jobs",
    MetaData(),
    Column("tenant", String(63), primary_key=True),
    Column("id", String(100), primary_key=True),
    Column("status", String(16)),
    Column("format", String(20)),
    Column("project_id", String(200)),
    Column("batch_id", String(200)),
    Column("user_id", String(200)),
    Column("video_id", String(200)),
    Column("source", String(200)),
    Column("lane", String(20)),
    Column("version", Integer),
    Column("created_at", String(32)),
    Column("ended_at", String(32)),
    Column("expires_at", String(32)),
    Column("snapshot", Text),
)
KEY = ["tenant", "id"]
EQUAL = ("format", "project_id", "batch_id", "user_id", "video_id")
"""Columns that a filter compares with a value."""
UNFINISHED = (
    select(jobs.c.snapshot)
    # Written out, and the very statuses of the index: a parameter would hide them from the planner.
    .where(jobs.c.status.in_([literal_column(f"'{s}'") for s in TRANSITIONS if s not in TERMINAL]))
    .order_by(jobs.c.created_at)
)
MOST_AT_ONCE = 500
BUSY_S = 5
CONNECT_S = 5


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are asked for; None asks for all. `after` and `before` bound created_at, in UTC."""

    statuses: tuple[str, ...] | None = None
    format: str | None = None
    project_id: str | None = None
    batch_id: str | None = None
    user_id: str | None = None
    video_id: str | None = None
    after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True)
class JobPage:
    """Jobs, newest first, and the cursor for those that follow, if any."""

    jobs: tuple[Job, ...]
    next_cursor: str | None


class Jobs:
    """The job table behind a database address; safe for threads. All methods raise Unavailable."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        # Built once: building a statement costs more than running it.
        self._insert_new, self._upsert_all = self._statements()

    def migrate(self) -> int:
        """Bring the schema up to date; the number of migrations applied."""
        with self._begin(write=True) as connection:
            return migrate(connection)

    def ping(self) -> None:
        """Return when the database answers."""
        with self._begin() as connection:
            connection.execute(text("SELECT 1"))

    def insert_if_absent(self, job: Job) -> bool:
        """Write a new job; False when its id is taken, and then nothing is changed."""
        with self._begin(write=True) as connection:
            return connection.execute(self._insert_new, _row(job)).first() is not None

    def get(self, ref: JobRef) -> Job | None:
        """One job."""
        return self.get_many([ref]).get(ref)

    def get_many(self, refs: Sequence[JobRef]) -> Mapping[JobRef, Job]:
        """The jobs that are there."""
        found: dict[JobRef, Job] = {}
        with self._begin() as connection:
            for tenant, ids in _by_tenant(refs).items():
                for at in range(0, len(ids), MOST_AT_ONCE):
                    few = jobs.c.id.in_(ids[at : at + MOST_AT_ONCE])
                    statement = select(jobs.c.snapshot).where(jobs.c.tenant == tenant, few)
                    for (snapshot,) in connection.execute(statement):
                        job = Job.decode(snapshot.encode())
                        found[job.ref] = job
        return found

    def upsert(self, changed: Sequence[Job]) -> None:
        """Write jobs in one transaction; a row that is newer than what is written stays."""
        if not changed:
            return
        with self._begin(write=True) as connection:
            connection.execute(
                self._upsert_all, [_row(job) for job in sorted(changed, key=lambda job: job.ref)]
            )

    def list(
        self, tenant: str, wanted: JobFilter = JobFilter(), *, cursor: str | None = None, limit: int = 50
    ) -> JobPage:
        """One page of a tenant's jobs, newest first. Raises InvalidInput for a cursor that is none."""
        statement = _page(tenant, wanted, cursor, limit + 1)
        with self._begin() as connection:
            rows = connection.execute(statement).all()
        page = tuple(Job.decode(row.snapshot.encode()) for row in rows[:limit])
        more = _cursor(rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None
        return JobPage(page, more)

    def unfinished(self) -> Iterator[Job]:
        """All jobs that have not ended, oldest first; read from the database as they are taken."""
        with self._begin() as connection:
            rows = connection.execution_options(yield_per=MOST_AT_ONCE).execute(UNFINISHED)
            for (snapshot,) in rows:
                yield Job.decode(snapshot.encode())

    def delete_all(self) -> None:
        """Empty the table."""
        with self._begin(write=True) as connection:
            connection.execute(delete(jobs))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _statements(self) -> tuple[Any, Any]:
        """(insert unless there, insert or overwrite unless newer), both taking rows as parameters."""
        insert = (postgresql if self._engine.dialect.name == "postgresql" else sqlite).insert(jobs)
        written = {c.name: insert.excluded[c.name] for c in jobs.columns if not c.primary_key}
        upsert = insert.on_conflict_do_update(
            index_elements=KEY, set_=written, where=jobs.c.version <= insert.excluded.version
        )
        return insert.on_conflict_do_nothing(index_elements=KEY).returning(jobs.c.id), upsert

    @contextmanager
    def _begin(self, write: bool = False) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                if write and connection.dialect.name == "sqlite":
                    # Waits for its turn now: a transaction that read first could not wait any more.
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
        except DBAPIError as error:
            raise _away(
                f"{type(error.orig).__name__}: {str(error.orig).partition(chr(10))[0][:200]}"
            ) from error
        except SQLAlchemyError as error:
            raise _away(type(error).__name__) from error


def _engine(url: str) -> Engine:
    """The engine for a database address as deployments write it: postgres:// and a bare path too."""
    if url.startswith(("postgres://", "postgresql://")):
        url = f"postgresql+psycopg://{url.partition('://')[2]}"
    elif "://" not in url:
        url = f"sqlite:///{url}"
    if not url.startswith("sqlite"):
        return create_engine(
            url, pool_pre_ping=True, pool_size=8, pool_timeout=5, connect_args={"connect_timeout": CONNECT_S}
        )
    path = url.removeprefix("sqlite:///")
    try:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        private_file(Path(path))
    except OSError as error:
        raise _away(f"{path} cannot be made: {error.strerror}") from error
    engine = create_engine(
        url,
        poolclass=None if path else NullPool,
        connect_args={"timeout": BUSY_S, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _: Any) -> None:
        # Readers do not wait for the writer; a commit survives the process, not a power cut.
        _switch_to_wal(connection)
        connection.execute("PRAGMA synchronous=NORMAL").close()

    return engine


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Have SQLite write ahead. For this it does not wait for others who do the same, so we do."""
    begin = time.monotonic()
    while True:
        try:
            return connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError:
            if time.monotonic() - begin > BUSY_S:
                raise
            time.sleep(0.02)


def _plain(value: str | None) -> str | None:
    """A text as PostgreSQL can hold it: without NUL. The snapshot keeps what was sent."""
    return value and value.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _row(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "tenant": job.tenant,
        "status": job.status,
        "format": _plain(job.format),
        "project_id": _plain(job.project_id),
        "batch_id": _plain(job.batch_id),
        "user_id": _plain(job.user_id),
        "video_id": None,
        "source": _plain(job.source),
        "version": job.version,
        "lane": None,
        "created_at": _stamp(job.created_at or datetime.fromtimestamp(0, UTC)),
        "ended_at": job.completed_at and _stamp(job.completed_at),
        "expires_at": None,
        "snapshot": job.encode().decode(),
    }


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _filtered(tenant: str, wanted: JobFilter) -> Select[Any]:
    conditions: list[Any] = [jobs.c.tenant == tenant]
    named = {name: getattr(wanted, name) for name in EQUAL}
    conditions += [jobs.c[name] == _plain(value) for name, value in named.items() if value is not None]
    if wanted.after is not None:
        conditions.append(jobs.c.created_at >= _stamp(wanted.after))
    if wanted.before is not None:
        conditions.append(jobs.c.created_at < _stamp(wanted.before))
    return select(jobs.c.id, jobs.c.created_at, jobs.c.snapshot).where(*conditions)


def _page(tenant: str, wanted: JobFilter, cursor: str | None, limit: int) -> Executable:
    """The newest `limit` rows below the cursor.

    Of several statuses each is read in its own index and the heads are merged: together they have no order
    in any index, so all their rows would be read and sorted.
    """
    filtered = _filtered(tenant, wanted)
    if cursor is not None:
        place = tuple_(*map(literal, _read_cursor(cursor)))
        filtered = filtered.where(tuple_(jobs.c.created_at, jobs.c.id) < place)
    statuses = list(dict.fromkeys(wanted.statuses)) if wanted.statuses is not None else None
    if statuses is None or len(statuses) == len(TRANSITIONS):
        return _newest(filtered, limit)
    if len(statuses) < 2:
        return _newest(filtered.where(jobs.c.status == statuses[0] if statuses else false()), limit)
    each = [_newest(filtered.where(jobs.c.status == status), limit).subquery() for status in statuses]
    merged = union_all(*(select(part) for part in each)).subquery()
    return select(merged).order_by(merged.c.created_at.desc(), merged.c.id.desc()).limit(limit)


def _newest(statement: Select[Any], limit: int) -> Select[Any]:
    return statement.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)


def _by_tenant(refs: Iterable[JobRef]) -> dict[str, list[str]]:
    """The ids of each tenant: each is one search in the index of the key."""
    grouped: dict[str, list[str]] = {}
    for ref in refs:
        grouped.setdefault(ref.tenant, []).append(ref.id)
    return grouped


def _cursor(created_at: str, job_id: str) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([created_at, job_id])).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, str]:
    try:
        match orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))):
            case [str(created_at), str(job_id)] if "\0" not in created_at + job_id:
                return created_at, job_id
    except ValueError:
        pass
    raise InvalidInput("bad_cursor", "The cursor is not one of ours; begin without one.")


def _away(why: str) -> Unavailable:
    return Unavailable("database_unavailable", f"The job table's database does not answer ({why}).")
