"""How large each picture has to be decoded. Apart from drawing: it is asked before that is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from renderers.timeline.scene import Canvas
from schemas.elements import ImageElement
from schemas.paint import Crop, ImageBackground, picture_name, picture_source
from schemas.project import Project


def needed_images(project: Project, canvas: Canvas) -> dict[str, tuple[int, int]]:
    """For each image source: the size in output px that its picture has to cover, at the largest it is shown.

    The decoder scales a picture down as long as it is at least as wide *and* as high as this. Counts
    the canvas's scale, crops, and animated scales.
    """
    needed: dict[str, tuple[int, int]] = {}
    for slide in project.slides:
        background = slide.background
        if isinstance(background, ImageBackground):
            _need(needed, background.src, canvas.width, canvas.height)
        for element in slide.elements:
            if isinstance(element, ImageElement):
                crop = element.crop or Crop()
                scale = canvas.scale * largest_scale(element)
                _need(
                    needed,
                    element.src,
                    element.width * scale / crop.width,
                    element.height * scale / crop.height,
                )
    return needed


class Box(NamedTuple):
    """A box that a picture is shown in.

    size: width and height in px of the document. needed: the px of the output that it covers. fills: whether
    the picture is to fill it (`fit: fill`).
    """

    size: tuple[float, float]
    needed: tuple[int, int]
    fills: bool


def shown_boxes(project: Project, canvas: Canvas) -> dict[str, dict[str, Box]]:
    """For each image source: the boxes that it is shown in uncut, by the picture's names."""
    boxes: dict[str, dict[str, Box]] = {}

    def add(name: str, size: tuple[float, float], scale: float, fit: str) -> None:
        src = picture_source(name)
        if name != src and min(size) > 0:
            known = boxes.setdefault(src, {}).get(name, Box(size, (1, 1), fills=False))
            width, height = (
                max(_whole(side * scale), least) for side, least in zip(size, known.needed, strict=True)
            )
            boxes[src][name] = Box(size, (width, height), fills=fit == "fill")

    for slide in project.slides:
        background = slide.background
        if isinstance(background, ImageBackground):
            size = canvas.width, canvas.height
            add(picture_name(background.src, background.fit, *size), size, 1.0, background.fit)
        for element in slide.elements:
            if isinstance(element, ImageElement):
                scale = canvas.scale * largest_scale(element)
                add(element.picture, element.content_size, scale, element.fit)
    return boxes


def largest_scale(element: ImageElement) -> float:
    """The largest factor that an element's animations of `scale` multiply up to, at least 1."""
    factor = 1.0
    for animation in element.animations:
        if animation.property == "scale":
            factor *= max(1.0, *_values(keyframe.value for keyframe in animation.keyframes))
    return factor


def _values(values: Iterable[float]) -> list[float]:
    return [abs(value) for value in values]


def _need(needed: dict[str, tuple[int, int]], src: str, width: float, height: float) -> None:
    before = needed.get(src, (1, 1))
    needed[src] = max(before[0], _whole(width)), max(before[1], _whole(height))


def _whole(length: float) -> int:
    """Up to a whole px, but not for the sake of a rounding error."""
    return min(1_000_000, max(1, int(-(-(length - 1e-6) // 1))))
