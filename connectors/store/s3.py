"""An object store on S3, by minio: any server that speaks the protocol.

The client's own retries are off: whether and how long to try again is the caller's decision
(connectors/retry.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.datatypes import Part
from minio.error import InvalidResponseError, S3Error, ServerError

from connectors.store.base import (
    BLOCK,
    ObjectInfo,
    check_key,
    content_type_of,
    disk_error,
    missing,
    primed,
    write_blocks,
)
from connectors.store.parts import COPIED, SMALLEST, Extent, plan_parts
from schemas.checks import nothing
from schemas.errors import ExportError, InvalidInput, Unavailable

CONNECT_S = 5.0
READ_S = 30.0
POOL = 32
COPIERS = 8
"""Parts that the server is asked to copy at a time."""
PART = 16 * 1024 * 1024
ABSENT = ("NoSuchKey", "NoSuchObject", "NoSuchVersion")
BAD_KEY = ("KeyTooLongError", "InvalidObjectName", "XMinioInvalidObjectName")
PASSING = ("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "XMinioServerNotInitialized")


@dataclass(frozen=True)
class S3Settings:
    """Address of the server. endpoint: host:port without a scheme; secure: TLS.

    region is signed into each request; named, because asking for it costs a call. public_endpoint: an
    http(s) address under which clients outside reach the same server, for presigned addresses.
    """

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str = "exportstream"
    secure: bool = False
    region: str | None = "us-east-1"
    public_endpoint: str | None = None


class S3Store:
    """Objects in one bucket, which `ensure_bucket` makes."""

    def __init__(self, settings: S3Settings) -> None:
        self._bucket = settings.bucket
        http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_S, read=READ_S), maxsize=POOL, retries=False
        )
        credentials = {"access_key": settings.access_key, "secret_key": settings.secret_key}
        more: dict[str, Any] = {**credentials, "region": settings.region, "http_client": http}
        self._client = self._outside = Minio(settings.endpoint, secure=settings.secure, **more)
        if settings.public_endpoint is not None:
            scheme, _, place = settings.public_endpoint.rpartition("://")
            self._outside = Minio(place.rstrip("/"), secure=scheme == "https", **more)

    def ensure_bucket(self) -> None:
        """Make the bucket unless it is there."""
        with _errors(self._bucket):
            if not self._client.bucket_exists(self._bucket):
                with suppress(S3Error):
                    self._client.make_bucket(self._bucket)

    def get(self, key: str) -> bytes:
        """The whole object."""
        return b"".join(self.open_range(key))

    def open_range(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Bytes from `start` on, at most `length`, in blocks."""
        if length is not None and length <= 0:
            self.stat(key)
            return iter(())
        return primed(self._blocks(check_key(key), start, length or 0))

    def _blocks(self, key: str, start: int, length: int) -> Iterator[bytes]:
        with _errors(key):
            try:
                response = self._client.get_object(self._bucket, key, offset=start, length=length)
            except S3Error as error:
                if error.code != "InvalidRange":
                    raise
                yield b""  # what lies behind the end is empty
                return
            done = False
            try:
                yield b""
                yield from response.stream(BLOCK)
                done = True
            finally:
                if not done:
                    response.close()  # else the rest would be read, only to use the connection again
                response.release_conn()

    def download(self, key: str, path: Path) -> None:
        """Write the object to a file."""
        write_blocks(path, self.open_range(key))

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Write an object."""
        kind = content_type or content_type_of(key)
        with _errors(key):
            self._client.put_object(self._bucket, check_key(key), BytesIO(data), len(data), content_type=kind)

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        """Write an object from a file, in parts when it is large."""
        kind = content_type or content_type_of(key)
        with _errors(key), path.open("rb") as file:
            size = path.stat().st_size
            self._client.put_object(
                self._bucket, check_key(key), file, size, content_type=kind, part_size=PART
            )

    def exists(self, key: str) -> bool:
        """True if the object exists."""
        try:
            self.stat(key)
        except InvalidInput as error:
            if error.code != "object_missing":
                raise
            return False
        return True

    def stat(self, key: str) -> ObjectInfo:
        """Metadata of an object."""
        with _errors(key):
            return _info(self._client.stat_object(self._bucket, check_key(key)), key)

    def delete(self, key: str) -> None:
        """Remove an object."""
        with _errors(key):
            self._client.remove_object(self._bucket, check_key(key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose keys begin with `prefix`, by key."""
        with _errors(prefix):
            for found in self._client.list_objects(self._bucket, prefix, recursive=True):
                yield _info(found, found.object_name or "")

    def copy(self, source: str, target: str) -> None:
        """Make `target` the same as `source`, on the server; a large one in parts, side by side."""
        check_key(target)
        info = self.stat(source)
        if info.size >= 2 * COPIED:
            self._compose(target, [info], b"", info.content_type, nothing)
        else:
            with _errors(source):
                self._client.copy_object(self._bucket, target, CopySource(self._bucket, source))

    def compose(
        self,
        target: str,
        sources: Sequence[str],
        head: bytes = b"",
        *,
        check: Callable[[], None] = nothing,
    ) -> None:
        """Make `target` of `head` and all sources; the server copies what it can, side by side."""
        check_key(target)
        with ThreadPoolExecutor(COPIERS, "s3-stat") as pool:
            infos = list(pool.map(self.stat, sources))
        self._compose(target, infos, head, content_type_of(target), check)

    def _compose(
        self,
        target: str,
        infos: Sequence[ObjectInfo],
        head: bytes,
        kind: str,
        check: Callable[[], None],
    ) -> None:
        parts = plan_parts([len(head), *(info.size for info in infos)])
        if len(parts) <= 1 and sum(info.size for info in infos) < SMALLEST:
            return self.put(target, b"".join([head, *(self.get(info.key) for info in infos)]), kind)
        with _errors(target):
            # minio's own compose_object copies one part after the other and refuses small ones: the requests
            # that it consists of are used here instead.
            upload = self._client._create_multipart_upload(self._bucket, target, {"Content-Type": kind})

        def send(number: int, part: Sequence[Extent]) -> Part:
            check()
            return Part(number, self._send(target, upload, number, part, infos, head))

        try:
            with ThreadPoolExecutor(COPIERS, "s3-copy") as pool:
                done = list(pool.map(send, range(1, len(parts) + 1), parts))
            with _errors(target):
                self._client._complete_multipart_upload(self._bucket, target, upload, done)
        except BaseException:
            with suppress(ExportError), _errors(target):
                self._client._abort_multipart_upload(self._bucket, target, upload)
            raise

    def _send(
        self,
        target: str,
        upload: str,
        number: int,
        part: Sequence[Extent],
        infos: Sequence[ObjectInfo],
        head: bytes,
    ) -> str:
        """The ETag of a part, which the server copies if it can."""
        (source, start, length), *more = part
        if source and not more and length >= SMALLEST:
            info = infos[source - 1]
            origin = CopySource(self._bucket, info.key).gen_copy_headers()
            headers: Any = {**origin, "x-amz-copy-source-range": f"bytes={start}-{start + length - 1}"}
            with _errors(info.key):
                etag, _ = self._client._upload_part_copy(self._bucket, target, upload, number, headers)
            return str(etag)
        data = b"".join(self._extent(extent, infos, head) for extent in part)
        with _errors(target):
            return str(self._client._upload_part(self._bucket, target, data, None, upload, number))

    def _extent(self, extent: Extent, infos: Sequence[ObjectInfo], head: bytes) -> bytes:
        source, start, length = extent
        if not source:
            return head[start : start + length]
        return b"".join(self.open_range(infos[source - 1].key, start, length))

    def presign(self, key: str, seconds: int, file_name: str) -> str | None:
        """An address that hands the object out as a download for so long."""
        disposition = f"attachment; filename*=UTF-8''{quote(file_name)}"
        with _errors(key):
            return self._outside.presigned_get_object(
                self._bucket,
                check_key(key),
                expires=timedelta(seconds=seconds),
                response_headers={"response-content-disposition": disposition},
            )


def _info(found: Any, key: str) -> ObjectInfo:
    modified = found.last_modified or datetime.fromtimestamp(0, UTC)
    return ObjectInfo(key, found.size or 0, modified, found.content_type or content_type_of(key))


@contextmanager
def _errors(key: str) -> Iterator[None]:
    """The client's errors in our words: absent, passing, or refused."""
    try:
        yield
    except S3Error as error:
        if error.code in ABSENT:
            raise missing(key) from error
        if error.code in PASSING or error.response.status >= 500:
            raise _away(f"{error.code}") from error
        if error.code in BAD_KEY:
            raise InvalidInput("bad_key", f"{key[:80]!r} cannot be the name of an object here.") from error
        # Credentials, a missing bucket, a full disk: the deployment's fault, never the job's.
        raise Unavailable(
            "store_refused", f"The object store refused {key}: {error.message or error.code}."
        ) from error
    except (ServerError, InvalidResponseError, urllib3.exceptions.HTTPError) as error:
        raise _away(type(error).__name__) from error
    except OSError as error:
        raise disk_error(error) from error


def _away(why: str) -> Unavailable:
    return Unavailable("store_unavailable", f"The object store does not answer as it should ({why}).")
