"""Sound as it is, 16 bits a sample, and WAV."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from renderers._arrays import NDArray
from renderers.sound.aac import Samples


def sixteen_bits(sound: Samples) -> NDArray[np.int16]:
    """Samples of full scale ±1 as whole numbers, rounded to the nearest; the same shape."""
    whole = np.rint(np.clip(sound, -1.0, 1.0) * 32_768.0)
    samples: NDArray[np.int16] = np.minimum(whole, 32_767).astype("<i2")
    return samples


def write_wav(path: Path, pcm: Iterable[bytes], rate: int) -> None:
    """A WAV of stereo sound of 16 bits (RIFF, Multimedia Programming Interface 1.0, 1991)."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        for block in pcm:
            file.writeframesraw(block)
