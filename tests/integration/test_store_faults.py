"""What goes wrong with stores: no space, killed writers, servers that are away for a while."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from connectors.retry import Backoff, Retrier, with_retries
from connectors.store.files import PARTS, FileStore
from connectors.store.memory import MemoryStore
from connectors.store.s3 import S3Settings, S3Store
from schemas.errors import Cancelled, InvalidInput, Missing, Unavailable
from tests.servers.base import free_port
from tests.servers.s3_server import S3Server

LIMITED = """
import resource, sys
from pathlib import Path
from connectors.store.files import FileStore
from schemas.errors import Unavailable
store = FileStore(Path(sys.argv[1]))
store.put("k", b"old")
Path(sys.argv[1], "..", "large").resolve().write_bytes(bytes(200_000))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for write in (
    lambda: store.put("k", bytes(200_000)),
    lambda: store.put_file("k", Path(sys.argv[1], "..", "large").resolve()),
):
    try:
        write()
    except Unavailable as error:
        print(error.code)
print(store.get("k").decode(), [info.key for info in store.list("")])
"""


def test_a_full_disk_is_said_and_leaves_the_old_object(tmp_path: Path) -> None:
    """A write that finds no room raises disk_full; the object is as it was; nothing half written stays."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "store")], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:3] == ["disk_full", "disk_full", "old ['k']"]
    assert list((tmp_path / "store" / PARTS).iterdir()) == []


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 1 MiB, where we may mount one."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a file system needs to be root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_download_to_a_full_disk_leaves_no_file(tmp_path: Path) -> None:
    """The store is well but the work folder is full: said as such, and nothing half written is left."""
    store = MemoryStore()
    store.put("k", bytes(3_000_000))
    with small_disk(tmp_path / "disk") as disk:
        with pytest.raises(Unavailable) as caught:
            store.download("k", disk / "out")
        assert caught.value.code == "disk_full"
        assert list(disk.iterdir()) == []


def test_the_store_goes_on_when_there_is_room_again(tmp_path: Path) -> None:
    """What found no room is stored once somebody made some."""
    with small_disk(tmp_path / "disk") as disk:
        store = FileStore(disk)
        (disk / "ballast").write_bytes(bytes(900_000))
        with pytest.raises(Unavailable):
            store.put("k", bytes(400_000))
        (disk / "ballast").unlink()
        store.put("k", bytes(400_000))
        assert store.stat("k").size == 400_000


def test_what_a_killed_writer_left_is_no_object_and_is_swept(tmp_path: Path) -> None:
    """A half-written file is not listed, stays while it may still grow, and goes when it is old."""
    store = FileStore(tmp_path)
    part = tmp_path / PARTS / "left"
    part.write_bytes(b"half")
    assert list(store.list("")) == []
    with pytest.raises(InvalidInput):
        store.get(f"{PARTS}/left")
    FileStore(tmp_path)
    assert part.exists()
    os.utime(part, (0, 0))
    FileStore(tmp_path)
    assert not part.exists()


def test_a_key_that_is_the_folder_of_another_is_refused(tmp_path: Path) -> None:
    """Files cannot have both; it is said to be a conflict, not that something is missing."""
    store = FileStore(tmp_path)
    store.put("a/b", b"1")
    for key in ("a", "a/b/c"):
        with pytest.raises(InvalidInput) as caught:
            store.put(key, b"2")
        assert caught.value.code == "key_conflict"
        assert not store.exists(key)
        with pytest.raises(Missing):
            store.stat(key)
        store.delete(key)
    assert store.get("a/b") == b"1"


def test_a_store_whose_folder_is_cleared_goes_on(tmp_path: Path) -> None:
    """Somebody who empties the folder loses the objects, not the store."""
    import shutil

    store = FileStore(tmp_path / "store")
    store.put("a/b", b"1")
    shutil.rmtree(tmp_path / "store")
    assert not store.exists("a/b")
    assert list(store.list("")) == []
    store.put("a/b", b"2")
    assert store.get("a/b") == b"2"


def test_others_may_read_what_was_stored(tmp_path: Path) -> None:
    """Files have the permissions that the umask gives, so that another user's process can serve them."""
    FileStore(tmp_path).put("k", b"1")
    before = os.umask(0)
    os.umask(before)
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o666 & ~before


