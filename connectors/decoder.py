"""Foreign bytes decoded by `renderers.foreign.decode`, behind walls, one process for many files.

The process reads a job as a JSON line and answers with one. One that dies, hangs or grows too large
takes its file with it, not the next one: that gets a new process. It sees the file at hand and its own
libraries, and nothing else of this machine (`connectors.walls`, `connectors.box`).
"""

from __future__ import annotations

import math
import os
import selectors
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from connectors.box import Box
from connectors.places import Places
from connectors.sandbox import MIB, Limits, cpu_seconds, started
from connectors.walls import program
from schemas.checks import nothing
from schemas.errors import InvalidInput, Unavailable

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ("-m", "renderers.foreign.decode")
PACKAGES = ("schemas", "renderers")
"""Ours, of which the program may be."""
LIMITS = Limits(memory=4096 * MIB, wall_s=60.0, cpu_s=600, stall_s=60.0, open_files=64)
CPU_S = {"image": 20.0, "font": 20.0}
"""Processor time that a file of a kind may take: pictures of a hundred megapixels take three seconds."""
TURN_S = 0.1
LONGEST_ANSWER = 1 * MIB


MAPPED_FROM, TRIMMED_FROM = 32 << 20, 256 << 20
"""Bytes, for glibc (mallopt(3)): the memory of one picture is used again for the next. Each of its pages
would otherwise be returned, mapped and cleared again, which took a third of the time of decoding."""

_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/etc/ld.so.cache")
_MACHINE = ("/dev/null", "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu")


@cache
def _readable() -> tuple[str, ...]:
    """What Python, its packages and the shared objects that they load are read from."""
    paths = [sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *_searched()]
    ours = [str(ROOT / package) for package in (*PACKAGES, "connectors/walls")]
    return tuple(
        dict.fromkeys(path for path in (*paths, *_SYSTEM, *_MACHINE, *ours) if path not in ("", "/"))
    )


def _searched() -> list[str]:
    """What the deployment adds to the paths that Python looks for packages in."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [path for path in given if path and Path(path).resolve() != ROOT]


def _environ(box: Box) -> dict[str, str]:
    """All that the process is told: nothing of it is a secret."""
    passed = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return passed | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *_searched()]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "TMPDIR": str(box.outbox),
        "OPENBLAS_NUM_THREADS": "1",  # numpy's multiply no matrices here, but would wait for some
        "MALLOC_MMAP_THRESHOLD_": str(MAPPED_FROM),
        "MALLOC_TRIM_THRESHOLD_": str(TRIMMED_FROM),
    }


class _Process:
    """One decoder process, in a box of its own in `folder`."""

    def __init__(self, limits: Limits, folder: Path | None, *, strict: bool) -> None:
        self._limits = limits
        self._box = Box(folder)
        walls = {
            "work": str(self._box.path),
            "readable": _readable(),
            "packages": PACKAGES,
            "parent": os.getpid(),
            "strict": strict,
        }
        self._context: AbstractContextManager[subprocess.Popen[bytes]] = started(
            (sys.executable, *program.COMMAND, orjson.dumps(walls).decode(), *PROGRAM),
            limits,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            environ=_environ(self._box),
            walled=True,
        )
        try:
            self._process = self._context.__enter__()
        except BaseException:
            self._box.close()
            raise
        self._owed = 0
        self._deadline = self._cpu = math.inf
        self._read = bytearray()  # beyond the last line that was asked for: answers may come together

    def warm(self, operation: str) -> None:
        """Have it load what `operation` needs, without waiting for its answer."""
        self._write({"op": "load", "for": operation})
        self._owed += 1

    def ask(
        self, job: Mapping[str, Any], check: Callable[[], None], seconds: float = math.inf
    ) -> dict[str, Any]:
        """The answer to one job. Raises EOFError when the process is gone, TimeoutError when it is late."""
        self._deadline = time.monotonic() + min(self._limits.wall_s, seconds)
        self._cpu = cpu_seconds(self._process.pid) + CPU_S.get(str(job.get("op")), math.inf)
        self._box.empty()
        self._write(self._box.put(job))
        while self._owed:
            self._line(check)
            self._owed -= 1
        answer = orjson.loads(self._line(check))
        if not isinstance(answer, dict):
            raise EOFError
        if answer.get("ok"):
            self._box.take(job)
        self._box.empty()
        return answer

    def has_no_walls(self) -> bool:
        """Whether it ended because this machine cannot isolate it."""
        try:
            return self._process.wait(TURN_S) == program.NO_WALLS
        except subprocess.TimeoutExpired:
            return False

    def _write(self, job: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(orjson.dumps(job) + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise EOFError from error

    def _line(self, check: Callable[[], None]) -> bytes:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._read:
                check()
                if time.monotonic() > self._deadline or cpu_seconds(self._process.pid) > self._cpu:
                    raise TimeoutError
                if selector.select(TURN_S):
                    block = os.read(self._process.stdout.fileno(), 65536)
                    if not block or len(self._read) > LONGEST_ANSWER:
                        raise EOFError
                    self._read += block
        line, _, self._read = self._read.partition(b"\n")
        return bytes(line)

    def close(self) -> None:
        """Kill the process, and remove what it left."""
        with suppress(OSError):
            self._context.__exit__(None, None, None)
        self._box.close()


class Budget:
    """Seconds of decoders that a job may still use; safe for threads."""

    def __init__(self, seconds: float) -> None:
        self._given = self._left = seconds
        self._lock = threading.Lock()

    def left(self) -> float:
        """Seconds. Raises InvalidInput (`limit_exceeded`) when there are none."""
        with self._lock:
            if self._left <= 0:
                raise self.exceeded()
            return self._left

    def spend(self, seconds: float) -> None:
        """So many were used."""
        with self._lock:
            self._left -= seconds

    def exceeded(self) -> InvalidInput:
        """The error for a job that asks for more."""
        limit = f"{self._given:.0f} s"
        sentence = f"The project's files take longer to decode than {limit} together."
        return InvalidInput("limit_exceeded", sentence)


class Share:
    """A pool as one job of a tenant has it."""

    def __init__(self, pool: SandboxedDecoder, tenant: str, seconds: float) -> None:
        self._pool = pool
        self._tenant = tenant
        self._budget = Budget(seconds)

    def run(self, job: Mapping[str, Any], check: Callable[[], None] = nothing) -> dict[str, Any]:
        """As of the pool. Raises InvalidInput (`limit_exceeded`) when the job's seconds are used up."""
        return self._pool.run(job, check, tenant=self._tenant, budget=self._budget)


