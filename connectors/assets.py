"""Sources of assets: the object store, the web, the document itself, or its folder."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_to_bytes

from connectors.fetch_policy import Download, FetchPolicy
from connectors.store.base import FULL, ObjectStore, content_type_of, disk_error
from schemas import keys
from schemas.checks import nothing
from schemas.errors import InvalidInput, Missing

_DATA = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),(.*)", re.DOTALL | re.IGNORECASE)
_S3 = re.compile(r"s3://([^/]+)/(.+)", re.DOTALL)
RESERVED = ("t/", "projects/")
"""Prefixes closed to bare keys, except for the tenant's own uploads: other tenants' work, project records."""


@dataclass(frozen=True)
class AssetPolicy:
    """Sources that a document may name. bucket: the deployment's; prefixes: where bare keys may point besides
    the tenant's own uploads, None for all that is not reserved; fetch: rules of the web.
    """

    bucket: str = "exportstream"
    prefixes: tuple[str, ...] | None = None
    fetch: FetchPolicy = field(default_factory=FetchPolicy)


class AssetSource:
    """Gets the bytes behind a `src`, for a tenant.

    `store_of` gives the store of another bucket that the deployment allows, or None.
    """

    def __init__(
        self,
        store: ObjectStore,
        policy: AssetPolicy = AssetPolicy(),
        *,
        store_of: Callable[[str], ObjectStore | None] = lambda bucket: None,
        base: Path | None = None,
    ) -> None:
        """base: the folder that bare keys are relative to, for the command line's `render` only."""
        self._store = store
        self._policy = policy
        self._store_of = store_of
        self._base = base

    def fetch(self, src: str, tenant: str, path: Path, check: Callable[[], None] = nothing) -> Download:
        """Write the bytes to `path`. Raises Missing, InvalidInput or Unavailable."""
        scheme = src.partition(":")[0].lower()
        if scheme in ("http", "https"):
            from connectors.fetch import fetch  # an HTTP client takes its time to load

            return fetch(src, path, self._policy.fetch, check=check)
        if scheme == "data":
            return _write(*_decode_data(src), path)
        if self._base is not None and scheme != "s3":
            return self._from_folder(self._base, src, path)
        store, key = self._place(src, tenant)
        try:
            size = store.stat(key).size
            if size > self._policy.fetch.max_bytes:
                raise InvalidInput("asset_too_large", f"The file has {size} bytes, more than is allowed.")
            store.download(key, path)
        except Missing as error:
            raise Missing(
                "asset_not_found", f"Object {key} does not exist; upload it, or correct `src`."
            ) from error
        return _described(path, key)

    def version(self, src: str, tenant: str) -> str | None:
        """Version of a source, which changes with its bytes; None if only fetching can tell."""
        scheme = src.partition(":")[0].lower()
        if scheme in ("http", "https", "data"):
            return None
        if self._base is not None and scheme != "s3":
            try:
                stat = (self._base / src).stat()
            except (OSError, ValueError):
                return None
            return f"{self._base}:{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ino}"
        store, key = self._place(src, tenant)
        try:
            info = store.stat(key)
        except Missing:
            return None
        return f"{key}:{info.size}:{info.modified.isoformat()}"

    def _place(self, src: str, tenant: str) -> tuple[ObjectStore, str]:
        """(store, key) of a bare key or an s3:// address, if the tenant may read it."""
        if (match := _S3.fullmatch(src)) is None:
            return self._store, self._permitted(src, tenant)
        bucket, key = match.groups()
        if bucket == self._policy.bucket:
            return self._store, self._permitted(key, tenant)
        store = self._store_of(bucket)
        if store is None:
            raise InvalidInput("forbidden_source", f"The bucket {bucket} is not one that may be read here.")
        return store, key

    def _permitted(self, key: str, tenant: str) -> str:
        uploads = f"{keys.tenant_prefix(tenant)}uploads/"
        prefixes = self._policy.prefixes
        shared = not key.startswith(RESERVED) and (prefixes is None or key.startswith(prefixes))
        if key.startswith(uploads) or shared:
            return key
        raise InvalidInput(
            "forbidden_source",
            f"{key[:200]} lies outside of what may be read: upload it first (PUT /v1/uploads).",
        )

    def _from_folder(self, base: Path, src: str, path: Path) -> Download:
        source = base / src
        try:
            if os.path.commonpath([source.resolve(), base.resolve()]) != str(base.resolve()):
                raise InvalidInput("forbidden_source", f"{src} leads out of the document's folder.")
            if not source.is_file():
                raise Missing("asset_not_found", f"{src} is not next to the document and was not uploaded.")
            if source.stat().st_size > self._policy.fetch.max_bytes:
                raise InvalidInput("asset_too_large", f"{src} is larger than is allowed.")
            shutil.copyfile(source, path)
        except OSError as error:
            if error.errno in FULL:
                raise disk_error(error) from error
            raise InvalidInput("asset_unreadable", f"{src} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise InvalidInput("asset_unreadable", f"{src} cannot be read: {error}.") from error
        return _described(path, src)


def _decode_data(src: str) -> tuple[bytes, str]:
    """(bytes, content type) of a data: address (RFC 2397)."""
    match = _DATA.fullmatch(src)
    if match is None:
        raise InvalidInput("bad_url", "The data: address cannot be read.")
    kind, parameters, body = match.groups()
    data = unquote_to_bytes(body)
    if ";base64" in parameters.lower():
        try:
            data = _forgiving(data)
        except binascii.Error as error:
            raise InvalidInput("bad_url", "The data: address is not proper base64.") from error
    return data, kind or "text/plain"


def _forgiving(text: bytes) -> bytes:
    """Base64 with white space and without padding (WHATWG Infra, «forgiving-base64 decode»)."""
    packed = bytes(byte for byte in text if byte not in b" \t\n\f\r").rstrip(b"=")
    return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)


def _write(data: bytes, kind: str, path: Path) -> Download:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise disk_error(error) from error
    return Download(hashlib.sha256(data).hexdigest(), len(data), kind)


def _described(path: Path, name: str) -> Download:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Download(digest, path.stat().st_size, content_type_of(name))
