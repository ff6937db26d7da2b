"""Foreign bytes decoded by `python -m renderers.foreign.decode`, in a sandbox, one process for many files.

The process reads a job as a JSON line and answers with one. One that dies, hangs or grows too large
takes its file with it, not the next one: that gets a new process.
"""

from __future__ import annotations

import os
import queue
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import orjson

from connectors.sandbox import MIB, Limits, started
from schemas.checks import nothing
from schemas.errors import InvalidInput, Unavailable

ROOT = Path(__file__).resolve().parents[1]
COMMAND = (sys.executable, "-m", "renderers.foreign.decode")
LIMITS = Limits(memory=4096 * MIB, wall_s=60.0, cpu_s=600, stall_s=60.0, open_files=64)
TURN_S = 0.1
LONGEST_ANSWER = 1 * MIB


MAPPED_FROM, TRIMMED_FROM = 32 << 20, 256 << 20
"""Bytes, for glibc (mallopt(3)): the memory of one picture is used again for the next. Each of its pages
would otherwise be returned, mapped and cleared again, which took a third of the time of decoding."""


class _Process:
    """One decoder process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._context: AbstractContextManager[subprocess.Popen[bytes]] = started(
            COMMAND,
            limits,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            environ={
                "PYTHONPATH": os.pathsep.join([str(ROOT), *os.environ.get("PYTHONPATH", "").split()]),
                "OPENBLAS_NUM_THREADS": "1",  # numpy's multiply no matrices here, but would wait for some
                "MALLOC_MMAP_THRESHOLD_": str(MAPPED_FROM),
                "MALLOC_TRIM_THRESHOLD_": str(TRIMMED_FROM),
            },
        )
        self._process = self._context.__enter__()
        self._owed = 0
        self._read = bytearray()  # beyond the last line that was asked for: answers may come together

    def warm(self, operation: str) -> None:
        """Have it load what `operation` needs, without waiting for its answer."""
        self._write({"op": "load", "for": operation})
        self._owed += 1

    def ask(self, job: Mapping[str, Any], check: Callable[[], None]) -> dict[str, Any]:
        """The answer to one job. Raises EOFError when the process is gone, TimeoutError when it is late."""
        self._write(job)
        while self._owed:
            self._line(check)
            self._owed -= 1
        answer = orjson.loads(self._line(check))
        if not isinstance(answer, dict):
            raise EOFError
        return answer

    def _write(self, job: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(orjson.dumps(job) + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise EOFError from error

    def _line(self, check: Callable[[], None]) -> bytes:
        assert self._process.stdout is not None
        deadline = time.monotonic() + self._limits.wall_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._read:
                check()
                if time.monotonic() > deadline:
                    raise TimeoutError
                if selector.select(TURN_S):
                    block = os.read(self._process.stdout.fileno(), 65536)
                    if not block or len(self._read) > LONGEST_ANSWER:
                        raise EOFError
                    self._read += block
        line, _, self._read = self._read.partition(b"\n")
        return bytes(line)

    def close(self) -> None:
        """Kill the process."""
        with suppress(OSError):
            self._context.__exit__(None, None, None)


class SandboxedDecoder:
    """A pool of decoder processes, started when needed; safe for threads."""

    def __init__(self, size: int = 2, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._idle: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(size):
            self._idle.put(None)

    def warm(self, operation: str) -> None:
        """Start every process that is not there yet, and have it load what `operation` needs.

        For who knows that there will be work before he knows which: a process needs 0.2 s to start.
        """
        taken = []
        while True:
            try:
                taken.append(self._idle.get_nowait())
            except queue.Empty:
                break
        for process in taken:
            with suppress(EOFError, Unavailable):
                process = process or _Process(self._limits)
                process.warm(operation)
            self._idle.put(process)

    def run(self, job: Mapping[str, Any], check: Callable[[], None] = nothing) -> dict[str, Any]:
        """The decoder's answer to one job (see renderers/decode.py).

        Raises InvalidInput with the decoder's code and sentence, or "undecodable" when it died of the file.
        """
        process = self._take(check)
        try:
            answer = None if process is None else _asked(process, job, check)
            if answer is None:
                # Nothing says that it was this file: the process may have been killed while idle, or have
                # used up its limits over many files. Only a fresh one that dies of it proves it.
                process = _drop(process)
                process = _Process(self._limits)
                answer = _asked(process, job, check)
            if answer is None:
                raise InvalidInput(
                    "undecodable",
                    "The file cannot be decoded: it needs too much memory or breaks the decoder.",
                )
        except TimeoutError as error:
            process = _drop(process)
            raise InvalidInput("undecodable", "The file takes too long to decode.") from error
        except BaseException:
            process = _drop(process)
            raise
        finally:
            self._idle.put(process)
        if not answer.get("ok"):
            raise InvalidInput(str(answer.get("code", "undecodable")), str(answer.get("message", "")))
        return answer

    def _take(self, check: Callable[[], None]) -> _Process | None:
        while True:
            check()
            with suppress(queue.Empty):
                return self._idle.get(timeout=TURN_S)

    def close(self) -> None:
        """End idle processes; new ones start when there is work again."""
        ended = 0
        try:
            while True:
                process = self._idle.get_nowait()
                ended += 1
                if process is not None:
                    process.close()
        except queue.Empty:
            pass
        finally:
            for _ in range(ended):
                self._idle.put(None)


def _asked(process: _Process, job: Mapping[str, Any], check: Callable[[], None]) -> dict[str, Any] | None:
    """The answer of a process, None when it died. Raises TimeoutError, and as `check` does."""
    try:
        return process.ask(job, check)
    except (EOFError, orjson.JSONDecodeError):
        return None


def _drop(process: _Process | None) -> _Process | None:
    """End a process that cannot be trusted any more; what takes its place in the pool."""
    if process is not None:
        process.close()
    return None
