"""Mixing of one stretch: sources are placed, repeated, faded, set to their volumes, ducked, added and
limited.

Any cutting of a mix into stretches gives the same sound: exactly where neither limiter nor ducking are at
work, within 1e-5 of full scale elsewhere. All arithmetic of our own is sums and products of 32-bit floats in
a fixed order, which IEEE 754 rounds alike on all processors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from renderers._arrays import NDArray
from renderers.sound.aac import Samples
from renderers.sound.dynamics import limit, openness
from renderers.sound.mixing import SoundSpec
from renderers.sound.windows import AHEAD, GATING, SETTLING, Fade, Heard, Window, window_of
from schemas.checks import nothing


class Read(Protocol):
    """Samples of sources."""

    def __call__(self, src: str, first: int, count: int, /) -> Samples:
        """`count` samples of a source from `first` on, at 48 kHz, shape (count, 2); else silence.

        The array is its caller's own, to be written to.
        """


def mix_stretch(
    spec: SoundSpec, first: int, count: int, read: Read, check: Callable[[], None] = nothing
) -> Samples:
    """`count` samples of a mix from `first` on, shape (count, 2); silence before it and beyond its end."""
    return mix_window(window_of(spec, first, count), read, check)


def mix_window(window: Window, read: Read, check: Callable[[], None] = nothing) -> Samples:
    """The samples of a window, shape (count, 2). check: called at least every half second; may raise."""
    total = np.zeros((SETTLING + window.count + AHEAD, 2), np.float32)
    keys: dict[int, Samples] = {}
    gates: dict[int, Samples] = {}
    for by in sorted({heard.duck[0] for heard in window.heard if heard.duck is not None}):
        check()
        keys[by] = _shaped(window.heard[by], read)
        gates[by] = _gate(window.heard[by], keys[by], len(total), check)
    for number, heard in enumerate(window.heard):
        check()
        sound = keys[number] if number in keys else _shaped(heard, read)
        if heard.duck is not None:
            by, amount = heard.duck
            taken = sound * _ducking(gates[by], heard)
            taken *= np.float32(10 ** (-amount / 20) - 1)
            sound += taken
        _add(total, sound, heard.at + SETTLING)
    return limit(total, check)[SETTLING : SETTLING + window.count]


def _ducking(gate: Samples, heard: Heard) -> Samples:
    """The stretch of a gate, which begins GATING before the sum, in which a track is heard."""
    at = heard.at + SETTLING + GATING
    return gate[at : at + heard.count]


def _add(total: Samples, sound: Samples, at: int) -> None:
    """Add the part of a sound that lies within `total`, where sample `at` of that is its first."""
    skipped = max(0, -at)
    total[at + skipped : max(0, at + len(sound))] += sound[skipped:]


def _gate(key: Heard, sound: Samples, length: int, check: Callable[[], None]) -> Samples:
    """How far a key opens its gate, from GATING samples before the sum's first on."""
    listened = np.zeros((GATING + length, 2), np.float32)
    at = key.at + SETTLING + GATING
    listened[at : at + key.count] = sound
    return openness(listened, check)


def _shaped(heard: Heard, read: Read) -> Samples:
    """A stretch of a track as it sounds if nothing ducks it."""
    sound = _source(heard, read)
    if (fade := heard.fade_in) is not None:
        faded = sound[: fade.length - fade.done]
        faded *= _gains(np.arange(len(faded), dtype=np.float64) + fade.done, fade)
    if (fade := heard.fade_out) is not None:
        begin = max(0, -fade.done)
        place = np.arange(begin, heard.count, dtype=np.float64)
        sound[begin:] *= _gains(fade.length - fade.done - place, fade)
    if heard.volume != 1:
        sound *= np.float32(heard.volume)
    return sound


def _gains(place: NDArray[np.float64], fade: Fade) -> Samples:
    """The gains of a linear fade, shape (n, 1), that is `place` samples away from silence."""
    gains: Samples = np.clip(place / fade.length, 0.0, 1.0).astype(np.float32)[:, None]
    return gains


def _source(heard: Heard, read: Read) -> Samples:
    """The samples of a stretch, repeated; what is repeated whole is read once."""
    if heard.loop is None:
        return read(heard.src, heard.first, heard.count)
    begin, period = heard.loop
    offset = heard.first - begin
    if heard.count >= period:
        turns = -(-(offset + heard.count) // period)
        return np.tile(read(heard.src, begin, period), (turns, 1))[offset : offset + heard.count]
    head = read(heard.src, heard.first, period - offset)
    return np.concatenate([head, read(heard.src, begin, heard.count - len(head))])
