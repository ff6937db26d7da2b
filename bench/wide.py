"""One moving project on one Kafka with more and more encode workers: `python -m bench.wide [--minutes 1]`.

Starts a Kafka broker and an S3 server (tests/servers), one worker for plan, mix and upload, one for render,
and as many encode workers of one core each as `--workers` says, then exports a project whose every frame
differs: photographs that zoom, titles that slide. Each run has a tenant of its own, so nothing is found.
Prints a table, and with `--save FILE` writes the stages' times, which `bench.costs` measures one by one.

A machine of two cores has none to spare for a second encoder beside broker, store and the rest.
`--share 0.3` lets each encode worker run for three tenths of the time (SIGSTOP and SIGCONT, twice a
second), as if its core were slower: then more of them show what the stream gives, whatever the machine has.

Wall time is from publishing the request to reading that the job is completed; CPU that of all workers.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import os
import signal
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from bench.projects import Case, project, write
from connectors.kafka import KafkaSettings
from connectors.kafka_topics import create_topics
from connectors.store.s3 import S3Settings, S3Store
from exportstream.commands.submit import with_uploads
from schemas import keys, topics
from tests.acceptance.support import Process, descendants
from tests.servers.base import free_port, listening, wait_until
from tests.servers.kafka_server import KafkaServer
from tests.servers.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

CACHE = Path(".cache") / "bench"
PATIENCE_S = 3600.0
PERIOD_S = 0.5
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Run:
    """One export: seconds of wall and processor, what its facts tell, and the stages' task times."""

    wall: float
    cpu: float
    facts: list[dict[str, Any]]
    asked: float
    stages: dict[str, tuple[float, int]] = field(default_factory=dict)
    load: float = 0.0

    def at(self, kind: str) -> list[float]:
        """When the facts of a kind happened, in seconds since the epoch."""
        return [datetime.fromisoformat(f["at"]).timestamp() for f in self.facts if f["type"] == kind]

    @property
    def encoding(self) -> float:
        """Seconds from the plan to the last encoded chunk: what workers share."""
        return max(self.at("chunk.encoded")) - self.at("job.planned")[0]

    def times(self, seconds: float, frames: int) -> dict[str, float]:
        """The stages' times."""
        encoded, total = max(self.at("chunk.encoded")), self.stages["encode"][0]
        upload = self.stages["upload"][0]
        hop = max(0.0, self.at("plan.started")[0] - self.asked)
        join = max(0.0, self.at("job.completed")[0] - encoded - upload - 2 * hop)
        rendered, drawn = self.stages["render"]
        return {
            "plan": self.at("job.planned")[0] - self.at("plan.started")[0],
            "render": rendered / drawn,
            "encode_frame": total / frames,
            "join": join,
            "upload": upload,
            "hop": hop,
            "sound": max(0.0, self.stages["mix"][0] - join),
            "measured_seconds": seconds,
        }


