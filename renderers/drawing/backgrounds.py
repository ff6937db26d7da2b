"""The background of a slide: it covers the whole canvas, also where that is wider than the document.

Gradients over a whole picture are looked up in a ramp that Skia drew, which gives its colours in a third of
its time: the place on the ramp is a sum of a row's and a column's share (or the root of one).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from renderers._arrays import NDArray
from renderers._skia import skia
from renderers.drawing import brushes
from renderers.drawing.images import draw_fitted
from renderers.stored.pixels import Pixels
from schemas.paint import ImageBackground, LinearGradient, RadialGradient, SolidBackground, Stop, picture_name
from schemas.project import Background

_RAMP = 8192  # steps: a 30th of a level between black and white


def draw_background(pixels: Pixels, background: Background, images: Callable[[str], Pixels]) -> None:
    """Paint over all of `pixels` (height, width, 4), in output px. What shows through is white."""
    height, width = pixels.shape[:2]
    if isinstance(background, LinearGradient):
        _look_up(pixels, background.stops, _linear(background.angle, width, height))
    elif isinstance(background, RadialGradient):
        _look_up(pixels, background.stops, _radial(background, width, height))
    else:
        surface = skia.Surface.MakeRasterDirect(brushes.image_info(width, height), pixels, width * 4)
        target = surface.getCanvas()
        target.clear(skia.ColorWHITE)
        if isinstance(background, SolidBackground):
            target.drawColor(brushes.color(background.color), skia.BlendMode.kSrcOver)
        elif isinstance(background, ImageBackground):
            box = skia.Rect.MakeWH(width, height)
            name = picture_name(background.src, background.fit, width, height)
            draw_fitted(target, images(name), box, background.fit, background.position)


def _look_up(pixels: Pixels, stops: tuple[Stop, ...], places: NDArray[Any]) -> None:
    """places: 0 … _RAMP - 1 for each px."""
    np.take(_ramp(stops), places, out=pixels.view(np.uint32)[..., 0], mode="clip")


def _ramp(stops: tuple[Stop, ...]) -> NDArray[np.uint32]:
    """The colours of a gradient over white, from its start to its end."""
    row = np.empty((1, _RAMP, 4), np.uint8)
    surface = skia.Surface.MakeRasterDirect(brushes.image_info(_RAMP, 1), row, _RAMP * 4)
    target = surface.getCanvas()
    target.clear(skia.ColorWHITE)
    paint = skia.Paint()
    # The first and the last step are the very start and end.
    paint.setShader(brushes.stops_shader(stops, [skia.Point(0.5, 0), skia.Point(_RAMP - 0.5, 0)]))
    target.drawPaint(paint)
    ramp: NDArray[np.uint32] = row.reshape(_RAMP, 4).view(np.uint32)[:, 0].copy()
    return ramp


def _linear(angle: float, width: int, height: int) -> NDArray[np.int32]:
    """Fixed point, 2⁻¹⁶ of a step, so that a px costs an addition and a shift."""
    start, end = brushes.gradient_line(angle, width, height)
    dx, dy = end[0] - start[0], end[1] - start[1]
    unit = (_RAMP - 1) * 65536 / (dx * dx + dy * dy)
    columns = (np.arange(width) + 0.5 - start[0]) * dx * unit
    rows = (np.arange(height) + 0.5 - start[1]) * dy * unit + 32768
    low = columns.min()  # moved from one to the other, so that all parts and sums are within the ramp
    places: NDArray[np.int32] = np.add.outer(_whole(rows + low), _whole(columns - low))
    places >>= 16
    return places


def _whole(values: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(values).astype(np.int32)


def _radial(background: RadialGradient, width: int, height: int) -> NDArray[np.int32]:
    x, y = background.cx * width, background.cy * height
    radius = max(brushes.farthest_corner(x, y, width, height) * background.radius, 1e-3)
    factor = ((_RAMP - 1) / radius) ** 2
    columns = ((np.arange(width) + 0.5 - x) ** 2 * factor).astype(np.float32)
    rows = ((np.arange(height) + 0.5 - y) ** 2 * factor).astype(np.float32)
    squares = np.add.outer(rows, columns)
    np.sqrt(squares, out=squares)
    squares += 0.5
    np.minimum(squares, _RAMP - 1, out=squares)
    return squares.astype(np.int32)
