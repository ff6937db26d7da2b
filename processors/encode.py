"""encode: composes the frames of a chunk from its layers and encodes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from connectors.store.base import ObjectStore
from processors.bench import Bench
from processors.facts import failed, tell
from processors.layers import Layers, StoredLayers
from processors.plans import PlanCache
from processors.sending import after_part, part_task
from processors.stage import Outgoing, TaskContext
from schemas import topics
from schemas.errors import ExportError, Missing
from schemas.facts import ChunkEncoded
from schemas.messages import EncodeTask, read_message


class Encode:
    """The stage on `export.encode`."""

    name = "encode"
    topic = topics.ENCODE
    unordered = True  # chunks need no order: all of a process's cores work, however few its partitions

    def __init__(
        self, store: ObjectStore, plans: PlanCache, concurrency: int = 1, layers: Layers | None = None
    ) -> None:
        self._store = store
        self._layers = layers or StoredLayers(store)
        self._plans = plans
        self.concurrency = concurrency

    def parse(self, type_name: str | None, version: str | None, value: bytes) -> EncodeTask:
        """A chunk to encode."""
        message: Any = read_message(type_name, version, value, EncodeTask)
        return message  # type: ignore[no-any-return]  # the accepted type

    def job_of(self, message: EncodeTask) -> tuple[str, str]:
        """The job that the chunk belongs to."""
        return message.job_id, message.tenant

    def handle(self, message: EncodeTask, context: TaskContext) -> Iterable[Outgoing]:
        """Encode the chunk unless it is there, announce it, and send the one that is `width` further on."""
        context.check()
        view = self._plans.get(message.plan_key)
        plan, position = view.plan, message.position
        part = plan.part(position)
        key = plan.place(position)
        if not self._store.exists(key):
            bench = Bench(view, context.check, layers=self._layers)
            try:
                encoded = view.maker.make(part, bench, check=context.check)
            except Missing:
                # A layer was swept away in between: draw it again.
                return [part_task(plan, position, again=message.again)]
            self._store.put(key, encoded)
        done = ChunkEncoded(
            job_id=message.job_id,
            tenant=message.tenant,
            at=context.now(),
            position=position,
            frames=part.work,
        )
        return [tell(done), *after_part(plan, position, again=message.again)]

    def on_failure(self, message: EncodeTask, error: ExportError, now: datetime) -> Iterable[Outgoing]:
        """The job fails: a chunk cannot be encoded."""
        return [failed(message.job_id, message.tenant, "encode", error, now)]
