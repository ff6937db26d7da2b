"""What the servers have in common: a folder, a port, a process that is stopped by its id."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("EXPORTSTREAM_CACHE", ROOT / ".cache"))


class ServerUnavailable(Exception):
    """A server cannot be had on this machine: the message says what is missing."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on, outside of the range of outgoing connections.

    A server that is restarted must find its port again, and an ephemeral one may be taken meanwhile
    by any client.
    """
    for port in _candidates():
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerUnavailable("No free port between 20000 and 32000.")


def _candidates() -> Iterator[int]:
    start = int.from_bytes(os.urandom(2), "big")
    for step in range(4000):
        yield 20000 + (start + step * 7) % 12000


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 30.0, step: float = 0.02) -> None:
    """Return as soon as `condition` holds; raise TimeoutError naming `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {timeout:.0f} s in vain: {what}.")
        time.sleep(step)


def listening(port: int) -> bool:
    """Whether somebody accepts connections on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def exclusive(name: str) -> Iterator[None]:
    """One process at a time, of all test runs on this machine that share the cache folder."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_setup(
    arguments: list[str], what: str, *, cwd: Path | None = None, env: dict[str, str] | None = None
) -> None:
    """Run one step of an installation; raises ServerUnavailable with the end of what it printed."""
    if shutil.which(arguments[0]) is None:
        raise ServerUnavailable(f"{what} needs `{arguments[0]}`, which is not installed.")
    merged = {**os.environ, **(env or {})}
    try:
        done = subprocess.run(arguments, cwd=cwd, env=merged, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired as error:
        raise ServerUnavailable(f"{what}: {arguments[0]} did not end within 10 minutes.") from error
    if done.returncode != 0:
        raise ServerUnavailable(f"{what}: {arguments[0]} failed: {(done.stdout + done.stderr)[-800:]}")


class Server:
    """A process with a folder of its own, stopped at the latest when the tests end."""

    name = "server"
    stop_signal = signal.SIGTERM
    kill_signal = signal.SIGKILL
    user: str | None = None

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"exportstream-{self.name}-"))
        self.log = self.folder / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def command(self) -> list[str]:
        """The arguments that start the server."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """The variables added to the server's environment."""
        return {}

    def ready(self) -> bool:
        """Whether the server answers."""
        raise NotImplementedError

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    def start(self) -> None:
        """Start the process unless it runs, and wait until it answers."""
        if self.running:
            return
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C ends the tests, and their end stops the server.
            self._process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment()},
                cwd=self.folder,
                start_new_session=True,
                user=self.user,
                extra_groups=[] if self.user else None,
            )
        try:
            wait_until(lambda: not self.running or self.ready(), f"{self.name} answers", timeout=60)
        except TimeoutError as error:
            self.stop(kill=True)
            raise ServerUnavailable(f"{error} {self._tail()}") from error
        if not self.running:
            raise ServerUnavailable(f"{self.name} ended at once: {self._tail()}")

    def stop(self, kill: bool = False) -> None:
        """Stop the process: in order, or with `kill` as a power cut would. Its data stays."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(self.kill_signal if kill else self.stop_signal)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    def close(self) -> None:
        """Stop the process and remove its folder."""
        atexit.unregister(self.close)
        self.stop(kill=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-1500:] if self.log.exists() else ""
