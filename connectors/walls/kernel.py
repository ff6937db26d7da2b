"""The kernel's calls that Python does not have, by number, for the two machines that we run on."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from functools import cache
from typing import Any

NO_NEW_PRIVS, PDEATHSIG, SECCOMP, SECUREBITS = 38, 1, 22, 28
"""Options of prctl(2)."""
_NO_ROOT = 0x3 | 0xC
"""SECBIT_NOROOT and SECBIT_NO_SETUID_FIXUP, both locked: being user 0 means nothing (capabilities(7))."""
_CAPABILITY_VERSION = 0x20080522
_CAPSET = {"x86_64": 126, "aarch64": 91}


class NotPermitted(OSError):
    """The kernel does not do it: it is too old, or it is forbidden here."""


@cache
def libc() -> Any:
    """The C library of this process, which has `syscall` and `prctl`."""
    return ctypes.CDLL(None, use_errno=True)


def machine() -> str | None:
    """`x86_64` or `aarch64`; None on others, and beyond Linux."""
    name = os.uname().machine if sys.platform == "linux" else ""
    return name if name in _CAPSET else None


def call(number: int, *arguments: Any) -> int:
    """A system call. Raises NotPermitted."""
    result = int(libc().syscall(ctypes.c_long(number), *(_wide(argument) for argument in arguments)))
    return _checked(result)


def prctl(option: int, *arguments: int) -> int:
    """prctl(2). Raises NotPermitted."""
    given = [*arguments, 0, 0, 0, 0][:4]
    return _checked(int(libc().prctl(option, *(ctypes.c_ulong(argument) for argument in given))))


def unshare(flags: int) -> None:
    """unshare(2). Raises NotPermitted."""
    _checked(int(libc().unshare(flags)))


def drop_capabilities() -> None:
    """Have none, and gain none by being user 0 or by executing a file. Raises NotPermitted."""
    kind = machine()
    if kind is None:
        raise NotPermitted("no such call on this machine")
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    with suppress(NotPermitted):  # who has no capability to say so has none to lose
        prctl(SECUREBITS, _NO_ROOT)
    call(_CAPSET[kind], header, none)


def _wide(argument: Any) -> Any:
    return ctypes.c_long(argument) if isinstance(argument, int) else argument


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise NotPermitted(number, os.strerror(number))
    return result
