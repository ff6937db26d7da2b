"""The projection as a service of this process: started when the broker is there, restarted when it fails."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from confluent_kafka import KafkaException, Message, TopicPartition

from connectors.kafka import KafkaSettings, Publisher, make_consumer
from connectors.kafka_topics import check_topics
from processors.projection import Projector
from processors.stage import Outgoing
from schemas import topics
from schemas.cloudevents import headers_for
from schemas.errors import InvalidMessage, Unavailable
from schemas.identity import JobRef
from schemas.lifecycle import Job
from schemas.messages import ExportRequest

if TYPE_CHECKING:
    from connectors.jobs import Jobs
    from processors.projection_app import FaustProjection

log = structlog.stdlib.get_logger(__name__)

SOURCE = "projection"
STOP_WITHIN_S = 8.0
LOOK_S = 0.05
ACKNOWLEDGED_WITHIN_S = 30.0


class ProjectionService:
    """Keeps one Faust application running until it is told to stop."""

    def __init__(
        self,
        kafka: KafkaSettings,
        jobs: Jobs,
        keep: Callable[[ExportRequest], ExportRequest] = lambda request: request,
    ) -> None:
        self._kafka = kafka
        self._publisher = Publisher(kafka)
        self._projector = Projector(jobs, self._publish, lambda: datetime.now(UTC), keep)
        self._app: FaustProjection | None = None

    @property
    def live(self) -> bool:
        """Whether the next fact would be folded."""
        return self._app is not None and self._app.live

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`; waits for a broker and its topics, and begins anew when Faust crashes."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(
                    check_topics,
                    self._kafka,
                    [topics.REQUESTS, topics.PROGRESS, topics.CONTROL, topics.STATUS],
                )
                await self._once(stop)
            except Unavailable as error:
                log.warning("the projection waits for the broker", reason=error.message)
                await _sleep(stop, 1.0)
        self._publisher.close()

    async def _once(self, stop: asyncio.Event) -> None:
        from processors.projection_app import FaustProjection

        with tempfile.TemporaryDirectory(prefix="exportstream-faust-") as folder:
            self._app = FaustProjection(
                self._projector,
                self._kafka.bootstrap,
                group=f"{self._kafka.group}-projection",
                topic_name=self._kafka.name,
                data_dir=folder,
            )
            try:
                await self._app.start()
                telling = asyncio.create_task(self._tell_when_live(self._app))
                crashed = asyncio.create_task(self._app.app.wait_for_stopped())
                stopped = asyncio.create_task(stop.wait())
                await asyncio.wait({crashed, stopped}, return_when=asyncio.FIRST_COMPLETED)
                telling.cancel()
                crashed.cancel()
                stopped.cancel()
                if not stop.is_set():
                    reason = self._app.app.crash_reason
                    raise Unavailable("projection_crashed", f"The projection begins anew: {reason!r}.")
            finally:
                await self._stop()

    @staticmethod
    async def _tell_when_live(app: FaustProjection) -> None:
        while not app.live:  # noqa: ASYNC110  # Faust offers nothing to wait for
            await asyncio.sleep(LOOK_S)
        log.info("the projection is live")

    async def _stop(self) -> None:
        """Stop Faust; a stuck handler would block for ever, so the process ends without it."""
        app, self._app = self._app, None
        assert app is not None
        try:
            await asyncio.wait_for(app.stop(), STOP_WITHIN_S)
        except TimeoutError:
            log.error("the projection did not stop in time; what it holds will be read again")
            os._exit(1)

    def _publish(self, outgoing: Sequence[Outgoing]) -> None:
        publish_all(self._publisher, outgoing)


def publish_all(publisher: Publisher, outgoing: Sequence[Outgoing]) -> None:
    """Publish messages and wait until the broker has them all. Raises Unavailable."""
    futures = []
    for topic, key, message in outgoing:
        headers = headers_for(message, key, source=SOURCE, time=datetime.now(UTC))
        futures.append(publisher.publish(topic, key, message.encode(), headers))
    wait_for_all(futures)


def wait_for_all(futures: Iterable[Future[None]]) -> None:
    """Wait until the broker has what was published. Raises Unavailable."""
    for future in futures:
        try:
            future.result(ACKNOWLEDGED_WITHIN_S)
        except TimeoutError as error:
            raise Unavailable("broker_unavailable", "Kafka did not take a message in time.") from error


def rebuild(kafka: KafkaSettings, jobs: Jobs) -> int:
    """Drop all rows and fill the table from the newest snapshot of each job on `export.status`.

    Returns the number of jobs. Stop the projection before, or it writes between.
    """
    newest: dict[JobRef, Job] = {}
    for value in read_topic(kafka, topics.STATUS):
        try:
            job = Job.decode(value)
        except InvalidMessage as error:
            log.warning("a snapshot cannot be read", reason=error.message)
            continue
        if job.ref not in newest or newest[job.ref].version <= job.version:
            newest[job.ref] = job
    jobs.delete_all()
    jobs.upsert(list(newest.values()))
    return len(newest)


def read_topic(kafka: KafkaSettings, topic: str) -> list[bytes]:
    """All values on a topic, from its beginning to the end it has now; deletions left out."""
    return [value for message in read_messages(kafka, topic) if (value := message.value()) is not None]


def read_messages(kafka: KafkaSettings, topic: str) -> list[Message]:
    """All messages on a topic, from its beginning to the end it has now. Raises Unavailable."""
    try:
        return _read_messages(kafka, topic)
    except KafkaException as error:
        sentence = f"Kafka does not answer at {kafka.bootstrap}: {error.args[0].str()}."
        raise Unavailable("broker_unavailable", sentence) from error


def _read_messages(kafka: KafkaSettings, topic: str) -> list[Message]:
    consumer = make_consumer(kafka, group=f"{kafka.group}-reader")
    try:
        name = kafka.name(topic)
        metadata = consumer.list_topics(name, timeout=20)
        partitions = [TopicPartition(name, p) for p in metadata.topics[name].partitions]
        ends = {p.partition: consumer.get_watermark_offsets(p, timeout=20) for p in partitions}
        left = {p: end for p, (begin, end) in ends.items() if end > begin}
        consumer.assign([TopicPartition(name, p, ends[p][0]) for p in left])
        messages: list[Message] = []
        while left:
            message = consumer.poll(1.0)
            if message is None:
                left = {p: end for p, end in left.items() if _position(consumer, name, p) < end}
                continue
            if message.error():
                continue
            partition, offset = message.partition(), message.offset()
            messages.append(message)
            if partition is not None and offset is not None and offset + 1 >= left.get(partition, 0):
                left.pop(partition, None)
        return messages
    finally:
        consumer.close()


def _position(consumer: object, name: str, partition: int) -> int:
    position = consumer.position([TopicPartition(name, partition)])[0].offset  # type: ignore[attr-defined]
    return int(position)


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
