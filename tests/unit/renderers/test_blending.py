"""Blend modes, against the formulas of W3C's Compositing and Blending Level 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from renderers.composing.compose import Compositor
from renderers.composing.yuv import from_rgba, planes
from renderers.timeline.scene import Placement
from tests.unit.renderers.pictures import CANVAS, Pixels, backdrop, difference, noise, slide, smooth, tile

Colors = NDArray[np.float64]
"""Shape (h, w, 3), 0..1."""
Formula = Callable[[Colors, Colors], Colors]


def hard_light(below: Colors, above: Colors) -> Colors:
    """5.8.9"""
    return np.where(above <= 0.5, below * 2 * above, below + (2 * above - 1) - below * (2 * above - 1))


def soft_light(below: Colors, above: Colors) -> Colors:
    """5.8.10"""
    curve = np.where(below <= 0.25, ((16 * below - 12) * below + 4) * below, np.sqrt(below))
    dark = below - (1 - 2 * above) * below * (1 - below)
    return np.where(above <= 0.5, dark, below + (2 * above - 1) * (curve - below))


def dodge(below: Colors, above: Colors) -> Colors:
    """5.8.7"""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below == 0, 0, np.where(above >= 1, 1, np.minimum(1, below / (1 - above))))


def burn(below: Colors, above: Colors) -> Colors:
    """5.8.8"""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below >= 1, 1, np.where(above <= 0, 0, 1 - np.minimum(1, (1 - below) / above)))


def luminosity(color: Colors) -> Colors:
    """5.9, Lum()"""
    lum: Colors = (color @ np.array([0.3, 0.59, 0.11]))[..., None]
    return lum


def clip(color: Colors) -> Colors:
    """5.9, ClipColor()"""
    lum, low, high = luminosity(color), color.min(-1, keepdims=True), color.max(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        color = np.where(low < 0, lum + (color - lum) * lum / (lum - low), color)
        return np.where(high > 1, lum + (color - lum) * (1 - lum) / (high - lum), color)


def set_luminosity(color: Colors, lum: Colors) -> Colors:
    """5.9, SetLum()"""
    return clip(color + lum - luminosity(color))


def saturation(color: Colors) -> Colors:
    """5.9, Sat()"""
    sat: Colors = color.max(-1, keepdims=True) - color.min(-1, keepdims=True)
    return sat


def set_saturation(color: Colors, sat: Colors) -> Colors:
    """5.9, SetSat()"""
    low = color.min(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(saturation(color) > 0, (color - low) * sat / saturation(color), 0)


FORMULAS: dict[str, Formula] = {
    "normal": lambda below, above: above,
    "multiply": lambda below, above: below * above,
    "screen": lambda below, above: below + above - below * above,
    "overlay": lambda below, above: hard_light(above, below),
    "darken": np.minimum,
    "lighten": np.maximum,
    "color-dodge": dodge,
    "color-burn": burn,
    "hard-light": hard_light,
    "soft-light": soft_light,
    "difference": lambda below, above: np.abs(below - above),
    "exclusion": lambda below, above: below + above - 2 * below * above,
    "hue": lambda below, above: set_luminosity(set_saturation(above, saturation(below)), luminosity(below)),
    "saturation": lambda below, above: set_luminosity(
        set_saturation(below, saturation(above)), luminosity(below)
    ),
    "color": lambda below, above: set_luminosity(above, luminosity(below)),
    "luminosity": lambda below, above: set_luminosity(below, luminosity(above)),
}


def blended(mode: str, below: Pixels, above: Pixels, opacity: float) -> Pixels:
    """5.6: the backdrop is opaque, so the result is (1 - as) Cb + as B(Cb, Cs)."""
    alpha = above[..., 3:] / 255
    color = np.divide(above[..., :3] / 255, alpha, out=np.zeros((*above.shape[:2], 3)), where=alpha > 0)
    under = below[..., :3] / 255
    alpha = alpha * opacity
    mixed = (1 - alpha) * under + alpha * FORMULAS[mode](under, np.minimum(color, 1))
    out = below.copy()
    out[..., :3] = np.round(mixed * 255)
    return out


@pytest.mark.parametrize("mode", FORMULAS)
@pytest.mark.parametrize("opacity", [1.0, 0.6])
def test_blends_like_the_specification(mode: str, opacity: float) -> None:
    """A tile with a blend mode is put on the picture by the mode's formula."""
    below, above = noise(96, 64, 1), noise(96, 64, 2)
    above[:, 48:] //= 2  # premultiplied: half transparent
    made = Compositor(CANVAS, {"back": backdrop(below), "tile": tile(above, 0, 0)}, {"tile": mode})
    picture = made.rgba(slide(("tile", Placement(opacity=opacity))))
    wanted = blended(mode, below, above, opacity)
    away = np.abs(picture.astype(int) - wanted)
    assert np.quantile(away, 0.999) <= 2
    assert away.mean() < 0.6


def test_frames_blend_too() -> None:
    """A frame of a slide with a blend mode is its picture converted, between frames without."""
    below, above = smooth(96, 64, 1), smooth(40, 30, 2)
    layers = {"back": backdrop(below), "tile": tile(above, 10, 10), "plain": tile(above, 40, 20)}
    made = Compositor(CANVAS, layers, {"tile": "multiply"})
    states = [
        slide(("plain", Placement(dx=2))),
        slide(("plain", Placement(dx=3)), ("tile", Placement(dx=2.5))),
    ]
    for state in (*states, *states):
        fresh = Compositor(CANVAS, layers, {"tile": "multiply"})
        assert np.array_equal(made.frame(state), fresh.frame(state))
    assert np.array_equal(made.frame(states[1]), from_rgba(made.rgba(states[1])))
    assert difference(planes(made.frame(states[0]))[0], planes(from_rgba(made.rgba(states[0])))[0]) <= 2
