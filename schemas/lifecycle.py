"""The life of a job, as data: the states, the transitions between them, and the fold of facts.

    queued ──▶ planning ──▶ rendering ──▶ uploading ──▶ completed
       └───────────┴────────────┴─────────────┴───────▶ failed | cancelled

`fold` is pure, idempotent, and indifferent to the order of facts that do not end a job; it absorbs
in the terminal states, so the first terminal fact in the log is the one, and a replay ends the same.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field, computed_field

from schemas.facts import (
    STAGES,
    CancelledFact,
    ChunkEncoded,
    ChunkRendered,
    Completed,
    Fact,
    Failed,
    Planned,
    PlanStarted,
    Problem,
    Result,
    SoundMixed,
    StageName,
    StageProgressed,
)
from schemas.formats import FORMATS, STAGES_OF
from schemas.identity import JobRef
from schemas.messages import Asked, ExportRequest, JobId, Tenant

Status = Literal["queued", "planning", "rendering", "uploading", "completed", "failed", "cancelled"]

TRANSITIONS: dict[Status, tuple[Status, ...]] = {
    "queued": ("planning", "rendering", "uploading", "completed", "failed", "cancelled"),
    "planning": ("rendering", "uploading", "completed", "failed", "cancelled"),
    "rendering": ("uploading", "completed", "failed", "cancelled"),
    "uploading": ("completed", "failed", "cancelled"),
    "completed": (),
    "failed": (),
    "cancelled": (),
}
"""Allowed transitions. A state without any is terminal."""

TERMINAL: frozenset[Status] = frozenset(status for status, after in TRANSITIONS.items() if not after)

WEIGHTS: dict[StageName, int] = {"plan": 5, "render": 15, "encode": 60, "mix": 12, "upload": 8}
"""Each stage's share of a job's progress, before the stages that a format skips are left out."""


MIXED = 0.8
"""Progress of `mix` when all sound is mixed and only the join is left."""


class Job(Asked):
    """A job after some of its facts: what is in the job table, on `export.status` and in every answer.

    `version` counts the changes, so that a listener can tell old from new. `rendered`, `encoded` and
    `mixed` are sets of positions as hexadecimal bit masks: facts may come twice.
    """

    TYPE: ClassVar[str] = "job.snapshot"

    id: JobId
    tenant: Tenant
    status: Status = "queued"
    version: int = 0
    source: str | None = None
    project_key: str | None = None
    project_name: str | None = None
    request_hash: str | None = None
    stages: tuple[StageName, ...] = STAGES
    chunks: int | None = None
    cached: int = 0
    frames: int = 0
    sounds: int = 0
    sounds_cached: int = 0
    rendered: str = "0"
    encoded: str = "0"
    mixed: str = "0"
    done_frames: int = 0
    fractions: dict[str, float] = Field(default_factory=dict)
    duration: float | None = None
    warnings: tuple[str, ...] = ()
    result: Result | None = None
    error: Problem | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    updated_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def ref(self) -> JobRef:
        """Identity of the job."""
        return JobRef(self.tenant, self.id)

    def event_id(self, key: str, cause: str | None = None) -> str:
        """Each version is an event of its own."""
        return f"{self.ref}:{self.TYPE}:{self.version}"

    @property
    def terminal(self) -> bool:
        """True once the job has ended."""
        return self.status in TERMINAL

    @computed_field  # type: ignore[prop-decorator]
    @property
    def progress(self) -> int:
        """0 to 100, never going back; 100 only for a completed job."""
        if self.status == "completed":
            return 100
        shares = self.stage_progress()
        total = sum(WEIGHTS[stage] for stage in shares)
        return min(99, int(100 * sum(WEIGHTS[s] * share for s, share in shares.items()) / total))

    def stage_progress(self) -> dict[StageName, float]:
        """Progress of each stage, 0 to 1, in the order of the stream."""
        if self.status == "completed":
            return dict.fromkeys(self.stages, 1.0)
        planned = self.chunks is not None
        shares: dict[StageName, float] = {}
        for stage in self.stages:
            share = self.fractions.get(stage, 0.0)
            if stage == "plan" and planned:
                share = 1.0
            elif stage in ("render", "encode") and self.chunks:
                bits = self.rendered if stage == "render" else self.encoded
                share = (self.cached + int(bits, 16).bit_count()) / self.chunks
            elif stage == "mix" and self.sounds:
                mixed = self.sounds_cached + int(self.mixed, 16).bit_count()
                share = max(share, MIXED * min(1.0, mixed / self.sounds))
            shares[stage] = min(1.0, share)
        return shares


def accept(request: ExportRequest, at: datetime) -> Job:
    """The job that a request begins, at `at` (UTC) unless the request says when."""
    return fold(None, request, at=at)


def fold(job: Job | None, fact: Fact | ExportRequest, *, at: datetime | None = None) -> Job:
    """The job after one more fact. `at` stands in for a request that does not say when it was made.

    Returns the very same object when the fact changes nothing.
    """
    if isinstance(fact, ExportRequest):
        changes = _requested(job, fact, at)
        job_id, tenant, when = fact.job_id, fact.tenant, fact.requested_at or at
    else:
        changes = {} if job is not None and job.terminal else _changes(job, fact)
        job_id, tenant, when = fact.job_id, fact.tenant, fact.at
    if job is None:
        return Job(id=job_id, tenant=tenant, version=1, **{"created_at": when, "updated_at": when} | changes)
    changes = {name: value for name, value in changes.items() if getattr(job, name) != value}
    if not changes:
        return job
    changes["version"] = job.version + 1
    if when is not None and not job.terminal:
        changes["updated_at"] = max(filter(None, (job.updated_at, when)))
    return job.model_copy(update=changes)


def _requested(job: Job | None, request: ExportRequest, at: datetime | None) -> dict[str, Any]:
    """Fields from the request: set once, never overwritten by a second one with the same id."""
    if job is not None and job.format is not None:
        return {}
    given: dict[str, Any] = {
        **request.asked(),
        "source": request.source,
        "request_hash": request.request_hash,
        "created_at": request.requested_at or at,
    }
    if (known := FORMATS.get(request.format)) is not None:
        given["stages"] = STAGES_OF[known.recipe]
    if request.project_key is not None:
        given["project_key"] = request.project_key
    return given


def _advance(job: Job | None, status: Status) -> dict[str, Any]:
    """A change of state, where the table allows it."""
    current: Status = "queued" if job is None else job.status
    return {"status": status} if status in TRANSITIONS[current] else {}


def _started(job: Job | None, at: datetime) -> dict[str, Any]:
    if job is None or job.started_at is None:
        return {"started_at": at}
    return {"started_at": min(job.started_at, at)}


def _changes(job: Job | None, fact: Fact) -> dict[str, Any]:
    """The fields that a fact sets, as a join of what is known and what is new."""
    match fact:
        case PlanStarted():
            return _advance(job, "planning") | _started(job, fact.at)
        case Planned():
            if job is not None and job.chunks is not None:
                return {}
            known = () if job is None else job.warnings
            return {
                **_advance(job, "rendering"),
                "project_key": fact.project_key,
                "project_name": fact.project_name,
                "stages": fact.stages,
                "chunks": fact.chunks,
                "cached": fact.cached,
                "frames": fact.frames,
                "sounds": fact.sounds,
                "sounds_cached": fact.sounds_cached,
                "duration": fact.duration,
                "warnings": tuple(sorted({*known, *fact.warnings})),
            }
        case ChunkRendered():
            return _advance(job, "rendering") | _mark(job, "rendered", fact.position)
        case ChunkEncoded():
            marked = _mark(job, "encoded", fact.position)
            if marked:
                marked["done_frames"] = (0 if job is None else job.done_frames) + fact.frames
            return _advance(job, "rendering") | marked
        case SoundMixed():
            return _advance(job, "rendering") | _mark(job, "mixed", fact.position)
        case StageProgressed():
            fractions = {} if job is None else dict(job.fractions)
            fractions[fact.stage] = max(fact.fraction, fractions.get(fact.stage, 0.0))
            status: Status = "uploading" if fact.stage == "upload" else "rendering"
            return _advance(job, status) | {"fractions": fractions}
        case Completed():
            return {
                "status": "completed",
                "result": fact.result,
                "completed_at": fact.at,
                "duration": fact.result.duration,
            }
        case Failed():
            return {"status": "failed", "error": fact.error, "completed_at": fact.at}
        case CancelledFact():
            return {"status": "cancelled", "completed_at": fact.at}
    return {}


def _mark(job: Job | None, field: Literal["rendered", "encoded", "mixed"], position: int) -> dict[str, Any]:
    mask = 0 if job is None else int(getattr(job, field), 16)
    bit = 1 << position
    return {} if mask & bit else {field: f"{mask | bit:x}"}
