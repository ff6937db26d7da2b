"""How long the job table takes to answer: every filter alone and in pairs, first and deep page, by HTTP.

    python -m bench.jobs [--rows 1000000] [--runs 20] [--database sqlite postgres] [--rebuild 100000]

The rows belong to 1,000 tenants by Zipf's law, so the largest has a seventh of all. Each filter is asked of
it twenty times over one connection, for PostgreSQL plans a statement anew, without its values, after five.
PostgreSQL is the one that the tests start. --rebuild: so many jobs on `export.status` of a real Kafka, then a
quarter as many with all their facts; the table is rebuilt of either.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import multiprocessing
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from bench.accept import quantile
from connectors.jobs import Jobs
from connectors.kafka import KafkaSettings, Publisher
from connectors.kafka_topics import create_topics
from connectors.store.memory import MemoryStore
from exportstream.projecting import publish_all
from exportstream.rebuilding import Rebuilt, from_facts, from_snapshots
from processors.facts import tell
from processors.stage import Outgoing
from schemas import topics
from schemas.facts import ChunkEncoded, ChunkRendered, Completed, Fact, Planned, PlanStarted, Problem, Result
from schemas.lifecycle import Job, Status
from schemas.messages import ExportRequest, Message
from tests.servers.base import free_port

TENANTS = 1000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SPREAD_S = 90 * 24 * 3600
STATUSES: dict[Status, float] = {
    "completed": 0.94, "failed": 0.03, "cancelled": 0.02, "queued": 0.006, "rendering": 0.003,
    "planning": 0.0005, "uploading": 0.0005,
}  # fmt: skip
FORMATS = {"mp4": 0.9, "mp3": 0.07, "json": 0.029, "gif": 0.001}
BATCH = 5000


def made(count: int, seed: int = 1) -> Iterator[list[Job]]:
    """Batches of jobs, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311  # the same rows for everybody
    weights = list(itertools.accumulate(1 / rank for rank in range(1, TENANTS + 1)))
    for first in range(0, count, BATCH):
        tenants = chance.choices(range(TENANTS), cum_weights=weights, k=min(BATCH, count - first))
        yield [_job(chance, f"t{tenant:03}", first + n, count) for n, tenant in enumerate(tenants)]


def _job(chance: random.Random, tenant: str, number: int, count: int) -> Job:
    (status,) = chance.choices(list(STATUSES), list(STATUSES.values()))
    (kind,) = chance.choices(list(FORMATS), list(FORMATS.values()))
    at = BEGIN + timedelta(seconds=SPREAD_S * number / count)
    given: dict[str, Any] = {}
    if status == "completed":
        key = f"t/{tenant}/exports/{number}/file.{kind}"
        given["result"] = Result(
            key=key, file_name="Launch.mp4", content_type="video/mp4", size=1, sha256="ab" * 32
        )
    if status == "failed":
        given["error"] = Problem(code="asset_not_found", message="There is no photo.jpg.", stage="plan")
    if status in ("completed", "failed", "cancelled"):
        given["completed_at"] = at + timedelta(seconds=30)
    return Job(
        id=f"{number:012x}-{chance.getrandbits(64):016x}", tenant=tenant, status=status, version=17,
        format=kind, settings={"quality": "1080p", "fps": 30}, metadata={"campaign": "spring"},
        source="api", customer_id="c1", user_id=f"u{int(chance.paretovariate(0.5)) % 5000}",
        project_id=f"p{chance.randrange(20_000)}", project_key=f"t/{tenant}/documents/x",
        batch_id=f"b{number // 500}" if chance.random() < 0.2 else None, chunks=10, frames=240,
        rendered="3ff", encoded="3ff", duration=10.0, created_at=at, updated_at=at, **given,
    )  # fmt: skip


def _result(key: str) -> Result:
    return Result(key=key, file_name="Launch.mp4", content_type="video/mp4", size=1, sha256="ab" * 32)


