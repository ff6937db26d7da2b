"""The stream in memory: the real stages, messages as bytes between them, and a queue that a test controls."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson

from connectors.assets import AssetSource
from connectors.store.base import ObjectStore
from connectors.store.memory import MemoryStore
from processors.assets import AssetGatherer
from processors.documents import Documents, ProjectSource
from processors.encode import Encode
from processors.history import StoredProjectHistory
from processors.mix import Mix
from processors.plan import PlanStage
from processors.plans import PlanCache
from processors.render import Render
from processors.resources import ResourcePool
from processors.sound import Sound
from processors.sources import SoundReader
from processors.stage import Instead, Outgoing, Stage, TaskContext
from processors.upload import Upload
from renderers.foreign.decode import answer
from schemas import keys, topics
from schemas.errors import ExportError, InvalidInput
from schemas.facts import Completed, Fact, Failed, Planned
from schemas.lifecycle import Job, accept, fold
from schemas.limits import DEFAULT
from schemas.messages import DEFAULT_TENANT, ExportRequest, Message
from schemas.plan import Plan

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
TINY = {"width": 64, "height": 36, "fps": 24}
"""Settings of a picture that takes no time."""


class InProcessDecoder:
    """Decodes in this process: for files that the tests made themselves."""

    def of(self, tenant: str, seconds: float = math.inf) -> InProcessDecoder:
        """Everybody has all of it."""
        return self

    def run(self, job: Mapping[str, Any], check: Callable[[], None]) -> dict[str, Any]:
        """The decoder's answer to one job."""
        check()
        found = answer(orjson.dumps(job).decode())
        if not found.get("ok"):
            raise InvalidInput(found["code"], found["message"])
        return found


class Worker:
    """All stages over a store, with a memory of their own: what a process loses when it ends."""

    def __init__(
        self,
        store: ObjectStore,
        folder: Path,
        *,
        base: Path | None = None,
        source: ProjectSource | None = None,
        width: int = 3,
    ) -> None:
        plans = PlanCache(store)
        assets = AssetGatherer(store, AssetSource(store, base=base), InProcessDecoder(), DEFAULT, folder)
        stages: list[Stage[Any]] = [
            PlanStage(store, plans, Documents(store, source), assets, DEFAULT, width=width),
            Render(store, plans, ResourcePool(store)),
            Encode(store, plans),
            Sound(store, plans, SoundReader(store, InProcessDecoder(), folder)),
            Mix(store, plans, folder),
            Upload(store, plans, folder, StoredProjectHistory(store)),
        ]
        self.stages = {stage.topic: stage for stage in stages}


