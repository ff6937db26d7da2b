"""What a finished file must be, judged in the store: read once for its hash, in front for all else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import BinaryIO

import orjson

from connectors.store.ahead import blocks
from connectors.store.base import ObjectStore
from connectors.store.stored_file import open_object
from schemas.checks import nothing
from schemas.errors import InvalidInput
from schemas.plan import Plan

AUDIO_FRAME_S = 0.03
"""A frame of AAC or MP3, rounded up: by so much may sound and plan differ in length."""
BOXED = frozenset({"mp4", "m4a", "mov"})
"""Extensions of files that are boxes from end to end, and say how long they are."""


def verify_object(
    store: ObjectStore, key: str, plan: Plan, *, check: Callable[[], None] = nothing
) -> tuple[str, int, float | None]:
    """(SHA-256 in hex, size in bytes, duration in seconds) of an object that is what its plan says.

    Raises InvalidInput("output_broken") naming the first difference, Missing where it is not there. check:
    called for each block that is read; may raise.
    """
    size = store.stat(key).size
    if plan.format == "json":
        data = store.get(key)
        parse(data)
        return hashlib.sha256(data).hexdigest(), size, None
    with open_object(store, key) as file:
        duration = measure(file, plan)
    return sha256_of(store, key, size, check=check), size, duration


def sha256_of(store: ObjectStore, key: str, size: int, *, check: Callable[[], None] = nothing) -> str:
    """The SHA-256 of an object in hex; its ranges are read ahead, side by side."""
    digest = hashlib.sha256()
    for block in blocks(store, key, size):
        check()
        digest.update(block)
    return digest.hexdigest()


def measure(file: BinaryIO, plan: Plan) -> float:
    """The duration in seconds of a film or a sound that is what its plan says. Only its headers are read.

    Raises InvalidInput("output_broken") naming the first difference.
    """
    from renderers.h264.mp4 import probe

    try:
        found = probe(file)
    except InvalidInput as error:
        raise broken(f"it cannot be read ({error.message})") from error
    expected = plan.duration or 0.0
    tolerance = AUDIO_FRAME_S + (1 / plan.fps if plan.fps else 0.05)
    if abs(found.duration - expected) > tolerance:
        raise broken(f"it lasts {found.duration:.3f} s, not {expected:.3f} s")
    if plan.format == "mp4":
        if (found.width, found.height) != (plan.picture_width, plan.picture_height):
            raise broken(f"its picture is {found.width}x{found.height}")
        if found.frames != plan.total_frames:
            raise broken(f"it has {found.frames} frames, not {plan.total_frames}")
    if (plan.sound_hash is not None) != (found.audio_codec is not None):
        raise broken("its sound is missing" if plan.sound_hash else "it has sound that nobody asked for")
    if plan.extension in BOXED and (end := end_of_boxes(file)) != found.size:
        raise broken(f"it has {found.size} bytes, and its boxes end at {end}")
    return float(expected)


def end_of_boxes(file: BinaryIO) -> int:
    """Where a file's last box ends (ISO/IEC 14496-12, 4.2): at the end of the file, if it is whole."""
    at = 0
    while True:
        file.seek(at)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        if len(head) < 8 or size < 8:
            return at
        at += size


def parse(data: bytes) -> None:
    """Raises InvalidInput("output_broken") for what is no JSON."""
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise broken(f"it is not JSON ({error})") from error


def broken(what: str) -> InvalidInput:
    """The error for a file that is not what was planned."""
    return InvalidInput("output_broken", f"The finished file is not what was planned: {what}.")
