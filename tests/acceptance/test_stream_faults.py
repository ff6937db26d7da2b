"""Faults on real servers: whatever is taken away, each job ends once, and the workers go on."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.identity import JobRef
from tests.acceptance.local_runs import TINY, LocalWorker
from tests.acceptance.media import inline, picture, tone
from tests.acceptance.support import PATIENCE_S, Deployment, Process
from tests.integration.web import Web, web_server
from tests.servers.base import free_port, listening, wait_until
from tests.servers.kafka_server import KafkaServer
from tests.servers.postgres_server import PostgresServer
from tests.servers.proxy import StoreProxy
from tests.servers.s3_server import S3Server
from tests.unit.builders import Document, document, fade, image, move, rect, slide, text, track

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]

STOP_S = 2.0
"""What is promised of a cancelled job: after so many seconds nobody works for it."""
OUTAGE_S = 10.0


@pytest.fixture(scope="module")
def proxy(s3_server: S3Server) -> Iterator[StoreProxy]:
    """The object store that misbehaves on demand."""
    with closing(StoreProxy(s3_server.endpoint)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def deployment(
    kafka_server: KafkaServer,
    proxy: StoreProxy,
    postgres_server: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    """One deployment for all tests of this file that leave the servers alone; its projection runs."""
    folder = tmp_path_factory.mktemp("deployment")
    with deployed(folder, kafka_server, proxy.endpoint, postgres_server) as deployment:
        yield deployment


@contextmanager
def deployed(folder: Path, kafka: KafkaServer, s3: str, postgres: PostgresServer) -> Iterator[Deployment]:
    """A deployment whose projection runs."""
    environ = {"FETCH_ALLOWED_NETWORKS": "127.0.0.0/8", "FETCH_HTTP": "true"}
    database = postgres.create_database()
    with (
        closing(Deployment(folder, kafka.bootstrap, s3, database, environ)) as deployment,
        deployment.projection(),
    ):
        yield deployment


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The SHA-256 of what `film()` becomes where nothing goes wrong."""
    with closing(LocalWorker(tmp_path_factory.mktemp("undisturbed"))) as worker:
        job = worker.completes(film())
        return hashlib.sha256(worker.file(job).read_bytes()).hexdigest()


def film() -> Document:
    """Pictures, text, movement, a transition, sound: something for every stage, in under two seconds."""
    return document(
        name="Film",
        slides=[
            slide(0.5, image(inline(picture(), "image/png")), text("One"), transition=fade(0.25)),
            slide(0.75, rect(animations=[move()]), color="navy"),
            slide(0.5, text("Three", color="red")),
        ],
        audio=[track(inline(tone(1.5), "audio/wav"))],
    )


def ask(deployment: Deployment, project: Document, tenant: str = "default", **keys: Any) -> str:
    """Request a small export as a raw producer does."""
    return deployment.request(project, settings=TINY | keys, tenant=tenant)


# --- Messages


def test_garbage_is_a_dead_letter_and_the_next_request_is_handled(deployment: Deployment) -> None:
    """What nobody can read blocks nothing: it is kept with the reason, and the partition goes on."""
    garbage = {
        b"\xff\xfe no JSON": "invalid_json",
        b'{"job_id": "x"}': "invalid_message",
        b"[" * 100_000: "invalid_json",
        b'{"job_id": "../../etc", "format": "mp4", "project": {}}': "invalid_message",
    }
    before = len(deployment.follower.letters)
    with deployment.worker():
        for value in garbage:
            deployment.publish("export.requests", "one-partition", value)
        for topic in ("export.render", "export.encode", "export.mix", "export.upload"):
            deployment.publish(topic, "one-partition", b"garbage")
        request = {"job_id": "after-garbage", "format": "mp4", "project": film(), "settings": TINY}
        deployment.publish("export.requests", "one-partition", orjson.dumps(request))
        deployment.completed("after-garbage")
        wait_until(lambda: len(deployment.follower.letters) == before + 8, "8 dead letters", PATIENCE_S)
        deployment.wait_idle()
    letters = dict(deployment.follower.letters[before:])
    assert {value: letters[value]["dlq_code"].decode() for value in garbage} == garbage
    assert {h["dlq_topic"] for h in letters.values()} >= {b"export.requests"}


