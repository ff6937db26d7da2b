"""What `render` and `submit` say when a job has ended, and where its file may go."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from exportstream import exits
from exportstream.progress import human_duration, human_size
from schemas.errors import InvalidInput


def check_output(output: Path) -> None:
    """Raises InvalidInput when a file cannot be written there: better before the work than after it."""
    if output.is_dir() or not output.name:
        raise InvalidInput("is_a_folder", f"{output} is a folder: name the file to write.")
    if not output.parent.is_dir():
        raise InvalidInput("no_such_folder", f"The folder {output.parent} does not exist.")
    if not os.access(output.parent, os.W_OK):
        raise InvalidInput("cannot_write", f"Nothing can be written to the folder {output.parent}.")


def report(job: Mapping[str, Any], output: Path | None, *, as_json: bool, quiet: bool = False) -> int:
    """Say how a job ended, as the API describes it; the exit code."""
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
        print(f"{output or job['id']}  {described(job.get('result') or {})}")
    return exits.OK


def described(result: Mapping[str, Any]) -> str:
    """Length and size of a file."""
    length = [human_duration(result["duration"])] if result.get("duration") else []
    return ", ".join([*length, human_size(result.get("size", 0))])
