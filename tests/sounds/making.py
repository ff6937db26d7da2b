"""Files of every container and codec that FFmpeg writes: by its library, or by the program for the rest."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import av
import imageio_ffmpeg
import numpy as np
from av.codec.codec import Codec, codecs_available
from av.format import formats_available
from numpy.typing import NDArray

Sound = NDArray[np.float32]
"""Shape (samples, channels), full scale ±1."""
RATE = 48_000


class Kind(NamedTuple):
    """A muxer and an encoder of FFmpeg."""

    muxer: str
    encoder: str


NO_FILES = frozenset(
    [
        "alsa",
        "caca",
        "chromaprint",
        "crc",
        "dash",
        "decklink",
        "fbdev",
        "fifo",
        "fifo_test",
        "ffmetadata",
        "framecrc",
        "framehash",
        "framemd5",
        "hash",
        "hds",
        "hls",
        "image2",
        "image2pipe",
        "md5",
        "null",
        "opengl",
        "oss",
        "pulse",
        "rtp",
        "rtp_mpegts",
        "rtsp",
        "sap",
        "sdl",
        "sdl2",
        "sdp",
        "segment",
        "smoothstreaming",
        "ssegment",
        "stream_segment",
        "streamhash",
        "tee",
        "uncodedframecrc",
        "v4l2",
        "v4l2,video4linux2",
        "video4linux2",
        "webm_dash_manifest",
        "xv",
        "whip",
        "dnn",
    ]
)
"""Muxers of devices, checks, lists and networks: what they write is no file of sound."""


def tones(seconds: float, rate: int = RATE, channels: int = 2) -> Sound:
    """A chirp that is nowhere like itself, lower on the right, with pauses: any shift can be found."""
    time = np.arange(round(seconds * rate)) / rate
    swell = 0.25 + 0.2 * np.sin(2 * np.pi * 1.7 * time)
    sides = [
        swell * np.sin(2 * np.pi * (300 + 40 * side + (180 - 20 * side) * time) * time)
        for side in range(channels)
    ]
    return np.stack(sides, 1).astype(np.float32)


@cache
def encoders() -> tuple[str, ...]:
    """Encoders of sound, of the library and of the program."""
    found = {name for name in codecs_available if _is_encoder(name)}
    found |= set(re.findall(r"^ A\S{5} (\S+)", _listed("-encoders"), re.MULTILINE)) - {"="}
    return tuple(sorted(found))


@cache
def muxers() -> tuple[str, ...]:
    """Muxers that write files."""
    found = {name for name in formats_available if av.ContainerFormat(name, None).is_output}
    found |= set(re.findall(r"^ +D?E +(\S+)", _listed("-muxers"), re.MULTILINE)) - {"="}
    return tuple(sorted(found - NO_FILES))


@cache
def _listed(option: str) -> str:
    return subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", option], capture_output=True, check=True, text=True
    ).stdout


@cache
def _is_encoder(name: str) -> bool:
    with suppress(ValueError):
        return Codec(name, "w").type == "audio"
    return False


def kinds() -> Iterator[Kind]:
    """Every pair that may be tried; most are refused."""
    for muxer in muxers():
        for encoder in encoders():
            yield Kind(muxer, encoder)


FORMS = ((48_000, 2), (44_100, 2), (16_000, 1), (8_000, 1))
"""Rates and channels, of which a file has the first that its encoder and its muxer take."""


def write(kind: Kind, path: Path, seconds: float, channels: int = 0) -> tuple[int, int] | None:
    """Write `tones` to a file; its rate and channels, or None where FFmpeg refuses."""
    forms = [(rate, channels) for rate, _ in FORMS] if channels else FORMS
    by_library = kind.muxer in formats_available and _is_encoder(kind.encoder)
    for rate, sides in forms:
        path.unlink(missing_ok=True)
        try:
            (_write if by_library else _write_by_program)(kind, path, tones(seconds, rate, sides), rate)
        except (av.FFmpegError, ValueError, NotImplementedError, RuntimeError, subprocess.SubprocessError):
            continue
        if path.exists() and path.stat().st_size > 64:
            return rate, sides
    return None


def _write(kind: Kind, path: Path, sound: Sound, rate: int) -> None:
    layout = {1: "mono", 2: "stereo", 6: "5.1"}.get(sound.shape[1], f"{sound.shape[1]} channels")
    with av.open(str(path), "w", format=kind.muxer) as file:
        stream: Any = file.add_stream(kind.encoder, rate=rate, layout=layout, options={"strict": "-2"})
        stream.time_base = Fraction(1, rate)
        form = (Codec(kind.encoder, "w").audio_formats or [av.AudioFormat("s16")])[0]
        stream.codec_context.format = form
        file.start_encoding()
        fifo = av.AudioFifo()
        resampler = av.AudioResampler(form, layout, rate)
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, None, Fraction(1, rate)
        for made in [*resampler.resample(frame), *resampler.resample(None)]:
            made.pts = None
            fifo.write(made)
        at = 0
        while (piece := fifo.read(stream.codec_context.frame_size or 1024, partial=True)) is not None:
            piece.pts, piece.time_base = at, Fraction(1, rate)
            at += piece.samples
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))


def _write_by_program(kind: Kind, path: Path, sound: Sound, rate: int) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", "-f", "f32le"]
    command += ["-ar", str(rate), "-ac", str(sound.shape[1]), "-i", "pipe:0", "-c:a", kind.encoder]
    command += ["-strict", "-2", "-f", kind.muxer, str(path)]
    subprocess.run(command, input=sound.tobytes(), capture_output=True, check=True)
