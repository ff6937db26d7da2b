"""What a PNG says besides its pixels: transparency, colour space, direction (PNG, third edition, 11.3).

Ancillary chunks never stop a picture: what is not needed to show it is left out before anything reads it,
however large or damaged it is.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND"))
_LARGEST_PROFILE = 16 << 20
_BAND = 1 << 19  # pixels

_D65 = (0.3127, 0.3290)
_PRIMARIES = {
    1: (0.640, 0.330, 0.300, 0.600, 0.150, 0.060),
    4: (0.670, 0.330, 0.210, 0.710, 0.140, 0.080),
    5: (0.640, 0.330, 0.290, 0.600, 0.150, 0.060),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
"""Colour primaries by their code (ITU-T H.273, table 2): x and y of red, green and blue."""
_WHITES = {4: (0.310, 0.316), 8: (0.310, 0.316), 11: (0.314, 0.351)}
"""Their white, where it is not D65."""


class Png(NamedTuple):
    """data: the file without ancillary chunks. depth, color_type: of IHDR. transparency: tRNS."""

    data: bytes
    depth: int
    color_type: int
    transparency: bytes | None
    profile: bytes | None
    exif: bytes | None
    space: Space | None


class Space(NamedTuple):
    """Primaries and white point in xy; gamma of decoding, None for the curve of sRGB."""

    primaries: tuple[float, ...]
    white: tuple[float, float]
    gamma: float | None


def read_png(data: bytes) -> Png:
    """The chunks that show the picture, and what the others say about it. Raises ValueError."""
    others: dict[bytes, bytes] = {}
    header, parts = b"", [SIGNATURE]
    for name, body, raw in _chunks(data):
        if name in _KEPT:
            parts.append(raw)
        if name == b"IHDR":
            header = body
        else:
            others.setdefault(name, body)
    if len(header) != 13:
        raise ValueError("no IHDR")
    transparency = others.get(b"tRNS")
    palette = header[9] == 3
    if palette:
        parts = [_full_palette(part, header[8]) if part[4:8] == b"PLTE" else part for part in parts]
    if palette and transparency is not None:  # Pillow reads that of palettes as it is meant
        at = next((i for i, part in enumerate(parts) if part[4:8] == b"IDAT"), len(parts))
        parts.insert(at, _chunk(b"tRNS", transparency))
    profile = _profile(others.get(b"iCCP"))
    space = None
    if b"cICP" in others or (profile is None and b"sRGB" not in others):
        space = _space(others)
    return Png(
        b"".join(parts),
        header[8],
        header[9],
        None if palette else transparency,
        None if space is not None else profile,
        others.get(b"eXIf"),
        space,
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8]
        yield name, data[at + 8 : at + 8 + length], data[at : at + 12 + length]
        at += 12 + length


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _full_palette(raw: bytes, depth: int) -> bytes:
    """With the last colour for each index that has none, as browsers have it."""
    entries = raw[8:-4]
    lacking = (1 << depth) - len(entries) // 3
    return raw if lacking <= 0 or len(entries) < 3 else _chunk(b"PLTE", entries + entries[-3:] * lacking)


def _profile(body: bytes | None) -> bytes | None:
    if body is None:
        return None
    _, _, packed = body.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(packed[1:], _LARGEST_PROFILE) or None
    except zlib.error:
        return None


def _space(chunks: dict[bytes, bytes]) -> Space | None:
    """By cICP, else by gAMA and cHRM; None where that is sRGB or not known."""
    code = chunks.get(b"cICP", b"")
    if len(code) == 4:
        return coded_space(code[0], code[1]) if code[3] == 1 else None
    gama, chrm = chunks.get(b"gAMA", b""), chunks.get(b"cHRM", b"")
    gamma = None
    if len(gama) == 4 and (value := int.from_bytes(gama)) > 0:
        gamma = 100_000 / value
        if abs(value - 45455) < 300 and len(chrm) != 32:
            gamma = None  # what writers mean who know of sRGB alone
    if len(gama) != 4:
        return None  # cHRM alone says nothing of the curve, and browsers leave it
    primaries, white = _PRIMARIES[1], _D65
    if len(chrm) == 32:
        values = [number / 100_000 for number in struct.unpack(">8I", chrm)]
        white, primaries = (values[0], values[1]), tuple(values[2:])
    plain = all(
        abs(a - b) < 0.002 for a, b in zip((*primaries, *white), (*_PRIMARIES[1], *_D65), strict=True)
    )
    return None if plain and gamma is None else Space(primaries, white, gamma)


def coded_space(primaries: int, transfer: int) -> Space | None:
    """By code points (ITU-T H.273, 8.1 and 8.2); None for sRGB, and what is not known: those of high dynamic
    range are taken as they are.
    """
    gamma = _GAMMAS.get(transfer)
    if primaries not in _PRIMARIES or (gamma is None and transfer != 13):
        return None
    return (
        None
        if primaries == 1 and transfer == 13
        else Space(_PRIMARIES[primaries], _WHITES.get(primaries, _D65), gamma)
    )


_GAMMAS = {8: 1.0, 4: 2.2, 5: 2.8, 1: 2.4, 6: 2.4, 14: 2.4, 15: 2.4}
"""By transfer code: of video what a screen does with it (ITU-R BT.1886), as in browsers."""


def to_srgb(rgb: Any, space: Space) -> Any:
    """Samples of 8 bits (height, width, 3) in sRGB."""
    steps = np.arange(256) / 255
    curve = steps**space.gamma if space.gamma is not None else _linear(steps)
    try:
        matrix = np.linalg.inv(_to_xyz(_PRIMARIES[1], _D65)) @ _to_xyz(space.primaries, space.white)
    except np.linalg.LinAlgError:
        return rgb
    curve, matrix = curve.astype(np.float32), matrix.T.astype(np.float32)
    out = np.empty(rgb.shape, np.uint8)
    rows = max(1, _BAND // max(1, rgb.shape[1]))
    for first in range(0, len(rgb), rows):  # what is between is five times as large as the picture
        light = np.clip(curve[rgb[first : first + rows]] @ matrix, 0, 1)
        coded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
        out[first : first + rows] = np.rint(coded * 255)
    return out


_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def _linear(coded: Any) -> Any:
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def _to_xyz(primaries: tuple[float, ...], white: tuple[float, float]) -> Any:
    """The matrix from linear RGB to XYZ, white adapted to D65's (Bradford's cones, ICC.1:2022, annex E)."""
    columns = np.array(
        [(x / y, 1.0, (1 - x - y) / y) for x, y in zip(primaries[::2], primaries[1::2], strict=True) if y > 0]
    ).T
    if columns.shape != (3, 3) or white[1] <= 0:
        raise np.linalg.LinAlgError
    target = np.array((white[0] / white[1], 1.0, (1 - white[0] - white[1]) / white[1]))
    own = columns * np.linalg.solve(columns, target)
    d65 = np.array((_D65[0] / _D65[1], 1.0, (1 - sum(_D65)) / _D65[1]))
    scale = np.diag((_BRADFORD @ d65) / (_BRADFORD @ target))
    return np.linalg.inv(_BRADFORD) @ scale @ _BRADFORD @ own
