"""Colours, gradients, strokes, blend modes and shadows of a project as Skia's paints."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from renderers._skia import skia
from schemas.colors import parse_color
from schemas.paint import LinearGradient, Paint, RadialGradient, Shadow, Stop, Stroke

BLEND_MODES: dict[str, Any] = {
    "normal": skia.BlendMode.kSrcOver,
    "multiply": skia.BlendMode.kMultiply,
    "screen": skia.BlendMode.kScreen,
    "overlay": skia.BlendMode.kOverlay,
    "darken": skia.BlendMode.kDarken,
    "lighten": skia.BlendMode.kLighten,
    "color-dodge": skia.BlendMode.kColorDodge,
    "color-burn": skia.BlendMode.kColorBurn,
    "hard-light": skia.BlendMode.kHardLight,
    "soft-light": skia.BlendMode.kSoftLight,
    "difference": skia.BlendMode.kDifference,
    "exclusion": skia.BlendMode.kExclusion,
    "hue": skia.BlendMode.kHue,
    "saturation": skia.BlendMode.kSaturation,
    "color": skia.BlendMode.kColor,
    "luminosity": skia.BlendMode.kLuminosity,
    "plus-lighter": skia.BlendMode.kPlus,
}
"""CSS mix-blend-mode."""


@lru_cache(maxsize=4096)
def color(text: str) -> int:
    """A CSS colour as Skia's ARGB."""
    red, green, blue, alpha = parse_color(text)
    return int(skia.ColorSetARGB(int(alpha * 255 + 0.5), red, green, blue))


def fill(paint: Paint, width: float, height: float) -> Any:
    """What fills a box of this size with its corner at the origin."""
    brush = skia.Paint(AntiAlias=True)
    if isinstance(paint, str):
        brush.setColor(color(paint))
    else:
        brush.setShader(gradient(paint, width, height))
        brush.setDither(False)
    return brush


def line(stroke: Stroke) -> Any:
    """A stroke centred on its outline; dashes as SVG's stroke-dasharray: an odd number of lengths is repeated."""
    brush = skia.Paint(AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeWidth=stroke.width)
    brush.setColor(color(stroke.color))
    brush.setStrokeMiter(4)
    dash = list(stroke.dash) * (1 + len(stroke.dash) % 2)
    if sum(dash) > 0:
        brush.setPathEffect(skia.DashPathEffect.Make(dash, 0))
    return brush


def gradient(paint: LinearGradient | RadialGradient, width: float, height: float) -> Any:
    """The shader of a gradient over a box (CSS Images 4, 3.1 and 3.2); colours blend premultiplied."""
    colors, offsets = _stops(paint.stops)
    flags = int(skia.GradientShader.Flags.kInterpolateColorsInPremul_Flag)
    if isinstance(paint, LinearGradient):
        points = _gradient_line(paint.angle, width, height)
        return skia.GradientShader.MakeLinear(points, colors, offsets, skia.TileMode.kClamp, flags)
    x, y = paint.cx * width, paint.cy * height
    farthest = math.hypot(max(x, width - x), max(y, height - y))
    radius = max(paint.radius * farthest, 1e-3)
    return skia.GradientShader.MakeRadial((x, y), radius, colors, offsets, skia.TileMode.kClamp, flags)


def _gradient_line(angle: float, width: float, height: float) -> list[Any]:
    """Start and end: 0deg points up, clockwise; the corners take the colours of the ends."""
    turn = math.radians(angle % 360)
    across, up = math.sin(turn), math.cos(turn)
    half = (abs(width * across) + abs(height * up)) / 2
    x, y = width / 2, height / 2
    return [skia.Point(x - across * half, y + up * half), skia.Point(x + across * half, y - up * half)]


def _stops(stops: tuple[Stop, ...]) -> tuple[list[int], list[float]]:
    return [color(stop.color) for stop in stops], [stop.offset for stop in stops]


def sigma(blur: float) -> float:
    """The standard deviation of a CSS blur radius (CSS Backgrounds 3, 6.1)."""
    return blur / 2


def shadow_filter(shadow: Shadow, *, alone: bool = False) -> Any:
    """Draws a shadow under all that a layer holds, and the layer unless `alone`; lengths in the layer's own px."""
    deviation = sigma(shadow.blur)
    make = skia.ImageFilters.DropShadowOnly if alone else skia.ImageFilters.DropShadow
    return make(shadow.x, shadow.y, deviation, deviation, color(shadow.color))
