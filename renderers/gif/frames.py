"""Pictures to frames of a GIF: each distinct one once, with a palette of its own, cropped to what changed.

Source: GIF89a (CompuServe, 1990), sections 20 to 23.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from PIL import GifImagePlugin, Image

from renderers._arrays import NDArray
from schemas.errors import InvalidInput

Picture = NDArray[np.uint8]
"""(height, width, 3 or more), sRGB and opaque."""

COLORS = 256


class GifFrame(NamedTuple):
    """An image block (descriptor, local palette, packed indices), shown for so many frames of the film."""

    block: bytes
    shown: int


_HEAD = struct.Struct(">4sBI")  # magic, version, CRC-32 of all that follows
_ENTRY = struct.Struct(">II")  # bytes of the block, frames for which it is shown
_MAGIC, _VERSION = b"XSgf", 1


def pack_frames(frames: Iterable[GifFrame]) -> bytes:
    """Frames at rest in the object store."""
    body = b"".join(_ENTRY.pack(len(frame.block), frame.shown) + frame.block for frame in frames)
    return _HEAD.pack(_MAGIC, _VERSION, zlib.crc32(body)) + body


def unpack_frames(data: bytes) -> list[GifFrame]:
    """The counterpart of `pack_frames`; raises InvalidInput("broken_chunk")."""
    if len(data) < _HEAD.size or data[:4] != _MAGIC or data[4] != _VERSION:
        raise InvalidInput("broken_chunk", "This is not a part of an animated picture.")
    if zlib.crc32(memoryview(data)[_HEAD.size :]) != _HEAD.unpack_from(data)[2]:
        raise InvalidInput("broken_chunk", "The part of the animated picture is damaged.")
    frames, at = [], _HEAD.size
    while at < len(data):
        size, shown = _ENTRY.unpack_from(data, at)
        at += _ENTRY.size
        frames.append(GifFrame(data[at : at + size], shown))
        at += size
    return frames


def encode_frames(pictures: Iterable[Picture], *, check: Callable[[], None]) -> list[GifFrame]:
    """The frames of a stretch; the first is whole, of each later one only what differs from that before it.

    Equal pictures in a row are one frame. check: called before each picture; may raise.
    """
    frames: list[GifFrame] = []
    before: Picture | None = None
    for given in pictures:
        check()
        picture = given[:, :, :3]
        box = (0, 0, picture.shape[1], picture.shape[0]) if before is None else changed_box(before, picture)
        if box is None:
            frames[-1] = frames[-1]._replace(shown=frames[-1].shown + 1)
            continue
        before = picture.copy()
        frames.append(GifFrame(image_block(picture, box), 1))
    return frames


def changed_box(before: Picture, after: Picture) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what differs, None for equal pictures."""
    differs = np.any(before != after, axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def image_block(picture: Picture, box: tuple[int, int, int, int]) -> bytes:
    """The image block of one rectangle of a picture, in up to 256 colours of its own."""
    left, top, right, bottom = box
    cropped = np.ascontiguousarray(picture[top:bottom, left:right])
    indexed = Image.fromarray(cropped).quantize(COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    blocks = GifImagePlugin.getdata(indexed, (left, top), include_color_table=True)
    return b"".join(blocks)
