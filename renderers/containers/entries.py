"""Sample entries: how a track says what its samples are encoded as (ISO/IEC 14496-12, 8.5.2)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from renderers.containers.boxes import box, full_box


class Facts(NamedTuple):
    """A track's number in its file, and its average bit rate in bit/s: known when all samples are."""

    track_id: int
    bit_rate: int


_RESOLUTION = 72 << 16  # pixels an inch, as everybody says
_BT709 = 1  # ISO/IEC 23091-2, 8.1 to 8.3: primaries, transfer characteristics and matrix alike
_AAC = 0x40  # objectTypeIndication of MPEG-4 audio (ISO/IEC 14496-1, table 5)
_AUDIO_STREAM = 0x15  # streamType audio, upStream 0, and the reserved bit (ISO/IEC 14496-1, 7.2.6.6)
AAC_BIT_RATE = 128_000
"""What is said to be the highest bit rate of sound in AAC, unless its average is above."""


def avc1(width: int, height: int, configuration: bytes, facts: Facts) -> bytes:
    """H.264 in BT.709, limited range (ISO/IEC 14496-15, 5.4.2).

    configuration: the AVCDecoderConfigurationRecord.
    """
    return _video(b"avc1", width, height, box(b"avcC", configuration), facts.bit_rate)


def _video(name: bytes, width: int, height: int, configuration: bytes, bit_rate: int) -> bytes:
    """A visual sample entry (ISO/IEC 14496-12, 12.1.3)."""
    head = struct.pack(">6xH16xHHIIIH32xHh", 1, width, height, _RESOLUTION, _RESOLUTION, 0, 1, 24, -1)
    colour = box(b"colr", b"nclx", struct.pack(">HHHB", _BT709, _BT709, _BT709, 0))
    return box(name, head, configuration, colour, _bit_rates(bit_rate, bit_rate))


def mp4a(
    channels: int, sample_rate: int, configuration: bytes, facts: Facts, *, tells_rates: bool = True
) -> bytes:
    """AAC (ISO/IEC 14496-14, 6.7).

    configuration: the AudioSpecificConfig. tells_rates: in a box of their own too, which Apple's M4A has not.
    """
    head = struct.pack(">6xH8xHHIHH", 1, channels, 16, 0, sample_rate if sample_rate < 1 << 16 else 0, 0)
    highest = max(facts.bit_rate, AAC_BIT_RATE)
    decoder = struct.pack(">BBxHII", _AAC, _AUDIO_STREAM, 0, highest, facts.bit_rate)
    decoder += _descriptor(5, configuration)
    stream = struct.pack(">HB", facts.track_id, 0) + _descriptor(4, decoder) + _descriptor(6, b"\x02")
    rates = _bit_rates(highest, facts.bit_rate) if tells_rates else b""
    return box(b"mp4a", head, full_box(b"esds", _descriptor(3, stream)), rates)


def _descriptor(tag: int, content: bytes) -> bytes:
    """A descriptor with its size in four bytes of seven bits (ISO/IEC 14496-1, 8.3.3)."""
    size = len(content)
    return bytes([tag, *(size >> shift & 0x7F | 0x80 for shift in (21, 14, 7)), size & 0x7F]) + content


def _bit_rates(highest: int, average: int) -> bytes:
    """`btrt` (8.5.2), where there is anything to say: the decoder's buffer is not told."""
    if not highest:
        return b""
    return box(b"btrt", struct.pack(">III", 0, highest, average))
