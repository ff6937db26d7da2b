"""`api`: serves HTTP until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio

from exportstream import exits, wiring
from exportstream.config import Settings
from exportstream.platform import Address, ApiServer, check_exposure
from exportstream.serving import configure_logs, on_loop_signal


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    kafka = wiring.needed_kafka(settings)
    address = Address(options.host or settings.host, settings.port if options.port is None else options.port)
    check_exposure(address.host, settings)
    configure_logs(settings.log_level)
    asyncio.run(_run(ApiServer(settings, kafka, wiring.make_jobs(settings), address)))
    return exits.OK


async def _run(server: ApiServer) -> None:
    stop = asyncio.Event()
    on_loop_signal(stop.set)
    await server.run(stop)
