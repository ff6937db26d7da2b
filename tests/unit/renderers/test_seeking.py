"""Seeking in a finished film: a key picture is never far, whatever the project."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renderers.h264.joining import IDR_SECONDS
from tests.unit.builders import Document, fade, move, project, rect, slide, text
from tests.unit.renderers.films import FPS, SPEC, Film, joined, psnr
from tests.unit.renderers.media import decode_at, decode_video, strict_decode


def longest_way(path: Path) -> Fraction:
    """Seconds from a key picture to the next one, or to the end, at most."""
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        assert stream.time_base is not None
        packets = [packet for packet in source.demux(stream) if packet.size]
        keys = sorted(
            packet.pts * stream.time_base
            for packet in packets
            if packet.is_keyframe and packet.pts is not None
        )
    ends = [*keys[1:], Fraction(len(packets), FPS)]
    return max(end - key for key, end in zip(keys, ends, strict=True))


@st.composite
def long_films(draw: st.DrawFn) -> Film:
    """Slides of seconds to half a minute: at rest, moving now and then or all the time."""
    slides = []
    lengths = draw(st.lists(st.sampled_from([0.5, 4, 9.5, 10.5, 13, 27]), min_size=1, max_size=3))
    for number, length in enumerate(lengths):
        moves: list[Document] = []
        for start in draw(st.lists(st.sampled_from([0, 0.3, 2, 9.9, 12]), max_size=2, unique=True)):
            if start < length:
                lasts = draw(st.sampled_from([0.1, 0.6, 3, length - start]))
                moves.append(move("x", start, min(lasts, length - start), (0, 60)))
        one = slide(length, rect(animations=moves), color=draw(st.sampled_from(["red", "white"])))
        kind = draw(st.sampled_from([None, "fade", "wipe-up"]))
        if kind is not None:
            one["transition"] = fade(min(1, round(min(lengths[number : number + 2]) / 3, 2)), kind)
        slides.append(one)
    return Film(project(slides=slides))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(long_films())
def test_a_key_picture_is_never_far(tmp_path: Path, film: Film) -> None:
    """Ten seconds at most, and a fade that it would fall into: that has to be over first."""
    path = tmp_path / "film.mp4"
    joined(path, film, film.chunks, SPEC)
    fades = [len(chunk.lead) + 1 for chunk in film.chunks if chunk.lead]
    assert longest_way(path) <= IDR_SECONDS + Fraction(max(fades, default=0), FPS)


@pytest.mark.parametrize("seconds", [10.5, 34])
def test_a_movement_that_is_held_for_long_has_key_pictures(tmp_path: Path, seconds: float) -> None:
    """A title that slides in and stays: seeking is quick, and what is shown stays what it is."""
    film = Film(project(slides=[slide(seconds, rect(), text(animations=[move()])), slide(0.5)]))
    path = tmp_path / "film.mp4"
    joined(path, film, film.chunks, SPEC)
    strict_decode(path)
    assert longest_way(path) == IDR_SECONDS
    decoded = decode_video(path)
    assert len(decoded) == film.timeline.total_frames
    shown = film.frames
    assert min(psnr(a, b) for a, b in zip(decoded, shown, strict=True)) > 35
    for number in (0, 239, 240, 250, len(decoded) - 1):
        assert (decode_at(path, number, FPS) == decoded[number]).all()
