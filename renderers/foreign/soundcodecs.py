"""How many samples a packet holds, by its own first bytes. Runs in the sandbox only.

A counter takes a packet and gives samples at the stream's rate. It raises Untrusted for what it does not
know, and where a packet is of another kind than the first: then the sound is decoded as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

Counter = Callable[[bytes], int]


class Untrusted(Exception):
    """The packets do not say where they lie: decode them."""


class Look(NamedTuple):
    """What decoding the first packets showed: rate, channels, layout, and samples of a usual packet."""

    codec: str
    rate: int
    channels: int
    layout: str
    samples: int
    is_constant: bool
    sample_format: str


PCM_BYTES = {
    "pcm_u8": 1, "pcm_s16le": 2, "pcm_s16be": 2, "pcm_s24le": 3, "pcm_s24be": 3, "pcm_s32le": 4,
    "pcm_s32be": 4, "pcm_f32le": 4, "pcm_f32be": 4, "pcm_f64le": 8, "pcm_f64be": 8,
}  # fmt: skip
_CONSTANT = ("aac", "ac3", "alac", "mp2", "mp2float")
GROUPS = {"aac": 5, "ac3": 5}
"""Blocks of a group, for codecs whose noise depends on where decoding begins."""


def counter_of(look: Look) -> Counter:
    """The counter of a stream. Raises Untrusted for codecs that are decoded as a whole."""
    if look.codec in PCM_BYTES:
        size = PCM_BYTES[look.codec] * look.channels
        return lambda data: len(data) // size
    if look.codec in ("mp3", "mp3float"):
        return _Mpeg()
    if look.codec == "opus" and look.rate == 48_000:
        return opus_samples
    if look.codec == "flac":
        return lambda data: flac_frame(data)[0]
    if look.codec in _CONSTANT and look.is_constant:
        return _Constant(look.samples)
    raise Untrusted


class _Constant:
    """Packets of one length; with ADTS heads (ISO/IEC 13818-7, 6.2), of one kind and a frame each."""

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._kind: tuple[int, int] | None = None

    def __call__(self, data: bytes) -> int:
        if len(data) > 7 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
            kind = data[2] & 0xFD, data[3] >> 6
            self._kind = self._kind or kind
            if kind != self._kind or data[6] & 3:
                raise Untrusted
        return self._samples


class _Mpeg:
    """Layer III by its header (ISO/IEC 11172-3, 2.4.2.3): version, layer, rate and mono stay as they are."""

    def __init__(self) -> None:
        self._kind: tuple[int, int, bool] | None = None

    def __call__(self, data: bytes) -> int:
        if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2:
            raise Untrusted
        kind = data[1] & 0xFE, data[2] & 0x0C, data[3] >> 6 == 3
        self._kind = self._kind or kind
        if kind != self._kind:
            raise Untrusted
        return 1152 if data[1] & 0x18 == 0x18 else 576


_OPUS_TENTHS = (100, 200, 400, 600) * 3 + (100, 200) * 2 + (25, 50, 100, 200) * 4


def opus_samples(data: bytes) -> int:
    """By the table of contents (RFC 6716, 3.1 and 3.2)."""
    if not data:
        raise Untrusted
    frame = _OPUS_TENTHS[data[0] >> 3] * 48 // 10
    code = data[0] & 3
    if code == 3 and len(data) < 2:
        raise Untrusted
    frames = (1, 2, 2, data[1] & 63 if len(data) > 1 else 0)[code]
    if not 0 < frames * frame <= 5760:
        raise Untrusted
    return frames * frame


def flac_frame(data: bytes) -> tuple[int, int, bool]:
    """(samples, number, whether that counts samples and not frames) of a frame (RFC 9639, 9.1)."""
    try:
        if data[0] != 0xFF or data[1] & 0xFE != 0xF8:
            raise Untrusted
        lead = data[4]
        more = 0 if lead < 0x80 else 7 - (lead ^ 0xFF).bit_length()
        number = lead if not more else lead & (0x3F >> more)
        for byte in data[5 : 5 + more]:
            number = number << 6 | byte & 0x3F
        at, code = 5 + more, data[2] >> 4
        if code == 1:
            size = 192
        elif code < 6:
            size = 576 << (code - 2)
        elif code == 6:
            size = data[at] + 1
        elif code == 7:
            size = (data[at] << 8 | data[at + 1]) + 1
        else:
            size = 256 << (code - 8)
        if code == 0:
            raise Untrusted
        return size, number, bool(data[1] & 1)
    except IndexError:
        raise Untrusted from None
