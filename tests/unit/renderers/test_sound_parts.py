"""Sound in parts: what they are called, and that they join without a seam."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from renderers.sound import aac, flac, mp3, packing, pcm, tracks
from renderers.sound.aac import EncodedAudio, Samples, alike
from renderers.sound.mix import mix_stretch
from renderers.sound.mixing import RATE, SoundSpec
from renderers.sound.tracks import AAC, FLAC, MP3, PCM, SoundCodec
from schemas.checks import nothing
from schemas.errors import Cancelled, InvalidInput
from schemas.parts import SoundPart
from schemas.project import AudioTrack
from tests.unit.renderers.sounds import Sources, joined, lengths, spec_of, track

ROOT = Path(__file__).resolve().parents[3]
CODECS = [AAC, MP3, FLAC, PCM]
TIME = np.arange(31 * RATE) / RATE
SINE = 0.4 * np.sin(2 * np.pi * 440 * TIME)
SWEEP = 0.4 * np.sin(2 * np.pi * (100 + 200 * TIME) * TIME)
AROUND = 8
"""Frames on either side of a border in which parts are compared with one piece."""


def name_of(codec: SoundCodec) -> str:
    """For the names of tests."""
    return codec.name


def mixed(sound: NDArray[np.float64], bitrate: int = 192_000) -> SoundSpec:
    """The mix of one sound."""
    return spec_of([track("a")], lengths({"a": sound}), None, bitrate)


def encoded(codec: SoundCodec, spec: SoundSpec, read: Sources) -> list[bytes]:
    """All parts of a mix."""
    return [codec.encode(spec, part, read) for part in codec.parts(spec)]


def decoded(codec: str, packets: tuple[bytes, ...] | list[bytes], extradata: bytes, priming: int) -> Samples:
    """What a decoder makes of packets, without what it puts out first."""
    decoder: Any = av.CodecContext.create(codec, "r")
    if extradata:
        decoder.extradata = extradata
    frames = [frame.to_ndarray() for packet in packets for frame in decoder.decode(av.Packet(packet))]
    sound: Samples = np.concatenate(frames, axis=1).T[priming:]
    return sound


def aac_in_one_piece(sound: Samples, bitrate: int) -> Samples:
    """Sound through one encoder that is given all of it, and decoded."""
    context = av.CodecContext.create("aac", "w")
    context.bit_rate = bitrate
    context.options = {"aac_coder": "fast" if bitrate >= 160_000 else "twoloop"}
    packets, extradata = packing.packets(context, RATE, sound, aac.FRAME, nothing)
    return decoded("aac", packets, extradata, aac.PRIMING)


@pytest.mark.parametrize("bitrate", [192_000, 128_000])
@pytest.mark.parametrize("sound", [SINE, SWEEP], ids=["sine", "sweep"])
def test_tones_in_aac_cross_borders_as_in_one_piece(sound: NDArray[np.float64], bitrate: int) -> None:
    """Around every border the decoded sound is that of one piece to within 1e-4 of full scale."""
    read = Sources({"a": sound})
    whole = read("a", 0, len(sound))
    parts = joined(map(EncodedAudio.from_bytes, encoded(AAC, mixed(sound, bitrate), read)))
    heard = decoded("aac", parts.packets, parts.extradata, parts.priming)
    one = aac_in_one_piece(whole, bitrate)
    assert len(heard) == len(one)
    borders = range(AAC.part, len(sound), AAC.part)
    assert len(borders) == 3
    for border in borders:
        around = slice(border - AROUND * aac.FRAME, border + AROUND * aac.FRAME)
        assert np.abs(heard[around] - one[around]).max() <= 1e-4


def programme() -> NDArray[np.float64]:
    """Something like music: struck chords over noise, wide."""
    strike = np.exp(-4 * ((TIME * 2) % 1))
    left = sum(np.sin(2 * np.pi * f * TIME) for f in (110, 277, 440, 1320, 5280)) * 0.1
    right = sum(np.sin(2 * np.pi * f * TIME) for f in (165, 220, 554, 2640)) * 0.1
    noise = np.random.default_rng(7).normal(0, 0.003, (len(TIME), 2))
    return np.stack([left, right], 1) * strike[:, None] + noise


@pytest.mark.parametrize("bitrate", [192_000, 128_000])
def test_music_in_aac_is_as_exact_at_borders_as_elsewhere(bitrate: int) -> None:
    """Around a border the error of music is less than somewhere else, and within 2 dB of one piece's."""
    sound = programme()
    read = Sources({"a": sound})
    parts = joined(map(EncodedAudio.from_bytes, encoded(AAC, mixed(sound, bitrate), read)))
    heard = errors(decoded("aac", parts.packets, parts.extradata, parts.priming), sound)
    one = errors(aac_in_one_piece(read("a", 0, len(sound)), bitrate), sound)
    border = AAC.part // aac.FRAME
    around = [slice(at - AROUND, at + AROUND) for at in range(border, len(heard), border)]
    elsewhere = heard[: 28 * 16].reshape(28, 16).mean(axis=1)
    assert len(around) == 3
    for place in around:
        assert heard[place].mean() < elsewhere.max()
        assert 10 * np.log10(heard[place].mean() / one[place].mean()) < 2


