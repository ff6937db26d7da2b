"""Plans as the stages read them: loaded once, with the project and its timeline built on demand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from connectors.store.base import ObjectStore
from schemas.errors import InvalidInput, Missing
from schemas.limits import DEFAULT, Limits
from schemas.plan import Asset, Plan, PlannedChunk
from schemas.project import InstalledFont, Project, parse_project
from schemas.settings import ExportSettings, parse_settings

if TYPE_CHECKING:
    from renderers.h264.video import VideoSpec
    from renderers.timeline.scene import Canvas, State
    from renderers.timeline.timeline import Chunk, Timeline


class PlanView:
    """A plan with what follows from it: the project, its settings, its timeline."""

    def __init__(self, plan: Plan, load_project: Callable[[], bytes], limits: Limits) -> None:
        self.plan = plan
        self._limits = limits
        self._load_project = load_project

    @cached_property
    def project_bytes(self) -> bytes:
        """The document as it was stored."""
        try:
            return self._load_project()
        except Missing as error:
            raise InvalidInput(
                "project_expired", "The export's project document was removed before it was finished."
            ) from error

    @cached_property
    def project(self) -> Project:
        """The document, validated: it was when it was planned; with the fonts that were found for it."""
        return with_installed(parse_project(self.project_bytes, self._limits), self.plan.installed_fonts)

    @cached_property
    def settings(self) -> ExportSettings:
        """What the request asked for, with defaults filled in."""
        return parse_settings({"format": self.plan.format, **self.plan.settings})

    @cached_property
    def timeline(self) -> Timeline:
        """Frames, states and layers."""
        from renderers.timeline.timeline import Timeline

        return Timeline(self.project, self.settings, self.fingerprints, self._limits)

    @cached_property
    def canvas(self) -> Canvas:
        """The output picture."""
        return self.timeline.canvas

    @cached_property
    def video_spec(self) -> VideoSpec:
        """How pictures are encoded."""
        return video_spec(self.settings, self.canvas)

    @property
    def fingerprints(self) -> dict[str, str]:
        """What stands for each asset in content keys."""
        return fingerprints(self.plan.assets)

    def chunk(self, position: int) -> Chunk:
        """The chunk at `position` of the missing ones, as the timeline speaks of it."""
        return timeline_chunk(self.plan.chunk(position))

    def states(self, chunk: Chunk) -> list[State]:
        """The state of each frame of a chunk that is encoded."""
        return [self.timeline.state(n) for n in range(chunk.first_frame, chunk.first_frame + chunk.frames)]


def with_installed(project: Project, fonts: Sequence[InstalledFont]) -> Project:
    """The project as if it brought along the fonts that it only names."""
    return project.model_copy(update={"fonts": (*project.fonts, *fonts)}) if fonts else project


def fingerprints(assets: Iterable[Asset]) -> dict[str, str]:
    """What stands for the bytes of assets, by source, in content keys."""
    return {asset.src: asset.fingerprint for asset in assets}


def timeline_chunk(planned: PlannedChunk) -> Chunk:
    """A planned chunk in the timeline's own words."""
    from renderers.timeline.timeline import Chunk

    return Chunk(**planned.model_dump())


def video_spec(settings: ExportSettings, canvas: Canvas) -> VideoSpec:
    """How the pictures of an export are encoded."""
    from renderers.h264.video import VideoSpec

    return VideoSpec(
        width=canvas.width,
        height=canvas.height,
        fps=settings.fps,
        codec=settings.codec,
        max_bitrate=settings.bitrate,
    )


class PlanCache:
    """The plans that a process works on, newest kept; safe for threads."""

    def __init__(self, store: ObjectStore, limits: Limits = DEFAULT, size: int = 16) -> None:
        self._store = store
        self._limits = limits
        self._size = size
        self._views: OrderedDict[str, PlanView] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> PlanView:
        """The plan at `key`; raises InvalidInput when it was swept away."""
        with self._lock:
            if (view := self._views.get(key)) is not None:
                self._views.move_to_end(key)
                return view
        try:
            plan = Plan.decode(self._store.get(key))
        except Missing as error:
            raise InvalidInput(
                "plan_expired", "The export's plan was removed before it was finished."
            ) from error
        view = PlanView(plan, lambda: self._store.get(plan.project_key), self._limits)
        with self._lock:
            view = self._views.setdefault(key, view)
            while len(self._views) > self._size:
                self._views.popitem(last=False)
        return view
