"""What a second export costs: `python -m bench.incremental [--slides 50] [--runs 3] [--only CASE] [--kafka]`.

Through the embedded pipeline (or a real Kafka), from the request to the event that says it is completed:
first a project that nobody exported before, then, each `--runs` times, the very same request, the project
with another title on one slide, with one slide longer, and with louder sound. The table has medians, their
ratio to the first export, and what the API says of each: chunks made and chunks found.
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.pipeline import broker
from bench.projects import Case, project, write
from exportstream.client import Client
from exportstream.commands.demo import running
from exportstream.commands.submit import with_uploads
from exportstream.config import Settings

CACHE = Path(".cache") / "bench"
Document = dict[str, Any]
Change = Callable[[Document, int], None]


def cases(slides: int) -> tuple[Case, ...]:
    """What is exported: photographs with titles, at 1080p and 30 frames a second, with a sound."""
    return (
        Case("still", f"{slides} static slides × 3 s", slides, 3.0, sounds=1),
        Case("faded", "the same with 0.5 s crossfades", slides, 3.0, fade=0.5, sounds=1),
        Case("titled", "the same with titles sliding in", slides, 3.0, title_moves=True, sounds=1),
    )


def _title(document: Document, run: int) -> None:
    document["slides"][7 + run]["elements"][1]["text"] = f"Changed {run}"


def _duration(document: Document, run: int) -> None:
    document["slides"][7 + run]["duration"] += 1.5 + run  # each a length of its own: sound is cut anew


def _sound(document: Document, run: int) -> None:
    document["audio"][0]["volume"] = 0.3 + run / 100


CHANGES: dict[str, Change] = {
    "the very same": lambda document, run: None,
    "one title": _title,
    "one duration": _duration,
    "the sound": _sound,
}


@dataclass
class Row:
    """One line of the table: the times of its runs in seconds, and what the API said of the last."""

    what: str
    seconds: list[float] = field(default_factory=list)
    view: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    def line(self, first: float) -> str:
        """As a line of Markdown."""
        made = self.view["chunks"] - self.view["cached"]
        served = "yes" if self.view["result"]["reused"] else ""
        share = f"{self.median / first:.1%}"
        cells = [self.what, len(self.seconds), f"{self.median:.2f}", f"{max(self.seconds):.2f}", share]
        return f"| {' | '.join(map(str, [*cells, made, self.view['cached'], served]))} |"


HEAD = """\
| {title} | runs | median s | worst s | of the first | chunks made | found | served as it was |
|---|--:|--:|--:|--:|--:|--:|---|"""


def timed(client: Client, document: Document) -> tuple[float, dict[str, Any]]:
    """(seconds from the request to its completion, the export as the API shows it then)."""
    began = time.monotonic()
    job = client.post("/v1/exports", {"project": document, "format": "mp4"})
    *_, last = client.events(f"/v1/exports/{job['id']}/events")
    took = time.monotonic() - began
    if last["status"] != "completed":
        raise SystemExit(f"the job is {last['status']}: {last.get('error')}")
    return took, last


def measure(client: Client, case: Case, runs: int) -> list[Row]:
    """The first export of a case and those after it."""
    write(case, CACHE)
    document = with_uploads(project(case), CACHE, client.upload)
    document["name"] = f"{case.title} {time.time_ns()}"
    first = Row("first")
    took, first.view = timed(client, document)
    first.seconds.append(took)
    rows = [first]
    for what, change in CHANGES.items():
        rows.append(row := Row(what))
        for run in range(runs):
            changed = copy.deepcopy(document)
            change(changed, run)
            took, row.view = timed(client, changed)
            row.seconds.append(took)
    return rows


@contextmanager
def pipeline(kafka: bool) -> Iterator[Client]:
    """A warm pipeline on this machine."""
    with broker(kafka) as bootstrap, tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "EXPORTSTREAM_DATA": folder, "EXPORTSTREAM_LOG_LEVEL": "error"}
        environ.pop("KAFKA_BOOTSTRAP_SERVERS", None)
        if bootstrap is not None:
            environ["KAFKA_BOOTSTRAP_SERVERS"] = bootstrap
            create = [sys.executable, "-m", "exportstream", "topics", "create"]
            subprocess.run(create, env=environ, check=True, stdout=subprocess.DEVNULL)
        with running(Settings.from_environ(environ)) as url:
            client = Client(url)
            timed(client, project(Case("warm", "warm", 1, 1.0, sounds=0)) | {"slides": [_PLAIN]})
            yield client


_PLAIN: Document = {"duration": 1, "background": {"type": "solid", "color": "#123456"}}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kafka", action="store_true", help="a real Kafka instead of the embedded broker")
    parser.add_argument("--slides", type=int, default=50)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=[case.name for case in cases(50)])
    options = parser.parse_args()
    wanted = [case for case in cases(options.slides) if options.only in (None, case.name)]
    if len(wanted) > 1:  # each in a process of its own, with an empty store
        for case in wanted:
            subprocess.run(
                [sys.executable, "-m", "bench.incremental", *sys.argv[1:], "--only", case.name], check=True
            )
        return
    (case,) = wanted
    load = os.getloadavg()[0]
    with pipeline(options.kafka) as client:
        rows = measure(client, case, options.runs)
    print("\n" + HEAD.format(title=case.title))
    for row in rows:
        print(row.line(rows[0].median))
    print(
        f"\nLoad before and after: {load:.1f}, {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.",
        flush=True,
    )


if __name__ == "__main__":
    main()
