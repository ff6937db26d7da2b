"""plan: resolves a request into a plan and sends out the work that nobody did before.

The project is validated, its assets are fetched and decoded, the timeline is cut into chunks; what
the store has already is left out. All that can be known to be wrong is said here, before work starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.store.base import ObjectStore
from processors.assets import AssetGatherer
from processors.documents import Documents
from processors.facts import failed, tell
from processors.plans import PlanCache, fingerprints, video_spec, with_installed
from processors.sound import sound_place, sound_spec
from processors.stage import Outgoing, TaskContext
from processors.turns import Turns
from renderers import ENGINE_VERSION
from schemas import keys, topics
from schemas.errors import ExportError, InvalidInput
from schemas.facts import Planned, PlanStarted
from schemas.hashing import content_hash
from schemas.limits import Limits
from schemas.messages import (
    DrawTask,
    ExportRequest,
    JoinTask,
    Message,
    RenderTask,
    SoundTask,
    UploadTask,
    read_message,
)
from schemas.plan import Plan, PlannedChunk
from schemas.project import Project, parse_project, unsupported
from schemas.settings import ExportSettings, parse_settings
from schemas.stages import STAGES_OF

if TYPE_CHECKING:
    from renderers.timeline.timeline import Timeline

EXISTS_AT_ONCE = 16
NAME_TOLD = 200
WARNING_TOLD = 400
WARNINGS_TOLD = 60
"""Characters of a project's name and of a warning, and warnings, that facts carry; the plan has all of it."""


class Inputs(NamedTuple):
    """A request as plan understands it."""

    request: ExportRequest
    project: Project
    project_key: str
    settings: ExportSettings


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
        concurrency: int = 4,
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
        """A request, whoever published it."""
        message: Any = read_message(type_name, version, value, ExportRequest)
        return message  # type: ignore[no-any-return]  # the accepted type

    def job_of(self, message: ExportRequest) -> tuple[str, str]:
        """The job that the request begins."""
        return message.job_id, message.tenant

    def handle(self, message: ExportRequest, context: TaskContext) -> Iterable[Outgoing]:
        """Plan once; a request that is delivered again finds the plan, and the result if there is one."""
        with self._turns.of(f"{message.tenant}/{message.job_id}", context.check):
            return self._handle(message, context)

    def _handle(self, message: ExportRequest, context: TaskContext) -> Iterable[Outgoing]:
        context.check()
        plan_key = keys.plan_key(message.tenant, message.job_id)
        if self._store.exists(keys.manifest_key(message.tenant, message.job_id)):
            return [_upload(message, plan_key, self._plans.get(plan_key).plan, reused=False)]
        if not self._store.exists(plan_key):
            context.emit(tell(PlanStarted(job_id=message.job_id, tenant=message.tenant, at=context.now())))
            plan = self._plan(message, context)
            context.check()
            # Tasks count along a plan: one that is there already, written by a worker that was thought
            # dead, must not be replaced by one that counts differently.
            if not self._store.exists(plan_key):
                self._store.put(plan_key, plan.encode(), content_type="application/json")
        plan = self._plans.get(plan_key).plan
        return [tell(planned(plan, context.now())), *self._first_tasks(message, plan_key, plan)]

    def _plan(self, request: ExportRequest, context: TaskContext) -> Plan:
        settings = parse_settings({"format": request.format, **request.settings})
        document, project_key = self._documents.load(request)
        context.check()
        inputs = Inputs(request, parse_project(document, self._limits), project_key, settings)
        match settings.format:
            case "mp4":
                return self._plan_video(inputs, context)
            case "mp3":
                return self._plan_sound(inputs, context)
            case "json":
                return self._plan_document(inputs, context)
        raise InvalidInput("unsupported_format", f"{settings.format!r} is not supported yet.", path="format")

    def _plan_video(self, inputs: Inputs, context: TaskContext) -> Plan:
        from renderers.timeline.timeline import Timeline, canvas

        project, settings, tenant = inputs.project, inputs.settings, inputs.request.tenant
        if (problem := unsupported(project)) is not None:
            raise problem
        if not project.slides:
            raise InvalidInput("no_slides", "A video needs at least one slide.", path="slides")
        with_sound = settings.include_audio and bool(project.audio)
        kinds = {"image", "font"} | ({"audio"} if with_sound else set())
        picture = canvas(project, settings, self._limits)
        gathered = self._assets.gather(project, tenant, kinds, picture, context)
        assets = gathered.assets
        project = with_installed(project, gathered.installed)
        timeline = Timeline(project, settings, fingerprints(assets), self._limits)
        spec = video_spec(settings, picture)
        chunks = planned_chunks(timeline, spec.cache_fields())
        sound = sound_spec(project, assets, settings, timeline.seconds) if with_sound else None
        sound_hash = content_hash("sound", sound.canonical(), ENGINE_VERSION) if sound else None
        parts = [(c.key, c.hold, c.lead) for c in chunks]
        output = content_hash("mp4", parts, sound_hash, spec.cache_fields(), ENGINE_VERSION)
        return Plan(
            **self._common(inputs, "mp4", keys.output_key(tenant, output, "mp4")),
            assets=assets,
            fonts=gathered.fonts,
            installed_fonts=gathered.installed,
            chunks=tuple(chunks),
            todo=self._missing(tenant, chunks),
            total_frames=timeline.total_frames,
            fps=settings.fps,
            picture_width=picture.width,
            picture_height=picture.height,
            duration=float(timeline.seconds),
            sound_hash=sound_hash,
            warnings=tuple(gathered.warnings),
        )

    def _plan_sound(self, inputs: Inputs, context: TaskContext) -> Plan:
        project, settings, tenant = inputs.project, inputs.settings, inputs.request.tenant
        if not project.audio:
            raise InvalidInput("no_sound", "An MP3 needs at least one audio track.", path="audio")
        assets = self._assets.gather(project, tenant, {"audio"}, None, context).assets
        sound = sound_spec(project, assets, settings, None)
        sound_hash = content_hash("mp3", sound.canonical(), ENGINE_VERSION)
        return Plan(
            **self._common(inputs, "mp3", keys.output_key(tenant, sound_hash, "mp3")),
            assets=assets,
            duration=float(sound.seconds),
            sound_hash=sound_hash,
        )

    def _plan_document(self, inputs: Inputs, context: TaskContext) -> Plan:
        tenant = inputs.request.tenant
        gathered = self._assets.fetch_only(inputs.project, tenant, context)
        named = [(a.src, a.sha256) for a in gathered.assets]
        output = content_hash("json", inputs.project_key, named, gathered.warnings, ENGINE_VERSION)
        return Plan(
            **self._common(inputs, "json", keys.output_key(tenant, output, "json")),
            assets=gathered.assets,
            warnings=tuple(gathered.warnings),
        )

    def _common(self, inputs: Inputs, extension: str, output_key: str) -> dict[str, Any]:
        request = inputs.request
        return {
            "job_id": request.job_id,
            "tenant": request.tenant,
            "format": inputs.settings.format,
            "extension": extension,
            "settings": request.settings,
            "project_key": inputs.project_key,
            "project_name": inputs.project.name,
            "project_id": request.project_id or inputs.project.id,
            "customer_id": request.customer_id,
            "user_id": request.user_id,
            "stages": STAGES_OF[inputs.settings.format],
            "width": request.width or self._width,
            "output_key": output_key,
            "engine_version": ENGINE_VERSION,
        }

    def _missing(self, tenant: str, chunks: Sequence[PlannedChunk]) -> tuple[int, ...]:
        """Indices of the distinct chunks that the store lacks, those that take longest first."""
        distinct: dict[str, int] = {}
        for index, chunk in enumerate(chunks):
            distinct.setdefault(chunk.key, index)
        with ThreadPoolExecutor(EXISTS_AT_ONCE) as pool:
            found = pool.map(lambda key: self._store.exists(keys.chunk_key(tenant, key)), distinct)
            missing = [index for index, there in zip(distinct.values(), found, strict=True) if not there]
        return tuple(sorted(missing, key=lambda index: -chunks[index].frames))

    def _first_tasks(self, request: ExportRequest, plan_key: str, plan: Plan) -> list[Outgoing]:
        common = {"job_id": request.job_id, "tenant": request.tenant, "plan_key": plan_key}
        if self._store.exists(plan.output_key):
            return [_upload(request, plan_key, plan, reused=True)]
        if plan.format == "json":
            return [Outgoing(topics.RENDER, f"{request.job_id}:0", DrawTask(**common))]
        tasks: list[Outgoing] = []
        if plan.sound_hash is not None and not self._store.exists(sound_place(plan)):
            tasks.append(Outgoing(topics.MIX, request.job_id, SoundTask(**common)))
        for position in range(min(plan.width, len(plan.todo))):
            task = RenderTask(**common, position=position)
            tasks.append(Outgoing(topics.RENDER, f"{request.job_id}:{position}", task))
        return tasks or [Outgoing(topics.MIX, request.job_id, JoinTask(**common))]

    def on_failure(self, message: Message, error: ExportError, now: datetime) -> Iterable[Outgoing]:
        """The job fails: it cannot be planned."""
        assert isinstance(message, ExportRequest)
        return [failed(message.job_id, message.tenant, "plan", error, now)]


