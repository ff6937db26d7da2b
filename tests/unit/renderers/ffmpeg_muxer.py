"""FFmpeg's muxer, by PyAV: the reference that files of our own are compared with, byte for byte."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer

from renderers.h264.joining import Joiner, Part
from renderers.h264.video import VideoSpec
from renderers.sound.aac import FRAME, EncodedAudio

_BT709 = 1  # AVCOL_PRI_BT709, AVCOL_TRC_BT709, AVCOL_SPC_BT709
_LIMITED = 1  # AVCOL_RANGE_MPEG


def join(path: Path, spec: VideoSpec, parts: Iterable[Part], audio: EncodedAudio | None) -> None:
    """Write the MP4 at `path`: the samples of the parts one after the other, with sound if there is any."""
    parts = list(parts)
    joiner = Joiner(spec, parts[0].chunk.sps, parts[0].chunk.pps)
    timescale = 1000 * spec.fps if audio is None else math.lcm(spec.fps, audio.sample_rate)
    options = {"movflags": "faststart", "movie_timescale": str(timescale), "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=options) as output:
        video = add_video(output, spec, joiner.configuration())
        sound = None if audio is None else _Sound(output, audio)
        output.start_encoding()
        tick = _ticks(video, spec.fps)
        for part in parts:
            for sample in joiner.add(part):
                if sound is not None:
                    sound.write(sound.audio.priming + sample.dts * sound.audio.sample_rate // spec.fps)
                packet = av.Packet(sample.data)
                packet.stream, packet.is_keyframe = video, sample.is_key
                packet.pts, packet.dts, packet.duration = sample.pts * tick, sample.dts * tick, tick
                output.mux_one(packet)
        if sound is not None:
            sound.write(len(sound.audio.packets) * FRAME)


def m4a(path: Path, audio: EncodedAudio) -> None:
    """Write a file of sound alone."""
    options = {"movflags": "faststart", "movie_timescale": str(audio.sample_rate), "fflags": "+bitexact"}
    with av.open(str(path), "w", format="ipod", options=options) as output:
        sound = _Sound(output, audio)
        output.start_encoding()
        sound.write(len(audio.packets) * FRAME)


def _ticks(stream: Any, rate: int) -> int:
    """How many ticks of the stream's clock, as the container chose it, make 1 / `rate` s: a whole number."""
    ticks: Fraction = Fraction(1, rate) / stream.time_base
    assert ticks.denominator == 1, f"{rate} Hz cannot be told in units of {stream.time_base} s"
    return ticks.numerator


def add_video(output: OutputContainer, spec: VideoSpec, configuration: bytes) -> Any:
    """A stream for packets that exist already: no encoder is opened, the template only names a codec."""
    with av.open(io.BytesIO(), "w", format="mp4") as scratch:
        template = scratch.add_stream("libx264", rate=spec.fps, width=spec.width, height=spec.height)
        stream = output.add_stream_from_template(template)
    context = stream.codec_context
    context.extradata = configuration
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = _LIMITED
    context.framerate = Fraction(spec.fps)
    stream.time_base = Fraction(1, spec.fps)
    return stream


class _Sound:
    """The sound track of a file being written, fed in step with the pictures."""

    def __init__(self, output: OutputContainer, audio: EncodedAudio) -> None:
        self._output, self.audio = output, audio
        self._stream = output.add_stream("aac", rate=audio.sample_rate)
        self._stream.codec_context.layout = "stereo"
        self._next = 0

    def write(self, end: int) -> None:
        """Write the packets that begin before a sample of the sound, its priming counted."""
        audio = self.audio
        while self._next * FRAME < end and self._next < len(audio.packets):
            packet = av.Packet(audio.packets[self._next])
            at = self._next * FRAME
            packet.stream, packet.is_keyframe = self._stream, True
            packet.pts = packet.dts = at - audio.priming
            packet.duration = max(1, min(FRAME, audio.priming + audio.samples - at))
            self._output.mux_one(packet)
            self._next += 1
