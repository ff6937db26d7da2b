"""`exportstream up` as a user runs it: one command, a job by the command line, and every way to end it."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from exportstream import exits
from tests.acceptance.media import decode, picture, tone
from tests.acceptance.support import PATIENCE_S, Process, descendants
from tests.servers.base import ROOT, wait_until
from tests.servers.kafka_server import KafkaServer
from tests.servers.postgres_server import PostgresServer
from tests.servers.s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from tests.unit.builders import Document, document, image, move, rect, slide, text, track

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]

STOP_S = 10.0


class Platform:
    """A running `exportstream up`."""

    def __init__(self, process: Process, environ: Mapping[str, str]) -> None:
        self.process = process
        wait_until(lambda: process.says("exportstream is up: "), "everything is up", PATIENCE_S)
        found = re.search(r"exportstream is up: (http://\S+)", process.log.read_text())
        assert found is not None
        self.url = found[1]
        self.environ = {**environ, "EXPORTSTREAM_URL": self.url}

    def get(self, path: str) -> tuple[int, Any]:
        """(status, body) of a path."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            is_json = "json" in (response.getheader("Content-Type") or "")
            return response.status, orjson.loads(body) if is_json else body
        finally:
            connection.close()

    def job(self, job_id: str) -> dict[str, Any]:
        """A job as the API shows it."""
        status, body = self.get(f"/v1/exports/{job_id}")
        assert status == 200, body
        return dict(body)

    def wait_job(self, job_id: str, *wanted: str) -> dict[str, Any]:
        """The job once it is in one of some states."""
        wait_until(
            lambda: self.job(job_id)["status"] in wanted, f"{job_id} is {wanted}", PATIENCE_S, step=0.1
        )
        return self.job(job_id)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of ours against this API."""
        return run(*arguments, environ=self.environ)


def run(*arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command of ours, to its end."""
    command = [sys.executable, "-m", "exportstream", *arguments]
    return subprocess.run(
        command, env={**os.environ, **(environ or {})}, cwd=ROOT, capture_output=True, text=True, timeout=120
    )


@contextmanager
def up(folder: Path, environ: Mapping[str, str] | None = None, name: str = "up") -> Iterator[Platform]:
    """Everything on this machine, on any free port; ended at the latest with the block."""
    given = {"TEMP_DIR": str(folder / "temp"), **(environ or {})}
    process = Process(["up", "--port", "0", "--data", str(folder / "data")], given, folder / f"{name}.log")
    try:
        yield Platform(process, given)
    finally:
        everything = [pid for pid, _ in descendants(process.pid)]
        process.close()
        for pid in everything:
            kill(pid)


