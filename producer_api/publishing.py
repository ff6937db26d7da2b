"""Publisher of the API: waits until the broker has acknowledged each message."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Protocol

from schemas.cloudevents import Headers, child_trace, headers_for
from schemas.errors import Unavailable
from schemas.messages import Message

SOURCE = "api"


class Sender(Protocol):
    """Interface of connectors.kafka.Publisher."""

    def publish(
        self, topic: str, key: str | bytes | None, value: bytes | None, headers: Headers
    ) -> Future[None]:
        """Send a message; the future completes with the broker's acknowledgement."""


class StreamPublisher:
    """`producer_api.ports.Publisher` over Kafka.

    timeout: seconds that a caller waits. The sender's own delivery timeout should not be longer, or a
    request may reach the stream after its caller got a 503.
    """

    def __init__(
        self,
        sender: Sender,
        *,
        timeout: float = 5.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        random_bits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self._sender = sender
        self._timeout = timeout
        self._now = now
        self._random_bits = random_bits

    def publish(self, topic: str, key: str, message: Message) -> None:
        """Block until the broker has the message. Raises Unavailable, or InvalidInput for a too large one."""
        trace = child_trace(None, self._random_bits)
        headers = headers_for(message, key, source=SOURCE, time=self._now(), traceparent=trace)
        try:
            self._sender.publish(topic, key, message.encode(), headers).result(self._timeout)
        except TimeoutError as error:
            raise Unavailable("broker_unavailable", "The Kafka broker does not answer; try again.") from error
