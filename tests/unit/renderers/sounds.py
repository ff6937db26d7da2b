"""Sounds as arrays, read as a mix reads its sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderers.h264.stretches import Sound
from renderers.sound import aac
from renderers.sound.aac import EncodedAudio, Samples, alike
from renderers.sound.m4a import SoundFormat
from renderers.sound.mixing import RATE, SoundSpec, make_spec
from schemas.project import AudioTrack


class Sources:
    """Samples of sounds by their names; one dimension is mono. `reads` says what was asked for."""

    def __init__(self, sounds: Mapping[str, NDArray[np.floating]]) -> None:
        self._sounds = {
            name: np.broadcast_to(sound.reshape(len(sound), -1), (len(sound), 2)).astype(np.float32)
            for name, sound in sounds.items()
        }
        self.reads: list[tuple[str, int, int]] = []

    def __call__(self, src: str, first: int, count: int, /) -> Samples:
        """As `renderers.sound.mix.Read`."""
        self.reads.append((src, first, count))
        found = np.zeros((count, 2), np.float32)
        sound = self._sounds[src][max(0, first) : max(0, first + count)]
        found[max(0, -first) : max(0, -first) + len(sound)] = sound
        return found


def track(name: str, **fields: Any) -> AudioTrack:
    """A track whose source is its name."""
    return AudioTrack.model_validate({"id": name, "src": name, **fields})


def spec_of(
    tracks: list[AudioTrack],
    durations: Mapping[str, float | Fraction],
    seconds: Fraction | None = None,
    bitrate: int = 192_000,
) -> SoundSpec:
    """The mix of tracks whose sources are named by their ids."""
    hashes = {name: f"sha-{name}" for name in durations}
    return make_spec(tracks, hashes=hashes, durations=durations, seconds=seconds, bitrate=bitrate)


def lengths(sounds: Mapping[str, NDArray[np.floating]]) -> dict[str, Fraction]:
    """How long sounds last."""
    return {name: Fraction(len(sound), RATE) for name, sound in sounds.items()}


def joined(parts: Iterable[EncodedAudio]) -> EncodedAudio:
    """The whole of its parts, in order."""
    found = list(alike(parts))
    packets = tuple(packet for part in found for packet in part.packets)
    return found[0]._replace(packets=packets, samples=sum(part.samples for part in found))


def in_film(audio: EncodedAudio | None) -> Sound | None:
    """The sound of a film, with whatever packets it has."""
    return None if audio is None or not audio.packets else Sound(SoundFormat.of(audio), audio.packets)


def encode_aac(sound: NDArray[np.float32], rate: int, bitrate: int) -> EncodedAudio:
    """Stereo sound of any rate in AAC, as one part."""
    silence = np.zeros((aac.preroll(bitrate), 2), np.float32)
    seen = np.concatenate([silence, sound])
    return EncodedAudio.from_bytes(aac.encode_part(seen, len(sound), rate, bitrate, True))
