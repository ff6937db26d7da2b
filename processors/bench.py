"""Workbench of a stage: the plan, drawn layers, fonts, images, sounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from processors.layers import Layers
from processors.plans import PlanView
from processors.resources import ResourcePool
from processors.sources import SoundReader
from schemas import keys
from schemas.plan import Asset
from schemas.settings import ExportSettings

if TYPE_CHECKING:
    from renderers.recipes.maker import Check, Subject
    from renderers.sound.aac import Samples
    from renderers.stored.pixels import Pixels
    from renderers.timeline.scene import LayerPixels
    from renderers.timeline.timeline import Timeline


class Bench:
    """A workbench for one part (`renderers.recipes.maker.Workbench`). A stage gives what its parts need."""

    def __init__(
        self,
        view: PlanView,
        check: Check,
        *,
        layers: Layers | None = None,
        resources: ResourcePool | None = None,
        sounds: SoundReader | None = None,
    ) -> None:
        self._view = view
        self._check = check
        self._layers = layers
        self._resources = resources
        self._sounds = sounds

    @property
    def subject(self) -> Subject:
        """The project and its assets."""
        return self._view.subject

    @property
    def settings(self) -> ExportSettings:
        """Settings of the request."""
        return self._view.settings

    @property
    def timeline(self) -> Timeline:
        """Frames, states and layers."""
        return self._view.timeline

    @property
    def document(self) -> bytes:
        """The project document as it was stored."""
        return self._view.document

    def drawn(self, names: Iterable[str]) -> Mapping[str, LayerPixels]:
        """The layers that `render` has drawn. Raises Missing for one that was swept away."""
        assert self._layers is not None
        tenant = self._view.plan.tenant
        return {name: self._layers.get(keys.layer_key(tenant, name)) for name in names}

    def picture(self, frame: int) -> Pixels:
        """Picture of a frame, (height, width, 4) uint8, opaque."""
        from processors.frames import draw_frame

        assert self._resources is not None
        plan = self._view.plan
        resources = self._resources.of(plan.assets, self.subject.project.fonts)
        return draw_frame(self.timeline, frame, self.subject.project, resources)

    def heard(self, src: str, first: int, count: int, /) -> Samples:
        """Samples of a sound. Raises Missing for one that was swept away."""
        assert self._sounds is not None
        return self._sounds.read(self._heard[src], first, count, self._check)

    @cached_property
    def _heard(self) -> dict[str, Asset]:
        return {asset.src: asset for asset in self._view.plan.assets if asset.kind == "audio"}
