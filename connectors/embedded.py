"""The broker of the embedded default: the mock cluster that ships inside librdkafka.

It speaks the Kafka protocol on 127.0.0.1, so every client here works with it unchanged, other
processes included. It keeps messages in memory, at most 5 MiB a partition, compacts nothing, and
ends with its process: for trying out, development and one machine of moderate size.

confluent-kafka exposes only the number of brokers (`test.mock.num.brokers`), with four partitions a
topic and 3 s before a group's first join. So the C interface (rdkafka_mock.h) of the very library
that confluent-kafka brings is called by ctypes.
"""

from __future__ import annotations

import ctypes
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import confluent_kafka

PRODUCER = 0
ERROR_SIZE = 512
MAX_MESSAGE_BYTES = 4 * 1024 * 1024


def _library() -> ctypes.CDLL:
    """The librdkafka that confluent-kafka has loaded: bundled with it, or the system's."""
    folder = Path(confluent_kafka.__file__).parent
    bundled = [*folder.parent.glob("confluent_kafka.libs/librdkafka*"), *folder.glob(".dylibs/librdkafka*")]
    library = ctypes.CDLL(str(bundled[0]) if bundled else "librdkafka.so.1")
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_conf_set": (number, [pointer, text, text, ctypes.c_char_p, ctypes.c_size_t]),
        "rd_kafka_new": (pointer, [number, pointer, ctypes.c_char_p, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, number]),
        "rd_kafka_mock_cluster_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_topic_create": (number, [pointer, text, number, number]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, ctypes.c_int32]),
        "rd_kafka_mock_set_group_consumer_heartbeat_interval_ms": (None, [pointer, number]),
        "rd_kafka_mock_set_group_consumer_session_timeout_ms": (None, [pointer, number]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


@contextmanager
def _kept_awake(address: str) -> Iterator[None]:
    """Connect to the broker again and again meanwhile.

    Its thread may miss that it was given something to do, and then sleeps for a second
    (rd_kafka_mock_cluster_op_io throws away a wake-up that came in the meantime); a connection wakes it.
    """
    host, port = address.split(":")
    done = threading.Event()

    def knock() -> None:
        while not done.wait(0.01):
            with suppress(OSError):
                socket.create_connection((host, int(port)), timeout=1).close()

    thread = threading.Thread(target=knock, name="knock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class EmbeddedBroker:
    """A broker in this process, with the given topics (name to number of partitions).

    `bootstrap` is its address. Raises RuntimeError when librdkafka cannot start it.
    """

    def __init__(self, topics: Mapping[str, int]) -> None:
        self._library = _library()
        error = ctypes.create_string_buffer(ERROR_SIZE)
        conf = self._library.rd_kafka_conf_new()
        # Its own log lines ("Mock cluster enabled") say nothing that a user could act on.
        self._library.rd_kafka_conf_set(conf, b"log_level", b"3", error, ERROR_SIZE)
        self._handle = self._library.rd_kafka_new(PRODUCER, conf, error, ERROR_SIZE)
        if not self._handle:
            raise RuntimeError(f"the embedded broker did not start: {error.value.decode()}")
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._handle, 1)
        if not self._cluster:
            raise RuntimeError("the embedded broker did not start: no free port on 127.0.0.1")
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        # Members of a KIP-848 group learn of a new assignment with a heartbeat: 3 s by default.
        self._library.rd_kafka_mock_set_group_consumer_heartbeat_interval_ms(self._cluster, 100)
        self._library.rd_kafka_mock_set_group_consumer_session_timeout_ms(self._cluster, 10_000)
        self.bootstrap: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        with _kept_awake(self.bootstrap):
            for name, partitions in topics.items():
                code = self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
                if code:
                    raise RuntimeError(f"the embedded broker refused the topic {name} (code {code})")

    def close(self) -> None:
        """Stop; all that it kept is gone."""
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._cluster = None
        if self._handle:
            self._library.rd_kafka_destroy(self._handle)
            self._handle = None
