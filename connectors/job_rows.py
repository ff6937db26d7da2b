"""The job table's columns, and a job as a row of it.

A row is a snapshot (schemas/lifecycle.Job) as JSON, with columns for what is filtered. Nothing fills
`video_id`, `lane` and `expires_at` yet: no request can say them. They are columns already so that a table
of millions of rows is rewritten once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Integer, MetaData, String, Table, Text

from schemas.lifecycle import Job

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


def plain(value: str | None) -> str | None:
    """A text as PostgreSQL can hold it: without NUL. The snapshot keeps what was sent."""
    return value and value.replace("\0", "\N{REPLACEMENT CHARACTER}")


def row_of(job: Job) -> dict[str, Any]:
    """The row of a job, by column."""
    return {
        "id": job.id,
        "tenant": job.tenant,
        "status": job.status,
        "format": plain(job.format),
        "project_id": plain(job.project_id),
        "batch_id": plain(job.batch_id),
        "user_id": plain(job.user_id),
        "video_id": None,
        "source": plain(job.source),
        "version": job.version,
        "lane": None,
        "created_at": stamp(job.created_at or datetime.fromtimestamp(0, UTC)),
        "ended_at": job.completed_at and stamp(job.completed_at),
        "expires_at": None,
        "snapshot": job.encode().decode(),
    }


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds: its order as text is its order in time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
