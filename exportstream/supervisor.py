"""The worker processes of `up`: started, watched, started again when they die, and stopped in order."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

log = structlog.stdlib.get_logger(__name__)

LOOK_S = 0.2
STOP_S = 10.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
HEALTHY_S = 30.0
"""A process that lived this long did not die of its start."""


@dataclass
class _Child:
    stages: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE_S
    due: float = 0.0


class Supervisor:
    """Runs `exportstream worker STAGE…` for each group of stages."""

    def __init__(self, groups: Sequence[Sequence[str]], environ: Mapping[str, str]) -> None:
        self._children = [_Child(tuple(stages)) for stages in groups]
        self._environ = dict(environ)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start all processes and keep them running."""
        for child in self._children:
            self._start(child)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether all of them are there."""
        return all(c.process is not None and c.process.poll() is None for c in self._children)

    @property
    def pids(self) -> list[int]:
        """The processes that are there."""
        return [c.process.pid for c in self._children if c.process is not None and c.process.poll() is None]

    def stop(self) -> None:
        """SIGTERM to all, and SIGKILL to those that are still there after 10 s."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        processes = [c.process for c in self._children if c.process is not None]
        for process in processes:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_S
        for process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, child: _Child) -> None:
        command = [sys.executable, "-m", "exportstream", "worker", *child.stages]
        child.process = subprocess.Popen(
            command, env=self._environ, stdin=subprocess.DEVNULL, process_group=0
        )
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
            log.error(
                "a worker died and is started again", stages=child.stages, status=status, pause=child.pause
            )
        if now >= child.due:
            self._start(child)
