"""Messages that may have killed a worker, kept where the position is kept: in the metadata of offset commits.

    {"v": 1, "run": {"123": 1, "125": 2}}   offsets in hand, and how often work on them was begun

A worker that is killed cannot tell what it died of. Whoever reads its partitions next finds the offsets that
it was handling: these are suspects, and each runs alone in its process, so that the innocent are cleared.
One that ends its worker again and again is a dead letter. Kafka keeps 4,096 bytes of metadata by default
(`offset.metadata.max.bytes`).
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from schemas.errors import ExportError, InvalidInput

LONGEST = 4000
"""Bytes of metadata."""
ATTEMPTS = 3
"""Deaths after which a message is not handled any more."""
_VERSION = 1


def written(counts: Mapping[int, int]) -> str:
    """How often each of some offsets was begun, as metadata: where there is no room for all, the highest."""
    kept = dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
    while True:
        run = {str(offset): count for offset, count in sorted(kept.items())}
        text = orjson.dumps({"v": _VERSION, "run": run}).decode() if run else ""
        if len(text) <= LONGEST:
            return text
        kept = dict(list(kept.items())[: len(kept) * LONGEST // len(text)])


def read(metadata: str | None) -> dict[int, int]:
    """What `written` wrote; nothing of what somebody else did."""
    try:
        found = orjson.loads(metadata or "null")
        if not isinstance(found, dict) or found.get("v") != _VERSION:
            return {}
        return {int(offset): int(count) for offset, count in dict(found.get("run", {})).items()}
    except (ValueError, TypeError):
        return {}


def killed(attempts: int) -> ExportError:
    """The error of a message that ended its worker so often."""
    return InvalidInput("killed_its_worker", f"Processing it ended the worker {attempts} times.")
