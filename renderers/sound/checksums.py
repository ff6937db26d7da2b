"""Cyclic redundancy checks of sound files: polynomials over GF(2), remainders of 8 or 16 bits.

A check that begins with zero is linear: of two blocks in a row it is that of the first, moved on by the
second's length, plus that of the second. So the check of what is rewritten in front, or joined, is had from
the parts'.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from renderers._arrays import NDArray

_POLYNOMIAL = 0x8005  # x^16 + x^15 + x^2 + 1, of both FLAC and MP3
_REFLECTED = 0xA001
_POLYNOMIAL_8 = 0x07


@cache
def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    """The remainder that each byte leaves, most significant bit first."""
    top, mask = 1 << bits - 1, (1 << bits) - 1
    found = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
        found.append(value)
    return tuple(found)


def crc8(data: bytes) -> int:
    """That of a FLAC frame's header (RFC 9639, 9.1.8)."""
    table, value = _table(_POLYNOMIAL_8, 8), 0
    for byte in data:
        value = table[value ^ byte]
    return value


def crc16(data: bytes, value: int = 0) -> int:
    """That of a FLAC frame (RFC 9639, 9.3), going on from `value`."""
    table = _table(_POLYNOMIAL, 16)
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ table[value >> 8 ^ byte]
    return value


class Moves:
    """CRC-16 remainders moved on by whole bytes."""

    def __init__(self) -> None:
        self._powers = [1]  # x^(8 n)

    def moved(self, value: int, count: int) -> int:
        """The remainder after `count` zero bytes more."""
        powers, table = self._powers, _table(_POLYNOMIAL, 16)
        while len(powers) <= count:
            last = powers[-1]
            powers.append((last << 8 & 0xFFFF) ^ table[last >> 8])
        factor, product = powers[count], 0
        while value:
            if value & 1:
                product ^= factor
            factor = (factor << 1 ^ _POLYNOMIAL if factor & 0x8000 else factor << 1) & 0xFFFF
            value >>= 1
        return product


def crc16_of_rows(rows: NDArray[np.uint8], value: int = 0) -> int:
    """CRC-16 with the least significant bit first, of the rows of an array (n, length) one after the other.

    It is that of a LAME tag. All rows are worked on at once, then joined; value: of what is in front.
    """
    table = _reflected_table()
    remainders = np.zeros(len(rows), np.uint16)
    for column in rows.T:
        remainders = remainders >> 8 ^ table[(remainders ^ column) & 0xFF]
    low, high = _row_moves(rows.shape[1])
    for remainder in remainders.tolist():
        value = low[value & 0xFF] ^ high[value >> 8] ^ remainder
    return value


@cache
def _reflected_table() -> NDArray[np.uint16]:
    values = np.arange(256).astype(np.uint16)
    for _ in range(8):
        values = values >> np.uint16(1) ^ (values & np.uint16(1)) * np.uint16(_REFLECTED)
    return values


@cache
def _row_moves(length: int) -> tuple[list[int], list[int]]:
    """What becomes of a remainder's low and high byte after `length` zero bytes."""
    table = _reflected_table()
    found = []
    for shift in (0, 8):
        values = (np.arange(256) << shift).astype(np.uint16)
        for _ in range(length):
            values = values >> 8 ^ table[values & 0xFF]
        found.append(values.tolist())
    return found[0], found[1]
