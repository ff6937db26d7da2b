"""Random small films for the tests of whole streams: timelines, their frames, and any way to cut them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from pathlib import Path

import av
import numpy as np
from hypothesis import strategies as st

from renderers.composing.compose import Compositor
from renderers.composing.yuv import planes
from renderers.drawing.raster import draw_layer
from renderers.h264.chunks import encode_chunk
from renderers.h264.mp4 import Part, join
from renderers.h264.video import Frame, VideoSpec
from renderers.stored.pixels import Pixels
from renderers.timeline.scene import Layer, LayerPixels, State
from renderers.timeline.timeline import Timeline
from schemas.parts import PicturePart
from schemas.project import Project
from tests.unit.builders import (
    Document,
    fade,
    image,
    move,
    moving,
    project,
    rect,
    slide,
    text,
    timeline_of,
)
from tests.unit.renderers.drawing import FONTS, images
from tests.unit.renderers.media import decode_chunk

FPS = 24
SPEC = VideoSpec(96, 54, FPS)
"""How the product encodes: neither side is a multiple of a macroblock's."""
LOSSLESS = replace(SPEC, crf=0, still_crf=0)
"""The same encoder told to lose nothing."""


@dataclass(frozen=True)
class Film:
    """A project and its timeline at 96 x 54 px, or another size, and 24 frames a second."""

    project: Project
    size: tuple[int, int] = (SPEC.width, SPEC.height)
    image: Callable[[str], Pixels] = images

    @cached_property
    def timeline(self) -> Timeline:
        """Its frames."""
        width, height = self.size
        return timeline_of(self.project, width=width, height=height, fps=FPS)

    @cached_property
    def chunks(self) -> tuple[PicturePart, ...]:
        """The chunks that the product cuts it into."""
        return self.timeline.chunks()

    @cached_property
    def frames(self) -> list[Frame]:
        """Every frame, composed by one compositor that has all layers, as if it were one chunk."""
        return self.composed(self.whole)

    @property
    def whole(self) -> PicturePart:
        """All of it as one chunk."""
        return moving(0, self.timeline.total_frames)

    def compositor(self) -> Compositor:
        """One that has all layers."""
        return Compositor(self.timeline.canvas, *self.layers(self.whole))

    def composed(self, chunk: PicturePart) -> list[Frame]:
        """The pictures of a chunk, composed from its own layers and nothing else."""
        compositor = Compositor(self.timeline.canvas, *self.layers(chunk))
        return [compositor.frame(state).copy() for state in self.states(chunk)]

    def states(self, chunk: PicturePart) -> list[State]:
        """What each of its pictures shows."""
        return [self.timeline.state(chunk.first_frame + number) for number in range(chunk.frames)]

    def layers(self, chunk: PicturePart) -> tuple[dict[str, LayerPixels], dict[str, str]]:
        """Its own layers, and their blend modes."""
        known = self.timeline.layers(chunk)
        pixels = {layer.key: self._pixels(layer) for layer in known}
        return pixels, {layer.key: layer.blend_mode for layer in known}

    def _pixels(self, layer: Layer) -> LayerPixels:
        if layer.key not in self._drawn:
            drawn = draw_layer(layer, self.project, self.timeline.canvas, self.image, FONTS)
            self._drawn[layer.key] = drawn
        return self._drawn[layer.key]

    @cached_property
    def _drawn(self) -> dict[str, LayerPixels]:
        return {}


# --- random films and cuts -------------------------------------------------------------------------

hundredths = st.integers(0, 40).map(lambda n: n / 100)


