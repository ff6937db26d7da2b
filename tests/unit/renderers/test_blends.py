"""Fades that are written instead of encoded: what two decoders make of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renderers.h264 import blends, headers
from renderers.h264.mp4 import IDR_SECONDS, Part, join
from renderers.h264.video import EncodedChunk, VideoSpec, encode_moving, encode_still
from tests.unit.renderers.films import expected_frames
from tests.unit.renderers.media import (
    decode_video,
    noise,
    other_decoder,
    picture,
    strict_decode,
)

FPS = 30
SPEC = VideoSpec(320, 192, FPS)
SMALL = VideoSpec(64, 48, FPS)


def ramp(frames: int) -> tuple[int, ...]:
    """Weights of a linear fade."""
    return tuple(max(1, min(127, round(128 * (n + 1) / (frames + 1)))) for n in range(frames))


def assert_decodes(path: Path, parts: Sequence[Part]) -> None:
    """The file is strictly right and shows exactly what is expected."""
    strict_decode(path)
    got, wanted = decode_video(path), expected_frames(parts)
    assert len(got) == len(wanted)
    for number, (mine, theirs) in enumerate(zip(got, wanted, strict=True)):
        assert np.array_equal(mine, theirs), f"frame {number}"


@pytest.mark.parametrize("frames", [1, 2, 14, 15, 16, 31, 32, 45, 150])
def test_a_fade_is_the_weighted_mean_of_both_pictures(tmp_path: Path, frames: int) -> None:
    """However long it is, each of its frames is what the standard's formula makes of two stills."""
    one, two = encode_still(SPEC, noise(0, 320, 192)), encode_still(SPEC, picture(9, 320, 192))
    parts = [Part(one, 5), Part(two, 7, ramp(frames)), Part(one)]
    path = tmp_path / "fade.mp4"
    join(path, SPEC, parts, None)
    assert_decodes(path, parts)


def test_a_decoder_of_other_make_sees_the_same_fade(tmp_path: Path) -> None:
    """OpenH264, which shares no code with FFmpeg's decoder, shows fades bit for bit alike."""
    one, two = encode_still(SPEC, noise(0, 320, 192)), encode_still(SPEC, picture(9, 320, 192))
    parts = [Part(one, 5), Part(two, 7, ramp(15)), Part(one, 20, ramp(3)), Part(two, 0, ramp(30))]
    path = tmp_path / "fade.mp4"
    join(path, SPEC, parts, None)
    got, wanted = other_decoder(path), expected_frames(parts)
    assert len(got) == len(wanted)
    assert all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))


def test_a_fade_takes_some_dozens_of_bytes_a_frame(tmp_path: Path) -> None:
    """Thirty frames of a fade at 1080p are smaller than a hundredth of one picture."""
    spec = VideoSpec(1920, 1080, FPS)
    one, two = encode_still(spec, noise(0, 1920, 1080)), encode_still(spec, noise(1, 1920, 1080))
    join(tmp_path / "cut.mp4", spec, [Part(one, 30), Part(two)], None)
    join(tmp_path / "fade.mp4", spec, [Part(one), Part(two, 0, ramp(30))], None)
    more = (tmp_path / "fade.mp4").stat().st_size - (tmp_path / "cut.mp4").stat().st_size
    assert more < len(one.packets[0].data) / 100


def test_fades_chain_and_key_pictures_still_come(tmp_path: Path) -> None:
    """A show of fades has a key picture every ten seconds, or as soon as the fade is over."""
    stills = [encode_still(SMALL, picture(n, 64, 48)) for n in range(8)]
    parts = [Part(stills[0], 70), *(Part(still, 70, ramp(20)) for still in stills[1:])]
    path = tmp_path / "show.mp4"
    join(path, SMALL, parts, None)
    assert_decodes(path, parts)
    with av.open(str(path)) as source:
        keys = [packet.pts for packet in source.demux(video=0) if packet.size and packet.is_keyframe]
        base = source.streams.video[0].time_base
    assert base is not None
    times = [float((key or 0) * base) for key in keys]
    longest = max(b - a for a, b in zip(times, [*times[1:], 8 * 91 / FPS], strict=True))
    assert longest <= IDR_SECONDS + 21 / FPS


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(0, 30), st.lists(st.integers(1, 127), max_size=40).map(tuple)
        ),
        min_size=1,
        max_size=7,
    )
)
def test_any_parts_with_any_weights(tmp_path: Path, choice: list[tuple[int, int, tuple[int, ...]]]) -> None:
    """Fades from stills, from held motion and from one another, with any weights, show what they should."""
    kinds = small_chunks()
    parts: list[Part] = []
    for kind, hold, lead in choice:
        can_lead = parts and kind < 2
        parts.append(Part(kinds[kind], hold, lead if can_lead else ()))
    path = tmp_path / "any.mp4"
    join(path, SMALL, parts, None)
    assert_decodes(path, parts)


def small_chunks() -> list[EncodedChunk]:
    """Two stills, a held single frame and a held stretch."""
    frames = [picture(n, 64, 48) for n in range(12)]
    return [
        encode_still(SMALL, frames[0]),
        encode_still(SMALL, frames[9]),
        encode_moving(SMALL, frames[:1], hold=True),
        encode_moving(SMALL, frames, hold=True),
    ]


def test_a_seek_into_a_fade_shows_the_same(tmp_path: Path) -> None:
    """Decoding from the key picture before it gives each frame of the fade as from the start."""
    stills = [encode_still(SMALL, picture(n, 64, 48)) for n in range(4)]
    parts = [Part(stills[0], 290), *(Part(still, 60, ramp(30)) for still in stills[1:])]
    path = tmp_path / "seek.mp4"
    join(path, SMALL, parts, None)
    straight = decode_video(path)
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        assert stream.time_base is not None
        for number in range(0, len(straight), 7):
            at = round(number / FPS / stream.time_base)
            source.seek(at, stream=stream)
            frame = next(f for f in source.decode(stream) if f.pts is not None and f.pts >= at)
            assert np.array_equal(frame.to_ndarray(format="yuv420p"), straight[number])


def test_streams_that_cannot_blend_say_so() -> None:
    """Without B pictures, or without CABAC, no fade is written; a weight of nothing or all is none."""
    plain = encode_still(VideoSpec(64, 48, FPS, preset="ultrafast"), picture(0, 64, 48))
    assert not blends.can_blend(headers.Stream(plain.sps, plain.pps))
    chunk = encode_still(SMALL, picture(0, 64, 48))
    stream = headers.Stream(chunk.sps, chunk.pps)
    assert blends.can_blend(stream)
    for weight in (0, 128, -1):
        with pytest.raises(ValueError, match="weight"):
            blends.blend_picture(stream, 1, 2, weight)


def test_the_second_parameter_set_differs_in_weights_alone() -> None:
    """It has the next id and explicit weights, and says the same otherwise."""
    chunk = encode_still(SPEC, picture(0, 320, 192))
    stream = headers.Stream(chunk.sps, chunk.pps)
    more = headers.Picture.parse(blends.blend_parameters(stream))
    assert (more.id, more.weighted_bipred) == (stream.picture.id + 1, 1)
    same = ("cabac", "order_present", "references", "weighted", "qp", "deblocking_control", "redundant")
    assert all(getattr(more, name) == getattr(stream.picture, name) for name in same)
