"""Small pictures and sounds, made on the spot, and finished files taken apart again."""

from __future__ import annotations

import base64
import io
import math
import struct
import wave
import zlib
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class Film:
    """What a file holds: pictures as RGB arrays (height, width, 3), and how many samples of sound."""

    frames: list[NDArray[np.uint8]]
    fps: float
    seconds: float
    samples: int
    sample_rate: int
    codecs: tuple[str, ...]


def decode(path: Path, *, keep: bool = True) -> Film:
    """The whole file, decoded so that any damage raises (libavcodec's err_detect=explode).

    keep: whether the pictures are kept; without, `frames` has empty arrays to be counted.
    """
    frames: list[NDArray[np.uint8]] = []
    samples = rate = 0
    fps = seconds = 0.0
    with av.open(str(path), options={"err_detect": "explode"}) as container:
        codecs = tuple(stream.codec_context.name for stream in container.streams)
        if container.duration is not None:
            seconds = container.duration / av.time_base
        for stream in container.streams:
            stream.codec_context.options = {"err_detect": "explode"}
        for packet in container.demux():
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    fps = float(packet.stream.average_rate or 0)
                    empty = np.empty((0, 0, 3), np.uint8)
                    frames.append(frame.to_ndarray(format="rgb24").astype(np.uint8) if keep else empty)
                elif isinstance(frame, av.AudioFrame):
                    samples += frame.samples
                    rate = frame.sample_rate
    return Film(frames, fps, seconds, samples, rate, codecs)


def tone(seconds: float = 1.0, hertz: float = 440.0, rate: int = 8000, channels: int = 1) -> bytes:
    """A WAV of 16 bit with a sine at half of full scale."""
    beat = [round(16000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(round(seconds * rate))]
    with io.BytesIO() as file:
        with wave.open(file, "wb") as sound:
            sound.setparams((channels, 2, rate, 0, "NONE", ""))
            sound.writeframes(b"".join(struct.pack("<h", value) * channels for value in beat))
        return file.getvalue()


def picture(width: int = 64, height: int = 48, kind: str = "PNG") -> bytes:
    """A picture with a gradient in it."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([across, down, 255 - across], axis=-1).astype(np.uint8)
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, kind)
        return file.getvalue()


def huge_png(side: int = 30_000) -> bytes:
    """A valid PNG of `side` x `side` black pixels in some 100 kB: 1 bit each, deflated zeros."""
    row = bytes(1 + (side + 7) // 8)
    squeeze = zlib.compressobj(6)
    body = b"".join(squeeze.compress(row * 1000) for _ in range(side // 1000)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def inline(data: bytes, kind: str) -> str:
    """The `data:` address of some bytes."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
