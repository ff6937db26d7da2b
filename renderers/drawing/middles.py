"""The middle of a picture, far from edges that are smoothed: copied, or sampled by OpenCV.

Skia takes 20 to 40 ns for each px where an edge or a clip is smoothed, be it far from both, and as long to
sample a picture at another size. What it is left with is the rim (`renderers.drawing.images`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from renderers._skia import skia
from renderers.drawing.brushes import image_of
from renderers.stored.pixels import Pixels

_WORTH = 200_000  # px; for fewer, OpenCV is not loaded
_LONGEST = 32_000  # samples of a side: OpenCV counts them in 16 bits
_SAME = 1e-6
_NEAR = 1e-3


@contextmanager
def clipped(target: Any, part: Any, matrix: Any) -> Iterator[None]:
    """With nothing painted outside of `part`, an IRect of px of the output."""
    target.save()
    target.resetMatrix()
    target.clipRect(skia.Rect.Make(part), doAntiAlias=False)
    target.setMatrix(matrix)
    yield
    target.restore()


def middle_of(matrix: Any, shown: Any, within: tuple[Any, float | None] | None, whole: Any) -> Any:
    """The px (IRect) of the output that a picture and the box around it cover entirely.

    None if that is little, or the picture is turned.
    """
    if not matrix.isScaleTranslate() or matrix.getScaleX() <= 0 or matrix.getScaleY() <= 0:
        return None
    middle = shown.roundIn()
    if within is not None:
        box, radius = within
        # Skia draws an arc a little differently where it is cut: so none is.
        corner = min(radius or 0.0, box.width() / 2, box.height() / 2)
        if not middle.intersect(matrix.mapRect(box.makeInset(0, corner)).roundIn()):
            return None
    if not middle.intersect(whole) or middle.width() * middle.height() < _WORTH:
        return None
    return middle


def draw_middle(target: Any, pixels: Pixels, source: Any, shown: Any, middle: Any) -> bool:
    """Paint the part `middle` (IRect) of the picture whose part `source` is `shown` upright; whether that was
    possible.
    """
    axes = (
        (source.left(), source.width() / shown.width(), shown.left(), middle.left()),
        (source.top(), source.height() / shown.height(), shown.top(), middle.top()),
    )
    steps = [step for _, step, _, _ in axes]
    starts = [first + (at + 0.5 - left) * step - 0.5 for first, step, left, at in axes]
    lies = [round(start) for start in starts]
    if all(abs(step - 1) < _SAME for step in steps) and all(
        abs(start - whole) < _NEAR for start, whole in zip(starts, lies, strict=True)
    ):
        corner = middle.left() - lies[0], middle.top() - lies[1]
    else:
        left, top = max(0, math.floor(source.left())), max(0, math.floor(source.top()))
        pixels = pixels[top : math.ceil(source.bottom()), left : math.ceil(source.right())]
        if max(pixels.shape) > _LONGEST or not pixels.size:
            return False
        from renderers._opencv import cv2

        pixels = cv2.warpAffine(
            pixels,
            np.array([[steps[0], 0, starts[0] - left], [0, steps[1], starts[1] - top]]),
            (middle.width(), middle.height()),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        corner = middle.left(), middle.top()
    with clipped(target, middle, skia.Matrix.I()):
        target.drawImage(image_of(pixels), *corner)
    return True


def around(whole: Any, middle: Any) -> list[Any]:
    """What is left of a rectangle without its middle, as up to four (IRect)."""
    parts = [
        skia.IRect.MakeLTRB(whole.left(), whole.top(), whole.right(), middle.top()),
        skia.IRect.MakeLTRB(whole.left(), middle.bottom(), whole.right(), whole.bottom()),
        skia.IRect.MakeLTRB(whole.left(), middle.top(), middle.left(), middle.bottom()),
        skia.IRect.MakeLTRB(middle.right(), middle.top(), whole.right(), middle.bottom()),
    ]
    return [part for part in parts if not part.isEmpty()]
