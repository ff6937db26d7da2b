"""All walls at once, around the process that calls; which can be had, and which have to be."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from connectors.walls import kernel, landlock, seccomp
from connectors.walls.kernel import NotPermitted

_NEW_USER, _NEW_IPC, _NEW_NET = 0x10000000, 0x08000000, 0x40000000


class CannotIsolate(OSError):
    """A wall that has to be there cannot be raised; its text names it."""


def missing() -> tuple[str, ...]:
    """The walls that this machine cannot give, of those that have to be there."""
    found = {"landlock": landlock.version() > 0, "seccomp": seccomp.available()}
    return tuple(name for name, there in found.items() if not there)


def raise_walls(work: str, readable: Iterable[str], parent: int, *, strict: bool) -> None:
    """Isolate this process. It has one thread yet, and has read nothing foreign.

    work: the folder with `in`, to read from, and `out`, to write to. readable: what it reads besides, such as
    its libraries. parent: the process that it must not outlive. Raises CannotIsolate where `strict`.
    """
    with suppress(OSError):
        _write("/proc/self/oom_score_adj", "1000")  # where memory is short it goes first, and not its worker
    _be_nobody()
    with suppress(NotPermitted):
        kernel.prctl(kernel.PDEATHSIG, 9)  # after the user namespace, which forgets it
    if os.getppid() != parent:
        os._exit(0)
    for name, wall in (
        ("no_new_privs", lambda: kernel.prctl(kernel.NO_NEW_PRIVS, 1)),
        ("landlock", lambda: landlock.restrict((*readable, f"{work}/in"), (f"{work}/out",))),
        ("seccomp", seccomp.restrict),
    ):
        try:
            wall()
        except NotPermitted as error:
            if strict:
                raise CannotIsolate(name) from error


def _be_nobody() -> None:
    """Enter a user namespace, with a network and messages of its own, and drop all capabilities.

    Where that is forbidden, as in most containers, no capability is kept at least.
    """
    user, group = os.getuid(), os.getgid()
    with suppress(NotPermitted):
        kernel.unshare(_NEW_USER)
        with suppress(NotPermitted):
            kernel.unshare(_NEW_NET | _NEW_IPC)
        with suppress(OSError):
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"{user} {user} 1")
            _write("/proc/self/gid_map", f"{group} {group} 1")
    with suppress(NotPermitted):
        kernel.drop_capabilities()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
