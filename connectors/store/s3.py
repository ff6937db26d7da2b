"""An object store on S3, by minio: any server that speaks the protocol.

The client's own retries are off: whether and how long to try again is the caller's decision
(connectors/retry.py).
"""

from __future__ import annotations

from collections.abc import Iterator
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
from schemas.errors import InvalidInput, Unavailable

CONNECT_S = 5.0
READ_S = 30.0
POOL = 32
PART = 16 * 1024 * 1024
ABSENT = ("NoSuchKey", "NoSuchObject", "NoSuchVersion")
BAD_KEY = ("KeyTooLongError", "InvalidObjectName", "XMinioInvalidObjectName")
PASSING = ("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "XMinioServerNotInitialized")


@dataclass(frozen=True)
class S3Settings:
    """Where the server is. endpoint: host:port without a scheme; secure: TLS.

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
        """Whether there is such an object."""
        try:
            self.stat(key)
        except InvalidInput as error:
            if error.code != "object_missing":
                raise
            return False
        return True

    def stat(self, key: str) -> ObjectInfo:
        """What is known of an object."""
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
        """Make `target` the same as `source`, on the server."""
        with _errors(source):
            origin = CopySource(self._bucket, check_key(source))
            self._client.copy_object(self._bucket, check_key(target), origin)

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
