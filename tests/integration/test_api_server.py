"""The API behind a real server: event streams, downloads that are given up, what reaches the wire."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import uvicorn
from prometheus_client import CollectorRegistry

from connectors.jobs import Jobs
from connectors.store.files import FileStore
from producer_api.app import create_app
from producer_api.ports import Services
from schemas.facts import ChunkEncoded, Completed, Fact, Planned, PlanStarted, Result
from schemas.identity import JobRef
from schemas.lifecycle import Job, accept, fold
from schemas.messages import DEFAULT_TENANT, ExportRequest
from tests.servers.base import wait_until
from tests.unit.api.harness import NOW, Stream

COMMON: dict[str, Any] = {"job_id": "j1", "tenant": "default", "at": NOW + timedelta(seconds=1)}
KEY = "t/default/exports/j1/file.mp4"


@dataclass
class Served:
    """A server on a port of its own, and the projection's part in the test."""

    services: Services
    jobs: Jobs
    port: int
    server: uvicorn.Server

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def begin(self) -> Job:
        """A job in the table."""
        job = accept(ExportRequest(job_id="j1", format="mp4", project_key="k"), NOW)
        self.jobs.upsert([job])
        return job

    def tell(self, *facts: Fact, publish: bool = True) -> Job:
        """Write the job after these facts, and hand each snapshot to the hub, as the stream does."""
        job = self.jobs.get(JobRef(DEFAULT_TENANT, "j1"))
        assert job is not None
        for fact in facts:
            job = fold(job, fact)
            self.jobs.upsert([job])
            if publish:
                self.services.feed.publish_threadsafe(job)
        return job


@contextmanager
def serving(folder: Path, **more: Any) -> Iterator[Served]:
    """A real server over files and SQLite."""
    jobs = Jobs(str(folder / "jobs.db"))
    jobs.migrate()
    services = Services(jobs, FileStore(folder / "objects"), Stream(), registry=CollectorRegistry())
    services = replace(services, **more)
    config = uvicorn.Config(create_app(services), log_config=None, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: server.started, "the server to start")
        yield Served(services, jobs, listener.getsockname()[1], server)
    finally:
        services.feed.close()
        server.should_exit = True
        thread.join(30)
        listener.close()
        jobs.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server whose streams show a sign of life only after long silence."""
    with serving(tmp_path) as made:
        yield made


class Listener:
    """Reads an event stream, event by event."""

    def __init__(self, served: Served, last: str | None = None) -> None:
        headers = {"Last-Event-ID": last} if last is not None else {}
        self._client = httpx.Client(timeout=30)
        request = self._client.build_request("GET", f"{served.url}/v1/exports/j1/events", headers=headers)
        self.response = self._client.send(request, stream=True)
        self._lines = self.response.iter_lines()

    def next(self) -> tuple[int, dict[str, Any]] | None:
        """The next event's id and data; None when the stream has ended."""
        found: dict[str, str] = {}
        for line in self._lines:
            if not line and "data" in found:
                return int(found["id"]), orjson.loads(found["data"])
            name, _, value = line.partition(": ")
            found[name] = value
        return None

    def line(self) -> str:
        """The next line that is not empty, a comment too."""
        return next(line for line in self._lines if line)

    def close(self) -> None:
        """Go away."""
        self.response.close()
        self._client.close()


def started() -> list[Fact]:
    """The facts of a job whose chunks are being encoded."""
    planned = Planned(**COMMON, project_key="k", chunks=3, frames=90)
    return [PlanStarted(**COMMON), planned, ChunkEncoded(**COMMON, position=0, frames=30)]


def completed(size: int = 4) -> Completed:
    """The fact that ends the job."""
    result = Result(key=KEY, file_name="a.mp4", content_type="video/mp4", size=size, sha256="ab" * 32)
    return Completed(**COMMON, result=result)


def test_a_listener_sees_the_job_as_it_is_then_each_change_then_the_end(served: Served) -> None:
    """The first event is the present, the ids are versions, and the stream ends after the last event."""
    first = served.begin()
    listener = Listener(served)
    assert listener.response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert listener.response.headers["cache-control"] == "no-store"
    found = [listener.next()]
    served.tell(*started(), completed())
    while (event := listener.next()) is not None:
        found.append(event)
    ids = [event[0] for event in found if event]
    assert ids == list(range(first.version, first.version + 5))
    assert [event[1]["status"] for event in found if event] == [
        "pending",
        "running",
        "running",
        "running",
        "completed",
    ]
    assert found[-1] is not None
    assert found[-1][1]["links"]["file"] == "/v1/exports/j1/file"
    listener.close()


