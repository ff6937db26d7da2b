"""Pictures in their boxes: fit, position, crop, corners, border.

Skia takes 20 to 40 ns for each px where an edge or a clip is smoothed, be it far from both, and as long to
sample a picture at another size. So it draws what lies along the edges; the middle is copied, or sampled by
OpenCV, in a fifth of the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from renderers import brushes
from renderers._skia import skia
from renderers.pixels import Pixels
from schemas.elements import ImageElement
from schemas.paint import Crop

Placed = tuple[Any, Any]
"""Where a picture is drawn: the part of the source and the box it fills, both skia.Rect."""

_STRICT = skia.Canvas.kStrict_SrcRectConstraint
_BILINEAR = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kNone)
_WORTH = 200_000  # px; for fewer, OpenCV is not loaded
_LONGEST = 32_000  # samples of a side: OpenCV counts them in 16 bits
_SAME = 1e-6
_NEAR = 1e-3


def draw_image(
    target: Any, element: ImageElement, images: Callable[[str], Pixels], *, bare: bool = False
) -> None:
    """Draw in the element's box (0, 0, width, height). bare: only the picture, without corners and border."""
    box = skia.Rect.MakeWH(element.width, element.height)
    border = element.border.width if element.border is not None and not bare else 0.0
    inner = box.makeInset(min(border, box.width() / 2), min(border, box.height() / 2))
    radius = None if bare else element.radius
    draw_fitted(
        target, images(element.src), inner, element.fit, element.position, element.crop, within=(box, radius)
    )
    if border:
        draw_border(target, element)


def clip_rounded(target: Any, box: Any, radius: float | None) -> None:
    """Clip to a box with CSS corners: a radius larger than half of a side is cut down. None: to whole px."""
    if radius is not None and radius > 0:
        target.clipRRect(rounded(box, radius), doAntiAlias=True)
    else:
        target.clipRect(box, doAntiAlias=radius is not None)


def rounded(box: Any, radius: float) -> Any:
    """A box with corners (CSS Backgrounds 3, 4.5: all radii shrink together)."""
    radius = min(radius, box.width() / 2, box.height() / 2)
    return skia.RRect.MakeRectXY(box, radius, radius)


def draw_border(target: Any, element: ImageElement) -> None:
    """The border inside the element's box, as CSS draws it: a ring with an inner radius."""
    if element.border is None or element.border.width <= 0:
        return
    box = skia.Rect.MakeWH(element.width, element.height)
    width = min(element.border.width, element.width / 2, element.height / 2)
    paint = skia.Paint(AntiAlias=True)
    paint.setColor(brushes.color(element.border.color))
    radius = min(element.radius, element.width / 2, element.height / 2)
    target.drawDRRect(
        rounded(box, radius), rounded(box.makeInset(width, width), max(0.0, radius - width)), paint
    )


def place(
    width: float,
    height: float,
    box: Any,
    fit: str,
    position: tuple[float, float],
    crop: Crop | None = None,
    scale: float = 1.0,
) -> Placed:
    """Where a picture of this size goes (CSS Images 3, 5.5: object-fit and object-position, after the
    crop). scale: px of the output to one of the box; the picture's edges lie on whole ones, as in Chromium.
    """
    part = skia.Rect.MakeWH(width, height)
    if crop is not None:
        part = skia.Rect.MakeXYWH(crop.x * width, crop.y * height, crop.width * width, crop.height * height)
    if fit == "fill":
        return part, box
    ratios = box.width() / part.width(), box.height() / part.height()
    factor = max(ratios) if fit == "cover" else min(ratios)
    shown = part.width() * factor, part.height() * factor
    left = box.left() + (box.width() - shown[0]) * position[0]
    top = box.top() + (box.height() - shown[1]) * position[1]
    edges = [_snapped(edge, scale) for edge in (left, top, left + shown[0], top + shown[1])]
    whole = skia.Rect.MakeLTRB(*edges)
    if fit == "contain" or whole.width() <= 0 or whole.height() <= 0:
        return part, whole
    across, down = part.width() / whole.width(), part.height() / whole.height()
    seen = skia.Rect.MakeXYWH(
        part.left() + (box.left() - whole.left()) * across,
        part.top() + (box.top() - whole.top()) * down,
        box.width() * across,
        box.height() * down,
    )
    return seen, box


