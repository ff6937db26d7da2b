"""What a finished file must be before anybody may download it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson

from schemas.errors import InvalidInput
from schemas.plan import Plan

AUDIO_FRAME_S = 0.03
"""A frame of AAC or MP3, rounded up: by so much may sound and plan differ in length."""


def verify(path: Path, plan: Plan) -> tuple[str, int, float | None]:
    """(SHA-256 in hex, size in bytes, duration in seconds) of a file that is what its plan says.

    Raises InvalidInput("output_broken") naming the first difference.
    """
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size = path.stat().st_size
    if plan.format == "json":
        _parse(path)
        return sha256, size, None
    from renderers.h264.mp4 import probe

    try:
        found = probe(path)
    except InvalidInput as error:
        raise _broken(f"it cannot be read ({error.message})") from error
    expected = plan.duration or 0.0
    tolerance = AUDIO_FRAME_S + (1 / plan.fps if plan.fps else 0.05)
    if abs(found.duration - expected) > tolerance:
        raise _broken(f"it lasts {found.duration:.3f} s, not {expected:.3f} s")
    if plan.format == "mp4":
        if (found.width, found.height) != (plan.picture_width, plan.picture_height):
            raise _broken(f"its picture is {found.width}x{found.height}")
        if found.frames != plan.total_frames:
            raise _broken(f"it has {found.frames} frames, not {plan.total_frames}")
    if (plan.sound_hash is not None) != (found.audio_codec is not None):
        raise _broken("its sound is missing" if plan.sound_hash else "it has sound that nobody asked for")
    return sha256, size, float(expected)


def _parse(path: Path) -> None:
    try:
        orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise _broken(f"it is not JSON ({error})") from error


def _broken(what: str) -> InvalidInput:
    return InvalidInput("output_broken", f"The finished file is not what was planned: {what}.")
