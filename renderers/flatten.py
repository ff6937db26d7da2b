"""Slides in RGBA through Skia: for single pictures, and for what planes of YUV cannot do.

That is every blend mode but `normal`: their formulas (W3C, Compositing and Blending Level 1, 5.8 and 5.9;
Skia has them) are written for red, green and blue. Right first, and fast enough for one picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from renderers._skia import skia
from renderers.brushes import BLEND_MODES
from renderers.scene import LayerPixels, Placement, SlideState
from renderers.sprites import Sprite, placed, unfaded, window, zoomed
from renderers.tiles import Affine, Rect, soft_edge
from renderers.yuv import Plane

_REST = Placement()
_SMOOTH = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
_THROUGH = skia.Paint()
_THROUGH.setBlendMode(skia.BlendMode.kDstIn)
_BEYOND = 2
"""Pixels that a picture goes on for: enough for the soft edge of its mask."""


def flatten(
    slide: SlideState,
    size: tuple[int, int],
    layers: Mapping[str, LayerPixels],
    sprites: Mapping[str, Sprite],
    blend_modes: Mapping[str, str],
) -> Plane:
    """One picture, (height, width, 4), premultiplied. size: width, height. sprites say what is touched."""
    pixels = np.zeros((size[1], size[0], 4), np.uint8)
    info = skia.ImageInfo.Make(*size, skia.kRGBA_8888_ColorType, skia.AlphaType.kPremul_AlphaType)
    surface = skia.Surface.MakeRasterDirect(info, pixels, size[0] * 4)
    target = surface.getCanvas()
    for key, given in slide.layers:
        placement = given or _REST
        if (bounds := sprites[key].bounds(placement)) is None:
            continue
        layer, opacity = unfaded(layers[key])
        mode = blend_modes.get(key, "normal")
        paint = skia.Paint()
        paint.setAlphaf(placement.opacity * opacity)
        paint.setBlendMode(BLEND_MODES[mode])
        if layer.inside is None and mode == "normal":
            _draw_image(target, layer.rgba, placed(layer, placement), paint)
            continue
        with _group(target, bounds, paint):
            _draw(target, layer, placement)
    return pixels


@contextmanager
def _group(target: Any, bounds: Rect, paint: Any) -> Iterator[None]:
    """What is drawn meanwhile is put on the picture as one, with the paint's opacity and blend mode."""
    target.save()
    target.clipRect(skia.Rect.MakeLTRB(*bounds))
    target.saveLayer(None, paint)
    yield
    target.restore()
    target.restore()


def _draw(target: Any, pixels: LayerPixels, placement: Placement) -> None:
    inside = pixels.inside
    if inside is None:
        _draw_image(target, pixels.rgba, placed(pixels, placement))
        return
    if inside.under is not None:
        _draw(target, inside.under, placement)
    target.saveLayer(None, skia.Paint())
    cut = soft_edge(pixels.rgba)
    if cut is not None and placement.within >= 1:
        picture = _going_on(pixels.rgba, cut)
        _draw_image(target, picture, zoomed(pixels, inside, placement, -_BEYOND))
    else:
        _draw_image(target, pixels.rgba, zoomed(pixels, inside, placement))
    target.saveLayer(None, _THROUGH)
    _draw_image(target, np.dstack([inside.mask] * 4), window(pixels, inside, placement))
    target.restore()
    target.restore()
    if inside.over is not None:
        _draw(target, inside.over, placement)


def _going_on(rgba: Plane, cut: int) -> Plane:
    """A picture without its outer `cut` pixels, the last of the others going on to `_BEYOND` its edges."""
    inner = rgba[cut : len(rgba) - cut, cut : rgba.shape[1] - cut]
    beyond = (cut + _BEYOND, cut + _BEYOND)
    return np.pad(inner, (beyond, beyond, (0, 0)), "edge")


def _draw_image(target: Any, rgba: Plane, affine: Affine, paint: Any = None) -> None:
    """Draw a picture at `affine`, its edges fading to nothing over a pixel if they lie between pixels.

    As an image and not as a shader: those skia-python copies by way of a PNG file each time (a tenth of a
    second for a picture of 1080p).
    """
    corner = affine.whole()
    if corner is None:
        rgba = np.pad(rgba, ((1, 1), (1, 1), (0, 0)))
    image = skia.Image.fromarray(
        np.ascontiguousarray(rgba),
        colorType=skia.kRGBA_8888_ColorType,
        alphaType=skia.AlphaType.kPremul_AlphaType,
        copy=False,  # it is drawn at once
    )
    if corner is not None:
        target.drawImage(image, *corner, skia.SamplingOptions(), paint)
        return
    target.save()
    target.concat(skia.Matrix.MakeAll(affine.a, affine.b, affine.x0, affine.c, affine.d, affine.y0, 0, 0, 1))
    target.drawImage(image, -1, -1, _SMOOTH, paint)
    target.restore()
