"""Errors of the API as RFC 9457 problems: `application/problem+json`, never a stack trace.

    {"type": "about:blank", "title": "Unprocessable Content", "status": 422, "code": "invalid_value",
     "detail": "…a sentence…", "instance": "/v1/exports", "errors": [{"path": "settings.fps", "detail": …}]}

`code` is stable. The dialect whose route matched writes the problem (`Refusals`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from schemas.errors import ExportError, Missing, Unavailable

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2

_STATUS = {"too_large": 413, "message_too_large": 413, "invalid_json": 400}
_CODES = {404: "not_found", 405: "method_not_allowed"}
_DETAILS = {
    404: "This address does not exist.",
    405: "This address does not support that method.",
    500: "Something went wrong on our side. It has been logged; please try again.",
}


@dataclass(frozen=True)
class Fault:
    """One error, and its place in the request."""

    path: str | None
    detail: str


class ApiProblem(Exception):
    """An error response, raised anywhere below an endpoint."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[Fault] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers or {}

    def body(self, instance: str) -> dict[str, Any]:
        """The problem's members; `instance` is the address that was asked for."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            body["errors"] = [{"path": fault.path, "detail": fault.detail} for fault in self.errors]
        return body


class FaultView(BaseModel):
    """One error in a request."""

    path: str | None = Field(description="Where in the request, as in `project.slides[2].duration`.")
    detail: str = Field(description="What is wrong there.")


class ProblemView(BaseModel):
    """A problem as RFC 9457 writes it, with a stable `code`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Unprocessable Entity",
                "status": 422,
                "code": "invalid_value",
                "detail": "project.slides[0].duration: This must be greater than 0.",
                "instance": "/v1/exports",
                "errors": [{"path": "project.slides[0].duration", "detail": "This must be greater than 0."}],
            }
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    instance: str
    errors: list[FaultView] = []


Refuse = Callable[[ApiProblem, Request], Response]
"""Writes a problem as an HTTP response."""


def as_problem(problem: ApiProblem, request: Request) -> Response:
    """The problem as RFC 9457 writes it."""
    body = orjson.dumps(problem.body(request.url.path))
    return Response(body, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def from_error(error: ExportError, *, prefix: str = "") -> ApiProblem:
    """The problem for an error of ours; `prefix` leads to the part of the request that its path is in."""
    path = f"{prefix}.{error.path}" if prefix and error.path else error.path or prefix or None
    detail = f"{path}: {error.message}" if path else error.message
    faults = [Fault(path, error.message)] if path else []
    if isinstance(error, Unavailable):
        return ApiProblem(503, error.code, detail, headers={"Retry-After": str(RETRY_AFTER_S)})
    default = 404 if isinstance(error, Missing) else 422
    return ApiProblem(_STATUS.get(error.code, default), error.code, detail, errors=faults)


def _from_http(error: HTTPException) -> ApiProblem:
    status = error.status_code
    code = _CODES.get(status, HTTPStatus(status).name.lower())
    detail = _DETAILS.get(status, str(error.detail))
    return ApiProblem(status, code, detail, headers=dict(error.headers or {}))


def _from_validation(error: RequestValidationError) -> ApiProblem:
    faults = [Fault(".".join(str(part) for part in e["loc"][1:]), f"{e['msg']}.") for e in error.errors()]
    return ApiProblem(422, "invalid_value", f"{faults[0].path}: {faults[0].detail}", errors=faults)


class Refusals:
    """Error handler that has problems written by the dialect whose route matched the request.

    Where no route matched, the dialect with the longest prefix of the path writes them, else the canonical
    one.
    """

    def __init__(self) -> None:
        self._of_route: dict[int, Refuse] = {}
        self._below: dict[str, Refuse] = {}

    def own(self, routes: Iterable[BaseRoute], below: Iterable[str], refuse: Refuse) -> None:
        """Register `refuse` for these routes, and for unmatched requests below these paths."""
        self._of_route.update((id(route), refuse) for route in routes)
        self._below.update((path.rstrip("/") + "/", refuse) for path in below)

    def install(self, app: FastAPI) -> None:
        """Register as handler of all errors of `app`."""

        async def problem(request: Request, error: Exception) -> Response:
            return self._writer(request)(to_problem(error), request)

        for kind in (ApiProblem, ExportError, HTTPException, RequestValidationError, ClientDisconnect):
            app.add_exception_handler(kind, problem)
        app.add_exception_handler(Exception, problem)

    def _writer(self, request: Request) -> Refuse:
        if (route := request.scope.get("route")) is not None:
            return self._of_route.get(id(route), as_problem)
        path = request.url.path.rstrip("/") + "/"
        owned = [prefix for prefix in self._below if path.startswith(prefix)]
        return self._below[max(owned, key=len)] if owned else as_problem


def to_problem(error: Exception) -> ApiProblem:
    """The problem for an exception; nothing of an unexpected one is revealed."""
    match error:
        case ApiProblem():
            return error
        case ExportError():
            return from_error(error)
        case HTTPException():
            return _from_http(error)
        case RequestValidationError():
            return _from_validation(error)
        case ClientDisconnect():
            return ApiProblem(400, "incomplete", "The request ended before its body was complete.")
    return ApiProblem(500, "internal_error", _DETAILS[500])


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that an operation may answer with, for its description."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemView"}}}
    texts = {
        400: "Not JSON.",
        401: "No API key, or an unknown one.",
        404: "No such export.",
        409: "Not possible in the export's present state.",
        410: "The file has been cleaned up.",
        413: "Too large.",
        416: "The range begins after the file's end.",
        422: "Something in the request is wrong; `errors` says where.",
        503: "A required service is down; try again after `Retry-After` seconds.",
    }
    return {status: {"description": texts[status], "content": content} for status in (401, *statuses)}
