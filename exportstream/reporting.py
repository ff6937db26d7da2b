"""Report of `render` and `submit` about a finished job."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from exportstream import exits
from exportstream.progress import human_duration, human_size


def report(
    job: Mapping[str, Any], written: Sequence[Path] = (), *, as_json: bool, quiet: bool = False
) -> int:
    """Print how a job ended and where its files are; returns the exit code."""
    if as_json:
        print(orjson.dumps(job, option=orjson.OPT_INDENT_2).decode())
    else:
        for warning in job.get("warnings") or ():
            print(f"warning: {warning}", file=sys.stderr)
    if job["status"] == "cancelled":
        return exits.CANCELLED
    if job["status"] == "failed":
        error = job.get("error") or {}
        where = f" ({error['path']})" if error.get("path") else ""
        print(f"exportstream: {error.get('message')}{where} [{error.get('code')}]", file=sys.stderr)
        return exits.of_failure(error)
    if not as_json and not quiet:
        print(f"{_places(written) or job['id']}  {described(job.get('result') or {}, written)}")
    return exits.OK


def _places(written: Sequence[Path]) -> str:
    return " … ".join(str(path) for path in dict.fromkeys((*written[:1], *written[-1:])))


def described(result: Mapping[str, Any], written: Sequence[Path] = ()) -> str:
    """Length and size of a file, number and size of several that were written."""
    if len(written) > 1:
        return f"{len(written)} files, {human_size(sum(path.stat().st_size for path in written))}"
    length = [human_duration(result["duration"])] if result.get("duration") else []
    return ", ".join([*length, human_size(result.get("size", 0))])
