"""A folder for work files that is gone with its process, at the latest when the next one begins.

A process that is killed cannot tidy up. So each holds a lock on a file next to its folder; a lock that
is free marks a folder whose owner has died, and the next process to start removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from connectors.private import open_own, own_folder

NAME = "exportstream"
"""Of the folder that holds them, with the number of the user: nobody else can put anything there."""
PREFIX = "work-"
LOCK = ".lock"


@contextmanager
def work_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new folder below `parent` (default: the system's for such files); those of the dead are removed."""
    parent = parent or Path(tempfile.gettempdir())
    parent.mkdir(parents=True, exist_ok=True)
    own = own_folder(parent, NAME)
    if (
        own is None
    ):  # somebody else has the name: a new one cannot be taken from us, and has no dead beside it
        with tempfile.TemporaryDirectory(dir=parent, prefix=PREFIX) as name:
            yield Path(name)
        return
    sweep(own)
    with tempfile.NamedTemporaryFile(dir=own, prefix=PREFIX, suffix=LOCK) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = Path(lock.name.removesuffix(LOCK))
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep(own: Path) -> int:
    """Remove the work folders whose processes are dead; how many there were."""
    swept = 0
    for path in own.glob(f"{PREFIX}*{LOCK}"):
        with suppress(OSError), os.fdopen(open_own(path), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            folder = Path(str(path).removesuffix(LOCK))
            # A lock without a folder may be of one who is about to make it.
            if folder.is_dir() and os.fstat(lock.fileno()).st_nlink:
                shutil.rmtree(folder, ignore_errors=True)
                path.unlink(missing_ok=True)
                swept += 1
    return swept
