"""Orders about jobs, read by every worker: which jobs are cancelled.

`export.control` is compacted and read from its beginning by every process, outside of any group, so
that one that starts later, or is handed a message of a cancelled job, knows of it.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.cimpl import Message

from connectors.kafka import KafkaSettings, drain, make_consumer
from schemas.cloudevents import decode_headers
from schemas.errors import InvalidMessage
from schemas.messages import Control, read_message
from schemas.topics import CONTROL

log = logging.getLogger(__name__)


class CancelledJobs:
    """The jobs that were called off, the last `capacity` of them. Thread-safe."""

    def __init__(self, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._jobs: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, job_id: str, tenant: str) -> None:
        """This job is called off; the oldest entry is forgotten when there are too many."""
        with self._lock:
            self._jobs[job_id, tenant] = None
            self._jobs.move_to_end((job_id, tenant))
            while len(self._jobs) > self._capacity:
                self._jobs.popitem(last=False)

    def __contains__(self, job: tuple[str, str]) -> bool:
        """True if the job is cancelled."""
        return job in self._jobs

    def __len__(self) -> int:
        """Number of known orders."""
        return len(self._jobs)


class ControlReader:
    """Reads the control topic on a thread of its own and tells `on_cancel` of every order."""

    def __init__(self, settings: KafkaSettings, on_cancel: Callable[[str, str], None]) -> None:
        self._settings = settings
        self._on_cancel = on_cancel
        self._stop = threading.Event()
        self._caught_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def start(self, timeout: float = 5.0) -> bool:
        """Start, and wait until all old orders are read; False when that took longer than `timeout` s."""
        self._thread.start()
        return self._caught_up.wait(timeout)

    def stop(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        # A group is a must for a consumer; without commits and subscriptions none comes into being.
        group = f"{self._settings.group}-control-{uuid.uuid4().hex[:8]}"
        while not self._stop.is_set():
            consumer = make_consumer(self._settings, group, **{"enable.partition.eof": True})
            try:
                self._follow(consumer)
            except KafkaException as error:
                log.warning("reading %s failed, trying again: %s", CONTROL, error)
                self._stop.wait(1.0)
            finally:
                consumer.close()

    def _follow(self, consumer: Consumer) -> None:
        name = self._settings.name(CONTROL)
        count = len(consumer.list_topics(name, timeout=10).topics[name].partitions)
        consumer.assign([TopicPartition(name, number, 0) for number in range(count)])
        ended: set[int] = set()
        look_again = time.monotonic() + 60
        while not self._stop.is_set():
            for message in drain(consumer, 0.1):
                if message.error() is None:
                    self._take(message)
                else:
                    ended.add(message.partition() or 0)  # the end of a partition, or an error like it
            if len(ended) >= count:
                self._caught_up.set()
            if time.monotonic() > look_again:
                look_again = time.monotonic() + 60
                if len(consumer.list_topics(name, timeout=10).topics[name].partitions) != count:
                    return  # the topic grew: read it again

    def _take(self, message: Message) -> None:
        value = message.value()
        if value is None:
            return
        headers = decode_headers(message.headers())
        try:
            order = read_message(headers.type, headers.version, value, Control)
        except InvalidMessage as error:
            # Everybody reads this topic: a dead letter from each would say the same many times.
            place = f"{message.partition()}/{message.offset()}"
            log.warning("an unreadable order at %s %s: %s", CONTROL, place, error)
            return
        if isinstance(order, Control) and order.action == "cancel":
            self._on_cancel(order.job_id, order.tenant)
