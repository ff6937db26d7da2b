"""A deployment on real servers: its processes, and somebody who only has a Kafka client."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from connectors.kafka import KafkaSettings
from connectors.kafka_topics import create_topics
from connectors.store.s3 import S3Settings, S3Store
from connectors.work_folder import LOCK
from exportstream.config import Settings
from exportstream.wiring import make_jobs
from schemas.topics import CONTROL, DEAD_LETTER, PROGRESS, REQUESTS, STATUS, TOPICS
from tests.servers.base import ROOT, wait_until
from tests.servers.s3_server import ACCESS_KEY, SECRET_KEY

PARTITIONS = 4
STAGES = ("plan", "render", "encode", "mix", "upload")
TERMINAL_FACTS = ("job.completed", "job.failed", "job.cancelled")
TERMINAL = ("completed", "failed", "cancelled")
PATIENCE_S = 60.0
"""For what takes seconds on an idle machine."""


class Process:
    """One process of ours: a command of `exportstream`, its log in a file."""

    def __init__(self, arguments: list[str], environ: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "exportstream", *arguments],
                env={**os.environ, **environ},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its id, also of its process group."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def status(self) -> int | None:
        """How it ended."""
        return self._process.poll()

    def says(self, words: str) -> bool:
        """Whether its log has these words."""
        assert self.alive, self.tail()
        return words in self.log.read_text(errors="replace")

    def children(self) -> list[str]:
        """Command lines of all processes below this one."""
        return [line for _, line in descendants(self.pid)]

    def kill(self) -> None:
        """SIGKILL, as when memory runs out."""
        self._process.kill()
        self._process.wait(20)

    def stop(self, timeout: float = 15) -> int:
        """SIGTERM; how it ended, within `timeout` seconds."""
        if self.alive:
            self._process.terminate()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait(10)
            raise

    def close(self) -> None:
        """End it whatever happens."""
        if self.alive:
            self._process.kill()
            self._process.wait(10)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-4000:]


def descendants(pid: int) -> list[tuple[int, str]]:
    """(id, command line) of all processes below one, from /proc."""
    parents: dict[int, list[tuple[int, str]]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                parents.setdefault(parent, []).append((int(entry.name), line))
    found: list[tuple[int, str]] = []
    waiting = [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += [child for child, _ in children]
    return found


class Follower:
    """Reads progress, status and dead letters on a thread, from the beginning."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._lock = threading.Lock()
        self._snapshots: dict[str, list[dict[str, Any]]] = {}
        self._facts: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
        self.letters: list[tuple[bytes | None, dict[str, bytes]]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def snapshots(self, job_id: str) -> list[dict[str, Any]]:
        """What `export.status` said of a job, in order."""
        with self._lock:
            return list(self._snapshots.get(job_id, ()))

    def facts(self, job_id: str) -> list[tuple[str, str, dict[str, Any]]]:
        """(type, id, body) of what `export.progress` said of a job, in order."""
        with self._lock:
            return list(self._facts.get(job_id, ()))

    def close(self) -> None:
        """Stop reading."""
        self._stopping.set()
        self._thread.join(10)

    def _run(self) -> None:
        config = {
            "bootstrap.servers": self._kafka.bootstrap,
            "group.id": f"follower-{uuid.uuid4().hex}",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
            "log_level": 0,
            "logger": None,
        }
        consumer = Consumer({name: value for name, value in config.items() if value is not None})
        names = [self._kafka.name(topic) for topic in (PROGRESS, STATUS, DEAD_LETTER)]
        consumer.assign([TopicPartition(name, p, 0) for name in names for p in range(PARTITIONS)])
        while not self._stopping.is_set():
            message = consumer.poll(0.05)
            if message is None or message.error() is not None:
                continue
            headers = _headers(message)
            topic = self._kafka.plain(message.topic() or "")
            value = message.value()
            with self._lock:
                if topic == DEAD_LETTER:
                    self.letters.append((value, headers))
                elif value is not None:
                    body = orjson.loads(value)
                    if topic == STATUS:
                        self._snapshots.setdefault(body["id"], []).append(body)
                    else:
                        kind, name = headers["ce_type"].decode(), headers["ce_id"].decode()
                        self._facts.setdefault(body["job_id"], []).append((kind, name, body))
        consumer.close()


def _headers(message: Message) -> dict[str, bytes]:
    pairs = message.headers() or []
    items = pairs.items() if isinstance(pairs, dict) else pairs
    return {name: value if isinstance(value, bytes) else str(value or "").encode() for name, value in items}


class Deployment:
    """Topics, a bucket, a database, and the environment by which processes find them."""

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        s3: str,
        database_url: str,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.temp = folder / "temp"
        name = f"t{uuid.uuid4().hex[:10]}"
        self.environ = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "KAFKA_TOPIC_PREFIX": f"{name}.",
            "KAFKA_GROUP_ID": name,
            "KAFKA_GROUP_PROTOCOL": "consumer",
            "MINIO_ENDPOINT": s3,
            "MINIO_ACCESS_KEY": ACCESS_KEY,
            "MINIO_SECRET_KEY": SECRET_KEY,
            "MINIO_BUCKET": name,
            "DATABASE_URL": database_url,
            "TEMP_DIR": str(self.temp),
            "EXPORTSTREAM_DATA": str(folder / "data"),
            "LOG_LEVEL": "info",
            **(environ or {}),
        }
        self.kafka = KafkaSettings.from_environ(self.environ)
        create_topics(self.kafka, partitions=PARTITIONS)
        self.store = S3Store(S3Settings(s3, ACCESS_KEY, SECRET_KEY, name))
        self.store.ensure_bucket()
        self.jobs = make_jobs(Settings.from_environ(self.environ))
        self.follower = Follower(self.kafka)
        self._producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "log_level": 0})
        self._count = 0

    # Processes

    @contextmanager
    def process(self, *arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[Process]:
        """A process of this deployment, ended at the latest with the block."""
        self._count += 1
        log = self.folder / f"{self._count}-{'-'.join(arguments[:2])}.log"
        started = Process([*arguments], {**self.environ, **(environ or {})}, log)
        try:
            yield started
        finally:
            started.close()

    @contextmanager
    def worker(self, *stages: str, environ: Mapping[str, str] | None = None) -> Iterator[Process]:
        """A worker, ready; SIGTERM at the end, after which it must be gone within 10 s."""
        with self.process("worker", *(stages or ("all",)), environ=environ) as worker:
            wait_until(lambda: worker.says('"assigned"'), "the worker has partitions", PATIENCE_S)
            yield worker
            if worker.alive:
                assert worker.stop() == 0, worker.tail()

    @contextmanager
    def projection(self) -> Iterator[Process]:
        """The projection; SIGTERM at the end."""
        with self.process("projection") as projection:
            yield projection
            if projection.alive:
                assert projection.stop() == 0, projection.tail()

    # What a raw producer does

    def publish(self, topic: str, key: str, value: bytes) -> None:
        """Publish bytes with nothing but a key."""
        failures: list[Any] = []
        self._producer.produce(
            self.kafka.name(topic), value, key, on_delivery=lambda error, _: failures.append(error)
        )
        self._producer.flush(30)
        assert failures == [None]

    def request(self, project: Mapping[str, Any], job_id: str | None = None, **keys: Any) -> str:
        """Ask for an export as a raw producer does; the job's id."""
        job_id = job_id or f"j{uuid.uuid4().hex[:12]}"
        self.publish(
            REQUESTS, job_id, orjson.dumps({"job_id": job_id, "format": "mp4", "project": project, **keys})
        )
        return job_id

    def cancel(self, job_id: str, tenant: str = "default") -> None:
        """Call a job off."""
        self.publish(CONTROL, job_id, orjson.dumps({"job_id": job_id, "tenant": tenant, "action": "cancel"}))

    def status(self, job_id: str) -> str | None:
        """The newest state that was told of a job."""
        known = self.follower.snapshots(job_id)
        return str(known[-1]["status"]) if known else None

    def wait_status(self, job_id: str, *wanted: str, timeout: float = PATIENCE_S) -> dict[str, Any]:
        """Wait for one of some states; the snapshot that tells of it."""
        self._wait(job_id, lambda: self._find(job_id, wanted) is not None, " or ".join(wanted), timeout)
        found = self._find(job_id, wanted)
        assert found is not None
        return found

    def _find(self, job_id: str, wanted: tuple[str, ...]) -> dict[str, Any] | None:
        return next((s for s in self.follower.snapshots(job_id) if s["status"] in wanted), None)

    def wait_fact(self, job_id: str, kind: str, timeout: float = PATIENCE_S) -> None:
        """Wait until a fact of a kind is told of a job."""
        self._wait(job_id, lambda: any(k == kind for k, _, _ in self.follower.facts(job_id)), kind, timeout)

    def _wait(self, job_id: str, condition: Callable[[], bool], what: str, timeout: float) -> None:
        """Wait for a condition; a job that failed meanwhile will not fulfil it any more."""

        def over() -> bool:
            return condition() or self.status(job_id) == "failed"

        with suppress(TimeoutError):
            wait_until(over, what, timeout)
        assert condition(), f"job {job_id} never was {what}: {self._story(job_id)}"

    def completed(self, job_id: str, timeout: float = PATIENCE_S) -> dict[str, Any]:
        """Wait for the job's end, which must be a good one; its result."""
        snapshot = self.wait_status(job_id, *TERMINAL, timeout=timeout)
        assert snapshot["status"] == "completed", snapshot
        result: dict[str, Any] = snapshot["result"]
        return result

    def ended_once(self, job_id: str) -> dict[str, Any]:
        """The job's last snapshot, after proof that it has exactly one end.

        A fact that is told again is the same word for word (delivery is at least once); what the table
        and the listeners see is one terminal snapshot.
        """
        ends = {
            (name, orjson.dumps(body))
            for kind, name, body in self.follower.facts(job_id)
            if kind in TERMINAL_FACTS
        }
        assert len(ends) == 1, ends
        snapshots = self.follower.snapshots(job_id)
        last = [s for s in snapshots if s["status"] in TERMINAL]
        assert len({(s["version"], s["status"]) for s in last}) == 1, last
        assert snapshots[-1]["status"] in TERMINAL, snapshots
        versions = [s["version"] for s in snapshots]
        assert versions == sorted(versions), versions
        return snapshots[-1]

    def download(self, result: Mapping[str, Any]) -> Path:
        """The finished file on the local disk."""
        path = self.folder / f"{uuid.uuid4().hex}{Path(result['file_name']).suffix}"
        self.store.download(result["key"], path)
        return path

    def work_files(self) -> list[Path]:
        """What lies in the work folders; the locks that living workers hold beside theirs do not count."""
        while True:
            with suppress(FileNotFoundError):  # a folder that went while it was looked through
                return [path for path in self.temp.rglob("*") if path.is_file() and path.suffix != LOCK]

    def lag(self) -> int:
        """Messages on the stage topics that no worker has committed."""
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap, "group.id": self.kafka.group})
        try:
            names = [self.kafka.name(spec.name) for spec in TOPICS if spec.name in STAGE_TOPICS]
            places = [TopicPartition(name, p) for name in names for p in range(PARTITIONS)]
            behind = 0
            for place in consumer.committed(places, timeout=20):
                low, high = consumer.get_watermark_offsets(place, timeout=20)
                behind += high - max(low, place.offset)
            return behind
        finally:
            consumer.close()

    def wait_idle(self, timeout: float = PATIENCE_S) -> None:
        """Wait until everything on the stage topics is handled: no partition is blocked."""
        wait_until(lambda: self.lag() == 0, "all messages are handled", timeout, step=0.1)

    def close(self) -> None:
        """Stop following."""
        self.follower.close()
        self.jobs.close()

    def _story(self, job_id: str) -> str:
        facts = [name for _, name, _ in self.follower.facts(job_id)]
        logs = {path.name: path.read_text(errors="replace")[-1500:] for path in self.folder.glob("*.log")}
        return f"facts: {facts}; snapshots: {self.follower.snapshots(job_id)[-1:]}; logs: {logs}"


STAGE_TOPICS = ("export.requests", "export.render", "export.encode", "export.mix", "export.upload")