def _snapped(edge: float, scale: float) -> float:
    return math.floor(edge * scale + 0.5) / scale


def draw_fitted(
    target: Any,
    pixels: Pixels,
    box: Any,
    fit: str,
    position: tuple[float, float],
    crop: Crop | None = None,
    within: tuple[Any, float | None] | None = None,
) -> None:
    """Draw a picture (height, width, 4) into a box; nothing outside of the box or of the crop is painted.

    within: the box that it is cut to, and the radius of its corners; None for sides that are not smoothed.
    """
    if box.width() <= 0 or box.height() <= 0:
        return
    matrix = target.getTotalMatrix()
    scale = matrix.mapRadius(1)
    source, placed = place(pixels.shape[1], pixels.shape[0], box, fit, position, crop, scale)
    shown = matrix.mapRect(placed)
    ratio = min(source.width() / max(shown.width(), 1), source.height() / max(shown.height(), 1))
    if ratio >= 2:
        # It is shown larger elsewhere, and was decoded for that.
        pixels = _halved(pixels, int(math.log2(ratio)))
        source, placed = place(pixels.shape[1], pixels.shape[0], box, fit, position, crop, scale)
    whole = target.getDeviceClipBounds()
    middle = _middle(matrix, shown, within, whole)
    if middle is not None and _draw_middle(target, pixels, source, shown, middle):
        parts = _around(whole, middle)
    else:
        parts = [whole]
    image = _image(pixels)
    for part in parts:
        with _clipped(target, part, matrix):
            if within is not None:
                clip_rounded(target, *within)
            target.drawImageRect(image, source, placed, _BILINEAR, skia.Paint(AntiAlias=True), _STRICT)


def _image(pixels: Pixels) -> Any:
    """Lives on the array's memory, which has to be kept until it is drawn."""
    return skia.Image.fromarray(
        pixels, colorType=skia.kRGBA_8888_ColorType, alphaType=skia.AlphaType.kPremul_AlphaType, copy=False
    )


@contextmanager
def _clipped(target: Any, part: Any, matrix: Any) -> Iterator[None]:
    """With nothing painted outside of `part`, an IRect of px of the output."""
    target.save()
    target.resetMatrix()
    target.clipRect(skia.Rect.Make(part), doAntiAlias=False)
    target.setMatrix(matrix)
    yield
    target.restore()


def _middle(matrix: Any, shown: Any, within: tuple[Any, float | None] | None, whole: Any) -> Any:
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


def _draw_middle(target: Any, pixels: Pixels, source: Any, shown: Any, middle: Any) -> bool:
    """Paint the part `middle` of a picture that is `shown` upright; whether that was possible."""
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
        left, top = math.floor(source.left()), math.floor(source.top())
        pixels = pixels[top : math.ceil(source.bottom()), left : math.ceil(source.right())]
        if max(pixels.shape) > _LONGEST:
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
    with _clipped(target, middle, skia.Matrix.I()):
        target.drawImage(_image(pixels), *corner)
    return True


def _around(whole: Any, middle: Any) -> list[Any]:
    """What is left of a rectangle without its middle, as up to four (IRect)."""
    parts = [
        skia.IRect.MakeLTRB(whole.left(), whole.top(), whole.right(), middle.top()),
        skia.IRect.MakeLTRB(whole.left(), middle.bottom(), whole.right(), whole.bottom()),
        skia.IRect.MakeLTRB(whole.left(), middle.top(), middle.left(), middle.bottom()),
        skia.IRect.MakeLTRB(middle.right(), middle.top(), whole.right(), middle.bottom()),
    ]
    return [part for part in parts if not part.isEmpty()]


def _halved(pixels: Pixels, times: int) -> Pixels:
    """Means of 2 x 2 px, so many times (a side of one px stays)."""
    from renderers._opencv import cv2

    for _ in range(times):
        size = max(1, (pixels.shape[1] + 1) // 2), max(1, (pixels.shape[0] + 1) // 2)
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return pixels
