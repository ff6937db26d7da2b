"""Which system calls are refused from now on, as a program for the kernel's filter (seccomp(2)).

What is refused is listed, not what is allowed: libraries of five languages run behind the filter, and each
may use what a newer C library thinks best. Refused is all that leads out of the process: to others, to the
network, to devices, to what files are besides their content, and to those parts of the kernel that no
decoder has any use for. A refused call fails with EPERM.
"""

from __future__ import annotations

import ctypes
import os
import struct
from contextlib import suppress
from typing import NamedTuple

from connectors.walls import kernel
from connectors.walls.kernel import NotPermitted, call, machine, prctl

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_ACTION_AVAILABLE, _MODE_FILTER = 2, 2

_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_EPERM, _ENOSYS = 0x00050001, 0x00050026

_CLONE_THREAD = 0x00010000
_CLONE_NEW = 0x7E020080

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN, _AND = 0x20, 0x15, 0x35, 0x45, 0x06, 0x54
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24  # in struct seccomp_data


class Refused(NamedTuple):
    """A call by its numbers on x86_64 and aarch64; None where it does not exist."""

    x86_64: int | None
    aarch64: int | None


REFUSED: dict[str, Refused] = {
    name: Refused(*numbers)
    for name, numbers in {
        # new processes, and other programs
        "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
        # out of the group that is killed with the worker
        "setsid": (112, 157), "setpgid": (109, 154),
        # the network, and messages between processes
        "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
        "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242),
        "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
        "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190),
        "semctl": (66, 191), "msgget": (68, 186), "msgctl": (71, 187), "mq_open": (240, 180),
        "mq_unlink": (241, 181),
        # other processes
        "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
        "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
        "pidfd_send_signal": (424, 424), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
        "process_madvise": (440, 440), "process_mrelease": (448, 448), "move_pages": (279, 239),
        "migrate_pages": (256, 238), "setpriority": (141, 140), "ioprio_set": (251, 30),
        "sched_setparam": (142, 118), "sched_setscheduler": (144, 119), "sched_setattr": (314, 274),
        # what files are besides their content: Landlock knows nothing of it
        "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
        "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
        "truncate": (76, 45), "utime": (132, None), "utimes": (235, None), "futimesat": (261, None),
        "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
        "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
        "setxattrat": (463, 463), "removexattrat": (466, 466), "file_setattr": (469, 469),
        "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
        # who one is, and where
        "unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51), "pivot_root": (155, 41),
        "mount": (165, 40), "umount2": (166, 39), "move_mount": (429, 429), "open_tree": (428, 428),
        "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
        "mount_setattr": (442, 442), "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145),
        "setregid": (114, 143), "setgroups": (116, 159), "setresuid": (117, 147), "setresgid": (119, 149),
        "setfsuid": (122, 151), "setfsgid": (123, 152), "capset": (126, 91), "personality": (135, 92),
        "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
        # parts of the kernel without use here
        "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "syslog": (103, 116),
        "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443), "fanotify_init": (300, 262),
        "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
        "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
        "swapon": (167, 224), "swapoff": (168, 225), "settimeofday": (164, 170), "adjtimex": (159, 171),
        "clock_settime": (227, 112), "clock_adjtime": (305, 266), "sethostname": (170, 161),
        "setdomainname": (171, 162), "vhangup": (153, 58), "iopl": (172, None), "ioperm": (173, None),
        "modify_ldt": (154, None),
    }.items()
}  # fmt: skip
"""By what they are for."""

_CLONE, _CLONE3 = Refused(56, 220), Refused(435, 435)
_KILLS = (Refused(62, 129), Refused(200, 130), Refused(234, 131))  # kill, tkill, tgkill
_LIMITS = Refused(302, 261)  # prlimit64


def available() -> bool:
    """Whether this kernel filters calls for those who ask."""
    kind = machine()
    if kind is None:
        return False
    with suppress(NotPermitted):
        action = ctypes.c_uint32(_EPERM & 0xFFFF0000)
        return call(_SECCOMP[kind], _ACTION_AVAILABLE, 0, ctypes.byref(action)) == 0
    return False


def program(kind: str, pid: int) -> bytes:
    """The filter for a machine, as an array of `struct sock_filter`.

    pid: of the process, which may signal itself (abort(3) does) and set limits of its own. Threads may be
    begun, processes may not. A call of another machine's convention ends the process.
    """
    which = Refused._fields.index(kind)
    steps: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _AUDIT_ARCH[kind]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _EPERM),
        # a filter cannot see the flags of clone3(2): without it the C library asks for clone(2)
        (_EQUAL, 0, 1, _CLONE3[which] or 0),
        (_RETURN, 0, 0, _ENOSYS),
        (_EQUAL, 0, 5, _CLONE[which] or 0),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 2, 0, _CLONE_NEW),
        (_ANY_BIT, 0, 1, _CLONE_THREAD),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _EPERM),
    ]
    for number in (kills[which] for kills in _KILLS):
        steps += _only_oneself(number or 0, (pid,))
    steps += _only_oneself(_LIMITS[which] or 0, (0, pid))
    numbers = [numbers[which] for numbers in REFUSED.values()]
    for number in (number for number in numbers if number is not None):
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _EPERM)]
    steps.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _only_oneself(number: int, pids: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """Of this call, those whose first argument is one of `pids`."""
    tests = [(_EQUAL, len(pids) - at, 0, pid) for at, pid in enumerate(pids)]
    answers = [(_RETURN, 0, 0, _EPERM), (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(tests) + 3, number), (_LOAD, 0, 0, _FIRST_ARGUMENT), *tests, *answers]


def restrict() -> None:
    """Refuse these calls from now on. Raises NotPermitted. Wants `no_new_privs`."""
    kind = machine()
    if kind is None:
        raise NotPermitted("no filter for this machine")
    code = program(kind, os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: a count of 16 bits, padding, an address
    header = ctypes.create_string_buffer(
        struct.pack("@HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer)), 16
    )
    prctl(kernel.SECCOMP, _MODE_FILTER, ctypes.addressof(header))
