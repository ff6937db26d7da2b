"""The sound of the example, composed here: a quiet piece for pads, mallets, bass and brushes; chimes.

Four bars of harmony go round (Dmaj9, Bm9, Gmaj9, A6sus) at 84 beats a minute. Sound is a float array of
shape (2, samples) at RATE; seconds are those of the film.
"""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
BEAT = 60 / 84
Sound = NDArray[np.floating[Any]]

CHORDS = ((38, (57, 61, 64, 66)), (35, (57, 62, 66, 73)), (31, (59, 62, 66, 69)), (33, (57, 62, 64, 71)))
"""Bass note and the voices above it, as MIDI notes."""
FIGURE = (0, 2, 1, 3, 2, 1, 3, 2)
CHIMES = (78, 81, 85, 90, 88, 85, 81, 83, 86)


def hertz(note: float) -> float:
    """The frequency of a MIDI note, A4 being 440 Hz."""
    return 440.0 * 2 ** ((note - 69) / 12)


def music(rng: np.random.Generator, seconds: float) -> Sound:
    """The piece, as long as the film."""
    total = np.zeros((2, round(seconds * RATE) + RATE))
    bar = 4 * BEAT
    bars = int(seconds / bar) + 1
    last = bars - 1
    for number in range(bars):
        bass, voices = CHORDS[number % 4]
        at = number * bar
        for voice, note in enumerate(voices):
            _add(total, _pad(rng, hertz(note), bar * 1.25), at, 0.060, pan=0.25 + 0.17 * voice)
        if number >= 1:
            _add(total, _bass(hertz(bass), bar * 0.98), at, 0.20)
        if number >= 2:
            _pluck_bar(total, at, voices, 0.075 if number < 4 else 0.10)
        if 4 <= number < last:
            _brushes(rng, total, at)
    wet = _room(rng, total)
    mixed = total * 0.80 + wet * 0.34
    return _finished(mixed[:, : round(seconds * RATE)], fade_out=3.0)


def chimes(rng: np.random.Generator, seconds: float, at: Sequence[float]) -> Sound:
    """A bell or three where each slide begins."""
    total = np.zeros((2, round(seconds * RATE) + 4 * RATE))
    for number, start in enumerate(at):
        for step in range(3):
            note = CHIMES[(number * 2 + step * 2) % len(CHIMES)]
            place = 0.3 + 0.4 * ((number + step) % 3) / 2
            _add(total, _bell(hertz(note)), start + 0.17 * step, 0.16 / (1 + 0.5 * step), pan=place)
    wet = _room(rng, total)
    return _finished((total * 0.6 + wet * 0.6)[:, : round(seconds * RATE)], fade_out=1.5, peak=0.6)


def _time(seconds: float) -> Sound:
    return np.arange(round(seconds * RATE)) / RATE


def _add(total: Sound, sound: Sound, at: float, volume: float, pan: float = 0.5) -> None:
    """Mix a mono sound in, from `at` seconds on; pan 0 is left."""
    first = round(at * RATE)
    length = min(sound.shape[-1], total.shape[1] - first)
    if length > 0:
        total[0, first : first + length] += sound[:length] * volume * np.cos(pan * np.pi / 2) * 1.41
        total[1, first : first + length] += sound[:length] * volume * np.sin(pan * np.pi / 2) * 1.41


def _pad(rng: np.random.Generator, frequency: float, seconds: float) -> Sound:
    """Three voices, slightly apart, with few overtones, swelling and going."""
    t = _time(seconds)
    sound = np.zeros_like(t)
    for apart in (-0.0028, 0.0, 0.0031):
        turns = frequency * (1 + apart) * t + rng.random()
        phase = ((turns % 1) * (2 * np.pi)).astype(np.float32)  # sines of short floats are quicker
        one = np.sin(phase)
        square = one * one
        two, three = 2 * one * np.cos(phase), one * (3 - 4 * square)  # overtones without another sine
        five = one * (16 * square * square - 20 * square + 5)
        sound += one + 0.42 * two + 0.16 * three + 0.05 * five
    shape = np.minimum(1, t / 0.9) * np.minimum(1, (seconds - t) / 1.1)
    result: Sound = sound * np.sin(shape * np.pi / 2) ** 2 * (1 + 0.08 * np.sin(2 * np.pi * 0.31 * t))
    return result


def _bass(frequency: float, seconds: float) -> Sound:
    t = _time(seconds)
    phase = 2 * np.pi * frequency * t
    shape = np.minimum(1, t / 0.03) * np.exp(-t / 1.9) * np.minimum(1, (seconds - t) / 0.08)
    result: Sound = (np.sin(phase) + 0.35 * np.sin(2 * phase) + 0.12 * np.sin(3 * phase)) * shape
    return result


