"""Mixing in stretches: any cutting of a mix sounds the same, and like FFmpeg's filters in one piece."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from renderers.sound.aac import Samples
from renderers.sound.mix import mix_stretch
from renderers.sound.mixing import RATE, SoundSpec
from renderers.sound.windows import window_of
from schemas.errors import Cancelled
from schemas.project import AudioTrack
from tests.unit.renderers.filtergraph import pcm_arguments
from tests.unit.renderers.sounds import Sources, lengths, spec_of, track

SECONDS = Fraction(9)
FFMPEG = 1e-4
"""How near the mix comes to FFmpeg's in one piece, of full scale."""


def _noise(seed: int, level: float, seconds: float) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, level, (round(seconds * RATE), 2))


def _sweep(level: float, seconds: float) -> NDArray[np.float64]:
    time = np.arange(round(seconds * RATE)) / RATE
    return level * np.sin(2 * np.pi * (20 + 400 * time) * time)


def _voice(seconds: float) -> NDArray[np.float64]:
    """Noise in the rhythm of words."""
    time = np.arange(round(seconds * RATE)) / RATE
    return _noise(3, 0.1, seconds) * (np.sin(2 * np.pi * 0.9 * time) > 0.2)[:, None]


SOUNDS = {
    "a": _noise(1, 0.1, 4),
    "b": _noise(2, 0.2, 6.5),
    "short": _noise(4, 0.05, 0.37),
    "tiny": _noise(5, 0.1, 7 / RATE),
    "loud": _noise(6, 0.9, 7),
    "sweep": _sweep(0.7, 9),
    "voice": _voice(9),
}
PLAIN = {
    "placed": [track("a", start=1.3, volume=0.7), track("b", trimStart=0.5)],
    "faded": [track("a", fadeIn=2.5, fadeOut=3), track("b", start=2, fadeOut=5.25, volume=0.3)],
    "repeated": [track("short", loop=True, trimStart=0.1, volume=0.5), track("a", loop=True, start=0.7)],
    "very short": [track("tiny", loop=True, fadeIn=3)],
    "silent": [],
}
LIMITED = {
    "loud noise": [track("loud", volume=1.5), track("b", volume=2, loop=True)],
    "loud sweep": [track("sweep", volume=1.6), track("a")],
}
DUCKED = {
    "ducked": [track("sweep", volume=0.5, duck={"by": "voice", "amount": 12}), track("voice")],
    "ducked twice": [
        track("sweep", volume=0.3, duck={"by": "voice", "amount": 12}),
        track("voice", volume=0.6, duck={"by": "b", "amount": 6}),
        track("b", start=3, loop=True, volume=0.3),
    ],
    "ducked by a loop": [
        track("a", loop=True, duck={"by": "short", "amount": 20}),
        track("short", loop=True, volume=0.6, start=1, duration=4),
    ],
}
BOTH = {
    "ducked and limited": [
        track("sweep", duck={"by": "voice", "amount": 12}),
        track("voice", volume=2, duck={"by": "b", "amount": 6}),
        track("b", start=3, loop=True),
    ]
}
MIXES = {**PLAIN, **LIMITED, **DUCKED}


def _spec(tracks: list[AudioTrack], seconds: Fraction = SECONDS) -> SoundSpec:
    return spec_of(tracks, lengths(SOUNDS), seconds)


def _by_ffmpeg(spec: SoundSpec, folder: Path) -> Samples:
    paths = {name: folder / name for name in SOUNDS}
    for name, sound in SOUNDS.items():
        Sources({name: sound})(name, 0, len(sound)).tofile(paths[name])
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error"]
    command += pcm_arguments(spec, paths, are_samples=True)
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, "<f4").reshape(-1, 2)


@pytest.mark.parametrize("name", MIXES)
def test_sounds_as_ffmpeg_mixes_it(name: str, tmp_path: Path) -> None:
    """A mix in one stretch is that of one graph of FFmpeg's filters over the whole sources."""
    spec = _spec(MIXES[name])
    mixed = mix_stretch(spec, 0, spec.samples, Sources(SOUNDS))
    assert np.abs(mixed - _by_ffmpeg(spec, tmp_path)).max() <= FFMPEG


def test_limits_what_is_ducked_as_ffmpeg_does(tmp_path: Path) -> None:
    """So too where both are at work, but for single samples: FFmpeg's limiter makes a step of the last bit of
    what it is given.
    """
    spec = _spec(BOTH["ducked and limited"])
    mixed = mix_stretch(spec, 0, spec.samples, Sources(SOUNDS))
    assert np.mean(np.abs(mixed - _by_ffmpeg(spec, tmp_path)) > FFMPEG) < 1e-4


CUTS = st.lists(st.integers(1, int(SECONDS * RATE) - 1), max_size=4, unique=True).map(sorted)


