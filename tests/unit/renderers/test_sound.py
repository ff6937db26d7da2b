"""The mix of a project's sounds."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from renderers.sound.dynamics import LIMIT
from renderers.sound.mix import mix_stretch
from renderers.sound.mixing import RATE, make_spec, sound_length
from renderers.sound.tracks import AAC
from schemas.project import AudioTrack
from tests.unit.renderers.sounds import Sources, lengths, spec_of, track

Sound = NDArray[np.float64]


def tone(seconds: float, level: float = 0.25, frequency: float = 440, rate: int = RATE) -> Sound:
    """A sine."""
    return level * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def click(seconds: float, at: int) -> Sound:
    """Silence with one sample in it."""
    sound = np.zeros(round(seconds * RATE))
    sound[at] = 0.5
    return sound


def mix(sounds: Mapping[str, Sound], tracks: list[AudioTrack], seconds: Fraction | None = None) -> Sound:
    """The mix of sounds at 48 kHz, mono for one dimension, as tracks say."""
    spec = spec_of(tracks, lengths(sounds), seconds)
    samples = mix_stretch(spec, 0, spec.samples, Sources(sounds)).astype(np.float64)
    assert samples.shape == (spec.samples, 2)
    return samples


def level(sound: Sound, begin: float, end: float) -> float:
    """The largest sample between two seconds."""
    return float(np.abs(sound[round(begin * RATE) : round(end * RATE)]).max())


def test_mono_goes_to_both_sides_as_it_is() -> None:
    """A mono track is heard left and right at its own level, sample for sample."""
    sound = tone(0.5, 0.4)
    mixed = mix({"a": sound}, [track("a")], Fraction(1, 2))
    assert np.abs(mixed[:, 0] - sound).max() < 1e-4
    assert np.array_equal(mixed[:, 0], mixed[:, 1])


def test_stereo_stays_stereo() -> None:
    """The sides of a stereo track stay where they are."""
    sound = np.stack([tone(0.5, 0.4), tone(0.5, 0.1, 1000)], axis=1)
    assert np.abs(mix({"a": sound}, [track("a")]) - sound).max() < 1e-4


def test_volumes_add() -> None:
    """Tracks are added at their volumes, without automatic attenuation."""
    sounds = {name: tone(0.5, 0.1, 200 * k) for k, name in enumerate("abc", 1)}
    mixed = mix(sounds, [track("a", volume=2), track("b", volume=0.5), track("c")])
    assert np.abs(mixed[:, 0] - (2 * sounds["a"] + 0.5 * sounds["b"] + sounds["c"])).max() < 1e-4


def test_never_clips() -> None:
    """However loud the sum is, no sample reaches full scale; and what is soft beside it stays as it is."""
    sounds = {
        name: np.concatenate([tone(1, 0.99, f), tone(1, 0.05, f)]) for name, f in (("a", 100), ("b", 130))
    }
    mixed = mix(sounds, [track("a", volume=2), track("b", volume=2)])
    assert np.abs(mixed).max() <= LIMIT + 1e-6
    assert level(mixed, 0.2, 0.8) > 0.95
    assert np.abs(mixed[-24000:, 0] - 2 * (sounds["a"] + sounds["b"])[-24000:]).max() < 1e-3


@pytest.mark.parametrize(("start", "trim"), [(0.0, 0.0), (0.25, 0.0), (0.0, 0.1), (1 / 3, 0.05)])
def test_starts_are_exact_to_the_sample(start: float, trim: float) -> None:
    """A click is heard at the very sample that start and trimStart say."""
    mixed = mix({"a": click(1, 12_345)}, [track("a", start=start, trimStart=trim)], Fraction(2))
    wanted = 12_345 + round(start * RATE) - round(trim * RATE)
    assert np.flatnonzero(np.abs(mixed[:, 0]) > 0.01).tolist() == [wanted]


def test_durations_cut() -> None:
    """A track is heard for its duration, from its start on."""
    mixed = mix({"a": tone(2)}, [track("a", start=0.5, duration=0.75)], Fraction(2))
    assert level(mixed, 0, 0.5) == 0
    assert level(mixed, 0.5, 1.25) > 0.24
    assert level(mixed, 1.25, 2) == 0


def test_fades() -> None:
    """A track fades in from its beginning and out to its end, linearly."""
    mixed = np.abs(mix({"a": tone(2, 0.5, 1000)}, [track("a", fadeIn=0.5, fadeOut=1.0)])).max(axis=1)
    peaks = mixed.reshape(-1, 480).max(axis=1)
    times = np.arange(len(peaks)) * 0.01
    wanted = 0.5 * np.minimum(1, np.minimum(times / 0.5, (2 - times)))
    assert np.abs(peaks - wanted).max() < 0.015


def test_fades_out_where_the_picture_ends() -> None:
    """A track that is longer than the picture fades out at the picture's end."""
    mixed = mix({"a": tone(3, 0.5, 1000)}, [track("a", fadeOut=0.5)], Fraction(1))
    assert level(mixed, 0.2, 0.5) > 0.49
    assert level(mixed, 0.99, 1.0) < 0.02


def test_loops_without_a_gap() -> None:
    """A loop repeats its source from trimStart on, sample for sample, until it is cut."""
    sound = np.concatenate([np.zeros(4800), np.linspace(-0.4, 0.4, 9600)])
    mixed = mix({"a": sound}, [track("a", trimStart=0.1, loop=True)], Fraction(1))
    wanted = np.tile(sound[4800:], 5)
    assert np.abs(mixed[:, 0] - wanted).max() < 1e-4


