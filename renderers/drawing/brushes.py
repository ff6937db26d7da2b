"""Colours, gradients, strokes, blend modes and shadows of a project as Skia's paints."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from renderers._skia import skia
from renderers.stored.pixels import Pixels
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


_PREMULTIPLIED = int(skia.GradientShader.Flags.kInterpolateColorsInPremul_Flag)


@lru_cache(maxsize=4096)
def color(text: str) -> int:
    """A CSS colour as Skia's ARGB."""
    red, green, blue, alpha = parse_color(text)
    return int(skia.ColorSetARGB(int(alpha * 255 + 0.5), red, green, blue))


_DARK, _LIGHT = 110, 144  # grey levels on either side of the middle, in different eighths
_FAR = 1e6  # px; nothing is painted there


@lru_cache(maxsize=1024)
def ink(text: str) -> Any:
    """The paint for glyphs of a CSS colour. Do not change it.

    Skia corrects the coverage of glyphs for gamma and contrast by the luminance of their colour, in
    eighths. Its wheel is built for gamma 2.2 and contrast 0.5, Chromium for 1.2 and 0.2, whose correction for
    dark and for light text is within 3 % that of the wheel for the greys next to the middle. A gradient's
    luminance is the mean of its colours: so the colour comes from one that is painted before its start,
    with another colour at its end that nobody sees.
    """
    red, green, blue, alpha = parse_color(text)
    target = _DARK if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128 else _LIGHT
    unseen = [min(255, max(0, 2 * target - channel)) for channel in (red, green, blue)]
    colors = [skia.ColorSetRGB(red, green, blue), skia.ColorSetRGB(*unseen)]
    points = [skia.Point(_FAR, 0), skia.Point(_FAR + 100, 0)]
    brush = skia.Paint(AntiAlias=True)
    brush.setColor(skia.ColorSetARGB(int(alpha * 255 + 0.5), red, green, blue))
    brush.setShader(skia.GradientShader.MakeLinear(points, colors))
    return brush


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
    """A stroke centred on its outline; dashes as SVG's stroke-dasharray: an odd number of lengths is
    repeated.
    """
    brush = skia.Paint(AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeWidth=stroke.width)
    brush.setColor(color(stroke.color))
    brush.setStrokeMiter(4)
    dash = list(stroke.dash) * (1 + len(stroke.dash) % 2)
    if sum(dash) > 0:
        brush.setPathEffect(skia.DashPathEffect.Make(dash, 0))
    return brush


def gradient(paint: LinearGradient | RadialGradient, width: float, height: float) -> Any:
    """The shader of a gradient over a box (CSS Images 4, 3.1 and 3.2)."""
    if isinstance(paint, LinearGradient):
        ends = gradient_line(paint.angle, width, height)
        return stops_shader(paint.stops, [skia.Point(*end) for end in ends])
    x, y = paint.cx * width, paint.cy * height
    radius = max(paint.radius * farthest_corner(x, y, width, height), 1e-3)
    colors, offsets = _stops(paint.stops)
    return skia.GradientShader.MakeRadial(
        (x, y), radius, colors, offsets, skia.TileMode.kClamp, _PREMULTIPLIED
    )


def stops_shader(stops: tuple[Stop, ...], line: list[Any]) -> Any:
    """The shader of a gradient along a line; colours blend premultiplied."""
    colors, offsets = _stops(stops)
    return skia.GradientShader.MakeLinear(line, colors, offsets, skia.TileMode.kClamp, _PREMULTIPLIED)


def farthest_corner(x: float, y: float, width: float, height: float) -> float:
    """How far a point of a box is from the corner farthest from it."""
    return math.hypot(max(x, width - x), max(y, height - y))


def gradient_line(
    angle: float, width: float, height: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Start and end in a box: 0deg points up, clockwise; the corners take the colours of the ends."""
    turn = math.radians(angle % 360)
    across, up = math.sin(turn), math.cos(turn)
    half = (abs(width * across) + abs(height * up)) / 2
    x, y = width / 2, height / 2
    return (x - across * half, y + up * half), (x + across * half, y - up * half)


def _stops(stops: tuple[Stop, ...]) -> tuple[list[int], list[float]]:
    """Colours and offsets from 0 to 1: the first and the last colour hold beyond (CSS Images 3, 3.4.3).

    Skia would add the ends itself, and forget all offsets where with these they are evenly spaced.
    """
    colors, offsets = [color(stop.color) for stop in stops], [stop.offset for stop in stops]
    if offsets[0] > 0:
        colors, offsets = [colors[0], *colors], [0.0, *offsets]
    if offsets[-1] < 1:
        colors, offsets = [*colors, colors[-1]], [*offsets, 1.0]
    return colors, offsets


def image_info(width: int, height: int) -> Any:
    """The format of all our pixels: RGBA, 8 bits, premultiplied."""
    return skia.ImageInfo.Make(width, height, skia.kRGBA_8888_ColorType, skia.AlphaType.kPremul_AlphaType)


def image_of(pixels: Pixels) -> Any:
    """Skia's image of premultiplied pixels: it lives on the array's memory, which has to be kept until it is
    drawn.
    """
    return skia.Image.fromarray(
        pixels, colorType=skia.kRGBA_8888_ColorType, alphaType=skia.AlphaType.kPremul_AlphaType, copy=False
    )


def sigma(blur: float) -> float:
    """The standard deviation of a CSS blur radius (CSS Backgrounds 3, 6.1)."""
    return blur / 2


def shadow_paint(shadow: Shadow) -> Any:
    """Paints the blurred shadow of an outline that is filled with it."""
    paint = skia.Paint(AntiAlias=True)
    paint.setColor(color(shadow.color))
    if shadow.blur > 0:
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, sigma(shadow.blur)))
    return paint


def is_opaque(paint: Paint | None) -> bool:
    """Whether a fill lets nothing shine through."""
    if paint is None:
        return False
    colors = [paint] if isinstance(paint, str) else [stop.color for stop in paint.stops]
    return all(parse_color(text)[3] == 1 for text in colors)


def shadow_filter(shadow: Shadow, *, alone: bool = False) -> Any:
    """Draws a shadow under all that a layer holds, and the layer unless `alone`; lengths in the layer's
    own px.
    """
    deviation = sigma(shadow.blur)
    make = skia.ImageFilters.DropShadowOnly if alone else skia.ImageFilters.DropShadow
    return make(shadow.x, shadow.y, deviation, deviation, color(shadow.color))
