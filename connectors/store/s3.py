"""An object store on S3, through `minio`, which is imported when the first call needs it.

Nothing is retried in here: a call fails within its timeouts, and connectors/retry.py decides. A call
that finds a connection of its pool closed by the server fails like any other.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from connectors.store.base import (
    BLOCK,
    DEFAULT_TYPE,
    ObjectInfo,
    check_key,
    content_disposition,
    content_type_of,
    disk_trouble,
    missing,
    primed,
    write_blocks,
)
from schemas.errors import ExportError, InvalidInput, Unavailable

if TYPE_CHECKING:
    from minio import Minio
    from minio.error import S3Error

MISSING = frozenset({"NoSuchKey", "NoSuchObject", "NoSuchVersion", "ResourceNotFound"})
REFUSED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"})
FULL = frozenset({"XMinioStorageFull", "InsufficientStorage", "QuotaExceeded", "XAdminBucketQuotaExceeded"})
CONFLICT = frozenset({"ObjectParentIsFile", "ExistingObjectIsDirectory", "XMinioParentIsObject"})
PART = 16 << 20
"""Bytes of one part of a large upload: what of a file is in memory at a time."""
LONGEST_PRESIGN_S = 7 * 24 * 3600


@dataclass(frozen=True)
class S3Settings:
    """Where the bucket is. endpoint: host:port or an http(s) URL, whose scheme then decides `secure`.

    public_endpoint: how clients outside reach the same server, for presigned addresses. region: signed
    into each request; named here because asking for it costs a call. Timeouts in seconds.
    """

    endpoint: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    bucket: str
    secure: bool = False
    region: str = "us-east-1"
    public_endpoint: str | None = None
    connect_s: float = 5.0
    read_s: float = 30.0
    connections: int = 32


class S3Store:
    """Objects in one bucket."""

    def __init__(self, settings: S3Settings) -> None:
        self.settings = settings
        self._bucket = settings.bucket
        self._lock = threading.Lock()
        self._made: dict[str, Minio] = {}

    @property
    def _client(self) -> Minio:
        return self._client_for(self.settings.endpoint)

    def _client_for(self, endpoint: str) -> Minio:
        with self._lock:
            if endpoint not in self._made:
                self._made[endpoint] = _make_client(self.settings, endpoint)
            return self._made[endpoint]

    def get(self, key: str) -> bytes:
        """All of an object. Raises Missing."""
        return b"".join(self.open_range(key))

    def open_range(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Blocks of an object. Raises Missing at once."""
        if length is not None and length <= 0:
            self.stat(key)
            return iter(())
        return primed(self._blocks(check_key(key), start, length or 0))

    def download(self, key: str, path: Path) -> None:
        """Write an object to a file. Raises Missing."""
        write_blocks(path, self.open_range(key))

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Write an object, above 16 MiB in parts."""
        with self._calling(key):
            self._client.put_object(
                self._bucket,
                check_key(key),
                io.BytesIO(data),
                len(data),
                content_type=content_type or content_type_of(key),
                part_size=PART,
                num_parallel_uploads=1,
            )

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        """Write an object from a file, above 16 MiB in parts."""
        try:
            with path.open("rb") as file, self._calling(key):
                self._client.put_object(
                    self._bucket,
                    check_key(key),
                    file,
                    path.stat().st_size,
                    content_type=content_type or content_type_of(key),
                    part_size=PART,
                    num_parallel_uploads=1,
                )
        except OSError as error:
            raise disk_trouble(error, f"Reading {path.name}") from error

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
        """What is known of an object. Raises Missing."""
        with self._calling(key):
            found = self._client.stat_object(self._bucket, check_key(key))
        modified = found.last_modified or datetime.fromtimestamp(0, UTC)
        return ObjectInfo(key, found.size or 0, modified, found.content_type or DEFAULT_TYPE)

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        try:
            with self._calling(key):
                self._client.remove_object(self._bucket, check_key(key))
        except InvalidInput as error:
            if error.code != "object_missing":
                raise

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """The objects under a prefix; the content type is the one that the key stands for."""
        with self._calling(prefix):
            for found in self._client.list_objects(self._bucket, prefix, recursive=True):
                key = found.object_name or ""
                if found.is_dir or not key:
                    continue
                modified = found.last_modified or datetime.fromtimestamp(0, UTC)
                yield ObjectInfo(key, found.size or 0, modified, content_type_of(key))

    def copy(self, src: str, dst: str) -> None:
        """Have the server copy an object. Raises Missing."""
        from minio.commonconfig import CopySource

        with self._calling(src):
            source = CopySource(self._bucket, check_key(src))
            self._client.copy_object(self._bucket, check_key(dst), source)

    def presign(self, key: str, expires_s: int, filename: str) -> str | None:
        """An address for a GET, at most 7 days; the browser saves the file as `filename`.

        Made without asking the server: the object may be missing.
        """
        client = self._client_for(self.settings.public_endpoint or self.settings.endpoint)
        with self._calling(key):
            return client.presigned_get_object(
                self._bucket,
                check_key(key),
                timedelta(seconds=max(1, min(expires_s, LONGEST_PRESIGN_S))),
                response_headers={"response-content-disposition": content_disposition(filename)},
            )

    def ping(self) -> None:
        """Raises Unavailable unless the bucket is there."""
        with self._calling(self._bucket):
            found = self._client.bucket_exists(self._bucket)
        if not found:
            raise _no_bucket(self._bucket)

    def ensure_bucket(self) -> None:
        """Make the bucket, unless it is there."""
        from minio.error import S3Error

        with self._calling(self._bucket):
            if self._client.bucket_exists(self._bucket):
                return
            try:
                self._client.make_bucket(self._bucket)
            except S3Error as error:
                if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                    raise

    def _blocks(self, key: str, start: int, length: int) -> Iterator[bytes]:
        from minio.error import S3Error

        with self._calling(key):
            try:
                answer = self._client.get_object(self._bucket, key, offset=start, length=length)
            except S3Error as error:
                if error.code != "InvalidRange":
                    raise
                yield b""
                return
            done = False
            try:
                yield b""
                yield from answer.stream(BLOCK)
                done = True
            finally:
                if not done:
                    answer.close()  # the rest is not wanted: do not read it only to reuse the connection
                answer.release_conn()

    @contextmanager
    def _calling(self, key: str) -> Iterator[None]:
        """Turn what `minio` and urllib3 raise into our errors."""
        from minio.error import InvalidResponseError, MinioException, S3Error
        from urllib3.exceptions import HTTPError

        try:
            yield
        except S3Error as error:
            raise _translated(error, key, self._bucket) from error
        except InvalidResponseError as error:
            raise _unavailable(f"an answer that is not S3's ({str(error)[:120]})") from error
        except (HTTPError, MinioException, ConnectionError, TimeoutError) as error:
            raise _unavailable(f"{type(error).__name__}: {str(error)[:160]}") from error


def _make_client(settings: S3Settings, endpoint: str) -> Minio:
    import certifi
    import urllib3
    from minio import Minio

    parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
    secure = settings.secure if not parts.scheme else parts.scheme == "https"
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=settings.connect_s, read=settings.read_s),
        maxsize=settings.connections,
        retries=False,
        cert_reqs="CERT_REQUIRED",
        ca_certs=certifi.where(),
    )
    return Minio(
        parts.netloc,
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        secure=secure,
        region=settings.region,
        http_client=pool,
    )


_SENTENCES: tuple[tuple[frozenset[str], Callable[[str, str], ExportError]], ...] = (
    (MISSING, lambda key, bucket: missing(key)),
    (frozenset({"NoSuchBucket"}), lambda key, bucket: _no_bucket(bucket)),
    (
        REFUSED,
        lambda key, bucket: Unavailable(
            "store_refused", f"The object store refused access to the bucket {bucket!r}: check its credentials."
        ),
    ),
    (FULL, lambda key, bucket: Unavailable("disk_full", "The object store has no space left.")),
    (
        CONFLICT,
        lambda key, bucket: InvalidInput(
            "key_conflict", f"{key!r} cannot be written: it is the folder of another object, or below one."
        ),
    ),
    (
        frozenset({"KeyTooLongError", "InvalidObjectName", "XMinioInvalidObjectName"}),
        lambda key, bucket: InvalidInput("invalid_key", f"{key[:80]!r} is not a key that the store can hold."),
    ),
)


def _translated(error: S3Error, key: str, bucket: str) -> ExportError:
    for codes, make in _SENTENCES:
        if error.code in codes:
            return make(key, bucket)
    return _unavailable(f"{error.code}: {error.message}")


def _no_bucket(bucket: str) -> Unavailable:
    return Unavailable("bucket_missing", f"The object store has no bucket {bucket!r}; create it.")


def _unavailable(what: str) -> Unavailable:
    return Unavailable("store_unavailable", f"The object store did not do what was asked: {what}.")
