"""Moments of projects as single pictures: without a plan, and from no other slides than the moment shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.store.base import ObjectStore
from processors.assets import AssetGatherer
from processors.plans import fingerprints, with_installed
from processors.resources import ResourcePool
from processors.stage import TaskContext
from schemas.limits import Limits
from schemas.project import Project, Slide, unsupported
from schemas.settings import ExportSettings

if TYPE_CHECKING:
    from renderers.composing.yuv import Plane


class Frames:
    """Draws frames of projects as exports to video show them."""

    def __init__(self, store: ObjectStore, assets: AssetGatherer, limits: Limits) -> None:
        self._assets = assets
        self._limits = limits
        self._resources = ResourcePool(store)

    def draw(
        self, project: Project, settings: ExportSettings, seconds: float, tenant: str, context: TaskContext
    ) -> Plane:
        """What is shown at `seconds`, (height, width, 4) uint8, opaque; the last frame from the end on.

        Raises InvalidInput for what is wrong with the project as a whole, or with the slides that are seen.
        """
        from renderers.timeline.timeline import Timeline

        whole = Timeline(project, settings, {}, self._limits)
        number = whole.frame_at(seconds)
        seen = _emptied(project, whole.slides_at(number))
        if (problem := unsupported(seen)) is not None:
            raise problem
        gathered = self._assets.gather(seen, tenant, {"image", "font"}, whole.canvas, context, whole=project)
        seen = with_installed(seen, gathered.installed)
        from renderers.composing.compose import (
            Compositor,  # as late as this: to be loaded while pictures are decoded
        )
        from renderers.drawing.raster import draw_layer

        timeline = Timeline(seen, settings, fingerprints(gathered.assets), self._limits)
        resources = self._resources.of(gathered.assets, seen.fonts)
        layers = timeline.frame_layers(number)
        drawn = {
            layer.key: draw_layer(layer, seen, timeline.canvas, resources.image, resources.fonts)
            for layer in layers
        }
        modes = {layer.key: layer.blend_mode for layer in layers}
        return Compositor(timeline.canvas, drawn, modes).rgba(timeline.state(number))


def _emptied(project: Project, seen: range) -> Project:
    """The project with nothing on the slides that are not seen. Times and paths stay as they are."""
    slides = tuple(
        slide if number in seen else Slide(id=slide.id, duration=slide.duration, transition=slide.transition)
        for number, slide in enumerate(project.slides)
    )
    return project.model_copy(update={"slides": slides})
