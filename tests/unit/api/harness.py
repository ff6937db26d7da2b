"""The API over adapters in memory and SQLite, called through ASGI, with a stream that is a list."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from connectors.jobs import Jobs
from connectors.store.memory import MemoryStore
from producer_api.app import create_app
from producer_api.dialect import Dialect
from producer_api.dialects import DIALECTS
from producer_api.ports import Services
from schemas.errors import Unavailable
from schemas.facts import Completed, Fact, Failed, Planned, PlanStarted, Problem, Result
from schemas.identity import JobRef
from schemas.lifecycle import Job, fold
from schemas.messages import DEFAULT_TENANT, Message

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
FILE = bytes(range(256)) * 40
SHA256 = "ab" * 32


@dataclass
class Stream:
    """A stream that keeps what is published, or is away."""

    messages: list[tuple[str, str, Message]] = field(default_factory=list)
    away: bool = False

    def publish(self, topic: str, key: str, message: Message) -> None:
        """Keep a message."""
        if self.away:
            raise Unavailable("broker_unavailable", "The Kafka broker does not answer.")
        self.messages.append((topic, key, message))

    def on(self, topic: str) -> list[Message]:
        """What was published to a topic."""
        return [message for name, _, message in self.messages if name == topic]


class Clock:
    """A clock that goes a second further each time somebody looks."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """The next second."""
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class World:
    """An API and everything around it."""

    app: FastAPI
    services: Services
    jobs: Jobs
    store: MemoryStore
    stream: Stream
    runner: asyncio.Runner
    client: httpx.AsyncClient

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One call."""
        return self.runner.run(self.client.request(method, path, **more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        """GET."""
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        """POST."""
        return self.request("POST", path, **more)

    def together(self, calls: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
        """Several calls at once."""

        async def all_of_them() -> list[httpx.Response]:
            return await asyncio.gather(*(self.client.request(m, path, **more) for m, path, more in calls))

        return self.runner.run(all_of_them())

    def tell(self, job_id: str, *facts: Fact) -> Job:
        """Fold facts into the job's row, as the projection does."""
        job = self.jobs.get(JobRef(DEFAULT_TENANT, job_id))
        assert job is not None
        for fact in facts:
            job = fold(job, fact)
        self.jobs.upsert([job])
        return job

    def complete(self, job_id: str, file_name: str = "Launch.mp4", data: bytes = FILE) -> Job:
        """Let a job complete with a file of `data`."""
        self.store.put(f"t/default/exports/{job_id}/file.mp4", data)
        self.store.put(f"t/default/exports/{job_id}/manifest.json", b'{"chunks":[]}')
        return self.tell(job_id, *facts_until_done(job_id, file_name, len(data)))


def facts_until_done(job_id: str, file_name: str = "Launch.mp4", size: int = len(FILE)) -> list[Fact]:
    """The facts of a job that completes."""
    common: dict[str, Any] = {"job_id": job_id, "tenant": "default", "at": NOW + timedelta(minutes=1)}
    result = Result(
        key=f"t/default/exports/{job_id}/file.mp4",
        file_name=file_name,
        content_type="video/mp4",
        size=size,
        sha256=SHA256,
        duration=60.5,
        video_id="0b9d9a52-6f3e-4f0f-9f59-2f6a1d7f8b11",
        manifest_key=f"t/default/exports/{job_id}/manifest.json",
    )
    planned = Planned(**common, project_key="t/default/documents/x.json", chunks=4, frames=100, duration=60.5)
    return [PlanStarted(**common), planned, Completed(**common, result=result)]


def failed(job_id: str) -> Failed:
    """The fact that ends a job whose project cannot be exported."""
    problem = Problem(
        code="asset_not_found", message="There is no photo.jpg.", path="slides[0].elements[1].src"
    )
    return Failed(job_id=job_id, tenant="default", at=NOW + timedelta(minutes=1), error=problem)


@contextmanager
def world(folder: Path, dialects: Sequence[Dialect] = DIALECTS, **more: Any) -> Iterator[World]:
    """A fresh API; `more` goes to its Services."""
    jobs = Jobs(str(folder / "jobs.db"))
    jobs.migrate()
    store, stream = MemoryStore(), Stream()
    given = {"clock": Clock(), "registry": CollectorRegistry(), "heartbeat": 0.05, **more}
    services = Services(**{"jobs": jobs, "store": store, "publisher": stream, **given})
    app = create_app(services, dialects)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with asyncio.Runner() as runner:
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        client = httpx.AsyncClient(transport=transport, base_url="http://api")
        try:
            yield World(app, services, jobs, store, stream, runner, client)
        finally:
            runner.run(client.aclose())
            runner.run(lifespan.__aexit__(None, None, None))
            jobs.close()
