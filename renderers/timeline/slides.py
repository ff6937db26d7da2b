"""One slide in frames: what is visible when, what moves, and the layers that this makes.

All frames here are the slide's own: frame 0 is its first, at its time 0. So a slide looks the same
wherever on the timeline it lies, and so do its keys.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

from renderers import ENGINE_VERSION
from renderers.text.fontfiles import EMOJI
from renderers.text.fonts import shows_emoji
from renderers.timeline.animation import Curve
from renderers.timeline.scene import Canvas, Layer, Placement, SlideState
from schemas.elements import ImageElement, TextElement, VideoElement
from schemas.hashing import content_hash
from schemas.motion import exact
from schemas.paint import ImageBackground, VideoBackground, picture_name, picture_source
from schemas.project import Element, Project, canonical

REST = Placement()

_UNSEEN = ("id", "start", "end", "animations", "zIndex")
"""Fields of an element that are not in its pixels: its place in time and order is said elsewhere."""

_SCALE_STEP = 8  # raster scales are rounded up to eighths
_LARGEST_TILE = 8.0  # canvases: no tile is rasterised larger, however far it zooms


class Run(NamedTuple):
    """Frames first .. first + frames - 1. At rest all are equal; otherwise each may differ."""

    first: int
    frames: int
    at_rest: bool


class Actor(NamedTuple):
    """The `number`-th element of its slide: visible in frames first .. last - 1, with its curves.

    changes: ranges (first, last) of frames k at which it may look different than at k - 1.
    """

    number: int
    element: Element
    first: int
    last: int
    curves: tuple[Curve, ...]
    changes: tuple[tuple[int, int], ...]

    @property
    def is_moving(self) -> bool:
        """Whether its curves ever change what is seen."""
        return bool(self.changes)


class SlideScene:
    """A slide of `frames` frames at `fps`, on a canvas.

    fingerprints stand for the bytes of sources.
    """

    def __init__(
        self,
        project: Project,
        index: int,
        canvas: Canvas,
        fps: int,
        frames: int,
        fingerprints: Mapping[str, str],
    ) -> None:
        self.index = index
        self.frames = frames
        self._project = project
        self._slide = project.slides[index]
        self._canvas = canvas
        self._fps = fps
        self._fingerprints = fingerprints
        self._contents: dict[int, str] = {}
        self._flat_by_frame: dict[int, Layer] = {}
        self._tiled: dict[int, tuple[Layer, ...]] = {}

    @cached_property
    def actors(self) -> tuple[Actor, ...]:
        """The elements that are ever visible, in painting order."""
        order = sorted(enumerate(self._slide.elements), key=lambda item: item[1].z_index)
        actors = (self._actor(index, element) for index, element in order)
        return tuple(actor for actor in actors if actor is not None)

    def _actor(self, index: int, element: Element) -> Actor | None:
        first = math.ceil(exact(element.start) * self._fps)
        last = self.frames if element.end is None else math.ceil(exact(element.end) * self._fps)
        last = min(last, self.frames)
        if element.opacity == 0 or first >= last:
            return None
        curves = tuple(Curve.of(animation) for animation in element.animations)
        changes = tuple(
            part for curve in curves for part in _within(curve.changes(self._fps), first + 1, last - 1)
        )
        actor = Actor(index, element, first, last, curves, changes)
        if not actor.is_moving and not _is_visible(self.placement(actor, first)):
            return None
        return actor

    @cached_property
    def _visibility(self) -> list[int]:
        """Frames at which an element appears or vanishes, 0 first."""
        borders = {frame for actor in self.actors for frame in (actor.first, actor.last)}
        return sorted({0} | {frame for frame in borders if 0 < frame < self.frames})

    @cached_property
    def _changes(self) -> list[tuple[int, int]]:
        """Disjoint ranges (first, last) of frames k that may differ from frame k - 1, in order."""
        found = [(frame, frame) for frame in self._visibility[1:]]
        for actor in self.actors:
            found += actor.changes
        merged: list[tuple[int, int]] = []
        for first, last in sorted(found):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
            else:
                merged.append((first, last))
        return merged

    def changes_within(self, first: int, last: int) -> bool:
        """Whether any frame of first + 1 .. last may differ from the one before it."""
        return any(True for _ in _within(self._changes, first + 1, last))

    def runs(self, first: int, end: int) -> Iterator[Run]:
        """Frames first .. end - 1 as stretches that move and stretches that rest."""
        position = first
        for low, high in _within(self._changes, first + 1, end - 1):
            yield Run(position, low - position, True)
            if high > low:
                yield Run(low, high - low, False)
            position = high
        if position < end:
            yield Run(position, end - position, True)

    def placement(self, actor: Actor, frame: int) -> Placement:
        """The animated values of an element at a frame."""
        values = {"x": 0.0, "y": 0.0, "scale": 1.0, "rotation": 0.0, "opacity": 1.0, "within": 1.0}
        seconds = Fraction(frame, self._fps)
        for curve in actor.curves:
            name = "within" if _zooms(actor, curve) else curve.property
            value = curve.at(seconds)
            if name in ("x", "y", "rotation"):
                values[name] += value
            else:
                values[name] *= value
        return Placement(
            dx=values["x"] * self._canvas.scale + 0.0,  # + 0.0: there is one zero only
            dy=values["y"] * self._canvas.scale + 0.0,
            scale=max(0.0, values["scale"]),
            rotation=values["rotation"],
            opacity=min(1.0, max(0.0, values["opacity"])),
            within=values["within"],
        )

    def visible(self, frame: int) -> tuple[Actor, ...]:
        """The elements within their times at a frame, in painting order."""
        return tuple(actor for actor in self.actors if actor.first <= frame < actor.last)

    def flat(self, frame: int) -> Layer:
        """The whole picture of a frame as one layer."""
        if (found := self._flat_by_frame.get(frame)) is not None:
            return found
        actors, placements = [], []
        for actor in self.visible(frame):
            placement = self.placement(actor, frame) if actor.curves else REST
            if _is_visible(placement):
                actors.append(actor)
                placements.append(placement)
        layer = self._layer("backdrop", actors, placements=placements)
        return self._flat_by_frame.setdefault(frame, layer)

    def tiled(self, frame: int) -> tuple[Layer, ...]:
        """The layers of a frame with what moves apart, from bottom to top; the backdrop is the first."""
        segment = bisect_right(self._visibility, frame) - 1
        if segment not in self._tiled:
            self._tiled[segment] = tuple(self._tile(self.visible(self._visibility[segment])))
        return self._tiled[segment]

    def _tile(self, actors: tuple[Actor, ...]) -> Iterator[Layer]:
        lowest = next((k for k, actor in enumerate(actors) if actor.is_moving), len(actors))
        yield self._at_rest("backdrop", actors[:lowest])
        group: list[Actor] = []
        for actor in actors[lowest:]:
            if actor.is_moving or actor.element.blend_mode != "normal":
                if group:
                    yield self._at_rest("overlay", tuple(group))
                    group = []
                yield self._layer("tile", [actor])
            else:
                group.append(actor)
        if group:
            yield self._at_rest("overlay", tuple(group))

    def _at_rest(self, kind: Any, actors: tuple[Actor, ...]) -> Layer:
        placements = [self.placement(actor, actor.first) if actor.curves else REST for actor in actors]
        return self._layer(kind, list(actors), placements=placements)

    def state(self, frame: int, is_tiled: bool) -> SlideState:
        """What a frame shows, as one picture at rest or with what moves apart."""
        if not is_tiled:
            return SlideState(((self.flat(frame).key, None),))
        shown: list[tuple[str, Placement | None]] = []
        for layer in self.tiled(frame):
            if layer.kind != "tile":
                shown.append((layer.key, None))
                continue
            placement = self.placement(self._by_number[layer.elements[0]], frame)
            if _is_visible(placement):
                shown.append((layer.key, placement))
        return SlideState(tuple(shown))

    def clip(self, first: int, count: int, is_tiled: bool) -> list[Any]:
        """All that determines the states of `count` frames, in a form to be hashed, without evaluating them.

        The same pictures at another time of the slide have the same clip.
        """
        if not is_tiled:
            return [[0, [self.flat(first).key]]]
        end = first + count
        borders = [first, *(frame for frame in self._visibility if first < frame < end), end]
        return [
            [low - first, [self._layer_clip(layer, low, high - low) for layer in self.tiled(low)]]
            for low, high in pairwise(borders)
        ]

    def _layer_clip(self, layer: Layer, first: int, count: int) -> list[Any]:
        if layer.kind != "tile":
            return [layer.key]
        actor = self._by_number[layer.elements[0]]
        return [layer.key, [curve.clip(first, count, self._fps) for curve in actor.curves]]

    def layers(self, first: int, count: int, is_tiled: bool) -> Iterator[Layer]:
        """The layers that `count` frames need; some may come twice."""
        if not is_tiled:
            yield self.flat(first)
            return
        for low in [first, *(frame for frame in self._visibility if first < frame < first + count)]:
            yield from self.tiled(low)

    @cached_property
    def _by_number(self) -> dict[int, Actor]:
        return {actor.number: actor for actor in self.actors}

    def _layer(self, kind: Any, actors: list[Actor], *, placements: list[Placement] | None = None) -> Layer:
        elements = tuple(actor.number for actor in actors)
        is_tile = kind == "tile"
        resting = tuple(
            None if placement == REST else placement for placement in placements or [REST] * len(actors)
        )
        scale = self._raster_scale(actors[0]) if is_tile else 1.0
        blend = actors[0].element.blend_mode if is_tile else "normal"
        curves = actors[0].curves if is_tile else ()
        moving = {"within" if _zooms(actors[0], curve) else curve.property for curve in curves}
        canvas = self._canvas
        key = content_hash(
            ["layer", ENGINE_VERSION, kind, scale, sorted(moving)],
            [canvas.width, canvas.height, canvas.scale, canvas.offset_x, canvas.offset_y],
            self._background if kind == "backdrop" else None,
            [self._content(actor) for actor in actors],
            [None if p is None else [p.dx, p.dy, p.scale, p.rotation, p.opacity, p.within] for p in resting],
        )
        return Layer(
            key=key,
            kind=kind,
            slide=self.index,
            elements=elements,
            raster_scale=scale,
            blend_mode=blend,
            placements=resting,
            rotates="rotation" in moving,
            zooms="within" in moving,
        )

    def _raster_scale(self, actor: Actor) -> float:
        """The largest scale the element is ever shown at, in eighths, within reason."""
        scale = math.prod(curve.largest() for curve in actor.curves if curve.property == "scale")
        area = actor.element.width * actor.element.height * self._canvas.scale**2
        room = math.sqrt(_LARGEST_TILE * self._canvas.width * self._canvas.height / max(area, 1.0))
        wanted = math.ceil(scale * _SCALE_STEP - 1e-9)
        return max(1.0, min(wanted, math.floor(room * _SCALE_STEP)) / _SCALE_STEP)

    def _content(self, actor: Actor) -> str:
        """A hash of all of an element that its pixels depend on."""
        if actor.number not in self._contents:
            element = actor.element
            fields = self._fields["elements"][actor.number]
            content = {name: value for name, value in fields.items() if name not in _UNSEEN}
            if isinstance(element, ImageElement):
                content["src"] = self._fingerprint(element.picture)
            elif isinstance(element, VideoElement):
                content["src"] = self._fingerprint(element.src)
            if isinstance(element, TextElement):
                content["fonts"] = self._fonts
                if shows_emoji(element.text):
                    content["emoji"] = EMOJI.sha256
            self._contents[actor.number] = content_hash(content)
        return self._contents[actor.number]

    @cached_property
    def _background(self) -> dict[str, Any]:
        background = self._slide.background
        content: dict[str, Any] = self._fields["background"]
        if isinstance(background, ImageBackground):
            box = self._canvas.width, self._canvas.height
            return {**content, "src": self._fingerprint(picture_name(background.src, background.fit, *box))}
        if isinstance(background, VideoBackground):
            return {**content, "src": self._fingerprint(background.src)}
        return content

    @cached_property
    def _fields(self) -> dict[str, Any]:
        """The slide's canonical JSON, by the project's serialiser: those of its elements are never built."""
        part = {"slides": {self.index: {"background", "elements"}}}
        fields: dict[str, Any] = canonical(self._project, part)["slides"][0]
        return fields

    @cached_property
    def _fonts(self) -> list[list[Any]]:
        fonts = self._project.fonts
        return [[font.family, font.weight, font.style, self._fingerprint(font.src)] for font in fonts]

    def _fingerprint(self, name: str) -> str:
        src = picture_source(name)
        return self._fingerprints.get(name) or self._fingerprints.get(src) or f"unknown:{src}"


def _zooms(actor: Actor, curve: Curve) -> bool:
    return curve.within and curve.property == "scale" and isinstance(actor.element, ImageElement)


def _is_visible(placement: Placement) -> bool:
    return placement.opacity > 0 and placement.scale > 0


def _within(ranges: Any, first: int, last: int) -> Iterator[tuple[int, int]]:
    """The ranges' parts within first .. last."""
    for low, high in ranges:
        if max(low, first) <= min(high, last):
            yield max(low, first), min(high, last)
