"""Pictures of known motion that are written instead of encoded: B pictures of vectors, without residual.

Where the motion of every part of a picture since two encoded pictures is known (`anchors`), it is coded as
motion vectors: each macroblock copies what lies at its vector in one of two references, one shown before it
and one shown after it. The later one was decoded last, the earlier one before that.

Such pictures are no references themselves, and are not deblocked. They are written as CAVLC, which a PPS of
their own allows: without residual its codes depend on nothing but their values, so whole pictures of them are
made by numpy. Each list of references has the one that is wanted in second place: there, direct prediction
does not look at the vectors of the picture behind (colZeroFlag, 8.4.1.2.2), which only its encoder knows. All
are B pictures although each part has one reference, because OpenH264 does not put anything else in order.
Clauses are those of ITU-T H.264 (08/2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from renderers._arrays import NDArray
from renderers.h264.bitstream import BitWriter, escape
from renderers.h264.headers import B_SLICES, Stream

FURTHER = 2
"""How far behind the stream's own PPS that of these pictures is."""
FARTHEST = 2047, 63
"""Whole pixels that a vector may point to the side, and up or down, at every level (table A-1)."""

WHOLE, UPPER, LOWER, LEFT, RIGHT = 15, 3, 12, 5, 10
"""Which quarters of a macroblock move: bits 0 and 1 for the upper two, 2 and 3 for the lower."""

# mb_type by list (table 7-14); of one vector it is 1 or 2, as is sub_mb_type (table 7-18).
_B_16X8, _B_8X16, _B_8X8 = np.array([4, 6]), np.array([5, 7]), 22
_NONE = -1  # the reference of a block that is not there

Ints = NDArray[Any]
"""Whole numbers."""
Flags = NDArray[np.bool_]


class Field(NamedTuple):
    """How a picture's macroblocks have moved: whole numbers for (rows, columns) macroblocks.

    vectors: (2, rows, columns), x and y in quarters of a pixel, from a macroblock to where its content lies
    in its reference. references: 0 for the earlier one, 1 for the later. moving: the quarters that follow
    the vector, as bits; the rest follows the vector in `others`.
    """

    vectors: Ints
    others: Ints
    references: Ints
    moving: Ints


class KnownMotion(NamedTuple):
    """A stretch of `frames` pictures whose movement is known.

    anchors: those that are encoded, the first and the last among them. fields: how each of the others has
    moved since the anchors around it.
    """

    frames: int
    anchors: tuple[int, ...]
    fields: Mapping[int, Field]


def can_predict(stream: Stream) -> bool:
    """Whether such pictures can be written into a stream: it has CABAC, reorders and keeps two references."""
    sequence = stream.sequence
    return (
        stream.picture.cabac
        and not stream.picture.weighted
        and stream.picture.weighted_bipred != 1
        and sequence.poc_type == 0
        and sequence.reorder >= 1
        and sequence.references >= 2
    )


def predicted_parameters(stream: Stream) -> bytes:
    """The stream's PPS once more, with `entropy_coding_mode_flag` 0."""
    return stream.more_parameters(FURTHER, stream.picture.cabac_at, BitWriter(0, 1))


def predicted_pictures(
    stream: Stream, frame_num: int, pictures: Sequence[tuple[int, Field]]
) -> Iterator[bytes]:
    """NAL units that each show the parts of two references that their field says; with each its `poc_lsb`.

    The later reference is the last one before them in decoding order, the earlier one the last before that;
    frame_num is one more than that of the later one. Needs `predicted_parameters`.
    """
    shape = stream.sequence.mb_height, stream.sequence.mb_width
    if any(field.moving.shape != shape for _, field in pictures):
        raise ValueError(f"a stream of {shape} macroblocks has fields of as many")
    if not pictures:
        return
    for (poc_lsb, _), bits in zip(
        pictures, _Macroblocks([field for _, field in pictures]).bits(), strict=True
    ):
        w = stream.begin_slice(B_SLICES, frame_num, poc_lsb, FURTHER)
        w.u(1, 1)  # direct_spatial_mv_pred_flag
        w.u(1, 1)  # num_ref_idx_active_override_flag
        w.ue(1)
        w.ue(1)
        for first in (1, 2):  # ref_pic_list_modification_flag_l0, _l1: to the front comes the one not wanted
            w.u(1, 1)
            w.ue(0)  # modification_of_pic_nums_idc: subtract
            w.ue(first - 1)  # abs_diff_pic_num_minus1: the later one is 1 back, the earlier 2
            w.ue(3)
        stream.end_slice_header(w, cabac=False)
        rbsp = np.packbits(np.concatenate([_digits(w), bits, np.ones(1, np.uint8)]))
        yield b"\x01" + escape(rbsp.tobytes())


_Codes = tuple[Any, Any]
"""Values and their lengths in bits, both (n)."""


class _Blocks(NamedTuple):
    """Blocks beside others: x and y of their vectors; references, `_NONE` where there is no block."""

    x: Ints
    y: Ints
    references: Ints

    def otherwise(self, others: _Blocks) -> _Blocks:
        """These, and others where they are not there."""
        there = self.references != _NONE
        ours, theirs = (self.x, self.y, self.references), (others.x, others.y, others.references)
        return _Blocks(*(np.where(there, mine, other) for mine, other in zip(ours, theirs, strict=True)))


