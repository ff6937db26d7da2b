"""Files as the pieces that their formats are made of, and put together again with right sizes and checks."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

Pieces = list[tuple[bytes, bytes]]
"""(head or name, content), in the file's order."""


class Format(NamedTuple):
    """How files of a format are taken apart and put together. nested: contents have the same form."""

    split: Callable[[bytes], Pieces]
    join: Callable[[Pieces], bytes]
    nested: bool = False


def format_of(data: bytes) -> Format | None:
    """The format of a file by its first bytes, where it is known here."""
    if data.startswith(_PNG):
        return Format(_split_png, _join_png)
    if data[:4] in (b"RIFF", b"FORM"):
        return _CHUNKS[data[:4]]
    if data[4:8] in (b"ftyp", b"moov", b"styp", b"free"):
        return BOXES
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return ELEMENTS
    if data.startswith(b"OggS"):
        return Format(_split_ogg, _join_ogg)
    if data.startswith(b"\xff\xd8\xff"):
        return Format(_split_jpeg, _joined)
    if data[:4] in (b"\0\1\0\0", b"OTTO", b"true"):
        return Format(_split_sfnt, _join_sfnt)
    if data[36:40] == b"acsp":
        return Format(_split_icc, _join_icc)
    if data.startswith(b"fLaC"):
        return Format(_split_flac, _joined)
    return None


def _joined(pieces: Pieces) -> bytes:
    return b"".join(head + content for head, content in pieces)


_PNG = b"\x89PNG\r\n\x1a\n"
_PACKED = {b"IDAT": 0, b"iCCP": None, b"zTXt": None}
"""Chunks of PNG that hold a zlib stream, behind so many bytes or behind a name and two bytes."""


def _split_png(data: bytes) -> Pieces:
    found, at = [], 8
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        found.append(_unpacked(data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    return found


def _unpacked(name: bytes, content: bytes) -> tuple[bytes, bytes]:
    """The name with what stands before the zlib stream, and what is in that."""
    if name not in _PACKED:
        return name, content
    at = content.find(b"\0") + 2 if _PACKED[name] is None else 0
    try:
        return b"*" + name + content[:at], zlib.decompress(content[at:])
    except zlib.error:
        return name, content


def _join_png(pieces: Pieces) -> bytes:
    made = [_PNG]
    for name, plain in pieces:
        kind, content = name[:4], plain
        if name.startswith(b"*"):
            kind, content = name[1:5], name[5:] + zlib.compress(plain, 1)
        body = kind + content
        made.append(struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body)))
    return b"".join(made)


def _chunks(order: str) -> Format:
    """RIFF (little endian) and IFF."""

    def split(data: bytes) -> Pieces:
        found, at = [(data[:4], data[8:12])], 12
        while at + 8 <= len(data):
            (size,) = struct.unpack_from(order + "I", data, at + 4)
            found.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
            at += 8 + size + size % 2
        return found

    def join(pieces: Pieces) -> bytes:
        (magic, kind), rest = pieces[0], pieces[1:]
        body = kind + b"".join(
            name + struct.pack(order + "I", len(content)) + content + bytes(len(content) % 2)
            for name, content in rest
        )
        return magic + struct.pack(order + "I", len(body)) + body

    return Format(split, join)


_CHUNKS = {b"RIFF": _chunks("<"), b"FORM": _chunks(">")}


def _split_boxes(data: bytes) -> Pieces:
    """Boxes of ISO/IEC 14496-12, 4.2; the content of `meta` and `stsd` begins behind a few bytes."""
    found, at = [], 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        size = size if 8 <= size <= len(data) - at else len(data) - at
        found.append((data[at + 4 : at + 8], data[at + 8 : at + size]))
        at += size
    return found


def _join_boxes(pieces: Pieces) -> bytes:
    return b"".join(struct.pack(">I", len(content) + 8) + name + content for name, content in pieces)


BOXES = Format(_split_boxes, _join_boxes, nested=True)
_HOLD_BOXES = frozenset(b"moov trak mdia minf stbl edts dinf udta moof traf mvex iprp ipco".split())
_HOLD_ELEMENTS = frozenset(
    bytes.fromhex(name)
    for name in [
        "18538067",
        "1549A966",
        "1654AE6B",
        "AE",
        "E1",
        "1F43B675",
        "A0",
        "75A1",
        "A6",
        "6D80",
        "6240",
        "1C53BB6B",
        "BB",
        "B7",
        "1254C367",
    ]
)
"""Segment, Info, Tracks, TrackEntry, Audio, Cluster and the groups in it, Cues, Tags (RFC 9559)."""


