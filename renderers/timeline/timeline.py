"""The timeline: which frames there are, what each shows, and the chunks they are encoded in.

Frames are integers and time is a Fraction. Slides begin at the whole frame nearest to their exact
time, so rounding never drifts; within a slide, time counts from its first frame, so what a slide
looks like, and how it is called in the store, does not depend on the slides before it. For the same
reason a transition has the same number of frames wherever it lies.

Nothing here evaluates every frame: rest and movement follow from the keyframes' times, and a moving
chunk is named by the keyframes that it shows instead of by its states.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any

from renderers import ENGINE_VERSION
from renderers.timeline.animation import ease
from renderers.timeline.cutting import Abilities, Layout, Lead, Piece, Span, stops
from renderers.timeline.scene import WHOLE, Canvas, Layer, SlideState, State, TransitionState, border
from renderers.timeline.slides import SlideScene
from schemas.errors import InvalidInput
from schemas.hashing import content_hash
from schemas.limits import DEFAULT, Limits
from schemas.motion import exact
from schemas.parts import PicturePart
from schemas.project import Project, overlap
from schemas.settings import SHORT_SIDES, SizedSettings

SMALLEST_PUSH = 320
"""Pixels of a side along which a push or wipe is written: its border may be off by four of them."""
SLOWEST_WIPE = 16
"""Pixels a frame that a border has to run for nobody to see that."""


def canvas(project: Project, settings: SizedSettings, limits: Limits = DEFAULT) -> Canvas:
    """The output picture: the project's aspect ratio with the quality as short side, or as asked for.

    The content is scaled to fit and centred. Raises InvalidInput where a limit is exceeded.
    """
    if settings.width is not None and settings.height is not None:
        width, height = settings.width, settings.height
    else:
        lowest = Fraction(SHORT_SIDES["720p"], min(project.width, project.height))
        factor = Fraction(SHORT_SIDES[settings.quality], min(project.width, project.height))
        # Of a banner even 720p may be too large: it gets as many px as the limits allow.
        sides = sorted((project.width, project.height))
        most = min(Fraction(limits.short_side, sides[0]), Fraction(limits.long_side, sides[1]))
        if lowest > most:
            factor = most
        width, height = (_even(side * factor) for side in (project.width, project.height))
    if max(width, height) > limits.long_side or min(width, height) > limits.short_side:
        largest = f"{limits.long_side} x {limits.short_side}"
        message = f"The picture has {width} x {height} px; the limit is {largest}: choose a lower quality."
        raise InvalidInput("limit_exceeded", message, path="quality" if settings.width is None else "width")
    scale = min(Fraction(width, project.width), Fraction(height, project.height))
    left, top = (width - project.width * scale) / 2, (height - project.height * scale) / 2
    return Canvas(width, height, float(scale), float(left), float(top))


def _even(side: Fraction) -> int:
    return max(2, 2 * math.floor(side / 2 + Fraction(1, 2)))


class Timeline:
    """A project's frames at a rate. Raises InvalidInput for a project without a picture.

    fingerprints: for each source (as the document spells it) a hash of its content, part of all keys.
    abilities: what the codec can do with pictures at rest, which decides how the timeline is cut.
    """

    def __init__(
        self,
        project: Project,
        canvas: Canvas,
        fps: int,
        fingerprints: Mapping[str, str],
        abilities: Abilities = Abilities(),
    ) -> None:
        if not project.slides:
            raise InvalidInput("no_slides", "A picture needs at least one slide.", path="slides")
        self.canvas = canvas
        self.fps = fps
        self.borders, self.overlaps = _borders(project, fps)
        if self.total_frames == 0:
            raise InvalidInput("too_short", "The slides together are shorter than one frame.", path="slides")
        self._project = project
        self._fingerprints = fingerprints
        self._abilities = abilities
        self._scenes: dict[int, SlideScene] = {}

    @property
    def total_frames(self) -> int:
        """Frames of the whole timeline."""
        return self.borders[-1]

    @property
    def seconds(self) -> Fraction:
        """Length of the picture, in whole frames."""
        return Fraction(self.total_frames, self.fps)

    def state(self, frame: int) -> State:
        """What frame 0 .. total_frames - 1 shows. Equal states are equal pixels."""
        if not 0 <= frame < self.total_frames:
            raise IndexError(f"frame {frame} of {self.total_frames}")
        pieces, firsts = self._pieces_and_firsts
        piece = pieces[bisect_right(firsts, frame) - 1]
        if not piece.is_transition:
            return self._slide_state(piece.slide, frame if piece.is_tiled else piece.first, piece.is_tiled)
        before = self._slide_state(piece.slide, frame if piece.is_tiled else piece.first, piece.is_tiled)
        after = self._slide_state(
            piece.slide + 1, frame if piece.next_is_tiled else piece.first, piece.next_is_tiled
        )
        kind, progress = self._transition(piece.slide, frame - piece.first, piece.frames)
        return TransitionState(before, after, kind, progress)

    def _transition(self, slide: int, number: int, frames: int) -> tuple[str, float]:
        """(type, progress) of frame `number` of the transition out of a slide, which takes `frames`."""
        transition = self._project.slides[slide].transition
        assert transition is not None
        progress = ease(transition.easing, (number + 1) / (frames + 1))
        return transition.type, min(1.0, max(0.0, progress))

    def frame_at(self, seconds: float) -> int:
        """The frame that is shown at a time; the first or last for times before or after all."""
        return min(max(0, math.floor(exact(seconds) * self.fps)), self.total_frames - 1)

    def slides_at(self, frame: int) -> range:
        """The slides that a frame shows: one, or the two of a transition."""
        last = bisect_right(self.borders, frame, hi=len(self.borders) - 1) - 1
        first = last
        while first and frame < self.borders[first] + self.overlaps[first - 1]:
            first -= 1
        return range(first, last + 1)

    def frame_state(self, seconds: float) -> State:
        """What is shown at a time."""
        return self.state(self.frame_at(seconds))

    def chunks(self, video: Mapping[str, Any] | None = None) -> tuple[PicturePart, ...]:
        """The chunks in the order of time, without a gap.

        video: all that decides how pictures are encoded; part of the keys.
        """
        encoding = dict(video or {})
        return tuple(self._chunk(span, encoding) for span in self._layout[1])

    def states(self, chunk: PicturePart) -> list[State]:
        """What each encoded frame of a chunk shows."""
        return [self.state(chunk.first_frame + number) for number in range(chunk.frames)]

    def layers(self, chunk: PicturePart) -> tuple[Layer, ...]:
        """The distinct layers that the chunk's pictures consist of."""
        return self._layers(chunk.first_frame, chunk.frames)

    def frame_layers(self, frame: int) -> tuple[Layer, ...]:
        """The distinct layers of one frame."""
        return self._layers(frame, 1)

    def _layers(self, first_frame: int, frames: int) -> tuple[Layer, ...]:
        found: dict[str, Layer] = {}
        for piece, first, count in self._parts(first_frame, frames):
            for scene, tiled in self._scenes_of(piece):
                for layer in scene.layers(first - self.borders[scene.index], count, tiled):
                    found.setdefault(layer.key, layer)
        return tuple(found.values())

    def scene(self, slide: int) -> SlideScene:
        """A slide in frames."""
        if slide not in self._scenes:
            frames = self.borders[slide + 1] + self.overlaps[slide] - self.borders[slide]
            self._scenes[slide] = SlideScene(
                self._project, slide, self.canvas, self.fps, frames, self._fingerprints
            )
        return self._scenes[slide]

    def _slide_state(self, slide: int, frame: int, is_tiled: bool) -> SlideState:
        return self.scene(slide).state(frame - self.borders[slide], is_tiled)

    def _scenes_of(self, piece: Piece) -> Iterator[tuple[SlideScene, bool]]:
        yield self.scene(piece.slide), piece.is_tiled
        if piece.is_transition:
            yield self.scene(piece.slide + 1), piece.next_is_tiled

    def _parts(self, first: int, frames: int) -> Iterator[tuple[Piece, int, int]]:
        """The pieces that frames lie in, each with the first frame and the number of frames in it."""
        pieces, firsts = self._pieces_and_firsts
        end = first + frames
        for number in range(bisect_right(firsts, first) - 1, bisect_left(firsts, end)):
            piece = pieces[number]
            low = max(first, piece.first)
            yield piece, low, min(end, piece.first + piece.frames) - low

    def _chunk(self, span: Span, video: dict[str, Any]) -> PicturePart:
        clips, slides = [], []
        for piece, first, count in self._parts(span.first, span.frames):
            clips.append(self._clip(piece, first, count))
            slides += [scene.index for scene, _ in self._scenes_of(piece)]
        is_held = span.kind == "moving" and span.hold > 0
        is_pushed = span.lead is not None and span.lead.way != "fade"
        key = content_hash("chunk", ENGINE_VERSION, span.kind, is_held, is_pushed, self.fps, video, clips)
        seen = tuple(dict.fromkeys(slides))
        return PicturePart(
            key=key,
            shape=span.kind,
            first_frame=span.first,
            frames=span.frames,
            hold=span.hold,
            slides=seen,
            **({} if span.lead is None else _led(span.lead)),
        )

    def _lead(self, slide: int) -> Lead | None:
        """How the transition out of a slide is written where both sides rest; None where it cannot be."""
        frames = self.overlaps[slide]
        transitions = [self._transition(slide, number, frames) for number in range(frames)]
        way = transitions[0][0]
        name, _, direction = way.partition("-")
        if way == "fade" and self._abilities.blends:
            weights = (round(WHOLE * progress) for _, progress in transitions)
            return Lead(way, tuple(min(WHOLE - 1, max(1, weight)) for weight in weights))
        if name not in ("slide", "wipe") or self._abilities.reach is None:
            return None
        axis = 0 if direction in ("left", "right") else 1
        side, reach = (self.canvas.width, self.canvas.height)[axis], self._abilities.reach[axis]
        steps = tuple(border(progress, side) for _, progress in transitions)
        if side < SMALLEST_PUSH or (name == "wipe" and side < SLOWEST_WIPE * (frames + 1)):
            return None
        needed = stops(steps, side, reach) if name == "slide" else ()
        if needed and self._abilities.shortest_still > 1:
            return None
        return Lead(way, steps, (0, side), needed)

    def _clip(self, piece: Piece, first: int, count: int) -> list[Any]:
        clips: list[Any] = [
            scene.clip(first - self.borders[scene.index], count, tiled)
            for scene, tiled in self._scenes_of(piece)
        ]
        if not piece.is_transition:
            return [count, *clips]
        transition = self._project.slides[piece.slide].transition
        assert transition is not None
        return [count, *clips, transition.type, transition.easing, piece.frames, first - piece.first]

    @cached_property
    def _pieces_and_firsts(self) -> tuple[list[Piece], list[int]]:
        pieces = self._layout[0]
        return pieces, [piece.first for piece in pieces]

    @cached_property
    def _layout(self) -> tuple[list[Piece], list[Span]]:
        layout = Layout(self._abilities)
        for slide in range(len(self.borders) - 1):
            first, end = self.borders[slide], self.borders[slide + 1]
            if slide and self.overlaps[slide - 1]:
                scenes = self.scene(slide - 1), self.scene(slide)
                layout.join(*scenes, first, self.overlaps[slide - 1], end, self._lead(slide - 1))
            elif end > first:
                layout.start(self.scene(slide), first, end)
        layout.finish(self.total_frames)
        return layout.pieces, layout.spans


def _led(lead: Lead) -> dict[str, Any]:
    return {"lead": lead.steps, "way": lead.way, "run": lead.run}


def _borders(project: Project, fps: int) -> tuple[list[int], list[int]]:
    """The first frame of each slide and the end of all; and the frames by which each overlaps the next."""
    exact_starts = [Fraction(0)]
    for slide in project.slides[:-1]:
        exact_starts.append(exact_starts[-1] + exact(slide.duration) - overlap(slide))
    exact_starts.append(exact_starts[-1] + exact(project.slides[-1].duration))
    borders = [_nearest(start * fps) for start in exact_starts]
    overlaps = [
        min(_nearest(overlap(slide) * fps), borders[number + 2] - borders[number + 1])
        for number, slide in enumerate(project.slides[:-1])
    ]
    return borders, [*overlaps, 0]


def _nearest(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))
