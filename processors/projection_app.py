"""The Faust application around the projection: two agents, one for facts, one for cancel orders.

Faust is used here and nowhere else: no tables, no `exactly_once`. `noack_take` and an
acknowledgement after the write, because `take` acknowledges what an agent failed on. Producers choose
how they compress; aiokafka reads all of it where cramjam is installed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers import aiokafka as driver

from connectors.kafka import Seldom
from processors.projection import Projector, Raw
from schemas import topics
from schemas.errors import Unavailable

BATCH = 500
WITHIN_S = 0.02
FETCH_WAIT_MS = 20
METADATA_MS = 2000
"""How soon topics and partitions are noticed. A broker that has just come back may name none for a moment;
a member that joins the group then is given nothing until it looks again, by default a minute later."""


for _name in ("client", "conn", "consumer.fetcher", "consumer.group_coordinator", "cluster"):
    logging.getLogger(f"aiokafka.{_name}").addFilter(Seldom())  # else 100 lines a second without a broker


class _Thread(driver.AIOKafkaConsumerThread):
    """Faust fixes the broker's wait for data at 1.5 s, which the embedded broker always waits out."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> Any:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class _Transport(driver.Transport):
    Consumer = _Consumer


class FaustProjection:
    """The Faust application around a Projector, inside a running asyncio program.

    `bootstrap` is "host:port,host:port"; `topic_name` maps a topic's plain name to its real one.
    `committed_at` is the loop time of the last batch that was acknowledged: what liveness is judged by.
    """

    def __init__(
        self,
        projector: Projector,
        bootstrap: str,
        *,
        group: str = "exportstream-projection",
        topic_name: Callable[[str], str] = lambda name: name,
        data_dir: str | None = None,
        broker_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._projector = projector
        self._plain = {topic_name(n): n for n in (topics.REQUESTS, topics.PROGRESS, topics.CONTROL)}
        self.committed_at: float | None = None
        self.app = self._build(bootstrap, group, topic_name, data_dir, dict(broker_options or {}))

    def _build(
        self,
        bootstrap: str,
        group: str,
        topic_name: Callable[[str], str],
        data_dir: str | None,
        options: dict[str, Any],
    ) -> Any:
        import faust

        options = {
            "broker_commit_interval": 0.5,
            "broker_heartbeat_interval": 1.0,
            "broker_session_timeout": 10.0,
            "consumer_metadata_max_age_ms": METADATA_MS,
        } | options
        if data_dir is not None:
            options["datadir"] = data_dir
        app = faust.App(
            group,
            broker=[f"kafka://{host}" for host in bootstrap.split(",")],
            autodiscover=False,
            origin=None,
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            store="memory://",
            key_serializer="raw",
            value_serializer="raw",
            stream_wait_empty=True,
            consumer_auto_offset_reset="earliest",
            logging_config=None,
            loghandlers=[],
            **options,
        )
        app.transport = _Transport(app.conf.broker_consumer, app)
        facts = app.topic(
            topic_name(topics.REQUESTS), topic_name(topics.PROGRESS), key_type=bytes, value_type=bytes
        )
        orders = app.topic(topic_name(topics.CONTROL), key_type=bytes, value_type=bytes)
        app.agent(facts, name="fold")(lambda stream: self._run(stream, self._projector.apply))
        app.agent(orders, name="cancel")(lambda stream: self._run(stream, self._projector.cancel))
        return app

    async def _run(self, stream: Any, work: Callable[[Sequence[Raw]], None]) -> None:
        async for events in stream.noack_take(BATCH, within=WITHIN_S):
            await self._projector.persistently(work, [self._raw(event.message) for event in events])
            for event in events:
                await stream.ack(event)
            self.committed_at = asyncio.get_running_loop().time()

    def _raw(self, message: Any) -> Raw:
        headers = dict(_pairs(message.headers))
        return Raw(
            topic=self._plain[message.topic],
            type_name=headers.get("ce_type"),
            version=headers.get("version"),
            value=message.value or b"",
        )

    async def start(self) -> None:
        """Join the group and begin. Raises Unavailable when the broker is away."""
        from aiokafka.errors import KafkaError

        self.app.loop = asyncio.get_running_loop()
        self.app.finalize()
        try:
            await self.app.start()
        except (OSError, KafkaError) as error:
            raise Unavailable("broker_unavailable", f"Kafka does not answer: {error}.") from error

    async def stop(self) -> None:
        """Finish the batch in hand and leave the group."""
        await self.app.stop()

    @property
    def live(self) -> bool:
        """True once partitions are assigned, so that the next fact will be folded."""
        consumer = self.app.consumer
        try:
            return bool(self.app.started and consumer is not None and consumer.assignment())
        except ConsumerNotStarted:
            return False


def _pairs(headers: Any) -> Iterable[tuple[str, str]]:
    items = headers.items() if isinstance(headers, Mapping) else headers or ()
    for name, value in items:
        yield name, value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
