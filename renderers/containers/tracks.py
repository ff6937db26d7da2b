"""Tracks: what a movie file knows of the samples of one stream, and where they go among those of others.

A file has its tracks' samples in the order in which they are decoded, so that a player reads it from front to
back. What follows one another of one track is a chunk. Nothing here knows the samples' bytes: they may be
written long before, or by somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import lcm
from typing import Literal, NamedTuple

import numpy as np

from renderers.containers.boxes import LARGE, Numbers
from renderers.containers.entries import Facts

LONGEST_CHUNK = 1 << 20
"""A chunk is smaller than this, unless it is a single sample."""

Handler = Literal["vide", "soun"]


class Edit(NamedTuple):
    """The part of a track that is presented: `duration` ticks of it from `start` on."""

    start: int
    duration: int


@dataclass(frozen=True)
class Track:
    """One stream of samples in decoding order, times in ticks of `timescale` a second.

    sizes in bytes, durations from one sample's decoding to the next. describe: the sample entry. first: when
    the first is decoded; with the presentation beginning at 0, it is negative where decoding runs ahead.
    offsets: from decoding to showing, None where it is the same time. keys: indices of the samples that
    decoding may begin with, None for all. roll: see `boxes.roll_groups`. width, height in pixels.
    """

    handler: Handler
    timescale: int
    sizes: Numbers
    durations: Numbers
    edit: Edit
    describe: Callable[[Facts], bytes]
    first: int = 0
    offsets: Numbers | None = None
    keys: Numbers | None = None
    roll: int | None = None
    width: int = 0
    height: int = 0

    @cached_property
    def duration(self) -> int:
        """Ticks from the first sample's decoding to the end of the last."""
        return int(self.durations.sum())

    @cached_property
    def media_duration(self) -> int:
        """What its header says of its length. FFmpeg adds what the first samples could be shown earlier."""
        if self.offsets is None or not len(self.offsets):
            return self.duration
        return self.duration + int(self.offsets[0] - self.offsets[self.times <= 0].min())

    @cached_property
    def times(self) -> Numbers:
        """When each sample is decoded."""
        times = np.empty_like(self.durations)
        times[:1] = self.first
        np.cumsum(self.durations[:-1], out=times[1:])
        times[1:] += self.first
        return times

    @cached_property
    def bit_rate(self) -> int:
        """Average, in bit/s, of what a field of 32 bits holds."""
        return min(LARGE - 1, int(self.sizes.sum()) * 8 * self.timescale // max(1, self.duration))


class Chunks(NamedTuple):
    """A track's chunks: bytes from the first of all samples to each one, and how many samples are in it.

    last: the same distance to the track's last sample.
    """

    offsets: Numbers
    counts: Numbers
    last: int


def order(times: Sequence[Numbers], timescales: Sequence[int]) -> Numbers:
    """The order of several tracks' samples in a file, as indices into all of them, one track after the other.

    It is that of decoding; of what is decoded at the same time, the earlier track's is first.
    """
    if len(times) == 1:
        return np.arange(len(times[0]))
    common = lcm(*timescales)
    instants = [track * (common // scale) for track, scale in zip(times, timescales, strict=True)]
    return np.argsort(np.concatenate(instants), kind="stable")


def chunks(tracks: Sequence[Track]) -> list[Chunks]:
    """How the tracks' samples are cut into chunks when they are put in `order`."""
    sizes = np.concatenate([track.sizes for track in tracks])
    places = np.empty_like(sizes)
    ordered = order([track.times for track in tracks], [track.timescale for track in tracks])
    places[ordered] = np.cumsum(sizes[ordered]) - sizes[ordered]
    found, start = [], 0
    for track in tracks:
        found.append(_chunks(places[start : start + len(track.sizes)], track.sizes))
        start += len(track.sizes)
    return found


def _chunks(places: Numbers, sizes: Numbers) -> Chunks:
    first = np.flatnonzero(places[1:] != places[:-1] + sizes[:-1]) + 1
    borders = [0, *first.tolist(), len(sizes)]
    ends = np.concatenate([[0], np.cumsum(sizes)])
    lengths = np.diff(ends[borders])
    cuts = borders[:-1]
    for index in np.flatnonzero(lengths >= LONGEST_CHUNK).tolist():
        cuts += _cuts(ends, borders[index], borders[index + 1])
    starts = np.unique(cuts)
    return Chunks(places[starts], np.diff(starts, append=len(sizes)), int(places[-1]))


def _cuts(ends: Numbers, start: int, stop: int) -> list[int]:
    """Where to cut the samples start .. stop - 1 so that no chunk is too long; ends: sums of their sizes."""
    cuts: list[int] = []
    while True:
        reached = int(np.searchsorted(ends, ends[start] + LONGEST_CHUNK)) - 1
        start = max(reached, start + 1)
        if start >= stop:
            return cuts
        cuts.append(start)
