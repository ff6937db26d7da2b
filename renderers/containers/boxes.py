"""Boxes of the ISO base media file format, and the tables that samples are found by.

Clauses are those of ISO/IEC 14496-12 (2022). All numbers are big-endian. Tables are built from whole arrays:
an hour of film has a quarter of a million samples.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import numpy as np

from renderers._arrays import NDArray

Numbers = NDArray[np.int64]
"""One number for each sample (or each chunk) of a track, in decoding order."""

LONG = (1 << 31) - 1
"""Durations from here on have 64 bits, although 32 would do for twice as long: so FFmpeg has it."""

LARGE = 1 << 32
"""The first number that a field of 32 bits does not hold."""


def box(name: bytes, *content: bytes) -> bytes:
    """A box (4.2): its size, its four-character code, what is in it."""
    data = b"".join(content)
    return struct.pack(">I4s", len(data) + 8, name) + data


def full_box(name: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with version and flags (4.2.2)."""
    return box(name, struct.pack(">I", version << 24 | flags), *content)


def words(numbers: Numbers) -> bytes:
    """Numbers of 32 bits, one after the other; of a two-dimensional array row by row."""
    return numbers.astype(">u4").tobytes()


def _runs(numbers: Numbers) -> Numbers:
    """Shape (runs, 2): how many equal numbers follow one another, and which number it is."""
    first = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1))
    counts = np.diff(first, append=len(numbers))
    return np.stack([counts, numbers[first]], axis=1)


def _table(name: bytes, rows: Numbers) -> bytes:
    return full_box(name, struct.pack(">I", len(rows)), words(rows))


def times_to_samples(durations: Numbers) -> bytes:
    """`stts` (8.6.1.2): how long each sample lasts, in ticks of the track."""
    return _table(b"stts", _runs(durations))


def composition_offsets(offsets: Numbers) -> bytes:
    """`ctts` (8.6.1.3): by how many ticks each sample is shown later than it is decoded."""
    return _table(b"ctts", _runs(offsets))


def sync_samples(indices: Numbers) -> bytes:
    """`stss` (8.6.2): the samples that decoding may begin with, counted from 0."""
    return _table(b"stss", indices + 1)


def sample_sizes(sizes: Numbers) -> bytes:
    """`stsz` (8.7.3): bytes of each sample, or one number where all are equally large."""
    if len(sizes) and (sizes == sizes[0]).all():
        return full_box(b"stsz", struct.pack(">II", max(1, sizes[0]), len(sizes)))
    return full_box(b"stsz", struct.pack(">II", 0, len(sizes)), words(sizes))


def samples_to_chunks(counts: Numbers) -> bytes:
    """`stsc` (8.7.4): how many samples are in each chunk; all have the track's first description."""
    first = np.flatnonzero(np.diff(counts, prepend=-1))
    return _table(b"stsc", np.stack([first + 1, counts[first], np.ones_like(first)], axis=1))


def chunk_offsets(offsets: Numbers, *, wide: bool) -> bytes:
    """`stco`, or `co64` where it is wide (8.7.5): the place of each chunk in the file."""
    if wide:
        return full_box(b"co64", struct.pack(">I", len(offsets)), offsets.astype(">u8").tobytes())
    return _table(b"stco", offsets)


def roll_groups(samples: int, distance: int) -> bytes:
    """`sgpd` and `sbgp` of the roll groups (8.9.2, 8.9.3, 10.1): all samples are in the one there is.

    distance: how many samples, counted backwards where negative, have to be decoded for one to be right.
    """
    described = full_box(b"sgpd", b"roll", struct.pack(">IIh", 2, 1, distance), version=1)
    return described + full_box(b"sbgp", b"roll", struct.pack(">III", 1, samples, 1))


def timed(name: bytes, head: bytes, duration: int, tail: bytes, *, flags: int = 0) -> bytes:
    """A header of times (8.2.2, 8.3.2, 8.4.2): not made at any time, `head`, a duration, and the rest.

    Where the duration needs more than 32 bits, the times and it have 64.
    """
    version = int(duration >= LONG)
    times, length = (bytes(16), ">Q") if version else (bytes(8), ">I")
    return full_box(name, times, head, struct.pack(length, duration), tail, version=version, flags=flags)


def end_of_boxes(file: BinaryIO) -> int:
    """Where a file's last box ends (ISO/IEC 14496-12, 4.2): at the end of the file, if it is whole."""
    at = 0
    while True:
        file.seek(at)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        if len(head) < 8 or size < 8:
            return at
        at += size
