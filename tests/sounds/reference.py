"""A file's sound as FFmpeg's program decodes it with time stamps obeyed, and how far ours is from that."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import av
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from renderers.foreign.placing import origin_of
from renderers.foreign.samples import write_samples
from renderers.foreign.sound import normal_sound
from renderers.sound.packets import RATE
from schemas.errors import InvalidInput

Heard = NDArray[np.float32]
"""Shape (samples, 2) at 48 kHz."""


_END = 2400
"""Samples of the end that are not compared: what a decoder makes of half a packet differs by version."""


class Difference(NamedTuple):
    """samples: how much longer ours is. shift: how many samples later it lies. error: of the level, in dB."""

    samples: int
    shift: int
    error: float


def reference(path: Path) -> Heard | None:
    """What FFmpeg hears, gaps and a late beginning as silence; None where it hears nothing."""
    late, channels = _look(path)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "quiet", *(["-copyts"] if late else [])]
    command += ["-i", f"file:{path}", "-map", "0:a:0"]
    command += ["-af", "aresample=async=1:first_pts=0:min_hard_comp=0.04"]
    command += ["-ac", str(channels), "-ar", str(RATE), "-f", "f32le", "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    size = 4 * channels
    heard = np.frombuffer(done.stdout[: len(done.stdout) // size * size], "<f4").reshape(-1, channels)
    # Mono is heard on both sides as it is; FFmpeg would make it 3 dB lower.
    return np.repeat(heard, 2 // channels, axis=1) if len(heard) else None


def _look(path: Path) -> tuple[bool, int]:
    """Whether the file's clock begins at 0, whatever its first time stamp is; and 1 for mono, else 2."""
    with suppress(av.FFmpegError, ValueError), av.open(f"file:{path}") as container:
        is_late = container.format.name.startswith(("mov", "matroska")) and origin_of(container) == 0
        context = container.streams.audio[0].codec_context if container.streams.audio else None
        return is_late, 1 if context is not None and context.channels == 1 else 2
    return False, 2


def ours(path: Path) -> Heard:
    """What an export hears. Raises InvalidInput."""
    with tempfile.TemporaryDirectory() as folder:
        normal, out = Path(folder) / "normal", Path(folder) / "samples"
        samples = normal_sound(str(path), str(normal))["samples"]
        write_samples(str(normal), str(out), 0, samples)
        return np.frombuffer(out.read_bytes(), "<f4").reshape(-1, 2)


def difference(ours_: Heard, theirs: Heard) -> Difference:
    """Compared where both are, less that shift, which is found by the correlation of the left sides."""
    a, b = (np.nan_to_num(sound).clip(-2, 2) for sound in (ours_, theirs))
    size = min(len(a), len(b))
    shift = _shift(a[:size, 0], b[:size, 0])
    a, b = a[max(0, shift) :], b[max(0, -shift) :]
    size = max(1, min(len(a), len(b)) - _END)
    a, b = a[:size], b[:size]
    level = max(1e-4, float(np.sqrt(np.mean(np.square(b, dtype=np.float64)))))
    error = float(np.sqrt(np.mean(np.square(a - b, dtype=np.float64))))
    return Difference(len(ours_) - len(theirs), shift, 20 * float(np.log10(max(error / level, 1e-9))))


def _shift(a: NDArray[np.float32], b: NDArray[np.float32]) -> int:
    size = 1 << (2 * max(len(a), 1)).bit_length()
    found = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    at = int(np.argmax(found))
    return at if at < size // 2 else at - size


__all__ = ["Difference", "Heard", "InvalidInput", "difference", "ours", "reference"]
