"""States to frames: the compositor of moving stretches, and of stills.

Frames are composed in planar YUV from planes that are converted once per layer (docs/architecture.md,
"Moving stretches touch only what moves"). A buffer remembers what it shows; the next state that is
drawn on it writes only the rectangles in which the two differ. What a frame looks like does not depend
on that: the same state gives the same bytes on a fresh compositor. A slide with a blend mode other than
`normal` goes through RGBA as a whole, and single pictures do as well (`rgba`).

A compositor belongs to one thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from renderers.composing import transitions
from renderers.composing.sprites import Sprite
from renderers.composing.tiles import Patch, Rect, overlap, touch
from renderers.composing.yuv import Frame, Plane, from_rgba, new_frame, planes
from renderers.timeline.scene import Canvas, LayerPixels, Placement, SlideState, State

RING = 3
"""A frame stays as it is until so many further frames have been made."""

_SIDES = 3  # buffers for the slides of a transition: the two shown, and one to draw the next on
_REST = Placement()

Entry = tuple[str, Placement | None]


@dataclass(eq=False)
class _Buffer:
    """A frame, what it shows (None for nothing worth keeping), and when it was last asked for."""

    frame: Frame
    shows: State | None = None
    used: int = 0


class Compositor:
    """Makes frames from drawn layers by their keys. blend_modes: of layers that are not `normal`."""

    def __init__(
        self, canvas: Canvas, layers: Mapping[str, LayerPixels], blend_modes: Mapping[str, str] | None = None
    ) -> None:
        self._size = canvas.width, canvas.height
        self._layers = layers
        self._blend_modes = {key: mode for key, mode in (blend_modes or {}).items() if mode != "normal"}
        self._sprites = _Sprites(layers, self._size)
        self._backdrops: dict[str, Frame] = {}
        self._ring: list[_Buffer] = []
        self._sides: list[_Buffer] = []
        self._clock = 0

    def frame(self, state: State) -> Frame:
        """A state as planar YUV 4:2:0, (height * 3 // 2, width): see `renderers.composing.yuv`.

        It may be read until `RING` further frames have been made, and must not be written to. Raises KeyError
        for a layer that is missing.
        """
        if isinstance(state, SlideState):
            return self._slide(state, self._ring, RING)
        buffer, is_done = self._buffer(state, self._ring, RING)
        if not is_done:
            before = self._slide(state.before, self._sides, _SIDES)
            after = self._slide(state.after, self._sides, _SIDES)
            buffer.shows = None
            transitions.mix(state.type, state.progress, planes(before), planes(after), planes(buffer.frame))
            buffer.shows = state
        return buffer.frame

    def rgba(self, state: State) -> Plane:
        """A state as one picture of its own, (height, width, 4), for stills and documents."""
        if isinstance(state, SlideState):
            return self._flat(state)
        before, after = self._flat(state.before), self._flat(state.after)
        out = np.empty_like(before)
        transitions.mix(state.type, state.progress, (before,), (after,), (out,))
        return out

    def _flat(self, slide: SlideState) -> Plane:
        from renderers.composing.flatten import flatten  # Skia: the other frames do without

        return flatten(slide, self._size, self._layers, self._sprites, self._blend_modes)

    def _slide(self, slide: SlideState, pool: list[_Buffer], limit: int) -> Frame:
        buffer, is_done = self._buffer(slide, pool, limit)
        if is_done:
            return buffer.frame
        shown, buffer.shows = buffer.shows, None
        if any(key in self._blend_modes for key, _ in slide.layers):
            from_rgba(self._flat(slide), buffer.frame)
        else:
            self._repaint(buffer.frame, shown, slide, pool)
        buffer.shows = slide
        return buffer.frame

    def _buffer(self, state: State, pool: list[_Buffer], limit: int) -> tuple[_Buffer, bool]:
        """A buffer that shows the state already, or else the one that was not asked for the longest."""
        self._clock += 1
        buffer = next((each for each in pool if each.shows == state), None)
        is_done = buffer is not None
        if buffer is None and len(pool) < limit:
            buffer = _Buffer(new_frame(*self._size))
            pool.append(buffer)
        if buffer is None:
            buffer = min(pool, key=lambda each: each.used)
        buffer.used = self._clock
        return buffer, is_done

    def _repaint(self, frame: Frame, shown: State | None, slide: SlideState, pool: list[_Buffer]) -> None:
        """Turn a frame that shows `shown` into the slide."""
        backdrop = slide.layers[0]
        if not self._is_like(shown, backdrop):
            recent = max(
                (each for each in pool if self._is_like(each.shows, backdrop)),
                key=lambda each: each.used,
                default=None,
            )
            np.copyto(frame, recent.frame if recent else self._backdrop(backdrop[0]))
            shown = recent.shows if recent else SlideState((backdrop,))
        assert isinstance(shown, SlideState)
        regions = _disjoint([rect for entry in _changed(shown, slide) if (rect := self.bounds(*entry))])
        target = planes(frame)
        below = Patch((0, 0, *self._size), planes(self._backdrop(backdrop[0])), None)
        for region in regions:
            patches = [below, *self._patches(slide.layers[1:], region)]
            hides = [patch.alpha is None and overlap(patch.rect, region) == region for patch in patches]
            lowest = len(hides) - 1 - hides[::-1].index(True)
            for patch in patches[lowest:]:
                patch.paint(target, region)

    def _patches(self, entries: tuple[Entry, ...], region: Rect) -> Iterator[Patch]:
        """What entries put into a region, from bottom to top."""
        for entry in entries:
            rect = self.bounds(*entry)
            if rect is not None and touch(rect, region):
                yield from self._sprites[entry[0]].patches(entry[1] or _REST)

    def _is_like(self, shown: State | None, backdrop: Entry) -> bool:
        """Whether what a buffer shows can be turned into a slide with this backdrop."""
        return (
            isinstance(shown, SlideState)
            and shown.layers[0] == backdrop
            and not any(key in self._blend_modes for key, _ in shown.layers)
        )

    def bounds(self, key: str, placement: Placement | None) -> Rect | None:
        """The rectangle with even edges that a tile or overlay touches, None if it is not on the canvas."""
        return self._sprites[key].bounds(placement or _REST)

    def _backdrop(self, key: str) -> Frame:
        if key not in self._backdrops:
            self._backdrops[key] = from_rgba(self._layers[key].rgba)
        return self._backdrops[key]


class _Sprites(dict[str, Sprite]):
    """Layers made ready when they are first wanted."""

    def __init__(self, layers: Mapping[str, LayerPixels], size: tuple[int, int]) -> None:
        super().__init__()
        self._layers = layers
        self._size = size

    def __missing__(self, key: str) -> Sprite:
        sprite = self[key] = Sprite(self._layers[key], self._size)
        return sprite


def _changed(old: SlideState, new: SlideState) -> Iterator[Entry]:
    """What is in one of two slides only, or in another order."""
    had, has = set(old.layers), set(new.layers)
    if [entry for entry in old.layers if entry in has] == [entry for entry in new.layers if entry in had]:
        yield from had ^ has
    else:
        yield from had | has


def _disjoint(rects: list[Rect]) -> list[Rect]:
    """Rectangles that cover all of these and do not overlap."""
    found: list[Rect] = []
    for rect in rects:
        while (other := next((each for each in found if touch(each, rect)), None)) is not None:
            found.remove(other)
            rect = (
                min(rect[0], other[0]),
                min(rect[1], other[1]),
                max(rect[2], other[2]),
                max(rect[3], other[3]),
            )
        found.append(rect)
    return found
