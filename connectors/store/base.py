"""What an object store is: bytes under keys, written whole or not at all.

    Missing("object_missing")           there is no such object
    Unavailable("store_unavailable")    the service did not answer, or answered 5xx: worth another try
    Unavailable("disk_full")            no space left where the bytes should go
    InvalidInput("invalid_key")         a key that not every store could hold
    InvalidInput("key_conflict")        a key that is the folder of another

An object's content type is the one given, or the one that its key's extension stands for
(`content_type_of`). A store on files keeps none of its own, so objects whose type matters have
keys with an extension.
"""

from __future__ import annotations

import contextlib
import errno
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from schemas.errors import ExportError, InvalidInput, Missing, Unavailable

BLOCK = 256 * 1024
"""Bytes of a block in `open_range`, at most."""
LONGEST_KEY = 1024
LONGEST_SEGMENT = 255
DEFAULT_TYPE = "application/octet-stream"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

CONTENT_TYPES = {
    "aac": "audio/aac", "avif": "image/avif", "flac": "audio/flac", "gif": "image/gif", "html": "text/html",
    "jpeg": "image/jpeg", "jpg": "image/jpeg", "json": "application/json", "m4a": "audio/mp4",
    "mid": "audio/midi", "mkv": "video/x-matroska", "mov": "video/quicktime", "mp3": "audio/mpeg",
    "mp4": "video/mp4", "ogg": "audio/ogg", "otf": "font/otf", "pdf": "application/pdf", "png": "image/png",
    "srt": "application/x-subrip", "svg": "image/svg+xml", "ttf": "font/ttf", "txt": "text/plain",
    "vtt": "text/vtt", "wav": "audio/wav", "webm": "video/webm", "webp": "image/webp", "woff": "font/woff",
    "woff2": "font/woff2", "zip": "application/zip",
}  # fmt: skip
"""By the extension of a key; our own table, because the system's differs from machine to machine."""


@dataclass(frozen=True)
class ObjectInfo:
    """What is known of an object without reading it. size in bytes, modified in UTC."""

    key: str
    size: int
    modified: datetime
    content_type: str


class ObjectStore(Protocol):
    """Bytes under keys. Safe to use from several threads; every method may raise Unavailable."""

    def get(self, key: str) -> bytes:
        """All of an object. Raises Missing."""

    def open_range(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Blocks of an object from byte `start`, `length` of them or up to the end.

        What lies behind the end is empty. Raises Missing at once, not with the first block.
        """

    def download(self, key: str, path: Path) -> None:
        """Write an object to a file, whole or not at all. Raises Missing."""

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Write an object: whoever reads sees the old one or all of the new one."""

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        """Write an object from a file, which stays the caller's."""

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""

    def stat(self, key: str) -> ObjectInfo:
        """What is known of an object. Raises Missing."""

    def delete(self, key: str) -> None:
        """Remove an object; one that does not exist is no error."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """The objects whose keys begin with `prefix`, in the order of their keys."""

    def copy(self, src: str, dst: str) -> None:
        """Have an object under a second key too. Raises Missing."""

    def presign(self, key: str, expires_s: int, filename: str) -> str | None:
        """An address from which anybody may download the object for a while, if the store can serve it."""

    def ping(self) -> None:
        """Return if the store can be used now; raises Unavailable."""


def check_key(key: str) -> str:
    """The key itself, if every store can hold it: relative, of 1 to 1,024 bytes, without `..`.

    Each segment has 1 to 255 bytes; the first does not begin with a dot, which is where a store on
    files keeps what is not an object. Raises InvalidInput.
    """
    problem = _key_problem(key)
    if problem:
        shown = key if len(key) <= 80 else key[:80] + "…"
        raise InvalidInput("invalid_key", f"{shown!r} is not a key of the object store: {problem}.")
    return key


def _key_problem(key: str) -> str | None:
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        return "it is not Unicode"
    segments = encoded.split(b"/")
    if not key or len(encoded) > LONGEST_KEY:
        return f"it must have 1 to {LONGEST_KEY} bytes"
    if not all(segments):
        return "it begins or ends with a slash, or has two in a row"
    if any(segment in (b".", b"..") for segment in segments) or key.startswith("."):
        return "it leads out of its folder or begins with a dot"
    if any(len(segment) > LONGEST_SEGMENT for segment in segments):
        return f"one of its parts is longer than {LONGEST_SEGMENT} bytes"
    if "\\" in key or any(unicodedata.category(character) == "Cc" for character in key):
        return "it contains a backslash or a control character"
    return None


def content_type_of(key: str) -> str:
    """The content type that a key's extension stands for."""
    _, dot, extension = key.rpartition("/")[2].rpartition(".")
    return CONTENT_TYPES.get(extension.lower(), DEFAULT_TYPE) if dot else DEFAULT_TYPE


def content_disposition(filename: str) -> str:
    """A Content-Disposition value that has a browser save the file under `filename`, in any script.

    RFC 6266 with the extended notation of RFC 8187, and a plain ASCII name for who cannot read that.
    """
    clean = "".join("_" if ord(c) < 32 or c in '"\\/\x7f' else c for c in filename).strip() or "file"
    plain = unicodedata.normalize("NFKD", clean).encode("ascii", "ignore").decode().strip() or "file"
    value = f'attachment; filename="{plain}"'
    return value if plain == clean else f"{value}; filename*=UTF-8''{quote(clean, safe='')}"


def missing(key: str) -> Missing:
    """The error for an object that is not there."""
    return Missing("object_missing", f"There is no object {key!r} in the store.")


def disk_trouble(error: OSError, what: str) -> Unavailable:
    """The error for a file system that does not do what it should; `what` it was asked to do."""
    if error.errno in FULL:
        where = f" at {error.filename}" if error.filename else ""
        return Unavailable("disk_full", f"{what} failed: no space is left on the disk{where}; free some.")
    return Unavailable("store_unavailable", f"{what} failed: {error.strerror or error}.")


def primed(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The iterator behind its first (empty) block: so that what opens it has run, and its errors are known."""
    next(blocks)
    return blocks


def write_blocks(path: Path, blocks: Iterator[bytes]) -> None:
    """Write blocks to a file that exists afterwards only if all of them are in it. Raises Unavailable."""
    try:
        with path.open("wb") as file:
            for block in blocks:
                file.write(block)
    except BaseException as error:
        with contextlib.suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise disk_trouble(error, f"Writing {path.name}") from error
        raise


def reachable(store: ObjectStore, probe: Callable[[ObjectStore], None] = lambda s: s.ping()) -> str | None:
    """None if a store can be used, else the sentence that says why not: for `doctor` and `/ready`."""
    try:
        probe(store)
    except ExportError as error:
        return error.message
    return None
