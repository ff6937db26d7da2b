"""The MP4 writer, compared with FFmpeg's muxer byte for byte."""

from __future__ import annotations

import io
import struct
from functools import cache, partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renderers.containers import mp4
from renderers.containers.boxes import LONG
from renderers.containers.entries import avc1
from renderers.containers.tracks import LONGEST_CHUNK, Edit, Track
from renderers.h264.mp4 import Part, join, probe
from renderers.h264.video import EncodedChunk, VideoSpec, encode_moving, encode_still
from renderers.sound.aac import FRAME, EncodedAudio
from renderers.sound.m4a import specific_config, write_m4a
from schemas.errors import InvalidInput
from tests.unit.renderers import ffmpeg_muxer
from tests.unit.renderers.media import decode_sound, noise, picture
from tests.unit.renderers.sounds import encode_aac, in_film

SMALL = VideoSpec(64, 48, 30)
CONFIGURATION = b"\1abcdefghijk"  # nobody looks into it
KINDS = "still", "other", "one", "held", "passing"


@cache
def chunk(spec: VideoSpec, kind: str) -> EncodedChunk:
    """A still, another one, a held single frame, a held stretch, a passing one."""
    frames = [picture(n, spec.width, spec.height) for n in range(12)]
    match kind:
        case "still":
            return encode_still(spec, frames[0])
        case "other":
            return encode_still(spec, noise(3, spec.width, spec.height))
        case "one":
            return encode_moving(spec, frames[:1], hold=True)
        case "held":
            return encode_moving(spec, frames, hold=True)
        case _:
            return encode_moving(spec, frames, hold=False)


def sound_of(rate: int, packets: int, missing: int, sizes: list[int]) -> EncodedAudio:
    """Packets that nobody would like to hear: a muxer does not look into them."""
    data = tuple(bytes([n % 256]) * sizes[n % len(sizes)] for n in range(packets))
    samples = max(1, packets * FRAME - FRAME - missing)
    return EncodedAudio(data, specific_config(rate) + b"\x56\xe5\x00", rate, FRAME, samples)


def assert_alike(folder: Path, spec: VideoSpec, parts: list[Part], audio: EncodedAudio | None) -> None:
    """Our file and FFmpeg's are the same bytes."""
    ours, theirs = folder / "ours.mp4", folder / "theirs.mp4"
    join(ours, spec, parts, in_film(audio))
    ffmpeg_muxer.join(theirs, spec, parts, audio)
    is_same = ours.read_bytes() == theirs.read_bytes()
    assert is_same


@st.composite
def specs(draw: st.DrawFn) -> VideoSpec:
    """Few sizes, because each is encoded; many rates would be encoded again each."""
    width, height = draw(st.sampled_from([(64, 48), (34, 18), (16, 90)]))
    fps = draw(st.sampled_from([1, 7, 24, 30, 60, 239]))
    return VideoSpec(width, height, fps, preset=draw(st.sampled_from(["veryfast", "ultrafast", "medium"])))


@st.composite
def films(draw: st.DrawFn) -> tuple[VideoSpec, list[Part]]:
    """Parts in any order, with holds, and with fades to a still where there can be one."""
    spec = draw(specs())
    parts: list[Part] = []
    for kind in draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=8)):
        hold = 0 if kind == "passing" else draw(st.sampled_from([0, 1, 5, 40, 11 * min(spec.fps, 60)]))
        lead: tuple[int, ...] = ()
        if parts and parts[-1].hold and kind in ("still", "other") and spec.preset != "ultrafast":
            lead = tuple(draw(st.lists(st.integers(1, 127), max_size=9)))
        parts.append(Part(chunk(spec, kind), hold, lead))
    return spec, parts


@st.composite
def sounds(draw: st.DrawFn) -> EncodedAudio | None:
    """No sound, or one that is shorter or longer than any film."""
    rate = draw(st.sampled_from([None, 44_100, 48_000, 22_050]))
    if rate is None:
        return None
    sizes = draw(st.lists(st.integers(1, 600), min_size=1, max_size=4))
    return sound_of(rate, draw(st.integers(2, 400)), draw(st.integers(0, FRAME - 1)), sizes)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(films(), sounds())
def test_a_film_is_written_as_ffmpeg_does(
    tmp_path: Path, film: tuple[VideoSpec, list[Part]], audio: EncodedAudio | None
) -> None:
    """Any parts with any sound, at any size and rate, become the very file that FFmpeg would write."""
    assert_alike(tmp_path, *film, audio)


def test_large_pictures_are_cut_into_chunks(tmp_path: Path) -> None:
    """Chunks end before a megabyte, with sound between the pictures and without, and with larger pictures."""
    spec = VideoSpec(640, 360, 2, crf=1, still_crf=1)
    parts = [Part(encode_still(spec, noise(n, 640, 360)), n % 3) for n in range(4)]
    parts.append(Part(encode_moving(spec, [noise(n, 640, 360) for n in range(3)], hold=True), 30))
    large = max(len(packet.data) for part in parts for packet in part.chunk.packets)
    assert LONGEST_CHUNK / 5 < large < LONGEST_CHUNK
    for audio in (None, sound_of(44_100, 90, 0, [300_000, 5, 2_000_000]), sound_of(48_000, 2, 5, [70])):
        assert_alike(tmp_path, spec, parts, audio)


