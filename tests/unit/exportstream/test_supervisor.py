"""Processes that `up` keeps running: started again when they die, and ended in time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from exportstream.supervisor import READY, Supervisor

READY_THEN = f"""
import os, pathlib, signal, sys, time
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        pathlib.Path(sys.argv[2]).write_text(str(os.getpid()))
        time.sleep(600)
pathlib.Path(os.environ["{READY}"]).write_text(str(os.getpid()))
if sys.argv[1] == "brief":
    sys.exit(3)
time.sleep(600)
"""


@contextmanager
def supervising(folder: Path, *commands: tuple[str, ...], stop_s: float = 5.0) -> Iterator[Supervisor]:
    """A supervisor of small programs that only sleep."""
    program = (sys.executable, "-S", "-c", READY_THEN)
    made = Supervisor(commands, os.environ, folder, program=program, stop_s=stop_s)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_processes_are_ready_when_they_say_so(tmp_path: Path) -> None:
    """Nothing is waited for once each process has given a sign; all of them end with the supervisor."""
    with supervising(tmp_path, ("steady", "1"), ("steady", "2")) as supervisor:
        until(lambda: not supervisor.waiting_for)
        pids = supervisor.pids
        assert len(pids) == 2
    assert not any(is_alive(pid) for pid in pids)


def test_a_process_that_dies_is_started_again(tmp_path: Path) -> None:
    """Another one takes its place and has to say itself that it is ready; the other one is left alone."""
    with supervising(tmp_path, ("steady", "1"), ("steady", "2")) as supervisor:
        until(lambda: not supervisor.waiting_for)
        victim, other = supervisor.pids
        os.kill(victim, 9)
        until(lambda: supervisor.waiting_for == ["steady 1"])
        until(lambda: not supervisor.waiting_for)
        assert supervisor.pids[1] == other
        assert supervisor.pids[0] != victim


def test_a_process_that_dies_of_its_start_is_waited_for(tmp_path: Path) -> None:
    """What is dead is not ready, whatever sign it left."""
    with supervising(tmp_path, ("brief",)) as supervisor:
        until(lambda: not supervisor.pids)
        assert supervisor.waiting_for == ["brief"]


def test_a_process_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    """SIGTERM, and after the limit SIGKILL to the whole group."""
    child = tmp_path / "child"
    with supervising(tmp_path, ("stubborn", str(child)), stop_s=0.3) as supervisor:
        until(lambda: not supervisor.waiting_for and child.exists() and child.read_text())
        pids = [*supervisor.pids, int(child.read_text())]
        assert all(is_alive(pid) for pid in pids)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    until(lambda: not any(is_alive(pid) for pid in pids))
