"""How long a request waits to be accepted: POST /v1/exports at a steady rate, as independent clients.

    python -m bench.accept --url http://127.0.0.1:8097 [--rate 50] [--seconds 20] [--out FILE]

The rate is kept whatever the answers take (an open load: a slow answer does not spare the next one),
over connections that are kept alive. Each request is a small project of its own and asks for JSON, so
that what is measured is accepting and not the work. Run it while a video is being encoded.
"""

from __future__ import annotations

import argparse
import http.client
import queue
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

CONNECTIONS = 16


@dataclass
class Outcome:
    """What was measured: seconds from the moment a request was due until its answer was read."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Counts, and milliseconds."""
        taken = sorted(self.seconds)
        quantiles = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
        milliseconds = {name: round(1000 * quantile(taken, q), 2) for name, q in quantiles.items()}
        return {"requests": len(taken) + len(self.errors), "errors": len(self.errors), **milliseconds}


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that is not below `share` of all."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def body(number: int, kind: str) -> bytes:
    """A request with a project that nobody sent before."""
    slide = {"duration": 1, "background": {"type": "solid", "color": "#204060"}, "elements": []}
    project = {
        "version": 1,
        "name": f"{time.time_ns()} {number}",
        "width": 1280,
        "height": 720,
        "slides": [slide],
    }
    return orjson.dumps({"project": project, "format": kind})


def measure(url: str, rate: float, seconds: float, kind: str = "json", key: str | None = None) -> Outcome:
    """Send `rate` requests a second for `seconds`."""
    outcome, due = Outcome(), queue.SimpleQueue[tuple[float, bytes] | None]()
    headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})}
    clients = [
        threading.Thread(target=_client, args=(url, headers, due, outcome)) for _ in range(CONNECTIONS)
    ]
    for client in clients:
        client.start()
    begin = time.perf_counter()
    for number in range(int(rate * seconds)):
        moment, data = begin + number / rate, body(number, kind)
        time.sleep(max(0.0, moment - time.perf_counter()))
        due.put((time.perf_counter(), data))
    for _ in clients:
        due.put(None)
    for client in clients:
        client.join()
    return outcome


def _client(
    url: str, headers: dict[str, str], due: queue.SimpleQueue[tuple[float, bytes] | None], outcome: Outcome
) -> None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    while (work := due.get()) is not None:
        moment, data = work
        try:
            connection.request("POST", f"{parts.path.rstrip('/')}/v1/exports", data, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            outcome.errors.append(repr(error))
            connection.close()
            continue
        if answer.status == 202:
            outcome.seconds.append(time.perf_counter() - moment)
        else:
            outcome.errors.append(f"{answer.status} {content[:200]!r}")
    connection.close()


def main() -> int:
    """Measure and print; 1 when a request was refused."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8097")
    parser.add_argument("--rate", type=float, default=50, help="requests a second")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--format", default="json", choices=("json", "mp3", "mp4"))
    parser.add_argument("--key", help="API key")
    parser.add_argument("--out", type=Path, help="write the figures to a file, too")
    options = parser.parse_args()
    sys.setswitchinterval(0.0005)  # so that the clients wait for the answer and not for one another
    measure(options.url, 10, 1, options.format, options.key)  # the first requests open everything
    outcome = measure(options.url, options.rate, options.seconds, options.format, options.key)
    figures = orjson.dumps(outcome.summary(), option=orjson.OPT_INDENT_2).decode()
    print(figures)
    if options.out:
        options.out.write_text(figures + "\n")
    if outcome.errors:
        print("first error:", outcome.errors[0], file=sys.stderr)
    return 1 if outcome.errors else 0


if __name__ == "__main__":
    sys.exit(main())
