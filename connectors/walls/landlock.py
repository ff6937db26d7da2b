"""Landlock: which files a process may open, decided by itself and for good (landlock(7))."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from contextlib import suppress

from connectors.walls.kernel import NotPermitted, call, machine

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION
_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5
_MAKE_DIR, _MAKE_REG, _TRUNCATE = 1 << 7, 1 << 8, 1 << 14

READ = _READ_FILE | _READ_DIR
WORK = READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _TRUNCATE
"""Plain files and folders: no symbolic link, no device, no name of a file that lies elsewhere."""
_OF_FILES = _READ_FILE | _WRITE_FILE | _TRUNCATE

_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_NET_RIGHTS = 0x3  # bind and connect by TCP, from version 4 on
_SCOPES = 0x3  # abstract sockets and signals stay within, from version 6 on


def version() -> int:
    """Of Landlock in this kernel; 0 where it has none."""
    if machine() is None:
        return 0
    with suppress(NotPermitted):
        return call(_CREATE_RULESET, None, 0, _VERSION)
    return 0


def restrict(readable: Iterable[str], work: Iterable[str]) -> None:
    """From now on this process opens what lies at or below these paths only; of `work` it may also write,
    make and remove. What is not there is left out. Raises NotPermitted. Wants `no_new_privs`.
    """
    known = version()
    if known < 1:
        raise NotPermitted("no Landlock")
    handled = _FILE_RIGHTS[min(known, 5)]
    attributes = (ctypes.c_uint64 * 3)(
        handled, _NET_RIGHTS if known >= 4 else 0, _SCOPES if known >= 6 else 0
    )
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    ruleset = call(_CREATE_RULESET, attributes, size, 0)
    try:
        for rights, paths in ((READ, readable), (WORK, work)):
            for path in paths:
                _allow(ruleset, path, rights & handled)
        call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _OF_FILES
        # struct landlock_path_beneath_attr is packed: 64 bits of rights, 32 of a descriptor
        rule = ctypes.create_string_buffer(
            rights.to_bytes(8, "little") + descriptor.to_bytes(4, "little"), 12
        )
        call(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)
