"""An object store in memory: for `render` in one process, and for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from connectors.store.base import (
    BLOCK,
    ObjectInfo,
    check_key,
    content_type_of,
    disk_trouble,
    missing,
    write_blocks,
)


class MemoryStore:
    """Objects in a dictionary. Their bytes are never copied: `get` answers with what was put."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._objects: dict[str, tuple[bytes, ObjectInfo]] = {}

    def get(self, key: str) -> bytes:
        """All of an object. Raises Missing."""
        return self._find(key)[0]

    def open_range(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Blocks of an object. Raises Missing at once."""
        data = memoryview(self._find(key)[0])[start : None if length is None else start + length]
        return (bytes(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK))

    def download(self, key: str, path: Path) -> None:
        """Write an object to a file. Raises Missing."""
        write_blocks(path, iter([self._find(key)[0]]))

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Write an object."""
        check_key(key)
        data = bytes(data)
        info = ObjectInfo(key, len(data), self._now(), content_type or content_type_of(key))
        with self._lock:
            self._objects[key] = (data, info)

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        """Write an object from a file."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise disk_trouble(error, f"Reading {path.name}") from error
        self.put(key, data, content_type)

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return check_key(key) in self._objects

    def stat(self, key: str) -> ObjectInfo:
        """What is known of an object. Raises Missing."""
        return self._find(key)[1]

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        check_key(key)
        with self._lock:
            self._objects.pop(key, None)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """The objects under a prefix, as they are now."""
        with self._lock:
            found = [info for key, (_, info) in self._objects.items() if key.startswith(prefix)]
        return iter(sorted(found, key=lambda info: info.key))

    def copy(self, src: str, dst: str) -> None:
        """Have an object under a second key too. Raises Missing."""
        data, info = self._find(src)
        self.put(dst, data, info.content_type)

    def presign(self, key: str, expires_s: int, filename: str) -> str | None:
        """None: nobody else sees this memory."""
        return None

    def ping(self) -> None:
        """Always there."""

    def _find(self, key: str) -> tuple[bytes, ObjectInfo]:
        try:
            return self._objects[check_key(key)]
        except KeyError:
            raise missing(key) from None
