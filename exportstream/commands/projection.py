"""`projection`: folds facts into the job table until SIGTERM; `projection rebuild` makes the table anew."""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import Any

from exportstream import exits, wiring
from exportstream.config import Settings
from exportstream.projecting import ProjectionService, rebuild
from exportstream.serving import configure_logs, on_loop_signal, serve_metrics
from exportstream.supervisor import end_with_supervisor, say_ready
from processors.documents import Documents

NICE = 5
"""It gives way to the API; workers give way to both."""


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the projection, or drop the table and fill it from `export.status`."""
    kafka = wiring.needed_kafka(settings)
    configure_logs(settings.log_level)
    if options.action == "rebuild":
        count = rebuild(kafka, wiring.make_jobs(settings))
        print(f"The job table holds {count} jobs again, from {kafka.name('export.status')}.")
        return exits.OK
    os.nice(NICE)
    serve_metrics(options.metrics_port or settings.metrics_port, settings.metrics_host)
    jobs = wiring.make_jobs(settings)
    service = ProjectionService(kafka, jobs, **_keeping(settings))
    asyncio.run(_until_signal(service, settings))
    return exits.OK


def _keeping(settings: Settings) -> dict[str, Any]:
    """An embedded broker forgets what it carries, so inline projects are kept in the store."""
    if settings.environ.get(wiring.EMBEDDED) != "1":
        return {}
    return {"keep": Documents(wiring.make_store(settings), None).keep}


async def _until_signal(service: ProjectionService, settings: Settings) -> None:
    stop = asyncio.Event()
    on_loop_signal(stop.set)
    end_with_supervisor(settings.environ)
    telling = asyncio.create_task(_tell(service, settings))
    await service.run(stop)
    telling.cancel()


async def _tell(service: ProjectionService, settings: Settings) -> None:
    """Say that partitions are assigned, whenever that is."""
    while not service.live:  # noqa: ASYNC110  # Faust offers nothing to wait for
        await asyncio.sleep(0.02)
    say_ready(settings.environ)
