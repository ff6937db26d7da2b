"""render: rasterises the distinct layers of a chunk, or writes a document that needs no pictures."""

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
from schemas.errors import ExportError
from schemas.facts import ChunkRendered
from schemas.identity import task_key
from schemas.messages import DrawTask, EncodeTask, Message, RenderTask, UploadTask, read_message

if TYPE_CHECKING:
    from processors.resources import ResourcePool
    from renderers.timeline.scene import Layer


class Render:
    """The stage on `export.render`."""

    name = "render"
    topic = topics.RENDER
    unordered = False

    def __init__(
        self,
        store: ObjectStore,
        plans: PlanCache,
        resources: ResourcePool,
        concurrency: int = 1,
        layers: Layers | None = None,
    ) -> None:
        self._store = store
        self._layers = layers or StoredLayers(store)
        self._plans = plans
        self._resources = resources
        self.concurrency = concurrency

    def parse(self, type_name: str | None, version: str | None, value: bytes) -> RenderTask | DrawTask:
        """A chunk to draw, or a document to write."""
        message: Any = read_message(type_name, version, value, RenderTask, DrawTask)
        return message  # type: ignore[no-any-return]  # one of the accepted types

    def job_of(self, message: RenderTask | DrawTask) -> tuple[str, str]:
        """The job that the task belongs to."""
        return message.job_id, message.tenant

    def handle(self, message: RenderTask | DrawTask, context: TaskContext) -> Iterable[Outgoing]:
        """Draw what the store lacks, then hand the chunk to encode."""
        context.check()
        view = self._plans.get(message.plan_key)
        if isinstance(message, DrawTask):
            return [self._document(message, view)]
        planned = view.plan.chunk(message.position)
        if not self._store.exists(keys.chunk_key(message.tenant, planned.key)):
            for layer in view.timeline.layers(view.chunk(message.position)):
                context.check()
                self._draw(message.tenant, view, layer)
        rendered = ChunkRendered(
            job_id=message.job_id,
            tenant=message.tenant,
            at=context.now(),
            position=message.position,
            frames=planned.frames,
        )
        task = EncodeTask(**_task_fields(message))
        return [Outgoing(topics.ENCODE, task_key(*message.ref, message.position), task), tell(rendered)]

    def _draw(self, tenant: str, view: PlanView, layer: Layer) -> None:
        from renderers.drawing.raster import draw_layer

        key = keys.layer_key(tenant, layer.key)
        if self._layers.exists(key):
            return
        resources = self._resources.of(view.plan.assets, view.project.fonts)
        pixels = draw_layer(layer, view.project, view.canvas, resources.image, resources.fonts)
        self._layers.put(key, pixels)

    def _document(self, message: DrawTask, view: PlanView) -> Outgoing:
        from renderers.formats.archive import project_archive

        plan = view.plan
        archive = project_archive(view.project_bytes, plan.assets, plan.warnings)
        self._store.put(plan.output_key, archive, content_type="application/json")
        task = UploadTask(
            job_id=message.job_id,
            tenant=message.tenant,
            plan_key=message.plan_key,
            output_key=plan.output_key,
        )
        return Outgoing(topics.UPLOAD, str(message.ref), task)

    def on_failure(self, message: Message, error: ExportError, now: datetime) -> Iterable[Outgoing]:
        """The job fails: its picture cannot be drawn."""
        assert isinstance(message, RenderTask | DrawTask)
        return [failed(message.job_id, message.tenant, "render", error, now)]


def _task_fields(message: RenderTask) -> dict[str, Any]:
    return {name: getattr(message, name) for name in ("job_id", "tenant", "plan_key", "position")}
