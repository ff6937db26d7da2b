"""An object store on files: one file an object, in folders by its key's segments.

Written beside its place and renamed into it, so a reader sees a whole object or none. What a killed
process left half written lies in a folder of its own and is swept when a store is opened.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from connectors.store.base import (
    BLOCK,
    ObjectInfo,
    check_key,
    content_type_of,
    disk_error,
    missing,
    primed,
)
from schemas.errors import Unavailable

PARTIAL = ".partial"
STALE_S = 3600.0
"""A partial file as old as this belongs to nobody any more."""


class FileStore:
    """Objects under a folder, which is made if it is not there.

    The content type is what the key's extension says; another one is not kept.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._partial = self._root / PARTIAL
        try:
            self._partial.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_error(error) from error
        self._sweep()

    def get(self, key: str) -> bytes:
        """The whole object."""
        with _errors(key):
            return self._path(key).read_bytes()

    def open_range(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Bytes from `start` on, at most `length`, in blocks."""
        return primed(self._blocks(key, start, length))

    def _blocks(self, key: str, start: int, length: int | None) -> Iterator[bytes]:
        with _errors(key), self._path(key).open("rb") as file:
            yield b""
            file.seek(start)
            left = length
            while left is None or left > 0:
                block = file.read(BLOCK if left is None else min(BLOCK, left))
                if not block:
                    return
                left = None if left is None else left - len(block)
                yield block

    def download(self, key: str, path: Path) -> None:
        """Write the object to a file, which is the caller's own to change."""
        with _errors(key), _whole(path):
            shutil.copyfile(self._path(key), path)

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Write an object."""
        with _errors(key), self._writing(key) as partial, partial.open("wb") as file:
            file.write(data)

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        """Write an object from a file."""
        with _errors(key), self._writing(key) as partial:
            partial.unlink()
            shutil.copyfile(path, partial)

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return self._path(key).is_file()

    def stat(self, key: str) -> ObjectInfo:
        """What is known of an object."""
        with _errors(key):
            return self._info(key, self._path(key).stat())

    def delete(self, key: str) -> None:
        """Remove an object, and folders that it leaves empty."""
        path = self._path(key)
        with _errors(key):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            for folder in path.parents:
                if folder == self._root:
                    return
                folder.rmdir()

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose keys begin with `prefix`, by key."""
        folder = self._root / prefix.rpartition("/")[0]
        found = []
        for parent, folders, names in os.walk(folder):
            if PARTIAL in folders:
                folders.remove(PARTIAL)
            base = Path(parent).relative_to(self._root).as_posix()
            keys = (name if base == "." else f"{base}/{name}" for name in names)
            found += [key for key in keys if key.startswith(prefix)]
        for key in sorted(found):
            with suppress(FileNotFoundError):
                yield self._info(key, (self._root / key).stat())

    def copy(self, source: str, target: str) -> None:
        """Make `target` the same as `source`, sharing the bytes on disk where possible."""
        with _errors(source), self._writing(target) as partial:
            partial.unlink()
            _link_or_copy(self._path(source), partial)

    def presign(self, key: str, seconds: int, file_name: str) -> str | None:
        """None: files are handed out by the API."""
        return None

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _info(self, key: str, stat: os.stat_result) -> ObjectInfo:
        modified = datetime.fromtimestamp(stat.st_mtime, UTC)
        return ObjectInfo(key, stat.st_size, modified, content_type_of(key))

    @contextmanager
    def _writing(self, key: str) -> Iterator[Path]:
        """A new file beside the objects that becomes the object when all went well."""
        path = self._path(key)
        handle, name = tempfile.mkstemp(dir=self._partial)
        os.close(handle)
        partial = Path(name)
        try:
            yield partial
            _move(partial, path)
        finally:
            partial.unlink(missing_ok=True)

    def _sweep(self) -> None:
        before = time.time() - STALE_S
        for partial in self._partial.iterdir():
            with suppress(OSError):
                if partial.stat().st_mtime < before:
                    partial.unlink()


@contextmanager
def _errors(key: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise missing(key) from error
    except OSError as error:
        raise disk_error(error) from error


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """A file that is there afterwards only if all of it was written."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _move(partial: Path, path: Path) -> None:
    """Rename into place. Somebody else's `delete` may take the empty folder away in between."""
    for _ in range(1000):
        try:
            partial.replace(path)
            return
        except FileNotFoundError:
            with suppress(FileExistsError, FileNotFoundError):
                path.parent.mkdir(parents=True, exist_ok=True)
    raise Unavailable("store_unavailable", f"The folder of {path.name} is removed again and again.")


def _link_or_copy(source: Path, target: Path) -> None:
    with suppress(FileNotFoundError):
        target.unlink()
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)
