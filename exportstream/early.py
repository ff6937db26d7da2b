"""Begins early what `render` will need anyway: half a second of start is mostly loading, and waiting for it.

The processes that decode are started before the models are loaded, on the other core; and while they
decode, this process loads the libraries that draw and encode. Nothing here may import more than it says.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from connectors.decoder import LIMITS, MAPPED_FROM, TRIMMED_FROM, Budget, SandboxedDecoder
from connectors.sandbox import check_isolation
from exportstream.config import Settings
from schemas.checks import nothing

SIGNS: Mapping[str, re.Pattern[bytes]] = {
    "image": re.compile(rb'"image"'),
    "audio": re.compile(rb'"audio"\s*:\s*\[\s*\{'),
}
"""What stands in a document that needs the decoder, by its operation. A wrong guess costs a start."""
DRAWING = (
    "renderers.drawing.raster",
    "renderers.drawing.glyphs",
    "renderers.h264.chunks",
    "renderers.h264.mp4",
)
"""In the order in which they will be needed."""


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # malloc.h


class EarlyDecoder(SandboxedDecoder):
    """Decodes as others do; the first time that somebody waits for it, `meanwhile` is begun in a thread."""

    def __init__(
        self, size: int, meanwhile: Callable[[], None], folder: Path | None, *, strict: bool
    ) -> None:
        # The command line's own user waits for it: there is nobody to stand back behind.
        super().__init__(size, LIMITS._replace(nice=0), folder, strict=strict)
        self._thread = threading.Thread(target=meanwhile, name="load", daemon=True)
        self._begun = threading.Lock()
        self._ending = threading.Thread(target=super().close, name="end")

    def run(
        self,
        job: Mapping[str, Any],
        check: Callable[[], None] = nothing,
        *,
        tenant: str = "",
        budget: Budget | None = None,
    ) -> dict[str, Any]:
        """The decoder's answer to one job."""
        if self._begun.acquire(blocking=False):
            self._thread.start()
        return super().run(job, check, tenant=tenant, budget=budget)

    def end(self) -> None:
        """Begin to close. In a thread, in which no Ctrl-C comes: a process would be left half ended."""
        if self._ending.ident is None:
            self._ending.start()

    def close(self) -> None:
        """End all processes, and wait for it."""
        if self._ending.ident is not None:
            self._ending.join()
        super().close()


@contextmanager
def early_decoder(document: bytes, settings: Settings) -> Iterator[EarlyDecoder]:
    """A decoder for what a document seems to need, starting now. Raises InvalidInput (`no_isolation`)."""
    check_isolation(required=settings.strict)
    files = {operation: len(sign.findall(document)) for operation, sign in SIGNS.items()}
    needed = [operation for operation, count in files.items() if count]
    size = 2 if max(files.values()) > 2 and (os.cpu_count() or 1) > 1 else 1
    decoder = EarlyDecoder(size, load, settings.temp_dir, strict=settings.strict)
    warming = threading.Thread(target=_warm, args=(decoder, needed[:1]), name="warm", daemon=True)
    warming.start()
    try:
        yield decoder
    finally:
        warming.join()
        decoder.close()


def _warm(decoder: SandboxedDecoder, operations: Sequence[str]) -> None:
    for operation in operations:
        decoder.warm(operation)


def give_memory_back() -> None:
    """Have glibc return pictures to the system when they are freed, from any thread (mallopt(3)).

    By itself it raises the size from which memory is mapped to that of the largest picture freed, and
    then keeps heaps of pictures for each thread: 60 MiB in a film of 30 s.
    """
    _set_malloc({M_MMAP_THRESHOLD: 2 << 20, M_TRIM_THRESHOLD: 64 << 20, M_ARENA_MAX: 2})


def keep_memory() -> None:
    """Have glibc use the memory of one picture for the next, as decoders do: a sixth of the time that
    a single moment takes.
    """
    _set_malloc({M_MMAP_THRESHOLD: MAPPED_FROM, M_TRIM_THRESHOLD: TRIMMED_FROM})


def _set_malloc(options: Mapping[int, int]) -> None:
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in options.items():
            mallopt(option, value)


@contextmanager
def uncollected() -> Iterator[None]:
    """Import without a look for garbage: nothing that modules leave behind is, now or later."""
    known, was_enabled = len(sys.modules), gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > known:
            gc.freeze()
        if was_enabled:
            gc.enable()


def load(names: Sequence[str] = DRAWING) -> None:
    """Import modules. What is missing is told about where it is used."""
    for name in names:
        with suppress(ImportError):
            importlib.import_module(name)
