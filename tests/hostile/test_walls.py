"""Code of an attacker that runs in a decoder: it has nothing, sees nothing, and reaches nobody."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.box import Box
from connectors.walls import landlock, seccomp
from exportstream.config import Settings
from schemas.errors import InvalidInput, Unavailable
from tests.hostile.probe import PROBE, Attempt, attempts, needs_walls
from tests.servers.base import wait_until

pytestmark = needs_walls


@pytest.fixture
def attempt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Attempt]:
    """Runs code in a decoder whose box lies beside other work of the worker."""
    monkeypatch.setenv("S3_SECRET_KEY", "the-secret")
    monkeypatch.setenv("PATH", os.environ["PATH"])
    with attempts(monkeypatch, folder=tmp_path) as run:
        yield run


def test_the_environment_has_no_secret(attempt: Attempt) -> None:
    """Of the worker's environment nothing is inherited, not even where its programs lie."""
    told = attempt("import os; told['environ'] = dict(os.environ)")
    assert "the-secret" not in str(told)
    assert "PATH" not in told["environ"]
    assert "HOME" not in told["environ"]


def test_the_workers_files_are_not_seen(attempt: Attempt, tmp_path: Path) -> None:
    """Neither other work, nor the data folder, nor the system's files can be read, listed or written."""
    (tmp_path / "other").write_text("another tenant's")
    for path in (tmp_path / "other", "/etc/passwd", Path(__file__), f"/proc/{os.getpid()}/environ"):
        assert attempt(f"open({str(path)!r}).read()")["error"].startswith("PermissionError")
        assert "error" in attempt(f"open({str(path)!r}, 'a').write('x')")
    for folder in (tmp_path, "/", "/tmp", Path.home()):
        assert attempt(f"__import__('os').listdir({str(folder)!r})")["error"].startswith("PermissionError")
    assert (tmp_path / "other").read_text() == "another tenant's"


def test_the_file_at_hand_is_read_and_not_written(attempt: Attempt, tmp_path: Path) -> None:
    """The asset may be linked into the object store: its bytes stay as they are."""
    path, out = tmp_path / "asset", tmp_path / "result"
    path.write_bytes(b"foreign")
    job = {"path": str(path), "out": str(out)}
    told = attempt("told['read'] = open(job['path']).read(); open(job['out'], 'w').write('normal')", **job)
    assert told == {"read": "foreign"}
    assert out.read_text() == "normal"
    for code in (
        "open(job['path'], 'r+').write('x')",
        "__import__('os').truncate(job['path'], 0)",
        "__import__('os').chmod(job['path'], 0)",
        "__import__('os').utime(job['path'])",
        "__import__('os').unlink(job['path'])",
    ):
        assert attempt(code, **job)["error"].startswith("PermissionError")
    assert path.read_bytes() == b"foreign"


def test_the_last_file_is_gone(attempt: Attempt, tmp_path: Path) -> None:
    """What one file's decoder left behind, another's does not find."""
    first = tmp_path / "first"
    first.write_bytes(b"one tenant's")
    attempt("open(job['out'] + '.left', 'w').write('x')", path=str(first), out=str(tmp_path / "out"))
    told = attempt(
        "import os, tempfile; box = os.path.dirname(tempfile.gettempdir())\n"
        "told['files'] = os.listdir(box + '/in') + os.listdir(box + '/out')"
    )
    assert told == {"files": []}


@pytest.mark.parametrize(
    "code",
    [
        "__import__('os').symlink('/etc/passwd', job['out'])",
        "__import__('os').link(job['path'], job['out'])",
        "__import__('os').rename(job['path'], job['out'])",
        "__import__('os').mkfifo(job['out'])",
    ],
)
def test_nothing_but_plain_files_comes_out(attempt: Attempt, tmp_path: Path, code: str) -> None:
    """A result that points elsewhere cannot be made."""
    path, out = tmp_path / "asset", tmp_path / "result"
    path.write_bytes(b"foreign")
    assert "error" in attempt(code, path=str(path), out=str(out))
    assert not out.exists()
    assert path.read_bytes() == b"foreign"


