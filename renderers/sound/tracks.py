"""A mix in parts of about ten seconds: their names, and how each codec encodes one.

A part's name holds what is heard in it and in the samples around it that its encoder, the limiter and the
gates of ducking look at, and not where it lies. So a changed second gives new names to the parts it touches,
at most 1.7 s away from it, and to no others; and parts that sound alike are made once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from renderers import ENGINE_VERSION
from renderers.sound import aac, flac, mp3, pcm
from renderers.sound.aac import Samples
from renderers.sound.mix import Read, mix_window
from renderers.sound.mixing import RATE, SoundSpec
from renderers.sound.windows import Window, window_of
from schemas.checks import nothing
from schemas.errors import InvalidInput
from schemas.hashing import content_hash
from schemas.parts import SoundPart

PART_S = 10
"""Seconds of a part; it is the next whole number of frames, so that round lengths leave no rest."""

Check = Callable[[], None]


@dataclass(frozen=True)
class SoundCodec:
    """How mixes become parts that join without a seam.

    version: raised with each change of its bytes. frame: samples that are encoded together. preroll,
    look_ahead: samples that the encoder has to see before and after those of a part. encode_samples: makes a
    part at rest of all these, of the number of its own, the rate, the bits a second, and whether it ends the
    sound.
    """

    name: str
    version: str
    frame: int
    encode_samples: Callable[[Samples, int, int, int, bool, Check], bytes]
    preroll: Callable[[int], int] = lambda bitrate: 0
    look_ahead: int = 0

    @property
    def part(self) -> int:
        """Samples of every part but the last."""
        return -(-PART_S * RATE // self.frame) * self.frame

    def parts(self, mix: SoundSpec) -> Sequence[SoundPart]:
        """All parts of a mix, in order. Raises InvalidInput for one without a sample."""
        if mix.samples < 1:
            raise InvalidInput(
                "no_sound",
                "Nothing is left to be heard: each track is trimmed beyond its end.",
                path="audio[0].trimStart",
            )
        found = []
        for first in range(0, mix.samples, self.part):
            samples = min(self.part, mix.samples - first)
            encoding = samples, mix.rate, mix.bitrate, first + samples == mix.samples
            window = self._window(mix, first, samples).canonical()
            key = content_hash("sound", self.name, self.version, encoding, window, ENGINE_VERSION)
            found.append(SoundPart(key=key, first=first, samples=samples))
        return found

    def encode(self, mix: SoundSpec, part: SoundPart, read: Read, *, check: Check = nothing) -> bytes:
        """A part at rest. read: samples of sources. check: called every half second at least; may raise."""
        encoding = part.samples, mix.rate, mix.bitrate, part.first + part.samples == mix.samples
        sound = mix_window(self._window(mix, part.first, part.samples), read, check)
        check()
        if not sound.any():
            return _silence(self, len(sound), *encoding)
        return self.encode_samples(sound, *encoding, check)

    def _window(self, mix: SoundSpec, first: int, samples: int) -> Window:
        preroll = self.preroll(mix.bitrate)
        return window_of(mix, first - preroll, preroll + samples + self.look_ahead)


@lru_cache(maxsize=32)
def _silence(codec: SoundCodec, seen: int, samples: int, rate: int, bitrate: int, is_last: bool) -> bytes:
    """A part in which nothing is heard: encoded once in a process."""
    return codec.encode_samples(np.zeros((seen, 2), np.float32), samples, rate, bitrate, is_last, nothing)


def _pcm(sound: Samples, samples: int, rate: int, bitrate: int, is_last: bool, check: Check) -> bytes:
    return pcm.sixteen_bits(sound).tobytes()


AAC = SoundCodec("aac", "1", aac.FRAME, aac.encode_part, aac.preroll, aac.LOOK_AHEAD)
MP3 = SoundCodec("mp3", "1", mp3.FRAME, mp3.encode_part, lambda bitrate: mp3.PREROLL, mp3.LOOK_AHEAD)
FLAC = SoundCodec("flac", "1", flac.FRAME, flac.encode_part)
PCM = SoundCodec("pcm", "1", 1, _pcm)
