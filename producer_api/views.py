"""A job as the canonical API shows it. `ExportView` documents the shape; `export_view` writes it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

import orjson
from pydantic import BaseModel, ConfigDict, Field

from schemas.facts import ResultFile
from schemas.lifecycle import Job, Status
from schemas.messages import Asked

SimpleStatus = Literal["pending", "running", "completed", "failed", "cancelled"]

SIMPLE: dict[Status, SimpleStatus] = {
    "queued": "pending",
    "planning": "running",
    "rendering": "running",
    "uploading": "running",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}

EXAMPLE: dict[str, Any] = {
    "id": "6f1f0a52-6f3e-4f0f-9f59-2f6a1d7f8b11",
    "status": "running",
    "stage": "rendering",
    "progress": 42,
    "stages": {"plan": 1.0, "render": 0.8, "encode": 0.35, "mix": 0.0, "upload": 0.0},
    "version": 17,
    "format": "mp4",
    "settings": {"quality": "1080p", "fps": 30},
    "metadata": {"campaign": "spring"},
    "project_id": None,
    "project_ref": None,
    "customer_id": None,
    "user_id": None,
    "batch_id": None,
    "width": None,
    "project_name": "Launch",
    "source": "api",
    "duration": 24.0,
    "chunks": 20,
    "cached": 12,
    "warnings": [],
    "error": None,
    "result": None,
    "created_at": "2026-01-01T12:00:00Z",
    "started_at": "2026-01-01T12:00:00.031000Z",
    "updated_at": "2026-01-01T12:00:02.170000Z",
    "completed_at": None,
    "links": {
        "self": "/v1/exports/6f1f0a52-6f3e-4f0f-9f59-2f6a1d7f8b11",
        "events": "/v1/exports/6f1f0a52-6f3e-4f0f-9f59-2f6a1d7f8b11/events",
        "cancel": "/v1/exports/6f1f0a52-6f3e-4f0f-9f59-2f6a1d7f8b11/cancel",
        "file": None,
        "files": None,
        "manifest": None,
    },
}


class ErrorView(BaseModel):
    """Why an export failed."""

    code: str = Field(description="Stable, in snake_case.")
    message: str = Field(description="A sentence that the caller can act on.")
    path: str | None = Field(None, description="Where in the input, as in `slides[2].elements[0].src`.")
    stage: str | None = Field(None, description="The stage in which it failed.")
    retriable: bool = Field(False, description="Whether the same request may succeed later.")


class ResultView(BaseModel):
    """The finished file."""

    url: str = Field(description="Address of the download.")
    file_name: str
    content_type: str
    size: int = Field(description="Bytes.")
    sha256: str
    duration: float | None = Field(None, description="Seconds.")
    width: int | None = Field(None, description="Pixels.")
    height: int | None = Field(None, description="Pixels.")
    fps: int | None = None
    file_count: int = Field(1, description="Number of files; `links.files` lists them.")
    video_id: str | None = Field(None, description="The entry in the video library.")
    reused: bool = Field(
        False,
        description="Whether the very same file had been made before: it was served from what was there.",
    )


class LinksView(BaseModel):
    """Addresses of what belongs to an export."""

    self: str
    events: str
    cancel: str | None
    file: str | None
    files: str | None
    manifest: str | None


class FileView(BaseModel):
    """A file of an export."""

    name: str = Field(description="Name within the export.")
    url: str = Field(description="Address of the download.")
    file_name: str = Field(description="Name of the download.")
    content_type: str
    size: int = Field(description="Bytes.")
    sha256: str


class FileList(BaseModel):
    """All files of an export, the main one first."""

    files: list[FileView]


class StandingView(BaseModel):
    """Identity and progress of an export."""

    id: str
    status: SimpleStatus
    stage: Status = Field(description="The status in detail.")
    progress: int = Field(ge=0, le=100, description="Never goes back; 100 only when completed.")
    stages: dict[str, float] = Field(description="How far each stage of this export has come, 0 to 1.")
    version: int = Field(description="Counts the changes; the `id` of this version's event.")


class ExportView(Asked, StandingView):
    """An export: one project in one format, with the request's fields."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": EXAMPLE},
        json_schema_serialization_defaults_required=True,
    )

    project_name: str | None
    source: str | None
    duration: float | None = Field(description="Seconds of the timeline, once planned.")
    chunks: int | None = Field(description="Different pieces that the picture consists of, once planned.")
    cached: int = Field(description="How many of them an earlier export had made: they are not made again.")
    warnings: list[str]
    error: ErrorView | None
    result: ResultView | None
    created_at: datetime | None
    started_at: datetime | None
    updated_at: datetime | None
    completed_at: datetime | None
    links: LinksView


