"""Bits, bytes and NAL units: the layer below H.264's headers. Clauses are those of ITU-T H.264 (08/2021)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from schemas.errors import InvalidInput

_EMULATION = re.compile(rb"\x00\x00(?=[\x00-\x03])")


def broken(what: str) -> InvalidInput:
    """The error for a stream that is damaged, or that is more than what is read here."""
    return InvalidInput("unsupported_stream", f"This H.264 stream cannot be joined: {what}.")


class BitReader:
    """Bits of an RBSP from the first to the last, most significant first (7.2)."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._size = len(data) * 8
        self.position = 0

    def u(self, bits: int) -> int:
        """An unsigned number of `bits` bits; raises InvalidInput past the end."""
        self.position += bits
        if self.position > self._size:
            raise broken("a header ends too early")
        return (self._value >> (self._size - self.position)) & ((1 << bits) - 1)

    def flag(self) -> bool:
        """One bit."""
        return self.u(1) == 1

    def ue(self) -> int:
        """Exp-Golomb, unsigned (9.1)."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise broken("an Exp-Golomb code is too long")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """Exp-Golomb, signed (9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)


class BitWriter:
    """The counterpart of BitReader."""

    def __init__(self, value: int = 0, size: int = 0) -> None:
        self._value, self.size = value, size

    def u(self, value: int, bits: int) -> None:
        """`value` in `bits` bits."""
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{value} does not fit into {bits} bits")
        self._value = self._value << bits | value
        self.size += bits

    def ue(self, value: int) -> None:
        """Exp-Golomb, unsigned (9.1)."""
        bits = (value + 1).bit_length()
        self.u(value + 1, 2 * bits - 1)

    def se(self, value: int) -> None:
        """Exp-Golomb, signed (9.1.1)."""
        self.ue(2 * value - 1 if value > 0 else -2 * value)

    def append(self, other: BitWriter) -> None:
        """All bits of another one."""
        self.u(other._value, other.size)

    def part(self, start: int, end: int) -> BitWriter:
        """Its bits start .. end - 1 on their own."""
        return BitWriter(self._value >> (self.size - end) & ((1 << (end - start)) - 1), end - start)

    def align(self, bit: int) -> None:
        """Fill the last byte up with copies of `bit`."""
        missing = -self.size % 8
        self.u(((1 << missing) - 1) * bit, missing)

    def trail(self) -> None:
        """`rbsp_trailing_bits` (7.3.2.11)."""
        self.u(1, 1)
        self.align(0)

    def to_text(self) -> str:
        """All bits as digits."""
        return f"{self._value:0{self.size}b}" if self.size else ""

    def to_bytes(self) -> bytes:
        """All bits; their number must be a multiple of eight."""
        if self.size % 8:
            raise ValueError("the bits do not fill whole bytes")
        return self._value.to_bytes(self.size // 8, "big")


def escape(rbsp: bytes) -> bytes:
    """`rbsp` with emulation prevention bytes, so that no start code appears in it (7.4.1)."""
    escaped = _EMULATION.sub(b"\x00\x00\x03", rbsp)
    return escaped + b"\x03" if escaped.endswith(b"\x00") else escaped


def unescape(payload: bytes) -> bytes:
    """The RBSP in a NAL unit's payload: emulation prevention bytes removed (7.3.1)."""
    return payload.replace(b"\x00\x00\x03", b"\x00\x00")


def rbsp_bits(unit: bytes) -> BitWriter:
    """The bits of a parameter set's RBSP without `rbsp_trailing_bits` (7.3.2.11)."""
    rbsp = unescape(unit[1:])
    value = int.from_bytes(rbsp, "big")
    trailing = (value & -value).bit_length()
    return BitWriter(value >> trailing, len(rbsp) * 8 - trailing)


def split_annexb(stream: bytes) -> list[bytes]:
    """The NAL units of a byte stream with start codes (annex B), without start codes."""
    units, start = [], stream.find(b"\x00\x00\x01")
    while start >= 0:
        end = stream.find(b"\x00\x00\x01", start + 3)
        units.append(stream[start + 3 :] if end < 0 else stream[start + 3 : end].rstrip(b"\x00"))
        start = end
    return units


def split_avcc(sample: bytes) -> list[bytes]:
    """The NAL units of a sample with lengths of four bytes (ISO/IEC 14496-15, 5.3.3)."""
    units, position = [], 0
    while position < len(sample):
        end = position + 4 + int.from_bytes(sample[position : position + 4], "big")
        if end > len(sample) or end == position + 4:
            raise broken("a NAL unit's length does not fit its packet")
        units.append(sample[position + 4 : end])
        position = end
    return units


def join_avcc(units: Iterable[bytes]) -> bytes:
    """A sample of NAL units, each after its length in four bytes (ISO/IEC 14496-15, 5.3.3)."""
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
