"""The sound of a project: what is mixed, as a value.

All positions are whole samples of the mix, so a sound begins and ends where the document says, to the
sample. Each track is resampled, made stereo (mono goes to both sides as it is), trimmed, repeated, faded, set
to its volume and moved to its place. The mix adds them up as they are; a look-ahead limiter without
make-up gain keeps the peaks below full scale; its delay is compensated.

Ducking: while the track named by `duck.by` sounds above -50 dBFS (as it would be heard if nothing ducked it),
this one is `amount` dB lower. It goes down within 50 ms and comes up again 200 to 300 ms after the other's
end, so not between words. The other track opens a gate; smoothed, its gain says how much of this track is
taken away from it. So the amount is exact, whatever the levels.

Fades lie at the ends of what is heard: a track that the picture's end cuts off fades out there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from schemas.motion import exact
from schemas.project import AudioTrack

RATE = 48_000
"""Samples a second of the mix."""


@dataclass(frozen=True)
class SoundTrack:
    """One track that is heard; all numbers but `volume` and `duck` are samples of the mix.

    src: the source as the document spells it, not part of the sound's name. It begins `trim` into its source
    and is heard from `start` on for `length`. period: what the source has from `trim` on, 0 if unknown;
    repeats: how often that is needed. duck: the number of the other track, and dB.
    """

    src: str
    sha256: str
    start: int
    trim: int
    length: int
    period: int
    repeats: int
    volume: float
    fade_in: int
    fade_out: int
    duck: tuple[int, float] | None


@dataclass(frozen=True)
class SoundSpec:
    """A mix: `samples` long at `rate` Hz in stereo; encoded at `bitrate` bit/s."""

    tracks: tuple[SoundTrack, ...]
    samples: int
    bitrate: int
    rate: int = RATE

    @property
    def seconds(self) -> Fraction:
        """Its length."""
        return Fraction(self.samples, self.rate)


class SoundParts(NamedTuple):
    """The parts at rest of a film's sound, to be taken one after the other. samples: of all of them."""

    samples: int
    data: Iterable[bytes]


def make_spec(
    tracks: Sequence[AudioTrack],
    *,
    hashes: Mapping[str, str],
    durations: Mapping[str, float | Fraction],
    seconds: Fraction | None,
    bitrate: int,
) -> SoundSpec:
    """The mix of a document's tracks.

    hashes, durations: of each source, the content's SHA-256 and its length in seconds (0 or missing if
    unknown). seconds: the length of the picture, or None for as long as the longest track.
    """
    length = sound_length(tracks, durations) if seconds is None else seconds
    samples = math.ceil(length * RATE) if seconds is None else _samples(length)
    made = [(track, _track(track, hashes, durations, samples)) for track in tracks]
    heard = [(track, sound) for track, sound in made if sound is not None]
    numbers = {track.id: number for number, (track, _) in enumerate(heard)}
    ducked = (
        replace(sound, duck=(numbers[track.duck.by], float(track.duck.amount)))
        if track.duck is not None and track.duck.by in numbers
        else sound
        for track, sound in heard
    )
    return SoundSpec(tuple(ducked), samples, bitrate)


def sound_length(tracks: Sequence[AudioTrack], durations: Mapping[str, float | Fraction]) -> Fraction:
    """When the last track ends, in seconds.

    A loop without a duration goes on for as long as the others sound, and once through at least.
    """
    ends = [exact(track.start) + _playing(track, durations) for track in tracks]
    return max(ends, default=Fraction(0))


def _source_left(track: AudioTrack, durations: Mapping[str, float | Fraction]) -> Fraction:
    """Seconds of a track's source from `trim_start` on; 0 if unknown."""
    return max(Fraction(0), Fraction(durations.get(track.src, 0)) - exact(track.trim_start))


def _playing(track: AudioTrack, durations: Mapping[str, float | Fraction]) -> Fraction:
    """Seconds for which a track plays by itself."""
    left = _source_left(track, durations)
    if track.duration is None:
        return left
    wanted = exact(track.duration)
    return wanted if track.loop or not durations.get(track.src) else min(wanted, left)


def _track(
    track: AudioTrack, hashes: Mapping[str, str], durations: Mapping[str, float | Fraction], samples: int
) -> SoundTrack | None:
    """A track cut to the mix, or None if nothing of it is heard."""
    start, trim = _samples(exact(track.start)), _samples(exact(track.trim_start))
    period = max(0, math.ceil(Fraction(durations.get(track.src, 0)) * RATE) - trim)
    is_known = bool(durations.get(track.src))
    goes_on = track.duration is None and (track.loop or not is_known)
    length = samples - start if goes_on else _samples(_playing(track, durations))
    length = min(length, samples - start)
    if length <= 0 or (is_known and period == 0):
        return None
    return SoundTrack(
        src=track.src,
        sha256=hashes[track.src],
        start=start,
        trim=trim,
        length=length,
        period=period,
        repeats=math.ceil(length / period) if track.loop and period else 1,
        volume=float(track.volume),
        fade_in=min(length, _samples(exact(track.fade_in))),
        fade_out=min(length, _samples(exact(track.fade_out))),
        duck=None,
    )


def _samples(seconds: Fraction) -> int:
    return math.floor(seconds * RATE + Fraction(1, 2))
