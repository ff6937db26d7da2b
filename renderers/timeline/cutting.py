"""Cutting: slides laid out one after the other, as pieces of the timeline and as spans that become chunks.

A picture at rest is a span of one frame that is held; what moves is cut into spans of a few seconds of work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from renderers.timeline.slides import Run, SlideScene

LONGEST_CHUNK = 96
"""Encoded frames of a moving chunk at most: a few seconds of work."""
SHORTEST_REST = 7
"""Equal frames from which on a picture at rest is held."""
SETTLE = 4
"""Frames at rest that are encoded after an element's movement, before the last of them is held."""
SHORTEST_HOLD = 9
"""Frames from which on that is worth it: whatever moves next begins with a key picture."""


class Abilities(NamedTuple):
    """What a codec can do with pictures at rest.

    blends: a fade between two of them is written and not encoded. reach: so is a push or a wipe, from
    pictures of which no part lies further off than that many pixels, to the side and up or down; None where
    it is not. shortest_still: the fewest frames for which a picture is worth being held as a chunk of its
    own. longest_hold: frames from a moving stretch's key picture on after which what is held of it needs
    another one; None where it does not.
    """

    blends: bool = True
    shortest_still: int = 1
    longest_hold: int | None = None
    reach: tuple[int, int] | None = None


class Piece(NamedTuple):
    """Frames of one slide, or of the transition from `slide` into the next, from global frame `first` on."""

    first: int
    frames: int
    slide: int
    is_transition: bool = False
    is_tiled: bool = False
    next_is_tiled: bool = False


class Lead(NamedTuple):
    """Frames of a transition that are written: see `schemas.parts.PicturePart`.

    stops: numbers of those that are pictures of their own after all.
    """

    way: str
    steps: tuple[int, ...]
    run: tuple[int, int] = (0, 0)
    stops: tuple[int, ...] = ()

    def parts(self) -> list[Lead]:
        """What leads to each stop, and to the end."""
        ends = [*self.stops, len(self.steps)]
        begins = [0, *(stop + 1 for stop in self.stops)]
        at = [self.run[0], *(self.steps[stop] for stop in self.stops), self.run[1]]
        return [
            Lead(self.way, self.steps[begin:end], (before, after))
            for begin, end, before, after in zip(begins, ends, at[:-1], at[1:], strict=True)
        ]


class Span(NamedTuple):
    """A chunk without its name."""

    kind: Literal["still", "moving"]
    first: int
    frames: int
    hold: int
    lead: Lead | None = None  # what leads to it, before `first`


