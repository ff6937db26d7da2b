"""The export history in a project's own record: `meta.exports`, newest first.

The record belongs to the design editor, which may save it at any time. So an entry is added to what
the record holds at that moment, and only if it did not change while the entry was being made.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

import orjson

from connectors.store.base import ObjectStore
from schemas import keys
from schemas.errors import InvalidInput
from schemas.facts import Result
from schemas.plan import Plan

KEPT_ENTRIES = 100
TRIES = 5


class ExportHistory(Protocol):
    """Record of a project's exports."""

    def record(self, plan: Plan, result: Result, finished_at: datetime) -> None:
        """Note one finished export; the same job again changes nothing. Raises Unavailable."""


class StoredProjectHistory:
    """History in `projects/{customer_id}/{project_id}.json` of the object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def record(self, plan: Plan, result: Result, finished_at: datetime) -> None:
        """Note the export in the project's record, if the store keeps one."""
        if plan.customer_id is None or plan.project_id is None:
            return
        key = keys.project_record_key(plan.customer_id, plan.project_id)
        for _ in range(TRIES):
            before = self._read(key)
            if before is None:
                return
            after = with_entry(before, entry(plan, result, finished_at))
            if after == before:
                return
            if self._read(key) == before:
                self._store.put(key, after, content_type="application/json")
                return

    def _read(self, key: str) -> bytes | None:
        """The record; None where there is none, and where names that a client chose make no key."""
        try:
            return self._store.get(key)
        except InvalidInput:
            return None


def entry(plan: Plan, result: Result, finished_at: datetime) -> dict[str, Any]:
    """One line of the history."""
    return {
        "jobId": plan.job_id,
        "format": plan.format,
        "fileName": result.file_name,
        "fileSize": result.size,
        "duration": result.duration,
        "videoId": result.video_id,
        "settings": plan.settings,
        "userId": plan.user_id,
        "completedAt": finished_at.isoformat(),
    }


def with_entry(record: bytes, new: dict[str, Any]) -> bytes:
    """The record with one more entry, newest first; the same bytes when the job is there already.

    A record that is not a JSON object with an object under `meta` is left alone.
    """
    try:
        document = orjson.loads(record)
    except orjson.JSONDecodeError:
        return record
    meta = document.setdefault("meta", {}) if isinstance(document, dict) else None
    if not isinstance(meta, dict):
        return record
    known = meta.get("exports")
    entries = [e for e in known if isinstance(e, dict)] if isinstance(known, list) else []
    if any(e.get("jobId") == new["jobId"] for e in entries):
        return record
    meta["exports"] = [new, *entries][:KEPT_ENTRIES]
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)
