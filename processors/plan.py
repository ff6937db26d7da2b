"""plan: resolves a request into a plan and sends out the work that is not done yet.

The project is validated, its assets are fetched and decoded, the format outlines its parts; what the
store has already is left out. All that can be known to be wrong is said here, before work starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.store.base import ObjectStore
from processors.assets import AssetGatherer, Gathered
from processors.documents import Documents
from processors.facts import failed, tell
from processors.plans import PlanCache, with_installed
from processors.sending import join_task, part_task, upload_task
from processors.stage import Instead, Outgoing, TaskContext
from processors.turns import Turns
from renderers import ENGINE_VERSION, instructions
from schemas import keys, topics
from schemas.errors import ExportError, InvalidInput
from schemas.facts import Planned, PlanStarted
from schemas.formats import Format, format_named
from schemas.hashing import content_hash
from schemas.limits import Limits
from schemas.messages import ExportRequest, Message, read_message
from schemas.parts import ROUTES
from schemas.plan import OutputFile, Plan
from schemas.project import Project, parse_project
from schemas.settings import parse_settings
from schemas.stages import STAGES, StageName

if TYPE_CHECKING:
    from renderers.recipes.maker import Needs, Outline

EXISTS_AT_ONCE = 16
NAME_TOLD = 200
WARNING_TOLD = 400
WARNINGS_TOLD = 60
"""Characters of a project's name and of a warning, and warnings, that facts carry; the plan has all of it."""


class PlanStage:
    """The stage on `export.requests`."""

    name = "plan"
    topic = topics.REQUESTS
    unordered = True

    def __init__(
        self,
        store: ObjectStore,
        plans: PlanCache,
        documents: Documents,
        assets: AssetGatherer,
        limits: Limits,
        *,
        width: int = 8,
        concurrency: int = 6,
    ) -> None:
        self._store = store
        self._plans = plans
        self._documents = documents
        self._assets = assets
        self._limits = limits
        self._width = width
        self._turns = Turns()
        self.concurrency = concurrency

    def parse(self, type_name: str | None, version: str | None, value: bytes) -> ExportRequest:
        """A request, from the API or from any producer."""
        message: Any = read_message(type_name, version, value, ExportRequest)
        return message  # type: ignore[no-any-return]  # the accepted type

    def job_of(self, message: ExportRequest) -> tuple[str, str]:
        """The job that the request begins."""
        return message.job_id, message.tenant

    def handle(self, message: ExportRequest, context: TaskContext) -> Iterable[Outgoing]:
        """Plan once; a request that is delivered again finds the plan, and the result if there is one."""
        with self._turns.of(str(message.ref), context.check):
            return self._handle(message, context)

    def _handle(self, message: ExportRequest, context: TaskContext) -> Iterable[Outgoing]:
        context.check()
        plan_key = keys.plan_key(message.tenant, message.job_id)
        if self._store.exists(keys.manifest_key(message.tenant, message.job_id)):
            return [upload_task(self._plans.get(plan_key).plan)]
        if not self._is_planned(plan_key):
            context.emit(tell(PlanStarted(job_id=message.job_id, tenant=message.tenant, at=context.now())))
            plan = self._plan(message, context)
            context.check()
            # Positions are those of a plan: one that is there already, written by a worker that was thought
            # dead, must not be replaced by one that counts differently.
            if not self._is_planned(plan_key):
                self._store.put(plan_key, plan.encode(), content_type="application/json")
        plan = self._plans.get(plan_key).plan
        return [tell(planned(plan, context.now())), *self._first_tasks(plan)]

    def _is_planned(self, plan_key: str) -> bool:
        """True if there is a plan that this version can read."""
        try:
            self._plans.get(plan_key)
        except (InvalidInput, Instead):
            return False
        return True

    def _plan(self, request: ExportRequest, context: TaskContext) -> Plan:
        from renderers.recipes.maker import Subject, load

        format_ = format_named(request.format)
        if (other := request.settings.get("format", request.format)) != request.format:
            told = f"The request's format is {request.format!r}, not {str(other)[:40]!r}; leave it out here."
            raise InvalidInput("invalid_value", told, path="settings.format")
        settings = parse_settings({**request.settings, "format": request.format}, self._limits)
        document, project_key = self._documents.load(request)
        context.check()
        project = parse_project(document, self._limits)
        maker = load(format_.name)
        needs = maker.needs(project, settings, self._limits)
        gathered = self._gather(needs, project, request.tenant, context)
        seen = with_installed(needs.project, gathered.installed)
        subject = Subject(seen, project_key, gathered.assets, gathered.warnings, self._limits)
        outline = maker.outline(subject, settings, maker.timeline(subject, settings))
        files = _files(format_, maker.version, outline, request.tenant)
        decided = {
            "project_id": request.project_id or project.id,
            "width": request.width or self._width,
        }
        plan = Plan(
            job_id=request.job_id,
            tenant=request.tenant,
            **request.asked() | decided,
            project_key=project_key,
            project_name=project.name,
            stages=_stages(outline),
            assets=gathered.assets,
            fonts=gathered.fonts,
            installed_fonts=gathered.installed,
            parts=tuple(outline.parts),
            expected=outline.expected,
            files=files,
            joined=outline.joined,
            engine_version=ENGINE_VERSION,
            instructions=instructions.chosen().name,
            warnings=tuple(gathered.warnings),
        )
        return plan.model_copy(update={"todo": self._missing(plan)})

    def _gather(self, needs: Needs, project: Project, tenant: str, context: TaskContext) -> Gathered:
        if needs.as_they_are:
            return self._assets.fetch_only(needs.project, tenant, context)
        return self._assets.gather(needs.project, tenant, needs.kinds, needs.canvas, context, whole=project)

    def _missing(self, plan: Plan) -> tuple[int, ...]:
        """Positions of the distinct parts that the store lacks, of each kind the longest work first."""
        distinct: dict[str, int] = {}
        for position in range(len(plan.parts)):
            distinct.setdefault(plan.place(position), position)
        with ThreadPoolExecutor(EXISTS_AT_ONCE) as pool:
            found = pool.map(self._store.exists, distinct)
            missing = [
                position for position, there in zip(distinct.values(), found, strict=True) if not there
            ]
        kinds = tuple(ROUTES)
        return tuple(sorted(missing, key=lambda p: (kinds.index(plan.parts[p].kind), -plan.parts[p].work)))

    def _first_tasks(self, plan: Plan) -> list[Outgoing]:
        if all(self._store.exists(file.key) for file in plan.files):
            return [upload_task(plan, reused=True)]
        tasks = [
            part_task(plan, position) for kind in ROUTES for position in plan.of_kind(kind)[: plan.width]
        ]
        return tasks or [join_task(plan)]

    def on_failure(self, message: Message, error: ExportError, now: datetime) -> Iterable[Outgoing]:
        """The job fails: it cannot be planned."""
        assert isinstance(message, ExportRequest)
        return [failed(message.job_id, message.tenant, "plan", error, now)]


