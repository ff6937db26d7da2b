"""Interface of an object store: keys to bytes, written whole or not at all."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from schemas.checks import nothing
from schemas.errors import InvalidInput, Missing, Unavailable

BLOCK = 1 << 18
"""Bytes that are read and written at a time."""
SEGMENT_BYTES = 255
KEY_BYTES = 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DEFAULT_TYPE = "application/octet-stream"

CONTENT_TYPES = {
    "aac": "audio/aac", "avif": "image/avif", "flac": "audio/flac", "gif": "image/gif", "html": "text/html",
    "jpeg": "image/jpeg", "jpg": "image/jpeg", "json": "application/json", "m4a": "audio/mp4",
    "mid": "audio/midi", "mkv": "video/x-matroska", "mov": "video/quicktime", "mp3": "audio/mpeg",
    "mp4": "video/mp4", "ogg": "audio/ogg", "opus": "audio/ogg", "otf": "font/otf", "pdf": "application/pdf",
    "png": "image/png", "srt": "application/x-subrip", "svg": "image/svg+xml", "ttf": "font/ttf",
    "txt": "text/plain", "vtt": "text/vtt", "wav": "audio/wav", "webm": "video/webm", "webp": "image/webp",
    "woff": "font/woff", "woff2": "font/woff2", "zip": "application/zip",
}  # fmt: skip
"""By the extension of a key; a table of our own, because the system's differs from machine to machine."""


class ObjectInfo(NamedTuple):
    """Metadata of an object; `modified` in UTC."""

    key: str
    size: int
    modified: datetime
    content_type: str


class ObjectStore(Protocol):
    """Keys to bytes. Every method raises Unavailable when the service behind it does not answer,
    InvalidInput for a key that cannot be one, and Missing for an object that is not there.
    """

    def get(self, key: str) -> bytes:
        """The whole object."""

    def open_range(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Bytes from `start` on, at most `length`, in blocks. The object is looked up at once."""

    def download(self, key: str, path: Path) -> None:
        """Write the object to a file."""

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Write an object; a reader sees the old one or the new one, never a part."""

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        """Write an object from a file, which is left as it is."""

    def exists(self, key: str) -> bool:
        """True if the object exists."""

    def stat(self, key: str) -> ObjectInfo:
        """Metadata of an object."""

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose keys begin with `prefix`, in the order of their keys."""

    def copy(self, source: str, target: str) -> None:
        """Make `target` the same as `source`, on the server where possible."""

    def compose(
        self,
        target: str,
        sources: Sequence[str],
        head: bytes = b"",
        *,
        check: Callable[[], None] = nothing,
    ) -> None:
        """Make `target` of `head` and all sources, one after the other, on the server where possible.

        check: called for each piece that is copied; when it raises, the target is as it was.
        """

    def presign(self, key: str, seconds: int, file_name: str) -> str | None:
        """An address that hands the object out for so long, or None where there is no such thing."""


def check_key(key: str) -> str:
    """The key, if it can be one on every store: no empty, `.` or `..` segment, none above 255 bytes."""
    segments = key.split("/")
    bad = (
        len(key.encode("utf-8", "surrogatepass")) > KEY_BYTES
        or _CONTROL.search(key) is not None
        or any(s in ("", ".", "..") or len(s.encode("utf-8", "replace")) > SEGMENT_BYTES for s in segments)
        or not _encodable(key)
    )
    if bad:
        raise InvalidInput("bad_key", f"{key[:80]!r} cannot be the name of an object.")
    return key


def _encodable(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def content_type_of(key: str) -> str:
    """Media type by a key's extension."""
    _, dot, extension = key.rpartition("/")[2].rpartition(".")
    return CONTENT_TYPES.get(extension.lower(), DEFAULT_TYPE) if dot else DEFAULT_TYPE


def missing(key: str) -> Missing:
    """The error for an object that is not there."""
    return Missing("object_missing", f"Object {key} does not exist.")


def disk_error(error: OSError) -> Unavailable:
    """The error for a failing disk: it may pass when there is room or the disk is mounted again."""
    if error.errno in FULL:
        return Unavailable("disk_full", "The disk is full: make room, and the export goes on by itself.")
    return Unavailable("store_unavailable", f"The object store on disk does not work: {error.strerror}.")


def primed(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks behind a first, empty one: what opens them has run, and closes them when dropped."""
    next(blocks)
    return blocks


def write_blocks(path: Path, blocks: Iterator[bytes]) -> None:
    """Write blocks to a file that is there afterwards only if all of them are in it. Raises Unavailable."""
    try:
        with path.open("wb") as file:
            for block in blocks:
                file.write(block)
    except BaseException as error:
        with suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise disk_error(error) from error
        raise