@pytest.mark.parametrize(
    ("names", "tolerance"),
    [(PLAIN, 0.0), (LIMITED, 1e-5), (DUCKED, 1e-5), (BOTH, 1e-5)],
    ids=["plain", "limited", "ducked", "both"],
)
def test_any_cutting_gives_the_same_sound(names: dict[str, list[AudioTrack]], tolerance: float) -> None:
    """Stretches cut anywhere, mixed apart and put in a row, are the mix in one piece."""
    wholes = {
        name: mix_stretch(_spec(tracks), 0, 9 * RATE, Sources(SOUNDS)) for name, tracks in names.items()
    }

    @given(st.sampled_from(sorted(names)), CUTS)
    @settings(deadline=None, max_examples=30)
    def holds(name: str, cuts: list[int]) -> None:
        spec, read = _spec(names[name]), Sources(SOUNDS)
        bounds = [0, *cuts, spec.samples]
        stretches = [mix_stretch(spec, a, b - a, read) for a, b in pairwise(bounds)]
        assert np.abs(np.concatenate(stretches) - wholes[name]).max() <= tolerance

    holds()


def seconds(most: float) -> st.SearchStrategy[float]:
    """Places that lie between samples, too."""
    return st.floats(0, most).map(lambda value: round(value, 5))


FIELDS: dict[str, st.SearchStrategy[object]] = {
    "start": seconds(8),
    "trimStart": st.just(0.0) | seconds(0.3),
    "volume": st.sampled_from([0, 0.3, 1, 2]),
    "loop": st.booleans(),
    "fadeIn": st.just(0.0) | seconds(5),
    "fadeOut": st.just(0.0) | seconds(5),
}
ANY = {"duration": st.floats(0.01, 9)}


@st.composite
def random_tracks(draw: st.DrawFn) -> list[AudioTrack]:
    """Up to four tracks with anything that tracks can have."""
    names = draw(st.lists(st.sampled_from(sorted(SOUNDS)), min_size=1, max_size=4, unique=True))
    tracks = []
    for name in names:
        fields = draw(st.fixed_dictionaries(FIELDS, optional=ANY))
        others = [other for other in names if other != name]
        by: str | None = draw(st.none() | st.sampled_from(others)) if others else None
        if by is not None:
            fields["duck"] = {"by": by, "amount": draw(st.integers(1, 30))}
        tracks.append(track(name, **fields))
    return tracks


@given(random_tracks(), CUTS)
@settings(deadline=None, max_examples=60)
def test_random_mixes_may_be_cut_anywhere(tracks: list[AudioTrack], cuts: list[int]) -> None:
    """Trims, loops, fades, volumes and ducking in any mixture: in stretches as in one piece."""
    spec, read = _spec(tracks), Sources(SOUNDS)
    whole = mix_stretch(spec, 0, spec.samples, read)
    bounds = [0, *cuts, spec.samples]
    stretches = [mix_stretch(spec, a, b - a, read) for a, b in pairwise(bounds)]
    assert np.abs(np.concatenate(stretches) - whole).max() <= 1e-4


def test_there_is_silence_around_a_mix() -> None:
    """Stretches may begin before a mix and go on beyond its end."""
    spec = _spec(PLAIN["placed"])
    around = mix_stretch(spec, -RATE, spec.samples + 3 * RATE, Sources(SOUNDS))
    assert not around[:RATE].any()
    assert not around[-2 * RATE :].any()
    assert np.array_equal(around[RATE : -2 * RATE], mix_stretch(spec, 0, spec.samples, Sources(SOUNDS)))


def test_only_what_is_heard_is_read() -> None:
    """A stretch reads seconds of its sources, however long they are, and no source that is silent in it."""
    spec = _spec([track("sweep"), track("a", start=7), track("b", volume=0), track("tiny", loop=True)])
    read = Sources(SOUNDS)
    mix_stretch(spec, 2 * RATE, RATE, read)
    assert {name for name, _, _ in read.reads} == {"sweep", "tiny"}
    assert sum(count for _, _, count in read.reads) < 2 * RATE


def test_what_sounds_alike_has_one_window() -> None:
    """Where a loop comes round again, or a sound was moved, what is heard around it is the same value."""
    spec = _spec([track("a", loop=True)], Fraction(60))
    assert window_of(spec, 10 * RATE, RATE) == window_of(spec, 34 * RATE, RATE)
    moved = _spec([track("a", loop=True, start=3)], Fraction(60))
    assert window_of(spec, 10 * RATE, RATE) == window_of(moved, 13 * RATE, RATE)
    assert window_of(spec, 10 * RATE, RATE) != window_of(moved, 10 * RATE, RATE)


WHERE: dict[str, Callable[[float], list[AudioTrack]]] = {
    "start": lambda at: [track("sweep"), track("a", start=at)],
    "duck": lambda at: [track("sweep", duck={"by": "voice", "amount": 9}), track("voice", start=at)],
    "fade": lambda at: [track("sweep", fadeOut=9 - at)],
}


@pytest.mark.parametrize("name", WHERE)
def test_a_window_does_not_show_what_comes_later(name: str) -> None:
    """What begins beyond the limiter's view changes nothing in the value, so nothing in the samples."""
    early, late = (window_of(_spec(WHERE[name](at)), RATE, 3 * RATE) for at in (6.0, 7.5))
    assert early == late
    assert window_of(_spec(WHERE[name](2)), RATE, 3 * RATE) != early


def test_is_given_up_when_asked() -> None:
    """`check` is called between sources and within the work of filters, and what it raises comes out."""
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 12:
            raise Cancelled("cancelled", "The job was cancelled.")

    with pytest.raises(Cancelled):
        mix_stretch(_spec(LIMITED["loud noise"]), 0, 9 * RATE, Sources(SOUNDS), check)
    assert calls == 12
