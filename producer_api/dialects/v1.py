"""The canonical dialect under /v1: everything that can be done with exports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from connectors.jobs import JobFilter
from producer_api.auth import Calling
from producer_api.bodies import read_export
from producer_api.dialect import JSON, Dialect
from producer_api.exports import Exports
from producer_api.live.sse import last_seen
from producer_api.problems import ApiProblem, Fault, ProblemView, as_problem, problems
from producer_api.uploads import UploadView
from producer_api.views import (
    SIMPLE,
    ExportList,
    ExportView,
    FileList,
    ManifestView,
    dump,
    export_path,
    export_view,
    files_view,
)

_EXPORTS: list[str | Enum] = ["Exports"]
_FILES: list[str | Enum] = ["Files"]
_BINARY = {"schema": {"type": "string", "format": "binary"}}


@dataclass(frozen=True)
class ListQuery:
    """Filters of a list. given: as the client wrote them."""

    wanted: JobFilter
    given: dict[str, Any]


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, JSON)


def _filter(
    status: list[str] | None,
    kind: str | None,
    project_id: str | None,
    batch_id: str | None,
    created_after: datetime | None,
    created_before: datetime | None,
) -> ListQuery:
    named = [name.strip() for value in status or () for name in value.split(",") if name.strip()]
    known = {*SIMPLE, *SIMPLE.values()}
    if unknown := [name for name in named if name not in known]:
        choices = ", ".join(dict.fromkeys(SIMPLE.values()))
        detail = f"{unknown[0]!r} is not a valid status; use one of {choices}, or a stage."
        raise ApiProblem(422, "invalid_value", f"status: {detail}", errors=[Fault("status", detail)])
    stages = tuple(stage for stage, simple in SIMPLE.items() if stage in named or simple in named)
    wanted = JobFilter(
        stages if named else None,
        kind,
        project_id,
        batch_id,
        after=_utc(created_after),
        before=_utc(created_before),
    )
    given = {
        "status": ",".join(named) or None,
        "format": kind,
        "project_id": project_id,
        "batch_id": batch_id,
        "created_after": created_after.isoformat() if created_after else None,
        "created_before": created_before.isoformat() if created_before else None,
    }
    return ListQuery(wanted, {name: value for name, value in given.items() if value is not None})


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def routes(exports: Exports) -> APIRouter:
    """The routes under /v1."""
    router = APIRouter(prefix="/v1")
    _add_exports(router, exports)
    _add_following(router, exports)
    _add_files(router, exports)
    return router


def _add_exports(router: APIRouter, exports: Exports) -> None:
    tags = _EXPORTS

    @router.post(
        "/exports",
        status_code=202,
        response_model=ExportView,
        tags=tags,
        summary="Export a project",
        description="Takes the request in milliseconds and works in the background. With an Idempotency-Key "
        "the same request sent again answers 200 with the export that the first one began.",
        openapi_extra={"requestBody": {"required": True, "content": {JSON: _BODY}}},
        responses={
            200: {"model": ExportView, "description": "Known already."},
            **problems(400, 413, 422, 503),
        },
    )
    async def create(
        request: Request, caller: Calling, idempotency_key: Annotated[str | None, Header()] = None
    ) -> Response:
        accepted = await DIALECT.take(exports, caller, request, idempotency_key)
        headers = {"Location": export_path(accepted.job.id)}
        return DIALECT.answer(accepted.job, 202 if accepted.created else 200, headers)

    @router.get(
        "/exports",
        response_model=ExportList,
        tags=tags,
        summary="List exports, newest first",
        responses=problems(422, 503),
    )
    async def listed(
        caller: Calling,
        status: Annotated[list[str] | None, Query(description="Statuses or stages, by comma.")] = None,
        kind: Annotated[str | None, Query(alias="format")] = None,
        project_id: str | None = None,
        batch_id: str | None = None,
        created_after: Annotated[datetime | None, Query(description="From this moment on.")] = None,
        created_before: Annotated[datetime | None, Query(description="Before this moment.")] = None,
        cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Response:
        query = _filter(status, kind, project_id, batch_id, created_after, created_before)
        page = await exports.list(caller, query.wanted, cursor=cursor, limit=limit)
        more = None
        if page.next_cursor:
            more = "/v1/exports?" + urlencode({**query.given, "limit": limit, "cursor": page.next_cursor})
        views = [export_view(job) for job in page.jobs]
        body = dump({"exports": views, "next_cursor": page.next_cursor, "next": more})
        return _json(body, headers={"Link": f'<{more}>; rel="next"'} if more else None)

    @router.get(
        "/exports/{job_id}",
        response_model=ExportView,
        tags=tags,
        summary="An export as it stands",
        responses=problems(404, 503),
    )
    async def one(job_id: str, caller: Calling) -> Response:
        return DIALECT.answer(await exports.find(caller, job_id))


def _add_following(router: APIRouter, exports: Exports) -> None:
    tags = _EXPORTS

    @router.post(
        "/exports/{job_id}/cancel",
        status_code=202,
        response_model=ExportView,
        tags=tags,
        summary="Cancel an export",
        description="May be repeated. The export is `cancelled` a moment later, unless it completes first.",
        responses=problems(404, 409, 503),
    )
    async def cancel(job_id: str, caller: Calling) -> Response:
        return DIALECT.answer(await exports.cancel(caller, job_id, by=DIALECT.source), 202)

    @router.get(
        "/exports/{job_id}/events",
        tags=tags,
        summary="Live progress",
        description="Server-Sent Events: first the export as it stands, then after each change, until it has "
        "ended. Each event's data is the export, its id the version; `Last-Event-ID` skips what is known. "
        "204 when the export has ended and its end is known.",
        response_class=Response,
        responses={
            200: {
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
                "description": "The events.",
            },
            204: {"description": "Nothing more will happen."},
            **problems(404, 503),
        },
    )
    async def events(
        job_id: str, caller: Calling, last_event_id: Annotated[str | None, Header()] = None
    ) -> Response:
        return await exports.follow(caller, job_id, DIALECT.json, seen=last_seen(last_event_id))


def _add_files(router: APIRouter, exports: Exports) -> None:
    tags = _FILES

    async def file(request: Request, job_id: str, caller: Calling) -> Response:
        return await exports.file(caller, job_id, request)

    async def named(request: Request, job_id: str, name: str, caller: Calling) -> Response:
        return await exports.file(caller, job_id, request, name)

    for path, summary, download in (
        ("/exports/{job_id}/file", "Download the finished file", file),
        ("/exports/{job_id}/files/{name}", "Download one of an export's files", named),
    ):
        router.get(
            path,
            tags=tags,
            summary=summary,
            description="Whole, or in part by `Range`; may redirect to the object store.",
            response_class=Response,
            responses=_FILE_ANSWERS,
        )(download)
        router.head(path, include_in_schema=False)(download)

    @router.get(
        "/exports/{job_id}/files",
        response_model=FileList,
        tags=tags,
        summary="List an export's files",
        description="One, or one for each slide; the main file is the first.",
        responses=problems(404, 409, 410, 503),
    )
    async def files(job_id: str, caller: Calling) -> Response:
        return _json(dump(files_view(job_id, await exports.files(caller, job_id))))

    @router.get(
        "/exports/{job_id}/manifest",
        response_model=ManifestView,
        tags=tags,
        summary="What the file was made of",
        description="Engine version, settings, and the hashes of assets, fonts, chunks and the file itself.",
        responses=problems(404, 409, 410, 503),
    )
    async def manifest(job_id: str, caller: Calling) -> Response:
        return _json(await exports.manifest(caller, job_id))

    async def upload(
        request: Request,
        caller: Calling,
        filename: Annotated[str, Query(description="Its extension becomes part of the key.")] = "",
    ) -> Response:
        taken = await exports.upload(caller, request, filename)
        return _json(dump(taken.model_dump()), 201)

    for method in (router.put, router.post):
        method(
            "/uploads",
            status_code=201,
            response_model=UploadView,
            tags=tags,
            summary="Send a file to name it in a document",
            description="The body is the file itself. The same file sent twice is kept once.",
            openapi_extra={
                "requestBody": {"required": True, "content": {"application/octet-stream": _BINARY}}
            },
            responses=problems(413, 422, 503),
            name=f"upload_{method.__name__}",
        )(upload)


_FILE_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": _BINARY}, "description": "The file."},
    206: {"content": {"application/octet-stream": _BINARY}, "description": "A part of it."},
    304: {"description": "Unchanged."},
    307: {"description": "The store has it at this address."},
    **problems(404, 409, 410, 416, 503),
}

_BODY: dict[str, Any] = {
    "schema": {"$ref": "#/components/schemas/ExportBody"},
    "example": {
        "project": {
            "version": 1,
            "width": 1920,
            "height": 1080,
            "slides": [
                {
                    "duration": 3,
                    "background": {"type": "solid", "color": "#102040"},
                    "elements": [
                        {"type": "text", "text": "Hello", "x": 160, "y": 440, "width": 1600, "height": 200}
                    ],
                }
            ],
        },
        "format": "mp4",
        "settings": {"quality": "1080p", "fps": 30},
        "metadata": {"campaign": "spring"},
    },
}

DIALECT = Dialect(
    name="v1",
    source="api",
    read=read_export,
    show=export_view,
    refuse=as_problem,
    routes=routes,
    view=ExportView,
    refusal=ProblemView,
    below=("/v1",),
    inline=True,
)
