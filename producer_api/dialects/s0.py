"""Dialect S0, the export generator of the design editor: CONTRACTS.md, section S0.

Choices where the contract is silent: a cancelled job is `failed`, with an error that says so; errors are
`{"success": false, "error": …, "message": …, "code": …}`; bad input is 400; unknown settings are
ignored; the project is `customer_id/project_id` of the configured source.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from producer_api.auth import Calling
from producer_api.bodies import ENVELOPE_BYTES, ExportBody, check_export
from producer_api.dialect import JSON, Dialect
from producer_api.exports import Exports
from producer_api.problems import ApiProblem
from producer_api.views import SIMPLE, dump
from schemas.errors import InvalidInput
from schemas.lifecycle import Job
from schemas.limits import Limits
from schemas.reading import load, validate
from schemas.settings import KNOWN_SETTINGS

JOB_TYPE = "export-generator"
CANCELLED = "The export was cancelled."
DOWNLOAD = "/api/assets/download"
_KNOWN = KNOWN_SETTINGS
_CODECS = {"h264": "libx264", "h.264": "libx264", "x264": "libx264", "avc": "libx264"}
_QUALITIES = {"720": "720p", "1080": "1080p", "1440": "1440p", "2160": "2160p", "2k": "1440p", "4k": "2160p"}


class CreatedView(BaseModel):
    """An export was accepted."""

    success: Literal[True]
    export_job_id: str
    status: Literal["pending", "running", "completed", "failed"]
    message: str


class S0Result(BaseModel):
    """Outcome: a file, or an error."""

    status: Literal["success", "error"]
    output_url: str | None = Field(None, description="Where the file is downloaded, below this server.")
    video_id: str | None = Field(None, description="The entry in the video library; MP4 only.")
    file_size: int | None = Field(None, description="Bytes.")
    duration: float | None = Field(None, description="Seconds.")
    format: str | None = None
    error: str | None = Field(None, description="A sentence, when it failed or was cancelled.")
    code: str | None = None


class StatusView(BaseModel):
    """An export as it stands; a cancelled one is `failed` with an error that says so."""

    job_id: str
    job_type: Literal["export-generator"]
    customer_id: str | None
    status: Literal["pending", "running", "completed", "failed"]
    progress: int = Field(ge=0, le=100)
    result: S0Result | None = Field(None, description="Once it has ended.")


class CancelView(BaseModel):
    """The export is being stopped."""

    success: Literal[True]
    job_id: str
    status: Literal["cancelled"]
    message: str


class RefusalView(BaseModel):
    """An error."""

    success: Literal[False]
    error: str = Field(description="A sentence.")
    message: str = Field(description="The same sentence.")
    code: str = Field(description="Stable, in snake_case.")
    path: str | None = Field(None, description="Where in the request.")


_ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": RefusalView, "description": "What was wrong."}}


def read_s0(data: bytes, limits: Limits) -> ExportBody:
    """A request of S0. Raises ApiProblem or InvalidInput."""
    raw = load(data, Limits(depth=limits.depth, document_bytes=ENVELOPE_BYTES))
    ids = {name: _text(raw, name) for name in ("customer_id", "project_id", "user_id")}
    for name in ("project_id", "customer_id"):
        if not ids[name]:
            raise InvalidInput("missing_key", "This key is required.", path=name)
    body = validate(
        ExportBody,
        {
            **ids,
            "project_ref": f"{ids['customer_id']}/{ids['project_id']}",
            "format": str(raw.get("format") or "mp4").lower(),
            "settings": _settings(raw.get("settings")),
        },
    )
    check_export(body, limits)
    return body


def _text(raw: dict[str, Any], name: str) -> str | None:
    """An id, in snake_case or camelCase; a number counts as its digits."""
    head, *rest = name.split("_")
    value = raw.get(name, raw.get(head + "".join(part.title() for part in rest)))
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else None


def _settings(given: Any) -> dict[str, Any]:
    """Known settings, in the spellings that clients use."""
    if not isinstance(given, dict):
        return {}
    known = {_snake(name): value for name, value in given.items() if value is not None}
    known = {name: value for name, value in known.items() if name in _KNOWN}
    if isinstance(quality := known.get("quality"), str):
        known["quality"] = _QUALITIES.get(quality.lower(), quality.lower())
    if isinstance(fps := known.get("fps"), str) and fps.isdigit():
        known["fps"] = int(fps)
    if isinstance(codec := known.get("codec"), str):
        known["codec"] = _CODECS.get(codec.lower(), codec)
    return known


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def status_view(job: Job) -> dict[str, Any]:
    """The job as S0 shows it; `result` only once it has ended."""
    simple = SIMPLE[job.status]
    view: dict[str, Any] = {
        "job_id": job.id,
        "job_type": JOB_TYPE,
        "customer_id": job.customer_id,
        "status": "failed" if simple == "cancelled" else simple,
        "progress": job.progress,
    }
    if job.terminal:
        view["result"] = _result(job)
    return view


def _result(job: Job) -> dict[str, Any]:
    if job.result is None:
        if job.error is None:
            return {"status": "error", "error": CANCELLED, "code": "cancelled"}
        where = f"{job.error.path}: " if job.error.path else ""
        return {"status": "error", "error": f"{where}{job.error.message}", "code": job.error.code}
    return {
        "status": "success",
        "output_url": f"{DOWNLOAD}/{job.id}/{quote(job.result.file_name, safe='')}",
        "video_id": job.result.video_id,
        "file_size": job.result.size,
        "duration": job.result.duration,
        "format": job.format,
    }


def refuse(problem: ApiProblem, request: Request) -> Response:
    """An error as clients of S0 expect it."""
    body: dict[str, Any] = {
        "success": False,
        "error": problem.detail,
        "message": problem.detail,
        "code": problem.code,
    }
    if problem.errors:
        body["path"] = problem.errors[0].path
    status = 400 if problem.status == 422 else problem.status
    return Response(orjson.dumps(body), status, problem.headers, JSON)


def routes(exports: Exports) -> APIRouter:
    """The routes at the root."""
    router = APIRouter(tags=["S0: export generator"])

    async def create(request: Request, caller: Calling) -> Response:
        key = request.headers.get("idempotency-key")
        accepted = await DIALECT.take(exports, caller, request, key)
        view = {
            "success": True,
            "export_job_id": accepted.job.id,
            "status": status_view(accepted.job)["status"],
            "message": "Export job created successfully",
        }
        return _json(view)

    async def status(job_id: str, caller: Calling) -> Response:
        return DIALECT.answer(await exports.find(caller, job_id))

    for path in ("/export", "/projects/export"):
        router.post(
            path,
            summary="Export a project",
            response_model=CreatedView,
            responses=_ERRORS,
            openapi_extra=_REQUEST,
            name=f"s0{path}",
        )(create)
    for path in ("/status/{job_id}", "/projects/export/{job_id}/status"):
        router.get(
            path,
            summary="An export's status",
            response_model=StatusView,
            responses=_ERRORS,
            name=f"s0{path}",
        )(status)

    @router.delete(
        "/cancel/{job_id}", summary="Cancel a running export", response_model=CancelView, responses=_ERRORS
    )
    async def cancel(job_id: str, caller: Calling) -> Response:
        job = await exports.cancel(caller, job_id, by=DIALECT.source)
        view = {"success": True, "job_id": job.id, "status": "cancelled", "message": "Export job cancelled"}
        return _json(view)

    async def download(request: Request, job_id: str, file_name: str, caller: Calling) -> Response:
        return await exports.file(caller, job_id, request)

    path = DOWNLOAD + "/{job_id}/{file_name}"
    router.get(path, summary="Download the finished file", response_class=Response)(download)
    router.head(path, include_in_schema=False)(download)
    return router


def _json(view: dict[str, Any]) -> Response:
    return Response(dump(view), media_type=JSON)


_REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["project_id", "customer_id"],
                    "properties": {
                        "project_id": {"type": "string"},
                        "customer_id": {"type": "string"},
                        "user_id": {"type": "string"},
                        "format": {"enum": ["mp4", "mp3", "json"], "default": "mp4"},
                        "settings": {"type": "object"},
                    },
                },
                "example": {
                    "project_id": "p1",
                    "customer_id": "c1",
                    "user_id": "u1",
                    "format": "mp4",
                    "settings": {"quality": "1080p", "fps": 30, "includeAudio": True, "codec": "libx264"},
                },
            }
        },
    }
}

DIALECT = Dialect(
    name="s0",
    source="s0",
    read=read_s0,
    show=status_view,
    refuse=refuse,
    routes=routes,
    view=StatusView,
    refusal=RefusalView,
    below=("/export", "/status", "/cancel", "/projects/export", DOWNLOAD),
)
