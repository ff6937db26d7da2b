"""Fixtures for real servers: a missing one skips a test on a laptop and fails it where it is required.

Set EXPORTSTREAM_REQUIRE_SERVERS=1 to require them. Servers of session scope are shared by the tests
of one process (with pytest-xdist: of one worker); the `own_…` ones belong to a single test, which
may stop, kill and restart them.
"""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import settings

from tests.servers.base import Server
from tests.servers.needs import needed

if TYPE_CHECKING:
    from tests.servers.kafka_server import KafkaServer
    from tests.servers.postgres_server import PostgresServer
    from tests.servers.s3_server import S3Server

# The same examples every time: a test that fails does so for everybody. To look for new ones, set
# HYPOTHESIS_PROFILE=explore.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# A shell ignores Ctrl-C for what it runs in the background, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ServerT = TypeVar("ServerT", bound=Server)


@contextmanager
def running(make: Callable[[], ServerT]) -> Iterator[ServerT]:
    """A server that runs, or the test's skip or failure."""
    with needed():
        server = make()
        server.start()
    try:
        yield server
    finally:
        server.close()


def _kafka() -> KafkaServer:
    from tests.servers.kafka_server import KafkaServer

    return KafkaServer()


def _s3() -> S3Server:
    from tests.servers.s3_server import S3Server

    return S3Server()


def _postgres() -> PostgresServer:
    from tests.servers.postgres_server import PostgresServer

    return PostgresServer()


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[KafkaServer]:
    """A Kafka broker that all tests share: use topics of your own (`topic_prefix`)."""
    with running(_kafka) as server:
        server.prime()
        yield server


@pytest.fixture(scope="session")
def kafka_bootstrap(kafka_server: KafkaServer) -> str:
    """The address of the shared broker."""
    return kafka_server.bootstrap


@pytest.fixture
def own_kafka() -> Iterator[KafkaServer]:
    """A Kafka broker that this test may stop and start."""
    with running(_kafka) as server:
        server.prime()
        yield server


@pytest.fixture
def topic_prefix() -> str:
    """A prefix that sets this test's topics and groups apart on a shared broker."""
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server that all tests share: use a bucket of your own."""
    with running(_s3) as server:
        yield server


@pytest.fixture
def own_s3() -> Iterator[S3Server]:
    """An S3 server that this test may stop and start."""
    with running(_s3) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server that all tests share."""
    with running(_postgres) as server:
        yield server


@pytest.fixture(scope="module")
def postgres_url(postgres_server: PostgresServer) -> str:
    """The address of a fresh database, one for each test module."""
    return postgres_server.create_database()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server that this test may stop and start."""
    with running(_postgres) as server:
        yield server
