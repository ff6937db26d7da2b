"""Slides in RGBA, blended by Skia: for single pictures, and for what planes of YUV cannot do.

That is every blend mode but `normal`: their formulas (W3C, Compositing and Blending Level 1, 5.8 and 5.9;
Skia has them) are written for red, green and blue. Where layers lie is decided by the compositor's own
sampling (`renderers.composing.tiles`); Skia puts them on one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from renderers._opencv import cv2
from renderers._skia import skia
from renderers.composing.sprites import Sprite, placed, unfaded, window, zoomed
from renderers.composing.tiles import Rect, sampled, soft_edge
from renderers.composing.yuv import Plane
from renderers.drawing.brushes import BLEND_MODES, image_info, image_of
from renderers.timeline.scene import Inside, LayerPixels, Placement, SlideState

_REST = Placement()
_Part = tuple[int, int, Plane]
"""Premultiplied pixels and where their corner lies."""


def flatten(
    slide: SlideState,
    size: tuple[int, int],
    layers: Mapping[str, LayerPixels],
    sprites: Mapping[str, Sprite],
    blend_modes: Mapping[str, str],
) -> Plane:
    """One picture, (height, width, 4), premultiplied. size: width, height. sprites say what is touched."""
    first, given = slide.layers[0]
    pixels, above = np.zeros((size[1], size[0], 4), np.uint8), slide.layers
    if given is None and _fills(layers[first], size) and blend_modes.get(first, "normal") == "normal":
        pixels, above = layers[first].rgba.copy(), above[1:]  # a backdrop
    surface = skia.Surface.MakeRasterDirect(image_info(*size), pixels, size[0] * 4)
    target = surface.getCanvas()
    for key, given in above:
        placement = given or _REST
        if (bounds := sprites[key].bounds(placement)) is None:
            continue
        layer, opacity = unfaded(layers[key])
        paint = skia.Paint()
        paint.setAlphaf(placement.opacity * opacity)
        paint.setBlendMode(BLEND_MODES[blend_modes.get(key, "normal")])
        parts = list(_parts(layer, placement, bounds))
        if len(parts) == 1:
            _draw(target, parts[0], paint)
            continue
        # As one, with one opacity and blend mode.
        target.saveLayer(skia.Rect.MakeLTRB(*bounds), paint)
        for part in parts:
            _draw(target, part, skia.Paint())
        target.restore()
    return pixels


def _fills(layer: LayerPixels, size: tuple[int, int]) -> bool:
    is_bare = layer.inside is None and layer.scale == 1
    return is_bare and (layer.x, layer.y) == (0, 0) and layer.rgba.shape[1::-1] == size


def _parts(pixels: LayerPixels, placement: Placement, rect: Rect) -> Iterator[_Part]:
    """What a layer puts into a rectangle, from bottom to top."""
    inside = pixels.inside
    if inside is None:
        affine = placed(pixels, placement)
        if (corner := affine.whole()) is not None:
            yield *corner, pixels.rgba
        else:
            yield *rect[:2], sampled(pixels.rgba, affine, rect)
        return
    if inside.under is not None:
        yield from _parts(inside.under, placement, rect)
    yield *rect[:2], _through(pixels, inside, placement, rect)
    if inside.over is not None:
        yield from _parts(inside.over, placement, rect)


def _through(pixels: LayerPixels, inside: Inside, placement: Placement, rect: Rect) -> Plane:
    """The picture, zoomed, as seen through its mask. Where it fills that, its own soft edges are not seen."""
    cut = soft_edge(pixels.rgba) if placement.within >= 1 else None
    height, width = pixels.rgba.shape[:2]
    own = pixels.rgba[cut : height - cut, cut : width - cut] if cut else pixels.rgba
    picture = sampled(own, zoomed(pixels, inside, placement, cut or 0), rect, goes_on=cut is not None)
    mask = sampled(inside.mask, window(pixels, inside, placement), rect)
    if mask.min() == 255:
        return picture
    through: Plane = cv2.multiply(picture, cv2.merge([mask] * 4), scale=1 / 255)
    return through


def _draw(target: Any, part: _Part, paint: Any) -> None:
    """Put pixels where they lie.

    As an image and not as a shader: those skia-python copies by way of a PNG file each time (a tenth of a
    second for a picture of 1080p).
    """
    x, y, rgba = part
    rgba = np.ascontiguousarray(rgba)
    target.drawImage(image_of(rgba), x, y, skia.SamplingOptions(), paint)
