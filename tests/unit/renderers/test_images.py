"""Pictures in their boxes: what OpenCV samples in the middle is what Skia would have drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from renderers._skia import skia
from renderers.drawing import brushes, images
from renderers.drawing import middles as drawn_apart
from renderers.stored.pixels import Pixels
from schemas.paint import Crop
from tests.unit.renderers.pictures import disc, noise, smooth

WIDTH, HEIGHT = 900, 700
BOX = 640.0, 480.0


def drawn(
    pixels: Pixels,
    at: tuple[float, float, float] = (40.0, 30.0, 1.0),
    *,
    fit: str = "cover",
    radius: float | None = None,
    crop: Crop | None = None,
    opacity: float = 1.0,
    border: float = 0.0,
    position: tuple[float, float] = (0.5, 0.5),
) -> Pixels:
    """The picture in `BOX`, less a border, on a coloured ground; at: x, y and scale of the box on it."""
    out = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    target = skia.Surface.MakeRasterDirect(brushes.image_info(WIDTH, HEIGHT), out, WIDTH * 4).getCanvas()
    target.clear(0xFF204060)
    target.translate(*at[:2])
    target.scale(at[2], at[2])
    box = skia.Rect.MakeWH(*BOX)
    if opacity < 1:
        paint = skia.Paint()
        paint.setAlphaf(opacity)
        target.saveLayer(box, paint)
    inner = box.makeInset(border, border)
    images.draw_fitted(target, pixels, inner, fit, position, crop, within=(box, radius))
    if opacity < 1:
        target.restore()
    return out


@pytest.fixture
def by_skia(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Pixels]:
    """`drawn`, with every px drawn by Skia."""

    def draw(*arguments: Any, **named: Any) -> Pixels:
        with monkeypatch.context() as patch:
            patch.setattr(drawn_apart, "_WORTH", 10**9)
            return drawn(*arguments, **named)

    return draw


@pytest.fixture
def middles(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each middle was drawn apart."""
    found: list[bool] = []
    draw = drawn_apart.draw_middle

    def told(*arguments: Any) -> bool:
        found.append(draw(*arguments))
        return found[-1]

    monkeypatch.setattr("renderers.drawing.images.draw_middle", told)
    return found


@pytest.mark.parametrize("at", [(40.0, 30.0, 1.0), (40.5, 30.3, 1.0), (10.2, 8.7, 1.3)])
@pytest.mark.parametrize("fit", ["cover", "contain", "fill"])
@pytest.mark.parametrize("radius", [None, 0.0, 24.0])
def test_the_middle_is_what_skia_draws(
    by_skia: Callable[..., Pixels],
    middles: list[bool],
    at: tuple[float, float, float],
    fit: str,
    radius: float | None,
) -> None:
    """Within rounding, whatever lies around it."""
    pixels = smooth(800, 533)
    ours = drawn(pixels, at, fit=fit, radius=radius)
    assert middles == [True]
    skias = by_skia(pixels, at, fit=fit, radius=radius)
    assert middles == [True]
    away = np.abs(ours.astype(int) - skias)
    assert away.max() <= 3
    assert (away > 1).mean() < 0.001


@pytest.mark.parametrize("radius", [None, 0.0, 24.0])
def test_a_picture_of_the_size_it_is_shown_in_is_copied(
    by_skia: Callable[..., Pixels], middles: list[bool], radius: float | None
) -> None:
    """Nothing is sampled, to the last px."""
    pixels = noise(640, 480)
    ours = drawn(pixels, radius=radius)
    assert middles == [True]
    assert np.array_equal(ours[80:430, 70:650], pixels[50:400, 30:610])
    assert np.array_equal(ours, by_skia(pixels, radius=radius))


def test_what_shows_through_is_blended(by_skia: Callable[..., Pixels], middles: list[bool]) -> None:
    """A middle need not be opaque."""
    pixels = disc(500, 380)
    ours = drawn(pixels)
    assert middles == [True]
    assert ours[32, 42].tolist() == [0x20, 0x40, 0x60, 0xFF]  # the corner, where the disc is not
    away = np.abs(ours.astype(int) - by_skia(pixels))
    assert away.max() <= 2


@pytest.mark.parametrize("border", [1.5, 3.0, 4.0])
@pytest.mark.parametrize("scale", [0.9, 1.0, 1.125, 4 / 3])
@pytest.mark.parametrize("position", [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_a_picture_within_a_border(
    by_skia: Callable[..., Pixels],
    middles: list[bool],
    border: float,
    scale: float,
    position: tuple[float, float],
) -> None:
    """Its edge is rounded to whole px, which may lie inside of the border."""
    pixels, at = smooth(800, 450), (0.0, 0.0, scale)
    ours = drawn(pixels, at, border=border, position=position)
    assert middles == [True]
    away = np.abs(ours.astype(int) - by_skia(pixels, at, border=border, position=position))
    assert away.max() <= 2


@pytest.mark.parametrize("fit", ["cover", "contain", "fill"])
@pytest.mark.parametrize("width", [1e-12, 1e-9, 1e-6])
@pytest.mark.parametrize("x", [0.0, 0.5, 0.99999999])
def test_next_to_nothing_of_a_picture(fit: str, width: float, x: float) -> None:
    """A crop of less than a px is no error."""
    crop = Crop(x=x, y=0.0, width=min(width, 1 - x), height=1.0)
    assert drawn(smooth(800, 533), fit=fit, crop=crop)[0, 0, 3] == 255


def test_a_layer_of_its_own_lies_where_it_should(by_skia: Callable[..., Pixels], middles: list[bool]) -> None:
    """Skia's layers begin elsewhere than the canvas."""
    pixels, at = smooth(800, 533), (110.5, 90.3, 1.1)
    ours = drawn(pixels, at, opacity=0.5)
    assert middles == [True]
    away = np.abs(ours.astype(int) - by_skia(pixels, at, opacity=0.5))
    assert away.max() <= 2


def test_nothing_beside_a_crop_is_seen(middles: list[bool]) -> None:
    """Not even half a px of it."""
    pixels = np.zeros((600, 900, 4), np.uint8)
    pixels[...] = (255, 0, 0, 255)
    pixels[150:450, 225:675] = (0, 255, 0, 255)
    ours = drawn(pixels, (0.0, 0.0, 1.0), fit="fill", crop=Crop(x=0.25, y=0.25, width=0.5, height=0.5))
    assert middles == [True]
    assert (ours[:480, :640] == (0, 255, 0, 255)).all()


def test_a_turned_picture_is_drawn_by_skia(middles: list[bool]) -> None:
    """Its px lie on no axis."""
    out = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    target = skia.Surface.MakeRasterDirect(brushes.image_info(WIDTH, HEIGHT), out, WIDTH * 4).getCanvas()
    target.rotate(5)
    images.draw_fitted(target, smooth(800, 533), skia.Rect.MakeWH(*BOX), "cover", (0.5, 0.5))
    assert middles == []
    assert out[300, 300, 3] == 255


def test_a_picture_too_long_for_opencv_is_drawn_by_skia(middles: list[bool]) -> None:
    """OpenCV counts samples in 16 bits."""
    ours = drawn(np.full((4, 33_000, 4), 255, np.uint8), (0.0, 0.0, 1.0), fit="fill")
    assert middles == [False]
    assert (ours[:480, :640] == 255).all()
