"""The one door to Skia: `from renderers._skia import skia`.

skia-python's wheel is linked against libGL.so.1 and libEGL.so.1 for drawing on a GPU, which we never
do, and a bare machine (python:3.11-slim) has neither. Where one is missing, a tiny shared object
with its name takes its place: it defines the functions that Skia names, each of which returns 0.
It lives in memory only (memfd_create), and is loaded before Skia so that the loader, which knows
libraries by their SONAME, looks no further (System V ABI, ELF, chapter 5, "Dynamic Linking").
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import struct
import sys
from pathlib import Path
from typing import Any

_LIBRARIES = ("libGL.so.1", "libEGL.so.1", "libexpat.so.1")
_PREFIXES = (b"gl", b"egl", b"XML_")

# machine: (e_machine, code of `return 0`)
_RETURN_ZERO = {
    "x86_64": (62, b"\x31\xc0\xc3"),  # xor eax, eax; ret
    "aarch64": (183, b"\x00\x00\x80\xd2\xc0\x03\x5f\xd6"),  # mov x0, #0; ret
}
_PAGE = 0x10000  # the largest page of both machines


def stub_library(soname: str, symbols: list[bytes], machine: str) -> bytes:
    """An ELF shared object called `soname` whose functions `symbols` return 0. Raises KeyError for an
    unknown machine.
    """
    e_machine, code = _RETURN_ZERO[machine]
    names = b"\0" + b"".join(name + b"\0" for name in symbols) + soname.encode() + b"\0"
    count = len(symbols) + 1
    symtab_at = 64 + 56 * 4
    hash_at = symtab_at + 24 * count
    # One bucket, one chain: a table of a hundred symbols is searched once per symbol at load.
    table = struct.pack("<3I", 1, count, 1 if symbols else 0)
    table += struct.pack(f"<{count}I", 0, *((i + 1) % count for i in range(1, count)))
    names_at = hash_at + len(table)
    code_at = (names_at + len(names) + 15) & ~15
    end = code_at + len(code)
    symtab, at = b"\0" * 24, 1
    for name in symbols:
        symtab += struct.pack("<IBBHQQ", at, 0x12, 0, 1, code_at, len(code))  # GLOBAL FUNC
        at += len(name) + 1
    entries = [(14, at), (4, hash_at), (5, names_at), (6, symtab_at), (10, len(names)), (11, 24), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    segments = [
        (1, 5, 0, end, _PAGE),  # PT_LOAD, read and execute
        (1, 6, _PAGE, len(dynamic), _PAGE),  # PT_LOAD, read and write: the loader relocates it in place
        (2, 6, _PAGE, len(dynamic), 8),  # PT_DYNAMIC
        (0x6474E551, 6, 0, 0, 16),  # PT_GNU_STACK: no executable stack is wanted
    ]
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        3,
        e_machine,
        1,
        0,
        64,
        0,
        0,
        64,
        56,
        len(segments),
        64,
        0,
        0,
    )
    programs = b"".join(
        struct.pack("<IIQQQQQQ", kind, flags, at, at, at, size, size, align)
        for kind, flags, at, size, align in segments
    )
    body = (header + programs + symtab + table + names).ljust(code_at, b"\0") + code
    return body.ljust(_PAGE, b"\0") + dynamic


def undefined_symbols(path: Path, prefixes: tuple[bytes, ...]) -> list[bytes]:
    """The dynamic symbols of the ELF64 file at `path` that it wants from others, by their beginnings."""
    with open(path, "rb") as file:
        file.seek(0x28)
        (sections_at,) = struct.unpack("<Q", file.read(8))
        file.seek(0x3A)
        entry_size, count = struct.unpack("<HH", file.read(4))
        file.seek(sections_at)
        raw = file.read(entry_size * count)
        sections = [struct.unpack_from("<IIQQQQII", raw, i * entry_size) for i in range(count)]
        symtab = next(section for section in sections if section[1] == 11)  # SHT_DYNSYM
        strings = sections[symtab[6]]
        file.seek(symtab[4])
        symbols = file.read(symtab[5])
        file.seek(strings[4])
        names = file.read(strings[5])
    found = []
    for at, _, _, section, _, _ in struct.iter_unpack("<IBBHQQ", symbols):
        if section == 0 and names.startswith(prefixes, at):
            found.append(names[at : names.index(b"\0", at)])
    return found


def _is_missing(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return True
    return False


def _load_stubs() -> None:
    """Put stubs in the place of the libraries that this machine lacks."""
    spec = importlib.util.find_spec("skia")
    missing = [soname for soname in _LIBRARIES if _is_missing(soname)]
    if spec is None or spec.origin is None or not missing:
        return
    module = Path(spec.origin)
    siblings = module.parent.glob("skia_python.libs/*.so*")  # fontconfig, which wants libexpat
    symbols = sorted({name for path in (module, *siblings) for name in undefined_symbols(path, _PREFIXES)})
    descriptors = [
        os.memfd_create(soname) for soname in missing
    ]  # open together: the loader knows them by path
    for soname, descriptor in zip(missing, descriptors, strict=True):
        os.write(descriptor, stub_library(soname, symbols, platform.machine()))
        ctypes.CDLL(f"/proc/self/fd/{descriptor}", mode=ctypes.RTLD_GLOBAL)
    for descriptor in descriptors:
        os.close(descriptor)


def _import_skia() -> Any:
    try:
        import skia
    except ImportError:
        if sys.platform != "linux" or platform.machine() not in _RETURN_ZERO:
            raise
        _load_stubs()
        import skia
    return skia


skia: Any = _import_skia()