def test_a_long_film_needs_wide_numbers(tmp_path: Path) -> None:
    """Beyond 31 bits, times have 64 bits in the boxes that need them, as FFmpeg has it."""
    spec = VideoSpec(16, 16, 239)
    still = Part(encode_still(spec, picture(0, 16, 16)), 239 * 210)
    audio = sound_of(44_100, 210 * 44_100 // FRAME, 0, [7])
    assert still.hold * 44_100 > LONG
    assert_alike(tmp_path, spec, [still], audio)


def described(sizes: list[int], durations: list[int]) -> Track:
    """A track of pictures that nobody looks into."""
    describe = partial(avc1, 64, 48, CONFIGURATION)
    edit = Edit(0, sum(durations))
    return Track("vide", 15_360, np.array(sizes), np.array(durations), edit, describe, width=64, height=48)


class Sink(io.RawIOBase):
    """A file of which only the first and the last bytes are kept."""

    def __init__(self) -> None:
        self._at, self.size = 0, 0
        self._head, self._tail = bytearray(64), b""

    def writable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        self._at = offset + (0, self._at, self.size)[whence]
        return self._at

    def write(self, data: Any) -> int:
        """Keep the bytes, or forget them."""
        block = bytes(data[-4096:])
        if self._at < 64:
            self._head[self._at : self._at + len(data)] = bytes(data[:64])
        if self._at == self.size:
            self._tail = (self._tail + block)[-4096:]
        self._at += len(data)
        self.size = max(self.size, self._at)
        return len(data)

    @property
    def ends(self) -> tuple[bytes, bytes]:
        """Its first 48 bytes, and the index at its end."""
        return bytes(self._head[:48]), self._tail[self._tail.rindex(b"moov") - 4 :]


def split(index: bytes) -> tuple[bytes, bytes, list[int]]:
    """A `moov` before its chunk offsets and behind them, and the offsets."""
    wide = b"co64" in index
    start = index.index(b"co64" if wide else b"stco") + 12
    (count,) = struct.unpack_from(">I", index, start - 4)
    end = start + count * (8 if wide else 4)
    return (
        index[:start],
        index[end:],
        list(struct.unpack(f">{count}{'Q' if wide else 'I'}", index[start:end])),
    )


@pytest.mark.parametrize("megabytes", [4000, 4200])
def test_a_film_beyond_four_gigabytes_has_wide_offsets(megabytes: int) -> None:
    """`co64` and an `mdat` with a size of 64 bits are written where FFmpeg writes them, and only there."""
    sizes, durations = [megabytes << 14] * 64, [51_200] * 64
    ours = mp4.head([described(sizes, durations)], 30_000)
    sink = Sink()
    options = {"movie_timescale": "30000", "fflags": "+bitexact"}
    with av.open(sink, "w", format="mp4", options=options) as output:
        stream = ffmpeg_muxer.add_video(output, SMALL, CONFIGURATION)
        output.start_encoding()
        for number, size in enumerate(sizes):
            packet = av.Packet(size)
            packet.stream, packet.is_keyframe = stream, True
            packet.pts = packet.dts = number * 51_200
            packet.duration = 51_200
            output.mux_one(packet)
    front, index = sink.ends  # FFmpeg's index is moved to the front only once all is written: here it is not
    assert ours == front[:32] + ours[32:-16] + front[32:]
    (before, behind, offsets), (their_before, their_behind, their_offsets) = split(ours[32:-16]), split(index)
    assert (before, behind) == (their_before, their_behind)
    assert offsets == [offset + len(index) for offset in their_offsets]
    assert (b"co64" in before) == (megabytes > 4096)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sounds().filter(lambda audio: audio is not None))
def test_a_file_of_sound_alone_is_written_as_ffmpeg_does(tmp_path: Path, audio: EncodedAudio) -> None:
    """An M4A is the very file that FFmpeg's muxer for it would write."""
    ours, theirs = tmp_path / "ours.m4a", tmp_path / "theirs.m4a"
    write_m4a(ours, [audio])
    ffmpeg_muxer.m4a(theirs, audio)
    is_same = ours.read_bytes() == theirs.read_bytes()
    assert is_same


def test_a_file_of_sound_alone_can_be_heard(tmp_path: Path) -> None:
    """It has its samples, no more and no fewer, and says so."""
    sound = np.random.default_rng(1).uniform(-0.5, 0.5, (50_000, 2)).astype(np.float32)
    path = tmp_path / "sound.m4a"
    write_m4a(path, [encode_aac(sound, 44_100, 192_000)])
    found = probe(path)
    assert (found.audio_codec, found.sample_rate, found.channels) == ("aac", 44_100, 2)
    assert found.audio_samples == 50_000
    assert abs(len(decode_sound(path)) - 50_000) < FRAME


def test_sound_that_is_none_is_refused(tmp_path: Path) -> None:
    """Sound without a packet is no file, and none is left."""
    audio = sound_of(44_100, 2, 0, [5])._replace(packets=())
    with pytest.raises(InvalidInput) as refusal:
        write_m4a(tmp_path / "none.m4a", [audio])
    assert refusal.value.code == "empty_sound"
    assert list(tmp_path.iterdir()) == []
