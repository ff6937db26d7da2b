"""Sampling planes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from renderers.composing.resample import Source
from renderers.composing.yuv import Plane

WIDTH, HEIGHT = 200, 150
Reals = NDArray[np.floating[Any]]


def waves() -> Plane:
    """A plane whose samples differ by some levels from their neighbours."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.asarray(np.round(127.5 + 60 * np.sin(x / 11) + 60 * np.cos(y / 9 + x / 31)).astype(np.uint8))


def bilinear(plane: Plane, x: Reals, y: Reals, *, goes_on: bool) -> Reals:
    """The value at continuous coordinates, for every pair of x and y."""
    height, width = plane.shape

    def at(column: Reals, row: Reals) -> Reals:
        inside = np.outer((row >= 0) & (row < height), (column >= 0) & (column < width))
        columns, rows = (np.clip(k, 0, n - 1).astype(int) for k, n in ((column, width), (row, height)))
        values = plane[np.ix_(rows, columns)].astype(np.float64)
        return values if goes_on else np.where(inside, values, 0.0)

    left, top = np.floor(x - 0.5), np.floor(y - 0.5)
    across, down = (x - 0.5 - left)[None, :], (y - 0.5 - top)[:, None]
    upper = at(left, top) * (1 - across) + at(left + 1, top) * across
    lower = at(left, top + 1) * (1 - across) + at(left + 1, top + 1) * across
    return np.asarray(upper * (1 - down) + lower * down)


@given(
    st.just(1.0) | st.floats(0.05, 1.5),
    st.just(1.0) | st.floats(0.05, 1.5),
    st.floats(-60, 160),
    st.floats(-60, 120),
    st.booleans(),
)
@settings(deadline=None)
def test_samples_where_it_should(sx: float, sy: float, ox: float, oy: float, goes_on: bool) -> None:
    """Whatever way is taken, samples are those of bilinear interpolation to 1/16 of a sample."""
    size = (70, 50)
    made = Source(waves(), goes_on=goes_on).sample(np.diag((sx, sy)), np.array([ox, oy]), size)
    x, y = (
        (np.arange(n) + 0.5) * step + origin for n, step, origin in zip(size, (sx, sy), (ox, oy), strict=True)
    )
    wanted = bilinear(waves(), x, y, goes_on=goes_on)
    slack = np.zeros_like(wanted)
    for dx, dy in ((1 / 16, 0), (-1 / 16, 0), (0, 1 / 16), (0, -1 / 16)):
        slack = np.maximum(slack, np.abs(bilinear(waves(), x + dx, y + dy, goes_on=goes_on) - wanted))
    assert np.all(np.abs(made - wanted) <= 1.6 + 2 * slack)


@pytest.mark.parametrize("origin", [(0.0, 0.0), (3.0, 5.0), (-7.0, 2.0)])
def test_whole_moves_are_copies(origin: tuple[float, float]) -> None:
    """Moved by whole samples, a plane is what it was."""
    source = Source(waves(), goes_on=True)
    made = source.sample(np.eye(2), np.array(origin), (100, 80))
    x, y = np.arange(100) + 0.5 + origin[0], np.arange(80) + 0.5 + origin[1]
    assert np.array_equal(made, bilinear(waves(), x, y, goes_on=True))


def test_turns() -> None:
    """A quarter of a turn exchanges rows and columns."""
    plane = waves()[:100, :100]
    turned = Source(plane).sample(np.array([[0.0, 1.0], [-1.0, 0.0]]), np.array([0.0, 100.0]), (100, 100))
    assert np.array_equal(turned, np.rot90(plane, -1))


def test_a_slow_zoom_moves_evenly() -> None:
    """In a slow zoom an edge moves by about as much from each frame to the next."""
    ramp = np.tile(np.clip(np.arange(400) - 72.0, 0, 255), (60, 1)).astype(np.uint8)
    source = Source(ramp, goes_on=True)
    places = []
    for frame in range(60):
        zoom = 1 + frame / 600
        linear = np.diag((1 / zoom, 1 / zoom))
        row = source.sample(linear, np.array([200 * (1 - 1 / zoom), 30 * (1 - 1 / zoom)]), (400, 60))[30]
        level = row[100:300].astype(np.float64)
        places.append(level.mean())
    assert np.abs(np.diff(places, 2)).max() < 0.15
