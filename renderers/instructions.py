"""Instruction sets that encoders may use: what the processor has, and at most AVX2.

An encoder that chooses for itself makes a processor part of the result. With AVX-512, x264's macroblock tree
even reads memory that nothing has written, so one process makes several files of the same pictures. Up to
AVX2, all sets of one architecture were measured to give the same bytes: docs/decisions/0012.

An encoder that comes later gets a field in `InstructionSets`, unless it has no such choice.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import NamedTuple

_CPUINFO = Path("/proc/cpuinfo")


class InstructionSets(NamedTuple):
    """A level of an architecture.

    name: as compilers know it. needs: flags of the processor, as Linux names them.
    x264: the value of its option `asm`; it believes it, and dies of a set that the processor lacks.
    """

    name: str
    needs: frozenset[str]
    x264: str


GENERIC = InstructionSets("generic", frozenset(), "0")
_LEVELS = {
    "x86-64": (
        InstructionSets(
            "x86-64-v3", frozenset({"avx2", "bmi1", "bmi2", "abm", "fma"}), "avx2,bmi2,lzcnt,fma3"
        ),
        InstructionSets("x86-64-v2", frozenset({"sse4_2"}), "sse4.2"),
        InstructionSets("x86-64", frozenset(), "sse2"),
    ),
    # Every processor of this architecture has these; the sets beyond them have not been measured.
    "aarch64": (InstructionSets("aarch64", frozenset(), "armv8,neon"),),
}
"""Of each architecture, the best first. The last needs nothing that one of its processors could lack."""
_ARCHITECTURES = {"x86_64": "x86-64", "amd64": "x86-64", "aarch64": "aarch64", "arm64": "aarch64"}

_SYSCTL = {
    "hw.optional.sse4_2": ("sse4_2",),
    "hw.optional.avx2_0": (
        "avx2",
        "abm",
    ),  # macOS has no name for abm: every processor of it with AVX2 has it
    "hw.optional.bmi1": ("bmi1",),
    "hw.optional.bmi2": ("bmi2",),
    "hw.optional.fma": ("fma",),
}
"""Where macOS says what the processor has, and the names of that in Linux."""


def offered(machine: str, flags: Collection[str]) -> tuple[InstructionSets, ...]:
    """The levels that a processor has, the best first.

    machine: its architecture as `platform.machine` names it. flags: what it has, by Linux's names.
    """
    levels = _LEVELS.get(_ARCHITECTURES.get(machine.lower(), ""), (GENERIC,))
    return tuple(level for level in levels if level.needs.issubset(flags))


@cache
def here() -> tuple[InstructionSets, ...]:
    """The levels that this machine's processor has, the best first."""
    return offered(platform.machine(), _flags())


def chosen() -> InstructionSets:
    """What encoders of this process use."""
    return _restricted or here()[0]


_restricted: InstructionSets | None = None


def restrict(name: str) -> None:
    """Have this process use a lower level from now on. Raises ValueError if the processor lacks it."""
    global _restricted  # encoders are opened deep in the drawing: this is the process's own choice
    levels = {level.name: level for level in here()}
    if name not in levels:
        raise ValueError(f"This processor offers {', '.join(levels)}, not {name}.")
    _restricted = levels[name]


def _flags() -> frozenset[str]:
    """What the processor has; empty where the system does not say, which chooses what all processors have."""
    if sys.platform == "darwin":
        return frozenset(flag for name, flags in _SYSCTL.items() if _sysctl(name) for flag in flags)
    try:
        # The first processor's part is enough, and the file is long where there are many.
        with _CPUINFO.open(encoding="ascii", errors="replace") as lines:
            return cpuinfo_flags(next((line for line in lines if line.startswith("flags")), ""))
    except OSError:
        return frozenset()


def cpuinfo_flags(line: str) -> frozenset[str]:
    """The flags in a line of /proc/cpuinfo."""
    return frozenset(line.partition(":")[2].split())


def _sysctl(name: str) -> bool:
    import ctypes

    value, size = ctypes.c_int(0), ctypes.c_size_t(ctypes.sizeof(ctypes.c_int))
    call = ctypes.CDLL(None).sysctlbyname
    return call(name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0) == 0 and value.value == 1
