"""Names by content: one canonical JSON and one digest for every key in the object store."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no white space: equal values have equal bytes.

    Raises TypeError for what JSON cannot say.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def content_hash(*parts: Any) -> str:
    """SHA-256 in hex over the canonical JSON of `parts`."""
    return hashlib.sha256(canonical_json(parts)).hexdigest()
