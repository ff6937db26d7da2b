"""What a finished file must be before anybody may download it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from processors.verified import measure, parse
from schemas.plan import Plan


def verify(path: Path, plan: Plan) -> tuple[str, int, float | None]:
    """(SHA-256 in hex, size in bytes, duration in seconds) of a file that is what its plan says.

    Raises InvalidInput("output_broken") naming the first difference.
    """
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
        if plan.format == "json":
            parse(path.read_bytes())
            return sha256, size, None
        return sha256, size, measure(file, plan)
