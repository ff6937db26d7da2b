"""Instruction sets that encoders are given: what the processor has, and at most AVX2.

An encoder that chooses for itself makes a processor part of the result. With AVX-512, x264's macroblock tree
even reads memory that nothing has written: one process makes several files of the same pictures. FFmpeg's own
encoders and filters add floats in another order with AVX2 than without, and lose little without it: they get
the same on all processors of an architecture. docs/decisions/0013 has the figures and what is promised.

An encoder that comes later gets a field in `InstructionSets`, unless it has no such choice.
"""

from __future__ import annotations

import platform
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

_CPUINFO = Path("/proc/cpuinfo")


class InstructionSets(NamedTuple):
    """A level of an architecture, and what encoders are given on its processors.

    name: as compilers know it. needs: flags of the processor, as Linux names them. x264: its option `asm`; it
    believes it, and dies of a set that the processor lacks. ffmpeg: the option `-cpuflags` of its program,
    for its own encoders, decoders and filters.
    """

    name: str
    needs: frozenset[str]
    x264: str
    ffmpeg: str


GENERIC = InstructionSets("generic", frozenset(), "0", "0")
"""Plain C, for architectures of which nothing has been measured."""

_SSE42 = "mmx+mmxext+sse+sse2+sse3+ssse3+sse4.1+sse4.2"  # for FFmpeg no set includes another
_AVX2 = frozenset({"avx2", "bmi1", "bmi2", "abm", "fma"})
_LEVELS = {
    # Nothing of ours runs on less than x86-64-v2: NumPy's wheels need it.
    "x86-64": (
        InstructionSets("x86-64-v3", _AVX2, "avx2,bmi2,lzcnt,fma3", _SSE42),
        InstructionSets("x86-64-v2", frozenset(), "sse4.2", _SSE42),
    ),
    # What every processor of this architecture has; the sets beyond have not been measured.
    "aarch64": (InstructionSets("aarch64", frozenset(), "armv8,neon", "armv8+neon"),),
}
"""Of each architecture, the best first. The last needs nothing that one of its processors could lack."""
_ARCHITECTURES = {"x86_64": "x86-64", "amd64": "x86-64", "aarch64": "aarch64", "arm64": "aarch64"}

_SYSCTL = {
    "hw.optional.avx2_0": ("avx2", "abm"),  # no name for abm there: all its processors with AVX2 have it
    "hw.optional.bmi1": ("bmi1",),
    "hw.optional.bmi2": ("bmi2",),
    "hw.optional.fma": ("fma",),
}
"""Where macOS says what a processor has, and Linux's names of that."""


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


_restricted: list[InstructionSets] = []


def chosen() -> InstructionSets:
    """What encoders of this process are given."""
    return (_restricted or here())[0]


def restrict(name: str) -> None:
    """Have this process use a lower level from now on. Raises ValueError for one that the processor lacks."""
    levels = {level.name: level for level in here()}
    if name not in levels:
        raise ValueError(f"This processor offers {', '.join(levels)}, not {name}.")
    _restricted[:] = [levels[name]]


def _flags() -> frozenset[str]:
    """What the processor has; empty where the system does not say: all processors have the last level."""
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


_opening = threading.Lock()


@contextmanager
def in_ffmpeg() -> Iterator[None]:
    """Open FFmpeg's own encoders in here: they choose their functions when they are opened.

    What other threads open meanwhile gets the same. swscale makes the same pictures with all sets
    (a test holds it), so it is left alone.
    """
    library = libavutil()
    if library is None:
        yield
        return
    with _opening:
        library.av_force_cpu_flags(ffmpeg_flags(library, chosen().ffmpeg))
        try:
            yield
        finally:
            library.av_force_cpu_flags(-1)  # as detected


@cache
def libavutil() -> Any:
    """The functions of PyAV's libavutil, or None: found by way of a module that is linked with it."""
    import ctypes

    import av._core

    library = ctypes.CDLL(av._core.__file__)
    return library if hasattr(library, "av_force_cpu_flags") else None


def ffmpeg_flags(library: Any, names: str) -> int:
    """FFmpeg's number for instruction sets, named as for `-cpuflags`."""
    import ctypes

    flags = ctypes.c_uint(0)
    if library.av_parse_cpu_caps(ctypes.byref(flags), names.encode()) < 0:
        raise RuntimeError(f"FFmpeg does not know the instruction sets {names}")
    return flags.value
