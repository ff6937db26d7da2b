"""Pictures in their boxes: fit, position, crop, corners, border."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from renderers import brushes
from renderers._skia import skia
from renderers.pixels import Pixels
from schemas.elements import ImageElement
from schemas.paint import Crop

Placed = tuple[Any, Any]
"""Where a picture is drawn: the part of the source and the box it fills, both skia.Rect."""

_STRICT = skia.Canvas.kStrict_SrcRectConstraint


def draw_image(
    target: Any, element: ImageElement, images: Callable[[str], Pixels], *, bare: bool = False
) -> None:
    """Draw in the element's box (0, 0, width, height). bare: only the picture, without corners and border."""
    box = skia.Rect.MakeWH(element.width, element.height)
    border = element.border.width if element.border is not None else 0.0
    target.save()
    if bare:
        target.clipRect(box)
        border = 0.0
    else:
        clip_rounded(target, box, element.radius)
    inner = box.makeInset(min(border, box.width() / 2), min(border, box.height() / 2))
    draw_fitted(target, images(element.src), inner, element.fit, element.position, element.crop)
    target.restore()
    if border and not bare:
        draw_border(target, element)


def clip_rounded(target: Any, box: Any, radius: float) -> None:
    """Clip to a box with CSS corners: a radius larger than half of a side is cut down."""
    if radius > 0:
        target.clipRRect(rounded(box, radius), doAntiAlias=True)
    else:
        target.clipRect(box, doAntiAlias=True)


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
    target: Any, pixels: Pixels, box: Any, fit: str, position: tuple[float, float], crop: Crop | None = None
) -> None:
    """Draw a picture (height, width, 4) into a box; nothing outside of the box or of the crop is painted."""
    if box.width() <= 0 or box.height() <= 0:
        return
    scale = target.getTotalMatrix().mapRadius(1)
    source, placed = place(pixels.shape[1], pixels.shape[0], box, fit, position, crop, scale)
    shown = target.getTotalMatrix().mapRect(placed)
    ratio = min(source.width() / max(shown.width(), 1), source.height() / max(shown.height(), 1))
    if ratio >= 2:
        # It is shown larger elsewhere, and was decoded for that.
        pixels = _halved(pixels, int(math.log2(ratio)))
        source, placed = place(pixels.shape[1], pixels.shape[0], box, fit, position, crop, scale)
    # The image lives on the array's memory, which `pixels` keeps until it is drawn.
    image = skia.Image.fromarray(
        pixels, colorType=skia.kRGBA_8888_ColorType, alphaType=skia.AlphaType.kPremul_AlphaType, copy=False
    )
    bilinear = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kNone)
    target.drawImageRect(image, source, placed, bilinear, skia.Paint(AntiAlias=True), _STRICT)


def _halved(pixels: Pixels, times: int) -> Pixels:
    """Means of 2 x 2 px, so many times (a side of one px stays)."""
    from renderers._opencv import cv2

    for _ in range(times):
        size = max(1, (pixels.shape[1] + 1) // 2), max(1, (pixels.shape[0] + 1) // 2)
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return pixels
