"""Skia on machines without GL."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path

import pytest

from renderers._skia import skia, stub_library, undefined_symbols


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="stubs are made on Linux only")
def test_a_stub_stands_for_a_missing_library() -> None:
    """The loader takes a made-up library, and its functions return 0."""
    names = [b"glClear", b"eglGetError", b"XML_Parse"]
    descriptor = os.memfd_create("stub")
    os.write(descriptor, stub_library("libnowhere.so.1", names, platform.machine()))
    library = ctypes.CDLL(f"/proc/self/fd/{descriptor}")
    assert [getattr(library, name.decode())() for name in names] == [0, 0, 0]
    os.close(descriptor)


def test_what_skia_wants_is_found() -> None:
    """The names of the functions it wants from libGL and libEGL are read from its file."""
    names = undefined_symbols(Path(skia.__file__), (b"gl", b"egl"))
    assert b"glClear" in names
    assert b"eglGetProcAddress" in names
    assert len(names) > 50
