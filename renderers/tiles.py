"""Layers as planes, and where a placement puts them: what a frame of a moving stretch is made of.

A `Sprite` is a drawn layer made ready. `Sprite.patches` samples it for one placement: premultiplied YUV
planes with alpha, for a rectangle of the picture with even edges. At whole pixels that is a copy (one for
each parity, kept); anywhere else each plane is sampled by bilinear interpolation from a reduction of the
layer that has at most 1.5 pixels to one of the picture: motion is smooth below the pixel, without shimmer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from renderers._opencv import cv2
from renderers.scene import Inside, LayerPixels, Placement
from renderers.yuv import Plane, TilePlanes, tile_planes

Rect = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the picture."""

_WHOLE = 1e-3  # px: what is closer to a whole pixel is there
_FINEST = 1.5  # pixels of a layer's reduction to one of the picture, at most
_STEP = math.sqrt(2)  # from one reduction to the next
_EPSILON = 1e-6


@dataclass(frozen=True)
class Affine:
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


@dataclass(frozen=True, eq=False)
class Patch:
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
        return replace(self, colors=(y, u, v), alpha=(a, ac))

    def masked(self, mask: tuple[Plane, Plane] | None) -> Patch:
        """The same, cut by a mask at both resolutions."""
        if mask is None:
            return self
        luma, chroma = mask
        y, u, v = (_times(c, m) for c, m in zip(self.colors, (luma, chroma, chroma), strict=True))
        alpha = mask if self.alpha is None else (_times(self.alpha[0], luma), _times(self.alpha[1], chroma))
        return replace(self, colors=(y, u, v), alpha=alpha)

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


