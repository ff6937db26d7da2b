"""Foreign bytes to normal forms: the program that runs in the sandbox, `python -m renderers.foreign.decode`.

It reads one JSON object a line from standard input and answers each with one on standard output:

    {"op": "image", "path", "out", "max_width", "max_height", "max_megapixels"[, "box_width", "box_height"]}
        -> {"ok": true, "width", "height", "source_width", "source_height", "format", "opaque", "ratio",
            "warnings"}
    {"op": "audio", "path", "out", "max_seconds"}
        -> {"ok": true, "duration", "samples", "codec", "sample_rate", "channels", "warnings"}
    {"op": "samples", "path", "out", "first", "count"}  -> {"ok": true}, of a normal form
    {"op": "font", "path", "out", "face"}  -> {"ok": true, "family", "weight", "style", "variable"}
    {"op": "font_names", "paths": […]}  -> {"ok": true, "fonts": [{"faces"} or {"problem"}]}, of each file
    {"op": "load", "for": "image" | "audio" | "font"}  -> {"ok": true}, when the libraries for it are loaded
    any of them  -> {"ok": false, "code", "message"}

What a file is, is judged by its content, never by its name. It opens nothing but `path`, writes nothing but
`out`, and needs no network; limits on memory and time are its caller's. Libraries are loaded when an
operation first needs them.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from schemas.errors import ExportError, InvalidInput

Answer = dict[str, Any]


def _image(request: Mapping[str, Any]) -> Answer:
    from renderers.foreign.images import decode_image

    return decode_image(
        str(request["path"]),
        str(request["out"]),
        (int(request.get("max_width", 1 << 20)), int(request.get("max_height", 1 << 20))),
        float(request.get("max_megapixels", 100)),
        (float(request["box_width"]), float(request["box_height"])) if "box_width" in request else None,
    )


def _audio(request: Mapping[str, Any]) -> Answer:
    from renderers.foreign.sound import normal_sound

    longest_s = float(request.get("max_seconds", math.inf))
    return normal_sound(str(request["path"]), str(request["out"]), longest_s)


def _samples(request: Mapping[str, Any]) -> Answer:
    from renderers.foreign.samples import write_samples

    first, count = int(request["first"]), int(request["count"])
    return write_samples(str(request["path"]), str(request["out"]), first, count)


def _font(request: Mapping[str, Any]) -> Answer:
    from renderers.foreign.fonts import decode_font

    return decode_font(str(request["path"]), str(request["out"]), int(request.get("face", 0)))


def _font_names(request: Mapping[str, Any]) -> Answer:
    from renderers.foreign.fontnames import describe_fonts

    return describe_fonts([str(path) for path in request["paths"]])


def _load(request: Mapping[str, Any]) -> Answer:
    for name in MODULES[request["for"]]:
        importlib.import_module(name)
    return {}


MODULES = {
    "image": ("renderers.foreign.images", "PIL.JpegImagePlugin", "zstandard", "isal.isal_zlib"),
    "audio": ("renderers.foreign.sound", "av"),
    "samples": ("renderers.foreign.samples", "av.filter"),
    "font": ("renderers.foreign.fonts",),
}
OPERATIONS: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
    "image": _image,
    "audio": _audio,
    "samples": _samples,
    "font": _font,
    "font_names": _font_names,
    "load": _load,
}


def answer(line: str) -> Answer:
    """The answer to one line: never an exception, whatever the file or the line is."""
    try:
        request = json.loads(line)
        operation = OPERATIONS[request["op"]]
    except (ValueError, KeyError, TypeError):
        return _refused("bad_request", "The decoder was asked for something it does not know.")
    try:
        return {"ok": True, **operation(request)}
    except ExportError as error:
        return _refused(error.code, error.message)
    except MemoryError:
        return _refused("out_of_memory", "The file needs more memory to be read than is allowed.")
    except OSError as error:
        return _refused("unreadable", f"The file cannot be read: {error.strerror or error}.")
    except Exception as error:  # noqa: BLE001 - libraries say in many ways that a file is broken
        return _refused("broken_file", f"The file is damaged ({type(error).__name__}).")


def _refused(code: str, message: str) -> Answer:
    return {"ok": False, "code": code, "message": message}


def main(requests: TextIO = sys.stdin, answers: TextIO = sys.stdout) -> None:
    """Answer until the input ends."""
    for line in requests:
        if line.strip():
            print(json.dumps(answer(line)), file=answers, flush=True)


def head_of(path: str, size: int = 4096) -> bytes:
    """The first bytes of a file. Raises InvalidInput (`empty_file`) if there are none."""
    with open(path, "rb") as file:
        head = file.read(size)
    if not head:
        raise InvalidInput("empty_file", "The file is empty.")
    return head


if __name__ == "__main__":
    main()
