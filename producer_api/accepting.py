"""Accepting an export: one path for all dialects, kept as short as possible.

The order is: check, store the document, publish the request, write the row. Publishing precedes the row,
so there is no row without a request: without a broker nothing is accepted (503), and without a database the
projection writes the row from the request, by the same fold. A request that the broker acknowledges too late
starts a job although its caller got a 503; with an `Idempotency-Key` a retry finds that job, because the key
determines the job's id.

Requests with the same key are serialised in this process. Across processes the table decides: of two
different requests with the same key at the same moment one is refused, although both reached the stream,
where the first one counts.

All steps run in one thread: every switch of threads may wait for the interpreter lock.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson

from producer_api.auth import Caller
from producer_api.bodies import ExportBody
from producer_api.ports import Services
from producer_api.problems import ApiProblem, from_error
from producer_api.threads import Threads
from schemas import keys, topics
from schemas.errors import InvalidInput, Unavailable
from schemas.hashing import content_hash
from schemas.lifecycle import Job, accept
from schemas.messages import ExportRequest
from schemas.project import parse_project

log = logging.getLogger(__name__)

NAMESPACE = uuid.UUID("4d0c7f5e-8f0b-4be4-9d55-7a3b1f1f6f0e")
LONGEST_KEY = 255


@dataclass(frozen=True)
class Accepted:
    """A job. created: this request started it."""

    job: Job
    created: bool


class Acceptor:
    """Accepts exports."""

    def __init__(self, services: Services, threads: Threads) -> None:
        self._services = services
        self._threads = threads
        self._locks = KeyedLocks()

    async def accept(
        self, caller: Caller, source: str, read: Callable[[], ExportBody], idempotency_key: str | None = None
    ) -> Accepted:
        """Start an export; `read` parses the request, in a thread.

        Raises what `read` raises, ApiProblem for a project that cannot be exported or a key that was used
        for another request, and Unavailable when the store or the broker is away.
        """
        if idempotency_key is None:
            job_id = self._services.new_id()
            return await self._threads.run(self._accept, job_id, caller, source, read, keyed=False)
        job_id = job_id_of(caller, idempotency_key)
        async with self._locks.hold(job_id):
            return await self._threads.run(self._accept, job_id, caller, source, read, keyed=True)

    def _accept(
        self, job_id: str, caller: Caller, source: str, read: Callable[[], ExportBody], *, keyed: bool
    ) -> Accepted:
        body, tenant = read(), caller.tenant
        if caller.user is not None:
            body = body.model_copy(update={"user_id": caller.user})
        document = None if body.project is None else orjson.dumps(body.project)
        digest = None if document is None else hashlib.sha256(document).hexdigest()
        request = ExportRequest(
            job_id=job_id,
            tenant=tenant,
            source=source,
            requested_at=self._services.clock(),
            project_key=None if digest is None else keys.project_key(tenant, digest),
            request_hash=_hash(body, digest) if keyed else None,
            **body.asked(),
        )
        if keyed and (known := self._services.jobs.get(request.ref)) is not None:
            return Accepted(_same(known, request), created=False)
        if document is not None and request.project_key is not None:
            self._keep(document, request.project_key)
        self._services.publisher.publish(topics.REQUESTS, str(request.ref), request)
        job = accept(request, self._services.clock())
        there = self._record(job)
        return Accepted(job if there is None else _same(there, request), created=True)

    def _keep(self, document: bytes, key: str) -> None:
        """Check the document and put it into the store."""
        try:
            parse_project(document, self._services.limits)
        except InvalidInput as error:
            raise from_error(error, prefix="project") from error
        if not self._services.store.exists(key):
            self._services.store.put(key, document, "application/json")

    def _record(self, job: Job) -> Job | None:
        """Write the row; the existing row, if any."""
        try:
            return None if self._services.jobs.insert_if_absent(job) else self._services.jobs.get(job.ref)
        except Unavailable as error:
            log.warning("job %s is published, its row is left to the projection: %s", job.id, error.message)
            return None


class KeyedLocks:
    """One lock for each name in use."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """Hold the lock of a name."""
        lock, users = self._locks.get(name, (asyncio.Lock(), 0))
        self._locks[name] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            _, users = self._locks[name]
            if users == 1:
                del self._locks[name]
            else:
                self._locks[name] = lock, users - 1


def job_id_of(caller: Caller, idempotency_key: str) -> str:
    """Id of the job that a caller's key determines: keys of different users are independent.

    Raises ApiProblem for a key of the wrong length.
    """
    if not 0 < len(idempotency_key) <= LONGEST_KEY:
        raise ApiProblem(422, "bad_idempotency_key", f"An Idempotency-Key has 1 to {LONGEST_KEY} characters.")
    whose = caller.tenant if caller.user is None else f"{caller.tenant}\n{caller.user}"
    return str(uuid.uuid5(NAMESPACE, f"{whose}\n{idempotency_key}"))


def _hash(body: ExportBody, digest: str | None) -> str:
    return content_hash(digest, body.model_dump(mode="json", exclude={"project"}))


def _same(job: Job, request: ExportRequest) -> Job:
    """The job, if it is what the request asks for."""
    if request.request_hash is not None and job.request_hash not in (None, request.request_hash):
        raise ApiProblem(
            422,
            "idempotency_key_reused",
            "This Idempotency-Key was used for a different request; choose a new one.",
        )
    return job
