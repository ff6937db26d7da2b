"""An object as a file that is read by ranges, for readers that need parts of it."""

from __future__ import annotations

import io
from typing import Any

from connectors.store.base import ObjectStore

BUFFER = 1 << 18
"""Bytes that are fetched at a time."""


def open_object(store: ObjectStore, key: str) -> io.BufferedReader:
    """An object as a binary file, to be read and sought in. Raises Missing."""
    return io.BufferedReader(_Ranges(store, key, store.stat(key).size), BUFFER)


class _Ranges(io.RawIOBase):
    """Each read is a range of the object."""

    def __init__(self, store: ObjectStore, key: str, size: int) -> None:
        self._store, self._key, self._size = store, key, size
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte, also beyond the end."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """The next bytes, as many as there are up to the end."""
        view = memoryview(buffer).cast("B")
        length = min(len(view), max(0, self._size - self._at))
        data = b"".join(self._store.open_range(self._key, self._at, length)) if length else b""
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
