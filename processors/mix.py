"""mix: mixes the sound while pictures are encoded; when the last chunk is there, joins them to a file.

The fan-in needs no state of its own. A job's parts are announced under the job's key, so one
process counts them in memory. What is memory is never believed to be missing: it may have been
announced to another process, before a restart or a rebalance, so the store is asked. That costs one
look-up for each message, because the first part that is not there ends the question.
"""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.store.base import ObjectStore
from processors.facts import failed, tell
from processors.plans import PlanCache, PlanView
from processors.sound import SoundMixer, sound_place
from processors.stage import Outgoing, TaskContext
from schemas import keys, topics
from schemas.errors import ExportError, Missing
from schemas.facts import StageProgressed
from schemas.identity import job_key, task_key
from schemas.messages import ChunkDone, JoinTask, RenderTask, SoundTask, UploadTask, read_message
from schemas.plan import Plan

if TYPE_CHECKING:
    from renderers.h264.mp4 import Part

MixMessage = SoundTask | ChunkDone | JoinTask
REMEMBERED_JOBS = 4096


@dataclass(eq=False)
class Arrivals:
    """What of a job is not known to lie in the store."""

    missing: set[int]
    sound_missing: bool
    completed_by: str | None = None
    """The message that completed the job: only it, delivered again, sends the file off again."""


