"""Layers in memory, everything else below: for one process that draws and encodes.

A layer is written once, read by the next stage and never again; files would only cost time. Layers
that were pushed out of memory are missing, and whoever needs one has it drawn again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from connectors.store.base import ObjectInfo, ObjectStore
from connectors.store.memory import MemoryStore


class LayeredStore:
    """An object store in two parts, by the kind of a key."""

    def __init__(self, below: ObjectStore, capacity: int) -> None:
        self._below = below
        self._memory = MemoryStore(capacity)

    def _of(self, key: str) -> ObjectStore:
        return self._memory if "/layers/" in key else self._below

    def get(self, key: str) -> bytes:
        """The whole object."""
        return self._of(key).get(key)

    def open_range(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Bytes from `start` on."""
        return self._of(key).open_range(key, start, length)

    def download(self, key: str, path: Path) -> None:
        """Write the object to a file."""
        self._of(key).download(key, path)

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Write an object."""
        self._of(key).put(key, data, content_type)

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        """Write an object from a file."""
        self._of(key).put_file(key, path, content_type)

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return self._of(key).exists(key)

    def stat(self, key: str) -> ObjectInfo:
        """What is known of an object."""
        return self._of(key).stat(key)

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._of(key).delete(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects by prefix, layers included."""
        found = [*self._memory.list(prefix), *self._below.list(prefix)]
        return iter(sorted(found, key=lambda info: info.key))

    def copy(self, source: str, target: str) -> None:
        """Make `target` the same as `source`; both in the same part."""
        self._of(source).copy(source, target)

    def presign(self, key: str, seconds: int, file_name: str) -> str | None:
        """None: it is all on this machine."""
        return None
