"""The headers of a message: CloudEvents in Kafka's binary mode, a trace, and our version.

Source: CloudEvents 1.0.2, Kafka Protocol Binding, section 3.2 (binary content mode: each attribute
is a header `ce_…` in UTF-8); W3C Trace Context for `traceparent`. `version` is ours: the version of
the message's schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.messages import Message

Headers = list[tuple[str, bytes]]

_TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")


@dataclass(frozen=True)
class EventHeaders:
    """A message's metadata; everything but `type` may be missing on reading."""

    type: str | None
    version: str | None = None
    id: str | None = None
    source: str | None = None
    time: datetime | None = None
    traceparent: str | None = None


def headers_for(
    message: Message,
    key: str,
    *,
    source: str,
    time: datetime,
    traceparent: str | None = None,
    cause: str | None = None,
) -> Headers:
    """The headers of a message of ours that is published under `key`: the one place that makes them.

    source: which of our programs says so; cause: the id of what the message follows from.
    """
    return encode_headers(
        EventHeaders(
            type=message.TYPE,
            version=str(message.VERSION),
            id=message.event_id(key, cause),
            source=f"exportstream/{source}",
            time=time,
            traceparent=traceparent,
        )
    )


def encode_headers(event: EventHeaders) -> Headers:
    """The headers on the wire, in a fixed order; what is None is left out."""
    pairs = (
        ("ce_specversion", "1.0"),
        ("ce_type", event.type),
        ("ce_id", event.id),
        ("ce_source", event.source),
        ("ce_time", event.time.isoformat() if event.time else None),
        ("content-type", "application/json"),
        ("traceparent", event.traceparent),
        ("version", event.version),
    )
    return [(name, value.encode()) for name, value in pairs if value is not None]


def decode_headers(
    headers: Mapping[str, str | bytes | None] | Iterable[tuple[str, str | bytes | None]] | None,
) -> EventHeaders:
    """Parse headers; an unreadable one counts as missing, and the last of several wins."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    found = {name.lower(): _text(value) for name, value in pairs}
    return EventHeaders(
        type=found.get("ce_type"),
        version=found.get("version"),
        id=found.get("ce_id"),
        source=found.get("ce_source"),
        time=_time(found.get("ce_time")),
        traceparent=found.get("traceparent"),
    )


def read_type(
    headers: Mapping[str, str | bytes | None] | Iterable[tuple[str, str | bytes | None]] | None,
) -> tuple[str | None, str | None]:
    """(type, version) of a message that we published, as `decode_headers` has them but sooner."""
    type_name = version = None
    for name, value in headers.items() if isinstance(headers, Mapping) else headers or ():
        if name == "ce_type":
            type_name = _text(value)
        elif name == "version":
            version = _text(value)
    return type_name, version


def child_trace(parent: str | None, random_bits: Callable[[int], int]) -> str:
    """A `traceparent` for what follows from a message: the parent's trace or a new one, a new span.

    `random_bits(n)` gives an integer of n random bits, as `random.Random.getrandbits` does.
    """
    known = _TRACEPARENT.match(parent or "")
    trace, flags = (known[1], known[3]) if known else (f"{random_bits(128) | 1:032x}", "01")
    return f"00-{trace}-{random_bits(64) | 1:016x}-{flags}"


def _text(value: bytes | str | None) -> str | None:
    if value is None or isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
