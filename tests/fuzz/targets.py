"""What is done with a changed file, and what must hold of it.

The decoder answers, in the sandbox, within its limits: a result that the product can read, or a code and a
sentence. What a worker does itself with a result (drawing with a font, exporting a document) is done in a
process of its own here, which must not die either.
"""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from connectors.decoder import LIMITS, SandboxedDecoder
from renderers.sound.packets import HEAD, RATE, Index, read_head
from renderers.stored.pixels import unpack
from schemas.errors import InvalidInput
from tests.fuzz.mutations import json_mutated, mutated, xml_mutated
from tests.fuzz.seeds import MAKERS

SLOW_S = 60.0
"""Seconds from which an answer is a fault: what the sandbox allows."""
_LEAKS = re.compile(
    r"Traceback|File \"|0x[0-9a-f]{6,}|[\w.]+\.py\b"
    r"|(?<![\w.])/(?:tmp|home|usr|work|var|root|opt)\b|\w+(?:Error|Exception)\b"
)
_SENTENCE = re.compile(r"\S.*[.!?]", re.DOTALL)
_CODE = re.compile(r"[a-z][a-z0-9_]+")


class Fault(Exception):
    """Something that must not be."""


class Outcome(NamedTuple):
    """A code, "ok" for a result, and the seconds that it took."""

    code: str
    seconds: float


class Target:
    """Tries files of one kind in a folder; close it at last."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.seeds = MAKERS[kind](folder)
        self._decoder = SandboxedDecoder(1, LIMITS._replace(wall_s=SLOW_S))
        self._child: _Child | None = None

    def changed(self, random: Random) -> bytes:
        """A seed with changes."""
        change = {"drawings": xml_mutated, "projects": json_mutated}.get(self.kind, mutated)
        return change(random.choice(self.seeds), self.seeds, random)

    def try_file(self, data: bytes) -> Outcome:
        """Have a file decoded and used. Raises Fault."""
        begin = time.monotonic()
        try:
            _TRIALS[self.kind](self, data)
            code = "ok"
        except InvalidInput as error:
            code = error.code
            check_error(error.code, error.message)
        return Outcome(code, time.monotonic() - begin)

    def decoded(self, data: bytes, job: Mapping[str, Any]) -> dict[str, Any]:
        """The sandbox's answer; its result lies at `out`."""
        path = self.folder / "file"
        path.write_bytes(data)
        self.out.unlink(missing_ok=True)
        answer = self._decoder.run({**job, "path": str(path), "out": str(self.out)})
        for warning in answer.get("warnings", ()):
            check_sentence(warning)
        return answer

    @property
    def out(self) -> Path:
        """Where the decoder writes."""
        return self.folder / "out"

    def stretch(self, first: int, count: int) -> bytes:
        """Samples of the sound that was decoded last."""
        path = self.folder / "samples"
        job = {"op": "samples", "path": str(self.out), "out": str(path), "first": first, "count": count}
        self._decoder.run(job)
        return path.read_bytes()

    def used(self, data: bytes) -> None:
        """Have a worker use what was decoded. Raises InvalidInput and Fault."""
        self._child = self._child or _Child(self.kind, self.folder)
        try:
            self._child.use(data)
        except Fault:
            self._child.close()
            self._child = None
            raise

    def close(self) -> None:
        """End the processes."""
        self._decoder.close()
        if self._child is not None:
            self._child.close()


def check_error(code: str, message: str) -> None:
    """Raises Fault unless a code and a sentence can be shown to an owner."""
    if not _CODE.fullmatch(code):
        raise Fault(f"no code: {code!r}")
    if code in ("undecodable", "broken_file", "unreadable", "out_of_memory", "internal"):
        raise Fault(f"{code}: {message}")
    if not _SENTENCE.fullmatch(message):
        raise Fault(f"no sentence: {message!r}")
    check_sentence(message)


def check_sentence(text: str) -> None:
    """Raises Fault where a text shows a path, a place in a program or an exception's name."""
    if _LEAKS.search(text) or len(text) > 2000:
        raise Fault(f"not for an owner: {text!r}")


