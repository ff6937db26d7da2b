"""Messages from stage to stage: which topic, which key, which fields. The one place that addresses tasks."""

from __future__ import annotations

from typing import Any

from processors.stage import Outgoing
from schemas import keys, topics
from schemas.identity import job_key, task_key
from schemas.messages import EncodeTask, JoinTask, PartDone, PartTask, RenderTask, SoundTask, UploadTask
from schemas.parts import ROUTES
from schemas.plan import Plan

TASKS: dict[str, tuple[str, type[PartTask]]] = {
    "render": (topics.RENDER, RenderTask),
    "encode": (topics.ENCODE, EncodeTask),
    "mix": (topics.SOUND, SoundTask),
}
"""The topic and the message of each stage that makes parts."""


def part_task(plan: Plan, position: int, stage: str | None = None, *, again: bool = False) -> Outgoing:
    """The order to make a part; by the first stage of its route, or by a later one."""
    topic, message = TASKS[stage or ROUTES[plan.part(position).kind][0]]
    return Outgoing(
        topic, _part_key(plan, position), message(**_common(plan), position=position, again=again)
    )


def after_part(plan: Plan, position: int, *, again: bool) -> list[Outgoing]:
    """Messages that follow a finished part: the next one of its kind, and the announcement to `mix`."""
    following = None if again else plan.following(position)
    following_task = [] if following is None else [part_task(plan, following)]
    if not plan.joined and len(plan.parts) == 1:
        return [*following_task, upload_task(plan)]
    if not plan.segments:
        return [*following_task, _done(plan, position, None)]
    return [*following_task, *(_done(plan, position, number) for number in plan.counted_for(position))]


def after_segment(plan: Plan, number: int) -> list[Outgoing]:
    """Word to whoever counts a job's segments that one is there."""
    return [_done(plan, len(plan.parts) + number, None)]


def join_task(plan: Plan, segment: int | None = None) -> Outgoing:
    """The order to join parts that are all there: those of a segment, or of the whole result."""
    return Outgoing(topics.MIX, _mix_key(plan, segment), JoinTask(**_common(plan), segment=segment))


def _done(plan: Plan, position: int, segment: int | None) -> Outgoing:
    done = PartDone(**_common(plan), position=position, segment=segment)
    return Outgoing(topics.MIX, _mix_key(plan, segment), done)


def _mix_key(plan: Plan, segment: int | None) -> str:
    """Segments are counted and written by whoever has their partition, side by side."""
    return _job_key(plan) if segment is None else _part_key(plan, segment)


def upload_task(plan: Plan, *, reused: bool = False) -> Outgoing:
    """The order to publish the result."""
    task = UploadTask(**_common(plan), output_key=plan.output_key, reused=reused)
    return Outgoing(topics.UPLOAD, _job_key(plan), task)


def _common(plan: Plan) -> dict[str, Any]:
    key = keys.plan_key(plan.tenant, plan.job_id)
    return {"job_id": plan.job_id, "tenant": plan.tenant, "plan_key": key}


def _job_key(plan: Plan) -> str:
    return job_key(plan.tenant, plan.job_id)


def _part_key(plan: Plan, position: int) -> str:
    return task_key(plan.tenant, plan.job_id, position)
