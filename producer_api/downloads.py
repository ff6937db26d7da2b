"""Downloads of finished files: streamed from the store, whole or in part, or redirected to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connectors.store.base import ObjectStore
from producer_api.problems import ApiProblem
from producer_api.ranges import (
    ByteRange,
    Unsatisfiable,
    content_disposition,
    http_date,
    not_modified,
    parse_range,
    range_applies,
)
from producer_api.streaming import Departure
from producer_api.threads import Threads
from schemas.errors import Missing
from schemas.facts import Result, ResultFile, files_of
from schemas.lifecycle import Job

T = TypeVar("T")


class Blocks(Response):
    """Response of known length whose blocks are read from the store in threads."""

    def __init__(
        self, status: int, headers: Mapping[str, str], blocks: Iterator[bytes], threads: Threads
    ) -> None:
        super().__init__(None, status, headers)
        self._blocks = blocks
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer over ASGI; stops reading when the client disconnects."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        with Departure(receive) as departure:
            async for block in self._read():
                if departure.gone():
                    return
                await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _read(self) -> AsyncIterator[bytes]:
        try:
            while (block := await self._threads.run(next, self._blocks, None)) is not None:
                yield block
        finally:
            if (close := getattr(self._blocks, "close", None)) is not None:
                await self._threads.run(close)


def finished(job: Job) -> Result:
    """The job's result; raises ApiProblem 409 when it has none."""
    if job.result is not None:
        return job.result
    if job.status == "failed":
        why = f" {job.error.message}" if job.error else ""
        raise ApiProblem(409, "export_failed", f"This export failed, so there is no file.{why}")
    if job.status == "cancelled":
        raise ApiProblem(409, "export_cancelled", "This export was cancelled, so there is no file.")
    detail = f"The file is not there yet: the export is at {job.progress} %."
    raise ApiProblem(409, "export_not_finished", detail)


class Downloads:
    """Serves finished files."""

    def __init__(self, store: ObjectStore, threads: Threads, presign_seconds: int | None) -> None:
        self._store = store
        self._threads = threads
        self._presign_seconds = presign_seconds

    async def file(self, request: Request, job: Job, name: str | None = None) -> Response:
        """Response with the main file of the job, or with the named one.

        Raises ApiProblem: 404 for an unknown name, 409, 410 or 416.
        """
        result = finished(job) if name is None else await self._named(job, name)
        if self._presign_seconds and (url := await self._presigned(result, self._presign_seconds)):
            return Response(None, 307, {"Location": url, "Cache-Control": "no-store"})
        size = (await self._look_up(lambda: self._store.stat(result.key))).size
        headers = _headers(job, result)
        if not_modified(request.headers, headers["ETag"]):
            kept = ("ETag", "Last-Modified", "Cache-Control")
            return Response(None, 304, {name: headers[name] for name in kept})
        if request.method == "HEAD":
            return Response(None, 200, {**headers, "Content-Length": str(size)})
        part = _part(request, headers, size)
        if part is None:
            blocks = await self._look_up(lambda: self._store.open_range(result.key))
            return Blocks(200, {**headers, "Content-Length": str(size)}, blocks, self._threads)
        blocks = await self._look_up(lambda: self._store.open_range(result.key, part.start, part.length))
        partial = {"Content-Length": str(part.length), "Content-Range": part.content_range}
        return Blocks(206, headers | partial, blocks, self._threads)

    async def files(self, job: Job) -> tuple[ResultFile, ...]:
        """All files of the job, the main one first. Raises ApiProblem: 409 or 410."""
        result = finished(job)
        return await self._look_up(lambda: files_of(result, self._store.get))

    async def _named(self, job: Job, name: str) -> ResultFile:
        for file in await self.files(job):
            if file.name == name:
                return file
        raise ApiProblem(
            404, "file_not_found", f"This export has no file named {name[:100]}; GET …/files lists its files."
        )

    async def manifest(self, job: Job) -> bytes:
        """The manifest of the job's result, as JSON."""
        key = finished(job).manifest_key
        if key is None:
            raise ApiProblem(404, "no_manifest", "This export has no manifest.")
        return await self._look_up(lambda: self._store.get(key))

    async def _presigned(self, result: ResultFile, seconds: int) -> str | None:
        return await self._look_up(lambda: self._store.presign(result.key, seconds, result.file_name))

    async def _look_up(self, work: Callable[[], T]) -> T:
        try:
            return await self._threads.run(work)
        except Missing as error:
            detail = "This file has been cleaned up; export the project again."
            raise ApiProblem(410, "file_expired", detail) from error


def _headers(job: Job, result: ResultFile) -> dict[str, str]:
    return {
        "Content-Type": result.content_type,
        "Content-Disposition": content_disposition(result.file_name),
        "ETag": f'"{result.sha256}"',
        "Last-Modified": http_date((job.completed_at or datetime.fromtimestamp(0, UTC)).astimezone(UTC)),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }


def _part(request: Request, headers: Mapping[str, str], size: int) -> ByteRange | None:
    if not range_applies(request.headers, headers["ETag"], headers["Last-Modified"]):
        return None
    try:
        return parse_range(request.headers.get("range"), size)
    except Unsatisfiable as error:
        raise ApiProblem(
            416,
            "range_not_satisfiable",
            f"The file has {size} bytes; the range begins after its end.",
            headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"},
        ) from error
