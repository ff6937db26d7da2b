"""The stream without Kafka: the very same stages in one process, for `render` and for tests.

One thread folds facts and hands messages on; each stage has threads of its own, as many as its
concurrency says.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

from processors.stage import Instead, Outgoing, Stage, TaskContext
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
    at_work = _AtWork()
    arrived: queue.SimpleQueue[Outgoing | BaseException] = queue.SimpleQueue()
    context = TaskContext(check=lambda: _check(stop), emit=arrived.put, now=now)
    with ExitStack() as stack:
        pools = {
            stage.topic: (stage, stack.enter_context(ThreadPoolExecutor(stage.concurrency, stage.name)))
            for stage in stages
        }
        job = accept(request, now())
        arrived.put(Outgoing(topics.REQUESTS, str(request.ref), request))
        try:
            while not job.terminal:
                job = _step(arrived.get(), job, pools, context, arrived, on_change, at_work)
        finally:
            stop.set()
            for _, pool in pools.values():
                pool.shutdown(wait=False, cancel_futures=True)
            at_work.end()
    return job


class _AtWork:
    """Who handles a message now. A pool does not know a thread in whose start Ctrl-C came."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._ended = False

    @contextmanager
    def one(self) -> Iterator[bool]:
        """Counts one for as long as it is entered; whether there still is anything to do."""
        with self._changed:
            self._count += 1
            wanted = not self._ended
        try:
            yield wanted
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()

    def end(self) -> None:
        """Wait until nobody is; whoever comes later does nothing."""
        with self._changed:
            self._ended = True
            self._changed.wait_for(lambda: self._count == 0)


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
    at_work: _AtWork,
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
    pool.submit(_handle, stage, item.message, context, arrived, at_work)
    return job


def _handle(
    stage: AnyStage,
    message: Any,
    context: TaskContext,
    arrived: queue.SimpleQueue[Outgoing | BaseException],
    at_work: _AtWork,
) -> None:
    with at_work.one() as wanted:
        try:
            for outgoing in stage.handle(message, context) if wanted else ():
                arrived.put(outgoing)
        except Instead as other:
            for outgoing in other.outputs:
                arrived.put(outgoing)
        except Cancelled as error:
            arrived.put(error)
        except ExportError as error:
            for outgoing in stage.on_failure(message, error, context.now()):
                arrived.put(outgoing)
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            arrived.put(error)
