"""Uploads: files that a document may then reference; stored once, under their hash."""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from connectors.store.base import disk_error
from producer_api.ports import Services
from producer_api.problems import ApiProblem
from producer_api.threads import Threads
from schemas import keys

BLOCK = 1 << 20
_EXTENSION = re.compile(r"\.[a-z0-9]{1,8}")


class UploadView(BaseModel):
    """An uploaded file."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"src": "t/default/uploads/9f86….jpg", "size": 48213, "sha256": "9f86…"}
        }
    )

    src: str = Field(description="What to write as `src` in the document.")
    size: int = Field(description="Bytes.")
    sha256: str


@dataclass
class _Collected:
    """An upload in progress: written and hashed block by block."""

    file: BinaryIO
    digest: hashlib._Hash
    size: int = 0

    def take(self, block: bytes) -> None:
        self.digest.update(block)
        self.file.write(block)
        self.size += len(block)


def extension_of(file_name: str) -> str:
    """The extension of a name in lower case with its dot, or nothing if it has no usual one."""
    suffix = Path(file_name).suffix.lower()
    return suffix if _EXTENSION.fullmatch(suffix) else ""


async def take_upload(
    request: Request, tenant: str, file_name: str, services: Services, threads: Threads
) -> UploadView:
    """Put the request's body into the store. Raises ApiProblem 413 or 422, and Unavailable."""
    cap = services.limits.asset_bytes
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > cap:
        raise _too_large(cap)
    try:
        return await _take(request, tenant, file_name, services, threads)
    except OSError as error:
        raise disk_error(error) from error


async def _take(
    request: Request, tenant: str, file_name: str, services: Services, threads: Threads
) -> UploadView:
    cap = services.limits.asset_bytes
    with tempfile.NamedTemporaryFile(prefix="upload-", dir=services.temp_dir) as file:
        collected = _Collected(file, hashlib.sha256())  # type: ignore[arg-type]
        pending = bytearray()
        async for part in request.stream():
            pending += part
            if collected.size + len(pending) > cap:
                raise _too_large(cap)
            if len(pending) >= BLOCK:
                await threads.run(collected.take, bytes(pending))
                pending.clear()
        await threads.run(collected.take, bytes(pending))
        if collected.size == 0:
            raise ApiProblem(422, "empty_upload", "The file is empty; send its bytes as the body.")
        file.flush()
        sha256 = collected.digest.hexdigest()
        key = keys.upload_key(tenant, sha256, extension_of(file_name))
        await threads.run(_keep, services, key, Path(file.name))
    return UploadView(src=key, size=collected.size, sha256=sha256)


def _keep(services: Services, key: str, path: Path) -> None:
    if not services.store.exists(key):
        services.store.put_file(key, path)


def _too_large(cap: int) -> ApiProblem:
    detail = f"The file is larger than the {cap / (1 << 20):,.0f} MiB that are allowed."
    return ApiProblem(413, "too_large", detail, headers={"Connection": "close"})
