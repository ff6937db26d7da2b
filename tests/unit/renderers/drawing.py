"""Small documents and pictures that drawing tests share."""

from __future__ import annotations

from typing import Any

import numpy as np

from renderers.drawing.raster import draw_slide
from renderers.stored.pixels import Pixels
from renderers.text.fonts import FontSet
from renderers.timeline.scene import Canvas, Placement
from schemas.project import Project, parse_project

FONTS = FontSet()


def project(*elements: dict[str, Any], width: int = 200, height: int = 100, **slide: Any) -> Project:
    """One slide of a second with these elements; boxes default to all of it."""
    filled = [{"x": 0, "y": 0, "width": width, "height": height, **element} for element in elements]
    return parse_project(
        {
            "version": 1,
            "width": width,
            "height": height,
            "slides": [{"duration": 1, "elements": filled, **slide}],
        }
    )


def canvas(document: Project, scale: float = 1.0) -> Canvas:
    """A canvas of the document's shape."""
    return Canvas(round(document.width * scale), round(document.height * scale), scale, 0.0, 0.0)


def picture(width: int = 40, height: int = 20) -> Pixels:
    """Four opaque quarters: red, green, blue, yellow."""
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[: height // 2, : width // 2, 0] = 255
    pixels[: height // 2, width // 2 :, 1] = 255
    pixels[height // 2 :, : width // 2, 2] = 255
    pixels[height // 2 :, width // 2 :, :2] = 255
    return pixels


def images(src: str) -> Pixels:
    """Every source is the picture of four quarters."""
    return picture()


def draw(document: Project, scale: float = 1.0, placements: dict[int, Placement] | None = None) -> Pixels:
    """The first slide, opaque RGBA."""
    return draw_slide(document, 0, canvas(document, scale), images, FONTS, placements)
