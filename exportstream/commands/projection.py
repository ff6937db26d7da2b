"""`projection`: folds facts into the job table until SIGTERM; `projection rebuild` makes the table anew."""

from __future__ import annotations

import argparse
import asyncio
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

from exportstream import exits, wiring
from exportstream.config import Settings
from exportstream.projecting import ProjectionService
from exportstream.serving import configure_logs, on_loop_signal, serve_metrics
from exportstream.supervisor import end_with_supervisor, say_ready
from processors.documents import Documents
from schemas import topics
from schemas.errors import InvalidInput

if TYPE_CHECKING:
    from connectors.kafka import KafkaSettings

NICE = 5
"""It gives way to the API; workers give way to both."""


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the projection, or fill the table anew from what lies on the stream."""
    kafka = wiring.needed_kafka(settings)
    configure_logs(settings.log_level)
    if options.action == "rebuild":
        return _rebuild(options, settings, kafka)
    if options.from_progress:
        raise InvalidInput("bad_usage", "--from-progress belongs to `projection rebuild`.")
    os.nice(NICE)
    serve_metrics(options.metrics_port or settings.metrics_port, settings.metrics_host)
    jobs = wiring.make_jobs(settings)
    service = ProjectionService(kafka, jobs, **_keeping(settings))
    asyncio.run(_until_signal(service, settings))
    return exits.OK


def _rebuild(options: argparse.Namespace, settings: Settings, kafka: KafkaSettings) -> int:
    from exportstream import rebuilding

    with closing(wiring.make_jobs(settings)) as jobs:
        if options.from_progress:
            done = rebuilding.from_facts(kafka, jobs, **_keeping(settings))
            source = f"{kafka.name(topics.REQUESTS)} and {kafka.name(topics.PROGRESS)}"
            print(f"{done.jobs} jobs were folded anew from {done.facts} facts of {source}.")
        else:
            done = rebuilding.from_snapshots(kafka, jobs)
            print(f"The job table holds {done.jobs} jobs again, from {kafka.name(topics.STATUS)}.")
    if done.moved:
        print(f"{done.moved} snapshots lay under a job's id alone; they were published under tenant/id.")
    if done.unreadable:
        print(f"{done.unreadable} messages could not be read and were left out.")
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
