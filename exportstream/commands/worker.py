"""`worker STAGE…`: runs stages of the stream until SIGTERM."""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import threading
from typing import TYPE_CHECKING

import structlog

from connectors.sandbox import check_isolation
from connectors.work_folder import work_folder
from exportstream import exits, wiring
from exportstream.config import Settings
from exportstream.serving import configure_logs, on_signal, serve_metrics
from exportstream.supervisor import end_with_supervisor, say_ready
from schemas.facts import STAGES

if TYPE_CHECKING:
    from processors.running.runner import Runner

log = structlog.stdlib.get_logger(__name__)

HEAVY = {
    "plan": (
        "renderers.timeline.timeline",
        "renderers.h264.video",
        "renderers.text.fonts",
        "renderers.drawing.images",
    ),
    "render": ("renderers.timeline.timeline", "renderers.drawing.raster"),
    "encode": ("renderers.timeline.timeline", "renderers.composing.compose", "renderers.h264.video"),
    "mix": ("renderers.h264.mp4", "renderers.sound.tracks", "renderers.timeline.timeline"),
    "upload": ("renderers.h264.mp4",),
}
"""What a stage imports when it is first needed: here before the first job, so that none waits for it."""

BACKGROUND = {"render", "encode"}
NICE, NICEST = 10, 19
"""Workers give way to what answers people and brokers; those that only draw and encode, to all others."""


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run the loop; ends by SIGTERM within 10 s, finishing or handing back what is in hand."""
    kafka = wiring.needed_kafka(settings)
    from processors.running.runner import Runner

    configure_logs(settings.log_level)
    if without := check_isolation(required=settings.strict):
        log.warning("what decodes foreign files is not isolated here", without=without)
    names = STAGES if "all" in options.stages else tuple(dict.fromkeys(options.stages))
    os.nice(NICEST if set(names) <= BACKGROUND else NICE)
    if settings.memory_mib is not None:  # the soft limit: decoders have a larger one of their own
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (settings.memory_mib << 20, hard))
    with work_folder(settings.temp_dir) as work_dir:
        stages = wiring.make_stages(settings, wiring.make_store(settings), work_dir, names)
        for module in sorted({module for name in names for module in HEAVY[name]}):
            importlib.import_module(module)
        runner = Runner(kafka, stages, options=wiring.runner_options(settings))
        on_signal(runner.stop)
        end_with_supervisor(settings.environ)
        serve_metrics(options.metrics_port or settings.metrics_port, settings.metrics_host)
        threading.Thread(target=_tell, args=(runner, settings), name="readiness", daemon=True).start()
        runner.run()
    return exits.OK


def _tell(runner: Runner, settings: Settings) -> None:
    """Say that partitions are assigned, whenever that is."""
    while not runner.wait_ready(1.0):
        pass
    say_ready(settings.environ)
