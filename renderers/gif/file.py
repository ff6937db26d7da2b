"""GIF files: the head, the frames with their delays, and what a finished file says of itself.

Delays are whole hundredths of a second; what one rounds away is carried on to the next, so the sum is right.
Sources: GIF89a, sections 17, 18, 23, 26 and 27; the loop is Netscape's application extension.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from renderers.gif.frames import GifFrame
from schemas.errors import InvalidInput

_SCREEN = struct.Struct("<HHBBB")
_CONTROL = struct.Struct("<BBHB")
_KEEP = 1 << 2  # disposal: the next frame is drawn over this one


def write_gif(path: Path, size: tuple[int, int], fps: int, loop: int, frames: Iterable[GifFrame]) -> None:
    """Write a file. size: width, height in px. loop: how often it plays, 0 for ever."""
    shown = 0
    with path.open("wb") as file:
        file.write(b"GIF89a" + _SCREEN.pack(*size, 0x70, 0, 0))
        if loop != 1:
            repeats = loop - 1 if loop else 0  # the extension counts repetitions
            file.write(b"\x21\xff\x0bNETSCAPE2.0" + struct.pack("<BBHB", 3, 1, repeats, 0))
        for frame in frames:
            delay = _hundredths(shown + frame.shown, fps) - _hundredths(shown, fps)
            shown += frame.shown
            file.write(b"\x21\xf9" + _CONTROL.pack(4, _KEEP, min(delay, 0xFFFF), 0) + b"\x00" + frame.block)
        file.write(b"\x3b")


def _hundredths(frames: int, fps: int) -> int:
    return (200 * frames + fps) // (2 * fps)


class GifProbe(NamedTuple):
    """What a file says of itself: px, frames, and seconds in all."""

    width: int
    height: int
    frames: int
    seconds: float


def probe_gif(file: BinaryIO) -> GifProbe:
    """Walk through the blocks of a file. Raises InvalidInput("unreadable_file") for what is no whole GIF."""
    try:
        return _walk(file)
    except (struct.error, IndexError) as error:
        raise InvalidInput("unreadable_file", "This is no whole GIF.") from error


def _walk(file: BinaryIO) -> GifProbe:
    head = file.read(13)
    if head[:6] != b"GIF89a":
        raise InvalidInput("unreadable_file", "This is no GIF.")
    width, height, flags, _, _ = _SCREEN.unpack(head[6:])
    _skip_palette(file, flags)
    frames = hundredths = 0
    while (kind := file.read(1)[0]) != 0x3B:
        if kind == 0x2C:
            _skip_palette(file, file.read(9)[8])
            file.read(1)
            _skip_blocks(file)
            frames += 1
        elif file.read(1)[0] == 0xF9:
            hundredths += _CONTROL.unpack(file.read(_CONTROL.size))[2]
            _skip_blocks(file)
        else:
            _skip_blocks(file)
    return GifProbe(width, height, frames, hundredths / 100)


def _skip_palette(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.read(3 * 2 ** ((flags & 7) + 1))


def _skip_blocks(file: BinaryIO) -> None:
    while size := file.read(1)[0]:
        file.read(size)
