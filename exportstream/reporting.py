"""What `render` and `submit` say when a job has ended, and where its file may go."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from exportstream import exits
from exportstream.progress import human_duration, human_size
from schemas.errors import InvalidInput

_LONGEST_NAME = 4096
"""Characters of a path (PATH_MAX)."""


def check_output(output: Path) -> None:
    """Raises InvalidInput when a file cannot be written there: better before the work than after it."""
    if output.is_dir() or not output.name:
        raise InvalidInput("is_a_folder", f"{output} is a folder: name the file to write.")
    if not output.parent.is_dir():
        raise InvalidInput("no_such_folder", f"The folder {output.parent} does not exist.")
    if not os.access(output.parent, os.W_OK):
        raise InvalidInput("cannot_write", f"Nothing can be written to the folder {output.parent}.")


def check_no_input(output: Path, file: Path, document: bytes, base: Path) -> None:
    """Raises InvalidInput when `output` is the project itself, or a file that it names: it would be gone.

    base: the folder that the document's paths start from.
    """
    if not output.exists():
        return
    if _is_same(output, file):
        raise InvalidInput("overwrites_input", f"{output} is the project itself: name another file.")
    try:
        named = list(_texts(orjson.loads(document)))
    except orjson.JSONDecodeError:
        return  # whoever reads it says what is wrong
    if any(_is_same(output, base / name) for name in named):
        raise InvalidInput("overwrites_input", f"{output} is a file that the project uses: name another one.")


def _is_same(output: Path, other: Path) -> bool:
    try:
        return os.path.samefile(output, other)
    except (OSError, ValueError):
        return False


def _texts(document: Any) -> Iterator[str]:
    """All texts of a document that may be names of files."""
    left = [document]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME:
            yield value


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
