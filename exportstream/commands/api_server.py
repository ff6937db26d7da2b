"""`api`: serves HTTP until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import signal

from exportstream import exits, wiring
from exportstream.config import Settings
from exportstream.platform import Address, ApiServer, check_exposure
from exportstream.serving import configure_logs
from schemas.errors import InvalidInput


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    kafka = wiring.kafka_settings(settings)
    if kafka is None:
        raise InvalidInput(
            "no_kafka", "Set KAFKA_BOOTSTRAP_SERVERS to the broker; `exportstream up` needs none."
        )
    address = Address(options.host or settings.host, settings.port if options.port is None else options.port)
    check_exposure(address.host, settings)
    configure_logs(settings.log_level)
    asyncio.run(_run(ApiServer(settings, kafka, wiring.make_jobs(settings), address)))
    return exits.OK


async def _run(server: ApiServer) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.run(stop)
