"""XSpk, the normal form of a sound source: compressed packets of one stream, each at its place in time.

A file is a head of 20 bytes (magic, version, place and size of the index), blocks of about one second, and
the index: JSON about the stream, then for each block its first sample and its offset. A block is a count,
the positions and the sizes of its packets, then the packets. All positions are samples at the source's own
rate; 0 is the beginning of what is heard. What no packet covers is silence. A stretch of blocks under an
index of its own is a file of the same form.
"""

from __future__ import annotations

import json
import struct
import zlib
from bisect import bisect_left, bisect_right
from dataclasses import asdict, dataclass
from io import BufferedWriter
from math import ceil, gcd
from typing import Any, NamedTuple

from schemas.errors import InvalidInput

RATE = 48_000
"""Samples a second of what is read from a source."""

HEAD = struct.Struct("<4sIQI")
"""Magic, version, offset and size of the index."""
_MAGIC, _VERSION = b"XSpk", 1
_CHECK = struct.Struct("<II")  # CRC-32 of the rest of the index, bytes of the JSON
_REACH = 40
"""Samples on either side that the resampler weighs: half of its 64 taps, and a few more (mixing.py)."""


@dataclass(frozen=True)
class Stream:
    """What a decoder has to know. codec: FFmpeg's decoder. extradata: in hex. layout: a name, or empty.

    length: samples at `rate` until the sound ends. gain: what its samples are multiplied by. group: blocks
    that are decoded together from a fixed place, for codecs whose noise depends on where decoding begins; 0
    where that does not matter.
    """

    codec: str
    rate: int
    channels: int
    layout: str = ""
    extradata: str = ""
    length: int = 0
    gain: float = 1.0
    group: int = 0

    @property
    def samples(self) -> int:
        """Samples at 48 kHz."""
        return ceil(self.length * RATE / self.rate)


class Span(NamedTuple):
    """Source samples `first` to `end`: what resampling a stretch needs. out: the sample at 48 kHz that lies
    at `first`, exactly.
    """

    first: int
    end: int
    out: int


