"""`frame`: a moment of a project as a picture in the document's own size, by the code that makes videos."""

from __future__ import annotations

import argparse
import math
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from exportstream import exits
from exportstream.commands.render import read_document
from exportstream.config import Settings
from exportstream.early import early_decoder, keep_memory, uncollected
from exportstream.outputs import check_no_input, check_output, picture_format
from schemas.errors import InvalidInput

if TYPE_CHECKING:
    from connectors.decoder import SandboxedDecoder
    from renderers.composing.yuv import Plane


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Draw one moment."""
    document, base = read_document(options.file)
    check_output(options.output)
    check_no_input(options.output, options.file, document, base)
    format_ = picture_format(options.output)
    if not (math.isfinite(options.at) and options.at >= 0):
        raise InvalidInput("bad_time", "A moment is given in seconds from 0 on.")
    keep_memory()
    with (
        early_decoder(document, settings) as decoder,
        tempfile.TemporaryDirectory(prefix="exportstream-", dir=settings.temp_dir) as folder,
    ):
        pixels = draw(document, base, options.at, settings, Path(folder), decoder)
        decoder.end()
        from renderers.recipes.maker import load  # as late as this: loaded with what draws
        from renderers.recipes.pages import Pages
        from schemas.settings import parse_settings

        maker = load(format_.name)
        assert isinstance(maker, Pages), "a format of single pictures"
        settings_ = parse_settings({"format": format_.name})
        options.output.write_bytes(maker.writer.write(pixels, settings_))
    return exits.OK


def draw(
    document: bytes, base: Path, seconds: float, settings: Settings, folder: Path, decoder: SandboxedDecoder
) -> Plane:
    """The picture at `seconds`, (height, width, 3). Raises InvalidInput for what cannot be drawn."""
    with uncollected():
        from exportstream.wiring import local_store, make_frames
        from processors.stage import TaskContext
        from schemas.messages import DEFAULT_TENANT
        from schemas.project import parse_project
        from schemas.settings import FilmSettings

    project = parse_project(document, settings.limits)
    # Videos have even sides of 16 or more: what a document lacks is added at its right and lower edge.
    size = {"width": _even(project.width), "height": _even(project.height)}
    wanted = FilmSettings.model_validate({**size, "includeAudio": False})
    frames = make_frames(settings, local_store(folder / "store"), decoder, folder, base)
    context = TaskContext(check=lambda: None, emit=lambda outgoing: None, now=lambda: datetime.now(UTC))
    filled = project.model_copy(update=size)
    pixels = frames.draw(filled, wanted, seconds, DEFAULT_TENANT, context)
    return pixels[: round(project.height), : round(project.width), :3]


def _even(side: float) -> int:
    return max(16, round(side) + round(side) % 2)
