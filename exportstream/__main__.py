"""`python -m exportstream` and the command `exportstream`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from exportstream import lean

lean.begin(sys.argv[1:])

from exportstream.cli import run  # noqa: E402


def main() -> int:
    """Run the command line of this process; the exit code."""
    signal.signal(signal.SIGTERM, _end)
    _open_streams()
    arguments = sys.argv[1:]
    try:
        code = run(arguments, os.environ)
        if lean.SHORT.intersection(arguments[:1]):
            _leave(code)  # they have tidied up, and wait for no thread
        return code
    finally:
        # The interpreter would look once more for garbage, in all that it loaded: a tenth of a short run.
        gc.freeze()


def _open_streams() -> None:
    """Standard streams that were closed before the start lead nowhere: else the next file that is opened
    would have the number of one, and be written to by whoever has something to say.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def _leave(code: int) -> NoReturn:
    """End now: taking apart each module and library that is loaded would be a twentieth of a short run."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # whoever read has gone
            stream.flush()
    os._exit(code)


def _end(number: int, frame: FrameType | None) -> None:
    """End like after Ctrl-C, tidied up; what runs until it is told to stop has a handler of its own."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