def test_bad_input_fails_the_job_and_not_the_worker(deployment: Deployment) -> None:
    """What is wrong with a project its owner reads from the job."""
    with deployment.worker() as worker:
        bad = ask(deployment, document(slides=[slide(0.5, rect(colour="red"))]))
        snapshot = deployment.wait_status(bad, "failed", "completed")
        assert snapshot["error"]["code"] == "unknown_key"
        assert snapshot["error"]["path"] == "slides[0].elements[0].colour"
        deployment.completed(ask(deployment, film()))
        assert worker.alive


def test_the_same_request_twice_is_one_job(deployment: Deployment) -> None:
    """A request that is delivered twice ends once, with one file."""
    with deployment.worker():
        job = deployment.request(film(), "twice", settings=TINY, tenant="twice")
        deployment.request(film(), "twice", settings=TINY, tenant="twice")
        result = deployment.completed(job)
        deployment.request(film(), "twice", settings=TINY, tenant="twice")
        deployment.wait_idle()
        other = deployment.completed(ask(deployment, film(), "twice"))
    assert deployment.ended_once(job)["result"] == result
    assert other["sha256"] == result["sha256"]
    assert other["reused"]
    found = [info.key for info in deployment.store.list("t/twice/exports/twice/")]
    assert found == ["t/twice/exports/twice/file.mp4", "t/twice/exports/twice/manifest.json"]


# --- Cancelling


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server that behaves badly."""
    with web_server() as server:
        yield server


def long_film(seconds: float = 60.0) -> Document:
    """Movement without end, at a size that takes long to encode."""
    moving = [move("x", 0, seconds, (0, 200)), move("rotation", 0, seconds, (0, 360))]
    return document(slides=[slide(seconds, rect(animations=moving), text("Long", animations=moving))])


def many_pictures(count: int = 80) -> Document:
    """Slides that are each drawn anew."""
    glow = {"x": 2, "y": 2, "blur": 40, "color": "black"}
    return document(
        slides=[
            slide(0.1, text(f"{n} " * 60, width=300, shadow=glow), color=f"rgb({n},0,0)")
            for n in range(count)
        ]
    )


def long_sound() -> Document:
    """Four hours of sound."""
    long = {"loop": True, "duration": 4 * 3600.0 - 1}
    return document(audio=[track(inline(tone(1.5), "audio/wav"), f"t{n}", **long) for n in range(4)])


@contextmanager
def measured_worker(deployment: Deployment) -> Iterator[tuple[Process, int]]:
    """A worker, and the port of its metrics."""
    port = free_port()
    with deployment.worker(environ={"EXPORTSTREAM_METRICS_PORT": str(port)}) as worker:
        wait_until(lambda: listening(port), "the worker's metrics", PATIENCE_S)
        yield worker, port


def in_flight(port: int) -> float:
    """How many tasks a worker has in hand."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    finally:
        connection.close()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("exportstream_tasks_in_flight{"))


def cancelled_in_time(deployment: Deployment, port: int, job: str) -> None:
    """Cancel a job: 2 s later no work is left, nothing remains of it, and the next job is done."""
    assert in_flight(port) > 0
    deployment.cancel(job)
    began = time.monotonic()
    wait_until(lambda: in_flight(port) == 0, "the work stops", PATIENCE_S)
    took = time.monotonic() - began
    assert deployment.work_files() == []
    deployment.wait_status(job, "cancelled")
    deployment.completed(ask(deployment, film()))
    deployment.wait_idle()
    assert deployment.ended_once(job)["status"] == "cancelled"
    assert list(deployment.store.list(f"t/default/exports/{job}/")) == []
    assert took < STOP_S


def test_cancelled_while_planned(deployment: Deployment, web: Web) -> None:
    """A download that takes for ever is broken off."""

    def hang(sock: socket.socket, _: bytes) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc")
        web.stopping.wait(60)

    web.routes["/hang.png"] = hang
    with measured_worker(deployment) as (_, port):
        job = ask(deployment, document(slides=[slide(0.5, image(web.url("/hang.png")))]))
        wait_until(lambda: bool(web.requests), "the download begins", PATIENCE_S)
        cancelled_in_time(deployment, port, job)


@pytest.mark.parametrize(
    ("project", "sign"),
    [(many_pictures(), "chunk.rendered"), (long_film(), "chunk.encoded")],
    ids=["render", "encode"],
)
def test_cancelled_while_pictures_are_made(deployment: Deployment, project: Document, sign: str) -> None:
    """Drawing and encoding stop between two pictures."""
    with measured_worker(deployment) as (_, port):
        job = ask(deployment, project, width=1280, height=720)
        deployment.wait_fact(job, sign)
        cancelled_in_time(deployment, port, job)


