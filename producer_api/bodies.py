"""Request bodies: read up to a cap, and an export request checked as far as that is cheap."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from starlette.requests import Request

from connectors.projects import split_ref
from producer_api.problems import ApiProblem, from_error
from schemas.errors import InvalidInput
from schemas.formats import FORMATS, format_named
from schemas.limits import Limits
from schemas.messages import CARRIED_BYTES, Asked
from schemas.reading import load, validate
from schemas.settings import parse_settings

ENVELOPE_BYTES = 256 * 1024
"""Largest size of a request without its project."""
DRAINED_BYTES = 64 * 1024 * 1024
"""Bytes of an oversized body that are still read, so that its sender gets to read the answer."""


def _known_format(name: str) -> str:
    try:
        return format_named(name).name
    except InvalidInput as error:
        raise ValueError(error.message) from error


class ExportBody(Asked):
    """A request for an export: exactly one of `project` and `project_ref`, and a format."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        allow_inf_nan=False,
    )

    project: dict[str, Any] | None = Field(None, description="The project document itself.")
    format: Annotated[str, AfterValidator(_known_format)] = Field(
        description="What to make.", json_schema_extra={"enum": list(FORMATS)}
    )

    @model_validator(mode="after")
    def _one_project(self) -> ExportBody:
        if (self.project is None) == (self.project_ref is None):
            raise ValueError("Send exactly one of project and project_ref.")
        return self


def read_export(data: bytes, limits: Limits) -> ExportBody:
    """The request in `data`, its settings checked too. Raises ApiProblem or InvalidInput."""
    # Two levels more than a document may have, for it lies in `project`.
    envelope = Limits(depth=limits.depth + 2, document_bytes=limits.document_bytes + ENVELOPE_BYTES)
    body = validate(ExportBody, load(data, envelope))
    check_export(body, limits)
    return body


def check_export(body: ExportBody, limits: Limits) -> None:
    """Check what the model cannot say: the settings for the format, the reference, what is carried along."""
    if body.project_ref is not None:
        split_ref(body.project_ref)
    check_settings(body.format, body.settings, limits)
    if len(orjson.dumps([body.settings, body.metadata])) > CARRIED_BYTES:
        message = f"Settings and metadata together have at most {CARRIED_BYTES // 1024} KiB."
        raise InvalidInput("too_much_metadata", message, path="metadata")


def check_settings(kind: str, settings: dict[str, Any], limits: Limits) -> None:
    """Raise ApiProblem when the settings cannot be used."""
    try:
        if settings.get("format", kind) != kind:
            message = f"The request's format is {kind!r}; leave it out here."
            raise InvalidInput("invalid_value", message, path="format")
        parse_settings({"format": kind, **settings}, limits)
    except InvalidInput as error:
        raise from_error(error, prefix="settings") from error


async def read_body(request: Request, cap: int) -> bytes:
    """The whole body. Raises ApiProblem 413 when it is larger than `cap` bytes."""
    declared = request.headers.get("content-length", "")
    too_large = declared.isdigit() and int(declared) > cap
    waits = request.headers.get("expect", "").lower() == "100-continue"
    if too_large and (waits or int(declared) > DRAINED_BYTES):
        raise _too_large(cap)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > cap:
            too_large = True
            parts.clear()
            if size > DRAINED_BYTES:
                break
        else:
            parts.append(part)
    if too_large:
        raise _too_large(cap)
    return b"".join(parts)


def _too_large(cap: int) -> ApiProblem:
    detail = (
        f"The request is larger than {cap / (1 << 20):,.1f} MiB: upload files (PUT /v1/uploads), name them."
    )
    return ApiProblem(413, "too_large", detail, headers={"Connection": "close"})
