"""The job table's migrations: numbered, each applied once, in order. Append; never change one."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

Statement = str | Mapping[str, str]
"""SQL for all databases, or one by the dialect's name."""


def _field(name: str) -> Mapping[str, str]:
    """A text of the snapshot. No database's JSON has NUL, so it is replaced as `connectors.jobs` does."""
    clean = r"replace(snapshot, '\u0000', '\ufffd')"
    return {
        "sqlite": f"json_extract({clean}, '$.{name}')",
        "postgresql": f"CAST({clean} AS json) ->> '{name}'",
    }


def _stamp(name: str) -> Mapping[str, str]:
    """A moment of the snapshot (ISO 8601 in UTC) as `connectors.jobs` stamps it, with microseconds."""
    fields = _field(name)
    return {
        "sqlite": f"CASE WHEN length({fields['sqlite']}) = 20"
        f" THEN substr({fields['sqlite']}, 1, 19) || '.000000Z' ELSE {fields['sqlite']} END",
        "postgresql": f"to_char(CAST({fields['postgresql']} AS timestamptz) AT TIME ZONE 'UTC',"
        ' \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\')',
    }


_COPIED = "tenant, id, status, format, project_id, batch_id, source, version, created_at, snapshot"
_UNFINISHED = "'queued', 'planning', 'rendering', 'uploading'"

MIGRATIONS: tuple[tuple[Statement, ...], ...] = (
    (
        """CREATE TABLE jobs (
            id VARCHAR(100) NOT NULL PRIMARY KEY,
            tenant VARCHAR(63) NOT NULL,
            status VARCHAR(16) NOT NULL,
            format VARCHAR(20),
            project_id VARCHAR(200),
            batch_id VARCHAR(200),
            source VARCHAR(200),
            version INTEGER NOT NULL,
            created_at VARCHAR(32) NOT NULL,
            snapshot TEXT NOT NULL
        )""",
        "CREATE INDEX jobs_by_tenant ON jobs (tenant, created_at, id)",
        "CREATE INDEX jobs_by_status ON jobs (status, created_at)",
        "CREATE INDEX jobs_by_project ON jobs (tenant, project_id, created_at)",
    ),
    (
        # A job is (tenant, id): the rows move into a table with that key, then it takes the old one's name.
        """CREATE TABLE jobs_by_pair (
            tenant VARCHAR(63) NOT NULL,
            id VARCHAR(100) NOT NULL,
            status VARCHAR(16) NOT NULL,
            format VARCHAR(20),
            project_id VARCHAR(200),
            batch_id VARCHAR(200),
            user_id VARCHAR(200),
            video_id VARCHAR(200),
            source VARCHAR(200),
            lane VARCHAR(20),
            version INTEGER NOT NULL,
            created_at VARCHAR(32) NOT NULL,
            ended_at VARCHAR(32),
            expires_at VARCHAR(32),
            snapshot TEXT NOT NULL,
            PRIMARY KEY (tenant, id)
        )""",
        {
            kind: f"INSERT INTO jobs_by_pair ({_COPIED}, user_id, ended_at)"  # noqa: S608  # constants
            f" SELECT {_COPIED}, {_field('user_id')[kind]}, {_stamp('completed_at')[kind]} FROM jobs"
            for kind in ("sqlite", "postgresql")
        },
        "DROP TABLE jobs",
        "ALTER TABLE jobs_by_pair RENAME TO jobs",
        # Room on each page for the row's next version: what is not indexed changes without the indexes.
        {"postgresql": "ALTER TABLE jobs SET (fillfactor = 80)"},
        "CREATE INDEX jobs_by_age ON jobs (tenant, created_at, id)",
        "CREATE INDEX jobs_by_status ON jobs (tenant, status, created_at, id)",
        "CREATE INDEX jobs_by_format ON jobs (tenant, format, created_at, id)",
        *(
            f"CREATE INDEX jobs_by_{name} ON jobs (tenant, {name}, created_at, id) WHERE {name} IS NOT NULL"
            for name in ("project_id", "batch_id", "user_id", "video_id")
        ),
        f"CREATE INDEX jobs_unfinished ON jobs (tenant, created_at, id) WHERE status IN ({_UNFINISHED})",
        "CREATE INDEX jobs_by_expiry ON jobs (expires_at) WHERE expires_at IS NOT NULL",
    ),
)
"""`created_at` is ISO 8601 in UTC with microseconds, so that its order as text is its order in time."""


def migrate(connection: Connection, to: int = len(MIGRATIONS)) -> int:
    """Bring the schema up to version `to` within the caller's transaction; the number of migrations applied.

    On PostgreSQL an advisory lock keeps two processes from doing it at once.
    """
    kind = connection.dialect.name
    if kind == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7239112)"))
    connection.execute(
        text("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY)")
    )
    done = int(connection.execute(text("SELECT COALESCE(MAX(version), 0) FROM schema_version")).scalar_one())
    for number, statements in enumerate(MIGRATIONS[done:to], start=done + 1):
        for statement in statements:
            if sql := statement if isinstance(statement, str) else statement.get(kind):
                connection.exec_driver_sql(sql)
        connection.execute(text("INSERT INTO schema_version (version) VALUES (:n)"), {"n": number})
    return max(0, to - done)
