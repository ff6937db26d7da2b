"""Sound to AAC in parts, each encoded by itself, joined as packets.

An AAC packet holds the overlap of two frames of 1,024 samples (ISO/IEC 14496-3, 4.6.11), so packet
*p* of the whole depends on frames *p - 1* and *p*, on the encoder's look-ahead of one frame, and on
its psychoacoustic memory. A part therefore begins a few frames early and the packets of that
pre-roll are thrown away; the first begins in silence as the others do in what is before them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import av
import numpy as np

from renderers._arrays import NDArray
from renderers.sound import packing
from renderers.sound.packing import framed
from schemas.checks import nothing
from schemas.errors import InvalidInput

Samples = NDArray[np.float32]
"""Stereo sound: shape (n, 2), full scale ±1."""

FRAME = 1024
PRIMING = 1024
"""Samples that a decoder puts out before the first real one: the encoder's own first frame."""

LOOK_AHEAD = FRAME
"""Samples that the encoder has to see after those of a part."""

_FAST_BITRATE = 160_000
"""From here on FFmpeg's `fast` coder is as exact as `twoloop` (28.1 and 27.6 dB at 192 kbit/s for brown
noise, 24.8 and 23.6 dB for noise in the rhythm of speech), at 80 instead of 33 times real time; at
128 kbit/s it is 2 dB behind."""
_FAST_PREROLL = 16 * FRAME
_PREROLL = 64 * FRAME
_RISE = 32 * FRAME
"""Samples over which a pre-roll swells for `twoloop`: it hears a sound that is cut in as an attack, and what
it spends on that is missing for half a second."""

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


def preroll(bitrate: int) -> int:
    """Samples that the encoder has to see before those of a part: until it works as it would without a cut.

    A sine and a sweep are then the same within 1e-4 of full scale as those of one piece.
    """
    return _FAST_PREROLL if bitrate >= _FAST_BITRATE else _PREROLL


def encode_part(
    sound: Samples, samples: int, rate: int, bitrate: int, is_last: bool, check: Callable[[], None] = nothing
) -> bytes:
    """A part at rest, `EncodedAudio`, of so many samples, whole frames unless it is the last.

    sound: the pre-roll, the part's own samples, and LOOK_AHEAD after them, shape (n, 2); what is missing at
    its end is silence. The last part has a packet more, with what its last frame overlaps with.
    """
    is_fast = bitrate >= _FAST_BITRATE
    before, count = preroll(bitrate), -(-samples // FRAME) + is_last
    context = av.CodecContext.create("aac", "w")
    context.bit_rate = bitrate
    context.options = {"aac_coder": "fast" if is_fast else "twoloop"}
    seen = framed(sound, before + count * FRAME + LOOK_AHEAD)
    if not is_fast:
        seen = _swelling(seen)
    packets, extradata = packing.packets(context, rate, seen, FRAME, check)
    own = packets[before // FRAME : before // FRAME + count]
    return EncodedAudio(tuple(own), extradata, rate, PRIMING, samples).to_bytes()


def _swelling(sound: Samples) -> Samples:
    """The sound with a soft beginning: a cubic, since sines are not alike on all processors."""
    place = np.arange(_RISE, dtype=np.float64) / _RISE
    found = sound.copy()
    found[:_RISE] *= (place * place * (3 - 2 * place)).astype(np.float32)[:, None]
    return found


def alike(parts: Iterable[EncodedAudio]) -> Iterator[EncodedAudio]:
    """The parts one by one. Raises InvalidInput at the first that was encoded in another way."""
    head: EncodedAudio | None = None
    for part in parts:
        head = head or part
        if part[1:4] != head[1:4]:
            raise InvalidInput("broken_sound", "The parts of the sound were encoded in different ways.")
        yield part
