"""What happens to files: lengths that are not stated, ends that are lost, damage, late beginnings."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import imageio_ffmpeg

from schemas.errors import InvalidInput
from tests.sounds.making import RATE, Kind
from tests.sounds.reference import difference, ours, reference

TOLERANCE, SHIFT, CLOSED = 4800, 48, 1920
"""Samples at 48 kHz: by which the lengths of files that are not whole may differ, what rounding to whole
milliseconds does, and gaps so short that they may be closed.
"""
DB = -30.0


class Verdict(NamedTuple):
    """alike, refused by both, refused (by us only), heard (by us only), length, shift or content; figures."""

    word: str
    detail: str = ""


def judged(path: Path, seconds: float | None = None, *, damaged: bool = False) -> Verdict:
    """A file beside FFmpeg. seconds: how long the whole was, where it is whole: then lengths are right to the
    sample, FFmpeg's or what was written; else within `TOLERANCE`. damaged: in the middle, where decoders
    differ; before it all is alike, and behind it, but for a gap that may be closed.
    """
    theirs = reference(path)
    try:
        heard = ours(path)
    except InvalidInput as error:
        return (
            Verdict("refused by both")
            if theirs is None
            else Verdict("refused", f"{error.code} {len(theirs)}")
        )
    if theirs is None:
        return Verdict("heard", str(len(heard)))
    found = difference(heard, theirs)
    detail = f"{len(theirs)} {found.samples:+d} {found.shift:+d} {found.error:.0f} dB"
    exact = seconds is not None and abs(len(heard) - seconds * RATE) <= 1
    if abs(found.samples) > (1 if seconds else TOLERANCE) and not exact:
        return Verdict("length", detail)
    if damaged:
        size = min(len(heard), len(theirs))
        begin, end = slice(0, size * 3 // 10), slice(size * 3 // 4, size)
        before, behind = (difference(heard[part], theirs[part]) for part in (begin, end))
        detail = f"{detail}: {before.shift:+d} {before.error:.0f} dB, {behind.shift:+d} {behind.error:.0f} dB"
        if max(abs(before.shift) - SHIFT, abs(behind.shift) - CLOSED) > 0:
            return Verdict("shift", detail)
        return Verdict("alike" if max(before.error, behind.error) < DB else "content", detail)
    if abs(found.shift) > (1 if seconds else SHIFT):
        return Verdict("shift", detail)
    return Verdict("alike" if found.error < DB else "content", detail)


def _whole(kind: Kind, data: bytes, folder: Path) -> bytes:
    return data


def remuxed(*options: str) -> Callable[[Kind, bytes, Path], bytes | None]:
    """Muxed by FFmpeg's program to a pipe, where no length can be written afterwards."""

    def change(kind: Kind, data: bytes, folder: Path) -> bytes | None:
        source = folder / "source"
        source.write_bytes(data)
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "quiet", "-i", f"file:{source}"]
        command += ["-map", "0:a:0", "-c", "copy", "-strict", "-2", *options, "-f", kind.muxer, "pipe:1"]
        done = subprocess.run(command, capture_output=True, check=False)
        return done.stdout if done.returncode == 0 and len(done.stdout) > 64 else None

    return change


def _cut(kind: Kind, data: bytes, folder: Path) -> bytes:
    return data[: len(data) * 2 // 3]


def _damaged(kind: Kind, data: bytes, folder: Path) -> bytes:
    """Some hundred bytes in the middle are others."""
    random = Random(f"{kind}")
    file = io.BytesIO(data)
    file.seek(len(data) // 2)
    file.write(random.randbytes(min(300, len(data) // 20)))
    return file.getvalue()


VARIANTS: dict[str, Callable[[Kind, bytes, Path], bytes | None]] = {
    "whole": _whole,
    "no length": remuxed(),
    "late": remuxed("-output_ts_offset", "1"),
    "cut": _cut,
    "damaged": _damaged,
}
