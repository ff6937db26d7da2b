"""Samples from the normal form of a sound. Runs in the sandbox only (`renderers.foreign.decode`).

A stretch is decoded from a second before it on and resampled at the phases of the whole, so it is the same
wherever a read begins. AAC's noise (PNS, SBR) depends on where decoding began: it is decoded in groups of
fixed bounds, so that reads agree with one another to the bit, and with a decoder's run through all of it in
all but that noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from renderers._arrays import NDArray
from renderers.sound.packets import HEAD, RATE, Index, Packet, Span, Stream, packets_of, read_head, span_of

Samples = NDArray[np.float32]
"""Shape (channels, samples), full scale ±1."""


def resampling_to(rate: int) -> str:
    """FFmpeg's filter to another rate."""
    return f"aresample={rate}:filter_size=64:cutoff=0.97"


_NAMED = 8  # channels for which FFmpeg has a usual layout, whatever their number
_PCM: dict[str, tuple[str, float, float]] = {
    "pcm_u8": ("u1", 128, 128),
    "pcm_s16le": ("<i2", 0, 1 << 15),
    "pcm_s16be": (">i2", 0, 1 << 15),
    "pcm_s32le": ("<i4", 0, 1 << 31),
    "pcm_s32be": (">i4", 0, 1 << 31),
    "pcm_f32le": ("<f4", 0, 1),
    "pcm_f32be": (">f4", 0, 1),
    "pcm_f64le": ("<f8", 0, 1),
    "pcm_f64be": (">f8", 0, 1),
}


def write_samples(path: str, out: str, first: int, count: int) -> dict[str, Any]:
    """Write `count` stereo samples at 48 kHz from `first` on, as 32-bit floats, left and right in turn."""
    with open(path, "rb") as file:
        offset, size = read_head(file.read(HEAD.size))
        file.seek(offset)
        index = Index.from_bytes(file.read(size))
        sound = np.zeros((count, 2), np.float32)
        begin, end = max(0, first), min(index.stream.samples, first + count)
        if begin < end:
            span = span_of(index.stream, begin, end - begin)
            source = stereo(_source(file, index, span), index.stream)
            made = resampled(source, index.stream.rate)[:, begin - span.out : end - span.out]
            sound[begin - first : begin - first + made.shape[1]] = made.T
    np.nan_to_num(sound, copy=False, posinf=0.0, neginf=0.0)
    Path(out).write_bytes(sound.astype("<f4", copy=False).tobytes())
    return {}


def _source(file: Any, index: Index, span: Span) -> Samples:
    """The source's own samples of a span; silence where there is nothing."""
    stream = index.stream
    sound = np.zeros((stream.channels, max(0, span.end - span.first)), np.float32)
    for number, run in enumerate(index.runs(span)):
        filled = max(index.starts[run.first], span.first) if number else span.first
        for at, samples in decoded(stream, _packets(file, index, run.warm, run.end)):
            skip = max(0, filled - at)
            heard = samples[:, skip : max(skip, span.end - at)]
            if heard.shape[1]:
                place = at + skip - span.first
                sound[:, place : place + heard.shape[1]] = heard
                filled = at + skip + heard.shape[1]
    return sound if stream.gain == 1 else sound * np.float32(stream.gain)


def _packets(file: Any, index: Index, first: int, end: int) -> Iterator[Packet]:
    for number in range(first, end):
        file.seek(index.offsets[number])
        yield from packets_of(file.read(index.offsets[number + 1] - index.offsets[number]))


def decoded(stream: Stream, packets: Iterator[Packet]) -> Iterator[tuple[int, Samples]]:
    """(position, samples) of each packet; one that is broken gives nothing."""
    if stream.codec in _PCM or stream.codec in ("pcm_s24le", "pcm_s24be"):
        for packet in packets:
            yield packet.position, pcm_samples(stream.codec, packet.data, stream.channels)
        return
    context = decoder_of(stream)
    clock = Fraction(1, stream.rate)
    for packet in packets:
        compressed = av.Packet(packet.data)
        compressed.pts = compressed.dts = packet.position
        compressed.time_base = clock
        yield from _frames(context, compressed, stream)
    yield from _frames(context, None, stream)


def _frames(context: Any, packet: Any, stream: Stream) -> Iterator[tuple[int, Samples]]:
    try:
        frames = context.decode(packet)
    except (av.FFmpegError, ValueError):
        return
    for frame in frames:
        if frame.pts is not None and frame.sample_rate == stream.rate:
            yield int(frame.pts), as_channels(frame_samples(frame), stream.channels)


def decoder_of(stream: Stream) -> Any:
    """FFmpeg's decoder, with one thread and ready."""
    context: Any = av.CodecContext.create(stream.codec, "r")
    context.thread_count = 1
    if stream.extradata:
        context.extradata = bytes.fromhex(stream.extradata)
    context.sample_rate = stream.rate
    context.layout = stream.layout or {1: "mono", 2: "stereo"}.get(stream.channels, f"{stream.channels}c")
    return context


