"""Files of sound alone by FFmpeg's encoders and muxers, in memory: MP3 and FLAC; and WAV as it is."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np

from renderers import instructions
from renderers.sound.aac import Samples

BLOCK = 4608
"""Samples that an encoder is given at a time: whole frames of MP3, and one of FLAC."""


def mp3(blocks: Iterable[Samples], rate: int, bitrate: int) -> bytes:
    """An MP3 of stereo sound at `bitrate` bit/s; its head says what a decoder adds at both ends."""
    file = io.BytesIO()
    with _opened(file, "mp3") as output:
        stream = output.add_stream("libmp3lame", rate=rate, layout="stereo")
        stream.codec_context.bit_rate = bitrate
        stream.codec_context.format = "fltp"
        _encode(output, stream, blocks, rate, "fltp")
    return file.getvalue()


def flac(blocks: Iterable[Samples], rate: int) -> bytes:
    """A FLAC of stereo sound, 16 bits a sample."""
    file = io.BytesIO()
    with _opened(file, "flac") as output:
        stream = output.add_stream("flac", rate=rate, layout="stereo")
        stream.codec_context.format = "s16"
        _encode(output, stream, blocks, rate, "s16")
    return file.getvalue()


def _opened(file: io.BytesIO, kind: str) -> Any:
    return av.open(file, "w", format=kind, options={"fflags": "+bitexact"})


def _encode(output: Any, stream: Any, blocks: Iterable[Samples], rate: int, sample_format: str) -> None:
    stream.codec_context.flags |= 1 << 23  # AV_CODEC_FLAG_BITEXACT: no version of the encoder inside
    with instructions.in_ffmpeg():
        stream.codec_context.open()
    at = 0
    for block in blocks_of(blocks, BLOCK):
        data: Any = sixteen_bits(block).reshape(1, -1) if sample_format == "s16" else block.T
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=sample_format, layout="stereo")
        frame.sample_rate, frame.pts = rate, at
        at += len(block)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def blocks_of(blocks: Iterable[Samples], size: int) -> Iterable[Samples]:
    """The same sound in blocks of `size` samples; the last may be shorter."""
    held: list[Samples] = []
    available = 0
    for block in blocks:
        held.append(block)
        available += len(block)
        if available >= size:
            sound = np.concatenate(held)
            whole = available - available % size
            yield from (sound[start : start + size] for start in range(0, whole, size))
            held, available = [sound[whole:]], available - whole
    if available:
        yield np.concatenate(held)


def sixteen_bits(sound: Samples) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    """Samples of full scale ±1 as whole numbers, rounded to the nearest."""
    whole = np.rint(np.clip(sound, -1.0, 1.0) * 32_768.0)
    samples: np.ndarray[tuple[int, ...], np.dtype[np.int16]] = np.minimum(whole, 32_767).astype("<i2")
    return samples


def write_wav(path: Path, pcm: Iterable[bytes], rate: int) -> None:
    """A WAV of stereo sound of 16 bits (RIFF, Multimedia Programming Interface 1.0, 1991)."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        for block in pcm:
            file.writeframesraw(block)