@st.composite
def elements(draw: st.DrawFn) -> Document:
    """Something small that may move, appear late, and blend."""
    make = draw(st.sampled_from([rect, rect, text, image]))
    keys: Document = {"x": draw(st.integers(-40, 250)), "y": draw(st.integers(-30, 120))}
    kinds = {"x": (0, 60), "y": (9, -9), "scale": (1, 1.3), "rotation": (0, 40), "opacity": (0, 1)}
    keys["animations"] = [
        move(kind, draw(hundredths), 0.05 + draw(hundredths), kinds[kind], easing="ease-out")
        for kind in draw(st.lists(st.sampled_from(list(kinds)), max_size=3))
    ]
    if make is not text:
        keys |= {"width": draw(st.integers(20, 160)), "height": draw(st.integers(20, 120))}
    if make is image:
        keys["src"] = "any"
        within = move("scale", 0, 0.5, (1, 1.2), within=True)
        keys["animations"] += draw(st.sampled_from([[], [within]]))
    if draw(st.booleans()):
        keys["start"] = draw(hundredths)
    keys["blendMode"] = draw(st.sampled_from(["normal", "normal", "multiply"]))
    made: Document = make(**keys)
    return made


@st.composite
def films(draw: st.DrawFn) -> Film:
    """One to four slides: stills, movement, holds after movement, transitions of every kind."""
    count = draw(st.integers(1, 4))
    lengths = [0.1 + draw(st.integers(0, 140)) / 100 for _ in range(count)]
    slides = []
    for number, length in enumerate(lengths):
        colour = draw(st.sampled_from(["red", "#3060c0", "white"]))
        one = slide(length, *draw(st.lists(elements(), min_size=1, max_size=2)), color=colour)
        kind = draw(st.sampled_from([None, "fade", "slide-left", "wipe-up", "zoom"]))
        if kind is not None:
            one["transition"] = fade(round(min(lengths[number : number + 2]) / 3, 2), kind)
        slides.append(one)
    return Film(project(slides=slides))


@st.composite
def cut_films(draw: st.DrawFn, longest: int | None = None) -> tuple[Film, list[PicturePart]]:
    """A film, and its chunks cut once more at random frames: within stretches, and within what is held.

    longest: pictures of a chunk at most, where more of them must not follow each other.
    """
    film = draw(films())
    borders = set(draw(st.lists(st.integers(0, film.timeline.total_frames - 1), max_size=12)))
    if longest is not None:
        for chunk in film.chunks:
            borders |= set(range(chunk.first_frame, chunk.first_frame + chunk.frames, longest))
    return film, [part for chunk in film.chunks for part in _cut(chunk, borders)]


def _cut(chunk: PicturePart, borders: set[int]) -> Iterator[PicturePart]:
    starts = sorted({chunk.first_frame, *(b for b in borders if chunk.first_frame < b < chunk.end)})
    held_from = chunk.first_frame + chunk.frames
    for start, end in zip(starts, [*starts[1:], chunk.end], strict=True):
        if start >= held_from:
            # What is held goes on from a key picture of its own.
            yield chunk.model_copy(
                update={
                    "shape": "still",
                    "first_frame": start,
                    "frames": 1,
                    "hold": end - start - 1,
                    "lead": (),
                }
            )
        else:
            frames = min(end, held_from) - start
            lead = chunk.lead if start == chunk.first_frame else ()
            yield chunk.model_copy(
                update={"first_frame": start, "frames": frames, "hold": end - start - frames, "lead": lead}
            )


# --- files -----------------------------------------------------------------------------------------


def encoded(film: Film, chunk: PicturePart, spec: VideoSpec) -> Part:
    """A chunk as the stage `encode` makes it: composed from its own layers, in an encoder of its own."""
    made = encode_chunk(spec, chunk, film.states(chunk), *film.layers(chunk), film.timeline.canvas)
    return Part(made, chunk.hold, chunk.lead, chunk.way, chunk.run)


def faded(before: Frame, after: Frame, weight: int) -> Frame:
    """Explicit weighted prediction from two references (ITU-T H.264, 8.4.2.3.2), in whole numbers."""
    a, b = before.astype(np.int32), after.astype(np.int32)
    mixed: Frame = ((a * (128 - weight) + b * weight + 64) >> 7).astype(np.uint8)
    return mixed


