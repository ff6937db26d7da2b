"""The Kafka connector, one suite over the embedded broker and a real one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from confluent_kafka import Consumer
from confluent_kafka.cimpl import Message

from connectors.kafka import KafkaSettings, Publisher, drain, lag, make_consumer
from connectors.kafka_topics import check_topics, create_topics
from schemas.cloudevents import EventHeaders, decode_headers, encode_headers
from schemas.errors import InvalidInput, Missing, Unavailable
from schemas.topics import CONTROL, DEAD_LETTER, ENCODE, PROGRESS, REQUESTS, TOPICS
from tests.integration.kafka_support import PARTITIONS, embedded_settings, read_all, real_settings
from tests.servers.kafka_server import KafkaServer


@pytest.fixture(params=["embedded", "kafka"])
def settings(request: pytest.FixtureRequest, topic_prefix: str) -> Iterator[KafkaSettings]:
    """A broker with our topics."""
    if request.param == "embedded":
        broker, settings = embedded_settings(topic_prefix)
        yield settings
        broker.close()
    else:
        yield real_settings(request.getfixturevalue("kafka_bootstrap"), topic_prefix)


def test_a_message_arrives_with_its_key_and_headers(settings: KafkaSettings) -> None:
    """What was published and acknowledged is read back, headers included."""
    publisher = Publisher(settings)
    headers = encode_headers(EventHeaders("chunk.done", version="1", id="x", source="test"))
    publisher.publish(PROGRESS, "job", b"{}", headers).result(10)
    (message,) = read_all(settings, PROGRESS, lambda found: len(found) == 1)
    assert (message.key(), message.value()) == (b"job", b"{}")
    assert decode_headers(message.headers()).type == "chunk.done"
    assert publisher.close()


def test_messages_of_one_key_keep_their_order(settings: KafkaSettings) -> None:
    """All messages of a job lie in one partition, in the order in which they were published."""
    publisher = Publisher(settings)
    for number in range(500):
        publisher.publish(PROGRESS, "job", b"%d" % number, [])
    assert publisher.flush(10)
    found = read_all(settings, PROGRESS, lambda found: len(found) == 500)
    assert [int(message.value() or b"") for message in found] == list(range(500))
    assert len({message.partition() for message in found}) == 1
    publisher.close()


def test_chunks_of_a_job_are_spread_evenly(settings: KafkaSettings) -> None:
    """Chunks in a row go to one partition after the other, so that all workers have as much to do."""
    publisher = Publisher(settings)
    for number in range(3 * PARTITIONS):
        publisher.publish(ENCODE, f"job:{number}", b"%d" % number, []).result(10)
    publisher.close()
    found = read_all(settings, ENCODE, lambda found: len(found) == 3 * PARTITIONS)
    places = {int(message.value() or b""): message.partition() for message in found}
    for number in range(2 * PARTITIONS + 1):
        assert len({places[number + step] for step in range(PARTITIONS)}) == PARTITIONS


def test_a_chunk_is_published_although_nobody_knows_its_topic_yet(settings: KafkaSettings) -> None:
    """While the broker is away a message waits as any other does, and is not lost."""
    away = Publisher(replace(settings, bootstrap="127.0.0.1:9"), delivery_timeout=2.0)
    began = time.monotonic()
    future = away.publish(ENCODE, "job:1", b"{}", [])
    assert time.monotonic() - began < 2
    with pytest.raises(Unavailable):
        future.result(10)
    away.close(0.1)


def test_a_group_shares_the_partitions_and_knows_its_lag(settings: KafkaSettings) -> None:
    """Two members split the topic between them; the lag is what lies behind the committed offset."""
    publisher = Publisher(settings)
    publisher.publish(PROGRESS, "job", b"1", []).result(10)
    publisher.close()
    consumers = [make_consumer(settings) for _ in range(2)]
    seen: list[tuple[Consumer, Message]] = []
    deadline = time.monotonic() + 20
    for consumer in consumers:
        consumer.subscribe([settings.name(PROGRESS)])
    while not seen or sorted(len(c.assignment()) for c in consumers) != [PARTITIONS // 2] * 2:
        assert time.monotonic() < deadline, [c.assignment() for c in consumers]
        for consumer in consumers:
            seen += [(consumer, message) for message in drain(consumer, 0.02)]
    consumer, message = seen[0]
    place = (settings.name(PROGRESS), message.partition() or 0)
    assert lag(consumer, {place: 0}) == {place: 1}
    for consumer in consumers:
        consumer.close()


def test_a_producer_that_failed_for_good_is_replaced(settings: KafkaSettings) -> None:
    """After librdkafka called an error fatal, the next message goes out through a new producer."""
    publisher = Publisher(settings)
    publisher.publish(PROGRESS, "job", b"1", []).result(10)
    broken = publisher._producer
    publisher._renew(broken)
    publisher._renew(broken)
    publisher.publish(PROGRESS, "job", b"2", []).result(10)
    assert publisher._producer is not broken
    publisher.close()


def test_too_large_a_message_is_refused_with_a_sentence(settings: KafkaSettings) -> None:
    """A message beyond the limit raises InvalidInput before it is sent."""
    publisher = Publisher(settings)
    with pytest.raises(InvalidInput, match="at most"):
        publisher.publish(DEAD_LETTER, "job", b"x" * (settings.max_message_bytes + 1), [])
    publisher.close()


def test_a_request_of_three_megabytes_arrives(settings: KafkaSettings) -> None:
    """A project may be inlined in a request."""
    publisher = Publisher(settings)
    publisher.publish(REQUESTS, "job", b"x" * 3_000_000, []).result(20)
    publisher.close()
    (message,) = read_all(settings, REQUESTS, lambda found: len(found) == 1)
    assert len(message.value() or b"") == 3_000_000


def test_a_topic_that_takes_less_than_the_producer_refuses_for_good(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    """What the broker finds too large is the sender's fault: no retry can help."""
    settings = real_settings(kafka_bootstrap, topic_prefix)
    publisher = Publisher(settings)
    with pytest.raises(InvalidInput):
        publisher.publish(PROGRESS, "job", os.urandom(2_000_000), []).result(20)
    publisher.close()


