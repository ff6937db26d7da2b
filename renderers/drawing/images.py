"""Pictures in their boxes: fit, position, crop, corners, border.

Skia draws them, but for the middle of large ones (`renderers.drawing.middles`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from renderers._skia import skia
from renderers.drawing import brushes
from renderers.drawing.middles import around, clipped, draw_middle, middle_of
from renderers.stored.pixels import Pixels
from schemas.elements import ImageElement
from schemas.paint import Crop

Placed = tuple[Any, Any]
"""Where a picture is drawn: the part of the source and the box it fills, both skia.Rect."""

_STRICT = skia.Canvas.kStrict_SrcRectConstraint
_BILINEAR = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kNone)


def draw_image(
    target: Any, element: ImageElement, images: Callable[[str], Pixels], *, bare: bool = False
) -> None:
    """Draw in the element's box (0, 0, width, height). bare: only the picture, without corners and border."""
    inner, radius = content_box(element)
    within = inner, None if bare else radius
    draw_fitted(
        target, images(element.src), inner, element.fit, element.position, element.crop, within=within
    )
    if not bare:
        draw_border(target, element)


def content_box(element: ImageElement) -> tuple[Any, float]:
    """The box (skia.Rect) inside the border, and the radius of its corners (CSS Backgrounds 3, 4.3: the
    outer one, less the border's width).
    """
    box = skia.Rect.MakeWH(element.width, element.height)
    border = element.border.width if element.border is not None else 0.0
    inner = box.makeInset(min(border, box.width() / 2), min(border, box.height() / 2))
    return inner, max(0.0, min(element.radius, box.width() / 2, box.height() / 2) - border)


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
    if fit == "fill" or part.isEmpty():
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
    # Rounded, its edge may lie a little inside the box: what is seen ends there.
    seen = skia.Rect.MakeLTRB(*whole)
    if not seen.intersect(box):
        return part, skia.Rect.MakeEmpty()
    source = skia.Rect.MakeLTRB(
        part.left() + (seen.left() - whole.left()) * across,
        part.top() + (seen.top() - whole.top()) * down,
        part.left() + (seen.right() - whole.left()) * across,
        part.top() + (seen.bottom() - whole.top()) * down,
    )
    return source, seen


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
    if source.isEmpty() or placed.isEmpty():
        return
    shown = matrix.mapRect(placed)
    ratio = min(source.width() / max(shown.width(), 1), source.height() / max(shown.height(), 1))
    if ratio >= 2:
        # It is shown larger elsewhere, and was decoded for that.
        pixels = _halved(pixels, int(math.log2(ratio)))
        source, placed = place(pixels.shape[1], pixels.shape[0], box, fit, position, crop, scale)
        shown = matrix.mapRect(placed)
    whole = target.getDeviceClipBounds()
    middle = middle_of(matrix, shown, within, whole)
    if middle is not None and draw_middle(target, pixels, source, shown, middle):
        parts = around(whole, middle)
    else:
        parts = [whole]
    image = brushes.image_of(pixels)
    for part in parts:
        with clipped(target, part, matrix):
            if within is not None:
                clip_rounded(target, *within)
            target.drawImageRect(image, source, placed, _BILINEAR, skia.Paint(AntiAlias=True), _STRICT)


def _halved(pixels: Pixels, times: int) -> Pixels:
    """Means of 2 x 2 px, so many times (a side of one px stays)."""
    from renderers._opencv import cv2

    for _ in range(times):
        size = max(1, (pixels.shape[1] + 1) // 2), max(1, (pixels.shape[0] + 1) // 2)
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return pixels
