"""Pictures in their boxes: fit, position, crop, corners, border."""

from __future__ import annotations

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
_SAME = 0.02  # a picture this close to its size on screen is not filtered by mip levels


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
    width: float, height: float, box: Any, fit: str, position: tuple[float, float], crop: Crop | None = None
) -> Placed:
    """Where a picture of this size goes (CSS Images 3, 5.5: object-fit and object-position, after the
    crop).
    """
    part = skia.Rect.MakeWH(width, height)
    if crop is not None:
        part = skia.Rect.MakeXYWH(crop.x * width, crop.y * height, crop.width * width, crop.height * height)
    if fit == "fill":
        return part, box
    ratios = box.width() / part.width(), box.height() / part.height()
    scale = max(ratios) if fit == "cover" else min(ratios)
    if fit == "contain":
        shown = part.width() * scale, part.height() * scale
        left = box.left() + (box.width() - shown[0]) * position[0]
        top = box.top() + (box.height() - shown[1]) * position[1]
        return part, skia.Rect.MakeXYWH(left, top, *shown)
    seen = box.width() / scale, box.height() / scale
    left = part.left() + (part.width() - seen[0]) * position[0]
    top = part.top() + (part.height() - seen[1]) * position[1]
    return skia.Rect.MakeXYWH(left, top, *seen), box


def draw_fitted(
    target: Any, pixels: Pixels, box: Any, fit: str, position: tuple[float, float], crop: Crop | None = None
) -> None:
    """Draw a picture (height, width, 4) into a box; nothing outside of the box or of the crop is painted."""
    if box.width() <= 0 or box.height() <= 0:
        return
    # The image lives on the array's memory, which `pixels` keeps until it is drawn.
    image = skia.Image.fromarray(
        pixels, colorType=skia.kRGBA_8888_ColorType, alphaType=skia.AlphaType.kPremul_AlphaType, copy=False
    )
    source, placed = place(image.width(), image.height(), box, fit, position, crop)
    shown = target.getTotalMatrix().mapRect(placed)
    ratio = max(source.width() / max(shown.width(), 1), source.height() / max(shown.height(), 1))
    target.drawImageRect(image, source, placed, _sampling(ratio), skia.Paint(AntiAlias=True), _STRICT)


def _sampling(ratio: float) -> Any:
    """Bilinear, on mip levels where the picture is much larger than shown."""
    mipmap = skia.MipmapMode.kLinear if ratio > 1 + _SAME else skia.MipmapMode.kNone
    return skia.SamplingOptions(skia.FilterMode.kLinear, mipmap)
