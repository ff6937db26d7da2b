"""Runs a command where it can do little harm: limited, without network, and killed when it must be.

Limits are set from outside right after the start (prlimit(2)), so nothing of ours runs between fork
and exec in a process with threads. The command leads a process group of its own, which is killed as
a whole. Where the kernel lets us, it runs in a network namespace without interfaces (unshare(1)).
"""

from __future__ import annotations

import os
import resource
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import IO, NamedTuple

from schemas.checks import nothing
from schemas.errors import InvalidInput, Unavailable

MIB = 1 << 20
BLOCK = 1 << 18
TURN_S = 0.1
"""Seconds between calls of `check` while a command runs."""
KEPT_STDERR = 16_384
NICE = 10
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "XDG_CACHE_HOME")


class Limits(NamedTuple):
    """Limits of a command. memory: address space in bytes; wall_s, cpu_s in seconds; stall_s: without
    output and without using the processor; file_bytes: of one file; output_bytes: on standard output; nice:
    how far it stands back behind others (nice(2)).

    Time that the reader of its output takes does not count as the command's.
    """

    memory: int = 4096 * MIB
    wall_s: float = 600.0
    cpu_s: int = 1200
    stall_s: float = 30.0
    file_bytes: int = 16_384 * MIB
    output_bytes: int = 64 * 1024 * MIB
    open_files: int = 256
    nice: int = NICE


class Exceeded(InvalidInput):
    """A command was killed because it used more than its limits."""


class Died(InvalidInput):
    """A command ended by itself with an error: `status` as of subprocess, `stderr` its last words."""

    def __init__(self, status: int, stderr: str) -> None:
        super().__init__("process_failed", f"The program ended with status {status}: {stderr[-300:]}")
        self.status = status
        self.stderr = stderr


@cache
def isolation() -> tuple[str, ...]:
    """The command's prefix that takes its network away, empty where that is not permitted."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    for prefix in ((unshare, "--net"), (unshare, "--map-root-user", "--net")):
        with suppress(OSError, subprocess.SubprocessError):
            if subprocess.run([*prefix, "true"], capture_output=True, timeout=5, check=False).returncode == 0:
                return prefix
    return ()


def network_isolation_available() -> bool:
    """True if foreign bytes are decoded without network here."""
    return bool(isolation())


def scrubbed(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command: no credentials."""
    return {name: environ[name] for name in PASSED_ON if name in environ}


@contextmanager
def started(
    command: Sequence[str],
    limits: Limits,
    *,
    stdin: int = subprocess.DEVNULL,
    stderr: int = subprocess.PIPE,
    environ: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """The running command; its whole process group is gone when the block is left.

    environ: what it gets besides the scrubbed environment.
    """
    try:
        process = subprocess.Popen(
            [*isolation(), *command],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**scrubbed(os.environ), **(environ or {})},
            process_group=0,
        )
    except OSError as error:
        sentence = f"{os.path.basename(command[0])} cannot be started: {error.strerror}."
        raise Unavailable("process_not_started", sentence) from error
    try:
        _limit(process.pid, limits)
        yield process
    finally:
        kill(process)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the command and all that it started, and wait for it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _limit(pid: int, limits: Limits) -> None:
    """Set the limits of a process that is just starting."""
    with suppress(ProcessLookupError, PermissionError):
        os.setpriority(os.PRIO_PROCESS, pid, limits.nice)
    if not hasattr(resource, "prlimit"):
        return
    wanted = {
        resource.RLIMIT_AS: limits.memory,
        resource.RLIMIT_CPU: limits.cpu_s,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CORE: 0,
    }
    for which, most in wanted.items():
        # Beyond the soft limit of processor time comes SIGXCPU, which says why; beyond the hard one SIGKILL.
        hard = most + 2 if which == resource.RLIMIT_CPU else most
        with suppress(ProcessLookupError, PermissionError, ValueError):
            resource.prlimit(pid, which, (most, hard))


def stream(
    command: Sequence[str],
    limits: Limits = Limits(),
    *,
    check: Callable[[], None] = nothing,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[bytes]:
    """The standard output of a command, in blocks as they come.

    Raises Died when it ends with another status than 0, Exceeded when it was killed for using too
    much, and whatever `check` raises; then nothing of it runs any more.
    """
    with started(command, limits) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        watch = _Watch(process.pid, limits, clock)
        words = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            selector.register(process.stderr, selectors.EVENT_READ)
            while selector.get_map():
                check()
                for key, _ in selector.select(TURN_S):
                    pipe: IO[bytes] = key.fileobj  # type: ignore[assignment]  # registered above
                    block = os.read(pipe.fileno(), BLOCK)
                    if not block:
                        selector.unregister(pipe)
                    elif pipe is process.stdout:
                        watch.progressed(len(block))
                        watch.enforce()
                        pause = clock()
                        yield block
                        watch.resumed(clock() - pause)
                    else:
                        words += block
                        del words[:-KEPT_STDERR]
                watch.enforce()
        while (status := _ended_within(process, TURN_S)) is None:  # it closed its output and goes on
            check()
            watch.enforce()
    if status != 0:
        raise _ended(status, words.decode("utf-8", "replace").strip())


def _ended_within(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _ended(status: int, words: str) -> InvalidInput:
    if status in (-signal.SIGXCPU, -signal.SIGXFSZ):
        return Exceeded("too_expensive", "The work was stopped: it took more time or space than is allowed.")
    return Died(status, words)


class _Watch:
    """Notices when a command takes too long, writes too much, or does nothing at all."""

    def __init__(self, pid: int, limits: Limits, clock: Callable[[], float]) -> None:
        self._pid = pid
        self._limits = limits
        self._clock = clock
        self._begin = self._last = clock()
        self._cpu = 0.0
        self._output = 0

    def progressed(self, size: int) -> None:
        """So many bytes came."""
        self._output += size
        self._last = self._clock()

    def resumed(self, pause: float) -> None:
        """Seconds that the reader spent on the output do not count against the command."""
        self._begin += pause
        self._last = self._clock()

    def enforce(self) -> None:
        """Raise Exceeded when a limit is reached."""
        now = self._clock()
        if self._output > self._limits.output_bytes:
            raise Exceeded("output_too_large", "The work was stopped: it writes more than is allowed.")
        if now - self._begin > self._limits.wall_s:
            raise Exceeded("too_slow", f"The work was stopped after {self._limits.wall_s:.0f} s.")
        if now - self._last > self._limits.stall_s:
            used = cpu_seconds(self._pid)
            if used <= self._cpu + 0.01:
                silence = f"nothing happened for {self._limits.stall_s:.0f} s"
                raise Exceeded("stalled", f"The work was stopped: {silence}.")
            self._cpu, self._last = used, now


def cpu_seconds(pid: int) -> float:
    """Processor time that a process used so far; 0 where that cannot be told (proc(5), fields 14 and 15)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
