"""Moments of projects as single pictures: without a plan, and from no other slides than the moment shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.store.base import ObjectStore
from processors.assets import AssetGatherer
from processors.plans import with_installed
from processors.resources import ResourcePool, Resources
from processors.stage import TaskContext
from schemas.limits import Limits
from schemas.project import Project, unsupported
from schemas.settings import FilmSettings

if TYPE_CHECKING:
    from renderers.composing.yuv import Plane
    from renderers.timeline.timeline import Timeline


class Frames:
    """Draws frames of projects as exports to video show them."""

    def __init__(self, store: ObjectStore, assets: AssetGatherer, limits: Limits) -> None:
        self._assets = assets
        self._limits = limits
        self._resources = ResourcePool(store)

    def draw(
        self, project: Project, settings: FilmSettings, seconds: float, tenant: str, context: TaskContext
    ) -> Plane:
        """Picture at `seconds`, (height, width, 4) uint8, opaque; the last frame from the end on.

        Raises InvalidInput for what is wrong with the project as a whole, or with the slides that are seen.
        """
        from renderers.recipes.maker import Subject
        from renderers.recipes.pages import emptied
        from renderers.timeline.timeline import Timeline, canvas

        picture = canvas(project, settings, self._limits)
        whole = Timeline(project, picture, settings.fps, {})
        number = whole.frame_at(seconds)
        seen = emptied(project, whole.slides_at(number))
        if (problem := unsupported(seen)) is not None:
            raise problem
        gathered = self._assets.gather(seen, tenant, {"image", "font"}, picture, context, whole=project)
        seen = with_installed(seen, gathered.installed)
        subject = Subject(seen, "", gathered.assets, gathered.warnings, self._limits)
        timeline = Timeline(seen, picture, settings.fps, subject.fingerprints)
        return draw_frame(timeline, number, seen, self._resources.of(gathered.assets, seen.fonts))


def draw_frame(timeline: Timeline, number: int, project: Project, resources: Resources) -> Plane:
    """A frame of a timeline as one picture, (height, width, 4) uint8, opaque."""
    from renderers.composing.compose import Compositor  # as late as this: loaded while pictures are decoded
    from renderers.drawing.raster import draw_layer

    layers = timeline.frame_layers(number)
    drawn = {
        layer.key: draw_layer(layer, project, timeline.canvas, resources.image, resources.fonts)
        for layer in layers
    }
    modes = {layer.key: layer.blend_mode for layer in layers}
    return Compositor(timeline.canvas, drawn, modes).rgba(timeline.state(number))