def errors(heard: Samples, sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean square of the difference in each frame of AAC."""
    frames = len(sound) // aac.FRAME
    squares = (heard[: len(sound)] - sound)[: frames * aac.FRAME] ** 2
    found: NDArray[np.float64] = squares.reshape(frames, -1).mean(axis=1)
    return found


@pytest.mark.parametrize("bitrate", [128_000, 192_000, 320_000])
def test_mp3_has_the_very_frames_of_one_piece(bitrate: int) -> None:
    """Every frame of every part is that of one encoder that is given all of the sound."""
    sound = programme() + SWEEP[:, None] * 0.5
    read = Sources({"a": sound})
    parts = joined(map(EncodedAudio.from_bytes, encoded(MP3, mixed(sound, bitrate), read)))
    context = av.CodecContext.create("libmp3lame", "w")
    context.bit_rate = bitrate
    context.options = {"reservoir": "0"}
    silence = np.zeros((mp3.PREROLL, 2), np.float32)  # so that its first frame is not that of a cold encoder
    whole = np.concatenate([silence, mix_stretch(mixed(sound), 0, len(sound), read)])
    packets, _ = packing.packets(context, RATE, whole, mp3.FRAME, nothing)
    own = packets[mp3.PREROLL // mp3.FRAME :]
    assert list(parts.packets[: len(own)]) == own
    assert len(parts.packets) * mp3.FRAME >= len(sound) + mp3.PRIMING


def test_lossless_parts_are_the_sound() -> None:
    """FLAC and PCM in parts hold the samples of the mix, each once, of 16 bits."""
    sound = programme()
    read = Sources({"a": sound})
    whole = pcm.sixteen_bits(read("a", 0, len(sound)))
    assert b"".join(encoded(PCM, mixed(sound), read)) == whole.tobytes()
    found = []
    for part in map(EncodedAudio.from_bytes, encoded(FLAC, mixed(sound), read)):
        decoder = av.CodecContext.create("flac", "r")
        decoder.extradata = part.extradata
        found += [
            frame.to_ndarray() for packet in part.packets for frame in decoder.decode(av.Packet(packet))
        ]
    assert np.array_equal(np.concatenate(found, axis=1).reshape(-1, 2), whole)


@pytest.mark.parametrize("codec", CODECS, ids=name_of)
@given(samples=st.integers(1, 3_000_000))
@settings(deadline=None, max_examples=50)
def test_parts_are_all_of_a_mix(codec: SoundCodec, samples: int) -> None:
    """Parts follow one another from the first sample to the last, about ten seconds and whole frames each."""
    parts = codec.parts(spec_of([], {}, Fraction(samples, RATE)))
    assert [part.first for part in parts] == [codec.part * number for number in range(len(parts))]
    assert sum(part.samples for part in parts) == samples
    assert {part.samples for part in parts[:-1]} <= {codec.part}
    assert codec.part % codec.frame == 0
    assert 10 * RATE <= codec.part < 10 * RATE + codec.frame


@pytest.mark.parametrize("codec", CODECS, ids=name_of)
def test_nothing_to_hear_is_bad_input(codec: SoundCodec) -> None:
    """A mix without a sample has no parts, and says so."""
    with pytest.raises(InvalidInput) as error:
        codec.parts(spec_of([], {}, Fraction(0)))
    assert error.value.code == "no_sound"


@given(st.sampled_from([AAC, MP3]), st.integers(1, 40_000), st.sampled_from([96_000, 192_000]))
@settings(deadline=None, max_examples=40)
def test_all_samples_come_out_of_a_decoder(codec: SoundCodec, samples: int, bitrate: int) -> None:
    """However short, a sound in parts has packets enough for its last sample, and none more than it needs.

    But that an MP3 has three.
    """
    spec = spec_of([track("a")], {"a": Fraction(samples, RATE)}, None, bitrate)
    (data,) = encoded(codec, spec, Sources({"a": np.full(samples, 0.1)}))
    part = EncodedAudio.from_bytes(data)
    assert part.samples == samples
    frame = codec.frame
    fewest = 3 if codec is MP3 else 1
    assert len(part.packets) == max(fewest, -(-(part.priming + samples) // frame))


def _long(second: float = 0.1, title: float = 0.0) -> list[AudioTrack]:
    """Five minutes: music that is repeated, and words from 100 s on that begin `second` later."""
    return [track("music", loop=True, duck={"by": "words"}), track("words", start=100 + second)]


LONG = {"music": Fraction(63), "words": Fraction(21, 2)}


def _touched(codec: SoundCodec, one: SoundSpec, other: SoundSpec) -> list[SoundPart]:
    """The parts of one mix that the other has not."""
    known = {part.key for part in codec.parts(other)}
    return [part for part in codec.parts(one) if part.key not in known]


@pytest.mark.parametrize("codec", CODECS, ids=name_of)
def test_a_changed_second_makes_the_parts_it_touches(codec: SoundCodec) -> None:
    """Words that begin 0.1 s later are in parts with other names; all others keep theirs."""
    one, other = (spec_of(_long(second), LONG, Fraction(300)) for second in (0.1, 0.2))
    touched = _touched(codec, one, other)
    assert {part.first // codec.part for part in touched} <= {9, 10, 11}
    assert {part.first // codec.part for part in touched} >= {10}
    assert len(codec.parts(one)) in (30, 31)


@pytest.mark.parametrize("codec", CODECS, ids=name_of)
def test_names_depend_on_all_that_is_heard(codec: SoundCodec) -> None:
    """Another source, volume, fade or ducking has other parts; another spelling of a source has not."""
    base = [track("music", volume=0.8, fadeIn=2, duck={"by": "words", "amount": 9}), track("words", start=1)]
    changes = [
        [track("words", volume=0.8, fadeIn=2, duck={"by": "words#", "amount": 9}), base[1]],
        [track("music", volume=0.7, fadeIn=2, duck={"by": "words", "amount": 9}), base[1]],
        [track("music", volume=0.8, fadeIn=3, duck={"by": "words", "amount": 9}), base[1]],
        [track("music", volume=0.8, fadeIn=2, duck={"by": "words", "amount": 8}), base[1]],
        [track("music", volume=0.8, fadeIn=2), base[1]],
    ]
    specs = [spec_of(some, LONG, Fraction(5)) for some in (base, *changes)]
    keys = [codec.parts(spec)[0].key for spec in specs]
    assert len(set(keys)) == len(keys)


@given(st.lists(st.floats(0, 40), min_size=1, max_size=5), st.integers(0, 4), st.floats(0, 40))
@settings(deadline=None, max_examples=100)
def test_parts_with_one_name_sound_alike(starts: list[float], moved: int, to: float) -> None:
    """After any move of any track, parts whose names are still there have the very samples of before."""
    sounds = {f"s{n}": np.random.default_rng(n).normal(0, 0.4, (RATE, 2)) for n in range(len(starts))}
    read = Sources(sounds)
    number = moved % len(starts)
    others = [to if n == number else start for n, start in enumerate(starts)]
    specs = [
        spec_of(
            [track(name, start=start) for name, start in zip(sounds, some, strict=True)],
            lengths(sounds),
            Fraction(42),
        )
        for some in (starts, others)
    ]
    made: dict[str, str] = {}
    for spec in specs:
        for part in PCM.parts(spec):
            digest = hashlib.sha256(PCM.encode(spec, part, read)).hexdigest()
            assert made.setdefault(part.key, digest) == digest


def test_silence_costs_next_to_nothing() -> None:
    """Silent parts have one name, and are encoded once in a process, even where silence is a source."""
    spec = spec_of([], {}, Fraction(60))
    assert len({part.key for part in AAC.parts(spec)}) == 2  # the last has the end
    tracks._silence.cache_clear()
    quiet = mixed(np.zeros(60 * RATE))
    read = Sources({"a": np.zeros(60 * RATE)})
    parts = encoded(AAC, quiet, read)
    assert tracks._silence.cache_info().misses == 2
    assert len(set(parts)) == 2


@pytest.mark.parametrize("codec", CODECS, ids=name_of)
def test_the_order_does_not_matter(codec: SoundCodec) -> None:
    """Parts made in any order, alone or beside others, have the same bytes."""
    sound = programme()
    spec = mixed(sound, 128_000)
    forward = encoded(codec, spec, Sources({"a": sound}))
    backward = [codec.encode(spec, part, Sources({"a": sound})) for part in reversed(codec.parts(spec))]
    assert forward == backward[::-1]


def hashes() -> Iterator[str]:
    """The digests of parts of every codec, for other processes to compare."""
    sound = programme()
    for codec in CODECS:
        for data in encoded(codec, mixed(sound, 96_000), Sources({"a": sound})):
            yield hashlib.sha256(data).hexdigest()


def test_another_process_makes_the_same() -> None:
    """Parts have the same bytes in another process."""
    code = "from tests.unit.renderers.test_sound_parts import hashes; print(*hashes())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True)
    assert done.stdout.split() == list(hashes())


@pytest.mark.parametrize("codec", CODECS, ids=name_of)
def test_is_given_up_when_asked(codec: SoundCodec) -> None:
    """What `check` raises while a part is made comes out."""
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Cancelled("cancelled", "The job was cancelled.")

    spec = spec_of([track("a"), track("a#2")], {"a": 10, "a#2": 10}, Fraction(10))
    with pytest.raises(Cancelled):
        codec.encode(spec, codec.parts(spec)[0], Sources({"a": SINE, "a#2": SINE}), check=check)


def test_parts_of_two_encoders_do_not_join() -> None:
    """Joining parts that were encoded in different ways is an error, not a broken file."""
    one = EncodedAudio((b"x",), b"\x11\x90", RATE, 1024, 1024)
    with pytest.raises(InvalidInput):
        list(alike([one, one._replace(extradata=b"\x12\x10")]))
    with pytest.raises(ValueError, match="too long"):
        flac.encode_part(np.zeros((1, 2), np.float32), 129 * flac.FRAME, RATE, 0, True)
