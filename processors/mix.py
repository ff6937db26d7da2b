"""mix: when the last part of a job is there, joins them to a file.

The fan-in needs no state of its own. A job's parts are announced under the job's key, so one
process counts them in memory. What is memory is never believed to be missing: it may have been
announced to another process, before a restart or a rebalance, so the store is asked. That costs one
look-up for each message, because the first part that is not there ends the question.

A long result is joined in segments: the parts of each are counted, and the segment is written, by whoever
has its partition, while other parts are still made. Of the segments, counted in turn under the job's key, the
store puts the result together behind a head.
"""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.store.ahead import objects
from connectors.store.base import ObjectStore
from processors.bench import Bench
from processors.facts import failed, tell
from processors.plans import PlanCache, PlanView
from processors.sending import after_segment, join_task, part_task, upload_task
from processors.stage import Outgoing, TaskContext
from renderers.recipes.maker import SegmentMaker
from schemas import topics
from schemas.errors import ExportError, Missing, Unavailable
from schemas.facts import StageProgressed
from schemas.messages import JoinTask, PartDone, SoundTask, read_message
from schemas.parts import Part
from schemas.plan import Plan

MixMessage = PartDone | JoinTask | SoundTask
REMEMBERED_JOBS = 4096


@dataclass(eq=False)
class Arrivals:
    """Parts of a job, or of a segment of it, that are not known to be in the store."""

    missing: set[int]
    completed_by: str | None = None
    """The message that completed the job: only it, delivered again, sends the file off again."""


