"""Pictures to H.264: one still, or one moving stretch, as a chunk that joins with any other.

All chunks of one `VideoSpec` have the same SPS and PPS, each begins with an IDR picture and refers
to nothing outside, and each depends on nothing but its pictures and the spec: a fresh, single
threaded x264 for every chunk (opening one takes 2 ms), so the bytes are the same in any order.

Quality decides the size (CRF). Where `max_bitrate` is given, it holds for every window of two
seconds of the file and so for the whole: see `MOVING_SHARE` and `STILL_SECONDS`.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from renderers import instructions
from renderers._arrays import NDArray
from renderers.composing.yuv import video_frame
from renderers.h264 import bitstream, headers, predicted
from renderers.h264.predicted import KnownMotion
from schemas.checks import nothing
from schemas.errors import InvalidInput

Frame = NDArray[np.uint8]
"""Planar YUV 4:2:0, BT.709, limited range: shape (height * 3 // 2, width), contiguous."""

GLOBAL_HEADER = 1 << 22  # AV_CODEC_FLAG_GLOBAL_HEADER: parameter sets apart from the pictures
LONGEST_GOP = 600  # the same for all chunks; none is as long

MOVING_SHARE = 0.6
"""Of the cap, what the VBV of a moving stretch is filled with; the rest is for the IDRs around it."""
MOVING_BUFFER = 0.4
"""Size of that VBV in seconds of its own rate: x264 spends no more than rate * time + size."""
STILL_SECONDS = 0.5
"""A still's IDR takes at most what the cap allows in this time. So the cap holds for stills that are
held at least as long; shorter ones belong into a moving stretch where there is a cap."""

PUSHED_CRF = 1.0
"""The quality below `still_crf` of a picture that was pushed in: what is around it moves, and one in three is
in the file twice, as it is no key picture and one is due every ten seconds."""
STOPPED_CRF = 4.5
"""The same of a picture that is seen on the way only."""

HELD_QP = -2.5
"""The quantiser of a moving stretch's held picture above `still_crf`."""

MOVING_KEY = 2.0
"""How many times its bits the first picture of a stretch gets: what does not move is copied from it."""
SMOOTH_CRF = 2.5
"""The quality below `crf` of what is encoded at more than 30 frames a second: each is seen half as long."""
KNOWN_CRF = -1.5
"""The quality of anchors above `crf`."""
KNOWN_LOOKAHEAD = 6
"""Anchors that x264 looks ahead: each stands for eight frames, and takes as much memory as any frame."""
KNOWN_KEY = 1.7
"""As `MOVING_KEY` for known motion: x264 raises a picture's quality by how many are made of it, and sees an
eighth of them."""

FAST = {"subme": "1", "me": "dia", "partitions": "i8x8,i4x4"}
"""What moving pictures are encoded with instead of `veryfast`'s own: see docs/performance.md."""

_WORST_CRF = 51.0
_LOOKAHEAD_PIXELS = 20 * 1920 * 1080
_PRESET_LOOKAHEAD = {"ultrafast": 0, "superfast": 0, "veryfast": 8, "faster": 20, "fast": 30}


@dataclass(frozen=True)
class VideoSpec:
    """How a video is encoded: part of the name of each of its chunks.

    width, height: even, in pixels. crf: x264's constant rate factor for moving pictures, still_crf
    that of pictures looked at for seconds. max_bitrate: a cap in bit/s (see the module), or None.
    `veryfast` as it is changed here needs a third of the time of `medium` at 23, and half of its memory,
    for VMAF and sizes close to it (docs/performance.md).
    """

    width: int
    height: int
    fps: int
    codec: str = "libx264"
    crf: float = 19.8
    still_crf: float = 17.5
    preset: str = "veryfast"
    max_bitrate: int | None = None

    def __post_init__(self) -> None:
        if self.codec != "libx264":
            raise InvalidInput("unsupported_codec", f"Chunks are encoded by libx264, not by {self.codec!r}.")
        if self.width < 16 or self.height < 16 or self.width % 2 or self.height % 2:
            size = f"{self.width}x{self.height}"
            raise InvalidInput("bad_video_size", f"Both sides must be even and 16 or more, not {size}.")
        if not 1 <= self.fps <= 240:
            raise InvalidInput("bad_frame_rate", f"A video has 1 to 240 frames a second, not {self.fps}.")
        if self.max_bitrate is not None and self.max_bitrate < 10_000:
            raise InvalidInput("bad_bitrate", "A video's bit rate is capped at 10 kbit/s or more.")

    def cache_fields(self) -> dict[str, Any]:
        """All that determines the bytes of a chunk besides its pictures, for content hashes."""
        return asdict(self)

    @property
    def shortest_still(self) -> int:
        """The fewest frames a still must be held for `max_bitrate` to hold; 1 without a cap."""
        return 1 if self.max_bitrate is None else math.ceil(STILL_SECONDS * self.fps)


class Packet(NamedTuple):
    """One encoded picture: its slices, each after its length in four bytes; `pts` in frames."""

    data: bytes
    pts: int
    is_key: bool


_HEAD = struct.Struct(">4sBI")  # magic, version, CRC-32 of all that follows
_SIZES = struct.Struct(">IHHI")  # frames, bytes of sps and of pps, packets
_ENTRY = struct.Struct(">IIB")  # length, pts, is_key
_MAGIC, _VERSION = b"XSvc", 1


class EncodedChunk(NamedTuple):
    """A closed group of pictures in decoding order, with the parameter sets it needs."""

    sps: bytes
    pps: bytes
    packets: tuple[Packet, ...]
    frames: int

    def to_bytes(self) -> bytes:
        """The form in the object store: a head, a table of packets, their data."""
        table = b"".join(_ENTRY.pack(len(p.data), p.pts, p.is_key) for p in self.packets)
        sizes = _SIZES.pack(self.frames, len(self.sps), len(self.pps), len(self.packets))
        body = b"".join((sizes, self.sps, self.pps, table, *(p.data for p in self.packets)))
        return _HEAD.pack(_MAGIC, _VERSION, zlib.crc32(body)) + body

    @classmethod
    def from_bytes(cls, data: bytes) -> EncodedChunk:
        """The counterpart of `to_bytes`; raises InvalidInput for anything else."""
        if len(data) < _HEAD.size + _SIZES.size or data[:4] != _MAGIC:
            raise InvalidInput("broken_chunk", "This is not an encoded chunk.")
        _, version, crc = _HEAD.unpack_from(data)
        if version != _VERSION:
            raise InvalidInput("broken_chunk", f"Chunks are read in version {_VERSION}, not {version}.")
        if zlib.crc32(memoryview(data)[_HEAD.size :]) != crc:
            raise InvalidInput("broken_chunk", "The encoded chunk is damaged.")
        frames, sps_size, pps_size, count = _SIZES.unpack_from(data, _HEAD.size)
        sps_at = _HEAD.size + _SIZES.size
        pps_at = sps_at + sps_size
        table_at = pps_at + pps_size
        at = table_at + count * _ENTRY.size
        packets = []
        for size, pts, is_key in _ENTRY.iter_unpack(data[table_at:at]):
            packets.append(Packet(data[at : at + size], pts, bool(is_key)))
            at += size
        return cls(data[sps_at:pps_at], data[pps_at:table_at], tuple(packets), frames)


def encode_still(spec: VideoSpec, frame: Frame, coarser: float = 0.0) -> EncodedChunk:
    """One IDR picture in the quality of `still_crf`, or of the best CRF above it that fits the cap.

    coarser: by how much its quality is below that.
    """
    crf = spec.still_crf + coarser
    budget = math.inf if spec.max_bitrate is None else spec.max_bitrate * STILL_SECONDS / 8
    while True:
        encoder = _Encoder(spec, "still", crf)
        encoder.send(frame, PictureType.I)
        chunk = encoder.finish()
        size = sum(len(p.data) for p in chunk.packets)
        if size <= budget or crf >= _WORST_CRF:
            return chunk
        # Six steps halve a picture's size, roughly: half of that way is never too far.
        crf = min(_WORST_CRF, crf + max(1.0, round(4 * math.log2(size / budget))))


def encode_moving(
    spec: VideoSpec,
    frames: Iterable[Frame],
    *,
    hold: bool,
    check: Callable[[], None] = nothing,
    count: int | None = None,
) -> EncodedChunk:
    """A closed GOP of `frames`, at least one, beginning with an IDR picture.

    hold: the last picture will be looked at for seconds. It is made a reference P with nothing
    decoded after it, in the quality of a still. check: called before each frame; may raise.
    count: how many frames there are. It has to be known for a hold and for a cap; where it is not
    given and `frames` has no length, all frames are copied first, up to 300 MB at 1080p. Otherwise
    a frame's buffer may be used again as soon as the next one is asked for.
    """
    if count is None and (hold or spec.max_bitrate is not None):
        if not isinstance(frames, Sized):
            frames = [frame.copy() for frame in frames]
        count = len(frames)
    length = count or 0
    is_smooth = spec.fps > 30 and spec.crf > 0  # 0 is without loss
    crf = spec.still_crf if hold and length == 1 else spec.crf + SMOOTH_CRF * is_smooth
    encoder = _Encoder(spec, "hold" if hold else "moving", crf, length)
    for index, frame in enumerate(frames):
        check()
        last_two = hold and index >= max(1, length - 2)
        encoder.send(frame, PictureType.P if last_two else PictureType.I if index == 0 else PictureType.NONE)
    chunk = encoder.finish()
    if not chunk.frames or chunk.frames != (count or chunk.frames):
        raise InvalidInput("empty_chunk", f"A stretch of {count or 1} frames or more has {chunk.frames}.")
    return chunk


def can_predict(spec: VideoSpec) -> bool:
    """Whether pictures of known motion may be written into such a video (`encode_known`).

    Not where a bit rate is capped: x264 would take the anchors for all that there is in their time.
    """
    if spec.max_bitrate is not None or spec.crf <= 0:
        return False
    return predicted.can_predict(_stream(spec))


@lru_cache(maxsize=16)
def _stream(spec: VideoSpec) -> headers.Stream:
    context = _open(spec, _x264_params(spec, "moving", 2, _level(spec)), spec.crf)
    return headers.Stream(*_parameter_sets(context))


def encode_known(
    spec: VideoSpec,
    frames: Iterable[Frame],
    motion: KnownMotion,
    *,
    hold: bool,
    check: Callable[[], None] = nothing,
) -> EncodedChunk:
    """A closed GOP whose movement is known: `frames` are its anchors, all others are written.

    Needs `can_predict`. hold: the last picture will be looked at for seconds; the last two are anchors then.
    check: called before each anchor; may raise.
    """
    anchors = motion.anchors
    if hold and len(anchors) > 1 and anchors[-2] != anchors[-1] - 1:
        raise ValueError("the last two pictures of a stretch that is held are anchors")
    encoder = _Encoder(spec, "hold" if hold else "moving", spec.crf + KNOWN_CRF, len(anchors), anchors)
    for index, frame in enumerate(frames):
        check()
        encoder.send(frame, PictureType.I if index == 0 else PictureType.P)
    chunk = encoder.finish()
    if chunk.frames != len(anchors) or [packet.pts for packet in chunk.packets] != list(anchors):
        raise InvalidInput("empty_chunk", f"A stretch of {len(anchors)} anchors has {chunk.frames}.")
    return chunk._replace(packets=tuple(_filled(chunk, motion)), frames=motion.frames)


def _filled(chunk: EncodedChunk, motion: KnownMotion) -> Iterator[Packet]:
    """A chunk's anchors, each followed by the pictures between it and the one before."""
    stream = headers.Stream(chunk.sps, chunk.pps)
    before = 0
    for packet in chunk.packets:
        yield packet
        frame_num = stream.slice_header(bitstream.split_avcc(packet.data)[0]).frame_num + 1
        between = range(before + 1, packet.pts)
        pictures = [(2 * number, motion.fields[number]) for number in between]
        units = predicted.predicted_pictures(stream, frame_num, pictures)
        for number, unit in zip(between, units, strict=True):
            yield Packet(bitstream.join_avcc([unit]), number, False)
        before = packet.pts


Kind = Literal["still", "moving", "hold"]


class _Encoder:
    """One x264, for one chunk."""

    def __init__(
        self, spec: VideoSpec, kind: Kind, crf: float, count: int = 1, places: Sequence[int] | None = None
    ) -> None:
        """places: of the pictures, if not all of the chunk's are encoded."""
        self._spec = spec
        self._places = places
        params = _x264_params(spec, kind, count, _level(spec), is_known=places is not None)
        self._context = _open(spec, params, crf)
        self._stream = headers.Stream(*_parameter_sets(self._context))
        self._packets: list[Packet] = []
        self._sent = 0

    def send(self, frame: Frame, picture_type: PictureType) -> None:
        """Encode one more frame. x264 copies it: its buffer is free afterwards."""
        if frame.shape != (self._spec.height * 3 // 2, self._spec.width):
            raise ValueError(f"a frame of {self._spec} has not the shape {frame.shape}")
        picture = video_frame(frame)
        picture.pts = self._sent
        picture.pict_type = picture_type
        self._sent += 1
        self._take(self._context.encode(picture))

    def _take(self, packets: Iterable[av.Packet[Any]]) -> None:
        for packet in packets:
            units = bitstream.split_annexb(bytes(packet))
            pts = packet.pts or 0
            place = pts if self._places is None else self._places[pts]
            slices = [
                self._stream.widen(unit, 2 * pts, 2 * place)
                for unit in units
                if headers.unit_type(unit) in (headers.SLICE, headers.IDR_SLICE)
            ]
            self._packets.append(Packet(bitstream.join_avcc(slices), place, packet.is_keyframe))

    def finish(self) -> EncodedChunk:
        """All that was sent, as a chunk."""
        self._take(self._context.encode(None))
        wide = self._stream.widened()
        return EncodedChunk(wide.sps, wide.pps, tuple(self._packets), self._sent)


def _open(spec: VideoSpec, params: dict[str, str], crf: float) -> VideoCodecContext:
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = spec.width, spec.height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, spec.fps), Fraction(spec.fps)
    context.thread_count = 1
    context.flags |= GLOBAL_HEADER
    context.options = {
        "preset": spec.preset,
        "crf": f"{crf:g}",
        "forced-idr": "1",
        "x264-params": ":".join(f"{name}={value}" for name, value in params.items()),
    }
    context.open()
    return context


def _parameter_sets(context: VideoCodecContext) -> tuple[bytes, bytes]:
    units = {headers.unit_type(unit): unit for unit in bitstream.split_annexb(context.extradata or b"")}
    return units[headers.SPS], units[headers.PPS]


@lru_cache(maxsize=16)
def _level(spec: VideoSpec) -> str | None:
    """The level (annex A) that x264 gives to a capped moving stretch; stills have to name the same.

    x264 looks at the VBV when it chooses a level, and the level is in the SPS. Without a cap there
    is no VBV, and all chunks come to the same level by themselves.
    """
    if spec.max_bitrate is None:
        return None
    sps, _ = _parameter_sets(_open(spec, _x264_params(spec, "moving", 10 * spec.fps, None), spec.crf))
    return f"{headers.Sequence.parse(sps).level / 10:g}"


def _x264_params(
    spec: VideoSpec, kind: Kind, count: int, level: str | None, *, is_known: bool = False
) -> dict[str, str]:
    """The encoder's private options. Of what depends on `kind`, nothing may change SPS or PPS."""
    params = {
        "stitchable": "1",
        "psy": "0",
        "scenecut": "0",
        "open-gop": "0",
        "keyint": str(LONGEST_GOP),
        "colormatrix": "bt709",
        "colorprim": "bt709",
        "transfer": "bt709",
        "range": "tv",
        "sar": "1/1",
        "sync-lookahead": "0",
        "aq-strength": "0.1",  # flat macroblocks are fine at these qualities: with 0.5, VMAF 0.1 less
        "deblock": "-2,-2",
        "weightp": "0",
        "asm": instructions.chosen().x264,
    }
    if level is not None:
        params["level"] = level
    if kind == "still":
        # One third of the time of subme 7 with trellis, for 4 % more bytes and 0.3 dB less, at 51 dB.
        return params | {"mbtree": "0", "rc-lookahead": "0", "subme": "5", "trellis": "0"}
    lookahead = min(KNOWN_LOOKAHEAD, _lookahead(spec)) if is_known else _lookahead(spec)
    params |= {"rc-lookahead": str(lookahead)} | (FAST if spec.preset == "veryfast" else {})
    if not is_known and spec.preset == "veryfast":
        params["trellis"] = "1"
    zones = [f"0,0,b={KNOWN_KEY if is_known else MOVING_KEY}"]
    if kind == "hold" and count > 1:
        # Without this the last picture, which nothing refers to, is the worst one of its stretch.
        zones.append(f"{count - 1},{count - 1},q={min(51, round(spec.still_crf + HELD_QP))}")
    params["zones"] = "/".join(zones)
    if spec.max_bitrate is not None:
        rate = _moving_rate(spec.max_bitrate, count / spec.fps)
        params |= {"vbv-maxrate": str(rate), "vbv-bufsize": str(max(1, int(rate * MOVING_BUFFER)))}
    return params


def _lookahead(spec: VideoSpec) -> int:
    """How many frames x264 looks ahead: as its preset says, fewer for large pictures.

    They are most of an encoder's memory: at 2160p it takes 1,280 MB with 40 frames and 520 MB with 8; at
    1080p 220 MB with 20. At one CRF, zooming photographs at 1080p came out 2 % smaller and 0.3 dB
    worse with 24 frames than with 40, 5 % smaller and 0.8 dB worse with 16.
    """
    return min(
        _PRESET_LOOKAHEAD.get(spec.preset, 40), max(8, _LOOKAHEAD_PIXELS // (spec.width * spec.height))
    )


def _moving_rate(cap: int, seconds: float) -> int:
    """The VBV's rate in kbit/s for a stretch of `seconds`.

    It may spend its rate and once nine tenths of its buffer: in a short stretch that must not be
    more than the cap allows in its time, as one such stretch may follow another.
    """
    share = min(MOVING_SHARE, seconds / (seconds + 0.9 * MOVING_BUFFER))
    return max(1, int(cap * share / 1000))