def test_cancelled_while_sound_is_mixed(deployment: Deployment) -> None:
    """Mixing and encoding stop within a part."""
    with measured_worker(deployment) as (_, port):
        job = deployment.request(long_sound(), format="mp3")
        deployment.wait_fact(job, "sound.mixed")
        cancelled_in_time(deployment, port, job)


def test_cancelled_while_the_file_is_published(deployment: Deployment, proxy: StoreProxy) -> None:
    """What was published already is taken back: no file, no entry in the library."""
    with measured_worker(deployment) as (worker, port):
        with proxy.hold(r"PUT .*/library/"):
            job = ask(deployment, film(), "library")
            proxy.wait_held()
            deployment.cancel(job, "library")
            deployment.wait_status(job, "cancelled")
        wait_until(lambda: in_flight(port) == 0, "the work stops", PATIENCE_S)
        deployment.wait_idle()
        assert worker.alive
    assert deployment.ended_once(job)["status"] == "cancelled"
    assert list(deployment.store.list(f"t/library/exports/{job}/")) == []
    assert list(deployment.store.list("t/library/library/")) == []


def test_cancelled_before_anybody_worked_for_it(deployment: Deployment) -> None:
    """A job that waits for a worker is cancelled by the projection, and dropped by the worker that comes."""
    job = ask(deployment, film())
    deployment.wait_status(job, "queued")
    deployment.cancel(job)
    deployment.wait_status(job, "cancelled")
    with deployment.worker():
        deployment.wait_idle()
    assert deployment.ended_once(job)["status"] == "cancelled"
    assert list(deployment.store.list(f"t/default/exports/{job}/")) == []


# --- Killing


@pytest.mark.parametrize(
    ("stage", "effect"),
    [
        ("plan", r"PUT .*/plans/"),
        ("render", r"PUT .*/layers/"),
        ("encode", r"PUT .*/chunks/"),
        ("sound", r"PUT .*/sound/"),
        ("mix", r"PUT .*/outputs/"),
        ("publish", r"PUT .*/library/"),
        ("upload", r"PUT .*/manifest"),
    ],
)
def test_a_worker_killed_at_any_stage_is_replaced(
    deployment: Deployment, proxy: StoreProxy, undisturbed: str, stage: str, effect: str
) -> None:
    """Killed right before its result is stored: another worker finishes the job, once, with the same file."""
    tenant = f"killed-{stage}"
    with deployment.worker() as first, proxy.hold(effect):
        job = ask(deployment, film(), tenant)
        proxy.wait_held()
        first.kill()
    with deployment.worker():
        result = deployment.completed(job)
        deployment.wait_idle()
    assert deployment.ended_once(job)["status"] == "completed"
    assert result["sha256"] == undisturbed
    assert hashlib.sha256(deployment.download(result).read_bytes()).hexdigest() == undisturbed


def test_of_two_workers_one_is_killed(deployment: Deployment) -> None:
    """The other one, which was at work all the time, takes over what the killed one had."""
    with deployment.worker() as first, deployment.worker():
        jobs = [ask(deployment, long_film(8), f"two-{n}", width=640, height=360) for n in range(2)]
        for job in jobs:
            deployment.wait_fact(job, "chunk.encoded")
        first.kill()
        files = {deployment.completed(job)["sha256"] for job in jobs}
        deployment.wait_idle()
    assert len(files) == 1
    for job in jobs:
        assert deployment.ended_once(job)["status"] == "completed"


def test_a_worker_that_is_stopped_hands_back(deployment: Deployment, undisturbed: str) -> None:
    """SIGTERM in the middle: gone within 10 s, and the next worker finishes the job."""
    with deployment.worker() as first:
        job = ask(deployment, long_film(20), width=1280, height=720)
        deployment.wait_fact(job, "chunk.encoded")
        began = time.monotonic()
        assert first.stop() == 0
        assert time.monotonic() - began < 10
    assert deployment.work_files() == []
    deployment.cancel(job)
    with deployment.worker():
        assert deployment.completed(ask(deployment, film(), "stopped"))["sha256"] == undisturbed


# --- Outages


