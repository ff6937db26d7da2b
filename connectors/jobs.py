"""The job table: what anyone may ask for, on SQLite or PostgreSQL, by SQLAlchemy Core.

A row is a snapshot (schemas/lifecycle.Job) as JSON, with columns for what is filtered. A row's
version never goes back, so writers that overtake one another do no harm.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    Connection,
    Executable,
    Select,
    delete,
    false,
    func,
    literal,
    literal_column,
    select,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from connectors.databases import away, make_engine
from connectors.job_loading import CopyLoader, Loader, RowLoader
from connectors.job_rows import KEY, jobs, plain, row_of, stamp
from connectors.migrations import migrate
from schemas.errors import InvalidInput, Unavailable
from schemas.identity import JobRef
from schemas.lifecycle import TERMINAL, TRANSITIONS, Job

EQUAL = ("format", "project_id", "batch_id", "user_id", "video_id")
"""Columns that a filter compares with a value."""
UNFINISHED = (
    select(jobs.c.snapshot)
    # Written out, and the very statuses of the index: a parameter would hide them from the planner.
    .where(jobs.c.status.in_([literal_column(f"'{s}'") for s in TRANSITIONS if s not in TERMINAL]))
    .order_by(jobs.c.created_at)
)
MOST_AT_ONCE = 500
MOST_COUNTED = 1000


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
        self._engine = make_engine(url)
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
            return connection.execute(self._insert_new, row_of(job)).first() is not None

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
                self._upsert_all, [row_of(job) for job in sorted(changed, key=lambda job: job.ref)]
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

    def count(self, tenant: str, wanted: JobFilter = JobFilter()) -> int:
        """How many jobs a filter means, as far as `MOST_COUNTED`; one more stands for any number beyond.

        An exact count of a large tenant reads an entry of the index for each job that it ever had.
        """
        matching = _filtered(tenant, wanted).with_only_columns(literal(1).label("one"))
        if wanted.statuses is not None:
            matching = matching.where(jobs.c.status.in_(wanted.statuses))
        some = matching.limit(MOST_COUNTED + 1).subquery()
        with self._begin() as connection:
            return int(connection.execute(select(func.count()).select_from(some)).scalar_one())

    def unfinished(self) -> Iterator[Job]:
        """All jobs that have not ended, oldest first; read from the database as they are taken."""
        with self._begin() as connection:
            rows = connection.execution_options(yield_per=MOST_AT_ONCE).execute(UNFINISHED)
            for (snapshot,) in rows:
                yield Job.decode(snapshot.encode())

    @contextmanager
    def loading(self, *, emptied: bool = False) -> Iterator[Loader]:
        """Write many jobs in one transaction: until it ends readers see the table as it was before.

        emptied: begin with no rows. An error within leaves everything as it was.
        """
        with self._begin(write=True) as connection:
            if emptied:
                connection.execute(delete(jobs))
            make = CopyLoader if connection.dialect.name == "postgresql" else RowLoader
            yield make(connection, self._upsert_all)

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
            raise _told(error.orig or error) from error
        except SQLAlchemyError as error:
            raise away(type(error).__name__) from error
        except self._engine.dialect.loaded_dbapi.Error as error:  # of COPY, which SQLAlchemy does not wrap
            raise _told(error) from error


def _told(error: BaseException) -> Unavailable:
    return away(f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}")


def _filtered(tenant: str, wanted: JobFilter) -> Select[Any]:
    """All but the statuses, of which `_page` makes more than a condition."""
    conditions: list[Any] = [jobs.c.tenant == tenant]
    named = {name: getattr(wanted, name) for name in EQUAL}
    conditions += [jobs.c[name] == plain(value) for name, value in named.items() if value is not None]
    if wanted.after is not None:
        conditions.append(jobs.c.created_at >= stamp(wanted.after))
    if wanted.before is not None:
        conditions.append(jobs.c.created_at < stamp(wanted.before))
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
