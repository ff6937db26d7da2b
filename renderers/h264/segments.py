"""A long film in segments: written by any workers, put together to the file that a join would write.

A segment is some parts in a row with the sound that is decoded between their pictures: bytes as they lie in
the file, and a record of what the head has to know of them. It can be written as soon as its own chunks and
sound are there, since all that it has to know of what is before it follows from the plan. At last
`segments_head` makes the head of all records; the file is the head and all segments, one after the other.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from renderers.h264.headers import Stream
from renderers.h264.joining import Joiner, Part, Planned, Standing, configuration
from renderers.h264.stretches import Sound, Stretch, Table, film_head, packets_before
from renderers.h264.video import VideoSpec
from renderers.sound.m4a import SoundFormat
from schemas.checks import nothing
from schemas.errors import InvalidInput


class Segment(NamedTuple):
    """Parts `first` to `end` - 1 of a film, `frames` in all, and where its stream stands before them."""

    first: int
    end: int
    frames: int
    standing: Standing
    is_last: bool


class Record(NamedTuple):
    """What the head has to know of a segment: parameter sets, sizes, and that it fits to its neighbours.

    extradata: of its sound, empty where there is none.
    """

    sps: bytes
    pps: bytes
    extradata: bytes
    before: Standing
    after: Standing
    table: Table

    def to_bytes(self) -> bytes:
        """The form in the object store: a head, then numbers of 32 bits."""
        counts = [len(column) for column in self.table]
        standings = [*self.before, *self.after]
        sizes = _SIZES.pack(*map(len, self[:3]), *standings, *counts)
        columns = [np.asarray(column, ">u4").tobytes() for column in self.table]
        data = b"".join([sizes, *self[:3], *columns])
        return _HEAD.pack(_MAGIC, _VERSION, zlib.crc32(data)) + data

    @classmethod
    def from_bytes(cls, data: bytes) -> Record:
        """The counterpart of `to_bytes`; raises InvalidInput for anything else."""
        if len(data) < _HEAD.size + _SIZES.size or data[:4] != _MAGIC:
            raise InvalidInput("broken_segment", "This is not the record of a segment.")
        _, version, crc = _HEAD.unpack_from(data)
        if version != _VERSION or zlib.crc32(memoryview(data)[_HEAD.size :]) != crc:
            raise InvalidInput("broken_segment", "The record of a segment is damaged or of another version.")
        sps, pps, extradata, *numbers = _SIZES.unpack_from(data, _HEAD.size)
        at = _HEAD.size + _SIZES.size
        ends = list(accumulate([at, sps, pps, extradata]))
        sets = [data[start:end] for start, end in pairwise(ends)]
        at = ends[-1]
        columns = []
        for count in numbers[6:]:
            columns.append(np.frombuffer(data, ">u4", count, at).astype(np.int64))
            at += 4 * count
        return cls(
            sets[0], sets[1], sets[2], Standing(*numbers[:3]), Standing(*numbers[3:6]), Table(*columns)
        )


_HEAD = struct.Struct(">4sBI")  # magic, version, CRC-32 of all that follows
_SIZES = struct.Struct(">III6q4I")  # bytes of SPS, PPS and extradata, both standings, lengths of the columns
_MAGIC, _VERSION = b"XSsg", 1


def segments(parts: Sequence[Planned], fps: int, seconds: int) -> list[Segment]:
    """How to cut a film of planned parts: at the first part after so many seconds that nothing fades to.

    A single segment is what a short film is: join it in one piece.
    """
    found: list[Segment] = []
    first, begin, standing = 0, Standing(), Standing()
    for number, part in enumerate(parts):
        is_long = number > first and standing.frames - begin.frames >= seconds * fps
        if is_long and not part.lead:
            found.append(Segment(first, number, standing.frames - begin.frames, begin, False))
            first, begin = number, standing
        standing = standing.after(part, fps)
    return [*found, Segment(first, len(parts), standing.frames - begin.frames, begin, True)]


def segment_at(parts: Sequence[Planned], first: int, end: int, fps: int) -> Segment:
    """The segment of the parts `first` to `end` - 1 of a film."""
    standing = Standing()
    for part in parts[:first]:
        standing = standing.after(part, fps)
    frames = sum(sum(part) for part in parts[first:end])
    return Segment(first, end, frames, standing, end == len(parts))


def sound_range(segment: Segment, fps: int, reorder: int, sound: SoundFormat) -> range:
    """The numbers of the packets that a segment needs. reorder: of the stream, as its SPS says."""
    borders = np.array([segment.standing.frames, segment.standing.frames + segment.frames])
    first, end = packets_before(borders, fps, reorder, sound).tolist()
    return range(first if segment.first else 0, sound.packets if segment.is_last else end)


def write_segment(
    path: Path,
    spec: VideoSpec,
    segment: Segment,
    parts: Iterable[Part],
    sound: SoundFormat | None,
    packets: Callable[[range], Sequence[bytes]],
    *,
    check: Callable[[], None] = nothing,
) -> Record:
    """Write a segment's bytes at `path`.

    parts: its own, read one by one. sound: of the whole film; packets: gives those with these numbers.
    check: called before each part; may raise. When anything raises, no file is left.
    """
    iterator = iter(parts)
    head = next(iterator, None)
    if head is None:
        raise InvalidInput("empty_video", "A segment has at least one part.")
    joiner = Joiner(spec, head.chunk.sps, head.chunk.pps, segment.standing)
    heard = Sound()
    if sound is not None:
        numbers = sound_range(segment, spec.fps, joiner.stream.sequence.reorder, sound)
        heard = Sound(sound, packets(numbers), numbers.start)
    stretch = Stretch(spec, joiner, heard)
    try:
        with path.open("wb", buffering=0) as file:
            for part in chain([head], iterator):
                check()
                file.write(b"".join(stretch.add(part)))
            file.write(b"".join(stretch.finish(is_last=segment.is_last)))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    said = head.chunk.sps, head.chunk.pps, b"" if sound is None else sound.extradata
    return Record(*said, segment.standing, joiner.standing, stretch.table())


def segments_head(spec: VideoSpec, records: Sequence[Record], sound: SoundFormat | None) -> bytes:
    """All of the film's file before its segments. Raises InvalidInput where they do not fit one another.

    sound: of the whole film; its extradata is that of the records.
    """
    stream = Stream(records[0].sps, records[0].pps)
    if len({record[:3] for record in records}) > 1:
        raise InvalidInput("chunks_differ", "Two segments of one film have different parameter sets.")
    if sound is not None:
        sound = sound._replace(extradata=records[0].extradata)
    borders = [record.before for record in records[1:]]
    heard = sum(len(record.table.sound) for record in records)
    if (
        records[0].before != Standing()
        or borders != [record.after for record in records[:-1]]
        or heard != (sound.packets if sound else 0)
    ):
        raise InvalidInput("broken_segment", "The segments of a film do not follow one another.")
    tables = (record.table for record in records)
    return film_head(spec, configuration(stream), stream.sequence.reorder, sound, tables)