def _try_sound(target: Target, data: bytes) -> None:
    """Its parts are those of the whole, to the bit."""
    answer = target.decoded(data, {"op": "audio"})
    with target.out.open("rb") as file:
        offset, size = read_head(file.read(HEAD.size))
        file.seek(offset)
        index = Index.from_bytes(file.read(size))
    if index.stream.samples != answer["samples"] or not answer["samples"] > 0:
        raise Fault(f"{answer['samples']} samples of {index.stream.samples}")
    end = min(answer["samples"], 10 * RATE)
    whole = np.frombuffer(target.stretch(0, end), "<f4").reshape(-1, 2)
    if len(whole) != end or not np.isfinite(whole).all():
        raise Fault("the sound is not what was asked for")
    random = Random(hashlib.sha256(data).digest())
    first = random.randrange(end)
    count = random.randint(1, end - first)
    part = np.frombuffer(target.stretch(first, count), "<f4").reshape(-1, 2)
    if not np.array_equal(part, whole[first : first + count]):
        off = float(np.abs(part - whole[first : first + count]).max())
        raise Fault(f"the part from {first}, {count} long, is not that of the whole: {off} off")


def _try_picture(target: Target, data: bytes) -> None:
    answer = target.decoded(data, {"op": "image", "max_width": 64, "max_height": 64, "max_megapixels": 10})
    pixels, _ = unpack(target.out.read_bytes())
    if pixels.shape != (answer["height"], answer["width"], 4):
        raise Fault(f"{pixels.shape} and not {answer['height']} × {answer['width']}")
    if not answer["opaque"] and (pixels[..., :3] > pixels[..., 3:]).any():
        raise Fault("a colour is more than its alpha")


_PLAIN = Image.linear_gradient("L").resize((24, 16))


def _try_profile(target: Target, data: bytes) -> None:
    """In a picture of each mode."""
    for mode, kind in (("RGB", "PNG"), ("L", "PNG"), ("CMYK", "JPEG"), ("RGB", "WEBP")):
        file = io.BytesIO()
        with suppress(ValueError, OSError):
            _PLAIN.convert(mode).save(file, kind, icc_profile=data)
            _try_picture(target, file.getvalue())


def _try_font(target: Target, data: bytes) -> None:
    target.decoded(data, {"op": "font"})
    target.used(target.out.read_bytes())


def _try_project(target: Target, data: bytes) -> None:
    target.used(data)


_TRIALS: dict[str, Callable[[Target, bytes], None]] = {
    "sounds": _try_sound,
    "pictures": _try_picture,
    "profiles": _try_profile,
    "drawings": _try_picture,
    "fonts": _try_font,
    "projects": _try_project,
}


class _Child:
    """A process that does what workers do."""

    def __init__(self, kind: str, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(kind, folder, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def use(self, data: bytes) -> None:
        """Raises InvalidInput as the worker does, and Fault when it dies, hangs or fails otherwise."""
        try:
            self._pipe.send_bytes(data)
            if not self._pipe.poll(SLOW_S * 2):
                raise Fault(f"the worker is not done after {SLOW_S * 2:.0f} s")
            code, message = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join(5)
            raise Fault(f"the worker died with status {self._process.exitcode}") from None
        if code == "fault":
            raise Fault(message)
        if code != "ok":
            raise InvalidInput(code, message)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(kind: str, folder: Path, pipe: Connection) -> None:
    from tests.fuzz.workers import USES

    with suppress(EOFError):
        while True:
            data = pipe.recv_bytes()
            try:
                USES[kind](data, folder)
                answer = "ok", ""
            except InvalidInput as error:
                answer = error.code, error.message
            except Exception as error:  # noqa: BLE001 - this is what is looked for
                import traceback

                place = traceback.extract_tb(error.__traceback__)[-1]
                answer = "fault", f"{type(error).__name__} at {place.name}, {place.lineno}: {error}"[:500]
            pipe.send(answer)
