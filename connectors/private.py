"""Folders and files that no other user of the machine may read, or have put there."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from connectors.store.base import disk_error

_OTHERS = 0o007
_ANYBODY_ELSE = 0o077


def private_folder(path: Path) -> Path:
    """The folder at `path`, made with mode 0700 if it is missing. One of ours that all may read is closed to
    them; that of a group stays so. Raises Unavailable.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        found = path.stat()
        if found.st_uid == os.getuid() and found.st_mode & _OTHERS:
            path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
    except OSError as error:
        raise disk_error(error) from error
    return path


def private_file(path: Path) -> None:
    """Make an empty file with mode 0600 if there is none; one of ours is closed to all others."""
    with suppress(OSError):  # whoever opens it says what is wrong
        descriptor = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600
        )
        try:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and found.st_mode & _OTHERS:
                os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & ~_OTHERS)
        finally:
            os.close(descriptor)


def own_folder(shared: Path, name: str) -> Path | None:
    """The folder `name-UID` in one that others may write to, mode 0700; None when somebody else has taken the
    name, with a folder of theirs, a link, a file or a pipe.
    """
    path = shared / f"{name}-{os.getuid()}"
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return None
    if found.st_mode & _ANYBODY_ELSE:
        path.chmod(0o700)
    return path


def open_own(path: Path) -> int:
    """A descriptor of a file of ours, to read; never waits, as on a pipe. Raises OSError for all else."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
        os.close(descriptor)
        raise PermissionError(f"{path} is no file of this user")
    return descriptor
