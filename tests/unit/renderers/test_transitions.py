"""Transitions between finished pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from renderers.composing.transitions import mix
from renderers.composing.yuv import Frame, Plane, from_rgba, new_frame, planes
from schemas.errors import InvalidInput
from tests.unit.renderers.pictures import difference, noise, smooth

WIDTH, HEIGHT = 96, 64
BEFORE, AFTER = from_rgba(noise(WIDTH, HEIGHT, 1)), from_rgba(noise(WIDTH, HEIGHT, 2))
WAYS = ("left", "right", "up", "down")
KINDS = ("none", "fade", "zoom", *(f"slide-{way}" for way in WAYS), *(f"wipe-{way}" for way in WAYS))


def at(kind: str, progress: float, before: Frame = BEFORE, after: Frame = AFTER) -> Frame:
    """The frame of a transition."""
    out = new_frame(WIDTH, HEIGHT)
    mix(kind, progress, planes(before), planes(after), planes(out))
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_ends_are_the_pictures(kind: str) -> None:
    """At 0 there is only the one before and at 1 only the one after, bit for bit."""
    assert np.array_equal(at(kind, 0.0), BEFORE)
    assert np.array_equal(at(kind, 1.0), AFTER)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "none"])
def test_starts_and_ends_gently(kind: str) -> None:
    """Close to its ends a transition differs little from the pictures."""
    flat = [from_rgba(smooth(WIDTH, HEIGHT, seed)) for seed in (1, 4)]
    for progress, picture in ((0.002, flat[0]), (0.998, flat[1])):
        assert np.abs(at(kind, progress, *flat).astype(int) - picture).mean() < 1.5


def test_none_is_a_cut() -> None:
    """Without a transition the picture before stays until the end."""
    assert np.array_equal(at("none", 0.99), BEFORE)


@given(st.floats(0, 1))
@settings(deadline=None)
def test_fades_blend(progress: float) -> None:
    """A fade is the weighted mean of the two."""
    wanted = BEFORE * (1 - progress) + AFTER * progress
    assert np.abs(at("fade", progress) - wanted).max() <= 0.51


def _half(plane: Plane, way: str, *, second: bool) -> Plane:
    middle = plane.shape[0] // 2 if way in ("up", "down") else plane.shape[1] // 2
    part = slice(middle, None) if second else slice(None, middle)
    return plane[part] if way in ("up", "down") else plane[:, part]


@pytest.mark.parametrize("way", WAYS)
def test_wipes_are_halves_in_the_middle(way: str) -> None:
    """Half-way, a wipe to the left shows the left half of the one before, the right half of the next."""
    for shown, before, after in zip(*map(planes, (at(f"wipe-{way}", 0.5), BEFORE, AFTER)), strict=True):
        is_back = way in ("left", "up")
        assert np.array_equal(_half(shown, way, second=is_back), _half(after, way, second=is_back))
        assert np.array_equal(_half(shown, way, second=not is_back), _half(before, way, second=not is_back))


@pytest.mark.parametrize("way", WAYS)
def test_slides_push(way: str) -> None:
    """Half-way, a slide to the left shows the right half of the one before, then the left of the next."""
    for shown, before, after in zip(*map(planes, (at(f"slide-{way}", 0.5), BEFORE, AFTER)), strict=True):
        is_back = way in ("left", "up")
        assert np.array_equal(_half(shown, way, second=is_back), _half(after, way, second=not is_back))
        assert np.array_equal(_half(shown, way, second=not is_back), _half(before, way, second=is_back))


@given(st.sampled_from(WAYS), st.floats(0.01, 0.99))
@settings(deadline=None)
def test_slides_move_by_whole_pixels(way: str, progress: float) -> None:
    """Luma is moved by whole pixels and never blended; chroma by halves of its own."""
    axis = 1 if way in ("left", "right") else 0
    both = [BEFORE, AFTER] if way in ("left", "up") else [AFTER, BEFORE]
    full = (HEIGHT, WIDTH)[axis]
    shift = int(np.floor(progress * full + 0.5))
    shift = shift if way in ("left", "up") else full - shift
    for shown, first, second in zip(*map(planes, (at(f"slide-{way}", progress), *both)), strict=True):
        k = full // shown.shape[axis]
        side = np.concatenate([first, second], axis).astype(np.float64)
        fine = np.repeat(side, 2, axis) if k == 2 else side
        begin = np.take(fine, np.arange(shift, shift + shown.shape[axis] * k), axis)
        wanted = begin if k == 1 else _pairs(begin, axis)
        assert np.abs(shown - wanted).max() <= (0 if k == 1 else 0.5)


def _pairs(fine: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    moved = np.moveaxis(fine, axis, 0)
    return np.moveaxis((moved[0::2] + moved[1::2]) / 2, 0, axis)


@given(st.floats(0.001, 0.999))
@settings(deadline=None)
def test_zoom_grows_about_the_centre(progress: float) -> None:
    """The next picture covers its share about the centre and nothing beside it."""
    before, after = new_frame(WIDTH, HEIGHT), new_frame(WIDTH, HEIGHT)
    before[:], after[:] = 20, 220
    y, _, _ = planes(at("zoom", progress, before, after))
    covered = np.argwhere(y > 20)
    if len(covered):
        (top, left), (bottom, right) = covered.min(0), covered.max(0) + 1
        assert abs(top - (HEIGHT - bottom)) <= 1
        assert abs(left - (WIDTH - right)) <= 1
        assert right - left <= WIDTH * progress + 4
    assert abs(int(y[HEIGHT // 2, WIDTH // 2]) - (20 + 200 * progress)) <= 3


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_with_channels_are_mixed_alike(kind: str) -> None:
    """A transition of RGBA pictures shows what the same transition of their frames shows."""
    pictures = [smooth(WIDTH, HEIGHT, seed) for seed in (1, 4)]
    out = np.empty_like(pictures[0])
    mix(kind, 0.5, pictures[:1], pictures[1:], [out])
    assert out[..., 3].min() == 255
    assert difference(at(kind, 0.5, *map(from_rgba, pictures)), from_rgba(out)) <= 5


@pytest.mark.parametrize("kind", ["explode", "slide", "slide-in", "fade-left", ""])
def test_knows_its_kinds(kind: str) -> None:
    """A transition that there is not is an error with a sentence."""
    with pytest.raises(InvalidInput, match="no transition"):
        at(kind, 0.5)
