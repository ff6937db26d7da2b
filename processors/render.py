"""render: rasterises the distinct layers of a chunk, draws a page, or writes a document."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.store.base import ObjectStore
from processors.bench import Bench
from processors.facts import failed, tell
from processors.layers import Layers, StoredLayers
from processors.plans import PlanCache, PlanView
from processors.sending import after_part, part_task
from processors.stage import Outgoing, TaskContext
from schemas import keys, topics
from schemas.errors import ExportError, InvalidInput
from schemas.facts import ChunkRendered
from schemas.messages import DocumentTask, Message, RenderTask, read_message
from schemas.parts import ROUTES, PicturePart

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

    def parse(self, type_name: str | None, version: str | None, value: bytes) -> RenderTask | DocumentTask:
        """A part to draw."""
        message: Any = read_message(type_name, version, value, RenderTask, DocumentTask)
        return message  # type: ignore[no-any-return]  # one of the accepted types

    def job_of(self, message: RenderTask | DocumentTask) -> tuple[str, str]:
        """The job that the task belongs to."""
        return message.job_id, message.tenant

    def handle(self, message: RenderTask | DocumentTask, context: TaskContext) -> Iterable[Outgoing]:
        """Draw what the store lacks, then hand the part on."""
        context.check()
        view = self._plans.get(message.plan_key)
        if isinstance(message, DocumentTask):
            raise InvalidInput("unknown_part", "The task is one of an older version.")
        plan, position = view.plan, message.position
        part = plan.part(position)
        if not self._store.exists(plan.place(position)):
            if isinstance(part, PicturePart):
                for layer in view.timeline.layers(part):
                    context.check()
                    self._draw(view, layer)
            else:
                bench = Bench(view, context.check, resources=self._resources)
                self._store.put(plan.place(position), view.maker.make(part, bench, check=context.check))
        rendered = ChunkRendered(
            job_id=message.job_id,
            tenant=message.tenant,
            at=context.now(),
            position=position,
            frames=part.work,
        )
        if len(ROUTES[part.kind]) > 1:
            return [part_task(plan, position, ROUTES[part.kind][1], again=message.again), tell(rendered)]
        return [*after_part(plan, position, again=message.again), tell(rendered)]

    def _draw(self, view: PlanView, layer: Layer) -> None:
        from renderers.drawing.raster import draw_layer

        key = keys.layer_key(view.plan.tenant, layer.key)
        if self._layers.exists(key):
            return
        project = view.subject.project
        resources = self._resources.of(view.plan.assets, project.fonts)
        self._layers.put(
            key, draw_layer(layer, project, view.timeline.canvas, resources.image, resources.fonts)
        )

    def on_failure(self, message: Message, error: ExportError, now: datetime) -> Iterable[Outgoing]:
        """The job fails: its picture cannot be drawn."""
        assert isinstance(message, RenderTask | DocumentTask)
        return [failed(message.job_id, message.tenant, "render", error, now)]
