"""A file whose head is known last: samples are kept apart until then."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

KEPT = 32 << 20
"""Bytes of samples that are kept in memory; with more of them they go to a file beside the finished one."""


class Body:
    """Samples that wait for their head."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path, self._stack = path, stack
        self._blocks: list[bytes] = []
        self._size = 0
        self._spilled: BinaryIO | None = None

    def write(self, samples: Iterable[bytes]) -> None:
        """Take the next ones."""
        block = b"".join(samples)
        self._blocks.append(block)
        self._size += len(block)
        if self._size > KEPT:
            self._file().writelines(self._blocks)
            self._blocks, self._size = [], 0

    def _file(self) -> BinaryIO:
        if self._spilled is None:
            beside = self._path.with_name(f"{self._path.name}.samples")
            self._stack.callback(beside.unlink)
            self._spilled = self._stack.enter_context(beside.open("w+b", buffering=0))
        return self._spilled

    def finish(self, head: bytes) -> None:
        """Write the file: the head, then all samples."""
        with self._path.open("wb", buffering=0) as file:
            file.write(head)
            if self._spilled is not None:
                self._spilled.seek(0)
                _copy(self._spilled, file)
            file.write(b"".join(self._blocks))


@contextmanager
def body(path: Path) -> Iterator[Body]:
    """Samples for the file at `path`. When anything raises, no file is left."""
    try:
        with ExitStack() as stack:
            yield Body(path, stack)
    except BaseException:
        with suppress(FileNotFoundError):
            path.unlink()
        raise


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    """Copy the rest of a file, by the kernel where it can: then bytes do not pass through here."""
    with suppress(OSError):
        while os.copy_file_range(source.fileno(), target.fileno(), 1 << 30):
            pass
    shutil.copyfileobj(source, target, 1 << 20)
