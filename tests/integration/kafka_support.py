"""What the tests on Kafka share: a broker to test against, embedded or real, and reading a topic back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import Message

from connectors.embedded import MAX_MESSAGE_BYTES, EmbeddedBroker
from connectors.kafka import KafkaSettings, make_consumer
from connectors.kafka_topics import create_topics
from schemas.topics import TOPICS

PARTITIONS = 4


def embedded_settings(prefix: str) -> tuple[EmbeddedBroker, KafkaSettings]:
    """An embedded broker with our topics, and how to reach it."""
    broker = EmbeddedBroker({prefix + spec.name: PARTITIONS for spec in TOPICS})
    settings = KafkaSettings.for_embedded(broker.bootstrap, MAX_MESSAGE_BYTES, topic_prefix=prefix)
    return broker, settings


def real_settings(
    bootstrap: str, prefix: str, protocol: Literal["classic", "consumer"] = "consumer"
) -> KafkaSettings:
    """Our topics and a group of our own on a real broker."""
    settings = KafkaSettings(bootstrap, group=prefix + "group", group_protocol=protocol, topic_prefix=prefix)
    create_topics(settings, partitions=PARTITIONS)
    return settings


def read_all(
    settings: KafkaSettings, topic: str, enough: Callable[[list[Message]], bool], timeout: float = 15
) -> list[Message]:
    """The messages of a topic from its beginning, read until they are `enough`."""
    consumer = make_consumer(settings, f"{settings.group}-reader")
    try:
        name = settings.name(topic)
        partitions = consumer.list_topics(name, timeout=10).topics[name].partitions
        consumer.assign([TopicPartition(name, number, 0) for number in partitions])
        found: list[Message] = []
        deadline = time.monotonic() + timeout
        while not enough(found):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic} holds {[m.value() for m in found]}, which is not enough")
            message = consumer.poll(0.05)
            if message is not None and message.error() is None:
                found.append(message)
        return found
    finally:
        consumer.close()
