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

PREFIX = "exportstream-work-"
LOCK = ".lock"


@contextmanager
def work_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new folder in `parent` (default: the system's for such files); those of the dead are removed."""
    parent = parent or Path(tempfile.gettempdir())
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    with tempfile.NamedTemporaryFile(dir=parent, prefix=PREFIX, suffix=LOCK) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = Path(lock.name.removesuffix(LOCK))
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path) -> int:
    """Remove the work folders whose processes are dead; how many there were."""
    swept = 0
    for path in parent.glob(f"{PREFIX}*{LOCK}"):
        with suppress(OSError), path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            folder = Path(str(path).removesuffix(LOCK))
            # A lock without a folder may be of one who is about to make it.
            if folder.is_dir() and os.fstat(lock.fileno()).st_nlink:
                shutil.rmtree(folder, ignore_errors=True)
                path.unlink(missing_ok=True)
                swept += 1
    return swept
