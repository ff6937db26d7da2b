"""Ports of the API: interfaces to its surroundings, wired in exportstream/wiring.py."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from prometheus_client import REGISTRY, CollectorRegistry

from connectors.jobs import JobFilter, JobPage
from connectors.store.base import ObjectStore
from producer_api.live.hub import StatusHub
from schemas.identity import JobRef
from schemas.lifecycle import Job
from schemas.limits import DEFAULT, Limits
from schemas.messages import Message

Check = Callable[[], str | None]
"""Returns a sentence about a healthy service, or None; raises ExportError otherwise. May block."""


class JobTable(Protocol):
    """The job table (connectors.jobs.Jobs). All methods block and raise Unavailable."""

    def ping(self) -> None:
        """Return when the database answers."""

    def insert_if_absent(self, job: Job) -> bool:
        """Write a new job; False when its id is taken."""

    def get(self, ref: JobRef) -> Job | None:
        """One job."""

    def list(
        self, tenant: str, wanted: JobFilter = ..., *, cursor: str | None = None, limit: int = 50
    ) -> JobPage:
        """One page of a tenant's jobs, newest first."""


class Publisher(Protocol):
    """Publishes messages to the stream (producer_api.publishing.StreamPublisher)."""

    def publish(self, topic: str, key: str, message: Message) -> None:
        """Block until the broker has it. Raises Unavailable, or InvalidInput for a message too large."""


@dataclass(frozen=True)
class Services:
    """Everything behind the API.

    feed: snapshots read from `export.status`. api_keys: key to tenant; empty means one tenant and no
    keys. checks: what `/ready` asks besides the job table, by name. presign_seconds: when set, files
    are handed out by the store itself where it can, by an address good for so long. heartbeat: seconds
    between signs of life on an idle event stream. temp_dir: where uploads are collected.
    """

    jobs: JobTable
    store: ObjectStore
    publisher: Publisher
    feed: StatusHub = field(default_factory=StatusHub)
    api_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    limits: Limits = DEFAULT
    checks: Mapping[str, Check] = field(default_factory=dict)
    registry: CollectorRegistry = REGISTRY
    presign_seconds: int | None = None
    heartbeat: float = 15.0
    check_seconds: float = 3.0
    temp_dir: Path | None = None
