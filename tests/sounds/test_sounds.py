"""Sounds of many containers and codecs, as FFmpeg hears them, whole and in parts."""

from __future__ import annotations

from pathlib import Path
from random import Random

import av
import numpy as np
import pytest

from connectors.store.memory import MemoryStore
from processors.sources import SoundReader
from renderers.foreign.sound import normal_sound
from schemas.errors import InvalidInput
from schemas.plan import Asset
from tests.sounds.making import Kind, write
from tests.sounds.reference import difference, ours, reference
from tests.sounds.variants import VARIANTS, judged, remuxed
from tests.unit.processors.stream import InProcessDecoder

SECONDS = 2.0
PAIRS = (
    "wav pcm_s16le", "wav adpcm_ms", "wav pcm_s64le", "aiff pcm_s16be", "mp3 libmp3lame", "adts aac",
    "mp4 aac", "mov alac", "mp4 eac3",
    "matroska libvorbis", "webm libopus", "ogg libvorbis", "ogg libopus", "flac flac",
    "mpegts aac", "mpegts mp2", "flv aac", "asf wmav2", "avi libmp3lame", "ac3 ac3", "tta tta", "nut libopus",
    "amr libopencore_amrnb",
)  # fmt: skip
"""One or more of each container and each codec that people have."""
NOT_CUT = ("mp4 aac", "mov alac", "mp4 eac3")
"""Their index comes last: without it neither we nor FFmpeg hear anything, nor of AIFF without a length."""


def _file(pair: str, folder: Path, seconds: float = SECONDS, channels: int = 0) -> Path:
    path = folder / "file"
    assert write(Kind(*pair.split()), path, seconds, channels) is not None
    return path


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("pair", PAIRS)
def test_sounds_are_heard_as_ffmpeg_hears_them(pair: str, variant: str, tmp_path: Path) -> None:
    """As long, at their place in time and with the same content; whole ones to the sample."""
    path = _file(pair, tmp_path)
    changed = VARIANTS[variant](Kind(*pair.split()), path.read_bytes(), tmp_path)
    if changed is None:
        pytest.skip("FFmpeg does not write this container to a pipe")
    path.write_bytes(changed)
    verdict = judged(path, SECONDS if variant == "whole" else None, damaged=variant == "damaged")
    deaf = pair in NOT_CUT if variant == "cut" else variant != "whole" and pair.startswith("aiff")
    assert verdict.word in ("alike", *(("refused by both",) if deaf else ())), verdict


@pytest.mark.parametrize("pair", ["matroska flac", "mp4 aac", "matroska libvorbis", "wav pcm_f32le"])
def test_eight_channels_are_mixed_down_as_ffmpeg_does(pair: str, tmp_path: Path) -> None:
    """Each of them is read from its own samples, and from nowhere else."""
    path = _file(pair, tmp_path, channels=8)
    theirs = reference(path)
    assert theirs is not None
    found = difference(ours(path), theirs)
    assert abs(found.samples) <= 1024
    assert found.shift == 0
    assert found.error < -40


def test_time_stamps_of_wma_may_be_those_of_the_frame_before(tmp_path: Path) -> None:
    """Its packets begin with the end of another frame: stamps that are 60 ms late leave no silence."""
    path, moved = _file("asf wmav2", tmp_path), tmp_path / "moved"
    with av.open(str(path)) as source, av.open(str(moved), "w", format="asf") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for number, packet in enumerate(source.demux(source.streams.audio[0])):
            if packet.pts is not None:
                packet.pts = packet.dts = packet.pts + 60 * (number >= 10)
                packet.stream = stream
                target.mux(packet)
    found = difference(ours(moved), ours(path))
    assert (found.samples, found.shift) == (0, 0)
    assert found.error < -60


def test_a_clock_that_begins_before_zero_loses_nothing(tmp_path: Path) -> None:
    """What lies before 0 by its time stamps is heard, as FFmpeg plays it."""
    kind = Kind("ogg", "libopus")
    early = remuxed("-output_ts_offset", "-0.5", "-avoid_negative_ts", "disabled")
    path = _file("ogg libopus", tmp_path)
    changed = early(kind, path.read_bytes(), tmp_path)
    assert changed is not None
    path.write_bytes(changed)
    assert judged(path).word == "alike"


def test_a_codec_without_a_decoder_is_named(tmp_path: Path) -> None:
    """A sound whose codec nobody knows is refused with a sentence."""
    data = _file("mov pcm_s16be", tmp_path).read_bytes()
    (tmp_path / "file").write_bytes(data.replace(b"twos", b"zzzz"))
    with pytest.raises(InvalidInput) as caught:
        normal_sound(str(tmp_path / "file"), str(tmp_path / "normal"))
    assert caught.value.code == "unsupported_audio"


@pytest.mark.parametrize(
    ("pair", "variant"),
    [
        ("webm libopus", "late"), ("ogg libopus", "whole"), ("matroska libvorbis", "damaged"),
        ("mp4 aac", "damaged"), ("ac3 ac3", "whole"),
        ("mpegts mp2", "damaged"), ("asf wmav2", "whole"), ("mov alac", "whole"),
        ("wav adpcm_ms", "whole"), ("nut libopus", "whole"), ("amr libopencore_amrnb", "whole"),
        ("adts aac", "cut"),
    ],
)  # fmt: skip
def test_parts_are_those_of_the_whole(pair: str, variant: str, tmp_path: Path) -> None:
    """Read from any position, to the bit: of every codec, with gaps and late beginnings."""
    path, out = _file(pair, tmp_path, 6.0), tmp_path / "normal"
    changed = VARIANTS[variant](Kind(*pair.split()), path.read_bytes(), tmp_path)
    assert changed is not None
    path.write_bytes(changed)
    samples = normal_sound(str(path), str(out))["samples"]
    store = MemoryStore()
    store.put("normal", out.read_bytes())
    asset = Asset(src="a", kind="audio", sha256="x", size=1, fingerprint="x", key="k", normal_key="normal")

    def reader() -> SoundReader:
        return SoundReader(store, InProcessDecoder(), tmp_path)

    whole = reader().read(asset, 0, samples)
    assert np.abs(whole).max() > 0.1
    direct = ours(path)
    assert np.array_equal(whole, direct)
    random = Random(pair)
    for _ in range(12):
        first = random.randrange(samples)
        count = random.randint(1, samples - first)
        answer = {
            "op": "samples",
            "path": str(out),
            "out": str(tmp_path / "part"),
            "first": first,
            "count": count,
        }
        InProcessDecoder().run(answer, lambda: None)
        part = np.frombuffer((tmp_path / "part").read_bytes(), "<f4").reshape(-1, 2)
        assert np.array_equal(part, whole[first : first + count]), (first, count)
        assert np.array_equal(reader().read(asset, first, count), part)
