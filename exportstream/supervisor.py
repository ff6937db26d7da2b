"""The processes of `up`: started, watched, started again when they die, and stopped in order.

Each says that it is ready by writing its process id into a file that it is told of: so whoever asks
knows that the next job will be taken at once, and by which process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.stdlib.get_logger(__name__)

PROGRAM = (sys.executable, "-m", "exportstream")
LOOK_S = 0.2
STOP_S = 10.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
HEALTHY_S = 30.0
"""A process that lived this long did not die of its start."""


READY = "EXPORTSTREAM_READY_FILE"


def say_ready(environ: Mapping[str, str]) -> None:
    """Tell the supervisor, if there is one, that this process does its work from now on."""
    if path := environ.get(READY):
        Path(path).write_text(str(os.getpid()))


def end_with_supervisor(environ: Mapping[str, str]) -> None:
    """Have this process end in order when its supervisor, if it has one, is gone in whatever way.

    The supervisor holds the other end of standard input: it is closed when the process is no more.
    """
    if READY in environ:
        threading.Thread(target=_end_at_the_end_of_input, name="supervised", daemon=True).start()


def _end_at_the_end_of_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_S)
    os._exit(1)


@dataclass
class _Child:
    command: tuple[str, ...]
    ready: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE_S
    due: float = 0.0


class Supervisor:
    """Runs `exportstream COMMAND…` for each of the commands; `folder` is for their signs of readiness.

    program: what the commands are given to; stop_s: seconds that they have to end by themselves.
    """

    def __init__(
        self,
        commands: Sequence[Sequence[str]],
        environ: Mapping[str, str],
        folder: Path,
        *,
        program: Sequence[str] = PROGRAM,
        stop_s: float = STOP_S,
    ) -> None:
        self._program = tuple(program)
        self._stop_s = stop_s
        self._children = [_Child(tuple(c), folder / f"{n}.ready") for n, c in enumerate(commands)]
        self._environ = dict(environ)
        self._stopping = threading.Event()
        self._lifeline: tuple[int, ...] = ()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start all processes and keep them running."""
        self._lifeline = os.pipe()
        for child in self._children:
            self._start(child)
        self._thread.start()

    @property
    def waiting_for(self) -> list[str]:
        """The commands that are not ready, or not there."""
        return [" ".join(child.command) for child in self._children if not _is_ready(child)]

    @property
    def pids(self) -> list[int]:
        """The processes that are there."""
        return [c.process.pid for c in self._children if c.process is not None and c.process.poll() is None]

    def stop(self) -> None:
        """SIGTERM to all, and SIGKILL to those that are still there after 10 s, with what they started."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        processes = [c.process for c in self._children if c.process is not None]
        for process in processes:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + self._stop_s
        for process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # it leads a group of its own
                process.wait()
        while self._lifeline:
            os.close(self._lifeline[-1])
            self._lifeline = self._lifeline[:-1]

    def _start(self, child: _Child) -> None:
        command = [*self._program, *child.command]
        environ = {**self._environ, READY: str(child.ready)}
        child.process = subprocess.Popen(command, env=environ, stdin=self._lifeline[0], process_group=0)
        child.started = time.monotonic()
        child.due = 0.0

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_S):
            for child in self._children:
                if child.process is not None and child.process.poll() is not None:
                    self._revive(child, child.process.returncode)

    def _revive(self, child: _Child, status: int) -> None:
        now = time.monotonic()
        if child.due == 0.0:
            child.pause = (
                FIRST_PAUSE_S if now - child.started > HEALTHY_S else min(LONGEST_PAUSE_S, child.pause * 2)
            )
            child.due = now + child.pause
            log.error("a process died and is started again", command=child.command, status=status)
        if now >= child.due:
            try:
                self._start(child)
            except OSError as error:  # no memory, no more processes: it may be better soon
                child.due = now + LONGEST_PAUSE_S
                log.error("a process cannot be started", command=child.command, reason=str(error))


def _is_ready(child: _Child) -> bool:
    if child.process is None or child.process.poll() is not None:
        return False
    try:
        return child.ready.read_text() == str(child.process.pid)
    except OSError:
        return False