class Tile:
    """Premultiplied pixels with their planes and reductions, each made when first wanted."""

    def __init__(self, rgba: Plane, *, is_picture: bool = False) -> None:
        """is_picture: seen through a mask only, so soft edges are cut off and the last pixels may go on."""
        self.cut = (soft_edge(rgba) or 0) if is_picture else 0
        if is_picture:
            height, width = (
                side - self.cut - (side % 2 if side > self.cut * 2 + 1 else 0) for side in rgba.shape[:2]
            )
            rgba = rgba[self.cut : height, self.cut : width]
        self.rgba = np.ascontiguousarray(rgba)
        self.is_opaque = bool((self.rgba[..., 3] == 255).all())
        self.is_even = not (self.rgba.shape[0] % 2 or self.rgba.shape[1] % 2)
        self._aligned: dict[tuple[int, int], TilePlanes] = {}
        self._levels: dict[int, TilePlanes] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Width, height."""
        return self.rgba.shape[1], self.rgba.shape[0]

    def aligned(self, x: int, y: int) -> TilePlanes:
        """The planes as they lie with the corner at x, y of the picture, from the even pixel before it on."""
        key = (x % 2, y % 2)
        if key not in self._aligned:
            self._aligned[key] = tile_planes(self.rgba, *key)
        return self._aligned[key]

    def reduced(self, ratio: float) -> TilePlanes:
        """The planes for showing `ratio` pixels of the tile as one of the picture."""
        steps = max(0, math.ceil(math.log(max(ratio, _EPSILON) / _FINEST) / math.log(_STEP)))
        if steps not in self._levels:
            self._levels[steps] = self._reduce(_STEP**steps) if steps else self.aligned(0, 0)
        return self._levels[steps]

    def _reduce(self, factor: float) -> TilePlanes:
        full = self.aligned(0, 0)
        height, width = full.ac.shape
        half = max(1, round(width / factor)), max(1, round(height / factor))
        whole = half[0] * 2, half[1] * 2
        y, a = (cv2.resize(plane, whole, interpolation=cv2.INTER_AREA) for plane in (full.y, full.a))
        chroma = (full.u, full.v, full.ac)
        u, v, ac = (cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in chroma)
        return TilePlanes(y, u, v, a, ac)

    def bounds(self, affine: Affine, canvas: tuple[int, int]) -> Rect | None:
        """The rectangle with even edges that it may touch on a canvas (width, height), or None."""
        if abs(affine.determinant) < _EPSILON:
            return None
        width, height = self.size
        if (corner := affine.whole()) is not None:
            return even([corner, (corner[0] + width, corner[1] + height)], canvas)
        return even([affine.at(u, v) for u in (-0.5, width + 0.5) for v in (-0.5, height + 0.5)], canvas)

    def patch(self, affine: Affine, rect: Rect, *, goes_on: bool = False) -> Patch:
        """Its pixels in a rectangle with even edges; outside of it is nothing, or its edges go on."""
        corner = affine.whole()
        if corner is not None and not goes_on:
            return self._moved(*corner, rect)
        ratio = 1 / math.sqrt(abs(affine.determinant))
        level = self.reduced(ratio)
        full = self.aligned(0, 0).y.shape
        factors = level.y.shape[1] / full[1], level.y.shape[0] / full[0]
        y = _sample(level.y, affine, rect, factors, 1, goes_on)
        u, v = (_sample(plane, affine, rect, factors, 2, goes_on) for plane in (level.u, level.v))
        if goes_on:
            return Patch(rect, (y, u, v), None)
        a = _sample(level.a, affine, rect, factors, 1, False)
        return Patch(rect, (y, u, v), (a, _sample(level.ac, affine, rect, factors, 2, False)))

    def _moved(self, x: int, y: int, rect: Rect) -> Patch:
        planes = self.aligned(x, y)
        left, top = x - x % 2, y - y % 2
        height, width = planes.y.shape
        x0, y0, x1, y1 = rect = overlap(rect, (left, top, left + width, top + height))
        luma = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        half = (slice((y0 - top) // 2, (y1 - top) // 2), slice((x0 - left) // 2, (x1 - left) // 2))
        is_opaque = self.is_opaque and self.is_even and not (x % 2 or y % 2)
        alpha = None if is_opaque else (planes.a[luma], planes.ac[half])
        return Patch(rect, (planes.y[luma], planes.u[half], planes.v[half]), alpha)


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
        if inner.size and bool((inner == 255).all()):
            return cut
    return None


def _sample(
    plane: Plane, affine: Affine, rect: Rect, factors: tuple[float, float], k: int, goes_on: bool
) -> Plane:
    """One plane in a rectangle. k: 2 for chroma. factors: the plane's pixels to one of the tile's in x and y.

    OpenCV's coordinates name the centres of pixels, ours their corners: hence the halves.
    """
    x0, y0, x1, y1 = (edge // k for edge in rect)
    linear = np.diag(factors) @ affine.inverse()
    shift = linear @ np.array([x0 + 0.5 - affine.x0 / k, y0 + 0.5 - affine.y0 / k]) - 0.5
    sampled: Plane = cv2.warpAffine(
        plane,
        np.column_stack([linear, shift]),
        (x1 - x0, y1 - y0),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE if goes_on else cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return sampled


def placed(pixels: LayerPixels, placement: Placement) -> Affine:
    """Where a layer's pixels lie, but for a zoom inside a box."""
    return _about(pixels, placement, 1 / pixels.scale, pixels.centre_x, pixels.centre_y)


def window(pixels: LayerPixels, inside: Inside, placement: Placement) -> Affine:
    """Where the mask of a picture that zooms inside its box lies."""
    return _about(pixels, placement, 1.0, pixels.canvas_x - inside.x, pixels.canvas_y - inside.y)


def zoomed(pixels: LayerPixels, inside: Inside, placement: Placement, cut: int = 0) -> Affine:
    """Where the picture lies behind it: `within` times as large about the centre of the box.

    cut: how many pixels of the picture are missing at its left and top.
    """
    zoom = max(placement.within, 1e-3)
    left, top, width, height = inside.box
    # The centre of the box may be beside the layer's.
    off_x, off_y = left + width / 2 - pixels.canvas_x, top + height / 2 - pixels.canvas_y
    u = pixels.centre_x + pixels.scale * off_x * (1 - 1 / zoom) - cut
    v = pixels.centre_y + pixels.scale * off_y * (1 - 1 / zoom) - cut
    return _about(pixels, placement, zoom / pixels.scale, u, v)


