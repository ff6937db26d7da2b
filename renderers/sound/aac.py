"""Sound to AAC: pieces encoded side by side, joined as packets.

An AAC packet holds the overlap of two frames of 1,024 samples (ISO/IEC 14496-3, 4.6.11), so packet
*p* of the whole depends on frames *p - 1* and *p*, on the encoder's look-ahead of one frame, and on
its psychoacoustic memory. A piece therefore starts a few frames early and the packets of that
pre-roll are thrown away. The pieces' length is fixed, so that the bytes depend on the sound alone
and not on how many threads there are.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import av
import numpy as np

from renderers import instructions
from renderers._arrays import NDArray
from schemas.checks import nothing
from schemas.errors import InvalidInput

Samples = NDArray[np.float32]
"""Stereo sound: shape (n, 2), full scale ±1."""

FRAME = 1024
PRIMING = 1024
"""Samples that a decoder puts out before the first real one: the encoder's own first frame."""

_PIECE = 864  # frames: 20 s at 44,100 Hz
_PREROLL = 8
_FAST_BITRATE = 160_000
"""From here on FFmpeg's `fast` coder is as exact as `twoloop` (28.1 and 27.6 dB at 192 kbit/s for brown
noise, 24.8 and 23.6 dB for noise in the rhythm of speech), at 80 instead of 33 times real time; at
128 kbit/s it is 2 dB behind."""
_FLAGS = 1 << 22 | 1 << 23  # AV_CODEC_FLAG_GLOBAL_HEADER; BITEXACT: no version of the encoder inside


_HEAD = struct.Struct(">4sBI")  # magic, version, CRC-32 of all that follows
_SIZES = struct.Struct(">IIQHI")  # sample rate, priming, samples, bytes of extradata, packets
_MAGIC, _VERSION = b"XSau", 1


class EncodedAudio(NamedTuple):
    """AAC packets of 1,024 samples each.

    `extradata` is the AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1). A decoder's output begins with
    `priming` samples that are not part of the sound, then come the `samples` that are; what follows
    in the last packet is padding.
    """

    packets: tuple[bytes, ...]
    extradata: bytes
    sample_rate: int
    priming: int
    samples: int

    def to_bytes(self) -> bytes:
        """The form in the object store: a head, a table of lengths, the packets."""
        table = struct.pack(f">{len(self.packets)}I", *map(len, self.packets))
        counts = (self.sample_rate, self.priming, self.samples, len(self.extradata), len(self.packets))
        body = b"".join((_SIZES.pack(*counts), self.extradata, table, *self.packets))
        return _HEAD.pack(_MAGIC, _VERSION, zlib.crc32(body)) + body

    @classmethod
    def from_bytes(cls, data: bytes) -> EncodedAudio:
        """The counterpart of `to_bytes`; raises InvalidInput for anything else."""
        if len(data) < _HEAD.size + _SIZES.size or data[:4] != _MAGIC:
            raise InvalidInput("broken_sound", "This is not encoded sound.")
        _, version, crc = _HEAD.unpack_from(data)
        if version != _VERSION:
            raise InvalidInput("broken_sound", f"Encoded sound is read in version {_VERSION}, not {version}.")
        if zlib.crc32(memoryview(data)[_HEAD.size :]) != crc:
            raise InvalidInput("broken_sound", "The encoded sound is damaged.")
        rate, priming, samples, extra, count = _SIZES.unpack_from(data, _HEAD.size)
        extra_at = _HEAD.size + _SIZES.size
        table_at = extra_at + extra
        at = table_at + 4 * count
        packets = []
        for size in struct.unpack_from(f">{count}I", data, table_at):
            packets.append(data[at : at + size])
            at += size
        return cls(tuple(packets), data[extra_at:table_at], rate, priming, samples)


def encode_aac(
    blocks: Iterable[Samples],
    rate: int,
    bitrate: int,
    *,
    workers: int = 2,
    check: Callable[[], None] = nothing,
) -> EncodedAudio:
    """Encode stereo sound of `rate` Hz at `bitrate` bit/s (AAC-LC).

    blocks: any cutting of the sound into arrays of shape (n, 2), read as they are needed: there are
    never more than `workers` + 2 pieces of 20 s in memory. check: called before each piece; may raise.
    """
    packets: list[bytes] = []
    extradata = b""
    total = 0
    pending: deque[Future[tuple[list[bytes], bytes]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="aac") as pool:
        try:
            for piece in _pieces(blocks):
                check()
                total += piece.own_samples
                if len(pending) > workers:
                    done, extradata = pending.popleft().result()
                    packets += done
                pending.append(pool.submit(_encode_piece, piece, rate, bitrate))
            while pending:
                done, extradata = pending.popleft().result()
                packets += done
        finally:
            for future in pending:
                future.cancel()
    return EncodedAudio(tuple(packets), extradata, rate, PRIMING, total)


class _Piece(NamedTuple):
    """Planar samples, shape (2, n): `preroll` frames, the piece's own, then one frame of look-ahead."""

    planes: Samples
    preroll: int
    own_samples: int
    is_last: bool


def _pieces(blocks: Iterable[Samples]) -> Iterator[_Piece]:
    """Cut the sound into pieces of _PIECE frames, each with what its encoder has to see around it."""
    size, ahead = _PIECE * FRAME, FRAME
    held: list[Samples] = []
    available = preroll = 0
    for block in blocks:
        if block.ndim != 2 or block.shape[1] != 2:
            raise ValueError(f"stereo sound has not the shape {block.shape}")
        held.append(block)
        available += len(block)
        while available > preroll * FRAME + size + ahead:
            sound = np.concatenate(held)
            end = preroll * FRAME + size
            yield _Piece(_planes(sound[: end + ahead]), preroll, size, False)
            rest = sound[end - _PREROLL * FRAME :].copy()
            held, available, preroll = [rest], len(rest), _PREROLL
    if available > preroll * FRAME:
        sound = np.concatenate(held)
        yield _Piece(_planes(sound), preroll, available - preroll * FRAME, True)


def _planes(sound: Samples) -> Samples:
    return np.ascontiguousarray(sound.T, dtype=np.float32)


def _encode_piece(piece: _Piece, rate: int, bitrate: int) -> tuple[list[bytes], bytes]:
    """The packets that the piece owns, and the AudioSpecificConfig."""
    context = av.CodecContext.create("aac", "w")
    context.sample_rate, context.layout, context.format = rate, "stereo", "fltp"
    context.bit_rate = bitrate
    context.options = {"aac_coder": "fast" if bitrate >= _FAST_BITRATE else "twoloop"}
    context.flags |= _FLAGS
    with instructions.in_ffmpeg():
        context.open()
    packets: list[bytes] = []
    for start in range(0, piece.planes.shape[1], FRAME):
        block = piece.planes[:, start : start + FRAME]
        if block.shape[1] < FRAME:
            block = np.pad(block, ((0, 0), (0, FRAME - block.shape[1])))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = rate, start
        packets += [bytes(packet) for packet in context.encode(frame)]
    packets += [bytes(packet) for packet in context.encode(None)]
    owned = packets[piece.preroll :]
    return owned if piece.is_last else owned[:_PIECE], bytes(context.extradata or b"")