def pushed(way: str, run: tuple[int, int], before: Frame, after: Frame, at: int) -> Frame:
    """What a push or wipe shows of two pictures, in blocks of 8x8 of which each shows one of them."""
    name, _, direction = way.partition("-")
    axis, sign = int(direction in ("left", "right")), 1 if direction in ("left", "up") else -1
    made = [plane.copy() for plane in planes(before)]
    for out, old, new in zip(made, planes(before), planes(after), strict=True):
        k = made[0].shape[0] // out.shape[0]
        places = np.arange(out.shape[axis])
        side = made[0].shape[axis]
        middles = (places * k // 8) * 8 + 4
        leaves = middles <= side - at if sign > 0 else middles > at
        moves = (at - run[0], at - run[1]) if name == "slide" else (0, 0)
        for source, takes, shift in ((old, leaves, moves[0]), (new, ~leaves, moves[1])):
            # Of chroma, a whole pixel of luma is half a sample: two neighbours are averaged.
            lower, between = np.divmod(places * k + sign * shift, k)
            last = len(places) - 1
            a = np.take(source, np.clip(lower, 0, last), axis).astype(np.int16)
            b = np.take(source, np.clip(lower + (between > 0), 0, last), axis).astype(np.int16)
            shape = [1, 1]
            shape[axis] = -1
            np.copyto(out, ((a + b + 1) >> 1).astype(np.uint8), where=takes.reshape(shape))
    return np.concatenate([plane.reshape(-1) for plane in made]).reshape(before.shape)


def expected_frames(parts: Iterable[Part]) -> list[Frame]:
    """What parts decode to: each one's own pictures, the fade to them before, the hold behind."""
    frames: list[Frame] = []
    for part in parts:
        own = decode_chunk(part.chunk)
        between = faded if part.way == "fade" else partial(pushed, part.way, part.run)
        frames += [between(frames[-1], own[0], step) for step in part.lead]
        frames += own + own[-1:] * part.hold
    return frames


def encodable(chunks: Iterable[PicturePart], spec: VideoSpec) -> Iterator[PicturePart]:
    """The chunks for an encoder: where it has no B pictures, a fade is a stretch of its own."""
    for chunk in chunks:
        if chunk.lead and (spec.preset == "ultrafast" or spec.crf == 0):
            yield moving(chunk.begin, len(chunk.lead))
            yield chunk.model_copy(update={"lead": ()})
        else:
            yield chunk


def joined(path: Path, film: Film, chunks: Sequence[PicturePart], spec: VideoSpec) -> list[Part]:
    """Encode the chunks, write the file, and return its parts."""
    parts = [encoded(film, chunk, spec) for chunk in encodable(chunks, spec)]
    join(path, spec, parts, None)
    return parts


def held(chunks: Sequence[PicturePart]) -> Iterator[tuple[int, range]]:
    """For each chunk with a hold: the frame that is held, and the frames that repeat it."""
    for chunk in chunks:
        last = chunk.first_frame + chunk.frames - 1
        if chunk.hold:
            yield last, range(last + 1, chunk.end)


def times(path: Path) -> tuple[list[Fraction], list[Fraction]]:
    """(pts in the order they are shown, dts in the order of the file), in seconds."""
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        assert stream.time_base is not None
        packets = [packet for packet in source.demux(stream) if packet.size]
        pts = sorted(packet.pts * stream.time_base for packet in packets if packet.pts is not None)
        dts = [packet.dts * stream.time_base for packet in packets if packet.dts is not None]
    return pts, dts


def psnr(decoded: Frame, composed: Frame) -> float:
    """Peak signal-to-noise ratio of a whole frame, all planes alike, in dB; at most 99."""
    error = float(np.mean((decoded.astype(np.float64) - composed) ** 2))
    return 99.0 if error == 0 else min(99.0, float(10 * np.log10(255**2 / error)))
