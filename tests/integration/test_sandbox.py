"""Commands in the sandbox: limited in all they use, without network, and gone when they must be."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.sandbox import (
    MIB,
    Died,
    Limits,
    network_isolation_available,
    scrubbed,
    stream,
)
from schemas.checks import nothing
from schemas.errors import Cancelled, ExportError, Unavailable
from tests.servers.base import wait_until

QUICK = Limits(wall_s=20, stall_s=20)


def python(program: str) -> list[str]:
    """A command that runs a program."""
    return [sys.executable, "-I", "-S", "-c", program]


def output(program: str, limits: Limits = QUICK, check: Callable[[], None] = nothing) -> str:
    """All that a program prints."""
    return b"".join(stream(python(program), limits, check=check)).decode().strip()


def gone(pid: int) -> bool:
    """Whether a process runs no more."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"Z"
    except FileNotFoundError:
        return True


def test_output_comes_as_it_is_written() -> None:
    """The first block is there while the command still runs; large outputs arrive whole."""
    blocks = stream(python("import sys, time; print('first', flush=True); time.sleep(60)"), QUICK)
    assert next(blocks) == b"first\n"
    blocks.close()  # type: ignore[attr-defined]  # a generator
    assert len(output("print('x' * 3_000_000)")) == 3_000_000


def test_an_error_has_the_status_and_the_last_words() -> None:
    """What the command said on standard error explains its status, however much it said before."""
    with pytest.raises(Died) as caught:
        output("import sys; sys.stderr.write('x' * 200_000 + 'the end'); sys.exit(3)")
    assert caught.value.status == 3
    assert caught.value.stderr.endswith("the end")


def test_a_command_that_is_not_there_may_be_installed() -> None:
    """A program that cannot be started is the deployment's fault."""
    with pytest.raises(ExportError) as caught:
        list(stream(["/nowhere/program"], QUICK))
    assert isinstance(caught.value, Unavailable | Died)


@pytest.mark.parametrize(
    ("program", "limits", "codes"),
    [
        ("while True: pass", Limits(wall_s=0.5), {"too_slow"}),
        ("while True: pass", Limits(cpu_s=1, wall_s=30), {"too_expensive"}),
        ("import time; time.sleep(60)", Limits(stall_s=0.5), {"stalled"}),
        ("import os, time; os.close(1); os.close(2); time.sleep(60)", Limits(wall_s=0.5), {"too_slow"}),
        ("while True: print('x' * 65536)", Limits(output_bytes=MIB), {"output_too_large"}),
        ("x = bytes(10 ** 9)", Limits(memory=512 * MIB), {"process_failed"}),
        ("f = open({out!r}, 'wb'); f.write(bytes(3_000_000)); f.flush()", Limits(file_bytes=MIB),
         {"process_failed", "too_expensive"}),
        ("import os\nwhile True: os.open('/dev/null', 0)", Limits(open_files=32), {"process_failed"}),
    ],
)  # fmt: skip
def test_limits_hold(tmp_path: Path, program: str, limits: Limits, codes: set[str]) -> None:
    """Time, processor time, silence, output, memory, files and their number."""
    with pytest.raises(ExportError) as caught:
        output(program.replace("{out!r}", repr(str(tmp_path / "out"))), limits)
    assert caught.value.code in codes


def test_a_busy_command_is_not_taken_for_a_stalled_one() -> None:
    """Who computes makes progress, even in silence."""
    busy = "import time\nend = time.monotonic() + 6\nwhile time.monotonic() < end: pass\nprint('done')"
    assert output(busy, Limits(stall_s=2.0)) == "done"


def test_a_slow_reader_is_not_the_commands_fault() -> None:
    """Time spent with a block counts neither as silence nor as time used."""
    now = [0.0]
    seen = 0
    limits = Limits(wall_s=50, stall_s=50)
    for block in stream(python("print('x' * 2_000_000)"), limits, clock=lambda: now[0]):
        seen += len(block)
        now[0] += 40.0
    assert seen == 2_000_001


def test_cancelling_kills_the_whole_family() -> None:
    """The command, and what it started, are gone within half a second after the check raised."""
    program = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(os.getpid(), child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    cancelled = threading.Event()

    def check() -> None:
        if cancelled.is_set():
            raise Cancelled("cancelled", "called off")

    blocks = stream(python(program), QUICK, check=check)
    pids = [int(pid) for pid in next(blocks).split()]
    assert not any(gone(pid) for pid in pids)
    cancelled.set()
    begin = time.monotonic()
    with pytest.raises(Cancelled):
        next(blocks)
    assert time.monotonic() - begin < 0.5
    wait_until(lambda: all(gone(pid) for pid in pids), "the processes to end", 2)


def test_a_reader_who_goes_takes_the_command_along() -> None:
    """Who drops the output ends the command."""
    blocks = stream(python("import os, time; print(os.getpid(), flush=True); time.sleep(60)"), QUICK)
    pid = int(next(blocks))
    del blocks
    wait_until(lambda: gone(pid), "the process to end", 2)


def test_the_command_steps_back_for_others() -> None:
    """It runs at a lower priority, and in a process group of its own."""
    program = "import os, time; time.sleep(0.2)\nprint(os.getpriority(0, 0), os.getpgrp(), os.getpid())"
    niceness, group, pid = output(program).split()
    assert int(niceness) >= 10
    assert group == pid != str(os.getpgrp())


def test_credentials_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment only what programs need to run is handed on."""
    monkeypatch.setenv("MINIO_SECRET_KEY", "secret")
    assert "secret" not in output("import os; print(dict(os.environ))")
    assert scrubbed({"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x"}) == {"PATH": "/bin"}


def test_there_is_no_network(unreachable: int) -> None:
    """Not even this machine's own servers are reached, where the kernel lets us see to it."""
    if not network_isolation_available():
        pytest.skip("no network namespaces here")
    connect = f"socket.create_connection(('127.0.0.1', {unreachable}), 5)"
    program = f"import socket\ntry: {connect}\nexcept OSError: print('none')"
    assert output(program) == "none"


@pytest.fixture
def unreachable() -> Iterator[int]:
    """The port of a server that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