def _pluck(frequency: float) -> Sound:
    """A soft mallet: a tone whose overtones die first."""
    t = _time(1.6)
    phase = 2 * np.pi * frequency * t
    overtones = 1.1 * np.exp(-t / 0.10) * np.sin(2 * phase)
    result: Sound = np.sin(phase + overtones) * np.exp(-t / 0.42) * np.minimum(1, t / 0.004)
    return result


def _pluck_bar(total: Sound, at: float, voices: Sequence[int], volume: float) -> None:
    for step, voice in enumerate(FIGURE):
        sound = _pluck(hertz(voices[voice] + 12))
        start = at + step * BEAT / 2
        accent = volume * (1.0 if step % 4 == 0 else 0.72)
        _add(total, sound, start, accent, pan=0.35)
        for echo in range(1, 4):  # from side to side, softer each time
            _add(total, sound, start + echo * BEAT * 0.75, accent * 0.42**echo, pan=0.8 if echo % 2 else 0.2)


def _bell(frequency: float) -> Sound:
    """A bell by the partials of a small church bell."""
    t = _time(3.2)
    sound = np.zeros_like(t)
    for ratio, level, decay in (
        (0.5, 0.25, 1.6),
        (1, 1.0, 1.2),
        (2.0, 0.5, 0.7),
        (2.76, 0.32, 0.45),
        (5.4, 0.14, 0.16),
    ):
        sound += level * np.sin(2 * np.pi * frequency * ratio * t) * np.exp(-t / decay)
    result: Sound = sound * np.minimum(1, t / 0.003)
    return result


def _brushes(rng: np.random.Generator, total: Sound, at: float) -> None:
    """A soft drum on one and three, a brush on two and four, a shaker between."""
    for beat in range(4):
        start = at + beat * BEAT
        if beat % 2 == 0:
            t = _time(0.32)
            sweep = 2 * np.pi * (46 * t + 9 * (1 - np.exp(-t / 0.035)) * 0.30)
            _add(total, np.sin(sweep) * np.exp(-t / 0.11) * np.minimum(1, t / 0.003), start, 0.26)
        else:
            t = _time(0.22)
            _add(total, _hiss(rng, t.size, 9) * np.exp(-t / 0.06) * np.minimum(1, t / 0.012), start, 0.12)
        for half in (0.0, 0.5):
            t = _time(0.09)
            shape = np.exp(-t / 0.022) * np.minimum(1, t / 0.006)
            _add(total, _hiss(rng, t.size, 2) * shape, start + half * BEAT, 0.035 + 0.02 * half, pan=0.62)


def _hiss(rng: np.random.Generator, samples: int, dull: int) -> Sound:
    """Noise without its lowest part; the larger `dull`, the fewer highs."""
    raw = rng.standard_normal(samples + dull)
    softened = np.convolve(raw, np.ones(dull) / dull, mode="valid")[:samples]
    result: Sound = np.diff(softened, prepend=0.0) * np.sqrt(dull)
    return result


def _room(rng: np.random.Generator, dry: Sound) -> Sound:
    """A hall: the sound, convolved with noise that dies away."""
    t = _time(2.4)
    size = -(-(dry.shape[1] + t.size) // 32_768) * 32_768  # few and small prime factors
    wet = np.zeros_like(dry)
    for side in (0, 1):
        tail = np.convolve(rng.standard_normal(t.size + 5), np.ones(6) / 6, mode="valid") * np.exp(-t / 0.50)
        tail[: round(0.018 * RATE)] = 0  # the walls are six metres away
        tail /= np.sqrt(np.sum(tail**2))
        spectrum = np.fft.rfft(dry[side], size) * np.fft.rfft(tail, size)
        wet[side] = np.fft.irfft(spectrum, size)[: dry.shape[1]]
    return wet


def _finished(sound: Sound, fade_out: float, peak: float = 0.75) -> Sound:
    """At a common loudness, with a rounded end."""
    end = np.clip((sound.shape[1] - np.arange(sound.shape[1])) / (fade_out * RATE), 0, 1)
    shaped = sound * np.sin(end * np.pi / 2)
    shaped = np.tanh(shaped / (np.abs(shaped).max() * 0.75)) if np.abs(shaped).max() > 0 else shaped
    result: Sound = shaped / max(1e-9, float(np.abs(shaped).max())) * peak
    return result


def write(sound: Sound, path: Path) -> None:
    """A WAV file of 16 bits."""
    samples = np.round(np.clip(sound, -1, 1).T * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
