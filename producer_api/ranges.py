"""Byte ranges of files: `Range` and its conditions. Source: RFC 9110, sections 13 and 14."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import quote

_RANGE = re.compile(r"bytes=\s*(\d{0,19})-(\d{0,19})\s*", re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """Bytes of a file: `length` from `start` on, of `size`."""

    start: int
    length: int
    size: int

    @property
    def content_range(self) -> str:
        """The range as `Content-Range` writes it."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{self.size}"


class Unsatisfiable(Exception):
    """The range begins beyond the end."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The range that a `Range` header requests; None for the whole file.

    Malformed and multiple ranges are answered with the whole file (section 14.2).
    Raises Unsatisfiable.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = min(int(match[2]), size)
        if length == 0:
            raise Unsatisfiable
        return ByteRange(size - length, length, size)
    start = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return ByteRange(start, last - start + 1, size)


def range_applies(headers: Mapping[str, str], etag: str, modified: str) -> bool:
    """True when `If-Range` permits the range (section 13.1.5, strong comparison)."""
    condition = headers.get("if-range")
    return condition is None or condition.strip() in (etag, modified)


def not_modified(headers: Mapping[str, str], etag: str) -> bool:
    """True when `If-None-Match` names the current version (weak comparison)."""
    given = headers.get("if-none-match")
    if given is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in given.split(",")}
    return "*" in tags or etag in tags


def http_date(moment: datetime) -> str:
    """A moment in UTC as HTTP writes it."""
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


def content_disposition(file_name: str) -> str:
    """`attachment` with the name in ASCII for old clients and in UTF-8 for all others.

    Source: RFC 6266, appendix D; RFC 8187 for `filename*`.
    """
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", file_name)
    encoded = quote(file_name, safe="!#$&+-.^_`|~")
    if plain == file_name:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
