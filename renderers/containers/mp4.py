"""MP4: what stands before the samples of a file (ISO/IEC 14496-12; MP4's own are ISO/IEC 14496-14).

The index (`moov`) comes first, so a player may begin before it has the whole file. What is written is what
FFmpeg's muxer writes with `-movflags faststart -fflags bitexact`, byte for byte: the tests compare them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from renderers.containers.boxes import (
    LARGE,
    LONG,
    box,
    chunk_offsets,
    composition_offsets,
    full_box,
    roll_groups,
    sample_sizes,
    samples_to_chunks,
    sync_samples,
    timed,
    times_to_samples,
)
from renderers.containers.entries import Facts
from renderers.containers.tracks import Chunks, Track, chunks

MP4 = (b"isom", b"isom", b"iso2", b"avc1", b"mp41")
"""Brands of a film: the major one, then all that it is compatible with."""

_MATRIX = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_MINOR = 512
_UNDETERMINED = 0x55C4  # "und" in letters of five bits (8.4.2.3)
_MEDIA = {
    "vide": (b"VideoHandler\0", full_box(b"vmhd", bytes(8), flags=1)),
    "soun": (b"SoundHandler\0", full_box(b"smhd", bytes(4))),
}
_HERE = box(b"dinf", full_box(b"dref", struct.pack(">I", 1), full_box(b"url ", flags=1)))
_NO_TAGS = box(
    b"udta",
    full_box(b"meta", full_box(b"hdlr", bytes(4), b"mdirappl", bytes(9)), box(b"ilst")),
)


def head(tracks: Sequence[Track], timescale: int, brands: Sequence[bytes] = MP4) -> bytes:
    """All of a file before its samples, which follow in the tracks' `order`.

    timescale: ticks a second of the movie's own clock.
    """
    kind = box(b"ftyp", brands[0], struct.pack(">I", _MINOR), *brands[1:])
    size = sum(int(track.sizes.sum()) for track in tracks)
    if size + 8 < LARGE:
        data = struct.pack(">I4sI4s", 8, b"free", size + 8, b"mdat")
    else:
        data = struct.pack(">I4sQ", 1, b"mdat", size + 16)
    placed = chunks(tracks)
    index, offset = b"", 0
    while offset != (offset := len(kind) + len(index) + len(data)):  # until no offset outgrows its field
        index = _movie(tracks, placed, offset, timescale)
    return kind + index + data


def _movie(tracks: Sequence[Track], placed: Sequence[Chunks], offset: int, timescale: int) -> bytes:
    """`moov` (8.2.1) of samples that begin at `offset` of the file."""
    numbered = zip(tracks, placed, strict=True)
    written = [_track(i, *track, offset, timescale) for i, track in enumerate(numbered, 1)]
    longest = max(_movie_ticks(track, timescale) for track in tracks)
    middle = struct.pack(">IH10x", 1 << 16, 1 << 8) + _MATRIX + bytes(24)
    header = timed(
        b"mvhd", struct.pack(">I", timescale), longest, middle + struct.pack(">I", len(tracks) + 1)
    )
    return box(b"moov", header, *written, _NO_TAGS)


def _movie_ticks(track: Track, timescale: int) -> int:
    """How long a track is presented, in ticks of the movie, a last one begun counted."""
    return -(-track.edit.duration * timescale // track.timescale)


def _track(number: int, track: Track, placed: Chunks, offset: int, timescale: int) -> bytes:
    """`trak` (8.3.1)."""
    duration = _movie_ticks(track, timescale)
    is_sound = track.handler == "soun"
    tail = struct.pack(">8x2H2H", 0, int(is_sound), int(is_sound) << 8, 0) + _MATRIX
    tail += struct.pack(">II", track.width << 16, track.height << 16)
    header = timed(b"tkhd", struct.pack(">II", number, 0), duration, tail, flags=3)
    return box(b"trak", header, _edits(track, duration), _media(number, track, placed, offset))


def _edits(track: Track, duration: int) -> bytes:
    """`edts` (8.6.5): what of the track is presented."""
    version = int(max(duration, track.edit.start) >= LONG)
    entry = struct.pack(">IQqI" if version else ">IIiI", 1, duration, track.edit.start, 1 << 16)
    return box(b"edts", full_box(b"elst", entry, version=version))


def _media(number: int, track: Track, placed: Chunks, offset: int) -> bytes:
    """`mdia` (8.4.1)."""
    language = struct.pack(">HH", _UNDETERMINED, 0)
    header = timed(b"mdhd", struct.pack(">I", track.timescale), track.media_duration, language)
    name, kind = _MEDIA[track.handler]
    handler = full_box(b"hdlr", bytes(4), track.handler.encode(), bytes(12), name)
    return box(b"mdia", header, handler, box(b"minf", kind, _HERE, _samples(number, track, placed, offset)))


def _samples(number: int, track: Track, placed: Chunks, offset: int) -> bytes:
    """`stbl` (8.5.1)."""
    tables = [
        full_box(b"stsd", struct.pack(">I", 1), track.describe(Facts(number, track.bit_rate))),
        times_to_samples(track.durations),
    ]
    if track.keys is not None and len(track.keys) < len(track.sizes):
        tables.append(sync_samples(track.keys))
    if track.offsets is not None and np.any(track.offsets):
        tables.append(composition_offsets(track.offsets))
    is_wide = offset + placed.last >= LARGE
    tables += [
        samples_to_chunks(placed.counts),
        sample_sizes(track.sizes),
        chunk_offsets(placed.offsets + offset, wide=is_wide),
    ]
    if track.roll is not None:
        tables.append(roll_groups(len(track.sizes), track.roll))
    return box(b"stbl", *tables)
