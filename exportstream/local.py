"""The stream without Kafka: the very same stages in one process, for `render` and for tests.

One thread folds facts and hands messages on; each stage has threads of its own. Drawing holds the
interpreter lock and gets one; encoders release it and get as many as there are cores.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from processors.stage import Outgoing, Stage, TaskContext
from schemas import topics
from schemas.errors import Cancelled, ExportError
from schemas.facts import CancelledFact, Fact
from schemas.lifecycle import Job, accept, fold
from schemas.messages import ExportRequest

AnyStage = Stage[Any]


def run_local(
    request: ExportRequest,
    stages: Sequence[AnyStage],
    *,
    on_change: Callable[[Job], None] = lambda job: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    cancelled: threading.Event | None = None,
) -> Job:
    """The job after all its stages: completed, failed, or cancelled when `cancelled` is set meanwhile.

    `on_change` is called in this thread after each fact. Unexpected exceptions of a stage are raised.
    """
    stop = cancelled or threading.Event()
    arrived: queue.SimpleQueue[Outgoing | BaseException] = queue.SimpleQueue()
    context = TaskContext(check=lambda: _check(stop), emit=arrived.put, now=now)
    with ExitStack() as stack:
        pools = {
            stage.topic: (stage, stack.enter_context(ThreadPoolExecutor(_threads(stage), stage.name)))
            for stage in stages
        }
        job = accept(request, now())
        arrived.put(Outgoing(topics.REQUESTS, request.job_id, request))
        try:
            while not job.terminal:
                job = _step(arrived.get(), job, pools, context, arrived, on_change)
        finally:
            stop.set()
            for _, pool in pools.values():
                pool.shutdown(wait=False, cancel_futures=True)
    return job


def _threads(stage: AnyStage) -> int:
    return max(2, os.cpu_count() or 1) if stage.name == "encode" else 1


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise Cancelled("cancelled", "The export was cancelled.")


def _step(
    item: Outgoing | BaseException,
    job: Job,
    pools: Mapping[str, tuple[AnyStage, ThreadPoolExecutor]],
    context: TaskContext,
    arrived: queue.SimpleQueue[Outgoing | BaseException],
    on_change: Callable[[Job], None],
) -> Job:
    if isinstance(item, Cancelled):
        return fold(job, CancelledFact(job_id=job.id, tenant=job.tenant, at=context.now()))
    if isinstance(item, BaseException):
        raise item
    if isinstance(item.message, Fact):
        after = fold(job, item.message)
        if after is not job:
            on_change(after)
        return after
    stage, pool = pools[item.topic]
    pool.submit(_handle, stage, item.message, context, arrived)
    return job


def _handle(
    stage: AnyStage,
    message: Any,
    context: TaskContext,
    arrived: queue.SimpleQueue[Outgoing | BaseException],
) -> None:
    try:
        for outgoing in stage.handle(message, context):
            arrived.put(outgoing)
    except Cancelled as error:
        arrived.put(error)
    except ExportError as error:
        for outgoing in stage.on_failure(message, error, context.now()):
            arrived.put(outgoing)
    except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
        arrived.put(error)