class SandboxedDecoder:
    """A pool of decoder processes, started when needed; safe for threads."""

    def __init__(
        self, size: int = 2, limits: Limits = LIMITS, folder: Path | None = None, *, strict: bool = True
    ) -> None:
        """size: processes that are kept; as many more come and go for tenants who have none (`Places`).

        folder: for files on their way; best where the files of its jobs lie, which are linked then.
        strict: decode nothing where a wall is missing.
        """
        self._limits = limits
        self._folder = folder
        self._strict = strict
        self._size = size
        self._places = Places(size, size)
        self._idle: list[_Process] = []
        self._lock = threading.Lock()

    def of(self, tenant: str, seconds: float = math.inf) -> Share:
        """The pool for a job of a tenant, which may use so many seconds of its processes."""
        return Share(self, tenant, seconds)

    def warm(self, operation: str) -> None:
        """Start every process that is not there yet, and have it load what `operation` needs.

        For who knows that there will be work before he knows which: a process needs 0.2 s to start.
        """
        warmed: list[_Process] = []
        with suppress(EOFError, Unavailable):
            for _ in range(self._places.free):
                process = self._taken() or self._started()
                warmed.append(process)
                process.warm(operation)
        for process in warmed:
            self._put_back(process)

    def run(
        self,
        job: Mapping[str, Any],
        check: Callable[[], None] = nothing,
        *,
        tenant: str = "",
        budget: Budget | None = None,
    ) -> dict[str, Any]:
        """The decoder's answer to one job (see renderers/decode.py).

        Raises InvalidInput with the decoder's code and sentence, or "undecodable" when it died of the file.
        """
        budget = budget or Budget(math.inf)
        with self._places.of(tenant, check):
            begun = time.monotonic()
            process = self._taken()
            try:
                answer = None if process is None else _asked(process, job, check, budget)
                if answer is None:
                    # Nothing says that it was this file: the process may have been killed while idle, or have
                    # used up its limits over many files. Only a fresh one that dies of it proves it.
                    process = _drop(process)
                    process = self._started()
                    answer = _asked(process, job, check, budget)
                if answer is None:
                    raise InvalidInput(
                        "undecodable",
                        "The file cannot be decoded: it needs too much memory or breaks the decoder.",
                    )
            except TimeoutError as error:
                process = _drop(process)
                if time.monotonic() - begun > budget.left():
                    raise budget.exceeded() from error
                raise InvalidInput("undecodable", "The file takes too long to decode.") from error
            except BaseException:
                process = _drop(process)
                raise
            finally:
                budget.spend(time.monotonic() - begun)
                self._put_back(process)
        if not answer.get("ok"):
            raise InvalidInput(str(answer.get("code", "undecodable")), str(answer.get("message", "")))
        return answer

    def _started(self) -> _Process:
        return _Process(self._limits, self._folder, strict=self._strict)

    def _taken(self) -> _Process | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _put_back(self, process: _Process | None) -> None:
        """Keep a process for the next file, unless there are enough."""
        if process is None:
            return
        with self._lock:
            if len(self._idle) < self._size:
                self._idle.append(process)
                return
        process.close()

    def close(self) -> None:
        """End idle processes; new ones start when there is work again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.close()


def _asked(
    process: _Process, job: Mapping[str, Any], check: Callable[[], None], budget: Budget
) -> dict[str, Any] | None:
    """The answer of a process, None when it died. Raises TimeoutError, Unavailable, and as `check` does."""
    try:
        return process.ask(job, check, budget.left())
    except (EOFError, orjson.JSONDecodeError) as error:
        if process.has_no_walls():
            raise Unavailable("no_isolation", "Foreign files cannot be isolated on this machine.") from error
        return None


def _drop(process: _Process | None) -> _Process | None:
    """End a process that cannot be trusted any more; what takes its place in the pool."""
    if process is not None:
        process.close()
    return None
