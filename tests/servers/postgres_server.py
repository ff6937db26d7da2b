"""A PostgreSQL server in a folder of its own, run by a user that is not root."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg

from tests.servers.base import Server, ServerUnavailable, free_port


def binaries() -> Path:
    """The folder with `initdb` and `postgres`; raises ServerUnavailable."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    if found is None:
        raise ServerUnavailable("PostgreSQL is not installed: apt-get install postgresql.")
    return Path(found).resolve().parent


def unprivileged_user() -> str | None:
    """Whom to run the server as: nobody else, or when we are root a user that the system has."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in known:
            return name
    raise ServerUnavailable("PostgreSQL does not run as root, and there is no user postgres or nobody.")


class PostgresServer(Server):
    """A server with a superuser `app` that needs no password from this machine."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": sessions are ended
    kill_signal = signal.SIGQUIT  # "immediate": no checkpoint, recovery at the next start

    def __init__(self) -> None:
        self._binaries = binaries()
        self.user = unprivileged_user()
        super().__init__()
        self.port = free_port()
        self._databases = 0
        if self.user:
            shutil.chown(self.folder, self.user)
        arguments = [
            str(self._binaries / "initdb"),
            "-D",
            str(self.folder / "data"),
            "-U",
            "app",
            "-A",
            "trust",
        ]
        arguments += ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        groups: list[int] | None = [] if self.user else None
        done = subprocess.run(
            arguments, capture_output=True, text=True, cwd=self.folder, user=self.user, extra_groups=groups
        )
        if done.returncode != 0:
            raise ServerUnavailable(f"initdb failed: {done.stderr[-800:]}")

    def command(self) -> list[str]:
        """The server itself, so that its process id is ours to stop."""
        options = {
            "fsync": "off",
            "unix_socket_directories": str(self.folder),
            "listen_addresses": "127.0.0.1",
        }
        flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
        return [
            str(self._binaries / "postgres"),
            "-D",
            str(self.folder / "data"),
            "-p",
            str(self.port),
            *flags,
        ]

    def ready(self) -> bool:
        """Whether it lets somebody in."""
        try:
            psycopg.connect(self._dsn("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        """The address of a database, as SQLAlchemy writes it."""
        return f"postgresql+psycopg://app@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """A new, empty database; returns its address."""
        self._databases += 1
        name = f"test_{self._databases}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url(name)

    def _dsn(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=app dbname={database}"
