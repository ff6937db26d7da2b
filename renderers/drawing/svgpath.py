"""SVG path data (SVG 2, 9.3) to Skia's paths: the grammar that editors write in `d`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from renderers._skia import skia
from schemas.errors import InvalidInput

_GAP = r"\s*(?:,\s*)?"  # one way to read each: two runs of white space side by side would have many
_TOKEN = re.compile(rf"{_GAP}(?:([MmLlHhVvCcSsQqTtAaZz])|([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))")
_FLAG = re.compile(rf"{_GAP}([01])")
_COUNTS = {"m": 2, "l": 2, "h": 1, "v": 1, "c": 6, "s": 4, "q": 4, "t": 2, "a": 7, "z": 0}


def parse_path(data: str) -> Any:
    """The outline. Raises InvalidInput (`invalid_path`) naming where the data stops making sense."""
    pen = _Pen()
    for command, numbers in _commands(data):
        pen.draw(command, numbers)
    return pen.path


def _commands(data: str) -> Iterator[tuple[str, list[float]]]:
    """Commands with their numbers; a repeated command is given anew, after `M` it is `L`."""
    at, command = 0, ""
    end = len(data.rstrip())
    while at < end:
        match = _TOKEN.match(data, at)
        if match is None:
            raise _broken(data, at)
        if match[1]:
            command, at = match[1], match.end()
        elif not command or command in "Zz":
            raise _broken(data, at)
        numbers: list[float] = []
        for place in range(_COUNTS[command.lower()]):
            pattern = _FLAG if command in "Aa" and place in (3, 4) else _TOKEN
            match = pattern.match(data, at)
            if match is None or not match[match.lastindex or 1] or match[match.lastindex or 1].isalpha():
                raise _broken(data, at)
            numbers.append(float(match[match.lastindex or 1]))
            at = match.end()
        yield command, numbers
        command = {"M": "L", "m": "l"}.get(command, command)


def _broken(data: str, at: int) -> InvalidInput:
    return InvalidInput("invalid_path", f"The outline `d` is no SVG path from {data[at : at + 20]!r} on.")


class _Pen:
    """Where the path is, and the control point that smooth curves mirror."""

    def __init__(self) -> None:
        self.path: Any = skia.Path()
        self.at = (0.0, 0.0)
        self.start = (0.0, 0.0)
        self.control = (0.0, 0.0)
        self.last = ""

    def draw(self, command: str, n: list[float]) -> None:
        kind = command.lower()
        if kind == "z":
            self.path.close()
            self.at = self.start
        else:
            if kind == "h":
                n = [n[0], 0.0 if command == "h" else self.at[1]]
            elif kind == "v":
                n = [0.0 if command == "v" else self.at[0], n[0]]
            if command.islower():
                n = self._absolute(kind, n)
            if self.last == "z" and kind != "m":
                self.path.moveTo(*self.at)
            self._segment(kind, n)
            self.at = (n[-2], n[-1])
        self.last = kind

    def _absolute(self, kind: str, n: list[float]) -> list[float]:
        x, y = self.at
        if kind == "a":
            return [*n[:5], n[5] + x, n[6] + y]
        return [value + (y if place % 2 else x) for place, value in enumerate(n)]

    def _mirrored(self, kinds: str) -> tuple[float, float]:
        if self.last not in kinds or not self.last:
            return self.at
        return 2 * self.at[0] - self.control[0], 2 * self.at[1] - self.control[1]

    def _segment(self, kind: str, n: list[float]) -> None:
        if kind == "m":
            self.path.moveTo(*n)
            self.start = (n[0], n[1])
        elif kind in "lhv":
            self.path.lineTo(*n)
        elif kind in "cs":
            first = (n[0], n[1]) if kind == "c" else self._mirrored("cs")
            self.control = (n[-4], n[-3])
            self.path.cubicTo(*first, *self.control, n[-2], n[-1])
        elif kind in "qt":
            self.control = (n[0], n[1]) if kind == "q" else self._mirrored("qt")
            self.path.quadTo(*self.control, n[-2], n[-1])
        else:
            large = skia.Path.kLarge_ArcSize if n[3] else skia.Path.kSmall_ArcSize
            sweep = skia.PathDirection.kCW if n[4] else skia.PathDirection.kCCW
            self.path.arcTo(abs(n[0]), abs(n[1]), n[2], large, sweep, n[5], n[6])
