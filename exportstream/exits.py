"""Exit codes, the same for every command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.errors import Cancelled, ExportError, InvalidInput, Unavailable

OK = 0
FAILED = 1
"""The export failed, or what was looked for is not as it should be."""
USAGE = 2
"""The command line or the input is wrong; nothing was made."""
UNAVAILABLE = 3
"""A service that is needed does not answer; worth another try."""
CANCELLED = 4
"""The export was cancelled."""
INTERRUPTED = 130
"""Ctrl-C."""


def of(error: ExportError) -> int:
    """The exit code that stands for an error."""
    match error:
        case Cancelled():
            return CANCELLED
        case Unavailable():
            return UNAVAILABLE
        case InvalidInput():
            return USAGE
    return FAILED


def of_failure(error: Mapping[str, Any]) -> int:
    """The exit code that stands for a failed job's error: what `plan` refuses is wrong input."""
    if error.get("retriable"):
        return UNAVAILABLE
    return USAGE if error.get("stage") == "plan" else FAILED
