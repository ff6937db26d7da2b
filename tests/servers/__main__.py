"""`python -m tests.servers`: fetch and build what the servers consist of, before a test waits for it."""

from __future__ import annotations

from collections.abc import Callable

from tests.servers import compose, kafka_server, postgres_server, s3_server
from tests.servers.base import ServerUnavailable

PARTS: dict[str, Callable[[], object]] = {
    "Kafka": kafka_server.jars,
    "S3 server": s3_server.binary,
    "PostgreSQL": postgres_server.binaries,
    "Compose's loader": compose.command,
}


def main() -> None:
    """Make all that can be made here, and say what cannot; the tests decide whether they need it."""
    print("Preparing the real servers (some minutes, once) …", flush=True)
    for name, make in PARTS.items():
        try:
            make()
        except ServerUnavailable as error:
            print(f"{name} is not to be had: {error}", flush=True)


if __name__ == "__main__":
    main()
