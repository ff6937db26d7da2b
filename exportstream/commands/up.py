"""`up`: everything on this machine until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace

from connectors.sandbox import check_isolation
from exportstream import exits
from exportstream.config import Settings
from exportstream.platform import Address, Platform, check_exposure
from exportstream.serving import configure_logs, on_loop_signal


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run until SIGTERM or Ctrl-C."""
    given = {"data_dir": options.data, "encoders": options.workers}
    settings = replace(settings, **{name: value for name, value in given.items() if value is not None})
    address = Address(options.host or settings.host, settings.port if options.port is None else options.port)
    check_exposure(address.host, settings)
    check_isolation(required=settings.strict)
    configure_logs(settings.log_level)
    platform = Platform(settings, address)
    asyncio.run(_run(platform, settings))
    return exits.OK


async def _run(platform: Platform, settings: Settings) -> None:
    on_loop_signal(platform.stop)
    await platform.run(lambda url: _say(url, settings))


def _say(url: str, settings: Settings) -> None:
    embedded = settings.kafka_bootstrap is None
    print(f"exportstream is up: {url}   (docs: {url}/docs, ready: {url}/ready)", file=sys.stderr)
    print(f"  broker   {'embedded, in memory' if embedded else settings.kafka_bootstrap}", file=sys.stderr)
    print(f"  objects  {settings.s3_endpoint or settings.data_dir / 'objects'}", file=sys.stderr)
    print("  try      exportstream submit PROJECT.json -o film.mp4", file=sys.stderr, flush=True)