class Mix:
    """The stage on `export.mix`."""

    name = "mix"
    topic = topics.MIX
    unordered = False

    def __init__(
        self, store: ObjectStore, plans: PlanCache, mixer: SoundMixer, work_dir: Path, concurrency: int = 1
    ) -> None:
        self._store = store
        self._plans = plans
        self._mixer = mixer
        self._work_dir = work_dir
        self._arrivals: OrderedDict[tuple[str, str], Arrivals] = OrderedDict()
        self._lock = threading.Lock()
        self.concurrency = concurrency

    def parse(self, type_name: str | None, version: str | None, value: bytes) -> MixMessage:
        """Sound to mix, a finished chunk, or the order to join."""
        message: Any = read_message(type_name, version, value, SoundTask, ChunkDone, JoinTask)
        return message  # type: ignore[no-any-return]  # one of the accepted types

    def job_of(self, message: MixMessage) -> tuple[str, str]:
        """The job that the message belongs to."""
        return message.job_id, message.tenant

    def handle(self, message: MixMessage, context: TaskContext) -> Iterable[Outgoing]:
        """Do the message's own work, then join when nothing is missing any more."""
        context.check()
        view = self._plans.get(message.plan_key)
        if isinstance(message, SoundTask):
            self._mixer.mix(view, context)
        if not self._complete(message, view.plan):
            return []
        missing = self._join(view, context)
        if missing:
            return missing
        return [self._upload(message, view.plan)]

    def _complete(self, message: MixMessage, plan: Plan) -> bool:
        """Note what `message` announces; whether now everything is there."""
        arrivals = self._arrivals_of(plan)
        if isinstance(message, ChunkDone):
            arrivals.missing.discard(message.position)
        elif isinstance(message, SoundTask):
            arrivals.sound_missing = False
        if not self._all_there(plan, arrivals):
            return False
        identity = f"{message.TYPE}:{getattr(message, 'position', '')}"
        if arrivals.completed_by is None:
            arrivals.completed_by = identity
        return arrivals.completed_by == identity

    def _arrivals_of(self, plan: Plan) -> Arrivals:
        fresh = Arrivals(set(range(len(plan.todo))), plan.sound_hash is not None)
        with self._lock:
            arrivals = self._arrivals.setdefault((plan.tenant, plan.job_id), fresh)
            self._arrivals.move_to_end((plan.tenant, plan.job_id))
            while len(self._arrivals) > REMEMBERED_JOBS:
                self._arrivals.popitem(last=False)
        return arrivals

    def _all_there(self, plan: Plan, arrivals: Arrivals) -> bool:
        while arrivals.missing:
            position = next(iter(arrivals.missing))
            if not self._store.exists(self._chunk_key(plan, plan.todo[position])):
                return False
            arrivals.missing.discard(position)
        if arrivals.sound_missing:
            arrivals.sound_missing = not self._store.exists(sound_place(plan))
        return not arrivals.sound_missing

    def _join(self, view: PlanView, context: TaskContext) -> list[Outgoing]:
        """Write the finished file to the store. Returns tasks for what was swept away meanwhile."""
        plan = view.plan
        if self._store.exists(plan.output_key):
            return []
        if lost := self._lost(plan):
            return lost
        from renderers.h264.mp4 import join
        from renderers.sound.aac import EncodedAudio

        audio = None
        if plan.sound_hash is not None:
            audio = EncodedAudio.from_bytes(self._store.get(sound_place(plan)))
        with tempfile.TemporaryDirectory(dir=self._work_dir, prefix="join-") as folder:
            path = Path(folder) / f"file.{plan.extension}"
            join(path, view.video_spec, self._parts(plan), audio, check=context.check)
            context.emit(_progress(plan, 0.9, context.now()))
            self._store.put_file(plan.output_key, path)
        return []

    def _lost(self, plan: Plan) -> list[Outgoing]:
        """Tasks that make again what was announced and is not in the store any more."""
        lost = [p for p, i in enumerate(plan.todo) if not self._store.exists(self._chunk_key(plan, i))]
        silent = plan.sound_hash is not None and not self._store.exists(sound_place(plan))
        if lost or silent:
            arrivals = self._arrivals_of(plan)
            arrivals.missing.update(lost)
            arrivals.sound_missing = silent
            arrivals.completed_by = None
        tasks = [_render_again(plan, position) for position in lost]
        return [*tasks, _mix_again(plan)] if silent else tasks

    def _parts(self, plan: Plan) -> Iterator[Part]:
        from renderers.h264.mp4 import Part
        from renderers.h264.video import EncodedChunk

        last: tuple[str, EncodedChunk] | None = None
        for index, chunk in enumerate(plan.chunks):
            if last is None or last[0] != chunk.key:
                try:
                    last = chunk.key, EncodedChunk.from_bytes(self._store.get(self._chunk_key(plan, index)))
                except Missing as error:
                    raise Missing(
                        "chunk_expired", "A part of the video was removed before it was finished; ask again."
                    ) from error
            yield Part(last[1], chunk.hold, chunk.lead)

    def _chunk_key(self, plan: Plan, index: int) -> str:
        return keys.chunk_key(plan.tenant, plan.chunks[index].key)

    def _upload(self, message: MixMessage, plan: Plan) -> Outgoing:
        task = UploadTask(
            job_id=message.job_id,
            tenant=message.tenant,
            plan_key=message.plan_key,
            output_key=plan.output_key,
        )
        return Outgoing(topics.UPLOAD, str(message.ref), task)

    def on_failure(self, message: MixMessage, error: ExportError, now: datetime) -> Iterable[Outgoing]:
        """The job fails: it has no sound, or cannot be joined."""
        return [failed(message.job_id, message.tenant, "mix", error, now)]


def _progress(plan: Plan, fraction: float, now: datetime) -> Outgoing:
    return tell(
        StageProgressed(job_id=plan.job_id, tenant=plan.tenant, at=now, stage="mix", fraction=fraction)
    )


def _render_again(plan: Plan, position: int) -> Outgoing:
    task = RenderTask(**_common(plan), position=position)
    return Outgoing(topics.RENDER, task_key(plan.tenant, plan.job_id, position), task)


def _mix_again(plan: Plan) -> Outgoing:
    return Outgoing(topics.MIX, job_key(plan.tenant, plan.job_id), SoundTask(**_common(plan)))


def _common(plan: Plan) -> dict[str, Any]:
    key = keys.plan_key(plan.tenant, plan.job_id)
    return {"job_id": plan.job_id, "tenant": plan.tenant, "plan_key": key}
