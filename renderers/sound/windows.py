"""The stretch of a mix that a part needs, as a value of its own: what is heard in it, wherever it lies.

A window holds positions relative to itself, so that a part is named by what is heard in it and around it.
What changes elsewhere in the document does not show here, nor does time itself: a loop that comes round
again, or a sound that was moved by whole parts, has the same window and is mixed once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from renderers.sound.mixing import RATE, SoundSpec, SoundTrack

SETTLING = RATE // 2
"""Samples after which the limiter's past is no longer heard. Its release is 50 ms, but peaks that follow one
another closely hand its state on; half a second of noise that is limited all along leaves nothing of it."""

GATING = RATE
"""Samples after which the past of a ducking gate is no longer heard: 40 time constants of the slower of its
release (25 ms) and its smoothing (20 ms)."""

AHEAD = 512
"""Samples that the limiter looks ahead, 5 ms, and a few more."""


@dataclass(frozen=True)
class Fade:
    """A fade that a stretch lies in: it has come `done` samples of `length`; below 0 it has yet to begin."""

    done: int
    length: int


@dataclass(frozen=True)
class Heard:
    """A stretch of a track; all numbers but `volume` and `duck` are samples at 48 kHz.

    src: the source as the document spells it, not part of the name. It sounds from `at` on (of the window)
    for `count`, beginning with sample `first` of its source. loop: the first sample and the number of those
    that are repeated, if any are in the stretch. duck: the number, in the window, of what ducks it, and dB.
    """

    src: str
    sha256: str
    at: int
    count: int
    first: int
    loop: tuple[int, int] | None
    volume: float
    fade_in: Fade | None
    fade_out: Fade | None
    duck: tuple[int, float] | None


@dataclass(frozen=True)
class Window:
    """`count` samples of a mix, and the stretches of tracks that determine them."""

    count: int
    heard: tuple[Heard, ...]

    def canonical(self) -> dict[str, Any]:
        """All that determines its samples, as JSON (with the engine's version)."""
        fields = asdict(self)
        for heard in fields["heard"]:
            del heard["src"]
        return fields


def window_of(spec: SoundSpec, first: int, count: int) -> Window:
    """`count` samples of a mix from `first` on, which may lie before its beginning or beyond its end.

    The stretches reach as far back, and ahead, as the state of limiter and gates does.
    """
    begin, end = first - SETTLING, first + count + AHEAD
    sounding = [number for number, track in enumerate(spec.tracks) if track.volume]
    audible = {number for number in sounding if _is_in(spec.tracks[number], begin, end)}
    ducks = {number: duck for number in audible if (duck := spec.tracks[number].duck) is not None}
    keys = {by for by, _ in ducks.values() if _is_in(spec.tracks[by], begin - GATING, end)}
    chosen = [number for number in sounding if number in audible | keys]
    places = {number: place for place, number in enumerate(chosen)}
    heard = []
    for number in chosen:
        by, amount = ducks.get(number, (None, 0.0))
        duck = (places[by], amount) if by in keys and by in places else None
        start = begin - GATING if number in keys else begin
        heard.append(_stretch(spec.tracks[number], first, start, end, duck))
    return Window(count, tuple(heard))


def _is_in(track: SoundTrack, begin: int, end: int) -> bool:
    return track.start < end and track.start + track.length > begin


def _stretch(track: SoundTrack, origin: int, begin: int, end: int, duck: tuple[int, float] | None) -> Heard:
    """What is heard of a track between two samples of the mix, at places relative to `origin`."""
    start, stop = max(begin, track.start), min(end, track.start + track.length)
    skipped, count = start - track.start, stop - start
    offset, is_repeated = skipped, False
    if track.repeats > 1:
        offset = skipped % track.period
        is_repeated = offset + count > track.period
    left = track.length - skipped
    return Heard(
        src=track.src,
        sha256=track.sha256,
        at=start - origin,
        count=count,
        first=track.trim + offset,
        loop=(track.trim, track.period) if is_repeated else None,
        volume=track.volume,
        fade_in=Fade(skipped, track.fade_in) if skipped < track.fade_in else None,
        fade_out=Fade(track.fade_out - left, track.fade_out) if left - count < track.fade_out else None,
        duck=duck,
    )
