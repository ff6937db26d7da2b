"""Pictures of known motion that are written instead of encoded: B pictures of vectors, without residual.

Where the motion of every part of a picture since two encoded pictures is known (`anchors`), it is coded as
motion vectors: each macroblock copies what lies at its vector in one of two references, one shown before it
and one shown after it. The later one was decoded last, the earlier one before that.

What fades between the two anchors is predicted from both, with weights: the slice header names them for each
entry of the lists of references (8.4.2.3), so a reference is in its list once more for every weight.

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
from renderers.timeline.scene import WHOLE as ALL

FURTHER = 2
"""How far behind the stream's own PPS that of these pictures is."""
FARTHEST = 2047, 63
"""Whole pixels that a vector may point to the side, and up or down, at every level (table A-1)."""

MOST_WEIGHTS = 4
"""Weights that a picture may have: OpenH264 gives up on lists of eight references."""

WHOLE, UPPER, LOWER, LEFT, RIGHT = 15, 3, 12, 5, 10
"""Which quarters of a macroblock move: bits 0 and 1 for the upper two, 2 and 3 for the lower."""

# mb_type by the lists of both halves (table 7-14); of one vector 1 or 2, as is sub_mb_type (table 7-18).
_B_16X8, _B_8X16 = ((4, 8), (10, 6)), ((5, 9), (11, 7))
_B_BOTH, _B_8X8 = 3, 22
_NONE = -1  # the reference of a block that is not there

Ints = NDArray[Any]
"""Whole numbers."""
Flags = NDArray[np.bool_]


