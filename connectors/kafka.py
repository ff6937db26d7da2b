"""Kafka by confluent-kafka: settings, a producer that is acknowledged, consumers, lag.

The same clients speak to a real broker and to the embedded one (connectors/embedded.py); what
differs is data in `KafkaSettings`.
"""

from __future__ import annotations

import logging
import math
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.cimpl import Message

from schemas.cloudevents import Headers
from schemas.errors import InvalidInput, Unavailable
from schemas.topics import CHUNK_TOPICS, MAX_DEAD_LETTER_BYTES, plain_name, topic_name

log = logging.getLogger(__name__)
client_log = logging.getLogger("exportstream.kafka")
"""Messages of librdkafka, rate-limited (`Seldom`)."""

GROUP = "exportstream"
PARTITION_UA = -1
"""librdkafka's RD_KAFKA_PARTITION_UA: it chooses the partition, by the key."""
PASSED_ON = ("KAFKA_SECURITY_", "KAFKA_SASL_", "KAFKA_SSL_", "KAFKA_ENABLE_SSL_")
"""Variables that become librdkafka's settings: KAFKA_SASL_USERNAME is `sasl.username`."""
COUNT_KEPT_S = 60.0
COUNT_WAIT_S = 1.0
"""For how long a topic's number of partitions is believed, and waited for."""
BROKER_HEADROOM = 64 * 1024
"""Allowance for a record's headers and framing beyond its key and value."""


@dataclass(frozen=True)
class KafkaSettings:
    """Address of the broker and how to connect to it.

    group_protocol: "consumer" is KIP-848 (Kafka 4, and the embedded broker): joins in 0.1 s;
    "classic" with cooperative-sticky assignment works everywhere. security: librdkafka settings that
    are passed on, not shown in `repr`. max_message_bytes: what a producer may send at most, keys and
    headers included. embedded: no admin interface, nothing compacted.
    """

    bootstrap: str
    group: str = GROUP
    group_protocol: Literal["classic", "consumer"] = "classic"
    topic_prefix: str = ""
    client_id: str = "exportstream"
    max_message_bytes: int = MAX_DEAD_LETTER_BYTES
    embedded: bool = False
    security: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """From KAFKA_BOOTSTRAP_SERVERS, KAFKA_GROUP_ID, KAFKA_GROUP_PROTOCOL, KAFKA_TOPIC_PREFIX, ….

        Raises InvalidInput when the address is missing or the protocol unknown.
        """
        bootstrap = environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
        if not bootstrap:
            raise InvalidInput(
                "missing_setting", "KAFKA_BOOTSTRAP_SERVERS is not set: host:port of a Kafka broker."
            )
        protocol = environ.get("KAFKA_GROUP_PROTOCOL", "classic")
        if protocol not in ("classic", "consumer"):
            raise InvalidInput(
                "invalid_setting", f'KAFKA_GROUP_PROTOCOL is "classic" or "consumer", not {protocol!r}.'
            )
        security = {
            name.removeprefix("KAFKA_").lower().replace("_", "."): value
            for name, value in environ.items()
            if name.startswith(PASSED_ON) and value
        }
        return cls(
            bootstrap=bootstrap,
            group=environ.get("KAFKA_GROUP_ID") or GROUP,
            group_protocol="consumer" if protocol == "consumer" else "classic",
            topic_prefix=environ.get("KAFKA_TOPIC_PREFIX", ""),
            security=tuple(sorted(security.items())),
        )

    @classmethod
    def for_embedded(cls, bootstrap: str, max_message_bytes: int, **other: Any) -> Self:
        """The settings for the embedded broker at `bootstrap`, which drops what is larger without a word."""
        fixed = {"group_protocol": "consumer", "embedded": True, "max_message_bytes": max_message_bytes}
        return replace(cls(bootstrap), **{**fixed, **other})

    def name(self, plain: str) -> str:
        """The name of a topic on this broker."""
        return topic_name(plain, self.topic_prefix)

    def plain(self, name: str) -> str:
        """The name of a topic without the deployment's prefix."""
        return plain_name(name, self.topic_prefix)

    def common(self) -> dict[str, Any]:
        """Configuration shared by all clients."""
        return {
            "bootstrap.servers": self.bootstrap,
            "client.id": self.client_id,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1000,
            "socket.keepalive.enable": True,
            # With "rebootstrap" the back-off restarts each time that all brokers are down: 70
            # attempts a second as long as a single broker is away.
            "metadata.recovery.strategy": "none",
            # A broker that was just restarted refuses for a moment; that is not worth a line each time.
            "log.connection.close": False,
            "logger": client_log,
            **dict(self.security),
        }


