"""Fields of vectors from the movement of parts: what lies where in two anchors, for each macroblock between.

A part is a picture that grows, shrinks or pans behind a window, something that slides over one colour, or
something that fades where it is. It writes its macroblocks into a draft of a field, or says that the two
anchors do not show all that is needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from renderers._opencv import cv2
from renderers.composing.tiles import Affine, Rect
from renderers.h264.predicted import (
    FARTHEST,
    LEFT,
    LOWER,
    MOST_WEIGHTS,
    RIGHT,
    UPPER,
    WHOLE,
    Field,
    Flags,
    Ints,
)
from renderers.timeline.scene import WHOLE as ALL
from renderers.timeline.scene import Canvas, LayerPixels, Placement

STRETCH = 0.25
"""Pixels that a macroblock may grow on each side while all of it has one vector."""
EDGE, STRAY = 3.0, 0.5
"""Pixels that a picture may be off where it is cut by a window's edge, and behind what lies on it.

Of a picture whose short side is 1080 or less; of larger ones in proportion, as they are looked at as a whole.
"""

FAINT = 1 / 64
"""By how much the opacity of something that fades may be off."""

MACROBLOCK = 16
TAPS = 3
"""Pixels beside a block that a sample between pixels is made of (ITU-T H.264, 8.4.2.2.1)."""
_BLOCK = 8

Sides = tuple[bool, bool, bool, bool]
"""Left, top, right, bottom."""


@dataclass(eq=False)
class Draft:
    """A field in the making; `nearer` is the reference of what rests.

    shares: of what fades, how much of it is as in the later anchor (of `ALL`), and by how much of its opacity
    the anchors differ; one entry a rectangle of macroblocks.
    """

    vectors: Ints
    others: Ints
    references: Ints
    moving: Ints
    nearer: int
    shares: list[tuple[tuple[slice, slice], int, float]] = field(default_factory=list)

    @classmethod
    def at_rest(cls, canvas: Canvas, nearer: int) -> Draft:
        """Where nothing moves."""
        shape = -(-canvas.height // MACROBLOCK), -(-canvas.width // MACROBLOCK)
        vectors, others = np.zeros((2, 2, *shape), np.int16)
        return cls(vectors, others, np.full(shape, nearer, np.int8), np.zeros(shape, np.int8), nearer)

    def field(self) -> Field | None:
        """What it has become; None if its parts do not go together."""
        if not self.shares:
            return Field(self.vectors, self.others, self.references, self.moving)
        shares = np.full(self.moving.shape, -1, np.int16)
        swings = np.zeros(self.moving.shape)
        for here, share, swing in self.shares:
            is_known = shares[here] >= 0
            off = np.abs(shares[here] - share) / ALL * np.minimum(swings[here], swing)
            if (off[is_known] > FAINT).any():
                return None
            shares[here] = np.where(is_known & (swings[here] > swing), shares[here], share)
            swings[here] = np.maximum(swings[here], swing)
        weights = sorted(set(np.unique(shares).tolist()) - {-1, 0, ALL})
        if len(weights) > MOST_WEIGHTS:
            return None
        references = np.where(shares == 0, 0, np.where(shares == ALL, 1, self.references))
        blends = np.searchsorted(weights, shares, "right") * ((shares > 0) & (shares < ALL))
        return Field(self.vectors, self.others, references, self.moving, None, blends, tuple(weights))


class Zoom:
    """A picture behind a window at rest, larger or smaller from frame to frame."""

    def __init__(
        self, canvas: Canvas, window: Rect, maps: Sequence[Affine], cover: Cover, flat: Sides
    ) -> None:
        """cover: what lies on it. flat: whether one colour lies to the left, above, to the right, below."""
        self._maps = maps
        x0, y0, x1, y1 = window
        self._columns, self._rows = (
            slice(x0 // MACROBLOCK, -(-x1 // MACROBLOCK)),
            slice(y0 // MACROBLOCK, -(-y1 // MACROBLOCK)),
        )
        across, down = (np.arange(each.start, each.stop) * MACROBLOCK for each in (self._columns, self._rows))
        self._x = across, np.maximum(across, x0), np.minimum(across + MACROBLOCK, x1), (x0, x1)
        self._y = down, np.maximum(down, y0), np.minimum(down + MACROBLOCK, y1), (y0, y1)
        is_in = _inside(across, x0, x1)[None, :, None, :] & _inside(down, y0, y1)[:, None, :, None]
        here = (self._rows, self._columns)
        self._patterns = _patterns(is_in & ~cover.touched[here])
        is_seen = (is_in & cover.touched[here] & ~cover.hidden[here]).any(axis=(2, 3))
        # Along an edge with one colour behind it, what it cuts follows the movement in that direction.
        top, bottom = (down < y0)[:, None], (down + MACROBLOCK > y1)[:, None]
        left, right = (across < x0)[None, :], (across + MACROBLOCK > x1)[None, :]
        is_free = ~cover.touched[here].any(axis=(2, 3))
        to_side = (top & flat[1] | bottom & flat[3]) & is_free
        upright = (left & flat[0] | right & flat[2]) & is_free
        is_corner = (top | bottom) & (left | right)
        self._along = to_side & ~is_corner, upright & ~is_corner
        # In a corner, only one of its two edges may be cut for the half along the other to follow so.
        x_cut = left & (x0 % _BLOCK > 0) | right & (x1 % _BLOCK > 0)
        y_cut = top & (y0 % _BLOCK > 0) | bottom & (y1 % _BLOCK > 0)
        slides, climbs = is_corner & to_side & y_cut & ~x_cut, is_corner & upright & x_cut & ~y_cut
        self._patterns = np.where(slides, np.where(left, RIGHT, LEFT), self._patterns)
        self._patterns = np.where(climbs, np.where(top, LOWER, UPPER), self._patterns)
        self._only = ~climbs, ~slides
        self._stays = tuple((self._patterns == 0) & ~along for along in self._along)
        # How far off that may be to either side, in pixels, and what can be seen between what lies on it.
        # A corner is small, and often has to be taken from the anchor that is further away.
        fine = _fineness(canvas)
        cut = np.where(slides | climbs, 2 * EDGE, np.where(x_cut | y_cut, EDGE, math.inf))
        limit = np.where(is_seen, STRAY, cut) * fine
        freely = self._along[0] | slides, self._along[1] | climbs
        self._limits = tuple(np.where(free & ~is_seen, math.inf, limit) for free in freely)

    @property
    def moves(self) -> list[int]:
        """The frames at which it is elsewhere than before."""
        return _steps(self._maps)

    def apply(self, into: Draft, frame: int, anchors: tuple[int, int]) -> bool:
        """Write what moves into a field; False if the anchors do not show all that is needed well enough."""
        now = self._maps[frame]
        found = []
        for anchor in anchors:
            then = self._maps[anchor]
            x, is_x = self._shift(self._x, now.a, now.x0, then.a, then.x0, FARTHEST[0])
            y, is_y = self._shift(self._y, now.d, now.y0, then.d, then.y0, FARTHEST[1])
            is_x, is_y = np.broadcast_arrays(is_x[None, :], is_y[:, None])
            # Where only a cut part moves, it does so in one direction or not at all.
            is_there = (is_x | self._stays[0] | ~self._only[0]) & (is_y | self._stays[1] | ~self._only[1])
            found.append((*np.broadcast_arrays(x[None, :], y[:, None]), is_there))
        nearer = into.nearer
        (x, y, is_there), (far_x, far_y, is_far_there) = found[nearer], found[1 - nearer]
        x, y = np.where(is_there, x, far_x), np.where(is_there, y, far_y)
        if not (is_there | is_far_there).all():
            return False
        used = [nearer] if is_there.all() else [0, 1]
        grown = max(abs(self._maps[anchors[which]].a / now.a - 1) for which in used) * MACROBLOCK / 2
        if grown > STRETCH or any(
            (np.abs(each) > 4 * limit).any() for each, limit in zip((x, y), self._limits, strict=True)
        ):
            return False
        here = self._rows, self._columns
        into.vectors[0][here], into.vectors[1][here] = x * self._only[0], y * self._only[1]
        into.others[0][here], into.others[1][here] = x * self._along[0], y * self._along[1]
        into.references[here] = np.where(is_there, nearer, 1 - nearer)
        into.moving[here] = self._patterns
        return True

    @staticmethod
    def _shift(
        axis: tuple[Ints, Ints, Ints, tuple[int, int]],
        a: float,
        at: float,
        b: float,
        to: float,
        farthest: int,
    ) -> tuple[Ints, Flags]:
        """Along an axis: quarters of a pixel for each macroblock, and whether its source is in the window."""
        begin, low, high, (first, last) = axis
        centre = begin + MACROBLOCK / 2
        quarters = np.rint(4 * ((centre - at) / a * b + to - centre)).astype(np.int64)
        is_there = (low + quarters / 4 >= first) & (high + quarters / 4 <= last)
        return quarters, is_there & (np.abs(quarters) < 4 * farthest)


class Slide:
    """Something that moves over one colour without changing."""

    def __init__(self, canvas: Canvas, rects: Sequence[Rect | None], maps: Sequence[Affine]) -> None:
        self._size = canvas.width, canvas.height
        self._rects, self._maps = rects, maps

    @property
    def moves(self) -> list[int]:
        """The frames at which it is elsewhere than before."""
        return _steps([map_ if rect else None for map_, rect in zip(self._maps, self._rects, strict=True)])

    def apply(self, into: Draft, frame: int, anchors: tuple[int, int]) -> bool:
        """Write what moves into a field; False if no anchor shows all that is needed."""
        nearer = into.nearer
        here = _macroblocks(self._rects[frame])
        # Where it was in the nearer anchor and no longer is, the colour has to come from the other one.
        left = np.zeros((2, *into.moving.shape), np.bool_)
        for which, anchor in enumerate(anchors):
            left[which][_macroblocks(self._rects[anchor])] = True
            left[which][here] = False
        if left.all(axis=0).any():
            return False
        into.references[left[nearer]] = 1 - nearer
        if self._rects[frame] is None:
            return True
        rows, columns = here
        down, across = (np.arange(each.start, each.stop) * MACROBLOCK for each in (rows, columns))
        todo = np.ones((down.size, across.size), np.bool_)
        now = self._maps[frame]
        for which in (nearer, 1 - nearer):
            if self._rects[anchors[which]] is None:
                continue
            then = self._maps[anchors[which]]
            x, y = round(4 * (then.x0 - now.x0)), round(4 * (then.y0 - now.y0))
            if abs(x) >= 4 * FARTHEST[0] or abs(y) >= 4 * FARTHEST[1]:
                continue
            is_x = (across + x / 4 >= 0) & (
                np.minimum(across + MACROBLOCK, self._size[0]) + x / 4 <= self._size[0]
            )
            is_y = (down + y / 4 >= 0) & (
                np.minimum(down + MACROBLOCK, self._size[1]) + y / 4 <= self._size[1]
            )
            take = todo & is_y[:, None] & is_x[None, :]
            into.vectors[0][here][take], into.vectors[1][here][take] = x, y
            into.references[here][take] = which
            todo &= ~take
        into.moving[here] = WHOLE
        return not todo.any()


class Fade:
    """Something at rest that becomes more or less opaque, or comes and goes.

    What a picture shows of it depends on its opacity alone, and in proportion: between two anchors it is a
    blend of both, however it changes, as long as it goes one way.
    """

    def __init__(self, hull: Rect, opacities: Sequence[float]) -> None:
        self._here = _macroblocks(hull)
        self._opacities = opacities
        self._crossing: list[Fade] = []

    def cross(self, other: Fade) -> None:
        """Both touch: where both change, a blend is not exactly what they show."""
        self._crossing.append(other)

    @property
    def turns(self) -> list[int]:
        """The frames at which it begins, stops, or goes another way: where anchors go well."""
        steps = np.sign(np.diff(self._opacities))
        turns: list[int] = (np.flatnonzero(np.diff(steps)) + 1).tolist()
        return turns

    def swing(self, anchors: tuple[int, int]) -> float:
        """By how much the anchors differ."""
        return abs(self._opacities[anchors[1]] - self._opacities[anchors[0]])

    def apply(self, into: Draft, frame: int, anchors: tuple[int, int]) -> bool:
        """Say how much of it is as in each anchor; False if it is not between them."""
        first, last = (self._opacities[anchor] for anchor in anchors)
        now, swing = self._opacities[frame], self.swing(anchors)
        share = round(ALL * min(1.0, max(0.0, (now - first) / (last - first)))) if swing else 0
        if abs(first + (last - first) * share / ALL - now) > FAINT:
            return False
        if any(swing * other.swing(anchors) / 4 > FAINT for other in self._crossing):
            return False
        if swing:
            into.shares.append((self._here, share, swing))
        return True


class Cover(NamedTuple):
    """Where something lies on a picture, and where that hides it: (rows, columns, 2, 2) quarters."""

    touched: Flags
    hidden: Flags

    @classmethod
    def of(cls, layers: Sequence[tuple[LayerPixels, Placement | None, Rect]], canvas: Canvas) -> Cover | None:
        """Of layers at rest, each with the rectangle that it touches; None if a picture is seen through them.

        Behind a veil it would stand still as a whole from one anchor to the next.
        """
        rows, columns = -(-canvas.height // MACROBLOCK), -(-canvas.width // MACROBLOCK)
        alpha = np.zeros((rows * MACROBLOCK, columns * MACROBLOCK), np.uint8)
        for pixels, placement, (x0, y0, x1, y1) in layers:
            height, width = pixels.rgba.shape[:2]
            left, top = pixels.x, pixels.y
            there = alpha[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
            if placement is not None or pixels.scale != 1 or pixels.inside is not None:
                part = alpha[y0:y1, x0:x1]
                np.maximum(part, 1, out=part)
                continue
            own = pixels.rgba[max(0, -top) :, max(0, -left) :, 3][: there.shape[0], : there.shape[1]]
            np.maximum(there, own, out=there)
        # A block beside a letter must not be sampled from where the letter was.
        reach = 2 * (math.ceil(STRAY * _fineness(canvas)) + TAPS) + 1
        grown = cv2.dilate(alpha, np.ones((reach, reach), np.uint8))
        shape = rows, 2, _BLOCK, columns, 2, _BLOCK
        touched, hidden = (
            grown.reshape(shape).max(axis=(2, 5)) > 0,
            alpha.reshape(shape).min(axis=(2, 5)) == 255,
        )
        veiled = (alpha.reshape(shape).min(axis=(2, 5)) > 0) & ~hidden
        if veiled.all(axis=(1, 3)).any():
            return None
        return cls(touched.transpose(0, 2, 1, 3), hidden.transpose(0, 2, 1, 3))


def _steps(places: Sequence[Affine | None]) -> list[int]:
    """The frames at which a place is another one than before."""
    return [frame for frame in range(1, len(places)) if places[frame] != places[frame - 1]]


def _fineness(canvas: Canvas) -> float:
    return max(1.0, min(canvas.width, canvas.height) / 1080)


def _patterns(quarters: Flags) -> Ints:
    """Which quarters of each macroblock move, (rows, columns)."""
    patterns: Ints = (quarters * np.array([[1, 2], [4, 8]])).sum(axis=(2, 3))
    return patterns


def _inside(begins: Ints, first: int, last: int) -> Flags:
    """For macroblocks along an axis, which of their halves lie within first .. last."""
    blocks = begins[:, None] + _BLOCK * np.arange(2)[None, :]
    return (blocks >= first) & (blocks + _BLOCK <= last)


def _macroblocks(rect: Rect | None) -> tuple[slice, slice]:
    if rect is None:
        return slice(0, 0), slice(0, 0)
    x0, y0, x1, y1 = rect
    return slice(y0 // MACROBLOCK, -(-y1 // MACROBLOCK)), slice(x0 // MACROBLOCK, -(-x1 // MACROBLOCK))