class Flaky(ThreadingHTTPServer):
    """In front of an S3 server: answers 503 until told otherwise, then hands everything on."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        self.target = f"http://{target}"
        self.down = True
        self.refused = 0
        super().__init__(("127.0.0.1", 0), FlakyHandler)


class FlakyHandler(BaseHTTPRequestHandler):
    """One connection of it."""

    protocol_version = "HTTP/1.1"
    server: Flaky

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.down:
            self.server.refused += 1
            status, headers, data = 503, {"Content-Type": "text/html"}, b"<html>Service Unavailable</html>"
        else:
            answer = httpx.request(
                self.command, self.server.target + self.path, content=body, headers=dict(self.headers)
            )
            status, data = answer.status_code, answer.content
            headers = {
                name: value
                for name, value in answer.headers.items()
                if name not in ("content-length", "date")
            }
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def __getattr__(self, name: str) -> object:
        """All methods are answered alike: the library looks for `do_GET` and so on."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def flaky(s3_server: S3Server) -> Iterator[Flaky]:
    """A front of the real server that refuses everything at first."""
    server = Flaky(s3_server.endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def through(server: Flaky, s3_server: S3Server) -> S3Store:
    """A store that reaches the real server through the front."""
    host, port = server.server_address[:2]
    endpoint = f"{host!s}:{port}"
    return S3Store(S3Settings(endpoint, s3_server.access_key, s3_server.secret_key, "flaky"))


def test_a_server_that_answers_503_is_away_at_once(flaky: Flaky, s3_server: S3Server, tmp_path: Path) -> None:
    """Each call says so itself, after one try, and writes nothing."""
    store = through(flaky, s3_server)
    calls: list[Callable[[], object]] = [
        lambda: store.get("k"),
        lambda: store.put("k", b"x"),
        lambda: store.exists("k"),
        lambda: list(store.list("")),
        lambda: store.delete("k"),
        lambda: store.download("k", tmp_path / "out"),
    ]
    for number, call in enumerate(calls, 1):
        with pytest.raises(Unavailable) as caught:
            call()
        assert caught.value.code == "store_unavailable"
        assert flaky.refused == number
    assert not (tmp_path / "out").exists()


def test_work_goes_on_when_the_server_is_back(flaky: Flaky, s3_server: S3Server) -> None:
    """A store with retries outlives refusals: the call that began meanwhile ends well."""
    store = through(flaky, s3_server)

    def sleep(seconds: float) -> None:
        flaky.down = flaky.refused < 5
        time.sleep(min(seconds, 0.01))

    patient = Retrier(Backoff(first=0.01, most=0.02), sleep=sleep)
    patient.call(store.ensure_bucket)
    flaky.down, flaky.refused = True, 0
    with_retries(store, patient).put("k", b"kept")
    assert flaky.refused >= 5
    assert with_retries(store, patient).get("k") == b"kept"


def test_a_cancelled_task_does_not_wait_for_the_server(flaky: Flaky, s3_server: S3Server) -> None:
    """The waiting ends with the job."""

    def check() -> None:
        if flaky.refused >= 2:
            raise Cancelled("cancelled", "called off")

    patient = Retrier(Backoff(first=0.01), check)
    with pytest.raises(Cancelled):
        with_retries(through(flaky, s3_server), patient).get("k")


def test_a_server_that_is_not_there_is_away() -> None:
    """A refused connection is no missing object."""
    store = S3Store(S3Settings(f"127.0.0.1:{free_port()}", "access", "secret", "bucket"))
    with pytest.raises(Unavailable) as caught:
        store.get("k")
    assert caught.value.code == "store_unavailable"


def test_wrong_credentials_and_a_missing_bucket_are_the_deployments_fault(s3_server: S3Server) -> None:
    """Neither says that the object is missing or the job's input wrong."""
    stranger = S3Store(S3Settings(s3_server.endpoint, "stranger", "wrong", "nowhere"))
    homeless = S3Store(S3Settings(s3_server.endpoint, s3_server.access_key, s3_server.secret_key, "nowhere"))
    for store in (stranger, homeless):
        with pytest.raises(Unavailable):
            store.get("k")
        with pytest.raises(Unavailable):
            store.put("k", b"")


def test_a_killed_server_comes_back_with_its_objects(own_s3: S3Server) -> None:
    """What was stored before is read afterwards by the same store object; meanwhile it is away."""
    store = S3Store(S3Settings(own_s3.endpoint, own_s3.access_key, own_s3.secret_key, "kept"))
    store.ensure_bucket()
    store.put("k", b"kept")
    own_s3.stop(kill=True)
    with pytest.raises(Unavailable):
        store.get("k")
    own_s3.start()
    assert with_retries(store).get("k") == b"kept"
