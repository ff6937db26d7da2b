"""Several workers on one Kafka: how a single job's chunks are shared."""

from __future__ import annotations

import http.client
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.acceptance.local_runs import TINY
from tests.acceptance.support import PARTITIONS, PATIENCE_S, Deployment
from tests.servers.base import free_port, listening, wait_until
from tests.servers.kafka_server import KafkaServer
from tests.servers.postgres_server import PostgresServer
from tests.servers.s3_server import S3Server
from tests.unit.builders import document, move, rect, slide

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]

CHUNKS = 24


def metric(port: int, name: str) -> float:
    """The value of a metric, named with its labels; 0 as long as it is not there."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), 0.0)


@pytest.mark.parametrize("encoders", [1, 2, 4])
def test_chunks_of_one_job_are_shared_evenly(
    kafka_server: KafkaServer,
    s3_server: S3Server,
    postgres_server: PostgresServer,
    tmp_path: Path,
    encoders: int,
) -> None:
    """However many encode workers there are, each does the same share of a job."""
    database = postgres_server.create_database()
    moving = rect(animations=[move(duration=0.25)])
    slides = [slide(0.25, {**moving, "x": number}) for number in range(CHUNKS)]
    with (
        closing(Deployment(tmp_path, kafka_server.bootstrap, s3_server.endpoint, database)) as deployment,
        ExitStack() as stack,
    ):
        stack.enter_context(deployment.projection())
        stack.enter_context(deployment.worker("plan", "render", "mix", "upload"))
        ports = [free_port() for _ in range(encoders)]
        for port in ports:
            environ = {"EXPORTSTREAM_METRICS_PORT": str(port), "EXPORTSTREAM_ENCODERS": "1"}
            stack.enter_context(deployment.worker("encode", environ=environ))
        share = PARTITIONS / encoders
        wait_until(
            lambda: all(
                listening(p) and metric(p, "exportstream_assigned_partitions") == share for p in ports
            ),
            "each worker has as many partitions",
            PATIENCE_S,
        )
        deployment.completed(deployment.request(document(slides=slides), settings=TINY))
        done = 'exportstream_tasks_total{outcome="done",stage="encode"}'
        assert [metric(port, done) for port in ports] == [CHUNKS / encoders] * encoders
