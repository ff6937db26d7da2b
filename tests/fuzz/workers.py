"""What a worker does with decoded fonts and with documents."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import orjson

from renderers.drawing.raster import draw_slide
from renderers.stored.pixels import Pixels
from renderers.text.fonts import CustomFont, FontSet
from renderers.timeline.timeline import canvas
from schemas.errors import InvalidInput
from schemas.facts import Failed
from schemas.limits import DEFAULT
from schemas.project import parse_project
from tests.unit.builders import film_settings
from tests.unit.processors.stream import Stream

_TEXT = "AaBb fi 12 سلام क्षि ÄA\u0308"
_MOST_S, _MOST_SIDE = 1.0, 400


def draw_with_font(data: bytes, _: Path) -> None:
    """Lines of several sizes, weights and slants."""
    texts = [
        {
            "type": "text",
            "text": _TEXT,
            "fontFamily": "Fuzz",
            "fontSize": size,
            "fontWeight": weight,
            "color": "red",
        }
        | {"x": 2, "y": 2, "width": 150, "height": 80, "fontStyle": style, "rotation": turn}
        for size, weight, style, turn in (
            (12, 400, "normal", 0),
            (60, 900, "italic", 0),
            (300, 100, "normal", 30),
        )
    ]
    texts[1]["stroke"] = {"color": "blue", "width": 2}
    document = {"version": 1, "width": 160, "height": 90, "slides": [{"duration": 1, "elements": texts}]}
    project = parse_project(orjson.dumps(document))
    fonts = FontSet([CustomFont("Fuzz", data, weights=(100, 900))])
    draw_slide(project, 0, canvas(project, film_settings()), _no_images, fonts)


def _no_images(src: str) -> Pixels:
    raise InvalidInput("no_image", "There is none.")


def export_project(data: bytes, folder: Path) -> None:
    """A document that is valid and cheap is exported through all stages; a job that fails says why."""
    limits = DEFAULT
    project = parse_project(data, limits)
    seconds = sum(float(slide.duration or 0) for slide in project.slides)
    if seconds > _MOST_S or max(project.width, project.height) > _MOST_SIDE:
        return
    with tempfile.TemporaryDirectory(dir=folder) as work:
        stream = Stream(Path(work))
        document = orjson.loads(data)
        stream.export("job", document)
        for fact in stream.facts("job"):
            if isinstance(fact, Failed):
                raise InvalidInput(fact.error.code, fact.error.message)


USES: dict[str, Callable[[bytes, Path], None]] = {"fonts": draw_with_font, "projects": export_project}