class Layout:
    """Lays the slides out one after the other, as pieces and as the spans that chunks are made of.

    A moving stretch begins afresh at the border of a slide: what happens before does not shift its cuts.
    """

    def __init__(self, abilities: Abilities) -> None:
        self.pieces: list[Piece] = []
        self.spans: list[Span] = []
        self._shortest_still = abilities.shortest_still
        self._longest_hold = abilities.longest_hold
        self._moving_since: int | None = None
        self._after_element = False  # whether the moving stretch ends with an element's movement
        self._ends_tiled: int | None = None  # the slide whose last frame so far has its layers apart

    def start(self, scene: SlideScene, first: int, end: int) -> None:
        """A slide of its own in global frames first .. end - 1, after a hard cut."""
        self._close(first)
        runs = list(scene.runs(0, end - first))
        if len(runs) == 1 and runs[0].frames >= self._shortest_still:
            self._rest(scene.index, first, runs[0].frames)
        else:
            self._play(scene.index, first, runs)

    def join(
        self,
        before: SlideScene,
        scene: SlideScene,
        first: int,
        frames: int,
        end: int,
        lead: Lead | None = None,
    ) -> None:
        """A slide that begins under a transition of `frames`; the one after it begins at `end`.

        lead: how the transition is written if both slides rest; None where it cannot be.
        """
        self._close(first)
        runs = list(scene.runs(frames, end - first))
        if lead is not None and self._can_lead(before, scene, frames, runs):
            is_tiled = self._ends_tiled == before.index
            self.pieces.append(Piece(first, frames, before.index, True, is_tiled))
            *ways, last = lead.parts()
            for stop, way in zip(lead.stops, ways, strict=True):
                self.spans.append(Span("still", first + stop, 1, 0, way))
            self._rest(scene.index, first + frames, runs[0].frames, last)
            self._play(scene.index, first, runs[1:])
            return
        moves_on = bool(runs) and not self._can_rest(runs[0])
        is_tiled = self._ends_tiled == before.index or before.changes_within(
            before.frames - frames, before.frames - 1
        )
        next_is_tiled = moves_on or scene.changes_within(0, frames - 1)
        self.pieces.append(Piece(first, frames, before.index, True, is_tiled, next_is_tiled))
        self._moving_since = first
        self._ends_tiled = scene.index if next_is_tiled else None
        self._play(scene.index, first, runs)

    def _can_lead(self, before: SlideScene, scene: SlideScene, frames: int, runs: list[Run]) -> bool:
        """Whether a transition is between two pictures at rest: the first is held, the second will be."""
        last = before.frames - 1
        return (
            bool(self.spans and runs)
            and (self.spans[-1].kind == "still" or self.spans[-1].hold > 0)
            and not before.changes_within(last - frames, last)
            and not scene.changes_within(0, frames)
            and self._can_rest(runs[0])
        )

    def finish(self, end: int) -> None:
        """No more slides."""
        self._close(end)

    def _play(self, slide: int, first: int, runs: list[Run]) -> None:
        for run in runs:
            start, count = first + run.first, run.frames
            if not self._can_rest(run):
                self._move(slide, start, count)
            elif self._after_element:
                self._move(slide, start, count)
                if count >= SETTLE + SHORTEST_HOLD:
                    self._close(start + SETTLE, hold=count - SETTLE)
            else:
                self._close(start)
                self._rest(slide, start, count)

    def _can_rest(self, run: Run) -> bool:
        shortest = SHORTEST_REST if self._after_element else max(SHORTEST_REST, self._shortest_still)
        return run.at_rest and run.frames >= shortest

    def _rest(self, slide: int, first: int, count: int, lead: Lead | None = None) -> None:
        self._ends_tiled = None
        self.pieces.append(Piece(first, count, slide))
        self.spans.append(Span("still", first, 1, count - 1, lead))

    def _move(self, slide: int, first: int, count: int) -> None:
        if self._moving_since is None:
            self._moving_since = first
        self._after_element, self._ends_tiled = True, slide
        self.pieces.append(Piece(first, count, slide, is_tiled=True))

    def _close(self, end: int, hold: int = 0) -> None:
        """End the moving stretch before frame `end`, if there is one, and cut it."""
        if self._moving_since is None:
            return
        start, self._moving_since = self._moving_since, None
        self._after_element = False
        sizes = _cuts(end - start)
        for size in sizes[:-1]:
            self.spans.append(Span("moving", start, size, 0))
            start += size
        self._hold(start, sizes[-1], hold)

    def _hold(self, start: int, frames: int, hold: int) -> None:
        """A moving chunk whose last picture is held; for long, a still takes over, which has key pictures."""
        end = start + frames + hold
        # Joining repeats a single picture by itself.
        if self._longest_hold is None or frames == 1 or end <= start + self._longest_hold:
            self.spans.append(Span("moving", start, frames, hold))
            return
        key = min(start + self._longest_hold, end - self._shortest_still)
        self.spans.append(Span("moving", start, frames, key - start - frames))
        self.spans.append(Span("still", key, 1, end - key - 1))


def stops(steps: Sequence[int], side: int, reach: int) -> tuple[int, ...]:
    """The frames of a push that have to be pictures of their own, for the others to be within reach of two.

    steps: the pixels that it has gone in each, of `side` at the end.
    """
    found: list[int] = []
    begin, at = 0, 0
    while not _is_within(steps[begin:], at, side, reach):
        stop = max(k for k in range(begin, len(steps)) if _is_within(steps[begin:k], at, steps[k], reach))
        found.append(stop)
        begin, at = stop + 1, steps[stop]
    return tuple(found)


def _is_within(steps: Sequence[int], first: int, last: int, reach: int) -> bool:
    return all(max(abs(step - first), abs(last - step)) <= reach for step in steps)


def _cuts(frames: int) -> list[int]:
    """Sizes of a moving stretch's chunks: the longest there may be; the last two alike if one were short."""
    sizes = [LONGEST_CHUNK] * (frames // LONGEST_CHUNK)
    if rest := frames % LONGEST_CHUNK:
        sizes.append(rest)
        if rest < LONGEST_CHUNK // 4 and len(sizes) > 1:
            both = sizes.pop() + sizes.pop()
            sizes += [both - both // 2, both // 2]
    return sizes
