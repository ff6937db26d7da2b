"""Pushes and wipes from one picture at rest to another, written instead of encoded.

Every frame shows parts of two pictures that are there anyway, the one before and the one behind. So it is
coded as vectors into both (`predicted`), and nothing is encoded for it. Where pictures go further than
vectors reach, some frames of the way are encoded as pictures of their own
(`renderers.timeline.cutting.stops`), and those between refer to the nearest two.

The border between both pictures lies between samples of one block of 8x8 in most frames, and a block has one
reference: it shows the one that it has more of, whose last row or column of samples is repeated.
"""

from __future__ import annotations

import numpy as np

from renderers.h264.predicted import FARTHEST, LEFT, LOWER, RIGHT, UPPER, Field, Ints

_BLOCK = 8
_MACROBLOCK = 16

# Level from which on vectors may be as long (table A-1, MaxVmvR): what a smaller one allows to have in
# macroblocks a picture and a second, and whole pixels up or down.
_HEIGHTS = (1620, 40500, 511), (396, 11880, 255), (99, 3000, 127)


def reach(width: int, height: int, fps: int) -> tuple[int, int]:
    """Pixels that vectors may point to the side, and up or down, in a stream of that size and rate."""
    size = -(-width // _MACROBLOCK) * -(-height // _MACROBLOCK)
    for most, most_a_second, longest in _HEIGHTS:
        if size > most or size * fps > most_a_second:
            return FARTHEST[0], longest
    return FARTHEST


def push_field(way: str, size: tuple[int, int], at: int, run: tuple[int, int]) -> Field:
    """A frame of a transition of `renderers.composing.transitions`, in a picture of that many pixels.

    at: how far the border between both slides has run, in pixels. run: how far it has in the earlier of the
    two references, and in the later.
    """
    name, _, direction = way.partition("-")
    axis = 0 if direction in ("left", "right") else 1
    sign = 1 if direction in ("left", "up") else -1
    side = size[axis]
    columns, rows = (-(-each // _MACROBLOCK) for each in size)
    # Where the border lies: the picture that goes is in front of it where it goes to the left or up.
    edge = side - at if sign > 0 else at
    count = (columns, rows)[axis]
    begins = _BLOCK * np.arange(2 * count).reshape(count, 2)
    leaves = begins + _BLOCK // 2 <= edge
    if sign < 0:
        leaves = ~leaves
    halves = (LEFT, RIGHT) if axis == 0 else (UPPER, LOWER)
    along = np.where(leaves[:, 0], halves[0], 0) | np.where(leaves[:, 1], halves[1], 0)
    shape = rows, columns
    moving = np.broadcast_to(along[None, :] if axis == 0 else along[:, None], shape).astype(np.int8)
    vectors, others = np.zeros((2, 2, *shape), np.int16)
    if name == "slide":
        vectors[axis] = 4 * sign * (at - run[0])
        others[axis] = -4 * sign * (run[1] - at)
    return Field(vectors, others, _all(shape, 0), moving, _all(shape, 1))


def _all(shape: tuple[int, int], value: int) -> Ints:
    return np.full(shape, value, np.int8)
