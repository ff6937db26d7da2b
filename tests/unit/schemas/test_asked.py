"""What is asked: declared once, carried by request, job, plan and answer, and on the wire as it was."""

from __future__ import annotations

import ast
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

import producer_api.bodies
import producer_api.views
from schemas.lifecycle import Job, accept
from schemas.messages import Asked, ExportRequest, Message
from schemas.plan import Plan

ROOT = Path(__file__).parents[3]
NARROWED = {"format", "width"}
"""Fields whose type some of those who carry them narrow: a request always has a format, a plan a width."""
OWN_WORDS = {
    "processors/upload.py",  # an entry of the video library
    "producer_api/dialects/s0.py",  # a dialect
}
"""Files that write fields of `Asked` out, each with its reason."""


def carriers(cls: type[Asked] = Asked) -> set[type[Asked]]:
    """All who carry what was asked."""
    return {one for sub in cls.__subclasses__() for one in (sub, *carriers(sub))}


def test_a_field_more_is_one_line() -> None:
    """Declared in `Asked`, it is taken by HTTP and found on the stream, in row, plan and answer."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.unit.schemas.grown"], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


def test_carriers_declare_no_field_again() -> None:
    """They inherit the fields, and at most narrow a type."""
    assert {
        ExportRequest,
        Job,
        Plan,
        producer_api.bodies.ExportBody,
        producer_api.views.ExportView,
    } <= carriers()
    again = {
        f"{cls.__name__}.{name}"
        for cls in carriers()
        for name in cls.__annotations__.keys() & Asked.model_fields.keys() - NARROWED
    }
    assert again == set()


def _copies(tree: ast.AST) -> set[str]:
    """Fields that are handed on by name: `customer_id=job.customer_id`, `"customer_id": job.customer_id`."""
    pairs: list[tuple[Any, ast.expr]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword):
            pairs.append((node.arg, node.value))
        elif isinstance(node, ast.Dict):
            pairs += [
                (key.value, value)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            ]
    names = Asked.model_fields.keys() - NARROWED - {"settings"}
    return {name for name, value in pairs if name in names and ast.unparse(value).endswith(f".{name}")}


def test_nobody_hands_the_fields_on_one_by_one() -> None:
    """`asked` passes them on; their names are written out only where others gave them other words."""
    found = {
        path.relative_to(ROOT).as_posix()
        for package in ("schemas", "producer_api", "processors", "exportstream")
        for path in (ROOT / package).rglob("*.py")
        if _copies(ast.parse(path.read_text()))
    }
    assert found <= OWN_WORDS, found - OWN_WORDS


REQUEST = (
    b'{"job_id":"j1","tenant":"anna","format":"mp4","settings":{"fps":30},"project_ref":"c/p","metadata":{"a":[1]},'
    b'"requested_at":"2026-01-01T12:00:00Z","source":"api","customer_id":"c","user_id":"u","project_id":"p",'
    b'"batch_id":"b","width":4,"request_hash":"h"}'
)
JOB = (
    b'{"id":"j1","tenant":"anna","status":"queued","version":1,"format":"mp4","settings":{"fps":30},'
    b'"metadata":{"a":[1]},"source":"api","customer_id":"c","user_id":"u","project_id":"p","project_ref":"c/p",'
    b'"batch_id":"b","width":4,"request_hash":"h","stages":["plan","render","encode","mix","upload"],"cached":0,'
    b'"frames":0,"sounds":0,"sounds_cached":0,"rendered":"0","encoded":"0","mixed":"0","done_frames":0,'
    b'"fractions":{},"warnings":[],"created_at":"2026-01-01T12:00:00Z","updated_at":"2026-01-01T12:00:00Z",'
    b'"progress":0}'
)
PLAN = (
    b'{"job_id":"j1","tenant":"anna","format":"json","settings":{},"project_key":"t/anna/documents/x.json",'
    b'"customer_id":"c","stages":["plan","render","upload"],"assets":[],"fonts":[],"installed_fonts":[],'
    b'"parts":[{"kind":"file","key":"k"}],"todo":[0],"width":8,"expected":{"samples":0,"frames":0},'
    b'"files":[{"name":"file.json","key":"t/anna/outputs/x.json","media_type":"application/json"}],'
    b'"joined":false,"engine_version":"1","instructions":"","warnings":[]}'
)


@pytest.mark.parametrize(("cls", "written"), [(ExportRequest, REQUEST), (Job, JOB)])
def test_the_wire_is_as_it_was(cls: type[Message], written: bytes) -> None:
    """What was written before the fields were shared is read, and written with the same keys and values."""
    assert orjson.loads(cls.decode(written).encode()) == orjson.loads(written)


def test_plans_of_before_are_read() -> None:
    """They lack what nobody carried into them then."""
    again = orjson.loads(Plan.decode(PLAN).encode())
    later: dict[str, Any] = {"metadata": {}, "segments": [], "missing_segments": []}
    assert again == orjson.loads(PLAN) | later


def test_a_job_begins_with_all_that_was_asked() -> None:
    """Whatever the request has, the job has."""
    request = ExportRequest.decode(REQUEST)
    job = accept(request, datetime(2026, 1, 1, tzinfo=UTC))
    assert job.asked() == request.asked()
    assert orjson.loads(job.encode()) == orjson.loads(JOB)