class Cluster:
    """Broker, store, and the processes of ours that are told of them."""

    def __init__(self, folder: Path, kafka: KafkaServer, s3: S3Server) -> None:
        self._folder = folder
        name = f"wide{uuid.uuid4().hex[:8]}"
        self.environ = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
            "KAFKA_TOPIC_PREFIX": f"{name}.",
            "KAFKA_GROUP_ID": name,
            "KAFKA_GROUP_PROTOCOL": "consumer",
            "S3_ENDPOINT": s3.endpoint,
            "S3_ACCESS_KEY": ACCESS_KEY,
            "S3_SECRET_KEY": SECRET_KEY,
            "S3_BUCKET": name,
            "EXPORTSTREAM_TEMP": str(folder / "temp"),
            "EXPORTSTREAM_ENCODERS": "1",
        }
        self.kafka = KafkaSettings.from_environ(self.environ)
        create_topics(self.kafka)
        self.store = S3Store(S3Settings(s3.endpoint, ACCESS_KEY, SECRET_KEY, name))
        self.store.ensure_bucket()
        quiet = {"bootstrap.servers": kafka.bootstrap, "log_level": 0}
        self._producer = Producer({**quiet, "acks": "all", "linger.ms": 0})
        self._consumer = Consumer({**quiet, "group.id": f"{name}.bench", "fetch.wait.max.ms": 10})
        progress = self.kafka.name(topics.PROGRESS)
        places = self._consumer.list_topics(progress, timeout=10).topics[progress].partitions
        self._consumer.assign([TopicPartition(progress, number, 0) for number in places])

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()

    @contextmanager
    def workers(self, encoders: int, share: float) -> Iterator[dict[int, Process]]:
        """Ready workers, by the port of their metrics; those that encode run for a share of the time."""
        commands = [("plan", "mix", "upload"), ("render",), *[("encode",)] * encoders]
        with ExitStack() as stack:
            started: dict[int, Process] = {}
            for stages in commands:
                port = free_port()
                log = self._folder / f"{'-'.join(stages)}-{port}.log"
                environ = {**self.environ, "EXPORTSTREAM_METRICS_PORT": str(port)}
                started[port] = stack.enter_context(closing(Process(["worker", *stages], environ, log)))
            for port, process in started.items():
                wait_until(lambda p=process: p.says('"assigned"'), "partitions", 60)  # type: ignore[misc]
                wait_until(lambda p=port: listening(p), "metrics", 60)  # type: ignore[misc]
            time.sleep(3)  # partitions move for a moment after the last one joined
            with slowed(list(started.values())[2:], share):
                yield started
            for process in started.values():
                process.stop()

    def export(self, document: Mapping[str, Any], tenant: str, width: int) -> tuple[float, float, list[Any]]:
        """Export a document; (when it was asked for, seconds until it was completed, its facts)."""
        job = f"job-{uuid.uuid4().hex}"
        value = {"job_id": job, "tenant": tenant, "format": "mp4", "project": document, "width": width}
        asked, began = time.time(), time.monotonic()
        self._producer.produce(self.kafka.name(topics.REQUESTS), orjson.dumps(value), job)
        self._producer.flush(10)
        facts: list[dict[str, Any]] = []
        while time.monotonic() < began + PATIENCE_S:
            message = self._consumer.poll(1.0)
            if message is None or message.error() is not None:
                continue
            headers = dict(message.headers() or [])
            fact = orjson.loads(message.value() or b"{}")
            if fact["job_id"] != job:
                continue
            kind = headers["ce_type"]
            facts.append({**fact, "type": kind.decode() if isinstance(kind, bytes) else kind})
            if facts[-1]["type"] == "job.completed":
                return asked, time.monotonic() - began, facts
            if facts[-1]["type"] in ("job.failed", "job.cancelled"):
                raise SystemExit(f"the job ended: {fact}")
        raise SystemExit("the job did not end")


@contextmanager
def slowed(processes: list[Process], share: float) -> Iterator[None]:
    """Meanwhile these processes run for `share` of the time, one after the other rather than together."""
    over = threading.Event()

    def run(process: Process, delay: float) -> None:
        over.wait(delay)
        while not over.is_set():
            os.kill(process.pid, signal.SIGSTOP)
            over.wait(PERIOD_S * (1 - share))
            os.kill(process.pid, signal.SIGCONT)
            over.wait(PERIOD_S * share)

    threads = [
        threading.Thread(target=run, args=(process, PERIOD_S * number / len(processes)))
        for number, process in enumerate(processes)
    ]
    for thread in threads if share < 1 else ():
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads if share < 1 else ():
            thread.join()


def task_seconds(ports: list[int]) -> dict[str, tuple[float, int]]:
    """(seconds of all tasks so far, how many) of each stage, over all workers."""
    found: dict[str, tuple[float, int]] = {}
    for port in ports:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with closing(connection):
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        values = {
            name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if "{" in name
        }
        for name, value in values.items():
            if name.startswith("exportstream_task_seconds_sum{"):
                stage = name.split('"')[1]
                total, count = found.get(stage, (0.0, 0))
                more = values[name.replace("_sum{", "_count{")]
                found[stage] = total + value, count + int(more)
    return found


def cpu_seconds(processes: list[Process]) -> float:
    """Processor time of these processes and of all below them so far, from /proc."""
    total = 0
    for process in processes:
        for pid in (process.pid, *(child for child, _ in descendants(process.pid))):
            try:
                stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            total += sum(map(int, stat[11:15]))
    return total / TICKS