def test_who_comes_back_gets_only_what_is_new(served: Served) -> None:
    """Last-Event-ID skips what is known already; an id that is none is ignored."""
    served.begin()
    job = served.tell(*started())
    returning = Listener(served, last=str(job.version))
    new = Listener(served, last="what?")
    event = new.next()
    assert event is not None
    assert event[0] == job.version
    served.tell(completed())
    event = returning.next()
    assert event is not None
    assert (event[0], event[1]["status"]) == (job.version + 1, "completed")
    assert returning.next() is None
    returning.close()
    new.close()


def test_who_knows_the_end_is_told_not_to_come_back(served: Served) -> None:
    """204 ends the reconnecting of a browser; without the id the end is told once more."""
    served.begin()
    job = served.tell(completed())
    known = Listener(served, last=str(job.version))
    assert known.response.status_code == 204
    unknown = Listener(served)
    event = unknown.next()
    assert event is not None
    assert event[0] == job.version
    assert unknown.next() is None
    known.close()
    unknown.close()


def test_silence_is_filled_and_a_lost_message_is_made_up_for(tmp_path: Path) -> None:
    """Signs of life come as comments; what the stream lost is found in the table."""
    with serving(tmp_path, heartbeat=0.05) as served:
        served.begin()
        listener = Listener(served)
        assert listener.next() is not None
        assert listener.line().startswith(":")
        served.tell(completed(), publish=False)
        event = listener.next()
        assert event is not None
        assert event[1]["status"] == "completed"
        listener.close()


def test_a_listener_that_goes_away_is_forgotten(served: Served) -> None:
    """The gauge of open streams goes down without anything being sent."""
    served.begin()
    listeners = [Listener(served) for _ in range(3)]
    for listener in listeners:
        listener.next()
    assert "exportstream_sse_listeners 3.0" in httpx.get(f"{served.url}/metrics").text
    for listener in listeners:
        listener.close()
    wait_until(lambda: served.services.feed.listeners() == 0, "the listeners to be forgotten")


def test_open_streams_do_not_keep_a_server_from_stopping(served: Served) -> None:
    """Closing the hub ends every stream properly."""
    served.begin()
    listener = Listener(served)
    listener.next()
    served.services.feed.close()
    assert listener.next() is None
    listener.close()


def test_a_large_file_arrives_whole_and_in_parts(served: Served) -> None:
    """Blocks from the store are put together as the file was."""
    data = bytes(range(256)) * 20_000
    served.begin()
    served.services.store.put(KEY, data)
    served.tell(completed(len(data)))
    url = f"{served.url}/v1/exports/j1/file"
    assert httpx.get(url).content == data
    part = httpx.get(url, headers={"Range": "bytes=1000-2999999"})
    assert (part.status_code, part.content) == (206, data[1000:3_000_000])
    assert httpx.head(url).headers["content-length"] == str(len(data))


class Watched(FileStore):
    """Counts the blocks that are read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read = 0
        self.closed = threading.Event()

    def open_range(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """As ever, counted."""
        blocks = super().open_range(key, start, length)
        try:
            for block in blocks:
                self.read += 1
                yield block
        finally:
            self.closed.set()


def test_a_download_that_is_given_up_is_not_read_to_the_end(tmp_path: Path) -> None:
    """Reading stops soon after the caller has gone, and the file is closed."""
    store = Watched(tmp_path / "watched")
    store.put(KEY, b"x" * (64 << 20))
    with serving(tmp_path, store=store) as served:
        served.begin()
        served.tell(completed(64 << 20))
        with httpx.stream("GET", f"{served.url}/v1/exports/j1/file") as response:
            next(response.iter_bytes(1000))
        assert store.closed.wait(30)
    assert store.read < 256


def test_a_large_body_is_refused_before_it_is_sent(served: Served) -> None:
    """Who asks first (Expect: 100-continue) is told 413 at once; who just sends gets the answer too."""
    head = (
        b"POST /v1/exports HTTP/1.1\r\nHost: x\r\nContent-Length: 52428800\r\n"
        b"Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
    answer = httpx.post(f"{served.url}/v1/exports", content=b" " * 52_428_800, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_an_upload_that_breaks_off_leaves_nothing(served: Served) -> None:
    """Half a file is no file."""
    head = b"PUT /v1/uploads?filename=a.jpg HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(head + b"x" * 50_000)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1000)
    assert httpx.put(f"{served.url}/v1/uploads?filename=a.jpg", content=b"whole").status_code == 201
    assert [info.size for info in served.services.store.list("")] == [5]
