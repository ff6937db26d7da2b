"""H.264 headers and held pictures."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.h264 import bitstream, headers
from renderers.h264.bitstream import BitReader, BitWriter
from renderers.h264.video import EncodedChunk, Packet, VideoSpec, encode_still
from schemas.errors import InvalidInput
from tests.unit.renderers.media import decode_chunk, noise, picture

CODES = st.lists(
    st.one_of(
        st.tuples(st.just("u"), st.integers(0, 255)),
        st.tuples(st.just("ue"), st.integers(0, 2**20)),
        st.tuples(st.just("se"), st.integers(-(2**20), 2**20)),
    )
)


@given(CODES)
def test_what_is_written_is_read(codes: list[tuple[str, int]]) -> None:
    """Each kind of code comes back as it was written."""
    writer = BitWriter()
    for kind, value in codes:
        if kind == "u":
            writer.u(value, 8)
        else:
            getattr(writer, kind)(value)
    writer.trail()
    reader = BitReader(writer.to_bytes())
    for kind, value in codes:
        assert (reader.u(8) if kind == "u" else getattr(reader, kind)()) == value


ZEROISH = st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 255]), max_size=200).map(bytes)


@given(st.one_of(ZEROISH, st.binary(max_size=200)))
def test_escaping_hides_start_codes_and_is_undone(rbsp: bytes) -> None:
    """No start code is left in an escaped payload, and unescaping gives the payload back."""
    escaped = bitstream.escape(rbsp + b"\x80")
    assert not any(code in escaped for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))
    assert bitstream.unescape(escaped) == rbsp + b"\x80"
    assert not bitstream.escape(rbsp).endswith(b"\0")


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5))
def test_units_of_a_sample_come_back(units: list[bytes]) -> None:
    """NAL units joined to a sample are split again."""
    assert bitstream.split_avcc(bitstream.join_avcc(units)) == units


@given(st.binary(max_size=40))
def test_garbage_is_refused_with_an_error_of_ours(data: bytes) -> None:
    """Bytes that are no parameter set give InvalidInput or a value, never another exception."""
    for parse in (headers.Sequence.parse, headers.Picture.parse):
        with suppress(InvalidInput):
            parse(b"\x67" + data)
    with pytest.raises(InvalidInput):
        headers.Stream(data, data)


@pytest.mark.parametrize(("preset", "cabac"), [("medium", True), ("ultrafast", False), ("veryslow", True)])
@pytest.mark.parametrize(("width", "height"), [(320, 180), (64, 48), (1920, 1080), (16, 16), (90, 162)])
def test_headers_say_what_x264_was_told(preset: str, cabac: bool, width: int, height: int) -> None:
    """Size in macroblocks, entropy coder and reordering are read from what x264 writes."""
    chunk = encode_still(VideoSpec(width, height, 30, preset=preset), picture(0, width, height))
    stream = headers.Stream(chunk.sps, chunk.pps)
    assert (stream.sequence.mb_width, stream.sequence.mb_height) == (-(-width // 16), -(-height // 16))
    assert stream.picture.cabac is cabac
    assert stream.sequence.reorder == (2 if cabac else 0)


@pytest.mark.parametrize("preset", ["medium", "ultrafast"])
@pytest.mark.parametrize("seed", range(6))
def test_an_idr_is_renumbered_without_a_change_of_its_picture(preset: str, seed: int) -> None:
    """Another idr_pic_id changes the header alone: the picture decodes alike, also one of raw macroblocks."""
    source = noise(seed) if seed % 2 else picture(seed)
    chunk = encode_still(VideoSpec(320, 180, 30, preset=preset), source)
    stream = headers.Stream(chunk.sps, chunk.pps)
    (unit,) = bitstream.split_avcc(chunk.packets[0].data)
    before = decode_chunk(chunk)[0]
    for number in (15, 255):
        unit = stream.renumber_idr(unit)
        assert stream.slice_header(unit).idr_pic_id == number
        packet = Packet(bitstream.join_avcc([unit]), 0, True)
        changed = EncodedChunk(chunk.sps, chunk.pps, (packet,), 1)
        assert np.array_equal(decode_chunk(changed)[0], before)
        assert bitstream.escape(bitstream.unescape(unit)) == unit


@pytest.mark.parametrize("preset", ["medium", "ultrafast"])
def test_a_skip_picture_is_a_small_reference(preset: str) -> None:
    """A held picture takes some dozens of bytes, is a reference, and wraps its counters."""
    chunk = encode_still(VideoSpec(1920, 1080, 30, preset=preset), picture(0, 1920, 1080))
    stream = headers.Stream(chunk.sps, chunk.pps)
    unit = stream.skip_picture(1, 2)
    header = stream.slice_header(unit)
    assert len(unit) < 80
    assert (header.is_reference, header.is_idr, header.slice_type, header.frame_num) == (True, False, 0, 1)
    assert stream.skip_picture(1 + (1 << 20), 2 + (1 << 20)) == unit


def test_skip_data_of_one_macroblock_is_that_of_the_standard_coder() -> None:
    """The shortest and a long run agree with values computed by a full arithmetic encoder."""
    assert headers.skip_slice_data(1, headers.P_SKIP_STATE) == FULL_CODER[1]
    assert headers.skip_slice_data(240, headers.P_SKIP_STATE) == FULL_CODER[240]


FULL_CODER = {1: bytes.fromhex("a680"), 240: bytes.fromhex("00002ca0")}