def kill(pid: int) -> None:
    """SIGKILL, if it is still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def alive(pids: list[int]) -> list[int]:
    """Those that still run; a zombie does not."""
    return [pid for pid in pids if state(pid) not in ("", "Z", "X")]


def state(pid: int) -> str:
    """The state of a process as /proc tells it, empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One embedded platform for the tests that leave it running."""
    with up(tmp_path_factory.mktemp("platform")) as platform:
        yield platform


def film() -> Document:
    """Half a second with a picture and a sound that lie beside the document."""
    return document(
        name="Ein Film",
        slides=[slide(0.5, image("media/photo.png"), text("Hello", animations=[move()]))],
        audio=[track("media/tone.wav")],
    )


def long_film() -> Document:
    """A minute of movement."""
    moving = [move("x", 0, 60, (0, 200)), move("rotation", 0, 60, (0, 360))]
    return document(slides=[slide(60, rect(animations=moving))])


def saved(folder: Path, project: Document, name: str = "project.json") -> Path:
    """A document on disk, its files beside it."""
    media = folder / "media"
    media.mkdir(exist_ok=True)
    (media / "photo.png").write_bytes(picture())
    (media / "tone.wav").write_bytes(tone(0.5))
    path = folder / name
    path.write_bytes(orjson.dumps(project))
    return path


def test_up_says_that_it_is_ready(platform: Platform) -> None:
    """What `up` prints can be called, and answers that jobs would be taken at once."""
    assert platform.get("/ready")[0] == 200
    assert platform.get("/health")[0] == 200
    status, openapi = platform.get("/openapi.json")
    assert status == 200
    assert openapi["openapi"].startswith("3.1")


def test_a_project_is_submitted_followed_and_downloaded(platform: Platform, tmp_path: Path) -> None:
    """`submit -o` uploads what the document names by a relative path, and leaves a film on disk."""
    out = tmp_path / "film.mp4"
    done = platform.run(
        "submit",
        str(saved(tmp_path, film())),
        "-o",
        str(out),
        "--quality",
        "720p",
        "--fps",
        "24",
        "--json",
        "--quiet",
    )
    assert done.returncode == exits.OK, done.stderr
    job = orjson.loads(done.stdout)
    assert (job["status"], job["progress"], job["warnings"]) == ("completed", 100, [])
    made = decode(out)
    assert len(made.frames) == 12
    assert made.frames[0].shape == (720, 1280, 3)
    assert made.samples >= 0.5 * made.sample_rate
    assert job["result"]["size"] == out.stat().st_size


@pytest.mark.parametrize("kind", ["mp3", "json"])
def test_other_formats(platform: Platform, tmp_path: Path, kind: str) -> None:
    """The name of the output says what is wanted."""
    out = tmp_path / f"film.{kind}"
    done = platform.run("submit", str(saved(tmp_path, film())), "-o", str(out), "--quiet")
    assert done.returncode == exits.OK, done.stderr
    if kind == "json":
        assert orjson.loads(out.read_bytes())["name"] == "Ein Film"
    else:
        assert decode(out).samples > 0


def test_jobs_are_listed_shown_and_cancelled(platform: Platform, tmp_path: Path) -> None:
    """A job that somebody follows is called off by somebody else; the first one's command says so."""
    path = saved(tmp_path, long_film())
    submitted = platform.run("submit", str(path), "--quality", "1080p")
    assert submitted.returncode == exits.OK, submitted.stderr
    job_id = submitted.stdout.strip()
    shown = platform.run("jobs", "show", job_id)
    assert orjson.loads(shown.stdout)["id"] == job_id
    assert job_id in platform.run("jobs", "list").stdout
    following = subprocess.Popen(
        [sys.executable, "-m", "exportstream", "submit", str(path), "--follow", "--quiet", "--json"],
        env={**os.environ, **platform.environ},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: len(unfinished(platform)) == 2, "both jobs are known", PATIENCE_S, step=0.1)
        for job in unfinished(platform):
            assert platform.run("jobs", "cancel", job).returncode == exits.OK
        output, _ = following.communicate(timeout=PATIENCE_S)
    finally:
        following.kill()
        following.communicate()
    assert following.returncode == exits.CANCELLED
    assert orjson.loads(output)["status"] == "cancelled"
    assert platform.wait_job(job_id, "cancelled")["progress"] < 100
    assert job_id in platform.run("jobs", "list", "--status", "cancelled").stdout


def unfinished(platform: Platform) -> list[str]:
    """The jobs that are under way."""
    listed = orjson.loads(platform.run("jobs", "list", "--json").stdout)["exports"]
    return [job["id"] for job in listed if job["status"] in ("pending", "running", "queued")]


def test_exit_codes_mean_something(platform: Platform, tmp_path: Path) -> None:
    """2 for wrong input, whether the API sees it or a worker; 3 for an API that is away."""
    unknown = saved(tmp_path, document(slides=[slide(1.0, rect(colour="red"))]), "unknown.json")
    (tmp_path / "note.png").write_bytes(b"not a picture at all")
    broken = saved(tmp_path, document(slides=[slide(1.0, image("note.png"))]), "broken.json")
    refused = platform.run("submit", str(unknown), "--follow", "--quiet")
    assert refused.returncode == exits.USAGE
    assert "slides[0].elements[0].colour" in refused.stderr
    failed = platform.run("submit", str(broken), "--follow", "--quiet")
    assert failed.returncode == exits.USAGE
    assert "slides[0].elements[0].src" in failed.stderr
    assert platform.run("submit", str(tmp_path / "none.json")).returncode == exits.USAGE
    assert platform.run("jobs", "show", "no-such-job").returncode != exits.OK
    assert platform.run("submit").returncode == exits.USAGE
    away = platform.run("jobs", "list", "--url", "http://127.0.0.1:9")
    assert away.returncode == exits.UNAVAILABLE
    assert "exportstream up" in away.stderr


@pytest.mark.parametrize("command", ["up", "api"])
def test_it_is_not_open_to_others_without_keys(tmp_path: Path, command: str) -> None:
    """An address that others can reach is refused unless keys are configured."""
    environ = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"} if command == "api" else {}
    done = run(
        command, "--host", "0.0.0.0", "--port", "0", environ={"EXPORTSTREAM_DATA": str(tmp_path), **environ}
    )
    assert done.returncode == exits.USAGE
    assert "EXPORTSTREAM_API_KEYS" in done.stderr


