"""Movement that is known: which frames of a stretch have to be encoded, and how the others follow from them.

A timeline says how everything moves, so that an encoder need not find it out. Where all that moves in a
stretch are pictures that grow or shrink behind a window at rest, and things that slide over one flat colour,
few frames are composed and encoded, the *anchors*; the frames between them are told to the decoder as vectors
(`renderers.h264.predicted`), to a quarter of a pixel. What fades in or out without moving is a blend of two
anchors, as far apart as it fades one way. Whatever else moves or turns is for the encoder.

A block of 8x8 pixels follows a movement if it lies in it as a whole. What is cut by a window's edge follows
along the edge where one colour lies beside it, and else stays as it is in an anchor; so does what is seen
between the letters of a text that lies on a picture. Anchors are as close as it takes for that not to be
seen (`renderers.h264.fields`).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence

from renderers.composing.sprites import placed, zoomed
from renderers.composing.tiles import Affine, Rect, overlap, soft_edge, touch
from renderers.composing.yuv import Plane
from renderers.h264.fields import MACROBLOCK, TAPS, Cover, Draft, Fade, Sides, Slide, Zoom
from renderers.h264.predicted import Field, KnownMotion
from renderers.timeline.scene import Canvas, LayerPixels, Placement, SlideState, State

GAPS = (8, 4)
"""Frames from one anchor to the next, the largest that will do; while nothing moves, there may be more."""
WORTH = 0.5
"""The share of a stretch that has to be predicted for it to be worth while: anchors do without B pictures."""

_SOFT = 3  # pixels at a canvas's edge that a picture which fills it need not fill
_EDGE = 1.0  # pixels at a window's edge that a picture need not fill
_REST = Placement()
_EXACT = 1e-9


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


class _Stretch:
    """Looks for the fewest anchors."""

    def __init__(self, canvas: Canvas, parts: Sequence[Zoom | Slide | Fade], frames: int) -> None:
        self._canvas, self._parts, self._frames = canvas, parts, frames
        self._moves = sorted({frame for part in parts if not isinstance(part, Fade) for frame in part.moves})
        self._turns = {frame for part in parts if isinstance(part, Fade) for frame in part.turns}

    def motion(self, hold: bool) -> KnownMotion | None:
        """The anchors, if there are few enough."""
        last = self._frames - 1
        end = last - 1 if hold else last
        anchors, fields = [0], dict[int, Field]()
        while anchors[-1] < end:
            first = anchors[-1]
            for behind in self._next(first, end):
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

    def _next(self, first: int, end: int) -> Iterator[int]:
        """Where the anchor after `first` may be, the best first."""
        at = bisect_right(self._moves, first)
        rests_until = min(end, self._moves[at] - 1) if at < len(self._moves) else end
        nearest = first + GAPS[0]
        yield from sorted(
            (frame for frame in {*self._turns, rests_until} if nearest < frame <= rests_until), reverse=True
        )
        for gap in GAPS:
            yield min(first + gap, end)

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
        draft = Draft.at_rest(self._canvas, nearer)
        if not all(part.apply(draft, frame, anchors) for part in self._parts):
            return None
        return draft.field()


# --- what there is in a stretch ----------------------------------------------------------------------


_Track = Sequence[tuple[Placement, Rect | None]]
"""Where a layer is from frame to frame, and the rectangle that it touches."""


def _parts(
    slides: Sequence[SlideState],
    layers: Mapping[str, LayerPixels],
    canvas: Canvas,
    bounds: Callable[[str, Placement | None], Rect | None],
) -> list[Zoom | Slide | Fade] | None:
    """What moves, as far as it is known; None if anything else does."""
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
    return _Scene(canvas, layers, places[0], keys, tracks).parts()


class _Scene:
    """All layers of a stretch, from bottom to top, and where each is from frame to frame."""

    def __init__(
        self,
        canvas: Canvas,
        layers: Mapping[str, LayerPixels],
        first: Mapping[str, Placement | None],
        keys: Sequence[str],
        tracks: Mapping[str, _Track],
    ) -> None:
        self._canvas, self._layers, self._first = canvas, layers, first
        self._keys, self._tracks = keys, tracks
        self._hulls = {key: _hull([rect for _, rect in track]) for key, track in tracks.items()}
        self._moving = [
            key
            for key, track in tracks.items()
            if len({place if rect else None for place, rect in track}) > 1
        ]
        self._windows: list[Rect] = []
        self._fades: list[tuple[Rect, Fade]] = []

    def parts(self) -> list[Zoom | Slide | Fade] | None:
        """Those that change; None if one of them does what is not known."""
        found: list[Zoom | Slide | Fade] = []
        for key in self._moving:
            track, hull = self._tracks[key], self._hulls[key]
            if (zoom := _zoom(self._layers[key], track, self._canvas)) is not None:
                part: Zoom | Slide | Fade | None = self._zoom(key, *zoom)
            elif hull is not None and _stays(track):
                part = self._fade(hull, track)
            else:
                part = self._slide(key)
            if part is None:
                return None
            found.append(part)
        # A picture in a window takes its fields along, and what fades above it or below does not follow.
        if any(_touch(window, hull) for window in self._windows for hull, _ in self._fades):
            return None
        return found

    def _zoom(self, key: str, window: Rect, maps: list[Affine]) -> Zoom | None:
        above = [
            each for each in self._keys[self._keys.index(key) + 1 :] if _touch(window, self._hulls[each])
        ]
        whole = _whole_macroblocks(window)
        if any(each in self._moving for each in above) or any(_touch(whole, each) for each in self._windows):
            return None
        on_it = [
            (self._layers[each], self._first[each], hull)
            for each in above
            if (hull := self._hulls[each]) is not None
        ]
        cover = Cover.of(on_it, self._canvas)
        if cover is None:
            return None
        beside = [hull for each, hull in self._hulls.items() if each != key]
        flat = (
            _flat_sides(self._layers[self._keys[0]], window, beside, self._canvas)
            if _is_bare(self._layers[key])
            else (False,) * 4
        )
        self._windows.append(whole)
        return Zoom(self._canvas, window, maps, cover, flat)

    def _fade(self, hull: Rect, track: _Track) -> Fade:
        fade = Fade(hull, [place.opacity if rect is not None else 0.0 for place, rect in track])
        for other_hull, other in self._fades:
            if touch(hull, other_hull):
                fade.cross(other)
        self._fades.append((hull, fade))
        return fade

    def _slide(self, key: str) -> Slide | None:
        track, hull = self._tracks[key], self._hulls[key]
        maps = _slide(self._layers[key], track)
        if maps is None or hull is None:
            return None
        rects = [rect for _, rect in track]
        around = overlap(_with_margins(hull, rects), (0, 0, self._canvas.width, self._canvas.height))
        if not _is_flat(self._layers[self._keys[0]], around) or any(
            _touch(around, other) for each, other in self._hulls.items() if each != key
        ):
            return None
        return Slide(self._canvas, rects, maps)


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
        if inside.over is not None or len({place._replace(within=1.0) for place, _ in track}) > 1:
            return None
        if track[0][0] != _REST._replace(within=track[0][0].within):
            return None
        maps = [zoomed(pixels, inside, place) for place, _ in track]
        window = _clear(inside.mask, inside.x, inside.y, inside.box, canvas)
        if window is None or soft_edge(pixels.rgba) is None or not _fills(maps, pixels, window):
            return None
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


def _fills(maps: Sequence[Affine], pixels: LayerPixels, window: Rect) -> bool:
    """Whether a picture fills its window all the time, but for a soft edge."""
    height, width = pixels.rgba.shape[:2]
    corners = [(*each.at(0, 0), *each.at(width, height)) for each in maps]
    left, top, right, bottom = zip(*corners, strict=True)
    missing = max(left) - window[0], max(top) - window[1], window[2] - min(right), window[3] - min(bottom)
    return bool(max(missing) <= _EDGE)


def _whole_macroblocks(window: Rect) -> Rect:
    x0, y0, x1, y1 = window
    return x0 - x0 % MACROBLOCK, y0 - y0 % MACROBLOCK, x1 + -x1 % MACROBLOCK, y1 + -y1 % MACROBLOCK


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
    if right - left < 2 * MACROBLOCK or bottom - top < 2 * MACROBLOCK:
        return None
    if not bool((mask[top - y : bottom - y, left - x : right - x] == 255).all()):
        return None
    return left, top, right, bottom


def _stays(track: _Track) -> bool:
    """Whether a layer does nothing but fade, come and go."""
    return len({place._replace(opacity=1.0) for place, rect in track if rect is not None}) == 1


def _slide(pixels: LayerPixels, track: _Track) -> list[Affine] | None:
    """Where a layer lies that moves and does nothing else."""
    seen = {place._replace(dx=0.0, dy=0.0) for place, rect in track if rect is not None}
    return [placed(pixels, place) for place, _ in track] if len(seen) == 1 else None


def _is_flat(backdrop: LayerPixels, rect: Rect) -> bool:
    """Whether a rectangle of the backdrop has one colour."""
    x0, y0, x1, y1 = rect
    part = backdrop.rgba[y0:y1, x0:x1]
    return not part.size or bool((part == part[0, 0]).all())


def _is_bare(pixels: LayerPixels) -> bool:
    """Whether nothing is drawn around a picture's window."""
    return pixels.inside is not None and pixels.inside.under is None


