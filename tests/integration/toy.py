"""A stage for tests of the runner, whose messages say how they want to be handled.

Run as a program it is a worker process of its own: `python -m tests.integration.toy BOOTSTRAP PREFIX
GROUP`; it prints "ready" and stops on SIGTERM.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar, Literal

from connectors.embedded import MAX_MESSAGE_BYTES
from connectors.kafka import KafkaSettings, Publisher
from processors.running.runner import Runner, RunnerOptions
from processors.stage import Outgoing, TaskContext
from schemas.cloudevents import EventHeaders, encode_headers
from schemas.errors import ExportError, InvalidInput, Unavailable
from schemas.facts import Failed, Problem
from schemas.messages import Control, Message, read_message
from schemas.topics import CONTROL, ENCODE, PROGRESS


class ToyTask(Message):
    """What to do, for how many seconds; "flaky" fails twice and then works."""

    TYPE: ClassVar[str] = "toy.task"

    job_id: str
    tenant: str = "default"
    seconds: float = 0.0
    act: Literal["work", "hang", "bad", "flaky", "away", "bug", "huge", "live", "crash"] = "work"


class ToyDone(Message):
    """The task was handled."""

    TYPE: ClassVar[str] = "toy.done"

    job_id: str


class Toy:
    """A stage on `export.encode`; `handled` counts the calls for each job."""

    name = "encode"
    topic = ENCODE

    def __init__(self, concurrency: int = 4, unordered: bool = False) -> None:
        self.concurrency = concurrency
        self.unordered = unordered
        self.handled: Counter[str] = Counter()
        self.running = 0
        self.most_running = 0
        self._lock = threading.Lock()

    def parse(self, type_name: str | None, version: str | None, value: bytes) -> ToyTask:
        """The task in a message."""
        message: Any = read_message(type_name, version, value, ToyTask)
        assert isinstance(message, ToyTask)
        return message

    def job_of(self, message: ToyTask) -> tuple[str, str]:
        """Its job."""
        return message.job_id, message.tenant

    def handle(self, message: ToyTask, context: TaskContext) -> Iterable[Outgoing]:
        """Do as the message says."""
        with self._lock:
            self.handled[message.job_id] += 1
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            return self._act(message, context)
        finally:
            with self._lock:
                self.running -= 1

    def _act(self, message: ToyTask, context: TaskContext) -> Iterable[Outgoing]:
        done = Outgoing(PROGRESS, message.job_id, ToyDone(job_id=message.job_id))
        if message.act == "bad":
            raise InvalidInput("bad_colour", "No such colour.", path="slides[0]")
        if message.act == "bug":
            raise ZeroDivisionError
        if message.act == "away" or (message.act == "flaky" and self.handled[message.job_id] < 3):
            raise Unavailable("store_unavailable", "The object store is away.")
        if message.act == "crash":
            time.sleep(message.seconds)
            os.kill(os.getpid(), signal.SIGKILL)
        if message.act == "huge":
            return [Outgoing(PROGRESS, message.job_id, ToyDone(job_id="x" * 10_000_000))]
        if message.act == "live":
            context.emit(done)
        until = time.monotonic() + message.seconds
        while time.monotonic() < until:
            if message.act != "hang":
                context.check()
            time.sleep(0.01)
        return [done]

    def on_failure(self, message: ToyTask, error: ExportError, now: datetime) -> Iterable[Outgoing]:
        """The fact that ends the job."""
        problem = Problem(code=error.code, message=error.message, path=error.path, stage="encode")
        fact = Failed(job_id=message.job_id, tenant=message.tenant, at=now, error=problem)
        return [Outgoing(PROGRESS, message.job_id, fact)]


def publish(
    settings: KafkaSettings, *tasks: ToyTask | bytes, key: str | None = None, topic: str = ENCODE
) -> None:
    """Publish tasks, keyed by their job (or all by `key`), and raw bytes as garbage."""
    publisher = Publisher(settings)
    headers = encode_headers(EventHeaders(ToyTask.TYPE, version="1"))
    futures = [
        publisher.publish(topic, key or "garbage", task, headers)
        if isinstance(task, bytes)
        else publisher.publish(topic, key or task.job_id, task.encode(), headers)
        for task in tasks
    ]
    for future in futures:
        future.result(20)
    publisher.close()


def cancel(settings: KafkaSettings, order: Control) -> None:
    """Publish an order to cancel."""
    publisher = Publisher(settings)
    headers = encode_headers(EventHeaders(order.TYPE, version="1"))
    publisher.publish(CONTROL, order.job_id, order.encode(), headers).result(20)
    publisher.close()


@contextmanager
def running(settings: KafkaSettings, *stages: Toy, options: RunnerOptions | None = None) -> Iterator[Runner]:
    """A runner on a thread of this process, ready, and stopped at the end."""
    runner = Runner(settings, stages, options=options)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            runner.run()
        except BaseException as error:  # noqa: BLE001  # raised again by whoever started it
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not runner.wait_ready(0.05):
            assert thread.is_alive(), failures
            assert time.monotonic() < deadline, "no partitions were assigned"
        yield runner
    finally:
        runner.stop()
        thread.join(15)
        assert not thread.is_alive(), "the runner did not stop"
    if failures:
        raise failures[0]


def main(bootstrap: str, prefix: str, group: str, protocol: str = "consumer") -> None:
    """A worker process with one toy stage. protocol: of its group, or "embedded" for the embedded broker."""
    settings = KafkaSettings(bootstrap, group=group, group_protocol="consumer", topic_prefix=prefix)
    if protocol == "embedded":
        settings = KafkaSettings.for_embedded(bootstrap, MAX_MESSAGE_BYTES, topic_prefix=prefix)
    runner = Runner(settings, [Toy()])
    signal.signal(signal.SIGTERM, lambda *_: runner.stop())

    def tell() -> None:
        if runner.wait_ready(30):
            print("ready", flush=True)

    threading.Thread(target=tell, daemon=True).start()
    runner.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
