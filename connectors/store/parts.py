"""Cuts the parts of a multipart upload so that the server copies nearly all of them itself.

S3 takes a part from another object, or a range of one, if it has at least 5 MiB; only the last may be smaller
("Amazon S3 multipart upload limits"). Sources that are smaller are read and sent, several in one part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

SMALLEST = 5 << 20
COPIED = 32 << 20
"""Bytes that a server copies at a time: parts are copied side by side."""
MOST_PARTS = 10_000


class Extent(NamedTuple):
    """Bytes of a source, which is known by its number."""

    source: int
    start: int
    length: int


def plan_parts(sizes: Sequence[int], smallest: int = SMALLEST, copied: int = COPIED) -> list[list[Extent]]:
    """The parts of an object that is made of sources of so many bytes, one after the other.

    A part of a single extent of `smallest` bytes or more can be copied by the server. Others have little more
    than that, whatever the sources. Only the last part may have less.
    """
    copied = max(copied, -(-sum(sizes) * 2 // MOST_PARTS))
    left = [Extent(number, 0, size) for number, size in enumerate(sizes) if size]
    left.reverse()
    parts: list[list[Extent]] = []
    while left:
        if left[-1].length >= smallest:
            parts.append([_taken(left, copied if left[-1].length >= 2 * copied else left[-1].length)])
            continue
        part: list[Extent] = []
        while left and (missing := smallest - sum(extent.length for extent in part)) > 0:
            length = left[-1].length
            part.append(_taken(left, missing if length - missing >= smallest else length))
        parts.append(part)
    return parts


def _taken(left: list[Extent], length: int) -> Extent:
    """The first bytes of what is left, which is in reverse order."""
    source, start, size = left.pop()
    if size > length:
        left.append(Extent(source, start + length, size - length))
    return Extent(source, start, length)