def _stages(outline: Outline) -> tuple[StageName, ...]:
    """Stages of these parts; a single part that is a file by itself needs no counting."""
    needed: set[StageName] = {"plan", "upload"}
    for part in outline.parts:
        needed.update(ROUTES[part.kind])
    if outline.joined or len(outline.parts) > 1:
        needed.add("mix")
    return tuple(stage for stage in STAGES if stage in needed)


def _files(format_: Format, version: str, outline: Outline, tenant: str) -> tuple[OutputFile, ...]:
    """The files of the result, each named by all that determines it."""
    extension, media_type = format_.extension, format_.media_type
    if outline.joined:
        named = [part.key for part in outline.parts]
        key = content_hash(format_.name, version, named, outline.identity, ENGINE_VERSION)
        place = keys.output_key(tenant, key, extension)
        return (OutputFile(name=f"file.{extension}", key=place, media_type=media_type),)
    return tuple(
        OutputFile(
            name=f"{getattr(part, 'name', 'file')}.{extension}",
            key=keys.output_key(tenant, content_hash(format_.name, version, part.key), extension),
            media_type=media_type,
        )
        for part in outline.parts
    )


def planned(plan: Plan, now: datetime) -> Planned:
    """The fact about a plan."""
    sounds = {part.key for part in plan.parts if part.kind == "sound"}
    others = {part.key for part in plan.parts if part.kind != "sound"}
    waiting = [plan.parts[position] for position in plan.todo]
    drawn = [part for part in waiting if part.kind != "sound"]
    return Planned(
        job_id=plan.job_id,
        tenant=plan.tenant,
        at=now,
        project_key=plan.project_key,
        project_name=plan.project_name and plan.project_name[:NAME_TOLD],
        stages=plan.stages,
        chunks=len(others),
        cached=len(others) - len(drawn),
        frames=sum(part.work for part in drawn),
        sounds=len(sounds),
        sounds_cached=len(sounds) - (len(waiting) - len(drawn)),
        duration=plan.expected.duration,
        warnings=_told(plan.warnings),
    )


def _told(warnings: Sequence[str]) -> tuple[str, ...]:
    """The warnings that travel in facts and snapshots: a job may have one for each of a thousand assets."""
    told = [text if len(text) <= WARNING_TOLD else f"{text[: WARNING_TOLD - 1]}…" for text in warnings]
    more = len(told) - WARNINGS_TOLD
    return (*told[:WARNINGS_TOLD], f"… and {more} more.") if more > 0 else tuple(told)
