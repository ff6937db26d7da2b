"""Folders and prefixes of the object store in which a deployment has fonts.

A place lists files, and hands one out; what is in them, only a decoder can say.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from connectors.store.base import FULL, ObjectStore, disk_error
from schemas.errors import Unavailable

MOST_FILES = 5000
"""Font files of one place that are looked at: those whose names come first."""
_ENDINGS = (".ttf", ".otf", ".ttc", ".otc", ".woff", ".woff2")


class FontEntry(NamedTuple):
    """A file of a place. name: where it lies there; version: what changes when its bytes do."""

    name: str
    size: int
    version: str


class FontPlace(Protocol):
    """A place with font files. origin: its name for people."""

    @property
    def origin(self) -> str:
        """Name of the place for people."""

    def entries(self) -> list[FontEntry]:
        """Its font files in the order of their names. Raises Unavailable."""

    def fetch(self, name: str, path: Path) -> None:
        """Write a file of it to `path`. Raises Missing or Unavailable."""


@dataclass(frozen=True)
class FontFolder:
    """A folder and those below it. Links that lead out of it, and what is hidden, are passed over."""

    folder: Path
    optional: bool = False
    origin: str = "FONTS_DIR"

    def entries(self) -> list[FontEntry]:
        """Its font files: none if the folder is a tenant's and not there. Raises Unavailable for another."""
        if not self.folder.is_dir():
            if self.optional:
                return []
            raise Unavailable("fonts_unavailable", "The folder of fonts (FONTS_DIR) cannot be read.")
        found = sorted(self._files(), key=lambda entry: entry.name)
        return found[:MOST_FILES]

    def _files(self) -> Iterator[FontEntry]:
        root = self.folder.resolve()
        for folder, folders, files in os.walk(root):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for file in files:
                if not file.startswith(".") and file.lower().endswith(_ENDINGS):
                    path = Path(folder, file)
                    if (entry := _entry(root, path)) is not None:
                        yield entry

    def fetch(self, name: str, path: Path) -> None:
        """Copy a file of it."""
        try:
            shutil.copyfile(self.folder / name, path)
        except OSError as error:
            if error.errno in FULL:
                raise disk_error(error) from error
            raise Unavailable("fonts_unavailable", "A font of FONTS_DIR cannot be read.") from error


def _entry(root: Path, path: Path) -> FontEntry | None:
    try:
        stat = path.stat()
        if not path.resolve().is_relative_to(root):
            return None
    except OSError:
        return None
    version = f"{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ino}"
    return FontEntry(path.relative_to(root).as_posix(), stat.st_size, version)


@dataclass(frozen=True)
class FontPrefix:
    """Font files below a prefix of the object store."""

    store: ObjectStore
    prefix: str
    origin: str = "FONTS_PREFIX"

    def entries(self) -> list[FontEntry]:
        """Its font files."""
        found = []
        for info in self.store.list(self.prefix):
            if info.key.lower().endswith(_ENDINGS):
                version = f"{info.size}:{info.modified.isoformat()}"
                found.append(FontEntry(info.key.removeprefix(self.prefix), info.size, version))
                if len(found) == MOST_FILES:
                    break
        return found

    def fetch(self, name: str, path: Path) -> None:
        """Download a file of it."""
        self.store.download(self.prefix + name, path)
