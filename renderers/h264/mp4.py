"""Chunks and sound to one MP4, and what a finished file says of itself.

Chunks are joined as packets. A part's hold is written here, as skip pictures (`headers`), and so is the fade
that leads to it (`blends`): the frame rate is constant, and nothing is encoded twice.
The whole file has one delay between decoding and showing, that of the B-frames, which an edit list takes
away again; another one takes away the sound's priming.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.container import InputContainer, OutputContainer

from renderers.h264 import bitstream, blends, headers, predicted
from renderers.h264.video import EncodedChunk, VideoSpec
from renderers.sound.aac import FRAME, EncodedAudio
from schemas.checks import nothing
from schemas.errors import InvalidInput


class Part(NamedTuple):
    """A chunk, and how many frames its last picture is held beyond its own.

    lead: frames before it that blend from the part before to this chunk's only picture, each with that
    picture's weight (`WHOLE` is all of it). The part before must end with a picture that can be held.
    """

    chunk: EncodedChunk
    hold: int = 0
    lead: tuple[int, ...] = ()


IDR_SECONDS = 10
"""A still's IDR picture is repeated after this time at the latest, so that seeking stays quick."""

_BT709 = 1  # AVCOL_PRI_BT709, AVCOL_TRC_BT709, AVCOL_SPC_BT709
_LIMITED = 1  # AVCOL_RANGE_MPEG


class Sample(NamedTuple):
    """One picture of the file in decoding order: slices after their lengths, times in frames."""

    data: bytes
    pts: int
    dts: int
    is_key: bool


class _Reference(NamedTuple):
    """The last reference picture in decoding order, as far as later ones count on from it."""

    frame_num: int
    poc_lsb: int


def configuration(stream: headers.Stream) -> bytes:
    """What a decoder has to know before the first picture of a stream, written ones included."""
    more = []
    if blends.can_blend(stream):
        more.append(blends.blend_parameters(stream))
    if predicted.can_predict(stream):
        more.append(predicted.predicted_parameters(stream))
    return stream.configuration(*more)


