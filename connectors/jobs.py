"""The job table: what anyone may ask for, on SQLite or PostgreSQL, by SQLAlchemy Core.

A row is a snapshot (schemas/lifecycle.Job) as JSON, with columns for what is filtered. A row's
version never goes back, so writers that overtake one another do no harm.
"""

from __future__ import annotations

import base64
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
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
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    and_,
    create_engine,
    delete,
    event,
    or_,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from connectors.migrations import migrate
from schemas.errors import InvalidInput, Unavailable
from schemas.lifecycle import TERMINAL, Job

jobs = Table(
    "jobs",
    MetaData(),
    Column("id", String(100), primary_key=True),
    Column("tenant", String(63)),
    Column("status", String(16)),
    Column("format", String(20)),
    Column("project_id", String(200)),
    Column("batch_id", String(200)),
    Column("source", String(200)),
    Column("version", Integer),
    Column("created_at", String(32)),
    Column("snapshot", Text),
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

    def get(self, job_id: str) -> Job | None:
        """One job."""
        return self.get_many([job_id]).get(job_id)

    def get_many(self, ids: Sequence[str]) -> Mapping[str, Job]:
        """The jobs that are there, by id."""
        found: dict[str, Job] = {}
        with self._begin() as connection:
            for at in range(0, len(ids), MOST_AT_ONCE):
                statement = select(jobs.c.snapshot).where(jobs.c.id.in_(ids[at : at + MOST_AT_ONCE]))
                for (snapshot,) in connection.execute(statement):
                    job = Job.decode(snapshot.encode())
                    found[job.id] = job
        return found

    def upsert(self, changed: Sequence[Job]) -> None:
        """Write jobs in one transaction; a row that is newer than what is written stays."""
        if not changed:
            return
        with self._begin(write=True) as connection:
            connection.execute(
                self._upsert_all, [_row(job) for job in sorted(changed, key=lambda job: job.id)]
            )

    def list(
        self, tenant: str, wanted: JobFilter = JobFilter(), *, cursor: str | None = None, limit: int = 50
    ) -> JobPage:
        """One page of a tenant's jobs, newest first. Raises InvalidInput for a cursor that is none."""
        statement = _filtered(tenant, wanted)
        if cursor is not None:
            created_at, job_id = _read_cursor(cursor)
            older = jobs.c.created_at < created_at
            statement = statement.where(or_(older, and_(jobs.c.created_at == created_at, jobs.c.id < job_id)))
        statement = statement.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit + 1)
        with self._begin() as connection:
            rows = connection.execute(statement).all()
        page = tuple(Job.decode(row.snapshot.encode()) for row in rows[:limit])
        more = _cursor(rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None
        return JobPage(page, more)

    def unfinished(self) -> Sequence[Job]:
        """All jobs that have not ended, oldest first."""
        statement = select(jobs.c.snapshot).where(jobs.c.status.not_in(TERMINAL)).order_by(jobs.c.created_at)
        with self._begin() as connection:
            return [Job.decode(snapshot.encode()) for (snapshot,) in connection.execute(statement)]

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
        written = {c.name: insert.excluded[c.name] for c in jobs.columns if c.name != "id"}
        upsert = insert.on_conflict_do_update(
            index_elements=["id"], set_=written, where=jobs.c.version <= insert.excluded.version
        )
        return insert.on_conflict_do_nothing(index_elements=["id"]).returning(jobs.c.id), upsert

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
        Path(path).parent.mkdir(parents=True, exist_ok=True)
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
        "source": _plain(job.source),
        "version": job.version,
        "created_at": _stamp(job.created_at or datetime.fromtimestamp(0, UTC)),
        "snapshot": job.encode().decode(),
    }


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _filtered(tenant: str, wanted: JobFilter) -> Select[Any]:
    conditions: list[Any] = [jobs.c.tenant == tenant]
    if wanted.statuses is not None:
        conditions.append(jobs.c.status.in_(wanted.statuses))
    named = {"format": wanted.format, "project_id": wanted.project_id, "batch_id": wanted.batch_id}
    conditions += [jobs.c[name] == _plain(value) for name, value in named.items() if value is not None]
    if wanted.after is not None:
        conditions.append(jobs.c.created_at >= _stamp(wanted.after))
    if wanted.before is not None:
        conditions.append(jobs.c.created_at < _stamp(wanted.before))
    return select(jobs.c.id, jobs.c.created_at, jobs.c.snapshot).where(*conditions)


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
