"""Reads `export.status` from its end on and hands each snapshot to whoever listens in this process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from connectors.kafka import KafkaSettings, drain, make_consumer
from schemas import topics
from schemas.errors import InvalidMessage
from schemas.lifecycle import Job

log = logging.getLogger(__name__)

POLL_S = 0.1
RETRY_S = 1.0
METADATA_S = 5.0


class StatusReader:
    """A thread with a consumer that belongs to no group's assignment: every API process sees all jobs."""

    def __init__(self, kafka: KafkaSettings, deliver: Callable[[Job], None]) -> None:
        self._kafka = kafka
        self._deliver = deliver
        self._stopping = threading.Event()
        self.reading = threading.Event()
        self._thread = threading.Thread(target=self._run, name="status-reader", daemon=True)

    def start(self) -> None:
        """Begin; `reading` is set once nothing more will be missed."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join(3.0)

    def _run(self) -> None:
        consumer = make_consumer(self._kafka, group=f"{self._kafka.group}-status")
        try:
            while not self._stopping.is_set() and not self._assign(consumer):
                self._stopping.wait(RETRY_S)
            while not self._stopping.is_set():
                for message in drain(consumer, POLL_S):
                    value = message.value()
                    if message.error() is None and value is not None:
                        self._read(value)
        finally:
            consumer.close()

    def _assign(self, consumer: Consumer) -> bool:
        """Take all partitions at their present ends; False when the broker or the topic is not there."""
        name = self._kafka.name(topics.STATUS)
        try:
            partitions = consumer.list_topics(name, timeout=METADATA_S).topics[name].partitions
            ends = [
                TopicPartition(
                    name, p, consumer.get_watermark_offsets(TopicPartition(name, p), METADATA_S)[1]
                )
                for p in partitions
            ]
        except (KafkaException, KeyError, TypeError):
            return False
        if not partitions:
            return False
        consumer.assign([p if p.offset >= 0 else TopicPartition(name, p.partition, OFFSET_END) for p in ends])
        self.reading.set()
        return True

    def _read(self, value: bytes) -> None:
        try:
            job = Job.decode(value)
        except InvalidMessage as error:
            log.warning("a snapshot cannot be read: %s", error.message)
            return
        self._deliver(job)