def span_of(stream: Stream, first: int, count: int) -> Span:
    """The source samples for `count` samples at 48 kHz from `first` on, which lie within the sound.

    It begins where a sample of both rates falls, so that the resampler's phases are those of the whole.
    """
    if stream.rate == RATE:
        return Span(first, min(stream.length, first + count), first)
    common = gcd(stream.rate, RATE)
    step, out = stream.rate // common, RATE // common
    reach = ceil(_REACH * max(1.0, stream.rate / RATE)) * 2
    steps = max(0, (first * stream.rate // RATE - reach) // step)
    end = min(stream.length, ceil((first + count) * stream.rate / RATE) + reach)
    return Span(steps * step, end, steps * out)


class Run(NamedTuple):
    """Blocks that one decoder reads: from `warm` on, heard from `first` on, to before `end`."""

    warm: int
    first: int
    end: int


@dataclass(frozen=True)
class Index:
    """The stream, and of each block its first sample and its offset; `offsets` has one more, the end."""

    stream: Stream
    starts: tuple[int, ...]
    offsets: tuple[int, ...]
    first_block: int = 0

    def runs(self, span: Span) -> list[Run]:
        """How a span is decoded: each run from the block before it, which sets the decoder up."""
        if not self.starts:
            return []
        first = max(0, bisect_right(self.starts, span.first) - 1)
        end = max(first + 1, bisect_left(self.starts, span.end))
        if not (size := self.stream.group):
            return [Run(max(0, first - 1), first, end)]
        found = []
        for group in range((first + self.first_block) // size, (end - 1 + self.first_block) // size + 1):
            begin = max(0, group * size - self.first_block)
            behind = min(end, (group + 1) * size - self.first_block)
            found.append(Run(max(0, begin - 1), begin, behind))
        return found

    def part(self, first: int, end: int) -> Index:
        """The index of a file with the blocks `first` to `end` only."""
        shift = self.offsets[first] - HEAD.size
        offsets = tuple(offset - shift for offset in self.offsets[first : end + 1])
        return Index(self.stream, self.starts[first:end], offsets, self.first_block + first)

    def to_bytes(self) -> bytes:
        """The end of a file."""
        about = json.dumps({**asdict(self.stream), "first_block": self.first_block}).encode()
        count = len(self.starts)
        body = b"".join(
            (about, struct.pack(f"<{count}q", *self.starts), struct.pack(f"<{count + 1}Q", *self.offsets))
        )
        sizes = struct.pack("<I", len(about))
        return struct.pack("<I", zlib.crc32(sizes + body)) + sizes + body

    def head(self) -> bytes:
        """The beginning of the file that this is the index of."""
        return HEAD.pack(_MAGIC, _VERSION, self.offsets[-1], len(self.to_bytes()))

    @classmethod
    def from_bytes(cls, data: bytes) -> Index:
        """The counterpart of `to_bytes`. Raises InvalidInput (`broken_source`)."""
        try:
            crc, about_size = _CHECK.unpack_from(data)
            if zlib.crc32(memoryview(data)[4:]) != crc:
                raise ValueError
            at = _CHECK.size + about_size
            about: dict[str, Any] = json.loads(data[_CHECK.size : at])
            first_block = int(about.pop("first_block"))
            count = (len(data) - at - 8) // 16
            starts = struct.unpack_from(f"<{count}q", data, at)
            offsets = struct.unpack_from(f"<{count + 1}Q", data, at + 8 * count)
            return cls(Stream(**about), starts, offsets, first_block)
        except (ValueError, TypeError, KeyError, struct.error) as error:
            raise InvalidInput("broken_source", "The stored sound is damaged.") from error


def read_head(data: bytes) -> tuple[int, int]:
    """(offset, size) of the index. Raises InvalidInput (`broken_source`) for what is no such file."""
    if len(data) < HEAD.size:
        raise InvalidInput("broken_source", "The stored sound is damaged.")
    magic, version, offset, size = HEAD.unpack_from(data)
    if (magic, version) != (_MAGIC, _VERSION):
        raise InvalidInput("broken_source", "The stored sound is of another version.")
    return offset, size


class Packet(NamedTuple):
    """Compressed sound and the position of its first sample."""

    position: int
    data: bytes


class Writer:
    """Writes a file, one packet at a time; memory does not grow with the sound but for the index."""

    def __init__(self, file: BufferedWriter, rate: int, *, is_pcm: bool = False) -> None:
        """is_pcm: packets that follow one another are joined, for they need no bounds."""
        self._file, self._rate, self._is_pcm = file, rate, is_pcm
        self._positions: list[int] = []
        self._packets: list[list[bytes]] = []
        self._held = 0
        self._expected = 0
        self._starts: list[int] = []
        self._offsets = [HEAD.size]
        file.write(bytes(HEAD.size))

    def add(self, position: int, data: bytes, samples: int) -> None:
        """Append a packet of so many samples; positions never go back by more than a packet."""
        if self._held >= self._rate:
            self._flush()
        if self._is_pcm and self._packets and position == self._expected:
            self._packets[-1].append(data)
        else:
            self._positions.append(position)
            self._packets.append([data])
        self._held += samples
        self._expected = position + samples

    def _flush(self) -> None:
        if not self._packets:
            return
        positions = self._positions
        packets = [parts[0] if len(parts) == 1 else b"".join(parts) for parts in self._packets]
        count = len(packets)
        head = struct.pack(f"<I{count}q{count}I", count, *positions, *map(len, packets))
        self._file.write(head)
        self._file.writelines(packets)
        start = positions[0]
        self._starts.append(max(start, self._starts[-1]) if self._starts else start)
        self._offsets.append(self._offsets[-1] + len(head) + sum(map(len, packets)))
        self._positions, self._packets, self._held = [], [], 0

    def close(self, stream: Stream) -> Index:
        """Write the index; the file itself stays open."""
        self._flush()
        index = Index(stream, tuple(self._starts), tuple(self._offsets))
        self._file.write(index.to_bytes())
        self._file.seek(0)
        self._file.write(index.head())
        return index


def packets_of(block: bytes) -> list[Packet]:
    """The packets of a block. Raises InvalidInput (`broken_source`)."""
    try:
        (count,) = struct.unpack_from("<I", block)
        positions = struct.unpack_from(f"<{count}q", block, 4)
        sizes = struct.unpack_from(f"<{count}I", block, 4 + 8 * count)
    except struct.error as error:
        raise InvalidInput("broken_source", "The stored sound is damaged.") from error
    found, at = [], 4 + 12 * count
    for position, size in zip(positions, sizes, strict=True):
        found.append(Packet(position, block[at : at + size]))
        at += size
    return found
