"""Files that an export reads, which its result must not replace."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import InvalidInput

_LONGEST_NAME = 4096
"""Characters of a path (PATH_MAX)."""


def check_no_input(outputs: Iterable[Path], file: Path, document: bytes, base: Path) -> None:
    """Raise InvalidInput if an output is the project itself, or a file that it names: it would be lost.

    base: the folder that the document's paths start from.
    """
    existing = [output for output in outputs if output.is_file()]
    if not existing:
        return
    for output in existing:
        if _is_same(output, file):
            raise InvalidInput("overwrites_input", f"{output} is the project itself: name another file.")
    try:
        named = list(_texts(orjson.loads(document)))
    except orjson.JSONDecodeError:
        return  # reported when it is parsed
    for output in existing:
        if any(_is_same(output, base / name) for name in named):
            message = f"{output} is a file that the project uses: name another one."
            raise InvalidInput("overwrites_input", message)


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