def _about(pixels: LayerPixels, placement: Placement, size: float, u: float, v: float) -> Affine:
    """Pixels of `size` canvas pixels, of which (u, v) lies at the layer's centre."""
    angle = math.radians((pixels.rotation + placement.rotation) % 360)
    factor = size * placement.scale
    cosine, sine = math.cos(angle) * factor, math.sin(angle) * factor
    x = pixels.canvas_x + placement.dx - cosine * u + sine * v
    y = pixels.canvas_y + placement.dy - sine * u - cosine * v
    return Affine(cosine, -sine, sine, cosine, x, y)


class Sprite:
    """A drawn layer, made ready for a canvas of (width, height)."""

    def __init__(self, pixels: LayerPixels, canvas: tuple[int, int]) -> None:
        self._pixels = pixels
        self._canvas = canvas
        inside = pixels.inside
        self._tile = Tile(pixels.rgba, is_picture=inside is not None)
        self._parts: tuple[Sprite | None, Sprite | None] = (None, None)
        if inside is not None:
            self._mask = Tile(np.dstack([inside.mask] * 4))
            parts = (inside.under, inside.over)
            self._parts = tuple(None if part is None else Sprite(part, canvas) for part in parts)  # type: ignore[assignment]
        self._last: tuple[Placement, tuple[Patch, ...]] | None = None

    def bounds(self, placement: Placement) -> Rect | None:
        """The rectangle with even edges that it touches, or None if it is not on the canvas."""
        found = [part.bounds(placement) for part in self._parts if part is not None]
        inside = self._pixels.inside
        if inside is None:
            found.append(self._tile.bounds(placed(self._pixels, placement), self._canvas))
        else:
            found.append(self._mask.bounds(window(self._pixels, inside, placement), self._canvas))
        rects = [rect for rect in found if rect is not None]
        if not rects or placement.opacity <= 0:
            return None
        left, top, right, bottom = zip(*rects, strict=True)
        return min(left), min(top), max(right), max(bottom)

    def patches(self, placement: Placement) -> tuple[Patch, ...]:
        """What to paint for a placement, from bottom to top."""
        if self._last is None or self._last[0] != placement:
            faded = (patch.faded(placement.opacity) for patch in self._patches(placement))
            self._last = placement, tuple(faded)
        return self._last[1]

    def _patches(self, placement: Placement) -> Iterator[Patch]:
        under, over = self._parts
        whole = replace(placement, opacity=1.0)
        if under is not None:
            yield from under.patches(whole)
        inside = self._pixels.inside
        if inside is not None:
            yield from self._through(inside, placement)
        else:
            affine = placed(self._pixels, placement)
            if (rect := self._tile.bounds(affine, self._canvas)) is not None:
                yield self._tile.patch(affine, rect)
        if over is not None:
            yield from over.patches(whole)

    def _through(self, inside: Inside, placement: Placement) -> Iterator[Patch]:
        """The picture, zoomed, as seen through its mask."""
        frame = window(self._pixels, inside, placement)
        rect = self._mask.bounds(frame, self._canvas)
        if rect is None:
            return
        mask = self._mask.patch(frame, rect)
        affine = zoomed(self._pixels, inside, placement, self._tile.cut)
        goes_on = self._tile.is_opaque and self._tile.is_even and self._covers(affine, rect)
        yield self._tile.patch(affine, mask.rect, goes_on=goes_on).masked(mask.alpha)

    def _covers(self, affine: Affine, rect: Rect) -> bool:
        """Whether the picture fills the box, give or take the rounding of its edges."""
        width, height = self._tile.size
        inverse = affine.inverse()
        slack = 3 / math.sqrt(abs(affine.determinant)) + 1
        corners = [inverse @ (x - affine.x0, y - affine.y0) for x in rect[::2] for y in rect[1::2]]
        return all(-slack <= u <= width + slack and -slack <= v <= height + slack for u, v in corners)
