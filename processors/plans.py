"""Plans as the stages read them: loaded once, with the project and its timeline built on demand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from connectors.store.base import ObjectStore
from processors.stage import Instead, Outgoing
from schemas import topics
from schemas.errors import InvalidInput, Missing
from schemas.limits import DEFAULT, Limits
from schemas.messages import Asked, ExportRequest
from schemas.plan import Plan
from schemas.project import InstalledFont, Project, parse_project
from schemas.settings import ExportSettings, parse_settings

if TYPE_CHECKING:
    from renderers.recipes.maker import Maker, Subject
    from renderers.timeline.timeline import Timeline


class PlanView:
    """A plan with what follows from it: the format's maker, the project as it is seen, the timeline."""

    def __init__(self, plan: Plan, load_project: Callable[[], bytes], limits: Limits) -> None:
        self.plan = plan
        self._limits = limits
        self._load_project = load_project

    @cached_property
    def document(self) -> bytes:
        """The document as it was stored."""
        try:
            return self._load_project()
        except Missing as error:
            raise InvalidInput(
                "project_expired", "The export's project document was removed before it was finished."
            ) from error

    @cached_property
    def settings(self) -> ExportSettings:
        """Settings of the request, with defaults filled in."""
        return parse_settings({**self.plan.settings, "format": self.plan.format})

    @cached_property
    def maker(self) -> Maker[Any]:
        """The format."""
        from renderers.recipes.maker import load

        return load(self.plan.format)

    @cached_property
    def subject(self) -> Subject:
        """The project and its assets, as they were when planned."""
        from renderers.recipes.maker import Subject

        project = parse_project(self.document, self._limits)
        seen = self.maker.needs(project, self.settings, self._limits).project
        plan = self.plan
        seen = with_installed(seen, plan.installed_fonts)
        return Subject(seen, plan.project_key, plan.assets, plan.warnings, self._limits)

    @cached_property
    def timeline(self) -> Timeline:
        """Frames, states and layers, of a format that has a picture."""
        timeline = self.maker.timeline(self.subject, self.settings)
        assert timeline is not None, "only formats with a picture ask"
        return timeline


def with_installed(project: Project, fonts: Sequence[InstalledFont]) -> Project:
    """The project as if it brought along the fonts that it only names."""
    return project.model_copy(update={"fonts": (*project.fonts, *fonts)}) if fonts else project


class PlanCache:
    """The plans that a process works on, newest kept; safe for threads."""

    def __init__(self, store: ObjectStore, limits: Limits = DEFAULT, size: int = 16) -> None:
        self._store = store
        self._limits = limits
        self._size = size
        self._views: OrderedDict[str, PlanView] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> PlanView:
        """The plan at `key`.

        Raises InvalidInput when it was swept away, Instead when an older version wrote it.
        """
        with self._lock:
            if (view := self._views.get(key)) is not None:
                self._views.move_to_end(key)
                return view
        try:
            data = self._store.get(key)
        except Missing as error:
            raise InvalidInput(
                "plan_expired", "The export's plan was removed before it was finished."
            ) from error
        if (request := asked_by_old(data)) is not None:
            raise Instead([Outgoing(topics.REQUESTS, str(request.ref), request)])
        plan = Plan.decode(data)
        view = PlanView(plan, lambda: self._store.get(plan.project_key), self._limits)
        with self._lock:
            view = self._views.setdefault(key, view)
            while len(self._views) > self._size:
                self._views.popitem(last=False)
        return view


def asked_by_old(data: bytes) -> ExportRequest | None:
    """The request behind a plan of version 1, which knew chunks and no parts, so that it is planned again."""
    raw = orjson.loads(data)
    if "parts" in raw:
        return None
    named = {"job_id", "tenant", "project_key", *Asked.model_fields} - {"project_ref"}
    return ExportRequest(**{name: raw[name] for name in named if name in raw}, source="upgrade")
