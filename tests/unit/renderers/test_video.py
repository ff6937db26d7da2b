"""Encoding a chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.h264 import bitstream, headers
from renderers.h264.video import (
    SMOOTH_CRF,
    STILL_SECONDS,
    EncodedChunk,
    Frame,
    Packet,
    VideoSpec,
    encode_moving,
    encode_still,
)
from schemas.errors import Cancelled, InvalidInput
from tests.unit.renderers.media import FPS, HEIGHT, WIDTH, decode_chunk, flat, noise, picture

SPEC = VideoSpec(WIDTH, HEIGHT, FPS)
MOVING = [picture(number) for number in range(20)]


def error(a: Frame, b: Frame) -> float:
    """Mean squared error of the luma."""
    return float(np.mean((a[:HEIGHT].astype(np.float64) - b[:HEIGHT]) ** 2))


CHUNKS = st.builds(
    EncodedChunk,
    st.binary(max_size=30),
    st.binary(max_size=30),
    st.lists(st.builds(Packet, st.binary(max_size=50), st.integers(0, 2**32 - 1), st.booleans())).map(tuple),
    st.integers(0, 2**32 - 1),
)


@given(CHUNKS)
def test_a_chunk_survives_the_store(chunk: EncodedChunk) -> None:
    """A chunk in bytes and back is the same chunk."""
    assert EncodedChunk.from_bytes(chunk.to_bytes()) == chunk


@given(CHUNKS, st.data())
def test_a_damaged_chunk_is_refused(chunk: EncodedChunk, data: st.DataObject) -> None:
    """One byte changed, an end cut off or added is always noticed."""
    good = chunk.to_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[at] ^= data.draw(st.integers(1, 255))
    for broken in (bytes(changed), good[:at], good + b"x", b"garbage" * 20):
        with pytest.raises(InvalidInput):
            EncodedChunk.from_bytes(broken)


def test_more_frames_a_second_need_less_of_each() -> None:
    """Above 30 a second what is encoded is coarser, by `SMOOTH_CRF`; stills are not."""
    smooth = replace(SPEC, fps=60)
    errors = [
        error(decode_chunk(encode_moving(spec, MOVING, hold=False))[-1], MOVING[-1])
        for spec in (replace(SPEC, fps=30), smooth, replace(smooth, crf=SPEC.crf - SMOOTH_CRF))
    ]
    assert errors[1] > 1.2 * errors[0]
    assert errors[2] < errors[1]
    assert encode_still(smooth, MOVING[0]).packets == encode_still(replace(SPEC, fps=30), MOVING[0]).packets


def test_a_still_is_one_key_picture_of_high_quality() -> None:
    """A still has one IDR picture, numbered 0, that looks like what was asked for."""
    chunk = encode_still(SPEC, MOVING[0])
    assert (chunk.frames, len(chunk.packets), chunk.packets[0].is_key) == (1, 1, True)
    stream = headers.Stream(chunk.sps, chunk.pps)
    header = stream.slice_header(bitstream.split_avcc(chunk.packets[0].data)[0])
    assert (header.is_idr, header.idr_pic_id, header.frame_num, header.poc_lsb) == (True, 0, 0, 0)
    assert error(decode_chunk(chunk)[0], MOVING[0]) < 2


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 20])
def test_a_moving_stretch_is_a_closed_group(hold: bool, count: int) -> None:
    """Every frame becomes one picture, the first alone is a key, and all decode in order."""
    chunk = encode_moving(SPEC, MOVING[:count], hold=hold)
    assert [p.is_key for p in chunk.packets] == [True] + [False] * (count - 1)
    assert sorted(p.pts for p in chunk.packets) == list(range(count))
    decoded = decode_chunk(chunk)
    assert len(decoded) == count
    assert all(error(a, b) < 40 for a, b in zip(decoded, MOVING[:count], strict=True))


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast", "medium", "slow"])
def test_a_held_stretch_ends_with_a_good_reference(preset: str) -> None:
    """The picture that will be held is decoded last, is a reference P, and is nearly as good as a still."""
    spec = replace(SPEC, preset=preset)
    chunk = encode_moving(spec, MOVING, hold=True)
    last = chunk.packets[-1]
    header = headers.Stream(chunk.sps, chunk.pps).slice_header(bitstream.split_avcc(last.data)[0])
    assert last.pts == len(MOVING) - 1
    assert (header.is_reference, header.slice_type) == (True, headers.P_SLICES)
    still = error(decode_chunk(encode_still(spec, MOVING[-1]))[0], MOVING[-1])
    assert error(decode_chunk(chunk)[-1], MOVING[-1]) < max(4 * still, 1)


@pytest.mark.parametrize("preset", ["ultrafast", "superfast", "veryfast", "fast", "medium", "slow", "slower"])
@pytest.mark.parametrize("cap", [None, 300_000, 20_000_000])
def test_all_chunks_of_a_spec_have_the_same_parameter_sets(preset: str, cap: int | None) -> None:
    """Stills and stretches of any length, held or not, capped or not, have equal SPS and PPS."""
    spec = replace(SPEC, preset=preset, max_bitrate=cap)
    chunks = [encode_still(spec, MOVING[0]), encode_still(replace(spec, still_crf=30), MOVING[0])]
    chunks += [encode_moving(spec, MOVING[:n], hold=hold) for n in (1, 2, 12) for hold in (False, True)]
    assert len({(chunk.sps, chunk.pps) for chunk in chunks}) == 1


def test_a_chunk_does_not_depend_on_what_was_encoded_before() -> None:
    """The same picture gives the same bytes, first or after other work."""
    first, moving = encode_still(SPEC, MOVING[3]), encode_moving(SPEC, MOVING, hold=True)
    encode_still(SPEC, noise(1))
    encode_still(replace(SPEC, max_bitrate=100_000), noise(2))
    assert encode_still(SPEC, MOVING[3]) == first
    assert encode_moving(SPEC, MOVING, hold=True) == moving


def test_frames_may_come_from_one_buffer() -> None:
    """With a count, or without one, a generator that reuses its buffer gives what a list gives."""

    def one_buffer() -> Iterator[Frame]:
        buffer = np.empty_like(MOVING[0])
        for frame in MOVING:
            np.copyto(buffer, frame)
            yield buffer

    expected = encode_moving(SPEC, MOVING, hold=True)
    assert encode_moving(SPEC, one_buffer(), hold=True, count=len(MOVING)) == expected
    assert encode_moving(SPEC, one_buffer(), hold=True) == expected
    passing = encode_moving(SPEC, MOVING, hold=False)
    assert encode_moving(SPEC, one_buffer(), hold=False) == passing


def test_a_cancelled_stretch_stops_at_the_next_frame() -> None:
    """The check is called before each frame, and what it raises ends the work."""
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise Cancelled("cancelled", "The job was cancelled.")

    with pytest.raises(Cancelled):
        encode_moving(SPEC, MOVING, hold=False, check=check)
    assert calls == 5


def test_what_cannot_be_encoded_is_refused() -> None:
    """Wrong sizes, rates, codecs, numbers of frames and shapes are named."""
    for change in ({"width": 321}, {"height": 0}, {"fps": 0}, {"codec": "mpeg4"}, {"max_bitrate": 1}):
        with pytest.raises(InvalidInput):
            replace(SPEC, **change)
    with pytest.raises(InvalidInput):
        encode_moving(SPEC, [], hold=False)
    with pytest.raises(InvalidInput):
        encode_moving(SPEC, iter(MOVING), hold=False, count=3)
    with pytest.raises(InvalidInput):
        encode_moving(SPEC, iter(()), hold=False)
    with pytest.raises(ValueError, match="shape"):
        encode_still(SPEC, np.zeros((10, 10), np.uint8))


def test_a_capped_still_fits_its_share() -> None:
    """A picture too large for the cap is encoded coarser, one that fits is left alone."""
    spec = replace(SPEC, max_bitrate=800_000)
    easy = flat(100, 120, 130)
    assert encode_still(spec, easy).packets == encode_still(SPEC, easy).packets
    size = len(encode_still(spec, noise(0)).packets[0].data)
    budget = 800_000 * STILL_SECONDS / 8
    assert budget / 3 < size <= budget < len(encode_still(SPEC, noise(0)).packets[0].data)


def test_colours_survive() -> None:
    """Greys and saturated colours decode to within two levels of what was asked."""
    greys = [(y, 128, 128) for y in (16, 126, 235)]
    for colour in (*greys, (63, 102, 240), (173, 42, 26), (32, 240, 118)):
        decoded = decode_chunk(encode_still(SPEC, flat(*colour)))[0]
        assert np.abs(decoded.astype(int) - flat(*colour)).max() <= 2


@pytest.mark.parametrize("height", [178, 180, 182])
def test_chroma_stays_in_its_place_at_any_even_height(height: int) -> None:
    """A picture whose height is no multiple of four keeps its colours to the first row."""
    frame = flat(120, 90, 170, 320, height + height % 4)[: height * 3 // 2].copy()
    samples = frame.reshape(-1)
    samples[320 * height :] = 90
    samples[320 * height * 5 // 4 :] = 170
    (decoded,) = decode_chunk(encode_still(VideoSpec(320, height, 30, still_crf=10), frame))
    shown = decoded.reshape(-1).astype(int)
    assert np.abs(shown[320 * height : 320 * height * 5 // 4] - 90).max() <= 3
    assert np.abs(shown[320 * height * 5 // 4 :] - 170).max() <= 3
