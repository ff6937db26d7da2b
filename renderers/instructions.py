"""Instruction sets that encoders are given: of each architecture the same, however much more a processor has.

An encoder that chooses for itself makes a processor part of the result. x264's macroblock tree and FFmpeg's
own encoders add floats in another order with AVX2 than without, and with AVX-512 x264 even reads memory that
nothing has written. So nothing is detected here: what is given is what NumPy's wheels need in any case
(x86-64-v2), or what every processor of the architecture has. docs/decisions/0012 has the figures.

An encoder that comes later gets a field in `InstructionSets`, unless it has no such choice.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple


class InstructionSets(NamedTuple):
    """What encoders are given.

    name: as compilers know it. x264: its option `asm`; it believes it, and dies of a set that the processor
    lacks. ffmpeg: the option `-cpuflags` of its program, for its own encoders, decoders and filters.
    """

    name: str
    x264: str
    ffmpeg: str


GENERIC = InstructionSets("generic", "0", "0")
"""Plain C, for architectures of which nothing has been measured."""

_X86_64 = InstructionSets("x86-64-v2", "sse4.2", "sse4.2")
_AARCH64 = InstructionSets("aarch64", "armv8,neon", "armv8+neon")
_ARCHITECTURES = {"x86_64": _X86_64, "amd64": _X86_64, "aarch64": _AARCH64, "arm64": _AARCH64}


def given(machine: str) -> InstructionSets:
    """What encoders are given on a machine, named as by `platform.machine`."""
    return _ARCHITECTURES.get(machine.lower(), GENERIC)


@cache
def here() -> InstructionSets:
    """What encoders are given on this machine."""
    return given(platform.machine())


_opening = threading.Lock()


@contextmanager
def in_ffmpeg() -> Iterator[None]:
    """Open FFmpeg's own encoders in here: they choose their functions when they are opened.

    What other threads open meanwhile gets the same. swscale was measured to make the same pictures with all
    sets, so it is left alone.
    """
    library = _libavutil()
    if library is None:
        yield
        return
    with _opening:
        library.av_force_cpu_flags(_flags(library))
        try:
            yield
        finally:
            library.av_force_cpu_flags(-1)  # as detected


def reaches_ffmpeg() -> bool:
    """Whether the FFmpeg in this process can be given its sets."""
    return _libavutil() is not None


@cache
def _libavutil() -> Any:
    """The functions of PyAV's libavutil: the loader finds them by way of a module that is linked with it."""
    import ctypes

    import av._core

    library = ctypes.CDLL(av._core.__file__)
    return library if hasattr(library, "av_force_cpu_flags") else None


def _flags(library: Any) -> int:
    import ctypes

    flags = ctypes.c_uint(0)
    if library.av_parse_cpu_caps(ctypes.byref(flags), here().ffmpeg.encode()) < 0:
        raise RuntimeError(f"FFmpeg does not know the instruction sets {here().ffmpeg}")
    return flags.value
