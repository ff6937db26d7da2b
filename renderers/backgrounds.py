"""The background of a slide: it covers the whole canvas, also where that is wider than the document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from renderers import brushes
from renderers._skia import skia
from renderers.images import draw_fitted
from renderers.pixels import Pixels
from renderers.scene import Canvas
from schemas.paint import ImageBackground, LinearGradient, RadialGradient, SolidBackground
from schemas.project import Background


def draw_background(target: Any, background: Background, canvas: Canvas, images: Callable[[str], Pixels]) -> None:
    """Paint over all of `target` (a Skia canvas in output px). What shows through is white.

    Gradients and pictures are placed in the document's box where the canvas has its shape; on a padded
    canvas they fill the canvas.
    """
    target.clear(skia.ColorWHITE)
    if isinstance(background, SolidBackground):
        target.drawColor(brushes.color(background.color), skia.BlendMode.kSrcOver)
    elif isinstance(background, LinearGradient | RadialGradient):
        paint = brushes.fill(background, canvas.width, canvas.height)
        target.drawRect(skia.Rect.MakeWH(canvas.width, canvas.height), paint)
    elif isinstance(background, ImageBackground):
        box = skia.Rect.MakeWH(canvas.width, canvas.height)
        draw_fitted(target, images(background.src), box, background.fit, background.position)
