"""An object store on files: an object is the file of its key below one folder.

Objects are written to `.partial` in the same folder and renamed, so half of one is never read, and
what a killed process left there is no object; it is swept when it is an hour old. A file is never
changed once it has its name, which is why `copy` may link it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
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
    primed,
    write_blocks,
)
from schemas.checks import nothing
from schemas.errors import InvalidInput, Unavailable

PARTS = ".partial"
STALE_S = 3600.0
_ABSENT = (FileNotFoundError, NotADirectoryError)
_UNLINKABLE = frozenset({errno.EMLINK, errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOTSUP})


class FileStore:
    """Objects as files below `root`, which is made when it does not exist. Processes may share it.

    fsync: whether an object has reached the disk when `put` returns. Off by default: what is lost
    with the machine's power is made again from its content.
    """

    def __init__(self, root: Path, *, fsync: bool = False, now: Callable[[], float] = time.time) -> None:
        self._root = os.path.abspath(root)
        self._parts = os.path.join(self._root, PARTS)
        self._fsync = fsync
        self._now = now
        try:
            os.makedirs(self._parts, exist_ok=True)
        except OSError as error:
            raise disk_error(error) from error
        self.sweep_parts()

    def get(self, key: str) -> bytes:
        """All of an object. Raises Missing."""
        with self._reading(key), open(self._path(key), "rb") as file:
            return file.read()

    def open_range(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Blocks of an object. Raises Missing at once."""
        return primed(self._blocks(key, start, length))

    def download(self, key: str, path: Path) -> None:
        """Write an object to a file of the caller's own. Raises Missing."""
        write_blocks(path, self.open_range(key))

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Write an object; the content type is the one of its extension."""

        self._write(key, lambda part: _write_all(part, data))

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        """Write an object from a file; where the file system can, its blocks are shared."""
        with open(path, "rb") as source:
            self._write(key, lambda part: _copy_bytes(source.fileno(), part))

    def exists(self, key: str) -> bool:
        """True if the object exists."""
        try:
            self.stat(key)
        except InvalidInput as error:
            if error.code != "object_missing":
                raise
            return False
        return True

    def stat(self, key: str) -> ObjectInfo:
        """Metadata of an object. Raises Missing."""
        with self._reading(key):
            found = os.stat(self._path(key))
        if not _is_file(found):
            raise missing(key)
        return _info(key, found)

    def delete(self, key: str) -> None:
        """Remove an object, and the folders that are empty without it."""
        path = self._path(key)
        try:
            os.unlink(path)
        except (*_ABSENT, IsADirectoryError):
            return
        except OSError as error:
            raise disk_error(error) from error
        with contextlib.suppress(OSError):
            while (path := os.path.dirname(path)) != self._root:
                os.rmdir(path)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """The objects under a prefix; one that is written or deleted meanwhile may be there or not."""
        folder = prefix.rpartition("/")[0]
        if folder:
            check_key(folder)
        return self._walk(folder, prefix)

    def copy(self, source: str, target: str) -> None:
        """Link an object under a second key, where links can be had. Raises Missing.

        Both have the age of the younger one from then on: they are one file.
        """
        origin, place, part = self._path(source), self._path(target), self._part()
        try:
            with self._reading(source):
                os.link(origin, part)
        except Unavailable as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in _UNLINKABLE:
                return self.put_file(target, Path(origin))
            raise
        try:
            os.utime(part, (self._now(), self._now()))
            self._rename(part, place, target)
        finally:
            # Renaming one name of a file to another name of the same file does nothing (POSIX).
            _unlink(part)

    def compose(
        self,
        target: str,
        sources: Sequence[str],
        head: bytes = b"",
        *,
        check: Callable[[], None] = nothing,
    ) -> None:
        """Write several objects as one; blocks are shared where the file system can. Raises Missing."""

        def write(part: int) -> None:
            _write_all(part, head)
            for source in sources:
                check()
                with self._reading(source), open(self._path(source), "rb") as file:
                    _copy_bytes(file.fileno(), part)

        self._write(target, write)

    def presign(self, key: str, seconds: int, file_name: str) -> str | None:
        """None: files have no address of their own, the API serves them."""
        return None

    def sweep_parts(self, older_than_s: float = STALE_S) -> int:
        """Remove what killed processes left half written; returns how many files."""
        removed = 0
        with contextlib.suppress(FileNotFoundError), os.scandir(self._parts) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if self._now() - entry.stat(follow_symlinks=False).st_mtime > older_than_s:
                        os.unlink(entry.path)
                        removed += 1
        return removed

    def _path(self, key: str) -> str:
        if check_key(key).startswith(f"{PARTS}/") or key == PARTS:
            raise InvalidInput("bad_key", f"Keys below {PARTS} are not for objects.")
        return f"{self._root}/{key}"

    def _part(self) -> str:
        return f"{self._parts}/{os.urandom(12).hex()}"

    @contextlib.contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        try:
            yield
        except (*_ABSENT, IsADirectoryError) as error:
            raise missing(key) from error
        except OSError as error:
            raise disk_error(error) from error

    def _blocks(self, key: str, start: int, length: int | None) -> Iterator[bytes]:
        with self._reading(key), open(self._path(key), "rb", buffering=0) as file:
            yield b""
            file.seek(start)
            left = length
            while left is None or left > 0:
                block = file.read(BLOCK if left is None else min(BLOCK, left))
                if not block:
                    return
                left = None if left is None else left - len(block)
                yield block

    def _write(self, key: str, write: Callable[[int], None]) -> None:
        target, part = self._path(key), self._part()
        try:
            descriptor = self._open(part)
            try:
                write(descriptor)
                if self._fsync:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._rename(part, target, key)
        except OSError as error:
            raise disk_error(error) from error
        finally:
            _unlink(part)

    def _open(self, part: str) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            return os.open(part, flags, 0o666)
        except FileNotFoundError:  # somebody cleared the whole folder
            os.makedirs(self._parts, exist_ok=True)
            return os.open(part, flags, 0o666)

    def _rename(self, part: str, target: str, key: str) -> None:
        """Give a written file its name; folders may come and go meanwhile, as others put and delete."""
        try:
            for _ in range(100):
                try:
                    return os.replace(part, target)
                except FileNotFoundError:
                    # Folders that are removed while they are made look missing or in the way: once more.
                    with contextlib.suppress(FileNotFoundError, FileExistsError):
                        os.makedirs(os.path.dirname(target), exist_ok=True)
        except (IsADirectoryError, NotADirectoryError) as error:
            sentence = f"{key!r} cannot be written: it is the folder of another object, or below one."
            raise InvalidInput("key_conflict", sentence) from error
        except OSError as error:
            raise disk_error(error) from error
        raise Unavailable("store_unavailable", f"The folder of {key} is removed again and again.")

    def _walk(self, folder: str, prefix: str) -> Iterator[ObjectInfo]:
        """Objects below a folder in the order of whole keys: a folder sorts as its name with the slash."""
        base = f"{self._root}/{folder}" if folder else self._root
        try:
            with os.scandir(base) as entries:
                found = sorted((f"{e.name}/" if e.is_dir(follow_symlinks=False) else e.name) for e in entries)
        except _ABSENT:
            return
        except OSError as error:
            raise disk_error(error) from error
        for name in found:
            key = f"{folder}/{name}" if folder else name
            if key == f"{PARTS}/" or not (key.startswith(prefix) or prefix.startswith(key)):
                continue
            if key.endswith("/"):
                yield from self._walk(key[:-1], prefix)
            elif key.startswith(prefix):
                with contextlib.suppress(*_ABSENT):
                    yield _info(key, os.stat(f"{self._root}/{key}"))


def _info(key: str, found: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC), content_type_of(key))


def _is_file(found: os.stat_result) -> bool:
    return (found.st_mode & 0o170000) == 0o100000


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _copy_bytes(source: int, target: int) -> None:
    """Copy a file by the kernel, which shares blocks where the file system can; else through memory."""
    try:
        while os.copy_file_range(source, target, 1 << 30):
            pass
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
            raise
    # Some file systems say 0 too early (a file below /proc, an overlay): what is left is copied plainly.
    while block := os.read(source, 1 << 20):
        _write_all(target, block)


def _write_all(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
