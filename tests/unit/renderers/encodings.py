"""Everything that is encoded, many times over: `python -m tests.unit.renderers.encodings LEVEL ROUNDS`.

Prints JSON: of each thing that is encoded, the distinct hashes of what came out. A process of its own, since
what fresh memory holds (MALLOC_PERTURB_) and which sets a library uses are settled when a process starts.
"""

from __future__ import annotations

import hashlib
import platform
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from renderers import instructions
from renderers.composing.yuv import from_rgba
from renderers.h264.predicted import WHOLE, Field, KnownMotion
from renderers.h264.video import EncodedChunk, VideoSpec, encode_known, encode_moving, encode_still
from renderers.sound.mixing import RATE
from renderers.sound.tracks import AAC, FLAC, MP3, PCM, SoundCodec
from schemas.formats import FORMATS
from schemas.project import AudioTrack
from tests.unit.processors.stream import TINY, Stream
from tests.unit.processors.test_reproducible import film
from tests.unit.renderers.media import picture
from tests.unit.renderers.sounds import Sources, spec_of, track

Made = Iterator[tuple[str, bytes]]
"""Names of things that were encoded, and their bytes."""

SIZES = ((64, 64), (80, 48), (112, 80), (176, 144), (208, 112), (336, 208))
"""In macroblocks: 4 x 4, 5 x 3, 7 x 5, 11 x 9, 13 x 7, 21 x 13."""
FRAMES = 18
_SSE = "mmx+mmxext+sse+sse2+sse3+ssse3+sse4.1+sse4.2"
LESSER = (f"{_SSE}+avx+fma3+avx2", f"{_SSE}+avx", _SSE) if platform.machine() == "x86_64" else ()
"""Processors without some of this one's sets, as FFmpeg names these."""


def chunks() -> Made:
    """Every kind of chunk, at every size."""
    for width, height in SIZES:
        spec = VideoSpec(width, height, 30)
        for name, chunk in _chunks(spec):
            yield f"{name} {width}x{height}", chunk.to_bytes()


def _chunks(spec: VideoSpec) -> Iterator[tuple[str, EncodedChunk]]:
    frames = [picture(number, spec.width, spec.height) for number in range(FRAMES)]
    capped = replace(spec, max_bitrate=60_000)
    yield "still", encode_still(spec, frames[0])
    yield "capped still", encode_still(capped, frames[0])
    yield "moving", encode_moving(spec, frames, hold=False)
    yield "held", encode_moving(spec, frames, hold=True)
    yield "capped", encode_moving(capped, frames, hold=True)
    yield "smooth", encode_moving(replace(spec, fps=60), frames, hold=True)
    yield "known", encode_known(spec, frames[:9], _known(spec), hold=False)


def _known(spec: VideoSpec) -> KnownMotion:
    shape = spec.height // 16, spec.width // 16
    still = np.zeros((2, *shape), np.int64)
    field = Field(still + 5, still, np.zeros(shape, np.int64), np.full(shape, WHOLE))
    anchors = range(0, 33, 4)
    return KnownMotion(33, tuple(anchors), {number: field for number in range(33) if number % 4})


def _codec(codec: SoundCodec, *bitrates: int) -> Made:
    """A part of a mix of two sounds, on this processor and on lesser ones."""
    read = Sources({"one": _sound(), "two": _sound()[::-1]})
    for bitrate in bitrates:
        spec = spec_of(_tracks(), {"one": 2, "two": 2}, Fraction(2), bitrate)
        for names in (None, *LESSER):
            with _ffmpeg_on(names):
                yield f"{codec.name} {bitrate}", codec.encode(spec, codec.parts(spec)[0], read)


def aac() -> Made:
    """Both of the encoder's ways to search."""
    yield from _codec(AAC, 96_000, 192_000)


def mp3() -> Made:
    """A file with loss."""
    yield from _codec(MP3, 128_000)


def flac() -> Made:
    """A file without loss."""
    yield from _codec(FLAC, 0)


@contextmanager
def _ffmpeg_on(names: str | None) -> Iterator[None]:
    """Have the FFmpeg of this process believe that the processor has no more than these sets."""
    library = instructions.libavutil()
    if names is not None:
        library.av_force_cpu_flags(library.av_get_cpu_flags() & instructions.ffmpeg_flags(library, names))
    try:
        yield
    finally:
        library.av_force_cpu_flags(-1)


def _sound() -> NDArray[np.float64]:
    time = np.arange(2 * RATE) / RATE
    rng = np.random.default_rng(12)
    return 0.5 * np.sin(2 * np.pi * (200 + 900 * time) * time) + rng.normal(0, 0.03, time.size)


def _tracks() -> list[AudioTrack]:
    """One ducks the other, and both are louder than may be."""
    one = track("one", fadeIn=0.5, volume=1.7)
    return [one, track("two", start=0.4, volume=1.5, duck={"by": "one", "amount": 9})]


def mix() -> Made:
    """The samples of that mix, with limiter and ducking at work."""
    yield from _codec(PCM, 0)


ENCODERS: dict[str, Callable[[], Made]] = {
    "libx264": chunks,
    "aac": aac,
    "libmp3lame": mp3,
    "flac": flac,
}
"""Each encoder that is used, by FFmpeg's name."""


def exports() -> Made:
    """Every format, whole."""
    for kind in FORMATS:
        with tempfile.TemporaryDirectory() as folder:
            stream = Stream(Path(folder))
            stream.export("job", film(), kind, settings=TINY)
            yield f"export {kind}", stream.file("job")


def converted() -> Made:
    """What swscale makes of a picture: it is not given its sets, since it makes no difference."""
    rgba = np.random.default_rng(3).integers(0, 256, (90, 162, 4), np.uint8)
    for names in (None, *LESSER):
        with _ffmpeg_on(names):
            yield "converted", from_rgba(rgba).tobytes()


def main(level: str, rounds: str) -> None:
    """Encode it all; exports once, since they take longest."""
    instructions.restrict(level)
    found: defaultdict[str, set[str]] = defaultdict(set)
    ways = [*ENCODERS.values(), mix, converted]
    for way in [exports, *ways * int(rounds)]:
        for name, data in way():
            found[name].add(hashlib.sha256(data).hexdigest())
    sys.stdout.buffer.write(orjson.dumps({name: sorted(hashes) for name, hashes in found.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