class Joiner:
    """Turns parts into samples, one part at a time; remembers only where the stream stands."""

    def __init__(self, spec: VideoSpec, sps: bytes, pps: bytes) -> None:
        self.stream = headers.Stream(sps, pps)
        macroblocks = (self.stream.sequence.mb_width, self.stream.sequence.mb_height)
        if macroblocks != (-(-spec.width // 16), -(-spec.height // 16)):
            raise InvalidInput("chunks_differ", "A chunk has another size than the video that it is for.")
        self._spec = spec
        self._position = 0
        self._key_at = 0
        self._idr_pic_id = -1
        self._last: _Reference | None = None
        self._holds: dict[bytes, bytes] = {}

    @property
    def frames(self) -> int:
        """Frames written so far."""
        return self._position

    def configuration(self) -> bytes:
        """What a decoder has to know before the first sample (AVCDecoderConfigurationRecord)."""
        return configuration(self.stream)

    def add(self, part: Part) -> Iterator[Sample]:
        """The samples of the next part.

        Raises InvalidInput if its parameter sets differ from the first part's, or if a picture cannot be
        held or faded from although it should be: then it is no reference.
        """
        chunk, hold, lead = part
        if (chunk.sps, chunk.pps) != (self.stream.sps, self.stream.pps):
            raise InvalidInput(
                "chunks_differ", "Two chunks of one video have different parameter sets and cannot be joined."
            )
        if not chunk.packets or len(chunk.packets) != chunk.frames or not chunk.packets[0].is_key or hold < 0:
            raise InvalidInput("broken_chunk", "A chunk has a packet for each frame, and the first is a key.")
        if lead:
            yield from self._blend(chunk, lead)
        else:
            start = self._position
            for packet in chunk.packets:
                data = self._renumber(packet.data) if packet.is_key else packet.data
                yield self._sample(data, start + packet.pts, packet.is_key)
            self._last = self._reference(chunk)
        if hold:
            yield from self._hold(chunk, hold)

    def _reference(self, chunk: EncodedChunk) -> _Reference | None:
        """The chunk's last picture, None where it cannot be held."""
        last = chunk.packets[-1]
        header = self.stream.slice_header(bitstream.split_avcc(last.data)[0])
        if not header.is_reference or last.pts != chunk.frames - 1:
            return None
        return _Reference(header.frame_num, header.poc_lsb)

    def _blend(self, chunk: EncodedChunk, weights: Sequence[int]) -> Iterator[Sample]:
        """The chunk's picture, and before it in the order of showing the frames that fade to it."""
        if self._last is None or chunk.frames != 1 or not blends.can_blend(self.stream):
            raise InvalidInput("cannot_blend", "A fade needs a picture at rest before it and one behind it.")
        stream, before, length = self.stream, self._last, len(weights)
        (unit,) = bitstream.split_avcc(chunk.packets[0].data)
        after = _Reference(before.frame_num + 1, before.poc_lsb + 2 * (length + 1))
        data = blends.as_reference(stream, unit, after.frame_num, after.poc_lsb)
        yield self._sample(bitstream.join_avcc([data]), self._position + length, False)
        for number, weight in enumerate(weights, 1):
            poc = before.poc_lsb + 2 * number
            data = blends.blend_picture(stream, after.frame_num + 1, poc, weight)
            yield self._sample(bitstream.join_avcc([data]), self._position - 1, False)
        self._last = after

    def _sample(self, data: bytes, pts: int, is_key: bool) -> Sample:
        dts = self._position - self.stream.sequence.reorder
        if pts < dts:
            raise InvalidInput("broken_chunk", "A picture is shown before it can have been decoded.")
        if is_key:
            self._key_at = pts
        self._position += 1
        return Sample(data, pts, dts, is_key)

    def _renumber(self, data: bytes) -> bytes:
        """Give an IDR picture another `idr_pic_id` than the one before it has (H.264, 7.4.3)."""
        units = bitstream.split_avcc(data)
        number = self.stream.slice_header(units[0]).idr_pic_id
        if number != self._idr_pic_id:
            self._idr_pic_id = number
            return data
        renumbered = [self.stream.renumber_idr(unit) for unit in units]
        self._idr_pic_id = self.stream.slice_header(renumbered[0]).idr_pic_id
        return bitstream.join_avcc(renumbered)

    def _hold(self, chunk: EncodedChunk, hold: int) -> Iterator[Sample]:
        if self._last is None:
            raise InvalidInput("cannot_hold", "A chunk whose last picture is not a reference cannot be held.")
        is_still = chunk.frames == 1
        for _ in range(hold):
            if is_still and self._position - self._key_at >= IDR_SECONDS * self._spec.fps:
                self._last = _Reference(0, 0)
                yield self._sample(self._renumber(chunk.packets[0].data), self._position, True)
            else:
                self._last = _Reference(self._last.frame_num + 1, self._last.poc_lsb + 2)
                yield self._sample(
                    self._skip(self._last.frame_num, self._last.poc_lsb), self._position, False
                )

    def _skip(self, frame_num: int, poc: int) -> bytes:
        unit = self.stream.skip_picture(frame_num, poc)
        if unit not in self._holds:
            self._holds[unit] = bitstream.join_avcc([unit])
        return self._holds[unit]


def join(
    path: str | Path,
    spec: VideoSpec,
    parts: Iterable[Part],
    audio: EncodedAudio | None,
    *,
    check: Callable[[], None] = nothing,
) -> None:
    """Write the MP4 at `path`: the parts one after the other, with sound if there is any.

    Sound is cut to whole packets by whoever encodes it; here it is only set in time. The parts are
    read one by one, so memory does not grow with the film. check: called before each part; may
    raise. When anything raises, no file is left. The same input gives the same bytes.
    """
    iterator = iter(parts)
    first = next(iterator, None)
    if first is None:
        raise InvalidInput("empty_video", "A video has at least one part.")
    joiner = Joiner(spec, first.chunk.sps, first.chunk.pps)
    if audio is not None and not audio.packets:
        audio = None
    options = {"movflags": "faststart", "movie_timescale": str(_movie_timescale(spec, audio))}
    try:
        with av.open(str(path), "w", format="mp4", options=options | {"fflags": "+bitexact"}) as output:
            video = _add_video(output, spec, joiner.configuration())
            sound = None if audio is None else _Sound(output, audio)
            output.start_encoding()
            if sound is not None:
                sound.begin()
            tick = _ticks(video, spec.fps)
            for part in _chain(first, iterator):
                check()
                for sample in joiner.add(part):
                    if sound is not None:
                        sound.write_until(sample.dts, spec.fps)
                    packet = av.Packet(sample.data)
                    packet.stream, packet.is_keyframe = video, sample.is_key
                    packet.pts, packet.dts, packet.duration = sample.pts * tick, sample.dts * tick, tick
                    output.mux_one(packet)
            if sound is not None:
                sound.write_all()
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise


def _chain(first: Part, rest: Iterator[Part]) -> Iterator[Part]:
    yield first
    yield from rest


def _ticks(stream: Any, rate: int) -> int:
    """How many ticks of the stream's clock, as the container chose it, make 1 / `rate` s: a whole number."""
    ticks: Fraction = Fraction(1, rate) / stream.time_base
    assert ticks.denominator == 1, f"{rate} Hz cannot be told in units of {stream.time_base} s"
    return ticks.numerator


def _movie_timescale(spec: VideoSpec, audio: EncodedAudio | None) -> int:
    """Ticks a second in which both tracks' durations and edit lists are exact (ISO/IEC 14496-12, 8.2.2)."""
    return 1000 * spec.fps if audio is None else math.lcm(spec.fps, audio.sample_rate)


def _add_video(output: OutputContainer, spec: VideoSpec, configuration: bytes) -> Any:
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
        self._output, self._audio = output, audio
        self._stream = output.add_stream("aac", rate=audio.sample_rate)
        self._stream.codec_context.layout = "stereo"
        self._next = 0

    def begin(self) -> None:
        """Check the track that the header now describes: one tick a sample, and the packets' own format."""
        assert _ticks(self._stream, self._audio.sample_rate) == 1
        if self._stream.codec_context.extradata != self._audio.extradata:
            raise InvalidInput("broken_sound", "The sound was encoded by another version of the encoder.")

    def write_until(self, frame: int, fps: int) -> None:
        """Write the packets that begin before a frame is decoded."""
        self._write(self._audio.priming + frame * self._audio.sample_rate // fps)

    def write_all(self) -> None:
        """Write what is left."""
        self._write(len(self._audio.packets) * FRAME)

    def _write(self, end: int) -> None:
        audio = self._audio
        while self._next * FRAME < end and self._next < len(audio.packets):
            packet = av.Packet(audio.packets[self._next])
            at = self._next * FRAME
            packet.stream, packet.is_keyframe = self._stream, True
            packet.pts = packet.dts = at - audio.priming
            packet.duration = max(1, min(FRAME, audio.priming + audio.samples - at))
            self._output.mux_one(packet)
            self._next += 1


_NO_PICTURES: Any = [{"skip_frame": "all"}]  # of the first stream; dictionaries, whatever PyAV's stub says


class Probe(NamedTuple):
    """What a media file says of itself: seconds, pixels, counts; None and 0 for what it does not have."""

    size: int
    format: str
    duration: float
    width: int = 0
    height: int = 0
    fps: float = 0.0
    frames: int = 0
    video_codec: str | None = None
    video_duration: float = 0.0
    audio_codec: str | None = None
    sample_rate: int = 0
    channels: int = 0
    audio_samples: int = 0


def _headers(path: str) -> InputContainer:
    """A file whose streams are known. By itself FFmpeg decodes a picture for it: most of what it takes to
    finish a short film.
    """
    try:
        return av.open(path, stream_options=_NO_PICTURES)
    except ValueError:  # no stream is in its head: PyAV has nothing to give the options to
        return av.open(path)


def probe(path: str | Path) -> Probe:
    """Read a file's headers; raises InvalidInput for what is no media file. Nothing is decoded."""
    try:
        with _headers(str(path)) as source:
            found: dict[str, Any] = {
                "size": Path(path).stat().st_size,
                "format": source.format.name,
                "duration": (source.duration or 0) / 1_000_000,
            }
            for stream in source.streams.video[:1]:
                found |= {
                    "width": stream.codec_context.width,
                    "height": stream.codec_context.height,
                    "fps": float(stream.average_rate or 0),
                    "frames": stream.frames,
                    "video_codec": stream.codec_context.name,
                    "video_duration": _seconds(stream),
                }
            for sound in source.streams.audio[:1]:
                rate = sound.codec_context.sample_rate
                found |= {
                    "audio_codec": sound.codec_context.name,
                    "sample_rate": rate,
                    "channels": sound.codec_context.channels,
                    "audio_samples": round(_seconds(sound) * rate),
                }
            return Probe(**found)
    except (av.error.FFmpegError, OSError) as error:
        raise InvalidInput("unreadable_file", "It is neither a video nor a sound.") from error


def _seconds(stream: Any) -> float:
    return float((stream.duration or 0) * (stream.time_base or 0))
