"""A folder through which files go into a decoder process and come out again: it sees no other.

`in` is read by it, `out` is written by it. Whatever lies in `out` was made by a process that nobody trusts:
only plain files are taken from there, and none that lies elsewhere too.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from connectors.store.base import FULL, disk_error
from schemas.errors import InvalidInput, Unavailable

OUT = "normal"


class Box:
    """A new folder in `folder` (default: the system's for such), mode 0700, until `close`."""

    def __init__(self, folder: Path | None = None) -> None:
        try:
            self.path = Path(tempfile.mkdtemp(prefix="decoder-", dir=folder))
            self._inbox, self.outbox = self.path / "in", self.path / "out"
            self._inbox.mkdir(mode=0o700)
            self.outbox.mkdir(mode=0o700)
        except OSError as error:
            raise Unavailable(
                "process_not_started", f"A work folder cannot be made: {error.strerror}."
            ) from error

    def put(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The job as it reads in the box, where the files of `path` and `paths` are, and `out` will be."""
        boxed = dict(job)
        if "path" in job:
            boxed["path"] = self._put(job["path"], "0")
        if "paths" in job:
            boxed["paths"] = [self._put(path, str(number)) for number, path in enumerate(job["paths"])]
        if "out" in job:
            boxed["out"] = str(self.outbox / OUT)
        return boxed

    def _put(self, path: str, name: str) -> str:
        placed = self._inbox / name
        try:
            os.link(path, placed)
        except FileNotFoundError:
            pass  # the decoder says so
        except OSError:  # another file system, or one without links, or somebody else's file
            try:
                shutil.copyfile(path, placed)
            except OSError as error:
                if error.errno in FULL:
                    raise disk_error(error) from error
                raise InvalidInput("unreadable", f"The file cannot be read: {error.strerror}.") from error
        return str(placed)

    def take(self, job: Mapping[str, Any]) -> None:
        """Move what was written to where the job wants it. Raises InvalidInput for what is no plain file."""
        if "out" not in job:
            return
        made = self.outbox / OUT
        try:
            found = made.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_uid != os.getuid():
            raise InvalidInput("undecodable", "The file breaks the decoder.")
        try:
            shutil.move(made, job["out"])
        except OSError as error:
            raise disk_error(error) from error

    def empty(self) -> None:
        """Remove all files, so that the next file's decoder does not see this one."""
        for folder in (self._inbox, self.outbox):
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        shutil.rmtree(entry.path, ignore_errors=True)
                    else:
                        with suppress(FileNotFoundError):
                            os.unlink(entry.path)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
