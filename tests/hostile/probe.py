"""A program in the place of the decoder: it tries what an attacker would whose code runs there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from connectors import decoder as module
from connectors.decoder import SandboxedDecoder
from connectors.sandbox import MIB, Limits
from connectors.walls.raising import missing

PROBE = """
import json, os, sys
for line in sys.stdin:
    job = json.loads(line)
    told = {}
    try:
        exec(job["code"], {"job": job, "told": told})
    except BaseException as error:
        told["error"] = f"{type(error).__name__}: {error}"
    print(json.dumps({"ok": True, "pid": os.getpid(), "told": told}), flush=True)
"""
LIMITS = Limits(memory=2048 * MIB, wall_s=30.0, cpu_s=30)

needs_walls = pytest.mark.skipif(bool(missing()), reason=f"this kernel has no {' and no '.join(missing())}")
Attempt = Callable[..., dict[str, Any]]


@contextmanager
def attempts(monkeypatch: pytest.MonkeyPatch, **options: Any) -> Iterator[Attempt]:
    """What runs code in a decoder process, and returns what the code put into `told`, errors included."""
    monkeypatch.setattr(module, "PROGRAM", ("-c", PROBE))
    pool = SandboxedDecoder(1, LIMITS, **options)

    def attempt(code: str, **job: Any) -> dict[str, Any]:
        told: dict[str, Any] = pool.run({"op": "probe", "code": code, **job})["told"]
        return told

    try:
        yield attempt
    finally:
        pool.close()