def holds_pieces(name: bytes) -> bool:
    """Whether the content of a piece is pieces of the same format."""
    return name in _HOLD_BOXES or name in _HOLD_ELEMENTS


def _vint(data: bytes, at: int) -> int:
    """Bytes of a variable number (RFC 8794, 4)."""
    return 9 - data[at].bit_length() if data[at] else 8


def _split_elements(data: bytes) -> Pieces:
    found, at = [], 0
    while at < len(data):
        name = data[at : at + _vint(data, at)]
        at += len(name)
        if at >= len(data):
            break
        width = _vint(data, at)
        size = int.from_bytes(data[at : at + width]) & ((1 << 7 * width) - 1)
        at += width
        if size == (1 << 7 * width) - 1:
            size = len(data) - at
        found.append((name, data[at : at + size]))
        at += size
    return found


def _join_elements(pieces: Pieces) -> bytes:
    return b"".join(name + struct.pack(">Q", 1 << 56 | len(content)) + content for name, content in pieces)


ELEMENTS = Format(_split_elements, _join_elements, nested=True)


def _split_ogg(data: bytes) -> Pieces:
    found, at = [], 0
    while data[at : at + 4] == b"OggS" and at + 27 <= len(data):
        lacing = data[at + 27 : at + 27 + data[at + 26]]
        head = data[at : at + 27 + len(lacing)]
        found.append((head, data[at + len(head) : at + len(head) + sum(lacing)]))
        at += len(head) + sum(lacing)
    return found


def _join_ogg(pieces: Pieces) -> bytes:
    """With the check of each page (RFC 3533, 6)."""
    made = []
    for head, content in pieces:
        page = head[:22] + bytes(4) + head[26:] + content
        made.append(page[:22] + struct.pack("<I", _ogg_check(page)) + page[26:])
    return b"".join(made)


_OGG_TABLE: list[int] = []
for _byte in range(256):
    _value = _byte << 24
    for _ in range(8):
        _value = (_value << 1 ^ 0x04C11DB7 if _value >> 31 else _value << 1) & 0xFFFFFFFF
    _OGG_TABLE.append(_value)


def _ogg_check(data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFFFFFF) ^ _OGG_TABLE[value >> 24 ^ byte]
    return value


def _split_jpeg(data: bytes) -> Pieces:
    found, at = [(data[:2], b"")], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        size = int.from_bytes(data[at + 2 : at + 4])
        found.append((data[at : at + 4], data[at + 4 : at + 2 + size]))
        at += 2 + size
    return [*found, (b"", data[at:])]


def _split_sfnt(data: bytes) -> Pieces:
    """Tables by the directory (OpenType, «Organization of an OpenType Font»)."""
    found = [(data[:4], b"")]
    for number in range(int.from_bytes(data[4:6])):
        tag, _, offset, size = struct.unpack_from(">4sIII", data, 12 + 16 * number)
        found.append((tag, data[offset : offset + size]))
    return found


def _join_sfnt(pieces: Pieces) -> bytes:
    magic, tables = pieces[0][0], pieces[1:]
    at = 12 + 16 * len(tables)
    directory, bodies = [magic + struct.pack(">HHHH", len(tables) & 0xFFFF, 0, 0, 0)], []
    for tag, content in tables:
        directory.append(struct.pack(">4sIII", tag, 0, at, len(content)))
        bodies.append(content + bytes(-len(content) % 4))
        at += len(bodies[-1])
    return b"".join(directory + bodies)


def _split_icc(data: bytes) -> Pieces:
    found = [(b"", data[:128])]
    for number in range(int.from_bytes(data[128:132])):
        tag, offset, size = struct.unpack_from(">4sII", data, 132 + 12 * number)
        found.append((tag, data[offset : offset + size]))
    return found


def _join_icc(pieces: Pieces) -> bytes:
    tags = pieces[1:]
    at = 132 + 12 * len(tags)
    table, bodies = [struct.pack(">I", len(tags))], []
    for tag, content in tags:
        table.append(struct.pack(">4sII", tag, at, len(content)))
        bodies.append(content + bytes(-len(content) % 4))
        at += len(bodies[-1])
    head = (pieces[0][1] + bytes(128))[:128]
    return struct.pack(">I", at) + head[4:] + b"".join(table + bodies)


def _split_flac(data: bytes) -> Pieces:
    starts = [match.start() for match in re.finditer(b"\xff[\xf8\xf9]", data)]
    cuts = [0, *starts, len(data)]
    return [(data[first : first + 4], data[first + 4 : end]) for first, end in pairwise(cuts)]
