"""Pushes and wipes that are written instead of encoded: what decoders make of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.composing import transitions
from renderers.composing.yuv import new_frame, planes
from renderers.h264.mp4 import Part, join
from renderers.h264.pushes import reach
from renderers.h264.video import Frame, VideoSpec, encode_still
from renderers.timeline.cutting import stops
from renderers.timeline.scene import TransitionState, border
from tests.unit.builders import fade, image, move, project, rect, slide, text
from tests.unit.renderers.films import FPS, Film, expected_frames, joined, psnr
from tests.unit.renderers.media import decode_video, noise, other_decoder, strict_decode

WIDTH, HEIGHT = 352, 336
SPEC = VideoSpec(WIDTH, HEIGHT, FPS)
WAYS = [f"{name}-{way}" for name in ("slide", "wipe") for way in ("left", "right", "up", "down")]
BLOCK = 8


def side_of(way: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> int:
    """Pixels along which it goes."""
    return size[0] if way.endswith(("left", "right")) else size[1]


def drawn(way: str, before: Frame, after: Frame, at: int) -> Frame:
    """What the compositor makes of it."""
    out = new_frame(WIDTH, HEIGHT)
    transitions.mix(way, at / side_of(way), planes(before), planes(after), planes(out))
    return out


def assert_shows_what_is_drawn(way: str, got: Frame, wanted: Frame, at: int) -> None:
    """To a level, as averages of two are rounded, but for the block that the border lies in."""
    side = side_of(way)
    edge = side - at if way.endswith(("left", "up")) else at
    first = edge // BLOCK * BLOCK
    for mine, theirs in zip(planes(got), planes(wanted), strict=True):
        k = HEIGHT // mine.shape[0]
        axis = 1 if way.endswith(("left", "right")) else 0
        # One sample of chroma more: the border's neighbours are averaged with it.
        beside = np.arange(max(0, first // k - 1), min(side // k, (first + BLOCK) // k + 1))
        off = np.delete(mine, beside, axis).astype(np.int16) - np.delete(theirs, beside, axis)
        assert np.abs(off).max() <= (0 if k == 1 else 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_push_shows_parts_of_both_pictures(tmp_path: Path, way: str) -> None:
    """Bit for bit in two decoders, and as drawn but for a block along the border, however far it has come."""
    side = side_of(way)
    steps: tuple[int, ...] = (1, 3, 8, 21, 22, 88, 111, 176, 200, 255, 300, side - 1, side)
    if way in ("slide-up", "slide-down"):
        steps = tuple(step for step in steps if max(step, side - step) <= reach(WIDTH, HEIGHT, FPS)[1])
    one, two = (encode_still(SPEC, noise(n, WIDTH, HEIGHT)) for n in (0, 1))
    run = (0, side)
    parts = [Part(one, 5), Part(two, 7, steps, way, run), Part(one, 20, steps[:4], way, run), Part(two)]
    path = tmp_path / "push.mp4"
    join(path, SPEC, parts, None)
    strict_decode(path)
    got, wanted = decode_video(path), expected_frames(parts)
    assert len(got) == len(wanted)
    for number, (mine, theirs) in enumerate(zip(got, wanted, strict=True)):
        assert np.array_equal(mine, theirs), f"frame {number}"
    for number, step in enumerate(steps):
        shown = got[6 + number]
        assert_shows_what_is_drawn(way, shown, drawn(way, got[0], got[6 + len(steps)], step), step)
    assert all(np.array_equal(a, b) for a, b in zip(other_decoder(path), got, strict=True))


def film(way: str, seconds: float = 0.5, size: tuple[int, int] = (WIDTH, HEIGHT), **more: object) -> Film:
    """Three slides, each of which pushes the one before out."""
    push = fade(seconds, way, **more)
    slides = [
        slide(3, image("any"), text("One"), transition=push),
        slide(3, rect(), color="navy", transition=push),
        slide(3, text("Three")),
    ]
    return Film(project(width=size[0], height=size[1], slides=slides), size)


def leads(of: Film) -> list[tuple[str, int, int]]:
    """Shape, frames before it and encoded frames of each chunk."""
    return [(chunk.shape, len(chunk.lead), chunk.frames) for chunk in of.chunks]


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_encoded_for_a_push_between_pictures_at_rest(tmp_path: Path, way: str) -> None:
    """Stills and what leads to them; the file shows every frame as drawn, but for its border."""
    of = film(way)
    is_far = way in ("slide-up", "slide-down")
    assert leads(of)[1:] == [("still", 9, 1), ("still", 2, 1)] * 2 if is_far else [("still", 12, 1)] * 2
    path = tmp_path / "film.mp4"
    parts = joined(path, of, of.chunks, SPEC)
    strict_decode(path)
    got = decode_video(path)
    assert all(np.array_equal(a, b) for a, b in zip(got, expected_frames(parts), strict=True))
    assert len(got) == of.timeline.total_frames
    assert_looks_as_drawn(of, way, got)


def assert_looks_as_drawn(of: Film, way: str, got: list[Frame]) -> None:
    """Nothing is off but the block that the border lies in."""
    side = side_of(way, of.size)
    for number, (mine, theirs) in enumerate(zip(got, of.frames, strict=True)):
        state = of.timeline.state(number)
        a, b = planes(mine)[0], planes(theirs)[0]
        if isinstance(state, TransitionState):
            at = border(state.progress, side)
            first = (side - at if way.endswith(("left", "up")) else at) // BLOCK * BLOCK
            beside = np.arange(first, min(side, first + BLOCK))
            axis = 1 if way.endswith(("left", "right")) else 0
            a, b = np.delete(a, beside, axis), np.delete(b, beside, axis)
        assert psnr(a, b) >= 40, number


@pytest.mark.parametrize(
    "of",
    [
        film("slide-left", size=(96, 54)),
        film("wipe-left", 1.4),
        film("zoom"),
        Film(
            project(
                width=WIDTH,
                height=HEIGHT,
                slides=[slide(2, transition=fade(0.5, "slide-left")), slide(2, rect(animations=[move()]))],
            ),
            (WIDTH, HEIGHT),
        ),
    ],
    ids=["a small picture", "a slow border", "another transition", "something moves"],
)
def test_what_would_show_is_encoded(of: Film) -> None:
    """Where its border could be seen, or the pictures do not rest, every frame of a transition is encoded."""
    assert not any(chunk.lead for chunk in of.chunks)
    assert of.chunks[1].shape == "moving"


def test_a_picture_that_goes_further_than_vectors_reach_stops_on_its_way(tmp_path: Path) -> None:
    """A frame in the middle is encoded as a picture, and both halves refer to it."""
    of = film("slide-up", size=(WIDTH, 528))
    assert reach(WIDTH, 528, FPS) == (2047, 255)
    assert leads(of) == [("still", 0, 1), *[("still", 6, 1), ("still", 5, 1)] * 2]
    spec = VideoSpec(WIDTH, 528, FPS)
    path = tmp_path / "film.mp4"
    parts = joined(path, of, of.chunks, spec)
    strict_decode(path)
    got = decode_video(path)
    assert all(np.array_equal(a, b) for a, b in zip(got, expected_frames(parts), strict=True))
    assert_looks_as_drawn(of, "slide-up", got)
    assert all(np.array_equal(a, b) for a, b in zip(other_decoder(path), got, strict=True))


@given(st.lists(st.integers(0, 2160), max_size=40), st.sampled_from([63, 255, 511, 2047]))
def test_every_frame_of_a_push_is_within_reach_of_two_pictures(steps: list[int], reaches: int) -> None:
    """Whatever way it goes: pixels from the picture before it, and to the one behind."""
    stopped = stops(steps, 2160, reaches)
    at = [0, *(steps[stop] for stop in stopped), 2160]
    begins, ends = [0, *(stop + 1 for stop in stopped)], [*stopped, len(steps)]
    for begin, end, first, last in zip(begins, ends, at[:-1], at[1:], strict=True):
        assert all(max(abs(step - first), abs(last - step)) <= reaches for step in steps[begin:end])


@pytest.mark.parametrize(
    ("size", "fps", "expected"),
    [((1920, 1080), 30, 511), ((1280, 720), 24, 511), ((640, 360), 30, 255), ((160, 90), 24, 63)],
)
def test_how_far_vectors_reach_is_a_matter_of_the_level(
    size: tuple[int, int], fps: int, expected: int
) -> None:
    """A stream that may be of a low level has shorter ones (ITU-T H.264, table A-1)."""
    assert reach(*size, fps) == (2047, expected)
