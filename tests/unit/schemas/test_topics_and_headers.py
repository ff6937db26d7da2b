"""The topics as data, and what the headers of a message say."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from schemas.cloudevents import EventHeaders, child_trace, decode_headers, encode_headers, read_type
from schemas.topics import MAX_REQUEST_BYTES, TOPICS, plain_name, topic_name

TEXT = st.none() | st.text(max_size=20)


def test_there_are_ten_topics_and_the_compacted_ones_have_no_end() -> None:
    """Control and status are kept by key; everything else goes after some time."""
    assert len({spec.name for spec in TOPICS}) == 10
    compacted = {spec.name for spec in TOPICS if spec.cleanup == "compact"}
    assert compacted == {"export.control", "export.status"}
    for spec in TOPICS:
        assert ("retention.ms" in spec.config()) == (spec.name not in compacted)


def test_a_request_may_be_dead_lettered_whole() -> None:
    """The dead-letter topic takes the largest request and its headers."""
    sizes = {spec.name: spec.max_message_bytes for spec in TOPICS}
    assert sizes["export.dead-letter"] > sizes["export.requests"] == MAX_REQUEST_BYTES


def test_a_prefix_is_put_before_a_name_and_taken_off_again() -> None:
    """Several deployments share a broker."""
    assert topic_name("export.mix", "eu.") == "eu.export.mix"
    assert plain_name("eu.export.mix", "eu.") == "export.mix"


@given(TEXT, TEXT, TEXT, TEXT, st.none() | st.datetimes(timezones=st.just(UTC)))
def test_headers_survive_the_wire(
    type_: str | None, version: str | None, id_: str | None, source: str | None, time: datetime | None
) -> None:
    """What was encoded is decoded, whatever is missing."""
    event = EventHeaders(type_, version, id_, source, time, None)
    assert decode_headers(encode_headers(event)) == event
    assert read_type(encode_headers(event)) == read_type(dict(encode_headers(event))) == (type_, version)


def test_unreadable_headers_count_as_missing() -> None:
    """Bytes that are no text, a time that is none, and no headers at all do no harm."""
    event = decode_headers([("ce_type", b"\xff"), ("ce_time", b"soon"), ("CE_ID", b"7"), ("version", None)])
    assert event == EventHeaders(None, id="7")
    assert decode_headers(None) == EventHeaders(None)
    assert read_type([("ce_type", b"\xff"), ("version", None)]) == read_type(None) == (None, None)


def test_a_trace_goes_on_and_begins_anew() -> None:
    """A child keeps its parent's trace and has a span of its own; nonsense begins a new trace."""
    bits = Random(1).getrandbits
    parent = child_trace(None, bits)
    child = child_trace(parent, bits)
    assert child.split("-")[1] == parent.split("-")[1]
    assert child.split("-")[2] != parent.split("-")[2]
    assert child_trace("nonsense", bits).split("-")[1] != parent.split("-")[1]