def test_a_loop_repeats_what_there_is() -> None:
    """A trimStart between two samples begins at the nearer one; each turn has the samples from there on."""
    sound = np.linspace(0.1, 0.4, 1000)
    mixed = mix({"a": sound}, [track("a", trimStart=100.6 / RATE, loop=True)], Fraction(1))
    assert np.array_equal(mixed[:, 0].astype(np.float32), np.resize(sound[101:].astype(np.float32), RATE))


def test_ducks_by_the_amount() -> None:
    """While the other track sounds, and only then, a track is lower by as many dB as it says."""
    quiet = np.zeros(round(0.8 * RATE))
    sounds = {"music": tone(3, 0.4, 440), "voice": np.concatenate([quiet, tone(1, 0.001, 3000), quiet])}
    sounds["voice"][len(quiet) : len(quiet) + RATE] *= 30
    mixed = mix(sounds, [track("music", duck={"by": "voice", "amount": 12}), track("voice")], Fraction(3))
    music = mixed[:, :1].copy()
    music[: len(sounds["voice"]), 0] -= sounds["voice"]
    assert level(music, 0.1, 0.79) == pytest.approx(0.4, abs=0.001)
    assert level(music, 1.1, 1.8) == pytest.approx(0.4 * 10 ** (-12 / 20), abs=0.003)
    assert level(music, 2.3, 2.9) == pytest.approx(0.4, abs=0.003)


def test_two_tracks_may_duck_under_one_and_under_one_another() -> None:
    """Ducking has no order: what ducks a track is the other as if nothing ducked it."""
    sounds = {name: tone(1, 0.2, f) for name, f in (("a", 300), ("b", 500), ("c", 700))}
    tracks = [
        track("a", duck={"by": "b", "amount": 6}),
        track("b", duck={"by": "a", "amount": 60}),
        track("c", duck={"by": "a", "amount": 60}),
    ]
    mixed = mix(sounds, tracks)
    assert level(mixed, 0.3, 0.9) == pytest.approx(0.1, abs=0.003)


@pytest.mark.parametrize("seconds", [Fraction(1), Fraction(7, 3), Fraction(1001, 30000), Fraction(5, 24)])
def test_is_as_long_as_the_picture(seconds: Fraction) -> None:
    """The sound is cut or padded with silence to the picture's length, to the sample."""
    mixed = mix({"a": tone(1)}, [track("a")], seconds)
    assert len(mixed) == round(seconds * RATE)


def test_is_silent_where_nothing_sounds() -> None:
    """Tracks that begin after the end, or trim all of their source, make silence, and no error."""
    tracks = [track("a", start=5), track("b", trimStart=2)]
    mixed = mix({"a": tone(1), "b": tone(1)}, tracks, Fraction(1))
    assert not mixed.any()


@pytest.mark.parametrize(
    ("tracks", "seconds"),
    [
        ([track("a")], 10),
        ([track("a", start=2.5)], 12.5),
        ([track("a", trimStart=4)], 6),
        ([track("a", duration=3), track("b", start=1)], 5),
        ([track("a", duration=30)], 10),
        ([track("a", duration=30, loop=True)], 30),
        ([track("a", loop=True), track("b", start=16)], 20),
        ([], 0),
    ],
)
def test_the_longest_track_decides(tracks: list[AudioTrack], seconds: float) -> None:
    """Without a picture the mix is as long as its longest track."""
    durations = {"a": 10.0, "b": 4.0}
    assert sound_length(tracks, durations) == Fraction(seconds)
    assert spec_of(tracks, durations).seconds == Fraction(seconds)


def test_a_loop_fills_an_mp3() -> None:
    """A loop without a duration is heard for as long as the others are."""
    spec = spec_of([track("a", loop=True), track("b", start=16)], {"a": 10.0, "b": 4.0})
    assert [sound.length for sound in spec.tracks] == [20 * RATE, 4 * RATE]


def test_names_by_content() -> None:
    """A sound is named by its sources' content and by what the document says, not by where they lie."""
    one = make_spec([track("a")], hashes={"a": "x"}, durations={"a": 1.0}, seconds=None, bitrate=1)
    other = make_spec([track("b")], hashes={"b": "x"}, durations={"b": 1.0}, seconds=None, bitrate=1)
    third = make_spec(
        [track("a", volume=0.5)], hashes={"a": "x"}, durations={"a": 1.0}, seconds=None, bitrate=1
    )
    names = [AAC.parts(spec)[0].key for spec in (one, other, third)]
    assert names[0] == names[1] != names[2]


TRACKS = st.builds(
    track,
    st.just("a"),
    start=st.floats(0, 20),
    trimStart=st.floats(0, 20),
    duration=st.none() | st.floats(0.01, 20),
    loop=st.booleans(),
    fadeIn=st.floats(0, 20),
    fadeOut=st.floats(0, 20),
)


@given(TRACKS, st.none() | st.fractions(Fraction(1, 30), 20), st.floats(0.01, 20))
@settings(deadline=None)
def test_tracks_lie_within_the_mix(one: AudioTrack, seconds: Fraction | None, duration: float) -> None:
    """No track is longer than the mix, and no fade longer than its track."""
    spec = spec_of([one], {"a": duration}, seconds)
    for sound in spec.tracks:
        assert 0 < sound.length <= spec.samples - sound.start
        assert max(sound.fade_in, sound.fade_out) <= sound.length
        assert one.loop or sound.length <= sound.period + 1
