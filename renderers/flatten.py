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
        paint = skia.Paint()
        paint.setAlphaf(placement.opacity * opacity)
        paint.setBlendMode(BLEND_MODES[blend_modes.get(key, "normal")])
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
        target.drawPaint(_image_paint(pixels.rgba, placed(pixels, placement)))
        return
    if inside.under is not None:
        _draw(target, inside.under, placement)
    target.saveLayer(None, skia.Paint())
    target.drawPaint(_image_paint(np.dstack([inside.mask] * 4), window(pixels, inside, placement)))
    cut = soft_edge(pixels.rgba)
    goes_on = cut is not None and placement.within >= 1
    affine = zoomed(pixels, inside, placement, cut or 0)
    height, width = pixels.rgba.shape[:2]
    picture = pixels.rgba[cut : height - cut, cut : width - cut] if cut else pixels.rgba
    paint = _image_paint(picture, affine, goes_on=goes_on)
    paint.setBlendMode(skia.BlendMode.kSrcIn)
    target.drawPaint(paint)
    target.restore()
    if inside.over is not None:
        _draw(target, inside.over, placement)


def _image_paint(rgba: Plane, affine: Affine, *, goes_on: bool = False) -> Any:
    """The plane filled with a picture that lies at `affine`; around it nothing, or its last pixels."""
    # A copy: the array may be gone before Skia draws.
    image = skia.Image.fromarray(
        np.ascontiguousarray(rgba),
        colorType=skia.kRGBA_8888_ColorType,
        alphaType=skia.AlphaType.kPremul_AlphaType,
        copy=True,
    )
    x, y, sampling = affine.x0, affine.y0, _SMOOTH
    if (corner := affine.whole()) is not None:
        (x, y), sampling = corner, skia.SamplingOptions()
    matrix = skia.Matrix.MakeAll(affine.a, affine.b, x, affine.c, affine.d, y, 0, 0, 1)
    tiling = skia.TileMode.kClamp if goes_on else skia.TileMode.kDecal
    paint = skia.Paint()
    paint.setShader(image.makeShader(tiling, tiling, sampling, matrix))
    return paint
