"""Pixels as planes of YUV, placed anywhere: what a frame of a moving stretch is made of.

A `Tile` is sampled at an affine map into a `Patch`: premultiplied planes with alpha, for a rectangle of the
picture with even edges. At whole pixels that is a copy (one for each parity, kept); anywhere else each plane
is sampled by bilinear interpolation from a reduction of the tile that has at most 1.5 pixels to one of the
picture: motion is smooth below the pixel, without shimmer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from renderers._opencv import cv2
from renderers.composing.resample import Source
from renderers.composing.yuv import Plane, from_rgba, mask_planes, planes, tile_planes

Rect = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the picture."""

_WHOLE = 1e-3  # px: what is closer to a whole pixel is there
_FINEST = 1.5  # pixels of a layer's reduction to one of the picture, at most
_STEP = math.sqrt(2)  # from one reduction to the next
_EPSILON = 1e-6


class Affine(NamedTuple):
    """(x, y) = (a u + b v + x0, c u + d v + y0): tile to picture, in pixels whose corners are at integers."""

    a: float
    b: float
    c: float
    d: float
    x0: float
    y0: float

    @property
    def determinant(self) -> float:
        """How many pixels of the picture one of the tile covers."""
        return self.a * self.d - self.b * self.c

    def at(self, u: float, v: float) -> tuple[float, float]:
        """Where a point of the tile lies."""
        return self.a * u + self.b * v + self.x0, self.c * u + self.d * v + self.y0

    def whole(self) -> tuple[int, int] | None:
        """The corner, if this moves by whole pixels and does nothing else."""
        turned = max(abs(self.a - 1), abs(self.d - 1), abs(self.b), abs(self.c))
        x, y = round(self.x0), round(self.y0)
        if turned > _EPSILON or max(abs(x - self.x0), abs(y - self.y0)) > _WHOLE:
            return None
        return x, y

    def inverse(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """The linear part backwards, 2x2."""
        return np.array([[self.d, -self.b], [-self.c, self.a]]) / self.determinant


class Patch(NamedTuple):
    """Premultiplied planes for a rectangle with even edges; `alpha` at both sizes, or None if opaque."""

    rect: Rect
    colors: tuple[Plane, Plane, Plane]
    alpha: tuple[Plane, Plane] | None

    def faded(self, opacity: float) -> Patch:
        """The same, `opacity` 0..1 times as visible."""
        if opacity >= 1:
            return self
        alpha = self.alpha or (np.full_like(self.colors[0], 255), np.full_like(self.colors[1], 255))
        y, u, v, a, ac = (cv2.convertScaleAbs(plane, alpha=opacity) for plane in (*self.colors, *alpha))
        return self._replace(colors=(y, u, v), alpha=(a, ac))

    def masked(self, mask: tuple[Plane, Plane] | None) -> Patch:
        """The same, cut by a mask at both resolutions."""
        if mask is None:
            return self
        luma, chroma = mask
        y, u, v = (_times(c, m) for c, m in zip(self.colors, (luma, chroma, chroma), strict=True))
        alpha = mask if self.alpha is None else (_times(self.alpha[0], luma), _times(self.alpha[1], chroma))
        return self._replace(colors=(y, u, v), alpha=alpha)

    def paint(self, target: tuple[Plane, Plane, Plane], region: Rect) -> None:
        """Put it on a picture's planes, within a region with even edges."""
        x0, y0, x1, y1 = overlap(self.rect, region)
        if x0 >= x1 or y0 >= y1:
            return
        left, top = self.rect[:2]
        for index, (color, plane) in enumerate(zip(self.colors, target, strict=True)):
            k = 1 if index == 0 else 2
            there = (slice(y0 // k, y1 // k), slice(x0 // k, x1 // k))
            here = (slice((y0 - top) // k, (y1 - top) // k), slice((x0 - left) // k, (x1 - left) // k))
            if self.alpha is None:
                plane[there] = color[here]
                continue
            below = _times(plane[there], cv2.bitwise_not(self.alpha[min(index, 1)][here]))
            plane[there] = cv2.add(below, color[here])


def _times(plane: Plane, factor: Plane) -> Plane:
    product: Plane = cv2.multiply(plane, factor, scale=1 / 255)
    return product


def overlap(a: Rect, b: Rect) -> Rect:
    """What two rectangles have in common; its right may lie left of its left."""
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def touch(a: Rect, b: Rect) -> bool:
    """Whether two rectangles have pixels in common."""
    x0, y0, x1, y1 = overlap(a, b)
    return x0 < x1 and y0 < y1


def united(patches: Sequence[Patch]) -> Patch:
    """Patches on top of one another as one."""
    left, top, right, bottom = zip(*(patch.rect for patch in patches), strict=True)
    rect = x0, y0, x1, y1 = min(left), min(top), max(right), max(bottom)
    full, half = (y1 - y0, x1 - x0), ((y1 - y0) // 2, (x1 - x0) // 2)
    colors = np.zeros(full, np.uint8), np.zeros(half, np.uint8), np.zeros(half, np.uint8)
    # Alpha is painted like a colour; its third plane is there because colours have three.
    alpha = np.zeros(full, np.uint8), np.zeros(half, np.uint8), np.zeros(half, np.uint8)
    here = (0, 0, x1 - x0, y1 - y0)
    for patch in patches:
        a, ac = patch.alpha or (np.full_like(patch.colors[0], 255), np.full_like(patch.colors[1], 255))
        x, y = patch.rect[0] - x0, patch.rect[1] - y0
        place = (x, y, x + patch.rect[2] - patch.rect[0], y + patch.rect[3] - patch.rect[1])
        Patch(place, patch.colors, patch.alpha).paint(colors, here)
        Patch(place, (a, ac, ac), patch.alpha).paint(alpha, here)
    return Patch(rect, colors, alpha[:2])


class _Grid(NamedTuple):
    """Planes of one picture, at full and at half size."""

    full: tuple[Source, ...]
    half: tuple[Source, ...]

    @classmethod
    def of(cls, full: Sequence[Plane], half: Sequence[Plane], *, goes_on: bool) -> _Grid:
        whole = tuple(Source(plane, goes_on=goes_on) for plane in full)
        return cls(whole, tuple(Source(plane, goes_on=goes_on) for plane in half))

    def reduced(self, factor: float, *, goes_on: bool) -> _Grid:
        """The same, about `factor` times smaller, even."""
        height, width = self.half[0].plane.shape
        half = max(1, round(width / factor)), max(1, round(height / factor))
        whole = half[0] * 2, half[1] * 2
        return self.of(
            [cv2.resize(source.plane, whole, interpolation=cv2.INTER_AREA) for source in self.full],
            [cv2.resize(source.plane, half, interpolation=cv2.INTER_AREA) for source in self.half],
            goes_on=goes_on,
        )


class Tile:
    """Premultiplied pixels, or (height, width) alpha alone, as planes, each made when first wanted.

    The planes are Y and alpha at full size, and U, V and alpha at half; without alpha for a picture that is
    opaque, and alpha only for a mask.
    """

    def __init__(self, pixels: Plane, *, is_picture: bool = False) -> None:
        """is_picture: seen through a mask only, so soft edges are cut off and the last pixels may go on."""
        self.cut = (soft_edge(pixels) or 0) if is_picture else 0
        if is_picture:
            sides = [side - self.cut for side in pixels.shape[:2]]
            height, width = (side - (side - self.cut) % 2 if side - self.cut > 1 else side for side in sides)
            pixels = pixels[self.cut : height, self.cut : width]
        self._pixels = np.ascontiguousarray(pixels)
        self._is_picture = is_picture
        self._is_even = not (pixels.shape[0] % 2 or pixels.shape[1] % 2)
        self._aligned: dict[tuple[int, int], _Grid] = {}
        self._levels: dict[int, _Grid] = {}

    @cached_property
    def is_opaque(self) -> bool:
        """Whether nothing shows through."""
        alpha = self._pixels if self._pixels.ndim == 2 else self._pixels[..., 3]
        return bool((alpha == 255).all())

    @cached_property
    def may_go_on(self) -> bool:
        """Whether its last pixels may be repeated around it."""
        return self._is_picture and self._is_even and self.is_opaque

    @property
    def size(self) -> tuple[int, int]:
        """Width, height."""
        return self._pixels.shape[1], self._pixels.shape[0]

    def aligned(self, x: int, y: int) -> _Grid:
        """The planes as they lie with the corner at x, y of the picture, from the even pixel before it on."""
        key = (x % 2, y % 2)
        if key not in self._aligned:
            self._aligned[key] = self._convert(*key)
        return self._aligned[key]

    def _convert(self, left: int, top: int) -> _Grid:
        if self._pixels.ndim == 2:
            return _Grid.of(*([plane] for plane in mask_planes(self._pixels, left, top)), goes_on=False)
        if self.may_go_on and not (left or top):
            y, u, v = planes(from_rgba(self._pixels))
            return _Grid.of([y], [u, v], goes_on=True)
        made = tile_planes(self._pixels, left, top)
        return _Grid.of([made.y, made.a], [made.u, made.v, made.ac], goes_on=False)

    def reduced(self, ratio: float) -> _Grid:
        """The planes for showing `ratio` pixels of the tile as one of the picture."""
        steps = _steps(ratio)
        if steps == 0:
            return self.aligned(0, 0)
        if steps not in self._levels:
            self._levels[steps] = self.aligned(0, 0).reduced(_STEP**steps, goes_on=self.may_go_on)
        return self._levels[steps]

    def bounds(self, affine: Affine, canvas: tuple[int, int]) -> Rect | None:
        """The rectangle with even edges that it may touch on a canvas (width, height), or None."""
        if abs(affine.determinant) < _EPSILON:
            return None
        width, height = self.size
        if (corner := affine.whole()) is not None:
            return even([corner, (corner[0] + width, corner[1] + height)], canvas)
        return even([affine.at(u, v) for u in (-0.5, width + 0.5) for v in (-0.5, height + 0.5)], canvas)

    def sample(self, affine: Affine, rect: Rect) -> tuple[Rect, list[Plane], list[Plane]]:
        """Its planes at full and half size in a rectangle with even edges, or in what it touches of that."""
        corner = affine.whole()
        if corner is not None and not self.may_go_on:
            return self._moved(*corner, rect)
        grid, full = self.reduced(1 / math.sqrt(abs(affine.determinant))), self.aligned(0, 0)
        (tall, wide), (height, width) = grid.full[0].plane.shape, full.full[0].plane.shape
        linear = np.diag((wide / width, tall / height)) @ affine.inverse()
        samples = []
        for k, sources in ((1, grid.full), (2, grid.half)):
            x0, y0, x1, y1 = (edge // k for edge in rect)
            origin = linear @ np.array([x0 - affine.x0 / k, y0 - affine.y0 / k])
            samples.append([source.sample(linear, origin, (x1 - x0, y1 - y0)) for source in sources])
        return rect, samples[0], samples[1]

    def _moved(self, x: int, y: int, rect: Rect) -> tuple[Rect, list[Plane], list[Plane]]:
        grid = self.aligned(x, y)
        left, top = x - x % 2, y - y % 2
        height, width = grid.full[0].plane.shape
        x0, y0, x1, y1 = rect = overlap(rect, (left, top, left + width, top + height))
        luma = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        half = (slice((y0 - top) // 2, (y1 - top) // 2), slice((x0 - left) // 2, (x1 - left) // 2))
        return (
            rect,
            [source.plane[luma] for source in grid.full],
            [source.plane[half] for source in grid.half],
        )

    def covers(self, affine: Affine, rect: Rect) -> bool:
        """Whether it fills a rectangle, by itself and by going on for some pixels."""
        width, height = self.size
        inverse = affine.inverse()
        slack = 3 / math.sqrt(abs(affine.determinant)) + 1
        corners = [inverse @ (x - affine.x0, y - affine.y0) for x in rect[::2] for y in rect[1::2]]
        return all(-slack <= u <= width + slack and -slack <= v <= height + slack for u, v in corners)

    def patch(self, affine: Affine, rect: Rect) -> Patch:
        """What it puts on a picture, within a rectangle with even edges."""
        rect, full, half = self.sample(affine, rect)
        is_opaque = self.may_go_on or self._fits(affine)
        return Patch(rect, (full[0], half[0], half[1]), None if is_opaque else (full[1], half[2]))

    def mask(self, affine: Affine, rect: Rect) -> tuple[Rect, tuple[Plane, Plane] | None]:
        """What a mask leaves within a rectangle with even edges, at both sizes; None if that is all."""
        rect, full, half = self.sample(affine, rect)
        return rect, None if self._fits(affine) else (full[0], half[0])

    def _fits(self, affine: Affine) -> bool:
        """Whether it lies on even pixels, and is opaque."""
        corner = affine.whole()
        is_aligned = corner is not None and not (corner[0] % 2 or corner[1] % 2)
        return self.is_opaque and self._is_even and is_aligned


def _steps(ratio: float) -> int:
    """How often `ratio` pixels for one are to be reduced by `_STEP` before they are sampled."""
    return max(0, math.ceil(math.log(max(ratio, _EPSILON) / _FINEST) / math.log(_STEP)))


def sampled(pixels: Plane, affine: Affine, rect: Rect, *, goes_on: bool = False) -> Plane:
    """A rectangle of the plane in which pixels, of any number of channels, lie at `affine`.

    As a `Tile` is sampled, but in one piece. goes_on: the last pixels are repeated around it, rather than 0.
    """
    height, width = pixels.shape[:2]
    if steps := _steps(1 / math.sqrt(abs(affine.determinant))):
        size = max(1, round(width / _STEP**steps)), max(1, round(height / _STEP**steps))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    linear = np.diag((pixels.shape[1] / width, pixels.shape[0] / height)) @ affine.inverse()
    origin = linear @ np.array([rect[0] - affine.x0, rect[1] - affine.y0])
    source = Source(pixels, goes_on=goes_on)
    return source.sample(linear, origin, (rect[2] - rect[0], rect[3] - rect[1]))


def even(points: Sequence[tuple[float, float]], canvas: tuple[int, int]) -> Rect | None:
    """The smallest rectangle with even edges around some points that is on a canvas, or None."""
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    left, top = max(0.0, min(xs)), max(0.0, min(ys))
    right, bottom = min(float(canvas[0]), max(xs)), min(float(canvas[1]), max(ys))
    if left >= right or top >= bottom:
        return None
    x0, y0, x1, y1 = math.floor(left / 2), math.floor(top / 2), math.ceil(right / 2), math.ceil(bottom / 2)
    return x0 * 2, y0 * 2, x1 * 2, y1 * 2


def soft_edge(rgba: Plane) -> int | None:
    """How many pixels to cut off all around for the rest to be opaque: 0 to 2, None if that would not do."""
    alpha = rgba[..., 3]
    for cut in (0, 1, 2):
        inner = alpha[cut : len(alpha) - cut, cut : alpha.shape[1] - cut]
        if not inner.size:
            return None
        edges = (inner[0], inner[-1], inner[:, 0], inner[:, -1])
        if all((edge == 255).all() for edge in edges):  # no drawing leaves a soft edge within an opaque one
            return cut if bool((inner == 255).all()) else None
    return None
