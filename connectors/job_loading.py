"""Many rows at once: how the job table is filled anew, in one transaction.

PostgreSQL takes them by COPY into a temporary table and from there by one statement, twice as fast as row
by row (PostgreSQL 15, "Populating a Database", 14.4.2). SQLite has no such way, and needs none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, delete, func, select, text

from connectors.job_rows import KEY, jobs, row_of
from schemas.identity import JobRef
from schemas.lifecycle import Job

COLUMNS = [column.name for column in jobs.columns]
_LISTED = ", ".join(COLUMNS)
_OTHERS = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in KEY)
_PREPARE = "CREATE TEMPORARY TABLE incoming (LIKE jobs) ON COMMIT DROP"
_COPY = f"COPY incoming ({_LISTED}) FROM STDIN"
_TAKE = text(
    f"INSERT INTO jobs ({_LISTED}) SELECT {_LISTED} FROM incoming"  # noqa: S608  # names of columns
    f" ON CONFLICT (tenant, id) DO UPDATE SET {_OTHERS} WHERE jobs.version <= excluded.version"
)
_EMPTY = text("TRUNCATE incoming")
_REMOVE = delete(jobs).where(jobs.c.tenant == bindparam("its_tenant"), jobs.c.id == bindparam("its_id"))


class Loader(Protocol):
    """Writes rows within the transaction of whoever has it. All methods raise Unavailable."""

    def write(self, batch: Iterable[Job]) -> None:
        """Write jobs; of several versions of a job the newest counts, here and in the table."""

    def remove(self, refs: Iterable[JobRef]) -> None:
        """Remove rows that are there."""

    def count(self) -> int:
        """How many rows there are now."""


class RowLoader:
    """Writes by one statement, run for each row."""

    def __init__(self, connection: Connection, upsert: Any) -> None:
        self._connection = connection
        self._upsert = upsert

    def write(self, batch: Iterable[Job]) -> None:
        """Write jobs."""
        if rows := [row_of(job) for job in newest(batch)]:
            self._connection.execute(self._upsert, rows)

    def remove(self, refs: Iterable[JobRef]) -> None:
        """Remove rows that are there."""
        if named := [{"its_tenant": ref.tenant, "its_id": ref.id} for ref in refs]:
            self._connection.execute(_REMOVE, named)

    def count(self) -> int:
        """How many rows there are now."""
        return int(self._connection.execute(select(func.count()).select_from(jobs)).scalar_one())


class CopyLoader(RowLoader):
    """Writes by PostgreSQL's COPY."""

    def __init__(self, connection: Connection, upsert: Any) -> None:
        super().__init__(connection, upsert)
        connection.execute(text(_PREPARE))

    def write(self, batch: Iterable[Job]) -> None:
        """Write jobs."""
        rows = [row_of(job) for job in newest(batch)]
        if not rows:
            return
        raw: Any = self._connection.connection.driver_connection
        with raw.cursor() as cursor, cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row([row[name] for name in COLUMNS])
        self._connection.execute(_TAKE)
        self._connection.execute(_EMPTY)


def newest(batch: Iterable[Job]) -> list[Job]:
    """The newest version of each job, in the order of the key, so that two writers never wait in a circle."""
    found: dict[JobRef, Job] = {}
    for job in batch:
        if (known := found.get(job.ref)) is None or known.version <= job.version:
            found[job.ref] = job
    return [found[ref] for ref in sorted(found)]
