"""encode: composes the frames of a chunk from its layers and encodes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.store.base import ObjectStore
from processors.facts import failed, tell
from processors.layers import Layers, StoredLayers
from processors.plans import PlanCache, PlanView
from processors.stage import Outgoing, TaskContext
from schemas import keys, topics
from schemas.errors import ExportError, Missing
from schemas.facts import ChunkEncoded
from schemas.identity import task_key
from schemas.messages import ChunkDone, EncodeTask, RenderTask, read_message

if TYPE_CHECKING:
    from renderers.h264.video import EncodedChunk


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
        planned = view.plan.chunk(message.position)
        key = keys.chunk_key(message.tenant, planned.key)
        if not self._store.exists(key):
            try:
                encoded = self._encode(message, view, context)
            except Missing:
                # A layer was swept away in between: draw it again.
                return [self._render_task(message, message.position)]
            self._store.put(key, encoded.to_bytes())
        return [*self._next(message, view), *self._announce(message, planned.frames, context.now())]

    def _encode(self, message: EncodeTask, view: PlanView, context: TaskContext) -> EncodedChunk:
        from renderers.h264.chunks import encode_chunk

        chunk = view.chunk(message.position)
        drawn = view.timeline.layers(chunk)
        layers = {layer.key: self._layers.get(keys.layer_key(message.tenant, layer.key)) for layer in drawn}
        modes = {layer.key: layer.blend_mode for layer in drawn}
        states = view.states(chunk)
        return encode_chunk(view.video_spec, chunk, states, layers, modes, view.canvas, check=context.check)

    def _next(self, message: EncodeTask, view: PlanView) -> list[Outgoing]:
        position = message.position + view.plan.width
        if position >= len(view.plan.todo):
            return []
        return [self._render_task(message, position)]

    def _render_task(self, message: EncodeTask, position: int) -> Outgoing:
        task = RenderTask(
            job_id=message.job_id, tenant=message.tenant, plan_key=message.plan_key, position=position
        )
        return Outgoing(topics.RENDER, task_key(*message.ref, position), task)

    def _announce(self, message: EncodeTask, frames: int, now: datetime) -> list[Outgoing]:
        common: dict[str, Any] = {
            "job_id": message.job_id,
            "tenant": message.tenant,
            "position": message.position,
        }
        return [
            tell(ChunkEncoded(**common, at=now, frames=frames)),
            Outgoing(topics.MIX, str(message.ref), ChunkDone(**common, plan_key=message.plan_key)),
        ]

    def on_failure(self, message: EncodeTask, error: ExportError, now: datetime) -> Iterable[Outgoing]:
        """The job fails: a chunk cannot be encoded."""
        return [failed(message.job_id, message.tenant, "encode", error, now)]
