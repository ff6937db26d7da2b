"""Files of nothing but sound: as long as the mix to the sample, and as other programs expect them."""

from __future__ import annotations

import hashlib
import io
import subprocess
import wave
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from renderers import instructions
from renderers.recipes.soundfiles import SoundFile, flac_file, m4a_file, mp3_file, wav_file
from renderers.sound import mp3
from renderers.sound.checksums import Moves, crc8, crc16, crc16_of_rows
from renderers.sound.flac import coded
from renderers.sound.mixing import RATE
from renderers.sound.pcm import sixteen_bits
from renderers.sound.tracks import AAC, FLAC, MP3, PCM, SoundCodec
from schemas.checks import nothing
from schemas.errors import InvalidInput
from tests.unit.renderers.sounds import Sources, lengths, spec_of, track

KINDS: dict[str, tuple[SoundCodec, SoundFile]] = {
    "m4a": (AAC, SoundFile(m4a_file)),
    "mp3": (MP3, SoundFile(mp3_file)),
    "flac": (FLAC, SoundFile(flac_file)),
    "wav": (PCM, SoundFile(wav_file)),
}
LENGTHS = [1, 1151, 1152, 4607, 4609, 10 * RATE, 480_256 + 480_384, 23 * RATE + 11]


def sound_of(samples: int) -> NDArray[np.float64]:
    """Two tones, one a side."""
    time = np.arange(samples) / RATE
    return np.stack([0.5 * np.sin(2 * np.pi * f * time + 0.3) for f in (440, 991)], 1)


def write(kind: str, samples: int, path: Path, bitrate: int = 192_000) -> None:
    """A file of parts."""
    codec, file = KINDS[kind]
    sounds = {"a": sound_of(samples)}
    spec = spec_of([track("a")], lengths(sounds), None, bitrate)
    read = Sources(sounds)
    parts = (codec.encode(spec, part, read) for part in codec.parts(spec))
    file.join(path, spec, parts, check=nothing)


def decoded(path: Path) -> NDArray[np.float32]:
    """What FFmpeg's program makes of a file, with every error fatal."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-xerror"]
    command += ["-err_detect", "explode", "-i", str(path), "-f", "f32le", "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return np.frombuffer(done.stdout, "<f4").reshape(-1, 2)


@pytest.mark.parametrize("samples", LENGTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_files_are_as_long_as_the_mix(kind: str, samples: int, tmp_path: Path) -> None:
    """A decoder puts out every sample of the mix at its place, and none before or after."""
    path = tmp_path / f"file.{kind}"
    write(kind, samples, path)
    heard = decoded(path)
    assert len(heard) == samples
    if samples > RATE:
        assert np.abs(heard - sound_of(samples))[2048:-4096].max() < 0.05


@pytest.mark.parametrize("kind", ["flac", "wav"])
def test_lossless_files_hold_the_samples_of_the_mix(kind: str, tmp_path: Path) -> None:
    """To the last bit of 16, over all borders."""
    path = tmp_path / f"file.{kind}"
    write(kind, 23 * RATE + 11, path)
    whole = sixteen_bits(sound_of(23 * RATE + 11).astype(np.float32))
    assert np.array_equal(np.rint(decoded(path) * 32768).astype(np.int16), whole)


def test_flac_says_the_md5_and_the_number_of_its_samples(tmp_path: Path) -> None:
    """STREAMINFO has both of the whole, and the sizes of the smallest and the largest frame."""
    path = tmp_path / "file.flac"
    samples = 23 * RATE + 11
    write("flac", samples, path)
    data = path.read_bytes()
    assert data[:8] == b"fLaC\x80\x00\x00\x22"
    info = data[8:42]
    assert int.from_bytes(info[10:18], "big") & 0xF_FFFF_FFFF == samples
    whole = sixteen_bits(sound_of(samples).astype(np.float32)).tobytes()
    assert info[18:] == hashlib.md5(whole, usedforsecurity=False).digest()
    with av.open(str(path)) as file:
        sizes = [packet.size for packet in file.demux(audio=0) if packet.size]
    assert (min(sizes), max(sizes)) == (
        int.from_bytes(info[4:7], "big"),
        int.from_bytes(info[7:10], "big"),
    )


def test_flac_is_that_of_one_encoder(tmp_path: Path) -> None:
    """Behind its head, a file of parts has the bytes of FFmpeg's of the whole: numbers and checks too."""
    path = tmp_path / "file.flac"
    samples = 31 * RATE
    write("flac", samples, path)
    whole = sixteen_bits(sound_of(samples).astype(np.float32))
    one = io.BytesIO()
    with av.open(one, "w", format="flac") as file:
        stream = file.add_stream("flac", rate=RATE, layout="stereo")
        with instructions.in_ffmpeg():
            file.start_encoding()
        for start in range(0, samples, 4608):
            block = np.ascontiguousarray(whole[start : start + 4608]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="stereo")
            frame.sample_rate, frame.pts = RATE, start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    assert path.read_bytes()[42:] == one.getvalue()[-len(path.read_bytes()) + 42 :]


