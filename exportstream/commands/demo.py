"""`demo`: the example project to MP4, MP3 and JSON, with everything embedded on this machine."""

from __future__ import annotations

import argparse
import asyncio
import logging
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from exportstream import exits
from exportstream.client import Client
from exportstream.commands.submit import follow, load, with_uploads
from exportstream.config import Settings
from exportstream.platform import Address, Platform
from exportstream.progress import human_duration, human_size
from exportstream.serving import configure_logs
from schemas.errors import InvalidInput, Unavailable

PROJECT = Path("examples/launch/project.json")
FORMATS = ("mp4", "mp3", "json")
START_S = 60.0


@dataclass(frozen=True)
class Made:
    """A file that the demo made."""

    path: Path
    size: int
    duration: float | None
    seconds: float


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Start everything, export, say where the files are."""
    if not PROJECT.is_file():
        raise InvalidInput(
            "no_example", f"{PROJECT} is not here: run `make demo` in a checkout, which makes it."
        )
    options.out.mkdir(parents=True, exist_ok=True)
    configure_logs("error")
    logging.getLogger("exportstream.kafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="exportstream-demo-") as folder:
        alone = replace(
            settings,
            data_dir=Path(folder),
            kafka_bootstrap=None,
            s3_endpoint=None,
            database_url=None,
            environ={**_without_servers(settings.environ), "EXPORTSTREAM_LOG_LEVEL": "error"},
        )
        print("Starting broker, workers, job table and API on this machine …", flush=True)
        began = time.monotonic()
        with running(alone) as url:
            print(f"Ready at {url} after {time.monotonic() - began:.1f} s.\n", flush=True)
            client = Client(url)
            project = with_uploads(load(PROJECT.read_bytes()), PROJECT.parent, client.upload)
            made = [export(client, project, format_, options.out) for format_ in FORMATS]
    _say(made)
    return exits.OK


def _without_servers(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of workers that are to find nothing but what is embedded."""
    servers = ("KAFKA_", "S3_", "MINIO_", "DATABASE_URL")
    return {name: value for name, value in environ.items() if not name.startswith(servers)}


def export(client: Client, project: dict[str, Any], format_: str, folder: Path) -> Made:
    """Export to one format, with progress, into `folder`. Raises InvalidInput when the job fails."""
    began = time.monotonic()
    job = client.post("/v1/exports", {"project": project, "format": format_})
    job = follow(client, job, f"launch.{format_}")
    if job["status"] != "completed":
        error = job.get("error") or {}
        raise InvalidInput(error.get("code", "failed"), error.get("message", f"The job is {job['status']}."))
    seconds = time.monotonic() - began
    path = folder / f"launch.{format_}"
    size = client.download(f"/v1/exports/{job['id']}/file", path)
    return Made(path, size, job["result"].get("duration"), seconds)


def _say(made: list[Made]) -> None:
    print()
    for file in made:
        length = human_duration(file.duration) if file.duration else ""
        print(f"  {file.path!s:<20} {length:>8}  {human_size(file.size):>9}   made in {file.seconds:.1f} s")
    print(
        "\nWhat you might type next:\n"
        "  .venv/bin/exportstream up                                   the same, to stay\n"
        "  .venv/bin/exportstream submit examples/launch/project.json -o film.mp4\n"
        "  .venv/bin/exportstream render examples/launch/project.json -o film.mp4 --quality 720p\n"
        "  .venv/bin/exportstream --help"
    )


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """A platform in a thread of this process; its API's address. Raises what its start raised."""
    platform = Platform(settings, Address("127.0.0.1", 0))
    trouble: list[BaseException] = []

    def serve() -> None:
        try:
            asyncio.run(platform.run())
        except BaseException as error:  # noqa: BLE001  # raised again by whoever waits
            trouble.append(error)

    thread = threading.Thread(target=serve, name="platform")
    thread.start()
    try:
        deadline = time.monotonic() + START_S
        while not platform.ready.wait(0.05):
            if not thread.is_alive() or time.monotonic() > deadline:
                raise trouble[0] if trouble else Unavailable("not_ready", "The demo did not start.")
        yield platform.url
    finally:
        platform.stop()
        thread.join()