def _flat_sides(backdrop: LayerPixels, window: Rect, beside: Sequence[Rect | None], canvas: Canvas) -> Sides:
    """Whether the macroblocks at a window's left, top, right and bottom have one colour outside of it."""
    x0, y0, x1, y1 = window
    left, top, right, bottom = overlap(_whole_macroblocks(window), (0, 0, canvas.width, canvas.height))
    strips = (left, y0, x0, y1), (x0, top, x1, y0), (x1, y0, right, y1), (x0, y1, x1, bottom)
    a, b, c, d = (
        _is_flat(backdrop, strip) and not any(_touch(strip, other) for other in beside) for strip in strips
    )
    return a, b, c, d


def _hull(rects: Sequence[Rect | None]) -> Rect | None:
    there = [rect for rect in rects if rect is not None]
    if not there:
        return None
    left, top, right, bottom = zip(*there, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _with_margins(hull: Rect, rects: Sequence[Rect | None]) -> Rect:
    """A hull and what is copied along with what moves in it: macroblocks, and what they are sampled from."""
    margins = [
        (x0 % MACROBLOCK, y0 % MACROBLOCK, -x1 % MACROBLOCK, -y1 % MACROBLOCK)
        for x0, y0, x1, y1 in filter(None, rects)
    ]
    left, top, right, bottom = (max(each) + TAPS for each in zip(*margins, strict=True))
    return hull[0] - left, hull[1] - top, hull[2] + right, hull[3] + bottom


def _touch(a: Rect, b: Rect | None) -> bool:
    return b is not None and touch(a, b)
