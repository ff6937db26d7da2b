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

from connectors.kafka import KafkaSettings, Publisher
from connectors.kafka_topics import check_topics
from processors.projection import Projector
from processors.stage import Outgoing
from schemas import topics
from schemas.cloudevents import headers_for
from schemas.errors import Unavailable
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


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
