"""Use cases of exports, shared by all dialects.

Jobs that a caller may not see are reported as absent, never as forbidden.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from connectors.jobs import JobFilter, JobPage
from producer_api.accepting import Accepted, Acceptor
from producer_api.auth import Caller
from producer_api.bodies import ExportBody
from producer_api.downloads import Downloads
from producer_api.live.sse import EventStream, Show
from producer_api.ports import Services
from producer_api.problems import ApiProblem
from producer_api.threads import Threads
from producer_api.uploads import UploadView, take_upload
from schemas import topics
from schemas.facts import ResultFile
from schemas.identity import JobRef
from schemas.lifecycle import Job
from schemas.messages import JOB_ID, Control


@dataclass(frozen=True)
class Exports:
    """The use cases. Each raises ApiProblem, and Unavailable when a service is down."""

    services: Services
    threads: Threads
    acceptor: Acceptor
    downloads: Downloads

    async def accept(
        self, caller: Caller, source: str, read: Callable[[], ExportBody], key: str | None = None
    ) -> Accepted:
        """Start an export. read: parses the request, in a thread; key: the caller's Idempotency-Key."""
        return await self.acceptor.accept(caller, source, read, key)

    async def find(self, caller: Caller, job_id: str) -> Job:
        """One export; 404 when there is none for this caller."""
        job = None
        if re.fullmatch(JOB_ID, job_id):
            job = await self.threads.run(self.services.jobs.get, JobRef(caller.tenant, job_id))
        if job is None or not caller.sees(job):
            raise ApiProblem(404, "export_not_found", f"There is no export {job_id[:100]}.")
        return job

    async def list(self, caller: Caller, wanted: JobFilter, *, cursor: str | None, limit: int) -> JobPage:
        """One page of the caller's exports, newest first."""
        if caller.role == "user":
            wanted = replace(wanted, user_id=caller.user)
        table = self.services.jobs
        return await self.threads.run(table.list, caller.tenant, wanted, cursor=cursor, limit=limit)

    async def cancel(self, caller: Caller, job_id: str, *, by: str) -> Job:
        """Order an export to stop, once or often; 409 when it ended otherwise. by: origin of the order."""
        job = await self.find(caller, job_id)
        if job.terminal and job.status != "cancelled":
            raise ApiProblem(409, "already_ended", f"This export has {job.status} already.")
        if not job.terminal:
            order = Control(job_id=job.id, tenant=job.tenant, at=self.services.clock(), by=by)
            await self.threads.run(self.services.publisher.publish, topics.CONTROL, str(job.ref), order)
        return job

    async def follow(self, caller: Caller, job_id: str, show: Show, *, seen: int) -> Response:
        """Server-sent events of an export, or 204 when the client has seen its last version.

        seen: last version that the client has seen.
        """
        job = await self.find(caller, job_id)
        if job.terminal and seen == job.version:
            return Response(None, 204)
        load = partial(self.threads.run, self.services.jobs.get, job.ref)
        return EventStream(self.services.feed, job, load, show, seen=seen, heartbeat=self.services.heartbeat)

    async def file(self, caller: Caller, job_id: str, request: Request, name: str | None = None) -> Response:
        """The main file or a named one, whole or in part."""
        return await self.downloads.file(request, await self.find(caller, job_id), name)

    async def files(self, caller: Caller, job_id: str) -> tuple[ResultFile, ...]:
        """All files of a finished export, the main one first."""
        return await self.downloads.files(await self.find(caller, job_id))

    async def manifest(self, caller: Caller, job_id: str) -> bytes:
        """The manifest of a finished export, as JSON."""
        return await self.downloads.manifest(await self.find(caller, job_id))

    async def upload(self, caller: Caller, request: Request, file_name: str) -> UploadView:
        """Store the request's body as a file that documents may reference."""
        return await take_upload(request, caller.tenant, file_name, self.services, self.threads)