def test_sigterm_ends_everything_in_time(tmp_path: Path) -> None:
    """In the middle of a job: all processes are gone within 10 s, and nothing lies about."""
    with up(tmp_path) as platform:
        job_id = platform.run("submit", str(saved(tmp_path, long_film()))).stdout.strip()
        wait_until(
            lambda: platform.job(job_id)["stages"]["encode"] > 0, "it is encoded", PATIENCE_S, step=0.1
        )
        everything = [pid for pid, _ in descendants(platform.process.pid)]
        assert len(everything) >= 3
        began = time.monotonic()
        assert platform.process.stop(STOP_S + 5) == 0, platform.process.tail()
        took = time.monotonic() - began
    assert alive(everything) == []
    assert [path for path in (tmp_path / "temp").rglob("*") if path.is_file()] == []
    assert took < STOP_S


def test_a_job_outlives_the_machine(tmp_path: Path) -> None:
    """All processes killed in the middle of a job: after a restart it is taken up again, and completed."""
    project = document(slides=[slide(20, rect(animations=[move("x", 0, 20, (0, 200))]))])
    with up(tmp_path, name="first") as platform:
        job_id = platform.run("submit", str(saved(tmp_path, project)), "--quality", "720p").stdout.strip()
        wait_until(
            lambda: platform.job(job_id)["stages"]["encode"] > 0, "it is encoded", PATIENCE_S, step=0.05
        )
        everything = [platform.process.pid, *(pid for pid, _ in descendants(platform.process.pid))]
        for pid in everything:
            kill(pid)
        wait_until(lambda: not alive(everything), "all processes are gone", PATIENCE_S)
    with up(tmp_path, name="second") as platform:
        job = platform.wait_job(job_id, "completed", "failed")
        assert job["status"] == "completed", job
        status, content = platform.get(f"/v1/exports/{job_id}/file")
        assert status == 200
    out = tmp_path / "film.mp4"
    out.write_bytes(content)
    assert len(decode(out, keep=False).frames) == 600


def test_nobody_is_left_when_the_first_process_is_killed(tmp_path: Path) -> None:
    """However the first process ends, it takes the others with it: they have no broker any more."""
    with up(tmp_path) as platform:
        everything = [pid for pid, _ in descendants(platform.process.pid)]
        platform.process.kill()
        wait_until(lambda: not alive(everything), "all processes are gone", PATIENCE_S)


def test_up_on_real_servers_serves_raw_producers(
    kafka_server: KafkaServer,
    s3_server: S3Server,
    postgres_server: PostgresServer,
    topic_prefix: str,
    tmp_path: Path,
) -> None:
    """With the environment's addresses, after topics were declared (twice, if one likes)."""
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_server.bootstrap,
        "KAFKA_TOPIC_PREFIX": topic_prefix,
        "KAFKA_GROUP_ID": topic_prefix + "group",
        "KAFKA_GROUP_PROTOCOL": "consumer",
        "S3_ENDPOINT": f"http://{s3_server.endpoint}",
        "S3_ACCESS_KEY": ACCESS_KEY,
        "S3_SECRET_KEY": SECRET_KEY,
        "S3_BUCKET": topic_prefix.rstrip("."),
        "DATABASE_URL": postgres_server.create_database(),
    }
    early = run("worker", "plan", environ=environ)
    assert early.returncode != exits.OK
    assert "exportstream topics create" in early.stderr
    created, again = (run("topics", "create", "--json", environ=environ) for _ in range(2))
    assert created.returncode == again.returncode == exits.OK, created.stderr
    assert {report["action"] for report in orjson.loads(again.stdout)} == {"unchanged"}
    project = saved(tmp_path, document(slides=[slide(0.5, rect())]))
    with up(tmp_path, environ) as platform:
        done = subprocess.run(
            [
                sys.executable,
                str(ROOT / "examples" / "raw_producer.py"),
                kafka_server.bootstrap,
                str(project),
            ],
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr
        assert "completed 100 %" in done.stdout
        assert '"file_name"' in done.stdout
        listed = orjson.loads(platform.run("jobs", "list", "--json").stdout)["exports"]
        assert [(job["status"], job["source"]) for job in listed] == [("completed", "kafka")]
