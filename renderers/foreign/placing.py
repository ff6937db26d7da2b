"""Places in time for packets and frames, by a container's time stamps. Runs in the sandbox only."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from schemas.errors import InvalidInput

TOLERANCE = Fraction(4, 100)
"""Seconds by which a time stamp may differ from where the sound stands: recorders' clocks shake, and no ear
takes so little for a gap."""
_LONGEST_GAP = Fraction(3600)
_RESTARTS = Fraction(2)  # seconds back from which on a clock has begun again
_LATEST = Fraction(30)
"""Seconds: a file that begins later is a piece of a longer stream, whose clock does not begin in it."""
_ABSOLUTE = ("mov", "matroska")
_UNTIMED = ("mp3", "aac", "wav", "aiff", "ac3", "eac3", "au", "w64", "caf", "voc", "loas")
_RESETTING = ("mpegts", "mpeg", "flv", "asf")
"""Formats whose clocks may jump without a gap: there FFmpeg takes ten seconds for a new beginning."""


def origin_of(container: Any) -> Fraction:
    """The time stamp, in seconds, at which a file begins: its clock's zero in films and Matroska, else the
    first of all streams.
    """
    starts = [
        stream.start_time * stream.time_base
        for stream in container.streams
        if stream.start_time is not None and stream.time_base and stream.type in ("audio", "video")
    ]
    first = max(Fraction(0), min(starts, default=Fraction(0)))
    is_absolute = container.format.name.startswith(_ABSOLUTE)
    return Fraction(0) if is_absolute and first <= _LATEST else first


class Clock:
    """Where packets lie, in samples of the source. One that is where the sound stands, or nearly, follows it;
    one that is ahead leaves a gap; one whose clock began again follows, too.
    """

    def __init__(
        self,
        container: Any,
        stream: Any,
        rate: int,
        origin: Fraction,
        tolerance: Fraction = TOLERANCE,
        longest_s: float = math.inf,
    ) -> None:
        """longest_s: seconds that the sound may last, gaps and all."""
        self._longest_s = longest_s
        self._rate, self._origin = rate, origin
        self._base: Fraction = stream.time_base
        name = container.format.name
        self._is_timed = name.partition(",")[0] not in _UNTIMED
        self._gap = int((10 if name.startswith(_RESETTING) else _LONGEST_GAP) * rate)
        self._tolerance = int(tolerance * rate)
        self._expected: int | None = None
        self._shift = 0
        self._block: int | None = None
        self._first_number: int | None = None
        self.longest = 0
        self.stated_end: int | None = None
        if name.startswith("mov") and stream.duration and stream.start_time is not None:
            self.stated_end = self._at(stream.start_time + stream.duration)

    def _at(self, ticks: int) -> int:
        return round((ticks * self._base - self._origin) * self._rate)

    def place(self, ticks: int | None, samples: int, skip: int | None = None) -> int:
        """The position of the next packet or frame. skip: of the first only, samples before what is heard."""
        self.longest = max(self.longest, samples)
        at = None if ticks is None or not self._is_timed else self._at(ticks) + self._shift
        if self._expected is None:
            expected = -(skip or 0)
            near = 2 * self._base * self._rate + 1
            found = expected if at is None or abs(at - expected) <= near else at
        else:
            found = self._following(at, self._expected)
        self._expected = max(found + samples, self._expected or found + samples)
        self._check(self._expected)
        return found

    def _check(self, end: int) -> None:
        if end > self._longest_s * self._rate:
            told = f"The sound lasts longer than the {self._longest_s:,.0f} s that are allowed."
            raise InvalidInput("limit_exceeded", told)

    def _following(self, at: int | None, expected: int) -> int:
        if at is None or abs(at - expected) <= self._tolerance:
            return expected
        if at - expected > self._gap or expected - at > _RESTARTS * self._rate:
            self._shift += expected - at
            return expected
        return at

    def numbered(self, samples: int, number: int, counts_samples: bool) -> int:
        """The position of a FLAC frame, by its number (RFC 9639, 9.1.5)."""
        self.longest = max(self.longest, samples)
        self._block = self._block or samples
        at = number if counts_samples else number * self._block
        if self._first_number is None:
            self._first_number = at
        at -= self._first_number
        expected = self._expected or 0
        if at < expected or at - expected > self._gap:
            at = expected
        self._expected = at + samples
        self._check(self._expected)
        return at