def test_a_result_that_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    """Were a link made all the same, the worker does not follow it."""
    box = Box(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("the worker's")
    for make in (os.symlink, os.link):
        box.empty()
        make(secret, box.outbox / "normal")
        with pytest.raises(InvalidInput):
            box.take({"out": str(tmp_path / "out")})
    box.close()
    assert not (tmp_path / "out").exists()


CALLED = """import ctypes
if ctypes.CDLL(None, use_errno=True).{} < 0:
    raise PermissionError(ctypes.get_errno(), "")
"""


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.fork()",
        "import subprocess; subprocess.run([__import__('sys').executable, '-c', ''])",
        "import os; os.execv('/bin/sh', ['sh'])",
        "import os; os.posix_spawn('/bin/sh', ['sh'], {})",
        "import socket; socket.create_connection(('127.0.0.1', job['port']), 2)",
        "import socket; socket.socket(socket.AF_UNIX)",
        "import socket; socket.socketpair()",
        "import os; os.kill(job['worker'], 9)",
        "import os; os.kill(-1, 9)",
        "import os; os.pidfd_open(job['worker'])",
        "import os; os.setpriority(os.PRIO_PROCESS, job['worker'], 19)",
        "import resource; resource.prlimit(job['worker'], resource.RLIMIT_NOFILE, (1, 1))",
        "import os; os.setsid()",
        "import os; os.setpgid(0, 0)",
        "import os; os.setuid(0)",
        "import os; os.chroot('/')",
        CALLED.format("unshare(0x10000000)"),
        CALLED.format("ptrace(16, job['worker'], 0, 0)"),
        CALLED.format("syscall(425, 8, bytes(120))"),
    ],
)
def test_no_way_leads_out(attempt: Attempt, code: str) -> None:
    """No new process, no network, no other process, session or user, and no interface beside the files."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        told = attempt(code, worker=os.getpid(), port=listener.getsockname()[1])
    assert told["error"].startswith(("PermissionError", "OSError"))


def test_decoders_may_use_threads_and_end_themselves(attempt: Attempt) -> None:
    """Libraries begin threads, and abort(3) sends a signal to its own process."""
    told = attempt(
        "import threading\nfound = []\n"
        "thread = threading.Thread(target=found.append, args=(1,)); thread.start(); thread.join()\n"
        "told['found'] = found"
    )
    assert told == {"found": [1]}
    with pytest.raises(InvalidInput, match="breaks the decoder"):
        attempt("import os; os.abort()")


def test_it_has_no_capability(attempt: Attempt) -> None:
    """Whoever the worker runs as, its decoders may do nothing that plain users may not."""
    code = "told['status'] = open('/proc/self/status').read()"
    assert "error" in attempt(code)  # /proc is not seen
    code = (
        "import ctypes\nheader = (ctypes.c_uint32 * 2)(0x20080522, 0); data = (ctypes.c_uint32 * 6)()\n"
        "number = 90 if __import__('os').uname().machine == 'aarch64' else 125\n"
        "told['result'] = ctypes.CDLL(None).syscall(number, header, data); told['sets'] = list(data)"
    )
    assert attempt(code) == {"result": 0, "sets": [0] * 6}


OUTLIVED = f"""
import sys, threading, time
from connectors import decoder as module
module.PROGRAM = ("-c", {PROBE!r})
pool = module.SandboxedDecoder(1)
pids = []
first = threading.Thread(target=lambda: pids.append(pool.run({{"op": "probe", "code": ""}})["pid"]))
first.start(); first.join()
again = pool.run({{"op": "probe", "code": ""}})["pid"]
print(pids[0], again, flush=True)
pool.run({{"op": "probe", "code": "while True: pass"}})
"""


def test_a_decoder_does_not_outlive_its_worker() -> None:
    """A worker that is killed takes a busy decoder along; a thread of the worker that ends does not."""
    worker = subprocess.Popen([sys.executable, "-c", OUTLIVED], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    with worker, worker.stdout:
        first, again = worker.stdout.readline().split()
        assert first == again
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        wait_until(lambda: not _runs(int(first)), "the decoder to end", 5)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


def test_who_cannot_be_isolated_decodes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A kernel without a wall is the deployment's fault, not the file's; the setting takes what there is."""
    monkeypatch.setattr("connectors.walls.program.COMMAND", _without_landlock())
    with attempts(monkeypatch, folder=tmp_path) as run, pytest.raises(Unavailable) as caught:
        run("told['here'] = 1")
    assert caught.value.code == "no_isolation"
    with attempts(monkeypatch, folder=tmp_path, strict=False) as run:
        assert run("told['here'] = 1") == {"here": 1}
        assert "error" in run("import socket; socket.socket()")
    assert not list(tmp_path.iterdir())


def _without_landlock() -> tuple[str, ...]:
    program = """import sys; from connectors.walls import landlock, program
landlock.version = lambda: 0; program.main(sys.argv[1:])"""
    return "-P", "-c", program


def test_start_refuses_a_machine_without_walls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is done, in a sentence that names what is missing and the setting."""
    from connectors.sandbox import check_isolation

    monkeypatch.setattr(landlock, "version", lambda: 0)
    with pytest.raises(InvalidInput, match=r"landlock.*EXPORTSTREAM_ISOLATION") as caught:
        check_isolation(required=Settings.from_environ({}).strict)
    assert caught.value.code == "no_isolation"
    lax = Settings.from_environ({"EXPORTSTREAM_ISOLATION": "where-possible"})
    assert check_isolation(required=lax.strict) == ("landlock",)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_is_one_that_kernels_take(machine: str) -> None:
    """Every jump of the filter leads to a step of it, and the last one is an answer."""
    code = seccomp.program(machine, 1234)
    steps = [code[at : at + 8] for at in range(0, len(code), 8)]
    assert len(steps) <= 4096
    assert steps[-1][0] == 0x06
    for number, step in enumerate(steps):
        if step[0] & 0x07 == 0x05:
            assert number + 1 + max(step[2], step[3]) < len(steps)