def producer_config(settings: KafkaSettings, delivery_timeout: float) -> dict[str, Any]:
    """The producer's configuration: acknowledged by all replicas, in order, at once."""
    return {
        **settings.common(),
        "acks": "all",
        # The embedded broker never restarts, and asking it for a producer id takes half a second.
        "enable.idempotence": not settings.embedded,
        "linger.ms": 0,
        # As Java clients and aiokafka choose partitions: one job, one partition, whichever client writes.
        "partitioner": "murmur2_random",
        "compression.type": "none" if settings.embedded else "lz4",
        "message.max.bytes": settings.max_message_bytes + BROKER_HEADROOM,
        "message.timeout.ms": int(delivery_timeout * 1000),
        "queue.buffering.max.messages": 20_000,
        "queue.buffering.max.kbytes": 65_536,
        "error_cb": _log_error,
    }


def consumer_config(settings: KafkaSettings, group: str | None = None) -> dict[str, Any]:
    """A member of the group that commits by itself: offsets after the effect, never before."""
    config: dict[str, Any] = {
        **settings.common(),
        "group.id": group or settings.group,
        "group.protocol": settings.group_protocol,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "allow.auto.create.topics": False,
        # The embedded broker answers an empty fetch after this time, whatever arrives meanwhile.
        "fetch.wait.max.ms": 5 if settings.embedded else 20,
        "fetch.message.max.bytes": 1024 * 1024,
        "queued.max.messages.kbytes": 32_768,
        "topic.metadata.refresh.interval.ms": 30_000,
        "error_cb": _log_error,
    }
    if settings.group_protocol == "classic":
        classic = {"session.timeout.ms": 10_000, "heartbeat.interval.ms": 1000}
        config |= {"partition.assignment.strategy": "cooperative-sticky", **classic}
    return config


def make_consumer(settings: KafkaSettings, group: str | None = None, **more: Any) -> Consumer:
    """A consumer of `group` (default: the settings'); `more` are librdkafka settings or callbacks."""
    return Consumer({**consumer_config(settings, group), **more})


def _log_error(error: KafkaError) -> None:
    client_log.log(logging.ERROR if error.fatal() else logging.WARNING, "%s %s", error.name(), error.str())


