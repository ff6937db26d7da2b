"""The servers that other tests lean on start, keep their data over a stop, and come back."""

from __future__ import annotations

import io

import psycopg
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from minio import Minio

from tests.servers.kafka_server import KafkaServer
from tests.servers.postgres_server import PostgresServer
from tests.servers.s3_server import S3Server


def test_a_killed_broker_comes_back_with_its_topics(own_kafka: KafkaServer) -> None:
    """A topic made before the broker is killed is there after its restart, at the same address."""
    admin = AdminClient({"bootstrap.servers": own_kafka.bootstrap})
    for future in admin.create_topics([NewTopic("kept", 3, 1)]).values():
        future.result(10)
    own_kafka.stop(kill=True)
    assert not own_kafka.running
    own_kafka.start()
    topics = AdminClient({"bootstrap.servers": own_kafka.bootstrap}).list_topics(timeout=10).topics
    assert len(topics["kept"].partitions) == 3


def test_an_object_outlives_the_s3_server(own_s3: S3Server) -> None:
    """An object put before the server is killed is read after its restart."""
    client = Minio(own_s3.endpoint, access_key=own_s3.access_key, secret_key=own_s3.secret_key, secure=False)
    client.make_bucket("kept")
    client.put_object("kept", "a/b", io.BytesIO(b"bytes"), 5)
    own_s3.stop(kill=True)
    own_s3.start()
    answer = client.get_object("kept", "a/b")
    assert answer.read() == b"bytes"
    answer.close()
    answer.release_conn()


def test_a_database_outlives_the_server(own_postgres: PostgresServer) -> None:
    """A row committed before the server is stopped without a checkpoint is read after its restart."""
    dsn = own_postgres.create_database().replace("+psycopg", "")
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE t (n int)")
        connection.execute("INSERT INTO t VALUES (7)")
    own_postgres.stop(kill=True)
    own_postgres.start()
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT n FROM t").fetchall() == [(7,)]
