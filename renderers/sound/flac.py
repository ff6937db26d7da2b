"""Sound to FLAC in parts, each encoded by itself, and the file of them (RFC 9639).

Nothing in a frame depends on another, so parts need no pre-roll. But a frame says its number: in the file it
gets another, and with it other checks, neither of which needs the rest of the frame to be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import av

from renderers.sound import packing
from renderers.sound.aac import EncodedAudio, Samples
from renderers.sound.checksums import Moves, crc8, crc16
from renderers.sound.pcm import sixteen_bits
from schemas.checks import nothing
from schemas.errors import InvalidInput

FRAME = 4608
_INFO = 34  # bytes of STREAMINFO (8.2)
_LAST_BLOCK = 0x80
_NUMBER_AT = 4
_UNCOMMON = {0b0110: 1, 0b0111: 2}
"""Bytes behind the number for block sizes that have no code of their own (9.1.1)."""
_MOST = 128  # frames of a part: their numbers have one byte


def encode_part(
    sound: Samples, samples: int, rate: int, bitrate: int, is_last: bool, check: Callable[[], None] = nothing
) -> bytes:
    """A part at rest, `EncodedAudio`, of so many samples, whole frames unless it is the last, of 16 bits.

    sound: no more than the part's own, shape (n, 2).
    """
    if samples > _MOST * FRAME:
        raise ValueError(f"a part of {samples} samples is too long")
    context = av.CodecContext.create("flac", "w")
    whole = sixteen_bits(sound)
    packets, extradata = packing.packets(context, rate, whole, FRAME, check)
    return EncodedAudio(tuple(packets), extradata, rate, 0, samples).to_bytes()


def write_flac(path: Path, parts: Iterable[EncodedAudio]) -> None:
    """Write a file, part by part. Raises InvalidInput for parts that do not belong together.

    The parts are decoded, since the head has an MD5 of all samples, which cannot be had of those of parts.
    """
    with path.open("wb") as file:
        file.write(bytes(8 + _INFO))
        info = StreamInfo()
        for part in parts:
            file.writelines(info.numbered(part))
        file.seek(0)
        file.write(b"fLaC" + bytes((_LAST_BLOCK, 0, 0, _INFO)) + info.to_bytes())


class StreamInfo:
    """The head of a file, which counts the frames behind it."""

    def __init__(self) -> None:
        self._blocks = b""
        self._kind = 0
        self._moves = Moves()
        self._digest = hashlib.md5(usedforsecurity=False)
        self._sizes: list[int] = []
        self._samples = 0

    def numbered(self, part: EncodedAudio) -> list[bytes]:
        """The frames of the next part as they are in the file."""
        blocks, kind = part.extradata[:4], int.from_bytes(part.extradata[10:18], "big") >> 36 << 36
        if self._sizes and ((blocks, kind) != (self._blocks, self._kind) or self._samples % FRAME):
            raise InvalidInput("broken_sound", "The parts of the sound do not belong together.")
        self._blocks, self._kind = blocks, kind
        for sound in _decoded(part):
            self._digest.update(sound)
        first = len(self._sizes)
        frames = [renumbered(packet, first + n, self._moves) for n, packet in enumerate(part.packets)]
        self._sizes += map(len, frames)
        self._samples += part.samples
        return frames

    def to_bytes(self) -> bytes:
        """STREAMINFO (8.2)."""
        if not self._sizes:
            raise InvalidInput("empty_sound", "A sound has at least one packet.")
        sizes = min(self._sizes).to_bytes(3, "big") + max(self._sizes).to_bytes(3, "big")
        counts = (self._kind | self._samples).to_bytes(8, "big")  # rate, channels, bits; samples
        return self._blocks + sizes + counts + self._digest.digest()


def renumbered(frame: bytes, number: int, moves: Moves) -> bytes:
    """A frame with a number below 128, and checks that are right, with another number (9.1)."""
    end = _NUMBER_AT + 1 + _UNCOMMON.get(frame[2] >> 4, 0)
    old = frame[: end + 1]
    new = frame[:_NUMBER_AT] + coded(number) + frame[_NUMBER_AT + 1 : end]
    new += bytes((crc8(new),))
    check = int.from_bytes(frame[-2:], "big")
    check ^= moves.moved(crc16(old) ^ crc16(new), len(frame) - 2 - len(old))
    return new + frame[len(old) : -2] + check.to_bytes(2, "big")


def coded(number: int) -> bytes:
    """A number of up to 36 bits as UTF-8 goes on (9.1.5)."""
    if number < 0x80:
        return bytes((number,))
    tail: list[int] = []
    while number >> 6 - len(tail):  # what is left goes into the first byte beside its ones
        tail.insert(0, 0x80 | number & 0x3F)
        number >>= 6
    return bytes((0xFF << 7 - len(tail) & 0xFF | number, *tail))


def _decoded(part: EncodedAudio) -> Iterator[bytes]:
    decoder = av.CodecContext.create("flac", "r")
    decoder.extradata = part.extradata
    for packet in (*part.packets, None):
        for frame in decoder.decode(None if packet is None else av.Packet(packet)):
            yield frame.to_ndarray().astype("<i2").tobytes()
