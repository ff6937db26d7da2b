"""The job table's migrations: numbered, each applied once, in order. Append; never change one."""

from __future__ import annotations

from sqlalchemy import Connection, text

MIGRATIONS: tuple[tuple[str, ...], ...] = (
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
)
"""`created_at` is ISO 8601 in UTC with microseconds, so that its order as text is its order in time."""


def migrate(connection: Connection) -> int:
    """Bring the schema up to date within the caller's transaction; the number of migrations applied.

    On PostgreSQL an advisory lock keeps two processes from doing it at once.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7239112)"))
    connection.execute(
        text("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY)")
    )
    done = connection.execute(text("SELECT COALESCE(MAX(version), 0) FROM schema_version")).scalar_one()
    for number, statements in enumerate(MIGRATIONS[done:], start=done + 1):
        for statement in statements:
            connection.execute(text(statement))
        connection.execute(text("INSERT INTO schema_version (version) VALUES (:n)"), {"n": number})
    return len(MIGRATIONS) - int(done)
