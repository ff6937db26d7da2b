"""Sound through an encoder of FFmpeg's library, one frame at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import av
import numpy as np

from renderers import instructions
from renderers._arrays import NDArray

_FLAGS = 1 << 22 | 1 << 23  # AV_CODEC_FLAG_GLOBAL_HEADER; BITEXACT: no version of the encoder inside
_CHECKED = 24  # frames: less than half a second of work


def packets(
    context: av.AudioCodecContext, rate: int, sound: NDArray[Any], frame: int, check: Callable[[], None]
) -> tuple[list[bytes], bytes]:
    """All packets of a sound, and the encoder's extradata when it has seen it all.

    context: not opened, with its own options. sound: shape (n, 2); floats or 16-bit integers, as the encoder
    takes them. frame: samples of each frame but the last. check: called every half second at least; may
    raise.
    """
    is_planar = sound.dtype == np.float32
    kind = "fltp" if is_planar else "s16"
    context.sample_rate, context.layout, context.format = rate, "stereo", kind
    context.flags |= _FLAGS
    with instructions.in_ffmpeg():
        context.open()
    found: list[av.Packet[Any]] = []
    for number, start in enumerate(range(0, len(sound), frame)):
        if number % _CHECKED == 0:
            check()
        block = sound[start : start + frame]
        data = np.ascontiguousarray(block.T if is_planar else block.reshape(1, -1))
        samples = av.AudioFrame.from_ndarray(data, format=kind, layout="stereo")
        samples.sample_rate, samples.pts = rate, start
        found += context.encode(samples)
    found += context.encode(None)
    # FLAC's encoder ends with a packet that has nothing but its new extradata.
    return [bytes(packet) for packet in found if packet.size], bytes(context.extradata or b"")


def framed(sound: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """Sound of exactly so many samples: cut, or with silence at its end."""
    if len(sound) >= samples:
        return sound[:samples]
    return np.concatenate([sound, np.zeros((samples - len(sound), 2), np.float32)])
