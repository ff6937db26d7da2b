"""Pictures for tests of the compositor, and the plain arithmetic it is held against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderers.timeline.scene import Canvas, LayerPixels, Placement, SlideState

Pixels = NDArray[np.uint8]
CANVAS = Canvas(96, 64, 1.0, 0.0, 0.0)


def smooth(width: int, height: int, seed: int = 0) -> Pixels:
    """An opaque picture of gentle gradients."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    phase = seed * 0.7
    channels = [0.5 + 0.4 * np.sin(3 * x * (k + 1) + 2 * y + k + phase) for k in range(3)]
    return np.dstack(
        [np.uint8(np.round(255 * c)) for c in channels] + [np.full((height, width), 255, np.uint8)]
    )


def noise(width: int, height: int, seed: int = 0) -> Pixels:
    """An opaque picture of random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    return pixels


def disc(width: int, height: int, color: tuple[int, int, int] = (200, 40, 90)) -> Pixels:
    """A premultiplied disc with a soft edge on nothing."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    away = np.hypot((x - width / 2) / (width / 2), (y - height / 2) / (height / 2))
    alpha = np.clip((1 - away) * 2.5, 0, 1)
    return np.dstack([np.uint8(np.round(c * alpha)) for c in (*color, 255)])


def tile(pixels: Pixels, x: int, y: int, scale: float = 1.0) -> LayerPixels:
    """A tile whose corner is at x, y of the canvas and whose centre is its own."""
    height, width = pixels.shape[:2]
    middle = width / 2, height / 2
    return LayerPixels(pixels, x, y, scale, *middle, x + middle[0] / scale, y + middle[1] / scale)


def backdrop(pixels: Pixels) -> LayerPixels:
    """A backdrop."""
    return LayerPixels(pixels, 0, 0)


def slide(*tiles: tuple[str, Placement | None], under: str = "back") -> SlideState:
    """A slide of a backdrop and some tiles."""
    return SlideState(((under, None), *tiles))


def over(below: Pixels, above: Pixels, x: int, y: int, opacity: float = 1.0) -> Pixels:
    """Premultiplied `above` on `below`, by whole pixels; what lies beside it is cut off."""
    out = below.astype(np.float64)
    height, width = above.shape[:2]
    x0, y0, x1, y1 = max(0, x), max(0, y), min(below.shape[1], x + width), min(below.shape[0], y + height)
    if x0 < x1 and y0 < y1:
        part = above[y0 - y : y1 - y, x0 - x : x1 - x].astype(np.float64) * opacity
        out[y0:y1, x0:x1] = part + out[y0:y1, x0:x1] * (1 - part[..., 3:] / 255)
    return np.asarray(np.round(out).astype(np.uint8))


def difference(a: Pixels, b: Pixels) -> int:
    """The largest difference of two pictures, in levels."""
    return int(np.abs(a.astype(np.int16) - b).max())
