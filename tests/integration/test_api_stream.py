"""The API on a real stream: what it publishes is what workers and the projection read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from connectors.kafka import KafkaSettings, Publisher
from producer_api.publishing import StreamPublisher
from schemas.cloudevents import decode_headers
from schemas.identity import JobRef
from schemas.lifecycle import accept
from schemas.messages import DEFAULT_TENANT, Control, ExportRequest, Message, read_message
from schemas.topics import CONTROL, REQUESTS
from tests.integration.kafka_support import embedded_settings, read_all, real_settings
from tests.integration.test_api_server import Served, serving
from tests.servers.base import free_port
from tests.unit import builders as b
from tests.unit.api.harness import NOW


@pytest.fixture(params=["embedded", "kafka"])
def settings(request: pytest.FixtureRequest, topic_prefix: str) -> Iterator[KafkaSettings]:
    """A broker with our topics."""
    if request.param == "embedded":
        broker, settings = embedded_settings(topic_prefix)
        yield settings
        broker.close()
    else:
        yield real_settings(request.getfixturevalue("kafka_bootstrap"), topic_prefix)


@pytest.fixture
def served(settings: KafkaSettings, tmp_path: Path) -> Iterator[Served]:
    """A server that publishes to the broker."""
    publisher = Publisher(settings)
    with serving(tmp_path, publisher=StreamPublisher(publisher)) as made:
        yield made
    assert publisher.close()


def only(settings: KafkaSettings, topic: str, cls: type[Message]) -> tuple[bytes | None, Message]:
    """The only message of a topic, with its key."""
    [found] = read_all(settings, topic, lambda messages: len(messages) == 1)
    told = decode_headers(found.headers())
    assert told.id
    assert told.traceparent
    return found.key(), read_message(told.type, told.version, found.value() or b"", cls)


def test_a_request_and_its_cancellation_are_read_back(served: Served, settings: KafkaSettings) -> None:
    """The request on the stream gives the very row that the API wrote; the order names the job."""
    answer = httpx.post(f"{served.url}/v1/exports", json={"project": b.document(), "format": "mp4"})
    job_id = answer.json()["id"]
    assert answer.status_code == 202
    assert httpx.post(f"{served.url}/v1/exports/{job_id}/cancel").status_code == 202
    key, request = only(settings, REQUESTS, ExportRequest)
    assert isinstance(request, ExportRequest)
    assert key == str(JobRef(DEFAULT_TENANT, job_id)).encode()
    assert accept(request, NOW) == served.jobs.get(JobRef(DEFAULT_TENANT, job_id))
    key, order = only(settings, CONTROL, Control)
    assert isinstance(order, Control)
    assert (order.job_id, order.tenant) == (job_id, DEFAULT_TENANT)
    assert key == str(JobRef(DEFAULT_TENANT, job_id)).encode()


def test_a_broker_that_is_away_is_503(tmp_path: Path, topic_prefix: str) -> None:
    """After a few seconds, with Retry-After, and no row; the server answers other calls meanwhile."""
    away = KafkaSettings(f"127.0.0.1:{free_port()}", topic_prefix=topic_prefix)
    publisher = Publisher(away, delivery_timeout=1.0)
    with serving(tmp_path, publisher=StreamPublisher(publisher, timeout=2.0)) as served:
        answer = httpx.post(
            f"{served.url}/v1/exports", json={"project": b.document(), "format": "mp4"}, timeout=20
        )
        assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
        assert answer.headers["retry-after"]
        assert list(served.jobs.unfinished()) == []
    publisher.close(0.1)
