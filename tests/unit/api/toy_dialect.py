"""A whole dialect in one file, for the suite over all of them: letters that are ordered and looked at.

`POST /letters {"project": "customer/project", "as": "gif"}`, `GET /letters/{id}`, `DELETE /letters/{id}`.
"""

from __future__ import annotations

from typing import Any, Literal

import orjson
from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from producer_api.auth import Calling
from producer_api.bodies import ENVELOPE_BYTES, ExportBody, check_export
from producer_api.dialect import JSON, Dialect
from producer_api.exports import Exports
from producer_api.problems import ApiProblem
from schemas.lifecycle import Job
from schemas.limits import Limits
from schemas.reading import load, validate


class LetterView(BaseModel):
    """A letter as it stands."""

    letter: str
    state: Literal["open", "sealed", "lost"]


class RefusalView(BaseModel):
    """Why not."""

    complaint: str


def read(data: bytes, limits: Limits) -> ExportBody:
    """A letter as what is asked."""
    raw = load(data, Limits(depth=limits.depth, document_bytes=ENVELOPE_BYTES))
    body = validate(ExportBody, {"project_ref": raw.get("project"), "format": raw.get("as")})
    check_export(body, limits)
    return body


def show(job: Job) -> dict[str, Any]:
    """A job as a letter."""
    states = {"completed": "sealed", "failed": "lost", "cancelled": "lost"}
    return {"letter": job.id, "state": states.get(job.status, "open")}


def refuse(problem: ApiProblem, request: Request) -> Response:
    """A problem as a complaint."""
    return Response(orjson.dumps({"complaint": problem.detail}), problem.status, problem.headers, JSON)


def routes(exports: Exports) -> APIRouter:
    """What one does with letters."""
    router = APIRouter(prefix="/letters")

    @router.post("", openapi_extra=_REQUEST)
    async def write(request: Request, caller: Calling) -> Response:
        key = request.headers.get("idempotency-key")
        return DIALECT.answer((await DIALECT.take(exports, caller, request, key)).job, 201)

    @router.get("/{job_id}")
    async def look(job_id: str, caller: Calling) -> Response:
        return DIALECT.answer(await exports.find(caller, job_id))

    @router.delete("/{job_id}")
    async def tear(job_id: str, caller: Calling) -> Response:
        return DIALECT.answer(await exports.cancel(caller, job_id, by=DIALECT.source))

    return router


_REQUEST = {
    "requestBody": {
        "content": {JSON: {"example": {"project": "customer/project", "as": "gif"}, "schema": {}}}
    }
}

DIALECT = Dialect(
    name="letters",
    source="letters",
    read=read,
    show=show,
    refuse=refuse,
    routes=routes,
    view=LetterView,
    refusal=RefusalView,
    below=("/letters",),
)
