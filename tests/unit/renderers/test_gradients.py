"""Gradients: the colour of each place by the offsets of the stops, however these are spaced."""

from __future__ import annotations

import numpy as np
import pytest

from renderers.drawing import brushes
from renderers.drawing.backgrounds import draw_background
from renderers.stored.pixels import Pixels
from schemas.paint import LinearGradient, RadialGradient, Stop

COLOURS = ("#ff0000", "#00ff00", "#0000ff", "#ffffff")
OFFSETS = [
    (0, 0.5),
    (0.5, 1),
    (0.25, 0.5, 0.75),
    (0, 1 / 3, 2 / 3),
    (1 / 3, 2 / 3, 1),
    (0.2, 0.4, 0.6, 0.8),
    (0.5,) * 2,
    (0, 0.4),
    (0, 0.5, 1),
    (0, 1),
]


def _stops(offsets: tuple[float, ...]) -> tuple[Stop, ...]:
    return tuple(Stop(offset=o, color=c) for o, c in zip(offsets, COLOURS, strict=False))


def _expected(stops: tuple[Stop, ...], places: np.ndarray) -> np.ndarray:
    offsets = [stop.offset for stop in stops]
    channels = np.array([[int(stop.color[i : i + 2], 16) for i in (1, 3, 5)] for stop in stops])
    return np.stack([np.interp(places, offsets, channels[:, channel]) for channel in range(3)], axis=-1)


def _filled(paint: LinearGradient | RadialGradient, width: int, height: int) -> Pixels:
    from renderers._skia import skia

    pixels = np.zeros((height, width, 4), np.uint8)
    surface = skia.Surface.MakeRasterDirect(brushes.image_info(width, height), pixels, width * 4)
    surface.getCanvas().drawPaint(brushes.fill(paint, width, height))
    return pixels


@pytest.mark.parametrize("offsets", OFFSETS)
@pytest.mark.parametrize("angle", [90, 270])
def test_linear_gradients_obey_their_offsets(offsets: tuple[float, ...], angle: int) -> None:
    """Fills and backgrounds: before the first and after the last stop the colour holds."""
    paint = LinearGradient(type="linear-gradient", angle=angle, stops=_stops(offsets))
    places = (np.arange(200) + 0.5) / 200
    expected = _expected(paint.stops, places if angle == 90 else 1 - places)
    background = np.zeros((4, 200, 4), np.uint8)
    draw_background(background, paint, lambda _: background)
    for pixels in (_filled(paint, 200, 4), background):
        off = np.abs(pixels[2, :, :3] - expected).max(axis=1)
        assert (off > 3).sum() <= (2 if len(set(offsets)) < len(offsets) else 0)


@pytest.mark.parametrize("offsets", OFFSETS)
def test_radial_gradients_obey_their_offsets(offsets: tuple[float, ...]) -> None:
    """Fills and backgrounds from the middle outwards, alike."""
    paint = RadialGradient(type="radial-gradient", cx=0.5, cy=0.5, radius=1, stops=_stops(offsets))
    across = np.hypot(np.arange(200) + 0.5 - 100, 0.5) / np.hypot(100, 100)
    expected = _expected(paint.stops, across)
    background = np.zeros((200, 200, 4), np.uint8)
    draw_background(background, paint, lambda _: background)
    for pixels in (_filled(paint, 200, 200), background):
        off = np.abs(pixels[100, :, :3] - expected).max(axis=1)
        assert (off > 5).sum() <= (2 if len(set(offsets)) < len(offsets) else 0)