class Seldom(logging.Filter):
    """Lets a line of each kind pass once in `seconds`: a broker that is away is worth no more.

    librdkafka's lines begin with their kind ("FAIL [exportstream#consumer-1] …").
    """

    def __init__(self, seconds: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """True if the line is let through."""
        kind = record.getMessage().partition(" ")[0]
        now = self._clock()
        if record.levelno >= logging.CRITICAL or now - self._last.get(kind, -self._seconds) >= self._seconds:
            self._last[kind] = now
            return True
        return False


client_log.addFilter(Seldom())


class Publisher:
    """A producer whose every message is acknowledged by the broker, through a future.

    Thread-safe. The buffer is bounded: `publish` waits for room. A background thread serves the
    acknowledgements, so that callers need not poll.
    """

    def __init__(
        self, settings: KafkaSettings, *, delivery_timeout: float = 30.0, max_wait: float = 30.0
    ) -> None:
        """delivery_timeout: seconds after which an unacknowledged message fails with Unavailable.

        max_wait: seconds that `publish` waits for room in the buffer.
        """
        self._settings = settings
        self._config = producer_config(settings, delivery_timeout)
        self._producer = Producer(self._config)
        self._renewing = threading.Lock()
        self._counts: dict[str, tuple[int, float]] = {}
        self._max_wait = max_wait
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="kafka-acknowledgements", daemon=True)
        self._thread.start()

    def publish(
        self, topic: str, key: str | bytes | None, value: bytes | None, headers: Headers
    ) -> Future[None]:
        """Send a message to a topic (its plain name); the future ends when the broker has it.

        Raises InvalidInput when it is larger than the broker keeps, Unavailable when there is no room.
        The future fails with Unavailable when the broker did not take it in time.
        """
        key = key.encode() if isinstance(key, str) else key
        self._check_size(topic, key, value, headers)
        future: Future[None] = Future()

        def acknowledged(error: KafkaError | None, _: Message) -> None:
            if error is None:
                future.set_result(None)
            else:
                self._counts.pop(topic, None)
                future.set_exception(delivery_error(topic, error))

        name = self._settings.name(topic)
        partition = self._partition(topic, key)
        deadline = time.monotonic() + self._max_wait
        while True:
            producer = self._producer
            try:
                producer.produce(name, value, key, partition, headers=list(headers), on_delivery=acknowledged)
                return future
            except BufferError:
                if self._closed.is_set() or time.monotonic() > deadline:
                    raise Unavailable("broker_unavailable", "The Kafka broker takes no messages.") from None
                time.sleep(0.005)
            except KafkaException as error:
                if error.args[0].code() == KafkaError._FATAL:
                    self._renew(producer)
                raise delivery_error(topic, error.args[0]) from error

    def _partition(self, topic: str, key: bytes | None) -> int:
        """The partition of a chunk's message; by the key's hash for others, or if no broker answers."""
        if topic not in CHUNK_TOPICS or key is None:
            return PARTITION_UA
        count, until = self._counts.get(topic, (0, 0.0))
        if time.monotonic() > until:
            try:
                name = self._settings.name(topic)
                count = len(self._producer.list_topics(name, COUNT_WAIT_S).topics[name].partitions)
            except (KafkaException, KeyError):
                count = 0
            self._counts[topic] = count, time.monotonic() + (COUNT_KEPT_S if count else COUNT_WAIT_S)
        return chunk_partition(key, count) if count else PARTITION_UA

    def _renew(self, broken: Producer) -> None:
        """Replace the producer: an idempotent one that lost its sequence stays broken."""
        with self._renewing:
            if self._producer is not broken:
                return
            log.error("the producer failed fatally and is replaced")
            self._producer = Producer(self._config)
        broken.purge()
        broken.flush(1.0)

    def _check_size(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        size = len(key or b"") + len(value or b"") + sum(len(name) + len(text) for name, text in headers)
        limit = self._settings.max_message_bytes
        if size > limit:
            where = "The embedded broker keeps" if self._settings.embedded else f"{topic} takes"
            sentence = f"{where} messages of at most {limit} bytes, this one has {size}."
            raise InvalidInput("message_too_large", sentence)

    def _serve(self) -> None:
        while not self._closed.is_set():
            self._producer.poll(0.1)

    def pending(self) -> int:
        """Number of messages that wait for their acknowledgement."""
        return len(self._producer)

    def flush(self, timeout: float) -> bool:
        """Wait until everything is acknowledged; False when it is not within `timeout` seconds."""
        return self._producer.flush(timeout) == 0

    def close(self, timeout: float = 5.0) -> bool:
        """Flush and stop; False when unacknowledged messages are left."""
        flushed = self.flush(timeout)
        if not flushed:
            self._producer.purge()
        self._closed.set()
        self._thread.join(1.0)
        return flushed


def chunk_partition(key: bytes, count: int) -> int:
    """The partition of a message about a chunk. Its key (`task_key`) ends with a number: tenant/job:number.

    Of as many chunks in a row as there are partitions each has one, so workers with equally many partitions
    get equally many chunks; each is a golden section of all further on, so that fewer in a row are spread
    over workers whose partitions are neighbours. A hash would leave a third of the workers idle while others
    have two chunks to do (docs/scaling.md). Jobs begin anywhere. Keys of another form are hashed.
    """
    job, _, number = key.rpartition(b":")
    turn = int(number) if number.isdigit() else 0
    return (zlib.crc32(job or key) + turn * _stride(count)) % count


@lru_cache(maxsize=16)
def _stride(count: int) -> int:
    """The step next to a golden section of `count` that reaches all of them."""
    golden = count * (5**0.5 - 1) / 2
    coprime = (step for step in range(1, count + 1) if math.gcd(step, count) == 1)
    return min(coprime, key=lambda step: abs(step - golden))


def delivery_error(topic: str, error: KafkaError) -> InvalidInput | Unavailable:
    """The error of a failed delivery: too large is permanent, everything else may pass."""
    if error.code() in (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD):
        return InvalidInput("message_too_large", f"{topic} does not take the message: {error.str()}.")
    return Unavailable(
        "broker_unavailable", f"The Kafka broker did not take a message for {topic}: {error.str()}."
    )


def lag(consumer: Consumer, committed: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
    """Messages behind the end of the log, for each partition whose end is known; asks no broker.

    `committed`: the next offset to handle, by (topic, partition).
    """
    behind: dict[tuple[str, int], int] = {}
    for (topic, partition), offset in committed.items():
        try:
            ends = consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
        except KafkaException:
            continue
        if ends[1] >= 0:
            behind[topic, partition] = max(0, ends[1] - offset)
    return behind


def drain(consumer: Consumer, timeout: float, most: int = 200) -> Sequence[Message]:
    """Messages and errors that are there: waits `timeout` seconds for the first, and takes the rest."""
    first = consumer.poll(timeout)
    return [] if first is None else [first, *consumer.consume(most, 0)]