@pytest.mark.parametrize("bitrate", [32_000, 128_000, 192_000, 320_000])
def test_mp3_has_a_tag_that_counts_right(bitrate: int, tmp_path: Path) -> None:
    """The tag of Xing and LAME says frames, bytes, delay and padding, and its checks are right."""
    path = tmp_path / "file.mp3"
    samples = 23 * RATE + 11
    write("mp3", samples, path, bitrate)
    data = path.read_bytes()
    assert data[36:40] == b"Info"
    frames, size = (int.from_bytes(data[at : at + 4], "big") for at in (44, 48))
    assert size == len(data)
    gaps = int.from_bytes(data[177:180], "big")
    delay, padding = gaps >> 12, gaps & 0xFFF
    assert delay == 576
    assert frames * mp3.FRAME == delay + samples + padding
    assert 529 <= padding < 529 + mp3.FRAME
    head = 144 * max(bitrate, 64_000) // RATE
    assert (len(data) - head) % frames == 0
    assert int.from_bytes(data[188:190], "big") == arc(data[head:])
    assert int.from_bytes(data[190:192], "big") == arc(data[:190])


def test_mp3_frames_keep_no_bits_in_others(tmp_path: Path) -> None:
    """Each frame's data begin in it, so frames may be joined and cut."""
    path = tmp_path / "file.mp3"
    write("mp3", 5 * RATE, path)
    data = path.read_bytes()
    starts = range(0, len(data), 576)
    assert {data[at : at + 2] for at in starts} == {b"\xff\xfb"}
    assert {data[at + 4] << 1 | data[at + 5] >> 7 for at in starts} == {0}


def arc(data: bytes) -> int:
    """CRC-16/ARC bit by bit."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value


@given(st.lists(st.binary(min_size=5, max_size=5), max_size=20))
def test_a_check_of_rows_is_that_of_their_bytes(rows: list[bytes]) -> None:
    """Checks of many rows at once are those of all their bytes in a row."""
    array = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 5)
    assert crc16_of_rows(array) == arc(b"".join(rows))
    assert crc16_of_rows(array[3:], crc16_of_rows(array[:3])) == arc(b"".join(rows))


def test_checks_have_the_values_of_the_catalogue() -> None:
    """CRC-8/SMBUS, CRC-16/UMTS and CRC-16/ARC of "123456789"."""
    assert crc8(b"123456789") == 0xF4
    assert crc16(b"123456789") == 0xFEE8
    assert crc16_of_rows(np.frombuffer(b"123456789", np.uint8)[None]) == 0xBB3D


@given(st.binary(max_size=40), st.binary(max_size=300))
def test_checks_are_moved(head: bytes, tail: bytes) -> None:
    """The check of two blocks is that of the first, moved by the second's length, plus the second's."""
    assert Moves().moved(crc16(head), len(tail)) ^ crc16(tail) == crc16(head + tail)


@given(st.integers(0, 0x10FFFF))
def test_numbers_are_coded_as_utf8(number: int) -> None:
    """Frame numbers have UTF-8's form, where that has one."""
    if not 0xD800 <= number < 0xE000:
        assert coded(number) == chr(number).encode()


@pytest.mark.parametrize(
    ("number", "data"),
    [
        (0x1F_FFFF, "f7bfbfbf"),
        (0x20_0000, "f888808080"),
        (0x3FF_FFFF, "fbbfbfbfbf"),
        (0x7FFF_FFFF, "fdbfbfbfbfbf"),
        (0xF_FFFF_FFFF, "febfbfbfbfbfbf"),
    ],
)
def test_larger_numbers_go_on_as_utf8_does(number: int, data: str) -> None:
    """Up to 36 bits in seven bytes (RFC 9639, 9.1.5)."""
    assert coded(number).hex() == data


def test_wav_has_a_plain_head(tmp_path: Path) -> None:
    """A WAV says 16 bits, two channels, 48 kHz and the number of its samples."""
    path = tmp_path / "file.wav"
    write("wav", 480_001, path)
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (2, 2, RATE, 480_001)


@pytest.mark.parametrize("kind", ["m4a", "mp3", "flac"])
def test_parts_that_do_not_belong_together_are_refused(kind: str, tmp_path: Path) -> None:
    """Parts of two bit rates, or behind a part that ended the sound, make an error."""
    codec, file = KINDS[kind]
    sounds = {"a": sound_of(7000)}
    specs = [spec_of([track("a")], lengths(sounds), Fraction(7000, RATE), rate) for rate in (96_000, 128_000)]
    parts = [codec.encode(spec, codec.parts(spec)[0], Sources(sounds)) for spec in specs]
    if kind != "m4a":
        with pytest.raises(InvalidInput):
            file.join(tmp_path / "file", specs[0], parts, check=nothing)
    with pytest.raises(InvalidInput):
        file.join(tmp_path / "file", specs[0], [parts[0][:-1]], check=nothing)


@given(samples=st.integers(1, 1_100_000), kind=st.sampled_from(["mp3", "m4a"]))
@settings(deadline=None, max_examples=12)
def test_any_length_is_kept(tmp_path_factory: pytest.TempPathFactory, samples: int, kind: str) -> None:
    """Whatever the number of samples, a decoder puts out as many."""
    path = tmp_path_factory.mktemp("any") / f"file.{kind}"
    write(kind, samples, path)
    assert len(decoded(path)) == samples
