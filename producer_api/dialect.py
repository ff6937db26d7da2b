"""Interface of a dialect: reading requests, showing jobs, reporting problems, and its routes.

The table is in `producer_api.dialects`; docs/adding-a-dialect.md describes what a new one needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from producer_api.accepting import Accepted
from producer_api.auth import Caller
from producer_api.bodies import ENVELOPE_BYTES, ExportBody, read_body
from producer_api.exports import Exports
from producer_api.problems import Refuse
from producer_api.views import dump
from schemas.lifecycle import Job
from schemas.limits import Limits

JSON = "application/json"


@dataclass(frozen=True)
class Dialect:
    """The requests and answers of one system.

    source: origin recorded in its jobs (`Job.source`). read: parses a body; raises ApiProblem or
    InvalidInput. show: a job as the status call returns it. refuse: writes an error. routes: builds the
    routes over the use cases. view, refusal: models of what `show` and `refuse` write. below: path prefixes
    under which unmatched requests get this dialect's 404. inline: bodies contain the project's document.
    """

    name: str
    source: str
    read: Callable[[bytes, Limits], ExportBody]
    show: Callable[[Job], dict[str, Any]]
    refuse: Refuse
    routes: Callable[[Exports], APIRouter]
    view: type[BaseModel]
    refusal: type[BaseModel]
    below: tuple[str, ...]
    inline: bool = False

    async def take(
        self, exports: Exports, caller: Caller, request: Request, key: str | None = None
    ) -> Accepted:
        """Start the export that a request's body describes; 413 for a body that is too large."""
        limits = exports.services.limits
        data = await read_body(request, ENVELOPE_BYTES + (limits.document_bytes if self.inline else 0))
        return await exports.accept(caller, self.source, partial(self.read, data, limits), key)

    def json(self, job: Job) -> bytes:
        """A job as JSON."""
        return dump(self.show(job))

    def answer(self, job: Job, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """A job as an answer."""
        return Response(self.json(job), status, headers, JSON)