class Stream:
    """One store, one or more workers, and messages that wait to be handled."""

    def __init__(
        self, folder: Path, workers: int = 1, store: ObjectStore | None = None, **options: Any
    ) -> None:
        self.store = store or MemoryStore()
        self._folder = folder
        self._options = options
        self.workers = [self.worker() for _ in range(workers)]
        self.waiting: list[Outgoing] = []
        self.sent: list[Outgoing] = []
        self.ticks = 0

    def worker(self) -> Worker:
        """A worker that knows nothing yet."""
        return Worker(self.store, self._folder, **self._options)

    def now(self) -> datetime:
        """A clock that moves with each look."""
        self.ticks += 1
        return EPOCH + timedelta(milliseconds=self.ticks)

    def context(self, check: Callable[[], None] = lambda: None) -> TaskContext:
        """What a task may use; what it emits is published."""
        return TaskContext(check, self.publish, self.now)

    def publish(self, outgoing: Outgoing) -> None:
        """A message arrives on its topic."""
        self.sent.append(outgoing)
        if outgoing.topic not in (topics.PROGRESS, topics.STATUS):
            self.waiting.append(outgoing)

    def request(
        self, job_id: str, document: Mapping[str, Any], kind: str = "mp4", **fields: Any
    ) -> ExportRequest:
        """Ask for a tiny export of an inline project."""
        settings = TINY if kind == "mp4" else {}
        given: dict[str, Any] = {"settings": settings, "project": dict(document), **fields}
        return ExportRequest(job_id=job_id, format=kind, **given)

    def ask(self, request: ExportRequest) -> None:
        """Publish a request."""
        self.publish(Outgoing(topics.REQUESTS, request.job_id, request))

    def handle(self, outgoing: Outgoing, worker: Worker | None = None) -> list[Outgoing]:
        """Have a message handled once, as bytes, and publish what comes of it."""
        stage = (worker or self.workers[0]).stages[outgoing.topic]
        message = stage.parse(outgoing.message.TYPE, str(outgoing.message.VERSION), outgoing.message.encode())
        try:
            outputs = list(stage.handle(message, self.context()))
        except Instead as other:
            outputs = list(other.outputs)
        except ExportError as error:
            outputs = list(stage.on_failure(message, error, self.now()))
        for output in outputs:
            self.publish(output)
        return outputs

    def run(self) -> None:
        """Handle messages in their order until none is left."""
        while self.waiting:
            self.handle(self.waiting.pop(0))

    def run_wildly(self, random: Random, again: float = 0.3, forget: float = 0.05) -> None:
        """Handle messages in any order, by any worker, some of them again later; workers die in between."""
        budget = 400
        while self.waiting:
            outgoing = self.waiting.pop(random.randrange(len(self.waiting)))
            if random.random() < again and budget > 0:
                budget -= 1
                self.waiting.append(outgoing)
            if random.random() < forget:
                self.workers[random.randrange(len(self.workers))] = self.worker()
            self.handle(outgoing, random.choice(self.workers))

    def export(self, job_id: str, document: Mapping[str, Any], kind: str = "mp4", **fields: Any) -> Job:
        """Ask, run, and tell how it ended."""
        self.ask(self.request(job_id, document, kind, **fields))
        self.run()
        return self.job(job_id)

    def messages(self, job_id: str) -> list[Message]:
        """All that was published about a job, in order."""
        return [o.message for o in self.sent if getattr(o.message, "job_id", None) == job_id]

    def facts(self, job_id: str) -> list[Fact]:
        """The facts of a job, in order."""
        return [message for message in self.messages(job_id) if isinstance(message, Fact)]

    def tasks(self, job_id: str, kind: type[Message]) -> list[Any]:
        """The messages of one kind."""
        return [message for message in self.messages(job_id) if type(message) is kind]

    def job(self, job_id: str) -> Job:
        """The job as the projection would see it."""
        job: Job | None = None
        for message in self.messages(job_id):
            if isinstance(message, ExportRequest):
                job = accept(message, EPOCH) if job is None else fold(job, message, at=EPOCH)
            elif isinstance(message, Fact):
                job = fold(job, message)
        assert job is not None
        return job

    def completed(self, job_id: str) -> Completed:
        """The one way in which a job was said to be completed, however often."""
        ends = [fact for fact in self.facts(job_id) if isinstance(fact, Completed | Failed)]
        assert ends, "the job has no end"
        assert all(end == ends[0] for end in ends), ends
        assert isinstance(ends[0], Completed), ends[0]
        return ends[0]

    def planned(self, job_id: str) -> Planned:
        """What was told first about a plan."""
        return next(fact for fact in self.facts(job_id) if isinstance(fact, Planned))

    def plan(self, job_id: str, tenant: str = DEFAULT_TENANT) -> Plan:
        """The plan of a job."""
        return Plan.decode(self.store.get(keys.plan_key(tenant, job_id)))

    def file(self, job_id: str) -> bytes:
        """The finished file."""
        return self.store.get(self.completed(job_id).result.key)

    def keys(self, part: str) -> list[str]:
        """What lies in the store under a kind of key, such as "chunks"."""
        return [info.key for info in self.store.list(f"t/{DEFAULT_TENANT}/{part}/")]


def sha256(data: bytes) -> str:
    """In hex."""
    return hashlib.sha256(data).hexdigest()