class _Macroblocks:
    """The syntax elements of the macroblocks of some fields (7.3.4, 7.3.5), all at once.

    The fields lie below one another, with one macroblock more on the left and right of each and above it:
    what is not there has no reference. Everything is looked at as one row.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        rows, columns = fields[0].moving.shape
        shape = len(fields), rows + 1, columns + 2
        inner = slice(None), slice(1, None), slice(1, -1)
        moving, references = np.zeros(shape, np.int8), np.full(shape, _NONE, np.int8)
        x, y, other_x, other_y = np.zeros((4, *shape), np.int16)
        moving[inner] = [field.moving for field in fields]
        references[inner] = [field.references for field in fields]
        x[inner], y[inner] = ([field.vectors[axis] for field in fields] for axis in (0, 1))
        other_x[inner], other_y[inner] = ([field.others[axis] for field in fields] for axis in (0, 1))
        none = moving == 0
        x[none], y[none] = other_x[none], other_y[none]
        moving[none | ((x == other_x) & (y == other_y))] = WHOLE
        self._each, self._stride = rows * columns, columns + 2
        self._moving, self._references = moving.reshape(-1), references.reshape(-1)
        self._x, self._y = x.reshape(-1), y.reshape(-1)
        self._other_x, self._other_y = other_x.reshape(-1), other_y.reshape(-1)
        is_there = np.zeros(shape, np.bool_)
        is_there[inner] = True
        self._is_there = is_there.reshape(-1)

    def bits(self) -> Iterator[NDArray[np.uint8]]:
        """The slice data of each field, one bit an element."""
        every = slice(self._stride + 1, self._moving.size - 1)
        around = self._around(every)
        is_there, own = self._is_there[every], self._block(every)
        expected = _median(own.references, *around)
        is_skipped = (own.x == expected[0]) & (own.y == expected[1]) & (self._moving[every] == WHOLE)
        is_skipped &= _is_direct(own.references, *around)
        # Places in the long row, and among the macroblocks.
        long = np.flatnonzero(is_there & ~is_skipped)
        coded = (np.cumsum(is_there) - 1)[long]
        at = long + every.start
        begins = coded - coded % self._each
        runs = coded - np.maximum(np.concatenate([[-1], coded[:-1]]), begins - 1) - 1
        groups = []
        halves = self._moving[at]
        which = np.flatnonzero(halves == WHOLE)
        of = long[which]
        differences = (own.x[of] - expected[0][of], own.y[of] - expected[1][of])
        codes = [_ue(1 + own.references[of]), _second(of), *_mvd(*differences), _ue(0, of)]
        groups.append((which, [_ue(runs[which]), *codes]))
        for pattern in set(np.unique(halves).tolist()) - {WHOLE}:
            which = np.flatnonzero(halves == pattern)
            split = self._halves if pattern in (UPPER, LOWER, LEFT, RIGHT) else self._quarters
            groups.append((which, [_ue(runs[which]), *split(at[which], pattern)]))
        return _packed(groups, coded, int(is_there.sum()), self._each)

    def _halves(self, at: Ints, half: int) -> list[_Codes]:
        """Codes of macroblocks of which one half moves (8.4.1.3 for 16x8 and 8x16)."""
        stride = self._stride
        left, above = at - 1, at - stride
        first, second = self._block(at, 0), self._block(at, 3)
        references = first.references
        if half in (UPPER, LOWER):
            kinds = _B_16X8
            beside = self._around(at), (self._block(left, 3), first, self._block(left, 1))
            direct = beside[0][1], beside[1][0]
        else:
            kinds = _B_8X16
            over = self._block(above, 3)
            corner = over.otherwise(self._block(above - 1, 3))
            further = self._block(above + 1, 2).otherwise(self._block(above, 2))
            beside = (self._block(left, 1), self._block(above, 2), corner), (first, over, further)
            direct = beside[0][0], beside[1][2]
        codes = [_ue(kinds[references]), _second(at), _second(at)]
        for part, likely, around in zip((first, second), direct, beside, strict=True):
            is_like = likely.references == references
            x, y = _median(references, *around)
            codes += _mvd(part.x - np.where(is_like, likely.x, x), part.y - np.where(is_like, likely.y, y))
        return [*codes, _ue(0, at)]

    def _quarters(self, at: Ints, pattern: int) -> list[_Codes]:
        """Codes of macroblocks of which one quarter moves, or rests, or two that do not lie side by side."""
        left, above = at - 1, at - self._stride
        own = [self._block(at, quarter) for quarter in range(4)]
        references = own[0].references
        corner = self._block(above, 3).otherwise(self._block(above - 1, 3))
        beyond = self._block(above + 1, 2).otherwise(self._block(above, 2))
        beside = (
            (self._block(left, 1), self._block(above, 2), corner),
            (own[0], self._block(above, 3), beyond),
            (self._block(left, 3), own[0], own[1]),
            (own[2], own[1], own[0]),
        )
        codes = [_ue(_B_8X8, at), *[_ue(1 + references)] * 4, *[_second(at)] * 4]
        for part, around in zip(own, beside, strict=True):
            x, y = _median(references, *around)
            codes += _mvd(part.x - x, part.y - y)
        return [*codes, _ue(0, at)]

    def _around(self, at: Ints | slice) -> tuple[_Blocks, _Blocks, _Blocks]:
        """What lies to the left, above, and above to the right or else to the left (6.4.11.7)."""
        left, above, right, corner = (
            slice(at.start - back, at.stop - back) if isinstance(at, slice) else at - back
            for back in (1, self._stride, self._stride - 1, self._stride + 1)
        )
        beyond = self._block(right, 2).otherwise(self._block(corner, 3))
        return self._block(left, 1), self._block(above, 2), beyond

    def _block(self, at: Ints | slice, quarter: int | None = None) -> _Blocks:
        """A quarter of macroblocks, or their moving part."""
        x, y = self._x[at], self._y[at]
        if quarter is not None:
            follows = (self._moving[at] >> quarter & 1).astype(np.bool_)
            x, y = np.where(follows, x, self._other_x[at]), np.where(follows, y, self._other_y[at])
        return _Blocks(x, y, self._references[at])


def _is_direct(references: Ints, *around: _Blocks) -> Flags:
    """Where direct prediction comes to this reference alone, as neighbours have no other (8.4.1.2.2)."""
    others = 1 - references
    has, has_other = (
        (around[0].references == which) | (around[1].references == which) | (around[2].references == which)
        for which in (references, others)
    )
    alone: Flags = has & ~has_other
    return alone


def _median(references: Ints, left: _Blocks, above: _Blocks, corner: _Blocks) -> tuple[Ints, Ints]:
    """The prediction of vectors from their neighbours, x and y (8.4.1.3.1).

    It looks at one list: a neighbour that uses the other one is there, but has no reference and no vector.
    """
    alone = (above.references == _NONE) & (corner.references == _NONE) & (left.references != _NONE)
    is_left = left.references == references
    is_above, is_corner = (
        np.where(alone, is_left, each.references == references) for each in (above, corner)
    )
    only = is_left.astype(np.int8) + is_above + is_corner == 1
    found = []
    for a, b, c in ((left.x, above.x, corner.x), (left.y, above.y, corner.y)):
        a = a * is_left
        b, c = np.where(alone, a, b * is_above), np.where(alone, a, c * is_corner)
        median = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
        found.append(np.where(only, a + b + c, median))  # all but one of them are 0
    return found[0], found[1]


def _ue(value: Any, like: Ints | None = None) -> _Codes:
    """Exp-Golomb, unsigned (9.1); one value for all of `like`, or an array of them."""
    code = (np.asarray(value, np.int64) if like is None else np.full(like.size, value, np.int64)) + 1
    return code, 2 * np.frexp(code.astype(np.float32))[1].astype(np.int64) - 1


def _second(like: Ints) -> _Codes:
    """ref_idx 1 of two: one bit, inverted (9.1)."""
    return np.zeros(like.size, np.int64), np.ones(like.size, np.int64)


def _mvd(x: Ints, y: Ints) -> list[_Codes]:
    """Differences as signed Exp-Golomb codes (9.1.1)."""
    return [
        _ue(np.where(each > 0, 2 * each - 1, -2 * each)) for each in (x.astype(np.int64), y.astype(np.int64))
    ]


def _digits(w: BitWriter) -> NDArray[np.uint8]:
    """What was written, one bit an element."""
    return np.array([int(bit) for bit in w.to_text()], np.uint8)


def _packed(
    groups: Sequence[tuple[Ints, Sequence[_Codes]]], coded: Ints, total: int, each: int
) -> Iterator[NDArray[np.uint8]]:
    """The bits of every `each` of `total` macroblocks: codes by place among the coded ones, and a run."""
    sizes = np.zeros(coded.size + 1, np.int64)
    for which, codes in groups:
        sizes[which] = sum((length for _, length in codes), np.zeros(which.size, np.int64))
    starts = np.cumsum(sizes) - sizes
    values, lengths, begins = [], [], []
    for which, codes in groups:
        begin = starts[which]
        for value, length in codes:
            values.append(value)
            lengths.append(length)
            begins.append(begin)
            begin = begin + length
    value, length, begin = (np.concatenate(parts) for parts in (values, lengths, begins))
    ends = np.cumsum(length)
    back = np.repeat(ends, length) - np.arange(length.sum()) - 1  # bits behind each in its code
    bits = np.zeros(back.size, np.uint8)
    bits[np.repeat(begin + length - 1, length) - back] = np.repeat(value, length) >> back & 1
    borders = np.searchsorted(coded, np.arange(0, total + 1, each))
    for number, (first, last) in enumerate(pairwise(borders.tolist())):
        behind = (number + 1) * each - 1 - (int(coded[last - 1]) if last > first else number * each - 1)
        w = BitWriter()
        if behind:
            w.ue(behind)
        yield np.concatenate([bits[starts[first] : starts[last]], _digits(w)])
