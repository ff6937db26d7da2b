"""Sounds that have to be decoded to be known: decoded once, and kept as FLAC. Runs in the sandbox only.

Frames are placed by their time stamps, and gaps are filled with silence. Samples of up to 16 bits are kept as
they are; all others in 24 bits at a quarter of their level, for decoders go beyond full scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np

from renderers.foreign.placing import Clock, origin_of
from renderers.foreign.samples import Samples, as_channels, frame_samples, resampling_to, through
from renderers.foreign.soundcodecs import flac_frame
from renderers.sound.packets import RATE, Index, Stream, Writer
from schemas.errors import InvalidInput

_QUARTER = 4.0
_BLOCK = 4096
_MOST_CHANNELS = 8
_TOLERANCE = Fraction(1, 10)
"""Seconds; as FFmpeg's own `async`: packets of WMA and others begin with the end of a frame before."""
_MOST_BROKEN = 100_000
_USUAL = ("", "mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
"""Layouts that FLAC has, by their channels (RFC 9639, 9.1.3)."""
DAMAGED = "Parts of the sound are damaged and are silent."


def write_decoded(container: Any, file: Any, longest_s: float = math.inf) -> tuple[Index, list[str]]:
    """Write the normal form of a container's first sound, of at most `longest_s` seconds; what it is, and
    warnings.

    Raises InvalidInput: `limit_exceeded`, and `broken_audio` when nothing of it can be decoded.
    """
    stream = container.streams.audio[0]
    stream.codec_context.thread_count = 1
    frames = _Frames(container, stream)
    first = next(frames, None)
    if first is None:
        raise InvalidInput("broken_audio", "The file's sound cannot be decoded.")
    rate = first.sample_rate if _is_flac_rate(first.sample_rate) else RATE
    channels = min(first.layout.nb_channels, _MOST_CHANNELS)
    if first.layout.nb_channels > _MOST_CHANNELS:
        channels = 1
    is_small = first.format.name in ("u8", "u8p", "s16", "s16p")
    store = _Flac(file, rate, channels, first.layout.name, is_small=is_small)
    clock = Clock(container, stream, rate, origin_of(container), _TOLERANCE, longest_s)
    run: list[Samples] = []
    run_rate = begun = 0
    for frame in _again(first, frames):
        samples = frame_samples(frame)
        samples = _mixed(samples, channels)
        length = -(-samples.shape[1] * rate // frame.sample_rate)
        at = clock.place(_ticks(frame, stream), length, 0)
        if frame.sample_rate == rate:
            if run:
                store.write(begun, _resampled(run, run_rate, rate))
                run = []
            store.write(at, samples)
            continue
        if run and (run_rate != frame.sample_rate or sum(part.shape[1] for part in run) > 20 * run_rate):
            store.write(begun, _resampled(run, run_rate, rate))
            run = []
        if not run:
            begun, run_rate = at, frame.sample_rate
        run.append(samples)
    if run:
        store.write(begun, _resampled(run, run_rate, rate))
    return store.close(), [DAMAGED] if frames.broken else []


def _ticks(frame: av.AudioFrame, stream: Any) -> int | None:
    if frame.pts is None or not frame.time_base:
        return None
    base: Fraction = stream.time_base
    return round(frame.pts * frame.time_base / base)


def _again(first: av.AudioFrame, rest: Iterator[av.AudioFrame]) -> Iterator[av.AudioFrame]:
    yield first
    yield from rest


class _Frames(Iterator[av.AudioFrame]):
    """All frames that can be decoded; `broken` counts packets that cannot."""

    def __init__(self, container: Any, stream: Any) -> None:
        self.broken = 0
        self._frames = self._decoded(container, stream)

    def __next__(self) -> av.AudioFrame:
        return next(self._frames)

    def _decoded(self, container: Any, stream: Any) -> Iterator[av.AudioFrame]:
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames = stream.codec_context.decode(packet if packet.size else None)
            except (av.FFmpegError, EOFError):
                self.broken += 1
                if self.broken > _MOST_BROKEN:
                    return
                continue
            yield from frames


def _mixed(samples: Samples, channels: int) -> Samples:
    if len(samples) > _MOST_CHANNELS:
        samples = samples.mean(axis=0, keepdims=True, dtype=np.float32)
    return as_channels(samples, channels)


def _resampled(run: list[Samples], source: int, rate: int) -> Samples:
    samples = np.concatenate(run, axis=1)
    return through(samples, source, _USUAL[len(samples)], resampling_to(rate))


def _is_flac_rate(rate: int) -> bool:
    return 0 < rate <= 65_535 or (rate <= 655_350 and rate % 10 == 0)


class _Flac:
    """An encoder whose packets go to the normal form."""

    def __init__(self, file: Any, rate: int, channels: int, layout: str, *, is_small: bool) -> None:
        self._writer = Writer(file, rate)
        self._rate, self._channels, self._is_small = rate, channels, is_small
        self._layout = layout if layout and not layout.endswith("channels") and channels > 2 else ""
        self._written_as = _USUAL[channels]
        context: Any = av.CodecContext.create("flac", "w")
        context.sample_rate, context.layout = rate, self._written_as
        context.format = "s16" if is_small else "s32"
        context.options = {"compression_level": "1"}
        context.open()
        self._context = context
        self._at = 0  # what was given to the encoder
        self._done = 0
        self._rest = np.zeros((channels, 0), np.float32)
        self._end = 0

    def write(self, at: int, samples: Samples) -> None:
        """Sound at a position; what lies before 0 or before what is there already is dropped."""
        here = self._at + self._rest.shape[1]
        if at < here:
            samples = samples[:, here - at :]
            at = here
        if not samples.shape[1]:
            return
        while (gap := at - here) > 0:
            silence = min(gap, self._rate * 4)
            self._take(np.zeros((self._channels, silence), np.float32))
            here += silence
        self._take(samples)
        self._end = here + samples.shape[1]

    def _take(self, samples: Samples) -> None:
        held = np.concatenate((self._rest, samples), axis=1)
        whole = held.shape[1] - held.shape[1] % _BLOCK
        for first in range(0, whole, _BLOCK):
            self._encode(held[:, first : first + _BLOCK])
        self._rest = held[:, whole:]

    def _encode(self, samples: Samples) -> None:
        if self._is_small:
            whole = np.rint(samples * 32768).clip(-32768, 32767).astype(np.int16)
        else:
            # 24 bits, at the top of 32.
            raw = np.rint(np.nan_to_num(samples).astype(np.float64) * ((1 << 23) / _QUARTER))
            whole = raw.clip(-(1 << 23), (1 << 23) - 1).astype(np.int32) << 8
        packed = np.ascontiguousarray(whole.T).reshape(1, -1)
        name = "s16" if self._is_small else "s32"
        frame = av.AudioFrame.from_ndarray(packed, format=name, layout=self._written_as)
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._at, Fraction(1, self._rate)
        self._at += samples.shape[1]
        self._send(self._context.encode(frame))

    def _send(self, packets: list[Any]) -> None:
        for packet in packets:
            data = bytes(packet)
            if data:
                samples = flac_frame(data)[0]
                self._writer.add(self._done, data, samples)
                self._done += samples

    def close(self) -> Index:
        """What was written."""
        if self._rest.shape[1]:
            self._encode(self._rest)
        self._send(self._context.encode(None))
        if not self._end:
            raise InvalidInput("broken_audio", "The file's sound has no length.")
        extradata = bytes(self._context.extradata or b"").hex()
        gain = 1.0 if self._is_small else _QUARTER
        return self._writer.close(
            Stream("flac", self._rate, self._channels, self._layout, extradata, self._end, gain)
        )
