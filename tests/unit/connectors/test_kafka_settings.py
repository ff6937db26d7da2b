"""How Kafka is configured, and how seldom it complains."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka import KafkaSettings, Seldom, chunk_partition, consumer_config, producer_config
from connectors.kafka_topics import TopicState, differences
from schemas.errors import InvalidInput
from schemas.identity import task_key
from schemas.topics import DEFAULT_PARTITIONS, TOPICS


def test_security_is_passed_on_and_not_shown() -> None:
    """KAFKA_SASL_… and KAFKA_SSL_… become librdkafka's settings; the secret is in no representation."""
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": "a:1,b:2",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_PASSWORD": "hush",
        "KAFKA_SSL_CA_LOCATION": "/ca.pem",
        "PATH": "/bin",
    }
    settings = KafkaSettings.from_environ(environ)
    config = settings.common()
    assert config["security.protocol"] == "SASL_SSL"
    assert config["sasl.password"] == "hush"
    assert config["ssl.ca.location"] == "/ca.pem"
    assert "hush" not in repr(settings)


def test_a_missing_address_is_said() -> None:
    """Without an address there is a sentence that names the variable."""
    with pytest.raises(InvalidInput, match="KAFKA_BOOTSTRAP_SERVERS"):
        KafkaSettings.from_environ({})


def test_an_unknown_group_protocol_is_said() -> None:
    """Only the two that librdkafka knows are taken."""
    with pytest.raises(InvalidInput, match="KAFKA_GROUP_PROTOCOL"):
        KafkaSettings.from_environ({"KAFKA_BOOTSTRAP_SERVERS": "a:1", "KAFKA_GROUP_PROTOCOL": "x"})


def test_producers_are_acknowledged_by_all_and_consumers_commit_by_themselves() -> None:
    """What delivery at least once leans on."""
    settings = KafkaSettings("a:1")
    producer = producer_config(settings, 30.0)
    assert (producer["acks"], producer["enable.idempotence"], producer["linger.ms"]) == ("all", True, 0)
    consumer = consumer_config(settings)
    assert consumer["enable.auto.commit"] is False
    assert consumer["partition.assignment.strategy"] == "cooperative-sticky"
    modern = consumer_config(KafkaSettings("a:1", group_protocol="consumer"))
    assert "partition.assignment.strategy" not in modern
    assert "session.timeout.ms" not in modern


def test_a_topic_grows_and_never_shrinks() -> None:
    """Only what is missing or set otherwise is changed."""
    spec = TOPICS[0]
    assert differences(spec, TopicState(spec.partitions, spec.config())) == (None, {})
    assert differences(spec, TopicState(spec.partitions + 5, spec.config())) == (None, {})
    grow, config = differences(spec, TopicState(1, {"retention.ms": "1", "other": "kept"}))
    assert grow == spec.partitions
    assert set(config) == set(spec.config())


def test_a_client_repeats_itself_seldom() -> None:
    """A line of a kind passes once in a while, another kind at once."""
    at = [0.0]
    seldom = Seldom(30.0, lambda: at[0])

    def passes(text: str) -> bool:
        return seldom.filter(logging.LogRecord("x", logging.WARNING, "x", 1, text, None, None))

    assert [passes("FAIL [1]"), passes("FAIL [2]"), passes("GETPID [1]")] == [True, False, True]
    at[0] = 31.0
    assert passes("FAIL [3]")


@given(st.text(min_size=1, max_size=30), st.integers(0, 500), st.integers(1, 64))
def test_chunks_in_flight_lie_evenly(job: str, first: int, partitions: int) -> None:
    """Any chunks in a row lie in different partitions, until each partition has one of them."""
    row = [f"{job}:{number}".encode() for number in range(first, first + partitions)]
    assert {chunk_partition(key, partitions) for key in row} == set(range(partitions))


@given(st.integers(0, 1000), st.sampled_from([1, 2, 3, 4, 6, 12]), st.permutations(range(DEFAULT_PARTITIONS)))
def test_workers_have_as_much_to_do(first: int, workers: int, dealt: list[int]) -> None:
    """However partitions are dealt out to workers, of as many chunks in a row each has the same share."""
    row = range(first, first + DEFAULT_PARTITIONS)
    places = [
        chunk_partition(task_key("default", "job", number).encode(), DEFAULT_PARTITIONS) for number in row
    ]
    owners = [dealt[place] % workers for place in places]
    assert {owners.count(worker) for worker in range(workers)} == {DEFAULT_PARTITIONS // workers}


@given(st.binary(max_size=30), st.integers(1, 64))
def test_any_key_has_a_partition(key: bytes, partitions: int) -> None:
    """Whatever the key is, it names one of the partitions, always the same."""
    assert 0 <= chunk_partition(key, partitions) < partitions
    assert chunk_partition(key, partitions) == chunk_partition(key, partitions)


def test_jobs_begin_in_different_partitions() -> None:
    """Jobs of a single chunk do not all go to one worker."""
    places = [chunk_partition(task_key("default", f"job-{number}", 0).encode(), 12) for number in range(600)]
    assert all(30 <= places.count(place) <= 70 for place in range(12))