def case_of(minutes: float) -> Case:
    """Photographs that zoom on every slide of three seconds, titles sliding in, a sound."""
    return Case(
        "wide",
        f"{minutes:g} min of movement",
        round(minutes * 20),
        3.0,
        zoom=True,
        title_moves=True,
        sounds=1,
    )


def measure(cluster: Cluster, case: Case, encoders: int, options: argparse.Namespace) -> list[Run]:
    """Some exports with so many encode workers."""
    write(case, CACHE)
    found = []
    with cluster.workers(encoders, options.share) as workers:
        ports, processes = list(workers), list(workers.values())
        for number in range(options.runs + 1):
            tenant = f"t{uuid.uuid4().hex[:8]}"

            def upload(path: Path, tenant: str = tenant) -> str:
                data = path.read_bytes()
                key = keys.upload_key(tenant, hashlib.sha256(data).hexdigest(), path.suffix)
                cluster.store.put(key, data)
                return key

            # The first is a short one that warms everybody up.
            given = project(case if number else Case("warm", "warm", 2, 1.0, zoom=True, sounds=1))
            document = with_uploads(given, CACHE, upload)
            stages, cpu = task_seconds(ports), cpu_seconds(processes)
            load = os.getloadavg()[0]
            asked, wall, facts = cluster.export(document, tenant, options.width)
            if not number:
                continue
            run = Run(wall, cpu_seconds(processes) - cpu, facts, asked, load=load)
            for stage, (total, count) in task_seconds(ports).items():
                before = stages.get(stage, (0.0, 0))
                run.stages[stage] = total - before[0], count - before[1]
            found.append(run)
            print(
                f"  {encoders} encode workers: {wall:.1f} s, CPU {run.cpu:.1f} s, load {load:.1f}", flush=True
            )
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--width", type=int, default=8, help="chunks in flight at once")
    parser.add_argument("--share", type=float, default=1.0, help="of the time that an encode worker runs")
    parser.add_argument("--save", type=Path, help="where the stages' times go")
    options = parser.parse_args()
    case = case_of(options.minutes)
    rows: dict[int, list[Run]] = {}
    with tempfile.TemporaryDirectory() as folder, closing(KafkaServer()) as kafka, closing(S3Server()) as s3:
        kafka.start()
        kafka.prime()
        s3.start()
        for encoders in map(int, options.workers.split(",")):
            with closing(Cluster(Path(folder), kafka, s3)) as cluster:
                rows[encoders] = measure(cluster, case, encoders, options)
    show(rows, case)
    if options.save is not None:
        first = min(rows[min(rows)], key=lambda run: run.wall)
        times = first.times(case.slides * case.seconds, case.frames)
        options.save.write_bytes(orjson.dumps(times, option=orjson.OPT_INDENT_2))


def show(rows: Mapping[int, list[Run]], case: Case) -> None:
    """The table, as Markdown."""
    print(f"\n{case.title}:\n")
    print("| encode workers | runs | wall s | speed-up | encoding s | speed-up | CPU s | load |")
    print("|--:|--:|--:|--:|--:|--:|--:|---|")
    base = rows[min(rows)]
    for encoders, runs in rows.items():
        wall, encoding = (
            statistics.median(getattr(run, name) for run in runs) for name in ("wall", "encoding")
        )
        first, second = (
            statistics.median(getattr(run, name) for run in base) for name in ("wall", "encoding")
        )
        cpu = statistics.median(run.cpu for run in runs)
        loads = f"{min(run.load for run in runs):.1f} to {max(run.load for run in runs):.1f}"
        cells = [encoders, len(runs), f"{wall:.1f}", f"{first / wall:.2f}", f"{encoding:.1f}"]
        print(f"| {' | '.join(map(str, [*cells, f'{second / encoding:.2f}', f'{cpu:.1f}', loads]))} |")
    mean = {stage: (total, count) for stage, (total, count) in base[0].stages.items()}
    print("\nTasks of the first run: " + ", ".join(f"{s} {t:.2f} s in {c}" for s, (t, c) in mean.items()))


if __name__ == "__main__":
    main()