def filters(count: int) -> dict[str, dict[str, str]]:
    """The filters of the API by name: frequent and rare values, and every pair of two of them."""
    middle = (BEGIN + timedelta(seconds=SPREAD_S // 2)).isoformat()
    late = (BEGIN + timedelta(seconds=SPREAD_S * 0.6)).isoformat()
    one: dict[str, dict[str, str]] = {
        "status completed": {"status": "completed"},
        "status failed": {"status": "failed"},
        "status planning (rare)": {"status": "planning"},
        "status failed,cancelled,queued": {"status": "failed,cancelled,pending"},
        "format mp4": {"format": "mp4"},
        "format gif (rare)": {"format": "gif"},
        "project": {"project_id": "p77"},
        "batch": {"batch_id": f"b{count // 1000}"},
        "user (frequent)": {"user_id": "u1"},
        "user (rare)": {"user_id": "u4321"},
        "after": {"created_after": middle},
        "before": {"created_before": late},
    }
    pairs = itertools.combinations(one.items(), 2)
    two = {f"{a} + {b}": x | y for (a, x), (b, y) in pairs if not x.keys() & y.keys()}
    return {"none": {}} | one | two


class Nobody:
    """A stream that nobody publishes to."""

    def publish(self, topic: str, key: str, message: Message) -> None:
        """Refuse."""
        raise NotImplementedError


def serve(url: str, port: int) -> None:
    """The API over a table, in a process of its own."""
    import uvicorn

    from producer_api.app import create_app
    from producer_api.ports import Services

    services = Services(Jobs(url), MemoryStore(), Nobody(), api_keys={"key": "t000"})
    uvicorn.run(create_app(services), port=port, log_level="error", access_log=False)


@contextmanager
def served(url: str) -> Iterator[http.client.HTTPConnection]:
    """A connection to the API over a table."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(url, port), daemon=True)
    process.start()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        while True:
            try:
                connection.connect()
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        yield connection
    finally:
        connection.close()
        process.terminate()
        process.join()


def ask(connection: http.client.HTTPConnection, query: dict[str, str]) -> tuple[float, dict[str, Any]]:
    """Milliseconds until the page was read, and the page."""
    begin = time.perf_counter()
    connection.request("GET", f"/v1/exports?{urlencode(query)}", headers={"X-API-Key": "key"})
    answer = connection.getresponse()
    data = answer.read()
    taken = 1000 * (time.perf_counter() - begin)
    if answer.status != 200:
        raise SystemExit(f"{answer.status} {data[:300]!r}")
    page: dict[str, Any] = orjson.loads(data)
    return taken, page


def deep(connection: http.client.HTTPConnection, query: dict[str, str]) -> str | None:
    """A cursor far down: after 40 pages of 200, or as far as there are."""
    cursor: str | None = None
    for _ in range(40):
        more = {"cursor": cursor} if cursor else {}
        _, page = ask(connection, {**query, "limit": "200", **more})
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    return cursor


def measure(url: str, count: int, runs: int) -> None:
    """Print what each filter takes; the slowest first."""
    rows: list[tuple[float, float, str]] = []
    everything: list[float] = []
    least: list[float] = []
    with served(url) as connection:
        for name, query in filters(count).items():
            places = {"first": query}
            if (cursor := deep(connection, query)) is not None:
                places["deep"] = {**query, "cursor": cursor}
            for place, asked in places.items():
                taken = sorted(ask(connection, asked)[0] for _ in range(runs))
                everything += taken
                least.append(taken[0])
                rows.append((taken[0], statistics.median(taken), f"{name}, {place}"))
    print(f"{len(rows)} pages of 50, {runs} times each: {_quantiles(everything)}")
    print(f"the least of each page's {runs}, as on a machine with nothing else to do: {_quantiles(least)}")
    print("the slowest:")
    for best, median, name in sorted(rows, reverse=True)[:10]:
        print(f"  {best:8.1f} ms least {median:8.1f} ms median   {name}")


def _quantiles(taken: list[float]) -> str:
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "most": 1.0}
    ordered = sorted(taken)
    return ", ".join(f"{name} {quantile(ordered, share):.1f} ms" for name, share in shares.items())


def fill(jobs: Jobs, count: int) -> None:
    """Load a table, and print how long that takes a row."""
    jobs.migrate()
    spent = 0.0
    with jobs.loading(emptied=True) as loader:
        for batch in made(count):
            begin = time.perf_counter()
            loader.write(batch)
            spent += time.perf_counter() - begin
    print(f"{count} rows loaded: {1e6 * spent / count:.1f} µs a row")


def table_only(jobs: Jobs, runs: int) -> None:
    """Print what the table takes for what no page needs: counts, and all unfinished jobs."""
    from connectors.jobs import JobFilter

    begin = time.perf_counter()
    left = sum(1 for _ in jobs.unfinished())
    print(f"unfinished(): {left} jobs, {1000 * (time.perf_counter() - begin):.0f} ms with their decoding")
    for wanted in (JobFilter(), JobFilter(statuses=("failed",)), JobFilter(statuses=("failed", "queued"))):
        taken, counted = [], 0
        for _ in range(runs):
            begin = time.perf_counter()
            counted = jobs.count("t000", wanted)
            taken.append(1000 * (time.perf_counter() - begin))
        print(f"count of {wanted.statuses}: {counted}, median {statistics.median(taken):.2f} ms")


# --- rebuilding ------------------------------------------------------------------------------------


def story(number: int) -> tuple[ExportRequest, list[Fact]]:
    """A request, and the 19 facts of a job of eight chunks."""
    common: dict[str, Any] = {"job_id": f"job-{number:09}", "tenant": f"t{number % TENANTS:03}", "at": BEGIN}
    request = ExportRequest(
        job_id=common["job_id"], tenant=common["tenant"], format="mp4", project_key="k", requested_at=BEGIN
    )
    chunks = [
        kind(**common, position=n, frames=24) for n in range(8) for kind in (ChunkRendered, ChunkEncoded)
    ]
    planned = Planned(**common, project_key="k", chunks=8, frames=192)
    return request, [PlanStarted(**common), planned, *chunks, Completed(**common, result=_result("k"))]


def rebuilds(url: str, count: int) -> None:
    """Publish to a Kafka of our own, rebuild from it in both ways, and print what that takes."""
    from tests.servers.kafka_server import KafkaServer

    server = KafkaServer()
    server.start()
    jobs = Jobs(url)
    jobs.migrate()
    try:
        kafka = KafkaSettings(server.bootstrap)
        create_topics(kafka)
        publisher = Publisher(kafka)
        for batch in made(count):
            publish_all(publisher, [Outgoing(topics.STATUS, str(job.ref), job) for job in batch])
        _timed("rebuild", "snapshot", lambda: from_snapshots(kafka, jobs), lambda done: done.jobs)
        for first in range(0, count // 4, 500):
            told = [story(number) for number in range(first, first + 500)]
            out = [Outgoing(topics.REQUESTS, str(request.ref), request) for request, _ in told]
            publish_all(publisher, [*out, *(tell(fact) for _, facts in told for fact in facts)])
        publisher.close()
        _timed("rebuild --from-progress", "fact", lambda: from_facts(kafka, jobs), lambda done: done.facts)
    finally:
        jobs.close()
        server.close()


def _timed(name: str, unit: str, work: Callable[[], Rebuilt], size: Callable[[Rebuilt], int]) -> None:
    begin = time.perf_counter()
    done = work()
    each = (time.perf_counter() - begin) / size(done)
    print(f"{name}: {done}, {1e6 * each:.1f} µs a {unit}, {1 / each:,.0f} a second")


@contextmanager
def databases(names: Sequence[str]) -> Iterator[dict[str, str]]:
    """The addresses of empty databases by their kind."""
    with tempfile.TemporaryDirectory(prefix="bench-jobs-") as folder:
        found = {}
        server = None
        if "postgres" in names:
            from tests.servers.postgres_server import PostgresServer

            server = PostgresServer()
            server.start()
            found["postgres"] = server.create_database()
        if "sqlite" in names:
            found["sqlite"] = f"sqlite:///{Path(folder) / 'jobs.db'}"
        try:
            yield found
        finally:
            if server is not None:
                server.close()


def main() -> None:
    """Run and print."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers end too
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=20, help="of each page")
    parser.add_argument(
        "--database", nargs="+", choices=["sqlite", "postgres"], default=["sqlite", "postgres"]
    )
    parser.add_argument("--rebuild", type=int, metavar="JOBS", help="measure rebuilding instead")
    options = parser.parse_args()
    with databases(options.database) as addresses:
        for name, url in addresses.items():
            print(f"--- {name}", flush=True)
            if options.rebuild:
                rebuilds(url, options.rebuild)
                continue
            jobs = Jobs(url)
            fill(jobs, options.rows)
            table_only(jobs, options.runs)
            jobs.close()
            measure(url, options.rows, options.runs)


if __name__ == "__main__":
    main()
