"""Databases by their address: SQLite or PostgreSQL, as SQLAlchemy engines."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool

from connectors.private import private_file
from schemas.errors import Unavailable

BUSY_S = 5
CONNECT_S = 5


def make_engine(url: str) -> Engine:
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
        raise away(f"{path} cannot be made: {error.strerror}") from error
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


def away(why: str) -> Unavailable:
    """The error of a database that does not answer, or not as it should."""
    return Unavailable("database_unavailable", f"The job table's database does not answer ({why}).")