class ExportList(BaseModel):
    """One page of exports, newest first."""

    exports: list[ExportView]
    next_cursor: str | None = Field(description="The next page's `cursor`; null on the last page.")
    next: str | None = Field(description="The address of the next page.")


class ManifestAsset(BaseModel):
    """A file that the project names."""

    src: str = Field(description="As the document spells it.")
    kind: str
    sha256: str
    size: int = Field(description="Bytes.")
    fingerprint: str = Field(description="What stands for it in the chunks' keys: its decoded form.")


class ManifestFont(BaseModel):
    """A font file that text is drawn with."""

    family: str
    sha256: str


class ManifestChunk(BaseModel):
    """A piece of the picture."""

    key: str = Field(
        description="A hash of all that its bytes depend on: pictures, settings, engine version."
    )
    first_frame: int
    frames: int = Field(description="Pictures that are encoded.")
    hold: int = Field(description="Frames for which the last of them is shown beyond its own.")
    lead: list[int] = Field([], description="Frames before it that fade to it, each with its weight of 128.")


class ManifestView(BaseModel):
    """All that a file was made of: the same of all this gives the same bytes, on any number of workers."""

    model_config = ConfigDict(extra="forbid")

    job_id: str
    engine_version: str
    instructions: str = Field(
        "", description="Instruction sets that encoders were given where it was planned, such as x86-64-v2."
    )
    format: str
    settings: dict[str, Any] = Field(description="As they were asked for.")
    project_key: str = Field(description="The document, named by its hash where it was sent along.")
    assets: list[ManifestAsset]
    fonts: list[ManifestFont] = Field([], description="Shipped ones and the project's own, of a picture.")
    chunks: list[ManifestChunk]
    sound: str | None = Field(description="A hash of all that the sound's bytes depend on.")
    warnings: list[str]
    result: dict[str, Any] = Field(description="The file: `sha256`, `size` and what is known of it.")
    finished_at: datetime


def export_path(job_id: str) -> str:
    """The address of an export."""
    return f"/v1/exports/{job_id}"


def export_view(job: Job) -> dict[str, Any]:
    """The job as ExportView describes it, with moments as datetimes: write it with `dump`."""
    path = export_path(job.id)
    done = job.result is not None
    return {
        "id": job.id,
        "status": SIMPLE[job.status],
        "stage": job.status,
        "progress": job.progress,
        "stages": {stage: round(share, 4) for stage, share in job.stage_progress().items()},
        "version": job.version,
        **job.asked(),
        "project_name": job.project_name,
        "source": job.source,
        "duration": job.duration,
        "chunks": job.chunks,
        "cached": job.cached,
        "warnings": job.warnings,
        "error": None if job.error is None else job.error.model_dump(),
        "result": _result(job),
        "created_at": job.created_at,
        "started_at": job.started_at,
        "updated_at": job.updated_at,
        "completed_at": job.completed_at,
        "links": {
            "self": path,
            "events": f"{path}/events",
            "cancel": None if job.terminal else f"{path}/cancel",
            "file": f"{path}/file" if done else None,
            "files": f"{path}/files" if done else None,
            "manifest": f"{path}/manifest" if job.result and job.result.manifest_key else None,
        },
    }


def _result(job: Job) -> dict[str, Any] | None:
    """The result without keys of the store, which are internal."""
    if job.result is None:
        return None
    return {
        "url": f"{export_path(job.id)}/file",
        **job.result.model_dump(exclude={"key", "manifest_key", "files"}),
    }


def files_view(job_id: str, files: Iterable[ResultFile]) -> dict[str, Any]:
    """Files as FileList describes them."""
    path = f"{export_path(job_id)}/files"
    return {
        "files": [
            {
                "name": file.name,
                "url": f"{path}/{quote(file.name, safe='')}",
                **file.model_dump(exclude={"key"}),
            }
            for file in files
        ]
    }


def dump(value: Any) -> bytes:
    """JSON in UTF-8, moments in UTC with a Z."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def export_json(job: Job) -> bytes:
    """The job as JSON."""
    return dump(export_view(job))