def pcm_samples(codec: str, data: bytes, channels: int) -> Samples:
    """Plain samples as floats."""
    if codec in ("pcm_s24le", "pcm_s24be"):
        raw = np.frombuffer(data[: len(data) - len(data) % (3 * channels)], np.uint8).reshape(-1, 3)
        wide = np.zeros((len(raw), 4), np.uint8)
        wide[:, 1:] = raw if codec == "pcm_s24le" else raw[:, ::-1]
        flat = wide.view("<i4").reshape(-1).astype(np.float32) * np.float32(2**-31)
    else:
        kind, zero, full = _PCM[codec]
        size = np.dtype(kind).itemsize * channels
        values = np.frombuffer(data[: len(data) - len(data) % size], kind)
        flat = ((values.astype(np.float32) - np.float32(zero)) * np.float32(1 / full)).astype(np.float32)
    return flat.reshape(-1, channels).T


_SCALES = {"u8": 2.0**-7, "s16": 2.0**-15, "s32": 2.0**-31, "s64": 2.0**-63}


def frame_samples(frame: av.AudioFrame) -> Samples:
    """What a frame holds, as floats of shape (channels, samples)."""
    if frame.format.is_planar and frame.layout.nb_channels >= _NAMED:
        frame = _packed(frame)
    values = frame.to_ndarray()
    name = frame.format.name.removesuffix("p")
    if not frame.format.is_planar:
        values = values.reshape(frame.samples, -1).T
    if name == "u8":
        return ((values.astype(np.float32) - 128) * np.float32(_SCALES[name])).astype(np.float32)
    if name in _SCALES:
        return (values.astype(np.float32) * np.float32(_SCALES[name])).astype(np.float32)
    return values.astype(np.float32)


def _packed(frame: av.AudioFrame) -> av.AudioFrame:
    """The frame with its channels in turn: PyAV 18 reads behind the last of eight planes and more."""
    packer = _packer(frame.layout.name, frame.sample_rate)
    at, frame.pts = frame.pts, None
    packed = packer.resample(frame)[0]
    frame.pts = packed.pts = at
    return packed


@lru_cache(4)
def _packer(layout: str, rate: int) -> av.AudioResampler:
    return av.AudioResampler(format="flt", layout=layout, rate=rate)


def as_channels(samples: Samples, channels: int) -> Samples:
    """The samples with another number of channels, for streams that change: mono to all, else by place."""
    if len(samples) == channels:
        return samples
    if len(samples) == 1:
        return np.repeat(samples, channels, axis=0)
    if channels == 1:
        mean: Samples = samples.mean(axis=0, keepdims=True, dtype=np.float32)
        return mean
    changed = np.zeros((channels, samples.shape[1]), np.float32)
    shared = min(channels, len(samples))
    changed[:shared] = samples[:shared]
    return changed


def stereo(samples: Samples, stream: Stream) -> Samples:
    """Left and right: mono on both as it is, a known layout by FFmpeg's own matrix, others evenly."""
    channels = len(samples)
    if channels == 1:
        return np.repeat(samples, 2, axis=0)
    if channels == 2:
        return samples
    layout = known_layout(stream.layout, channels)
    if layout is None:
        return np.repeat(samples.mean(axis=0, keepdims=True, dtype=np.float32), 2, axis=0)
    return through(samples, stream.rate, layout, "aresample=ochl=stereo")


def known_layout(name: str, channels: int) -> str | None:
    """A layout that FFmpeg can mix down: the stream's, else the usual one of its number of channels."""
    usual = {3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}.get(channels)
    try:
        layout = av.AudioLayout(name)
        if name and layout.nb_channels == channels and _mixes(name):
            return name
    except ValueError:
        pass
    return usual


def _mixes(name: str) -> bool:
    channels = av.AudioLayout(name).nb_channels
    try:
        through(np.zeros((channels, 64), np.float32), RATE, name, "aresample=ochl=stereo")
    except (av.FFmpegError, ValueError):
        return False
    return not name.endswith("channels")


def resampled(samples: Samples, rate: int) -> Samples:
    """Stereo at 48 kHz, from its first sample on."""
    return samples if rate == RATE else through(samples, rate, "stereo", resampling_to(RATE))


def through(samples: Samples, rate: int, layout: str, filters: str) -> Samples:
    """What FFmpeg's filters make of a sound in one piece."""
    name, _, options = filters.partition("=")
    graph = av.filter.Graph()
    graph.threads = 1
    source = graph.add_abuffer(format="fltp", sample_rate=rate, layout=layout, time_base=Fraction(1, rate))
    made = graph.add(name, options)
    form = graph.add("aformat", "sample_fmts=fltp")
    sink = graph.add("abuffersink")
    source.link_to(made)
    made.link_to(form)
    form.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    graph.push(frame)
    graph.push(None)
    found = []
    while True:
        try:
            pulled: Any = sink.pull()
            found.append(pulled.to_ndarray())
        except (av.error.BlockingIOError, av.error.EOFError):
            break
    return np.concatenate(found, axis=1) if found else np.zeros((2, 0), np.float32)