def test_the_broker_is_restarted_in_the_middle(
    own_kafka: KafkaServer,
    s3_server: S3Server,
    postgres_server: PostgresServer,
    tmp_path: Path,
    undisturbed: str,
) -> None:
    """A broker that is killed and comes back: jobs before, at and after that end, once each."""
    with (
        deployed(tmp_path, own_kafka, s3_server.endpoint, postgres_server) as deployment,
        deployment.worker() as worker,
    ):
        before = ask(deployment, long_film(8), "before", width=640, height=360)
        deployment.wait_fact(before, "chunk.encoded")
        own_kafka.stop(kill=True)
        own_kafka.start()
        after = ask(deployment, film(), "after")
        assert deployment.completed(after)["sha256"] == undisturbed
        deployment.completed(before)
        deployment.wait_idle()
        assert worker.alive
        for job in (before, after):
            assert deployment.ended_once(job)["status"] == "completed"


def test_the_object_store_refuses_for_ten_seconds(
    deployment: Deployment, proxy: StoreProxy, undisturbed: str
) -> None:
    """503 from the object store costs time, not jobs: those under way and those that come meanwhile."""
    with deployment.worker() as worker:
        under_way = ask(deployment, long_film(8), "refused", width=640, height=360)
        deployment.wait_fact(under_way, "chunk.encoded")
        proxy.refusing = True
        try:
            came = ask(deployment, film(), "refused-too")
            end = time.monotonic() + OUTAGE_S
            wait_until(lambda: time.monotonic() > end, "the outage is over", OUTAGE_S + 5)
        finally:
            proxy.refusing = False
        assert proxy.refused > 0
        assert deployment.completed(came)["sha256"] == undisturbed
        deployment.completed(under_way)
        deployment.wait_idle()
        assert worker.alive
    for job in (under_way, came):
        assert deployment.ended_once(job)["status"] == "completed"


def test_the_database_is_gone_for_ten_seconds(
    kafka_server: KafkaServer, s3_server: S3Server, own_postgres: PostgresServer, tmp_path: Path
) -> None:
    """Workers need no database; what the projection could not write meanwhile it writes afterwards."""
    with (
        deployed(tmp_path, kafka_server, s3_server.endpoint, own_postgres) as deployment,
        deployment.worker(),
    ):
        deployment.completed(ask(deployment, film()))
        own_postgres.stop(kill=True)
        job = ask(deployment, film(), "meanwhile")
        end = time.monotonic() + OUTAGE_S
        deployment.wait_fact(job, "job.completed")
        wait_until(lambda: time.monotonic() > end, "the outage is over", OUTAGE_S + 5)
        assert deployment.status(job) is None
        own_postgres.start()
        deployment.completed(job)
        row = deployment.jobs.get(JobRef("meanwhile", job))
        assert row is not None
        assert row.status == "completed"
        assert deployment.ended_once(job)["status"] == "completed"


# --- A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A work folder of 2 MiB, where we may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("Only root may mount a small disk.")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_what_does_not_fit_on_the_disk_is_told(deployment: Deployment, small_disk: Path) -> None:
    """A picture that is larger than the work folder: its job fails with what to do, the next is done."""
    deployment.store.put("shared/large.bin", bytes(3 << 20))
    environ = {"TEMP_DIR": str(small_disk), "EXPORTSTREAM_RETRY_SECONDS": "2"}
    with deployment.worker(environ=environ) as worker:
        job = ask(deployment, document(slides=[slide(0.5, image("shared/large.bin"))]))
        error = deployment.wait_status(job, "failed", "completed")["error"]
        assert error["code"] == "disk_full"
        assert "make room" in error["message"]
        deployment.completed(ask(deployment, film()))
        deployment.wait_idle()
        assert worker.alive


@pytest.mark.parametrize("effect", [r"PUT .*/plans/"], ids=["join"])  # publishing needs no disk
def test_a_disk_that_is_full_for_a_while_costs_time(
    deployment: Deployment, proxy: StoreProxy, small_disk: Path, undisturbed: str, effect: str
) -> None:
    """Once there is room again, the export goes on by itself."""
    tenant = f"full-{effect[:3].lower()}"
    filler = small_disk / "filler"
    with deployment.worker(environ={"TEMP_DIR": str(small_disk)}) as worker:
        with proxy.hold(effect):
            job = ask(deployment, film(), tenant)
            proxy.wait_held()
            fill(filler)
        wait_until(lambda: worker.says('"disk_full"'), "the worker notices", PATIENCE_S)
        filler.unlink()
        assert deployment.completed(job)["sha256"] == undisturbed
        deployment.wait_idle()
        assert worker.alive
    assert deployment.ended_once(job)["status"] == "completed"


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
