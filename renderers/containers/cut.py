"""A segment of a film, as a container cuts it: a stretch that is joined by itself."""

from __future__ import annotations

from typing import Any, NamedTuple


class Cut(NamedTuple):
    """First and end of a segment's pictures and of its sounds, and what determines its bytes.

    identity: as JSON, without the codec's fields.
    """

    pictures: tuple[int, int]
    sounds: tuple[int, int]
    identity: Any = None
