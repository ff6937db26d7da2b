"""Source of a request's project document: the request itself, the store, or a project source."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from connectors.store.base import ObjectStore
from schemas import keys
from schemas.errors import InvalidInput, Missing
from schemas.messages import ExportRequest


class ProjectSource(Protocol):
    """An editor's store of projects."""

    def load(self, project_ref: str) -> bytes:
        """The document called "customer/project". Raises Missing, InvalidInput or Unavailable."""


class Documents:
    """Finds the document of a request, and keeps a copy in the store under its hash."""

    def __init__(self, store: ObjectStore, source: ProjectSource | None) -> None:
        self._store = store
        self._source = source

    def load(self, request: ExportRequest) -> tuple[bytes, str]:
        """(document, its key in the store). Raises InvalidInput or Unavailable."""
        if request.project_key is not None:
            return self._stored(request, request.project_key), request.project_key
        if request.project is not None:
            document = _written(request.project)
        else:
            document = self._from_source(request.project_ref or "")
        key = keys.project_key(request.tenant, hashlib.sha256(document).hexdigest())
        if not self._store.exists(key):
            self._store.put(key, document, content_type="application/json")
        return document, key

    def keep(self, request: ExportRequest) -> ExportRequest:
        """The request with its inline project in the store instead."""
        _, key = self.load(request)
        return request.model_copy(update={"project": None, "project_ref": None, "project_key": key})

    def _stored(self, request: ExportRequest, key: str) -> bytes:
        if not key.startswith(keys.tenant_prefix(request.tenant)):
            raise InvalidInput(
                "project_not_found",
                "The project lies outside of this tenant's part of the store.",
                path="project_key",
            )
        try:
            return self._store.get(key)
        except Missing as error:
            raise Missing(
                "project_not_found", f"No project document is stored at {key}.", path="project_key"
            ) from error

    def _from_source(self, ref: str) -> bytes:
        if self._source is None:
            raise InvalidInput(
                "no_project_source",
                "Projects by reference need a configured source; send the project itself.",
                path="project_ref",
            )
        return self._source.load(ref)


def _written(project: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(project)
    except orjson.JSONEncodeError as error:
        raise InvalidInput("too_deep", "The project is nested too deep.", path="project") from error
