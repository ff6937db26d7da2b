"""Sound to MP3 in parts, each encoded by itself, and the file of them (ISO/IEC 11172-3, Layer III).

A frame may keep its bits in frames before it, the bit reservoir. Here none does, so that frames can be
joined: what that costs in quality is in docs/decisions/0017. With a few frames of pre-roll an encoder makes
the very frames that it makes of the whole sound in one piece.

The file's first frame is silent and holds the tag of Xing and LAME (Mp3 Info Tag, revision 1): how many
frames follow, and how many samples of silence the encoder has added at both ends, which decoders then leave
out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np

from renderers.sound import packing
from renderers.sound.aac import EncodedAudio, Samples
from renderers.sound.checksums import crc16_of_rows
from renderers.sound.packing import framed
from schemas.checks import nothing
from schemas.errors import InvalidInput

FRAME = 1152
PREROLL = 8 * FRAME
LOOK_AHEAD = 2 * FRAME
"""Samples that the encoder has to see before and after those of a part."""
DELAY = 576
"""Samples that LAME adds in front; a decoder adds 529 more."""
_DECODER_DELAY = 529
PRIMING = DELAY + _DECODER_DELAY

_BITRATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
"""kbit/s by their index (2.4.2.3), Layer III of MPEG-1."""
_TAG_BITRATE = 64
"""kbit/s of the smallest frame that the tag fits into at 48 kHz."""
_FEWEST = 3
"""Frames behind the tag: FFmpeg takes fewer for no MP3."""
_SIDE = 32  # bytes of side information in stereo


def encode_part(
    sound: Samples, samples: int, rate: int, bitrate: int, is_last: bool, check: Callable[[], None] = nothing
) -> bytes:
    """A part at rest, `EncodedAudio`, of so many samples, whole frames unless it is the last.

    sound: PREROLL samples before the part, its own, and LOOK_AHEAD after it, shape (n, 2); what is missing at
    its end is silence. The last part goes on until all is out that the encoder has delayed.
    """
    preroll = PREROLL // FRAME
    count = max(_FEWEST, -(-(samples + PRIMING) // FRAME)) if is_last else samples // FRAME
    context = av.CodecContext.create("libmp3lame", "w")
    context.bit_rate = bitrate
    context.options = {"reservoir": "0"}
    seen = framed(sound, PREROLL + count * FRAME + LOOK_AHEAD)
    packets, _ = packing.packets(context, rate, seen, FRAME, check)
    return EncodedAudio(tuple(packets[preroll : preroll + count]), b"", rate, PRIMING, samples).to_bytes()


def write_mp3(path: Path, parts: Iterable[EncodedAudio]) -> None:
    """Write a file, part by part. Raises InvalidInput for parts that do not belong together."""
    with path.open("wb") as file:
        tag: Tag | None = None
        for part in parts:
            if tag is None:
                tag = Tag(part.packets[0])
                file.write(bytes(tag.size))
            tag.add(part)
            file.writelines(part.packets)
        if tag is None:
            raise InvalidInput("empty_sound", "A sound has at least one packet.")
        file.seek(0)
        file.write(tag.to_bytes())


class Tag:
    """The silent frame in front, which counts the frames behind it."""

    def __init__(self, packet: bytes) -> None:
        """packet: the first frame, whose bit rate all have."""
        self._length = len(packet)
        self._bitrate = _BITRATES[packet[2] >> 4]
        bitrate = max(self._bitrate, _TAG_BITRATE)
        self._head = bytes(
            (packet[0], packet[1], _BITRATES.index(bitrate) << 4 | packet[2] & 0x0C, packet[3])
        )
        self.size = 144 * bitrate // 48
        self._frames = self._samples = self._crc = 0

    def add(self, part: EncodedAudio) -> None:
        """Count a part's frames."""
        if any(len(packet) != self._length for packet in part.packets):
            raise InvalidInput("broken_sound", "The parts of the sound were encoded in different ways.")
        rows = np.frombuffer(b"".join(part.packets), np.uint8).reshape(-1, self._length)
        self._crc = crc16_of_rows(rows, self._crc)
        self._frames += len(part.packets)
        self._samples += part.samples

    def to_bytes(self) -> bytes:
        """The frame."""
        padding = self._frames * FRAME - DELAY - self._samples
        size = self.size + self._frames * self._length
        places = bytes(number * 256 // 100 for number in range(100))
        info = struct.pack(">4sIII", b"Info", 0xF, self._frames, size) + places + bytes(4)
        gaps = (DELAY << 12 | padding).to_bytes(3, "big")
        lame = b"LAME3.100" + bytes((1,)) + bytes(9) + bytes((0, min(255, self._bitrate))) + gaps
        lame += bytes((2 << 6 | 3 << 2,)) + bytes(3) + struct.pack(">IH", size, self._crc)
        frame = self._head + bytes(_SIDE) + info + lame
        crc = crc16_of_rows(np.frombuffer(frame, np.uint8)[None])
        return (frame + struct.pack(">H", crc)).ljust(self.size, b"\0")
