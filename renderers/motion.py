"""Movement that is known: which frames of a stretch have to be encoded, and how the others follow from them.

A timeline says how everything moves, so that an encoder need not find it out. Where all that moves in a
stretch are pictures that grow or shrink behind a window at rest, and things that slide over one flat colour,
few frames are composed and encoded, the *anchors*; the frames between them are told to the decoder as vectors
(`renderers.predicted`), to a quarter of a pixel. Whatever else moves, fades or turns is for the encoder.

A block of 8x8 pixels follows a movement if it lies in it as a whole. What is cut by a window's edge stays as
it is in the nearer anchor, which is shown within `GAPS[0] / 2` frames; so does what is seen between the
letters of a text that lies on a picture. Anchors are as close as it takes for that not to be seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from renderers._opencv import cv2
from renderers.predicted import FARTHEST, LEFT, LOWER, RIGHT, UPPER, WHOLE, Field, Flags, Ints
from renderers.scene import Canvas, LayerPixels, Placement, SlideState, State
from renderers.sprites import placed, zoomed
from renderers.tiles import Affine, Rect, overlap, soft_edge
from renderers.yuv import Plane

GAPS = (8, 4)
"""Frames from one anchor to the next, the largest that will do."""
STRETCH = 0.25
"""Pixels that a macroblock may grow on each side while all of it has one vector."""
EDGE, STRAY = 6.0, 1.0
"""Pixels that a picture may be off where it is cut by a window's edge, and behind what lies on it."""
WORTH = 0.5
"""The share of a stretch that has to be predicted for it to be worth while: anchors do without B pictures."""

_MB, _BLOCK = 16, 8
_TAPS = 3  # pixels beside a block that a sample between pixels is made of (8.4.2.2.1)
_SOFT = 3  # pixels at a canvas's edge that a picture which fills it need not fill
_REST = Placement()
_EXACT = 1e-9


@dataclass(frozen=True, eq=False)
class KnownMotion:
    """A stretch of `frames` pictures, of which the anchors are encoded and the others have a field."""

    frames: int
    anchors: tuple[int, ...]
    _fields: Mapping[int, Field] = field(repr=False)

    def field(self, frame: int) -> Field:
        """How a frame between two anchors has moved since them."""
        return self._fields[frame]


def known_motion(
    states: Sequence[State],
    layers: Mapping[str, LayerPixels],
    canvas: Canvas,
    bounds: Callable[[str, Placement | None], Rect | None],
    *,
    hold: bool,
) -> KnownMotion | None:
    """What is known of a stretch's movement; None where the encoder has to find it out.

    All layers are painted normally. bounds: the rectangle that a layer touches. hold: the last picture will
    be held, so the last two are anchors.
    """
    slides = [state for state in states if isinstance(state, SlideState)]
    if len(slides) < len(states) or len(states) < GAPS[-1] + 2:
        return None
    parts = _parts(slides, layers, canvas, bounds)
    if parts is None:
        return None
    return _Stretch(canvas, parts, len(states)).motion(hold)


