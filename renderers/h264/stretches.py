"""Stretches of a film: pictures and the sound between them as they lie in the file, and a table of both.

The order of a file's samples is that in which they are decoded, and of pictures and sound alike that is known
from their numbers. So any stretch can be written without the others, by whoever has its chunks and its sound;
the head of the file is made of all their tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain, islice
from typing import NamedTuple

import numpy as np

from renderers.containers import mp4
from renderers.containers.boxes import Numbers
from renderers.containers.entries import avc1
from renderers.containers.tracks import Edit, Track
from renderers.h264.joining import Joiner, Part
from renderers.h264.video import VideoSpec
from renderers.sound.aac import FRAME, EncodedAudio, alike
from renderers.sound.m4a import SoundFormat, sound_track
from schemas.errors import InvalidInput

_FINEST = 10_000
"""Ticks a second that a track of pictures has at least: its rate doubled as often as that takes."""


class Sound(NamedTuple):
    """AAC packets of a film, or of a stretch of it: `packets` are those from number `first` on, taken as they
    are needed.

    format: None where the film has no sound.
    """

    format: SoundFormat | None = None
    packets: Iterable[bytes] = ()
    first: int = 0

    @classmethod
    def of(cls, parts: Iterable[EncodedAudio], samples: int) -> Sound:
        """All of a film's sound, of so many samples. Parts are taken one by one.

        Raises InvalidInput where the track's head would not describe it.
        """
        found = alike(parts)
        head = next(found, None)
        if head is None or not head.packets:
            return cls()
        whole = SoundFormat.of(head)._replace(samples=samples, packets=-(-samples // FRAME) + 1)
        return cls(whole, (packet for part in chain([head], found) for packet in part.packets))


class Table(NamedTuple):
    """What the head of the file has to know of a stretch.

    sizes: bytes of each picture in decoding order. delays: how many frames later than it is decoded it is
    shown. keys: which are key pictures, the stretch's first one being 0. sound: bytes of each packet.
    """

    sizes: Numbers
    delays: Numbers
    keys: Numbers
    sound: Numbers


def packets_before(pictures: Numbers, fps: int, reorder: int, sound: SoundFormat) -> Numbers:
    """How many packets of sound are decoded before each picture, which are numbered in decoding order.

    Decoding of pictures runs `reorder` frames ahead, that of sound its priming.
    """
    ticks = sound.priming * fps + (pictures - reorder) * sound.sample_rate
    return np.clip(-(-ticks // (FRAME * fps)), 0, sound.packets)


class Stretch:
    """Parts that follow one another, on their way into a file."""

    def __init__(self, spec: VideoSpec, joiner: Joiner, sound: Sound) -> None:
        """joiner: it stands where the stretch begins. sound: at least the packets up to the stretch's end."""
        self.format = sound.format
        self._packets = iter(sound.packets)
        self._fps, self._joiner = spec.fps, joiner
        self._sizes: list[int] = []
        self._delays: list[int] = []
        self._keys: list[int] = []
        # The first stretch has what is decoded before its first picture, too.
        is_first = sound.format is None or joiner.frames == 0
        self._heard = 0 if is_first else self._packets_before(joiner.frames)
        for _ in islice(self._packets, self._heard - sound.first):
            pass
        self._packet_sizes: list[int] = []

    def add(self, part: Part) -> list[bytes]:
        """The bytes of a part's pictures, and of the sound that is decoded before each."""
        start, count = self._joiner.frames, len(self._sizes)
        pictures: list[bytes] = []
        for number, sample in enumerate(self._joiner.add(part), count):
            pictures.append(sample.data)
            self._delays.append(sample.pts - sample.dts)
            if sample.is_key:
                self._keys.append(number)
        self._sizes += map(len, pictures)
        if self.format is None:
            return pictures
        numbers = np.arange(start, start + len(pictures))
        before = packets_before(numbers, self._fps, self._joiner.stream.sequence.reorder, self.format)
        mixed: list[bytes] = []
        for picture, packets in zip(pictures, before.tolist(), strict=True):
            if packets > self._heard:
                mixed += self._hear(packets)
            mixed.append(picture)
        return mixed

    def finish(self, *, is_last: bool = True) -> Sequence[bytes]:
        """The sound behind the last picture: all that is left, or all before the next stretch.

        Raises InvalidInput where there are fewer packets than the format says, or more.
        """
        if self.format is None:
            return ()
        rest = self._hear(self.format.packets if is_last else self._packets_before(self._joiner.frames))
        if is_last and (self._heard != self.format.packets or next(self._packets, None) is not None):
            raise InvalidInput("broken_sound", "The film's sound is not as long as its parts should be.")
        return rest

    def table(self) -> Table:
        """What was written."""
        lists = self._sizes, self._delays, self._keys, self._packet_sizes
        return Table(*(np.array(numbers, np.int64) for numbers in lists))

    def _packets_before(self, picture: int) -> int:
        assert self.format is not None
        reorder = self._joiner.stream.sequence.reorder
        return int(packets_before(np.array(picture), self._fps, reorder, self.format))

    def _hear(self, end: int) -> Sequence[bytes]:
        found = list(islice(self._packets, max(0, end - self._heard)))
        self._packet_sizes += map(len, found)
        self._heard += len(found)
        return found


def film_head(
    spec: VideoSpec, configuration: bytes, reorder: int, sound: SoundFormat | None, tables: Iterable[Table]
) -> bytes:
    """All of a film's file before the stretches that the tables describe.

    configuration: the AVCDecoderConfigurationRecord. reorder: by how many frames decoding runs ahead.
    """
    columns = list(zip(*tables, strict=True))
    sizes, delays, _, packets = (np.concatenate(column) for column in columns)
    begins = np.cumsum([0, *map(len, columns[0][:-1])])
    keys = np.concatenate([keys + begin for keys, begin in zip(columns[2], begins, strict=True)])
    pictures = _picture_track(spec, configuration, reorder, sizes, delays, keys)
    if sound is None:
        return mp4.head([pictures], 1000 * spec.fps)
    # Both tracks' lengths and edit lists are exact in such a clock (ISO/IEC 14496-12, 8.2.2).
    return mp4.head([pictures, sound_track(sound, packets)], math.lcm(spec.fps, sound.sample_rate))


def _picture_track(
    spec: VideoSpec, configuration: bytes, reorder: int, sizes: Numbers, delays: Numbers, keys: Numbers
) -> Track:
    """The track of pictures; the edit list takes away what decoding runs ahead."""
    tick = 1
    while spec.fps * tick < _FINEST:
        tick *= 2
    return Track(
        handler="vide",
        timescale=spec.fps * tick,
        sizes=sizes,
        durations=np.full(len(sizes), tick),
        edit=Edit(reorder * tick, len(sizes) * tick),
        describe=partial(avc1, spec.width, spec.height, configuration),
        first=-reorder * tick,
        offsets=delays * tick,
        keys=keys,
        width=spec.width,
        height=spec.height,
    )
