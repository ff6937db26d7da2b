"""The inputs of `tests/cases` that end in a picture, drawn by the product and by Chromium.

Each folder has a project and its media as somebody has them. What is compared is the frame at 0 s, by the
code of `exportstream frame`, with the design as `markup` says it.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from connectors.decoder import SandboxedDecoder
from exportstream.commands.frame import draw
from exportstream.config import Settings
from renderers.foreign.fonts import decode_font
from renderers.stored.pixels import Pixels
from renderers.text.fonts import CustomFont, FontSet
from renderers.text.layout import lay_out
from schemas.elements import TextElement
from schemas.project import Project, parse_project
from tests.fidelity import markup
from tests.fidelity.chromium import Chromium
from tests.fidelity.compare import READY, font_faces
from tests.fidelity.metrics import difference, ssim, worst_block

FOLDER = Path(__file__).parents[1] / "cases"
_WIDTH = 1920


class Drawn(NamedTuple):
    """A document drawn by us and by Chromium, and how far apart the two are (see `metrics`)."""

    ours: Pixels
    theirs: Pixels
    ssim: float
    levels: float
    block: float


def compare_folders(documents: Sequence[Path]) -> list[Drawn]:
    """The results in order; relative sources begin at each document's folder.

    Raises ServerUnavailable without a Chromium.
    """
    with tempfile.TemporaryDirectory(prefix="fidelity-") as name, Chromium() as browser:
        folder = Path(name)
        ours = _drawn(documents, folder)
        places = _places(ours)
        body = [_section(path, number, places[number]) for number, path in enumerate(documents)]
        page = folder / "page.html"
        rules = " ".join(_faces(path, number) for number, path in enumerate(documents))
        page.write_text(
            f'<!doctype html><meta charset="utf-8"><style>{font_faces(folder)} {rules} body {{ margin: 0 }} '
            "section { position: absolute; overflow: hidden; isolation: isolate; background: white }</style>"
            + "".join(body),
            "utf-8",
        )
        height = max(y + picture.shape[0] for (_, y), picture in zip(places, ours, strict=True))
        browser.open(page, _WIDTH, height)
        if missing := browser.evaluate(READY):
            raise RuntimeError(f"Chromium could not load: {missing}")
        shot = np.asarray(Image.open(io.BytesIO(browser.screenshot())).convert("RGB"))
    found = []
    for picture, (x, y) in zip(ours, places, strict=True):
        theirs = shot[y : y + picture.shape[0], x : x + picture.shape[1]]
        alike = ssim(picture, theirs), difference(picture, theirs), worst_block(picture, theirs)
        found.append(Drawn(picture, theirs, *alike))
    return found


def _drawn(documents: Sequence[Path], folder: Path) -> list[Pixels]:
    decoder, settings = SandboxedDecoder(), Settings.from_environ({})
    try:
        return [draw(path.read_bytes(), path.parent, 0.0, settings, folder, decoder) for path in documents]
    finally:
        decoder.close()
        shutil.rmtree(folder / "store", ignore_errors=True)


def _places(pictures: Sequence[Pixels]) -> list[tuple[int, int]]:
    """Where each lies on the page: in rows, one beside another."""
    found, x, y, height = [], 0, 0, 0
    for picture in pictures:
        if x + picture.shape[1] > _WIDTH:
            x, y, height = 0, y + height, 0
        found.append((x, y))
        x, height = x + picture.shape[1], max(height, picture.shape[0])
    return found


def _section(path: Path, number: int, place: tuple[int, int]) -> str:
    document = _named(json.loads(path.read_bytes()), path.parent, number)
    project = parse_project(path.read_bytes())
    sizes = _scales(project, path.parent)
    style = f"left: {place[0]}px; top: {place[1]}px; width: {project.width}px; height: {project.height}px"
    return f'<section style="{style}">{markup.slide(document, sizes)}</section>'


def _named(document: dict[str, Any], folder: Path, number: int) -> dict[str, Any]:
    """The document with whole addresses, and its own families by names that no other has."""
    families = {font["family"] for font in document.get("fonts", ())}

    def whole(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: whole(part, name) for name, part in value.items()}
        if isinstance(value, list):
            return [whole(part) for part in value]
        if key == "src" and not value.startswith("data:"):
            return (folder / value).resolve().as_uri()
        if key == "fontFamily":
            names = [name.strip() for name in value.split(",")]
            return ", ".join(f"{name} {number}" if name in families else name for name in names)
        return value

    named: dict[str, Any] = whole(document)
    return named


def _faces(path: Path, number: int) -> str:
    fonts = json.loads(path.read_bytes()).get("fonts", ())
    return " ".join(
        f"@font-face {{ font-family: '{font['family']} {number}'; "
        f"src: url({(path.parent / font['src']).resolve().as_uri()}) }}"
        for font in fonts
    )


def _scales(project: Project, folder: Path) -> dict[int, float]:
    """By the index of each text, the factor that it shrinks by."""
    custom = []
    with tempfile.TemporaryDirectory(prefix="fidelity-") as name:
        out = Path(name) / "font"
        for font in project.fonts:
            decode_font(str(folder / font.src), str(out))
            custom.append(CustomFont(font.family, out.read_bytes()))
    fonts = FontSet(custom)
    elements = enumerate(project.slides[0].elements)
    return {at: lay_out(part, fonts).scale for at, part in elements if isinstance(part, TextElement)}
