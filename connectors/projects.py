"""Project records of the design editor: in the object store, or at an HTTP endpoint."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from connectors.fetch_policy import FetchPolicy
from connectors.store.base import ObjectStore
from schemas import keys
from schemas.errors import InvalidInput, Missing


def split_ref(ref: str) -> tuple[str, str]:
    """(customer id, project id) of "customer/project". Raises InvalidInput."""
    customer, slash, project = ref.partition("/")
    if not slash or "/" in project or {customer, project} & {"", ".", ".."}:
        raise InvalidInput(
            "bad_project_ref", f"{ref!r} is not a project: write customer/project.", path="project_ref"
        )
    return customer, project


class StoredProjects:
    """Projects at `projects/{customer_id}/{project_id}.json` of the object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def load(self, project_ref: str) -> bytes:
        """The document. Raises Missing, InvalidInput or Unavailable."""
        try:
            return self._store.get(keys.project_record_key(*split_ref(project_ref)))
        except Missing as error:
            raise _not_found(project_ref) from error


class HttpProjects:
    """Projects behind an address with {customer_id} and {project_id} in it.

    The endpoint is the deployment's own, so its host is allowed whatever its address is.
    """

    def __init__(
        self, template: str, headers: Mapping[str, str], policy: FetchPolicy, max_bytes: int
    ) -> None:
        host = urlsplit(template.replace("{", "").replace("}", "")).hostname or ""
        self._template = template
        self._policy = replace(
            policy, allowed_hosts=policy.allowed_hosts | {host}, headers=dict(headers), max_bytes=max_bytes
        )

    def load(self, project_ref: str) -> bytes:
        """The document. Raises Missing, InvalidInput or Unavailable."""
        from connectors.fetch import fetch  # an HTTP client takes its time to load

        customer, project = (quote(part, safe="") for part in split_ref(project_ref))
        url = self._template.replace("{customer_id}", customer).replace("{project_id}", project)
        with tempfile.TemporaryDirectory(prefix="project-") as folder:
            path = Path(folder) / "project.json"
            try:
                fetch(url, path, self._policy)
            except Missing as error:
                raise _not_found(project_ref) from error
            return path.read_bytes()


def _not_found(ref: str) -> Missing:
    return Missing("project_not_found", f"Project {ref} does not exist.", path="project_ref")
