"""Stretches of sound sources, read by range."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from connectors.store.memory import MemoryStore
from processors.sources import SoundReader
from schemas.checks import nothing
from schemas.errors import InvalidInput
from schemas.plan import Asset
from tests.unit.processors.stream import InProcessDecoder

SECONDS = 13
KINDS: dict[str, tuple[str, str, int]] = {
    "wav": ("pcm_s16le", "s16", 44_100),
    "mp3": ("libmp3lame", "fltp", 44_100),
    "mp4": ("aac", "fltp", 48_000),
    "flac": ("flac", "s16", 32_000),
    "ogg": ("libopus", "flt", 48_000),
}
"""Containers, encoders, their samples, and their rate."""


def encoded(kind: str) -> bytes:
    """Noise under a swelling tone, stereo."""
    codec, form, rate = KINDS[kind]
    time = np.arange(SECONDS * rate) / rate
    tone = 0.4 * np.sin(2 * np.pi * (200 + 40 * time) * time)
    noise = np.random.default_rng(3).normal(0, 0.02, (len(time), 2))
    sound = (tone[:, None] + noise).astype(np.float32)
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as output:
        stream: Any = output.add_stream(codec, rate=rate, layout="stereo")
        stream.codec_context.format = form
        data = (sound * 32767).astype("<i2") if form == "s16" else sound
        planes = data.T if form == "fltp" else data.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), format=form, layout="stereo")
        frame.sample_rate, frame.pts = rate, 0
        fifo = av.AudioFifo()
        fifo.write(frame)
        stream.codec_context.open()
        while (piece := fifo.read(stream.codec_context.frame_size or 4096, partial=True)) is not None:
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return file.getvalue()


class Counting(InProcessDecoder):
    """A decoder that counts what it is asked for."""

    def __init__(self) -> None:
        self.samples = 0

    def run(self, job: Mapping[str, Any], check: Callable[[], None] = nothing) -> dict[str, Any]:
        """As in the sandbox."""
        self.samples += job.get("count", 0)
        return super().run(job, check)


class Source:
    """A sound in a store."""

    def __init__(self, kind: str, folder: Path) -> None:
        path, out = folder / f"sound.{kind}", folder / "normal"
        path.write_bytes(encoded(kind))
        self.decoder, self.folder, self.store = Counting(), folder, MemoryStore()
        answer = self.decoder.run({"op": "audio", "path": str(path), "out": str(out)})
        self.samples: int = answer["samples"]
        self.store.put("normal", out.read_bytes())
        self.asset = Asset(
            src="a", kind="audio", sha256="x", size=1, fingerprint="x", key="k", normal_key="normal"
        )

    def reader(self) -> SoundReader:
        """A reader that has not read anything yet."""
        return SoundReader(self.store, self.decoder, self.folder)


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """A sound of each kind."""
    return Source(request.param, tmp_path)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(-50_000, 700_000), st.integers(1, 200_000)), max_size=4))
def test_any_stretch_is_that_of_the_whole(source: Source, stretches: list[tuple[int, int]]) -> None:
    """To the bit, whatever was read before, and silence beyond the ends."""
    margin = 100_000
    whole = np.zeros((source.samples + 1_000_000, 2), np.float32)
    whole[margin : margin + source.samples] = source.reader().read(source.asset, 0, source.samples)
    reader = source.reader()
    for first, count in stretches:
        heard = reader.read(source.asset, first, count)
        assert np.array_equal(heard, whole[margin + first : margin + first + count])
    assert level(whole[margin + 48_000 : margin + 96_000]) == pytest.approx(0.4, abs=0.1)


def level(sound: NDArray[np.float32]) -> float:
    """The level of the tone."""
    return float(np.sqrt(2 * np.mean(np.square(sound, dtype=np.float64))))


def test_what_was_read_is_kept(tmp_path: Path) -> None:
    """Stretches that overlap, as those of parts and of loops do, are decoded once."""
    source = Source("wav", tmp_path)
    reader = source.reader()
    for first in (0, 240_000, 100_000, 480_000, 3):
        reader.read(source.asset, first, 130_000)
    assert source.decoder.samples <= source.samples


def test_only_what_is_needed_is_decoded(tmp_path: Path) -> None:
    """A second in the middle of a source costs seconds, not the source."""
    source = Source("mp3", tmp_path)
    source.reader().read(source.asset, 6 * 48_000, 48_000)
    assert 0 < source.decoder.samples <= 8 * 48_000


def test_a_sound_that_was_not_decoded_is_an_error(tmp_path: Path) -> None:
    """An asset without a normal form cannot be read."""
    source = Source("wav", tmp_path)
    with pytest.raises(InvalidInput, match="not decoded"):
        source.reader().read(source.asset.model_copy(update={"normal_key": None}), 0, 1)
