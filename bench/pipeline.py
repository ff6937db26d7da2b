"""What the stream costs: submit to completed against `render` of the same project, side by side.

    python -m bench.pipeline [--kafka] [--runs 5]

Each run exports a project that nobody exported before (a word in it changes), once by `render` in a
process of its own and once through a warm pipeline, in turn. On a real Kafka, facts are then published at
a steady rate, and the time until a listener of server-sent events has each is taken.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from connectors.kafka import KafkaSettings, Publisher
from exportstream.client import Client
from exportstream.commands.demo import running
from exportstream.config import Settings
from exportstream.projecting import publish_all
from processors.facts import tell
from schemas.errors import ExportError
from schemas.facts import StageProgressed

FACTS = 200
FACT_EVERY_S = 0.05


def project(word: str) -> dict[str, Any]:
    """Six slides at 1080p: still ones, a crossfade, and a title that slides in."""
    slides: list[dict[str, Any]] = []
    for number in range(6):
        title = {
            "type": "text", "text": f"{word} {number}", "x": 160, "y": 420, "width": 1600, "height": 240,
            "fontSize": 150, "color": "white", "align": "center",
        }  # fmt: skip
        if number == 3:
            title["animations"] = [{"property": "x", "from": -400, "to": 0, "start": 0, "duration": 0.6}]
        stops = [{"color": "#1d2671", "offset": 0}, {"color": "#c33764", "offset": 1}]
        slide: dict[str, Any] = {
            "duration": 3,
            "background": {"type": "linear-gradient", "angle": 40 * number, "stops": stops},
            "elements": [title],
        }
        if number == 1:
            slide["transition"] = {"type": "fade", "duration": 0.5}
        slides.append(slide)
    return {"version": 1, "width": 1920, "height": 1080, "slides": slides}


def by_render(document: dict[str, Any]) -> float:
    """Seconds of `exportstream render`, the whole process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "project.json"
        path.write_bytes(orjson.dumps(document))
        command = [
            sys.executable,
            "-m",
            "exportstream",
            "render",
            str(path),
            "-o",
            str(path.with_suffix(".mp4")),
            "-q",
        ]
        began = time.monotonic()
        subprocess.run(command, check=True)
        return time.monotonic() - began


def by_stream(client: Client, document: dict[str, Any]) -> float:
    """Seconds from the request to the event that says it is completed."""
    began = time.monotonic()
    job = client.post("/v1/exports", {"project": document, "format": "mp4"})
    *_, last = client.events(f"/v1/exports/{job['id']}/events")
    if last["status"] != "completed":
        raise SystemExit(f"the job is {last['status']}: {last.get('error')}")
    return time.monotonic() - began


def event_delays(url: str, bootstrap: str) -> list[float]:
    """Seconds from the publication of a fact to its arrival at a listener of server-sent events."""
    publisher = Publisher(KafkaSettings(bootstrap))
    job_id = f"bench-{time.time_ns()}"
    publish_all(publisher, [tell(_fact(job_id, 0.0))])
    client = Client(url)
    _until_known(client, job_id)
    sent: dict[float, float] = {}
    delays: list[float] = []

    def listen() -> None:
        for event in client.events(f"/v1/exports/{job_id}/events"):
            arrived, share = time.monotonic(), round(event["stages"].get("mix", 0.0), 4)
            if share in sent:
                delays.append(arrived - sent.pop(share))
            if share >= 1.0:
                return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    time.sleep(0.5)
    for number in range(1, FACTS + 1):
        share = round(number / FACTS, 4)
        sent[share] = time.monotonic()
        publish_all(publisher, [tell(_fact(job_id, share))])
        time.sleep(FACT_EVERY_S)
    listener.join(10)
    publisher.close()
    return delays


def _until_known(client: Client, job_id: str) -> None:
    while True:
        try:
            client.get(f"/v1/exports/{job_id}")
            return
        except ExportError:
            time.sleep(0.02)


def _fact(job_id: str, share: float) -> StageProgressed:
    return StageProgressed(job_id=job_id, tenant="default", at=datetime.now(UTC), stage="mix", fraction=share)


@contextmanager
def broker(real: bool) -> Iterator[str | None]:
    """The address of a real Kafka, or None for the embedded broker."""
    if not real:
        yield None
        return
    from tests.servers.kafka_server import KafkaServer

    server = KafkaServer()
    server.start()
    try:
        yield server.bootstrap
    finally:
        server.close()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kafka", action="store_true", help="a real Kafka instead of the embedded broker")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with broker(options.kafka) as bootstrap, tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "EXPORTSTREAM_DATA": folder, "EXPORTSTREAM_LOG_LEVEL": "error"}
        environ.pop("KAFKA_BOOTSTRAP_SERVERS", None)
        if bootstrap is not None:
            environ["KAFKA_BOOTSTRAP_SERVERS"] = bootstrap
            subprocess.run(
                [sys.executable, "-m", "exportstream", "topics", "create"],
                env=environ,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        with running(Settings.from_environ(environ)) as url:
            compare(Client(url), options.runs)
            if bootstrap is not None:
                delays = sorted(event_delays(url, bootstrap))
                median, p99 = (delays[int(len(delays) * share) - 1] * 1000 for share in (0.5, 0.99))
                print(
                    f"fact to SSE listener    median {median:.0f} ms, p99 {p99:.0f} ms ({len(delays)} facts)"
                )


def compare(client: Client, runs: int) -> None:
    """Both ways in turn; prints medians and the difference."""
    by_stream(client, project("warm"))
    rendered, streamed = [], []
    for run in range(runs):
        document = project(f"run {time.time_ns()} {run}")
        rendered.append(by_render(document))
        streamed.append(by_stream(client, document))
    extra = [s - r for s, r in zip(streamed, rendered, strict=True)]
    print(f"render, whole process   median {statistics.median(rendered):.2f} s")
    print(f"submit to completed     median {statistics.median(streamed):.2f} s")
    print(f"difference              median {statistics.median(extra):+.2f} s  (worst {max(extra):+.2f} s)")


if __name__ == "__main__":
    main()
