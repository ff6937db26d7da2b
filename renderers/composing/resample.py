"""Sampling a plane at an affine map, bilinear, as fast as the map allows.

Coordinates are continuous: the corner of the first sample is 0, its centre 0.5. What lies outside of the
plane is 0, or its last samples go on. Three ways:

* moved only: two neighbours are weighted, once per direction;
* scaled and moved: `cv2.resize` is five times as fast as a general map but knows whole samples only. So
  the result is made a little larger than wanted, with edges that lie within 1/32 of a sample of a whole
  one of the source, and cut;
* anything else, and where no such edges are found: `cv2.warpAffine`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from renderers._arrays import NDArray
from renderers._opencv import cv2
from renderers.composing.yuv import Plane

MARGIN = 80
"""Samples around a plane that are there for edges to be looked for."""

_REACH = 48  # samples of the result beside it that are tried as edges
_NEAR = 1 / 32  # of a sample of the source: how close an edge must be to a whole one
_SAME = 1e-9
_WHOLE = 1e-3


class Source:
    """A plane to sample from. goes_on: its last samples are repeated outside of it, rather than 0."""

    def __init__(self, plane: Plane, *, goes_on: bool = False) -> None:
        self.plane = plane
        self._border = cv2.BORDER_REPLICATE if goes_on else cv2.BORDER_CONSTANT
        self._padded: Plane | None = None

    @property
    def padded(self) -> Plane:
        """The plane with `MARGIN` samples around it."""
        if self._padded is None:
            self._padded = cv2.copyMakeBorder(self.plane, *[MARGIN] * 4, self._border, value=0)
        return self._padded

    def sample(
        self, linear: NDArray[np.float64], origin: NDArray[np.float64], size: tuple[int, int]
    ) -> Plane:
        """`size` (width, height) samples; the corner (i, j) of the result is at linear @ (i, j) + origin."""
        if linear[0, 1] == linear[1, 0] == 0 and linear[0, 0] > 0 and linear[1, 1] > 0:
            axes = [_Axis(linear[k, k], origin[k], size[k], self.plane.shape[1 - k]) for k in (0, 1)]
            found = self._moved(axes) if all(axis.is_same for axis in axes) else self._stretched(axes)
            if found is not None:
                return found
        shift = linear @ np.array([0.5, 0.5]) + origin - 0.5
        sampled: Plane = cv2.warpAffine(
            self.plane,
            np.column_stack([linear, shift]),
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=self._border,
            borderValue=0,
        )
        return sampled

    def _moved(self, axes: list[_Axis]) -> Plane | None:
        x, y = axes
        (left, across), (top, down) = x.fraction(), y.fraction()
        if not (x.has(left, left + x.size + 1) and y.has(top, top + y.size + 1)):
            return None
        part = self._part(left, top, left + x.size + 1, top + y.size + 1)
        part = _between(part[:, :-1], part[:, 1:], across)
        return _between(part[:-1], part[1:], down)

    def _part(self, left: int, top: int, right: int, bottom: int) -> Plane:
        """Samples of the plane, or of what is around it; no copy."""
        height, width = self.plane.shape[:2]
        if left >= 0 and top >= 0 and right <= width and bottom <= height:
            return self.plane[top:bottom, left:right]
        return self.padded[top + MARGIN : bottom + MARGIN, left + MARGIN : right + MARGIN]

    def _stretched(self, axes: list[_Axis]) -> Plane | None:
        spans = [axis.edges() for axis in axes]
        if spans[0] is None or spans[1] is None:
            return None
        (x0, x1, before_x, width), (y0, y1, before_y, height) = spans[0], spans[1]
        part = self._part(x0, y0, x1, y1)
        large: Plane = cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)
        return large[before_y : before_y + axes[1].size, before_x : before_x + axes[0].size]


def _between(first: Plane, second: Plane, share: float) -> Plane:
    """The weighted mean, `share` of it from the second."""
    if share == 0:
        return first
    mean: Plane = cv2.addWeighted(first, 1 - share, second, share, 0)
    return mean


class _Axis(NamedTuple):
    """One direction: corner i of `size` samples is at step * i + origin of `length`."""

    step: float
    origin: float
    size: int
    length: int

    @property
    def is_same(self) -> bool:
        return abs(self.step - 1) < _SAME

    def has(self, first: int, last: int) -> bool:
        """Whether the padded plane has the samples first .. last - 1."""
        return first >= -MARGIN and last <= self.length + MARGIN

    def fraction(self) -> tuple[int, float]:
        """The whole samples by which it is moved, and the share of the next."""
        near = round(self.origin)
        if abs(self.origin - near) < _WHOLE:
            return near, 0.0
        whole = int(np.floor(self.origin))
        return whole, self.origin - whole

    def edges(self) -> tuple[int, int, int, int] | None:
        """First and last corner in the source; samples of the result before the wanted ones, and in all.

        It is larger by half a sample of the source at least, because `cv2.resize` knows none beyond an edge.
        """
        least = max(1, math.ceil(0.5 / self.step)) if self.step > _SAME else _REACH + 1
        before = np.arange(least, _REACH + 1)
        first = self.origin - self.step * before
        last = self.origin + self.step * (self.size + before)
        low, high = _nearest(first), _nearest(last)
        if low is None or high is None:
            return None
        begin, end = round(first[low]), round(last[high])
        if begin >= end or not self.has(begin, end):
            return None
        return begin, end, low + least, self.size + low + high + 2 * least


def _nearest(corners: NDArray[np.floating[Any]]) -> int | None:
    """Which of some corners is closest to a whole one; None if none is close."""
    if not len(corners):
        return None
    away = np.abs(corners - np.round(corners))
    index = int(np.argmin(away))
    return index if away[index] < _NEAR else None