def planned_chunks(timeline: Timeline, video: Mapping[str, Any]) -> list[PlannedChunk]:
    """The chunks of a timeline, as the plan writes them down."""
    return [PlannedChunk(**asdict(chunk)) for chunk in timeline.chunks(video)]


def planned(plan: Plan, now: datetime) -> Planned:
    """What is told about a plan."""
    distinct = len({chunk.key for chunk in plan.chunks})
    return Planned(
        job_id=plan.job_id,
        tenant=plan.tenant,
        at=now,
        project_key=plan.project_key,
        project_name=plan.project_name and plan.project_name[:NAME_TOLD],
        stages=plan.stages,
        chunks=distinct,
        cached=distinct - len(plan.todo),
        frames=sum(plan.chunks[index].frames for index in plan.todo),
        duration=plan.duration,
        warnings=_told(plan.warnings),
    )


def _told(warnings: Sequence[str]) -> tuple[str, ...]:
    """The warnings that travel in facts and snapshots: a job may have one for each of a thousand assets."""
    told = [text if len(text) <= WARNING_TOLD else f"{text[: WARNING_TOLD - 1]}…" for text in warnings]
    more = len(told) - WARNINGS_TOLD
    return (*told[:WARNINGS_TOLD], f"… and {more} more.") if more > 0 else tuple(told)


def _upload(request: ExportRequest, plan_key: str, plan: Plan, *, reused: bool) -> Outgoing:
    task = UploadTask(
        job_id=request.job_id,
        tenant=request.tenant,
        plan_key=plan_key,
        output_key=plan.output_key,
        reused=reused,
    )
    return Outgoing(topics.UPLOAD, request.job_id, task)