class _Zoom:
    """A picture behind a window at rest, larger or smaller from frame to frame."""

    def __init__(
        self, window: Rect, maps: Sequence[Affine], cover: _Cover, flat: tuple[bool, bool, bool, bool]
    ) -> None:
        """cover: what lies on it. flat: whether one colour lies to the left, above, to the right, below."""
        self._maps = maps
        x0, y0, x1, y1 = window
        self._columns, self._rows = slice(x0 // _MB, -(-x1 // _MB)), slice(y0 // _MB, -(-y1 // _MB))
        across, down = (np.arange(each.start, each.stop) * _MB for each in (self._columns, self._rows))
        self._x = across, np.maximum(across, x0), np.minimum(across + _MB, x1), (x0, x1)
        self._y = down, np.maximum(down, y0), np.minimum(down + _MB, y1), (y0, y1)
        is_in = _inside(across, x0, x1)[None, :, None, :] & _inside(down, y0, y1)[:, None, :, None]
        here = (self._rows, self._columns)
        whole, self._patterns = _patterns(is_in), _patterns(is_in & ~cover.touched[here])
        # Along an edge with one colour behind it, what it cuts follows the movement in that direction.
        top, bottom = (down < y0)[:, None], (down + _MB > y1)[:, None]
        left, right = (across < x0)[None, :], (across + _MB > x1)[None, :]
        self._along = (
            (top & flat[1] | bottom & flat[3]) & ~(left | right),
            (left & flat[0] | right & flat[2]) & ~(top | bottom),
        )
        self._stays = tuple((self._patterns == 0) & ~along for along in self._along)
        # How far off that may be to either side, in pixels, and what can be seen between what lies on it.
        is_cut = top & (y0 % _BLOCK > 0) | bottom & (y1 % _BLOCK > 0)
        is_cut = is_cut | left & (x0 % _BLOCK > 0) | right & (x1 % _BLOCK > 0)
        is_cut &= ~((top | bottom) & (left | right))
        is_seen = ~(cover.hidden[here] | ~is_in).all(axis=(2, 3)) & (whole != self._patterns)
        limit = np.where(is_seen, STRAY, np.where(is_cut, EDGE, math.inf))
        self._limits = tuple(np.where(along & ~is_seen, math.inf, limit) for along in self._along)

    def apply(self, into: _Draft, frame: int, anchors: tuple[int, int]) -> bool:
        """Write what moves into a field; False if the anchors do not show all that is needed well enough."""
        now = self._maps[frame]
        found = []
        for anchor in anchors:
            then = self._maps[anchor]
            x, is_x = self._shift(self._x, now.a, now.x0, then.a, then.x0, FARTHEST[0])
            y, is_y = self._shift(self._y, now.d, now.y0, then.d, then.y0, FARTHEST[1])
            is_x, is_y = np.broadcast_arrays(is_x[None, :], is_y[:, None])
            # Where only a cut part moves, it does so in one direction or not at all.
            is_there = (is_x | self._stays[0]) & (is_y | self._stays[1])
            found.append((*np.broadcast_arrays(x[None, :], y[:, None]), is_there))
        nearer = into.nearer
        (x, y, is_there), (far_x, far_y, is_far_there) = found[nearer], found[1 - nearer]
        x, y = np.where(is_there, x, far_x), np.where(is_there, y, far_y)
        if not (is_there | is_far_there).all():
            return False
        grown = abs(self._maps[anchors[nearer]].a / now.a - 1) * _MB / 2
        if grown > STRETCH or any(
            (np.abs(each) > 4 * limit).any() for each, limit in zip((x, y), self._limits, strict=True)
        ):
            return False
        here = self._rows, self._columns
        into.vectors[0][here], into.vectors[1][here] = x, y
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
        centre = begin + _MB / 2
        quarters = np.rint(4 * ((centre - at) / a * b + to - centre)).astype(np.int64)
        is_there = (low + quarters / 4 >= first) & (high + quarters / 4 <= last)
        return quarters, is_there & (np.abs(quarters) < 4 * farthest)


class _Slide:
    """Something that moves over one colour without changing."""

    def __init__(self, canvas: Canvas, rects: Sequence[Rect | None], maps: Sequence[Affine]) -> None:
        self._size = canvas.width, canvas.height
        self._rects, self._maps = rects, maps

    def apply(self, into: _Draft, frame: int, anchors: tuple[int, int]) -> bool:
        """Write what moves into a field; False if no anchor shows all that is needed."""
        nearer = into.nearer
        order = (nearer, 1 - nearer)
        here = _macroblocks(self._rects[frame])
        # Where it was in the nearer anchor and no longer is, the colour has to come from the other one.
        uncovered = np.zeros(into.moving.shape, np.bool_)
        for which in order:
            covered = np.zeros(into.moving.shape, np.bool_)
            covered[_macroblocks(self._rects[anchors[which]])] = True
            covered[here] = False
            if which == nearer:
                uncovered = covered
            elif (uncovered & covered).any():
                return False
        into.references[uncovered] = 1 - nearer
        if self._rects[frame] is None:
            return True
        rows, columns = here
        down, across = (np.arange(each.start, each.stop) * _MB for each in (rows, columns))
        todo = np.ones((down.size, across.size), np.bool_)
        now = self._maps[frame]
        for which in order:
            if self._rects[anchors[which]] is None:
                continue
            then = self._maps[anchors[which]]
            x, y = round(4 * (then.x0 - now.x0)), round(4 * (then.y0 - now.y0))
            if abs(x) >= 4 * FARTHEST[0] or abs(y) >= 4 * FARTHEST[1]:
                continue
            is_x = (across + x / 4 >= 0) & (np.minimum(across + _MB, self._size[0]) + x / 4 <= self._size[0])
            is_y = (down + y / 4 >= 0) & (np.minimum(down + _MB, self._size[1]) + y / 4 <= self._size[1])
            take = todo & is_y[:, None] & is_x[None, :]
            into.vectors[0][here][take], into.vectors[1][here][take] = x, y
            into.references[here][take] = which
            todo &= ~take
        into.moving[here] = WHOLE
        return not todo.any()


@dataclass(eq=False)
class _Draft:
    """A field in the making; `nearer` is the reference of what rests."""

    vectors: Ints
    others: Ints
    references: Ints
    moving: Ints
    nearer: int


class _Stretch:
    """Looks for the fewest anchors."""

    def __init__(self, canvas: Canvas, parts: Sequence[_Zoom | _Slide], frames: int) -> None:
        self._shape = -(-canvas.height // _MB), -(-canvas.width // _MB)
        self._parts, self._frames = parts, frames

    def motion(self, hold: bool) -> KnownMotion | None:
        """The anchors, if there are few enough."""
        last = self._frames - 1
        end = last - 1 if hold else last
        anchors, fields = [0], dict[int, Field]()
        while anchors[-1] < end:
            first = anchors[-1]
            for gap in GAPS:
                behind = min(first + gap, end)
                found = self._between(first, behind)
                if found is not None:
                    break
            else:
                behind, found = first + 1, {}
            anchors.append(behind)
            fields |= found or {}
        if hold:
            anchors.append(last)
        if len(fields) < WORTH * self._frames:
            return None
        return KnownMotion(self._frames, tuple(anchors), fields)

    def _between(self, first: int, last: int) -> dict[int, Field] | None:
        found = {}
        for frame in range(first + 1, last):
            field = self._field(frame, (first, last))
            if field is None:
                return None
            found[frame] = field
        return found

    def _field(self, frame: int, anchors: tuple[int, int]) -> Field | None:
        nearer = int(anchors[1] - frame < frame - anchors[0])
        shape = self._shape
        draft = _Draft(
            np.zeros((2, *shape), np.int16),
            np.zeros((2, *shape), np.int16),
            np.full(shape, nearer, np.int8),
            np.zeros(shape, np.int8),
            nearer,
        )
        if not all(part.apply(draft, frame, anchors) for part in self._parts):
            return None
        return Field(draft.vectors, draft.others, draft.references, draft.moving)


@dataclass(frozen=True, eq=False)
class _Cover:
    """Where something lies on a picture, and where that hides it: (rows, columns, 2, 2) quarters."""

    touched: Flags
    hidden: Flags

    @classmethod
    def of(cls, layers: Sequence[tuple[LayerPixels, Placement | None, Rect]], canvas: Canvas) -> _Cover:
        """Of layers at rest, each with the rectangle that it touches."""
        rows, columns = -(-canvas.height // _MB), -(-canvas.width // _MB)
        alpha = np.zeros((rows * _MB, columns * _MB), np.uint8)
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
        reach = 2 * (math.ceil(STRAY) + _TAPS) + 1
        grown = cv2.dilate(alpha, np.ones((reach, reach), np.uint8))
        shape = rows, 2, _BLOCK, columns, 2, _BLOCK
        touched, hidden = (
            grown.reshape(shape).max(axis=(2, 5)) > 0,
            alpha.reshape(shape).min(axis=(2, 5)) == 255,
        )
        return cls(touched.transpose(0, 2, 1, 3), hidden.transpose(0, 2, 1, 3))


def _patterns(quarters: Flags) -> Ints:
    """Which part of each macroblock moves, (rows, columns), where that is all of it or a half."""
    patterns = (quarters * np.array([[1, 2], [4, 8]])).sum(axis=(2, 3))
    return np.where(np.isin(patterns, (WHOLE, UPPER, LOWER, LEFT, RIGHT)), patterns, 0)


# --- what there is in a stretch ----------------------------------------------------------------------


def _parts(
    slides: Sequence[SlideState],
    layers: Mapping[str, LayerPixels],
    canvas: Canvas,
    bounds: Callable[[str, Placement | None], Rect | None],
) -> list[_Zoom | _Slide] | None:
    """What moves, as far as it is known; None if anything else does."""
    size = canvas.width, canvas.height
    order = max((slide.layers for slide in slides), key=len)
    keys = [key for key, _ in order]
    places = [dict(slide.layers) for slide in slides]
    if len(set(keys)) < len(keys) or any(
        [key for key in keys if key in place] != [key for key, _ in slide.layers]
        for slide, place in zip(slides, places, strict=True)
    ):
        return None
    if any(keys[0] not in place for place in places):
        return None
    tracks = {key: [_seen(place, key, bounds) for place in places] for key in keys[1:]}
    hulls = {key: _hull([rect for _, rect in track]) for key, track in tracks.items()}
    moving = [key for key in keys[1:] if len({place if rect else None for place, rect in tracks[key]}) > 1]
    parts: list[_Zoom | _Slide] = []
    for key in moving:
        track = tracks[key]
        zoom = _zoom(layers[key], track, canvas)
        if zoom is not None:
            window, maps = zoom
            above = [each for each in keys[keys.index(key) + 1 :] if _touch(window, hulls[each])]
            if any(each in moving for each in above):
                return None
            on_it = [
                (layers[each], places[0][each], hull) for each in above if (hull := hulls[each]) is not None
            ]
            beside = [hull for each, hull in hulls.items() if each != key]
            flat = (
                _flat_sides(layers[keys[0]], window, beside, canvas)
                if _is_bare(layers[key])
                else (False,) * 4
            )
            parts.append(_Zoom(window, maps, _Cover.of(on_it, canvas), flat))
            continue
        slide = _slide(layers[key], track)
        hull = hulls[key]
        if slide is None or hull is None:
            return None
        around = overlap(_with_margins(hull, [rect for _, rect in track]), (0, 0, *size))
        if not _is_flat(layers[keys[0]], around) or any(
            _touch(around, hulls[other]) for other in keys[1:] if other != key
        ):
            return None
        parts.append(_Slide(canvas, [rect for _, rect in track], slide))
    return parts


_Track = Sequence[tuple[Placement, Rect | None]]
"""Where a layer is from frame to frame, and the rectangle that it touches."""


def _seen(
    places: Mapping[str, Placement | None],
    key: str,
    bounds: Callable[[str, Placement | None], Rect | None],
) -> tuple[Placement, Rect | None]:
    if key not in places:
        return _REST, None
    return places[key] or _REST, bounds(key, places[key])


def _zoom(pixels: LayerPixels, track: _Track, canvas: Canvas) -> tuple[Rect, list[Affine]] | None:
    """The window that a layer fills while it grows or shrinks, and where it lies behind it."""
    if any(rect is None or place.opacity < 1 for place, rect in track):
        return None
    inside = pixels.inside
    if inside is None:
        cut = soft_edge(pixels.rgba)
        maps = [placed(pixels, place) for place, _ in track]
        if cut is None:
            return None
        height, width = pixels.rgba.shape[:2]
        window: Rect | None = _filled(maps, (cut, cut), (width - cut, height - cut), canvas)
    else:
        if inside.over is not None or len({replace(place, within=1.0) for place, _ in track}) > 1:
            return None
        if track[0][0] != replace(_REST, within=track[0][0].within):
            return None
        maps = [zoomed(pixels, inside, place) for place, _ in track]
        window = _clear(inside.mask, inside.x, inside.y, inside.box, canvas)
    if window is None or any(abs(each.b) > _EXACT or abs(each.c) > _EXACT or each.a <= 0 for each in maps):
        return None
    return window, maps


def _filled(
    maps: Sequence[Affine], begin: tuple[int, int], end: tuple[int, int], canvas: Canvas
) -> Rect | None:
    """The canvas, if a picture fills it all the time, but for the very edge."""
    left, top = (
        math.ceil(max(0.0, *each) - _EXACT) for each in zip(*(m.at(*begin) for m in maps), strict=True)
    )
    right, bottom = (math.floor(min(each) + _EXACT) for each in zip(*(m.at(*end) for m in maps), strict=True))
    right, bottom = min(right, canvas.width), min(bottom, canvas.height)
    if max(left, top, canvas.width - right, canvas.height - bottom) > _SOFT:
        return None
    return 0, 0, canvas.width, canvas.height


def _clear(
    mask: Plane,
    x: int,
    y: int,
    box: tuple[float, float, float, float],
    canvas: Canvas,
) -> Rect | None:
    """The pixels of a box that its mask leaves whole, if that is a rectangle of some size."""
    left, top = max(0, math.ceil(box[0] - _EXACT)), max(0, math.ceil(box[1] - _EXACT))
    right = min(canvas.width, math.floor(box[0] + box[2] + _EXACT))
    bottom = min(canvas.height, math.floor(box[1] + box[3] + _EXACT))
    if right - left < 2 * _MB or bottom - top < 2 * _MB:
        return None
    if not bool((mask[top - y : bottom - y, left - x : right - x] == 255).all()):
        return None
    return left, top, right, bottom


def _slide(pixels: LayerPixels, track: _Track) -> list[Affine] | None:
    """Where a layer lies that moves and does nothing else."""
    seen = {replace(place, dx=0.0, dy=0.0) for place, rect in track if rect is not None}
    return [placed(pixels, place) for place, _ in track] if len(seen) == 1 else None


def _is_flat(backdrop: LayerPixels, rect: Rect) -> bool:
    """Whether a rectangle of the backdrop has one colour."""
    x0, y0, x1, y1 = rect
    part = backdrop.rgba[y0:y1, x0:x1]
    return not part.size or bool((part == part[0, 0]).all())


def _is_bare(pixels: LayerPixels) -> bool:
    """Whether nothing is drawn around a picture's window."""
    return pixels.inside is not None and pixels.inside.under is None


def _flat_sides(
    backdrop: LayerPixels, window: Rect, beside: Sequence[Rect | None], canvas: Canvas
) -> tuple[bool, bool, bool, bool]:
    """Whether the macroblocks at a window's left, top, right and bottom have one colour outside of it."""
    x0, y0, x1, y1 = window
    left, top = x0 - x0 % _MB, y0 - y0 % _MB
    right, bottom = min(canvas.width, x1 + -x1 % _MB), min(canvas.height, y1 + -y1 % _MB)
    strips = (left, y0, x0, y1), (x0, top, x1, y0), (x1, y0, right, y1), (x0, y1, x1, bottom)
    a, b, c, d = (
        _is_flat(backdrop, strip) and not any(_touch(strip, other) for other in beside) for strip in strips
    )
    return a, b, c, d


def _inside(begins: Ints, first: int, last: int) -> Flags:
    """For macroblocks along an axis, which of their halves lie within first .. last."""
    blocks = begins[:, None] + _BLOCK * np.arange(2)[None, :]
    return (blocks >= first) & (blocks + _BLOCK <= last)


def _macroblocks(rect: Rect | None) -> tuple[slice, slice]:
    if rect is None:
        return slice(0, 0), slice(0, 0)
    x0, y0, x1, y1 = rect
    return slice(y0 // _MB, -(-y1 // _MB)), slice(x0 // _MB, -(-x1 // _MB))


def _hull(rects: Sequence[Rect | None]) -> Rect | None:
    there = [rect for rect in rects if rect is not None]
    if not there:
        return None
    left, top, right, bottom = zip(*there, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _with_margins(hull: Rect, rects: Sequence[Rect | None]) -> Rect:
    """A hull and what is copied along with what moves in it: macroblocks, and what they are sampled from."""
    margins = [(x0 % _MB, y0 % _MB, -x1 % _MB, -y1 % _MB) for x0, y0, x1, y1 in filter(None, rects)]
    left, top, right, bottom = (max(each) + _TAPS for each in zip(*margins, strict=True))
    return hull[0] - left, hull[1] - top, hull[2] + right, hull[3] + bottom


def _touch(a: Rect, b: Rect | None) -> bool:
    if b is None:
        return False
    x0, y0, x1, y1 = overlap(a, b)
    return x0 < x1 and y0 < y1