class Mix:
    """The stage on `export.mix`."""

    name = "mix"
    topic = topics.MIX
    unordered = False

    def __init__(self, store: ObjectStore, plans: PlanCache, work_dir: Path, concurrency: int = 1) -> None:
        self._store = store
        self._plans = plans
        self._work_dir = work_dir
        self._arrivals: OrderedDict[tuple[str, str, int | None], Arrivals] = OrderedDict()
        self._lock = threading.Lock()
        self.concurrency = concurrency

    def parse(self, type_name: str | None, version: str | None, value: bytes) -> MixMessage:
        """A finished part, or the order to join; an older version's order to mix, too."""
        message: Any = read_message(type_name, version, value, PartDone, JoinTask, SoundTask)
        return message  # type: ignore[no-any-return]  # one of the accepted types

    def job_of(self, message: MixMessage) -> tuple[str, str]:
        """The job that the message belongs to."""
        return message.job_id, message.tenant

    def handle(self, message: MixMessage, context: TaskContext) -> Iterable[Outgoing]:
        """Join when nothing is missing any more."""
        context.check()
        view = self._plans.get(message.plan_key)
        segment = None if isinstance(message, SoundTask) else message.segment
        if not self._complete(message, view.plan, segment):
            return []
        if segment is not None:
            return self._write_segment(view, segment, context)
        if view.plan.joined and (lost := self._join(view, context)):
            return lost
        return [upload_task(view.plan)]

    def _complete(self, message: MixMessage, plan: Plan, segment: int | None) -> bool:
        """Note what `message` announces; whether now everything is there, as an order to join says."""
        if isinstance(message, JoinTask):
            return True
        arrivals = self._arrivals_of(plan, segment)
        if isinstance(message, PartDone):
            arrivals.missing.discard(message.position)
        if not self._all_there(plan, arrivals):
            return False
        identity = f"{message.TYPE}:{getattr(message, 'position', '')}"
        if arrivals.completed_by is None:
            arrivals.completed_by = identity
        return arrivals.completed_by == identity

    def _arrivals_of(self, plan: Plan, segment: int | None) -> Arrivals:
        key = plan.tenant, plan.job_id, segment
        with self._lock:
            if key not in self._arrivals:
                self._arrivals[key] = Arrivals(plan.missing_from(segment))
            arrivals = self._arrivals[key]
            self._arrivals.move_to_end(key)
            while len(self._arrivals) > REMEMBERED_JOBS:
                self._arrivals.popitem(last=False)
        return arrivals

    def _all_there(self, plan: Plan, arrivals: Arrivals) -> bool:
        while arrivals.missing:
            position = next(iter(arrivals.missing))
            if not self._store.exists(plan.place(position)):
                return False
            arrivals.missing.discard(position)
        return True

    def _join(self, view: PlanView, context: TaskContext) -> list[Outgoing]:
        """Write the finished file to the store. Returns tasks for parts that were swept away meanwhile."""
        plan = view.plan
        if self._store.exists(plan.output_key):
            return []
        if plan.segments:
            return self._put_together(view, context)
        read = self._reader(plan, range(len(plan.parts)))
        with tempfile.TemporaryDirectory(dir=self._work_dir, prefix="join-") as folder:
            path = Path(folder) / plan.files[0].name
            try:
                view.maker.join(plan.parts, read, Bench(view, context.check), path, check=context.check)
            except Missing:
                return self._make_again(plan, None, range(len(plan.parts)))
            context.emit(_progress(plan, 0.9, context.now()))
            self._store.put_file(plan.output_key, path, content_type=plan.files[0].media_type)
        return []

    def _reader(self, plan: Plan, positions: Iterable[int]) -> Callable[[Iterable[Part]], Iterator[bytes]]:
        places = {plan.parts[position].key: plan.place(position) for position in positions}

        def read(parts: Iterable[Part]) -> Iterator[bytes]:
            return objects(self._store, (places[part.key] for part in parts))

        return read

    def _write_segment(self, view: PlanView, number: int, context: TaskContext) -> list[Outgoing]:
        """Write a segment and then its record to the store, and announce it."""
        plan = view.plan
        segment, place = plan.segments[number], plan.segment_place(number)
        record_place = plan.place(len(plan.parts) + number)
        if self._store.exists(record_place) and self._store.exists(place):
            return after_segment(plan, number)
        maker = view.maker
        assert isinstance(maker, SegmentMaker)
        read, bench = self._reader(plan, segment.positions), Bench(view, context.check)
        with tempfile.TemporaryDirectory(dir=self._work_dir, prefix="join-") as folder:
            path = Path(folder) / "segment"
            try:
                record = maker.write_segment(plan.parts, segment, read, bench, path, check=context.check)
            except Missing:
                return self._make_again(plan, number, segment.positions)
            self._store.put_file(place, path)
        self._store.put(record_place, record)
        return after_segment(plan, number)

    def _put_together(self, view: PlanView, context: TaskContext) -> list[Outgoing]:
        """Have the store make the file of a head and all segments. Returns orders for those that are lost."""
        plan, maker = view.plan, view.maker
        assert isinstance(maker, SegmentMaker)
        numbers = range(len(plan.segments))
        try:
            records = list(objects(self._store, [plan.place(len(plan.parts) + number) for number in numbers]))
            head = maker.head(plan.parts, records, Bench(view, context.check))
            context.emit(_progress(plan, 0.9, context.now()))
            places = [plan.segment_place(number) for number in numbers]
            self._store.compose(plan.output_key, places, head, check=context.check)
        except Missing:
            return self._join_again(plan)
        return []

    def _join_again(self, plan: Plan) -> list[Outgoing]:
        """Orders to write segments that are not in the store any more."""
        lost = []
        for number in range(len(plan.segments)):
            places = plan.segment_place(number), plan.place(len(plan.parts) + number)
            if not all(map(self._store.exists, places)):
                lost.append(number)
        self._expect(plan, None, [len(plan.parts) + number for number in lost])
        return [join_task(plan, number) for number in lost]

    def _make_again(self, plan: Plan, segment: int | None, positions: Iterable[int]) -> list[Outgoing]:
        """Tasks that make again what is not in the store any more: announced, or found at planning."""
        distinct = {plan.place(position): position for position in positions}
        lost = [position for place, position in distinct.items() if not self._store.exists(place)]
        self._expect(plan, segment, lost)
        return [part_task(plan, position, again=True) for position in lost]

    def _expect(self, plan: Plan, segment: int | None, lost: Collection[int]) -> None:
        """Count what is made again. Raises Unavailable where nothing is."""
        if not lost:
            raise Unavailable("store_unavailable", "A part was away for a moment; the join is tried again.")
        arrivals = self._arrivals_of(plan, segment)
        arrivals.missing.update(lost)
        arrivals.completed_by = None

    def on_failure(self, message: MixMessage, error: ExportError, now: datetime) -> Iterable[Outgoing]:
        """The job fails: its parts cannot be joined."""
        return [failed(message.job_id, message.tenant, "mix", error, now)]


def _progress(plan: Plan, fraction: float, now: datetime) -> Outgoing:
    return tell(
        StageProgressed(job_id=plan.job_id, tenant=plan.tenant, at=now, stage="mix", fraction=fraction)
    )
