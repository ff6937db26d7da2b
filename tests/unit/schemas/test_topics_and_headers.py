"""The topics as data, and what the headers of a message say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.cloudevents import EventHeaders, child_trace, decode_headers, encode_headers, headers_for
from schemas.facts import ChunkEncoded, PlanStarted
from schemas.lifecycle import Job
from schemas.messages import Control, ExportRequest, Message, PartDone
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


def test_unreadable_headers_count_as_missing() -> None:
    """Bytes that are no text, a time that is none, and no headers at all do no harm."""
    event = decode_headers([("ce_type", b"\xff"), ("ce_time", b"soon"), ("CE_ID", b"7"), ("version", None)])
    assert event == EventHeaders(None, id="7")
    assert decode_headers(None) == EventHeaders(None)


def test_a_trace_goes_on_and_begins_anew() -> None:
    """A child keeps its parent's trace and has a span of its own; nonsense begins a new trace."""
    bits = Random(1).getrandbits
    parent = child_trace(None, bits)
    child = child_trace(parent, bits)
    assert child.split("-")[1] == parent.split("-")[1]
    assert child.split("-")[2] != parent.split("-")[2]
    assert child_trace("nonsense", bits).split("-")[1] != parent.split("-")[1]


def test_events_of_one_source_have_ids_of_their_own() -> None:
    """Snapshots differ by version, orders by their moment, parts by position, facts by what they state."""
    job, moments = Job(id="j", tenant="t"), [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)]
    common: dict[str, Any] = {"job_id": "j", "tenant": "t"}
    told: list[Message] = [job.model_copy(update={"version": version}) for version in (1, 2)]
    told += [Control(**common, at=moment) for moment in moments]
    told += [PartDone(**common, plan_key="p", position=position) for position in (0, 1)]
    told += [ChunkEncoded(**common, at=moments[0], position=position) for position in (0, 1)]
    told += [PlanStarted(**common, at=moments[0]), ExportRequest(**common, format="x", project_ref="c/p")]
    ids = [message.event_id("t/j") for message in told]
    assert len(set(ids)) == len(ids)
    headers = decode_headers(headers_for(told[0], "t/j", source="projection", time=moments[0]))
    assert headers == EventHeaders("job.snapshot", "1", ids[0], "exportstream/projection", moments[0])


def test_headers_are_made_in_one_place() -> None:
    """No other module writes CloudEvents attributes of its own."""
    root = Path(__file__).parents[3]
    packages = ("schemas", "connectors", "processors", "producer_api", "exportstream")
    makers = {
        path.relative_to(root).as_posix()
        for package in packages
        for path in (root / package).rglob("*.py")
        if "encode_headers(" in path.read_text()
    }
    assert makers == {"schemas/cloudevents.py"}
