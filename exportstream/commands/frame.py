"""`frame`: a moment of a project as a PNG in the document's own size, by the code that makes videos."""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exportstream import exits
from exportstream.commands.render import read_document
from exportstream.config import Settings
from exportstream.early import early_decoder
from schemas import keys
from schemas.errors import InvalidInput

if TYPE_CHECKING:
    from connectors.decoder import SandboxedDecoder
    from processors.plans import PlanView
    from renderers.scene import LayerPixels


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Draw one moment."""
    document, base = read_document(options.file)
    if not options.output.parent.is_dir():
        raise InvalidInput("no_such_folder", f"The folder {options.output.parent} does not exist.")
    if options.at < 0:
        raise InvalidInput("bad_time", "A moment is given in seconds from 0 on.")
    with (
        early_decoder(document) as decoder,
        tempfile.TemporaryDirectory(prefix="exportstream-", dir=settings.temp_dir) as folder,
    ):
        draw(document, base, options.at, options.output, settings, Path(folder), decoder)
    return exits.OK


def draw(
    document: bytes,
    base: Path,
    seconds: float,
    output: Path,
    settings: Settings,
    folder: Path,
    decoder: SandboxedDecoder,
) -> None:
    """Write the picture at `seconds` to `output`. Raises InvalidInput for a project that cannot be drawn."""
    from PIL import Image

    from exportstream.wiring import local_store
    from renderers.compose import Compositor
    from schemas.project import parse_project

    project = parse_project(document, settings.limits)
    size = {"width": _even(project.width), "height": _even(project.height)}
    view, layer = _plan(document, base, size, settings, folder, local_store(folder / "store"), decoder)
    timeline = view.timeline
    number = timeline.frame_at(seconds)
    wanted = timeline.frame_layers(number)
    layers = {one.key: layer(one) for one in wanted}
    modes = {one.key: one.blend_mode for one in wanted}
    pixels = Compositor(timeline.canvas, layers, modes).rgba(timeline.state(number))
    own = pixels[: round(project.height), : round(project.width), :3]
    Image.fromarray(own.copy()).save(output, "PNG", compress_level=1)


def _plan(
    document: bytes,
    base: Path,
    size: dict[str, int],
    settings: Settings,
    folder: Path,
    store: Any,
    decoder: SandboxedDecoder,
) -> tuple[PlanView, Any]:
    """The plan of the project as a video of this size, and what draws its layers."""
    from exportstream.wiring import make_stages
    from processors.plans import PlanCache
    from processors.resources import ResourcePool
    from processors.stage import TaskContext
    from renderers.raster import draw_layer
    from schemas.messages import DEFAULT_TENANT, ExportRequest

    key = keys.project_key(DEFAULT_TENANT, hashlib.sha256(document).hexdigest())
    store.put(key, document, content_type="application/json")
    given = {**size, "includeAudio": False}
    request = ExportRequest(job_id="frame", format="mp4", settings=given, project_key=key, source="frame")
    context = TaskContext(check=lambda: None, emit=lambda outgoing: None, now=lambda: datetime.now(UTC))
    (plan,) = make_stages(settings, store, folder, ("plan",), base=base, decoder=decoder)
    list(plan.handle(request, context))
    view = PlanCache(store, settings.limits).get(keys.plan_key(DEFAULT_TENANT, request.job_id))
    resources = ResourcePool(store).of(view)

    def draw_one(layer: Any) -> LayerPixels:
        return draw_layer(layer, view.project, view.canvas, resources.image, resources.fonts)

    return view, draw_one


def _even(side: float) -> int:
    return max(16, round(side) + round(side) % 2)