def test_topics_are_declared_and_declaring_again_changes_nothing(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    """The first time all nine are created, the second time nothing is done."""
    settings = KafkaSettings(kafka_bootstrap, topic_prefix=topic_prefix)
    with pytest.raises(Missing, match="exportstream topics create"):
        check_topics(settings, [REQUESTS, CONTROL])
    assert [report.action for report in create_topics(settings, partitions=2)] == ["created"] * len(TOPICS)
    check_topics(settings, [spec.name for spec in TOPICS])
    assert {report.action for report in create_topics(settings, partitions=2)} == {"unchanged"}


def test_declaring_grows_partitions_and_aligns_settings(kafka_bootstrap: str, topic_prefix: str) -> None:
    """A topic with too few partitions grows, a setting that differs is set, and both are reported."""
    settings = KafkaSettings(kafka_bootstrap, topic_prefix=topic_prefix)
    spec = next(spec for spec in TOPICS if spec.name == REQUESTS)
    create_topics(settings, [spec], partitions=1)
    other = type(spec)(spec.name, spec.key, spec.carries, retention_ms=1000)
    create_topics(settings, [other], partitions=1)
    (report,) = create_topics(settings, [spec], partitions=3)
    assert report.action == "changed"
    assert "partitions 1 -> 3" in report.detail
    assert "retention.ms 1000 -> " in report.detail


def test_no_broker_is_said_in_a_sentence() -> None:
    """Looking for topics where nobody listens raises Unavailable within the time given."""
    with pytest.raises(Unavailable, match="No Kafka broker answers"):
        check_topics(KafkaSettings("127.0.0.1:1"), [REQUESTS], timeout=0.5)


def test_a_message_published_while_the_broker_is_away_arrives(own_kafka: KafkaServer) -> None:
    """The producer keeps what it was given until the broker is back."""
    settings = real_settings(own_kafka.bootstrap, "")
    publisher = Publisher(settings)
    own_kafka.stop()
    future = publisher.publish(PROGRESS, "job", b"kept", [])
    assert not future.done()
    own_kafka.start()
    future.result(30)
    publisher.close()
    assert read_all(settings, PROGRESS, lambda found: len(found) == 1)[0].value() == b"kept"
