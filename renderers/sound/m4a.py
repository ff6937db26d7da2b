"""AAC as a track of an MP4 file, alone in one or beside pictures."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from renderers.containers import mp4
from renderers.containers.body import body
from renderers.containers.boxes import Numbers
from renderers.containers.entries import mp4a
from renderers.containers.tracks import Edit, Track
from renderers.sound.aac import FRAME, EncodedAudio, alike
from schemas.errors import InvalidInput

M4A = (b"M4A ", b"M4A ", b"isom", b"iso2")
"""Brands of a file with nothing but sound."""

_CHANNELS = 2
_ROLL = -1
"""A packet is right when the one before it was decoded: each holds the overlap of two frames."""


class SoundFormat(NamedTuple):
    """All that a track's head says of its sound: `EncodedAudio` without the packets, and their number."""

    extradata: bytes
    sample_rate: int
    priming: int
    samples: int
    packets: int

    @classmethod
    def of(cls, audio: EncodedAudio) -> SoundFormat:
        """That of encoded sound. Raises InvalidInput where it is no AAC-LC in stereo of its own rate."""
        found = cls(audio.extradata, audio.sample_rate, audio.priming, audio.samples, len(audio.packets))
        if audio.extradata[:2] != specific_config(audio.sample_rate)[:2]:
            raise InvalidInput("broken_sound", "The sound was encoded by another version of the encoder.")
        return found


_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


def specific_config(sample_rate: int) -> bytes:
    """The AudioSpecificConfig of AAC-LC in stereo, its head (ISO/IEC 14496-3, 1.6.2.1)."""
    return (2 << 11 | _RATES.index(sample_rate) << 7 | _CHANNELS << 3).to_bytes(2, "big")


def sound_track(sound: SoundFormat, sizes: Numbers, *, tells_rates: bool = True) -> Track:
    """The track of AAC packets of so many bytes; its priming is cut off by the edit list.

    tells_rates: see `entries.mp4a`.
    """
    durations = np.full(len(sizes), FRAME)
    durations[-1:] = max(1, min(FRAME, sound.priming + sound.samples - (len(sizes) - 1) * FRAME))
    return Track(
        handler="soun",
        timescale=sound.sample_rate,
        sizes=sizes,
        durations=durations,
        edit=Edit(sound.priming, int(durations.sum()) - sound.priming),
        describe=partial(mp4a, _CHANNELS, sound.sample_rate, sound.extradata, tells_rates=tells_rates),
        first=-sound.priming,
        roll=_ROLL,
    )


def write_m4a(path: Path, parts: Iterable[EncodedAudio]) -> None:
    """Write a file of sound alone, part by part; when anything raises, none is left."""
    sizes: list[int] = []
    samples, head = 0, None
    with body(path) as file:
        for part in alike(parts):
            file.write(part.packets)
            sizes += map(len, part.packets)
            samples, head = samples + part.samples, head or part
        if head is None or not sizes:
            raise InvalidInput("empty_sound", "A sound has at least one packet.")
        sound = SoundFormat.of(head)._replace(samples=samples, packets=len(sizes))
        track = sound_track(sound, np.array(sizes), tells_rates=False)
        file.finish(mp4.head([track], sound.sample_rate, M4A))
