"""An object store in memory: for tests, and for layers on their way within one process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from connectors.store.base import (
    BLOCK,
    ObjectInfo,
    check_key,
    content_type_of,
    disk_error,
    missing,
    write_blocks,
)
from schemas.checks import nothing


class MemoryStore:
    """Objects in a dictionary, safe for threads. With `capacity` in bytes the oldest are forgotten."""

    def __init__(
        self, capacity: int | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._capacity = capacity
        self._now = now
        self._objects: OrderedDict[str, tuple[bytes, ObjectInfo]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes:
        """The whole object."""
        return self._find(key)[0]

    def open_range(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Bytes from `start` on, at most `length`, in blocks."""
        data = self.get(key)
        end = len(data) if length is None else min(len(data), start + length)
        return (data[at : min(at + BLOCK, end)] for at in range(start, end, BLOCK))

    def download(self, key: str, path: Path) -> None:
        """Write the object to a file."""
        write_blocks(path, iter([self.get(key)]))

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Keep an object."""
        check_key(key)
        data = bytes(data)
        info = ObjectInfo(key, len(data), self._now(), content_type or content_type_of(key))
        with self._lock:
            self._remove(key)
            self._objects[key] = data, info
            self._size += len(data)
            while self._capacity is not None and self._size > self._capacity and len(self._objects) > 1:
                self._remove(next(iter(self._objects)))

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        """Keep what is in a file."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise disk_error(error) from error
        self.put(key, data, content_type)

    def exists(self, key: str) -> bool:
        """True if the object exists."""
        check_key(key)
        with self._lock:
            return key in self._objects

    def stat(self, key: str) -> ObjectInfo:
        """Metadata of an object."""
        return self._find(key)[1]

    def delete(self, key: str) -> None:
        """Forget an object."""
        check_key(key)
        with self._lock:
            self._remove(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose keys begin with `prefix`, by key."""
        with self._lock:
            infos = [info for key, (_, info) in self._objects.items() if key.startswith(prefix)]
        return iter(sorted(infos, key=lambda info: info.key))

    def copy(self, source: str, target: str) -> None:
        """Keep the same under another key."""
        data, info = self._find(source)
        self.put(target, data, info.content_type)

    def compose(
        self,
        target: str,
        sources: Sequence[str],
        head: bytes = b"",
        *,
        check: Callable[[], None] = nothing,
    ) -> None:
        """Keep several objects as one."""
        found = [head]
        for source in sources:
            check()
            found.append(self.get(source))
        self.put(target, b"".join(found))

    def presign(self, key: str, seconds: int, file_name: str) -> str | None:
        """None: no other process can read this memory."""
        return None

    def _find(self, key: str) -> tuple[bytes, ObjectInfo]:
        check_key(key)
        with self._lock:
            if (found := self._objects.get(key)) is None:
                raise missing(key)
            return found

    def _remove(self, key: str) -> None:
        if (found := self._objects.pop(key, None)) is not None:
            self._size -= len(found[0])
