"""Sounds behind bytes that are not their format's, and with channels that no layout names."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.sounds.making import RATE, Kind, tones, write
from tests.sounds.reference import difference, ours
from tests.sounds.variants import judged

ID3 = b"ID3\x04\0\0\0\0\x02\x00" + bytes(256)
JUNK = (
    bytes(500),
    b"APETAGEX" + struct.pack("<4I", 2000, 32, 0, 1 << 31) + bytes(8),
    b"Recorded on a phone.\r\n",
    ID3,
)
ATOMS = (b"free", b"wide", b"skip", b"styp")


def _same(folder: Path, pair: str, before: bytes) -> None:
    path = folder / "file"
    assert write(Kind(*pair.split()), path, 1.0) is not None
    plain = ours(path)
    path.write_bytes(before + path.read_bytes())
    found = difference(ours(path), plain)
    assert abs(found.samples) <= 1152
    assert found.error < -60


@pytest.mark.parametrize(
    "pair", ["wav pcm_s16le", "adts aac", "flac flac", "aiff pcm_s16be", "mp3 libmp3lame"]
)
def test_a_tag_comes_before_any_format(pair: str, tmp_path: Path) -> None:
    """ID3 before WAV, ADTS, FLAC and AIFF is skipped, as before MP3."""
    _same(tmp_path, pair, ID3)


@pytest.mark.parametrize("junk", JUNK)
def test_foreign_bytes_before_an_mp3_are_skipped(junk: bytes, tmp_path: Path) -> None:
    """Zeros, tags of another kind and a line of text: as FFmpeg hears it, with the encoder's delay."""
    path = tmp_path / "file"
    assert write(Kind("mp3", "libmp3lame"), path, 1.0) is not None
    path.write_bytes(junk + path.read_bytes())
    assert judged(path).word == "alike"


@pytest.mark.parametrize("atom", ATOMS)
def test_any_atom_may_come_first(atom: bytes, tmp_path: Path) -> None:
    """QuickTime files need not begin with `ftyp`."""
    _same(tmp_path, "ismv aac", struct.pack(">I", 16) + atom + bytes(8))


@pytest.mark.parametrize("channels", [9, 11, 13, 16, 24])
def test_any_number_of_channels_is_heard(channels: int, tmp_path: Path) -> None:
    """A WAV whose channels have no names gives their mean, on both sides."""
    sound = (tones(0.3, RATE, channels) * 32767).astype("<i2")
    size = 2 * channels
    form = struct.pack("<HHIIHHHHI", 0xFFFE, channels, RATE, RATE * size, size, 16, 22, 16, 0)
    form += bytes.fromhex("0100000000001000800000aa00389b71")
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", sound.nbytes)
    path = tmp_path / "file"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + sound.nbytes) + body + sound.tobytes())
    heard = ours(path)
    mean = sound.mean(axis=1) / 32768
    assert abs(heard[:, 0] - mean).max() < 0.001
    assert (heard[:, 0] == heard[:, 1]).all()