class Field(NamedTuple):
    """How a picture's macroblocks have moved: whole numbers for (rows, columns) macroblocks.

    vectors: (2, rows, columns), x and y in quarters of a pixel, from a macroblock to where its content lies
    in its reference. references: 0 for the earlier one, 1 for the later. moving: the quarters that follow
    the vector, as bits; the rest follows the vector in `others`, in that of `other_references` (None: in the
    same one).

    blends: 0, or with which of the `weights`, counted from 1, a macroblock is a blend of both references. A
    weight is the later one's share of `renderers.timeline.scene.WHOLE`. Then `vectors` is where its content
    lies in the earlier one, and `others` where in the later; nothing else counts.
    """

    vectors: Ints
    others: Ints
    references: Ints
    moving: Ints
    other_references: Ints | None = None
    blends: Ints | None = None
    weights: tuple[int, ...] = ()


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
    """The stream's PPS once more, with `entropy_coding_mode_flag` 0 and `weighted_bipred_idc` 1."""
    picture = stream.picture
    changes = (picture.cabac_at, BitWriter(0, 1)), (picture.bipred_at, BitWriter(1, 2))
    return stream.more_parameters(FURTHER, *changes)


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
    weights = max(len(field.weights) for _, field in pictures)
    if weights > MOST_WEIGHTS:
        raise ValueError(f"a picture has {MOST_WEIGHTS} weights at most, not {weights}")
    macroblocks = _Macroblocks([field for _, field in pictures], weights)
    for (poc_lsb, field), bits in zip(pictures, macroblocks.bits(), strict=True):
        w = stream.begin_slice(B_SLICES, frame_num, poc_lsb, FURTHER)
        w.u(1, 1)  # direct_spatial_mv_pred_flag
        w.u(1, 1)  # num_ref_idx_active_override_flag
        w.ue(1 + weights)
        w.ue(1 + weights)
        for first in (1, 2):  # ref_pic_list_modification_flag_l0, _l1
            _list(w, first, weights, 1 << stream.sequence.frame_num_bits)
        _weights(w, [*field.weights, *[ALL // 2] * (weights - len(field.weights))])
        stream.end_slice_header(w, cabac=False)
        rbsp = np.packbits(np.concatenate([_digits(w), bits, np.ones(1, np.uint8)]))
        yield b"\x01" + escape(rbsp.tobytes())


def _list(w: BitWriter, first: int, weights: int, numbers: int) -> None:
    """The order of a list of references (7.3.3.1): the one not wanted, the other one, that again for weights.

    first: how far back the first one is; the later one is 1 back, the earlier 2. numbers: what they are
    counted modulo.
    """
    steps = [first] if not weights else [first, 3 - 2 * first, *[0] * weights]
    w.u(1, 1)
    for step in steps:
        w.ue(0 if step >= 0 else 1)  # modification_of_pic_nums_idc: subtract, add
        w.ue((abs(step) or numbers) - 1)  # abs_diff_pic_num_minus1
    w.ue(3)


def _weights(w: BitWriter, weights: Sequence[int]) -> None:
    """The weights of all entries of both lists (7.3.3.2); the first two have none of their own."""
    for _ in range(2):
        w.ue(ALL.bit_length() - 2)  # luma_log2_weight_denom, then that of chroma
    for later in (False, True):
        w.u(0, 4)  # luma_weight_flag, chroma_weight_flag
        for weight in weights:
            for planes in (1, 2):
                w.u(1, 1)
                for _ in range(planes):
                    w.se(weight if later else ALL - weight)
                    w.se(0)


_Codes = tuple[Any, Any]
"""Values and their lengths in bits, both (n)."""


class _Blocks(NamedTuple):
    """Blocks beside others: x and y of their vectors, and what they refer to.

    references: a list, 1 and more for a blend (its entry in both lists), `_NONE` where there is no block.
    later_x, later_y: the vectors of blends in the later reference; None where there are no blends.
    """

    x: Ints
    y: Ints
    references: Ints
    later_x: Ints | None = None
    later_y: Ints | None = None

    def otherwise(self, others: _Blocks) -> _Blocks:
        """These, and others where they are not there."""
        there = self.references != _NONE
        both = zip(self, others, strict=True)
        return _Blocks(*(None if a is None else np.where(there, a, b) for a, b in both))  # type: ignore[arg-type]

    def within(self, which: Ints | int) -> _Blocks:
        """As they are seen in list `which`: vectors are 0 where they do not use it."""
        uses = self.references == which
        if self.later_x is None or self.later_y is None:
            return _Blocks(self.x * uses, self.y * uses, self.references)
        blends = self.references > 1
        is_later = blends & (which == 1)
        x, y = np.where(is_later, self.later_x, self.x), np.where(is_later, self.later_y, self.y)
        uses = uses | blends
        return _Blocks(x * uses, y * uses, self.references)


_Around = tuple[_Blocks, _Blocks, _Blocks]


class _Macroblocks:
    """The syntax elements of the macroblocks of some fields (7.3.4, 7.3.5), all at once.

    The fields lie below one another, with one macroblock more on the left and right of each and above it:
    what is not there has no reference. Everything is looked at as one row. weights: how many a picture has.
    """

    def __init__(self, fields: Sequence[Field], weights: int) -> None:
        rows, columns = fields[0].moving.shape
        shape = len(fields), rows + 1, columns + 2
        inner = slice(None), slice(1, None), slice(1, -1)
        moving, references = np.zeros(shape, np.int8), np.full(shape, _NONE, np.int8)
        others = np.full(shape, _NONE, np.int8)
        x, y, other_x, other_y = np.zeros((4, *shape), np.int16)
        moving[inner] = [field.moving for field in fields]
        references[inner] = [field.references for field in fields]
        others[inner] = [
            field.references if field.other_references is None else field.other_references for field in fields
        ]
        x[inner], y[inner] = ([field.vectors[axis] for field in fields] for axis in (0, 1))
        other_x[inner], other_y[inner] = ([field.others[axis] for field in fields] for axis in (0, 1))
        none = moving == 0
        x[none], y[none], references[none] = other_x[none], other_y[none], others[none]
        moving[none | ((x == other_x) & (y == other_y) & (references == others))] = WHOLE
        self._later: tuple[Ints, Ints] | None = None
        if weights:
            self._blend(fields, inner, moving, references, (x, y))
            self._later = other_x.reshape(-1), other_y.reshape(-1)
        self._each, self._stride = rows * columns, columns + 2
        self._moving, self._references = moving.reshape(-1), references.reshape(-1)
        self._other_references = others.reshape(-1)
        self._x, self._y = x.reshape(-1), y.reshape(-1)
        self._other_x, self._other_y = other_x.reshape(-1), other_y.reshape(-1)
        self._entries = 2 + weights
        is_there = np.zeros(shape, np.bool_)
        is_there[inner] = True
        self._is_there = is_there.reshape(-1)

    @staticmethod
    def _blend(
        fields: Sequence[Field], inner: Any, moving: Ints, references: Ints, earlier: tuple[Ints, Ints]
    ) -> None:
        """Put in what is a blend: its entry, and its first vector wherever another one would count."""
        for number, field in enumerate(fields):
            if field.blends is None:
                continue
            here = field.blends > 0
            moving[number][inner[1:]][here] = WHOLE
            references[number][inner[1:]][here] = 1 + field.blends[here]
            for each, vectors in zip(earlier, field.vectors, strict=True):
                each[number][inner[1:]][here] = vectors[here]

    def bits(self) -> Iterator[NDArray[np.uint8]]:
        """The slice data of each field, one bit an element."""
        every = slice(self._stride + 1, self._moving.size - 1)
        around = self._around(every)
        is_there, own = self._is_there[every], self._block(every)
        expected = _median(own.references, around)
        is_skipped = (own.x == expected[0]) & (own.y == expected[1]) & (self._moving[every] == WHOLE)
        is_skipped &= _is_direct(own.references, around)
        if self._later is not None:
            blends = np.flatnonzero(own.references > 1)
            is_skipped[blends] = self._is_skipped_blend(blends + every.start)
        # Places in the long row, and among the macroblocks.
        long = np.flatnonzero(is_there & ~is_skipped)
        coded = (np.cumsum(is_there) - 1)[long]
        at = long + every.start
        begins = coded - coded % self._each
        runs = coded - np.maximum(np.concatenate([[-1], coded[:-1]]), begins - 1) - 1
        groups = []
        halves, references = self._moving[at], self._references[at]
        which = np.flatnonzero((halves == WHOLE) & (references < 2))
        of = long[which]
        differences = (own.x[of] - expected[0][of], own.y[of] - expected[1][of])
        codes = [_ue(1 + own.references[of]), self._second(of), *_mvd(*differences), _ue(0, of)]
        groups.append((which, [_ue(runs[which]), *codes]))
        if self._later is not None:
            which = np.flatnonzero(references > 1)
            groups.append((which, [_ue(runs[which]), *self._blends(at[which])]))
        kinds = halves * 4 + references * 2 + self._other_references[at]
        kinds[halves == WHOLE] = -1
        for kind in set(np.unique(kinds).tolist()) - {-1}:
            which = np.flatnonzero(kinds == kind)
            pattern, lists = kind >> 2, (kind >> 1 & 1, kind & 1)
            split = self._halves if pattern in (UPPER, LOWER, LEFT, RIGHT) else self._quarters
            groups.append((which, [_ue(runs[which]), *split(at[which], pattern, lists)]))
        return _packed(groups, coded, int(is_there.sum()), self._each)

    def _is_skipped_blend(self, at: Ints) -> Flags:
        """Where direct prediction comes to a blend by itself: no neighbour has another reference nearer."""
        around, own = self._around(at), self._block(at)
        least = np.full(at.size, self._entries, np.int8)
        is_single = np.zeros(at.size, np.bool_)
        for each in around:
            is_single |= (each.references == 0) | (each.references == 1)
            least = np.where(each.references > 1, np.minimum(least, each.references), least)
        is_skipped: Flags = (least == own.references) & ~is_single
        for which in (0, 1):
            x, y = _median(own.references, around, which)
            seen = own.within(which)
            is_skipped &= (seen.x == x) & (seen.y == y)
        return is_skipped

    def _blends(self, at: Ints) -> list[_Codes]:
        """Codes of macroblocks that are made of both references."""
        around, own = self._around(at), self._block(at)
        codes = [_ue(_B_BOTH, at), _ue(own.references), _ue(own.references)]
        for which in (0, 1):
            x, y = _median(own.references, around, which)
            seen = own.within(which)
            codes += _mvd(seen.x - x, seen.y - y)
        return [*codes, _ue(0, at)]

    def _halves(self, at: Ints, half: int, lists: tuple[int, int]) -> list[_Codes]:
        """Codes of macroblocks of which one half moves (8.4.1.3 for 16x8 and 8x16).

        lists: that of what moves, and that of the rest.
        """
        stride = self._stride
        left, above = at - 1, at - stride
        first, second = self._block(at, 0), self._block(at, 3)
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
        uses = lists if half & 1 else lists[::-1]
        codes: list[_Codes] = [_ue(kinds[uses[0]][uses[1]], at), self._second(at), self._second(at)]
        vectors: list[list[_Codes]] = [[], []]
        for part, likely, around, which in zip((first, second), direct, beside, uses, strict=True):
            is_like = likely.references == which
            x, y = _median(which, around)
            vectors[which] += _mvd(
                part.x - np.where(is_like, likely.x, x), part.y - np.where(is_like, likely.y, y)
            )
        return [*codes, *vectors[0], *vectors[1], _ue(0, at)]

    def _quarters(self, at: Ints, pattern: int, lists: tuple[int, int]) -> list[_Codes]:
        """Codes of macroblocks of which one quarter moves, or rests, or two that do not lie side by side."""
        left, above = at - 1, at - self._stride
        own = [self._block(at, quarter) for quarter in range(4)]
        corner = self._block(above, 3).otherwise(self._block(above - 1, 3))
        beyond = self._block(above + 1, 2).otherwise(self._block(above, 2))
        beside = (
            (self._block(left, 1), self._block(above, 2), corner),
            (own[0], self._block(above, 3), beyond),
            (self._block(left, 3), own[0], own[1]),
            (own[2], own[1], own[0]),
        )
        uses = [lists[0] if pattern >> quarter & 1 else lists[1] for quarter in range(4)]
        codes = [_ue(_B_8X8, at), *(_ue(1 + which, at) for which in uses), *[self._second(at)] * 4]
        vectors: list[list[_Codes]] = [[], []]
        for part, around, which in zip(own, beside, uses, strict=True):
            x, y = _median(which, around)
            vectors[which] += _mvd(part.x - x, part.y - y)
        return [*codes, *vectors[0], *vectors[1], _ue(0, at)]

    def _second(self, like: Ints) -> _Codes:
        """ref_idx 1: of two it is one bit, inverted (9.1)."""
        if self._entries > 2:
            return _ue(1, like)
        return np.zeros(like.size, np.int64), np.ones(like.size, np.int64)

    def _around(self, at: Ints | slice) -> _Around:
        """What lies to the left, above, and above to the right or else to the left (6.4.11.7)."""
        left, above, right, corner = (
            slice(at.start - back, at.stop - back) if isinstance(at, slice) else at - back
            for back in (1, self._stride, self._stride - 1, self._stride + 1)
        )
        beyond = self._block(right, 2).otherwise(self._block(corner, 3))
        return self._block(left, 1), self._block(above, 2), beyond

    def _block(self, at: Ints | slice, quarter: int | None = None) -> _Blocks:
        """A quarter of macroblocks, or their moving part."""
        x, y, references = self._x[at], self._y[at], self._references[at]
        if quarter is not None:
            follows = (self._moving[at] >> quarter & 1).astype(np.bool_)
            x, y = np.where(follows, x, self._other_x[at]), np.where(follows, y, self._other_y[at])
            references = np.where(follows, references, self._other_references[at])
        if self._later is None:
            return _Blocks(x, y, references)
        return _Blocks(x, y, references, self._later[0][at], self._later[1][at])


def _is_direct(references: Ints, around: _Around) -> Flags:
    """Where direct prediction comes to this reference alone, as neighbours have no other (8.4.1.2.2)."""
    has = has_other = np.zeros(references.shape, np.bool_)
    for each in around:
        is_like = each.references == references
        has, has_other = has | is_like, has_other | ~is_like & (each.references != _NONE)
    alone: Flags = has & ~has_other
    return alone


def _median(references: Ints | int, around: _Around, which: int | None = None) -> tuple[Ints, Ints]:
    """The prediction of vectors from their neighbours, x and y (8.4.1.3.1).

    It looks at one list: a neighbour that uses the other one is there, but has no reference and no vector.
    which: the list, where references are not the lists themselves, as those of blends.
    """
    left, above, corner = around
    alone = (above.references == _NONE) & (corner.references == _NONE) & (left.references != _NONE)
    is_left = left.references == references
    is_above, is_corner = (
        np.where(alone, is_left, each.references == references) for each in (above, corner)
    )
    only = is_left.astype(np.int8) + is_above + is_corner == 1
    seen = [each.within(references if which is None else which) for each in around]
    found = []
    for a, b, c in ([each.x for each in seen], [each.y for each in seen]):
        b, c = np.where(alone, a, b), np.where(alone, a, c)
        median = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
        one = a * is_left + b * is_above + c * is_corner
        found.append(np.where(only, one, median))
    return found[0], found[1]


def _ue(value: Any, like: Ints | None = None) -> _Codes:
    """Exp-Golomb, unsigned (9.1); one value for all of `like`, or an array of them."""
    code = (np.asarray(value, np.int64) if like is None else np.full(like.size, value, np.int64)) + 1
    return code, 2 * np.frexp(code.astype(np.float32))[1].astype(np.int64) - 1


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
