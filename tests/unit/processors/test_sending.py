"""Tasks are addressed in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processors.sending import TASKS, after_part, join_task, part_task, upload_task
from processors.stage import Outgoing
from schemas import topics
from schemas.identity import JobRef
from schemas.messages import PartTask
from schemas.parts import ROUTES, Part, PicturePart, SoundPart
from schemas.plan import OutputFile, Plan

PROCESSORS = Path(__file__).parents[3] / "processors"
TASK_TOPICS = {"RENDER", "ENCODE", "SOUND", "MIX", "UPLOAD"}
REF = JobRef("t", "j")


def plan(*parts: Part, **more: Any) -> Plan:
    """A plan whose parts are all missing."""
    file = OutputFile(name="file.mp4", key="t/t/outputs/x", media_type="video/mp4")
    fixed: dict[str, Any] = {"job_id": "j", "tenant": "t", "format": "mp4", "settings": {}, "stages": ()}
    todo = tuple(range(len(parts)))
    return Plan(**fixed, project_key="p", parts=parts, todo=todo, files=(file,), engine_version="1", **more)


def picture(number: int) -> PicturePart:
    """A still."""
    return PicturePart(key=f"k{number}", shape="still", first_frame=number, frames=1)


def addressed(tree: ast.AST) -> Iterator[str]:
    """The topics of tasks to which something is addressed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Outgoing" and node.args:
            topic = node.args[0]
            if isinstance(topic, ast.Attribute) and topic.attr in TASK_TOPICS:
                yield topic.attr


def test_no_stage_addresses_a_task_by_itself() -> None:
    """Topic, key and fields of a task are put together in `processors/sending.py`, and nowhere else."""
    found = {path.name for path in PROCESSORS.rglob("*.py") if list(addressed(ast.parse(path.read_text())))}
    assert found == {"sending.py"}


@pytest.mark.parametrize("again", [False, True])
def test_each_part_goes_to_the_stages_of_its_route(again: bool) -> None:
    """Under tenant, job and position, so that parts are spread; with what the plan is."""
    parts = plan(picture(0), SoundPart(key="s", first=0, samples=9))
    for position, part in enumerate(parts.parts):
        for stage in ROUTES[part.kind]:
            out = part_task(parts, position, stage, again=again)
            topic, kind = TASKS[stage]
            key = {"job_id": "j", "tenant": "t", "plan_key": "t/t/plans/j.json"}
            assert out == Outgoing(topic, f"{REF}:{position}", kind(**key, position=position, again=again))


def test_what_follows_is_counted_under_the_key_of_the_job() -> None:
    """One process counts all parts of a job: word of them, the join and the file have its key."""
    parts = plan(*map(picture, range(4)), width=2)
    following, done = after_part(parts, 1, again=False)
    assert isinstance(following.message, PartTask)
    assert (following.topic, following.key, following.message.position) == (topics.RENDER, "t/j:3", 3)
    assert [out.topic for out in after_part(parts, 1, again=True)] == [topics.MIX]
    assert {out.key for out in (done, join_task(parts), upload_task(parts))} == {str(REF)}
