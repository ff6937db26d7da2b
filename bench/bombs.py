"""Requests that are small to send and ask for more than anybody has: by name, made by scripts."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.hostile.fonts import nested, of_components, of_layers, of_programs, with_picture
from tests.hostile.test_picture_bombs import deep_png

Make = Callable[[], dict[str, Any]]


def _request(elements: list[dict[str, Any]], format_: str = "mp4", **project: Any) -> dict[str, Any]:
    slide = {"duration": 1, "background": {"type": "solid", "color": "#123"}, "elements": elements}
    document = {"version": 1, "width": 320, "height": 180, "slides": [slide], **project}
    settings = {"width": 320, "height": 180, "fps": 24} if format_ == "mp4" else {}
    return {"format": format_, "settings": settings, "project": document}


def _data(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def picture(kind: str, make: Callable[[], bytes], copies: int = 1) -> Make:
    """A slide that shows a picture, or as many that differ."""

    def request() -> dict[str, Any]:
        data = make()
        sources = [_data(kind, data + b" " * number) for number in range(copies)]
        return _request([{"type": "image", "src": src, "width": 300, "height": 170} for src in sources])

    return request


def svg(inside: str, root: str = "", copies: int = 1) -> Make:
    """A slide that shows an SVG."""
    text = f'<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="2000" {root}>{inside}</svg>'
    return picture("image/svg+xml", text.encode, copies)


def font(make: Callable[[], bytes]) -> Make:
    """A slide of text in a font that the document brings along."""

    def request() -> dict[str, Any]:
        text = {"type": "text", "text": "A" * 50, "width": 300, "height": 170, "fontFamily": "Bomb"}
        fonts = [{"family": "Bomb", "src": _data("font/ttf", make())}]
        return _request([{**text, "fontSize": 120}], fonts=fonts)

    return request


def outline(d: str) -> Make:
    """A slide that shows a path."""
    return lambda: _request([{"type": "shape", "shape": "path", "d": d, "width": 300, "height": 170}])


def text(content: str, **style: Any) -> Make:
    """A slide of text."""
    element = {"type": "text", "text": content, "width": 300, "height": 170, **style}
    return lambda: _request([element])


def sound(kind: str, data: bytes, format_: str = "mp3", **track: Any) -> Make:
    """A track."""
    audio = [{"id": "a", "src": _data(kind, data), **track}]
    return lambda: _request([], format_, audio=audio)


def _wav(seconds: int, claimed: int = 0) -> bytes:
    data = bytes(2 * 8000 * seconds)
    size = claimed or len(data)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", min(size + 36, 0xFFFFFFFF))
        + b"WAVE"
        + form
        + b"data"
        + struct.pack("<I", size)
        + data
    )


def _claiming(kind: str, side: int) -> bytes:
    """The head of a picture of so many px, and nothing behind it."""
    if kind == "gif":
        return (
            b"GIF89a"
            + struct.pack("<HH", min(side, 65535), min(side, 65535))
            + b"\xf7\0\0"
            + bytes(768)
            + b"\x2c"
        )
    if kind == "png":
        body = struct.pack(">II", side, side) + bytes((8, 6, 0, 0, 0))
        return (
            b"\x89PNG\r\n\x1a\n"
            + struct.pack(">I", 13)
            + b"IHDR"
            + body
            + struct.pack(">I", zlib.crc32(b"IHDR" + body))
        )
    return (
        b"\xff\xd8\xff\xc0\0\x11\x08"
        + struct.pack(">HH", min(side, 65535), min(side, 65535))
        + b"\x03"
        + bytes(9)
    )


def _uses(levels: int, width: int) -> str:
    shown = [
        '<rect width="2000" height="2000"/>',
        *(f'<use href="#g{n}"/>' * width for n in range(levels - 1)),
    ]
    groups = "".join(f'<g id="g{n}">{inner}</g>' for n, inner in enumerate(shown))
    return f'<defs>{groups}</defs><use href="#g{levels - 1}"/>'


def _filters(name: str, count: int) -> str:
    made = f"<filter id='f' x='-9' y='-9' width='20' height='20'>{name * count}</filter>"
    return f"{made}<rect width='2000' height='2000' filter='url(#f)'/>" + (
        "<rect width='1999' height='1999' filter='url(#f)'/>" * 40
    )


def _fonts() -> dict[str, Make]:
    """Glyphs that show glyphs."""
    found: dict[str, Make] = {}
    for levels in (2, 4, 6, 9, 12, 40):
        for width in (1, 2, 10, 40, 300):
            if levels * width < 4000:
                found[f"font: {levels} levels of {width}"] = font(partial(nested, levels, width))
    for levels in (3, 6, 9):
        found[f"font: {levels} levels of subroutines"] = font(partial(of_programs, levels, 10))
        found[f"font: {levels} levels of layers"] = font(partial(of_layers, levels, 10))
    for side in (500, 3000, 8000):
        found[f"font: a picture of {side} px"] = font(partial(with_picture, side))
    found["font: itself"] = font(lambda: of_components({"b": ["b"]}, {65: "b"}))
    return found


def _drawings() -> dict[str, Make]:
    """Elements that show elements, and filters."""
    found: dict[str, Make] = {}
    for levels in (3, 4, 5, 6, 8, 12):
        for width in (3, 10, 30):
            found[f"svg: uses, {levels} levels of {width}"] = svg(_uses(levels, width))
    blur = "<feGaussianBlur stdDeviation='200'/>"
    noise = "<feTurbulence baseFrequency='0.9' numOctaves='9'/>"
    swell = "<feMorphology operator='dilate' radius='300'/>"
    for name, part in (("blur", blur), ("noise", noise), ("swell", swell)):
        for count in (1, 5, 30):
            found[f"svg: {count} of {name}"] = svg(_filters(part, count))
            found[f"svg: eight files of {count} of {name}"] = svg(_filters(part, count), copies=8)
    for dash in ("1", "0.1", "0.01", "0.0001", "1e-9"):
        for count in (1, 100, 2000):
            line = f'<path d="M0 0L9999 9999" stroke="red" stroke-dasharray="{dash}"/>'
            found[f"svg: {count} lines of dashes of {dash}"] = svg(line * count)
    return found


def _sheets() -> dict[str, Make]:
    """Styles that are slow to read, and elements without end."""
    found: dict[str, Make] = {}
    for name, sheet in {
        "selectors": "a" * 200_000,
        "media": "@media " * 30_000,
        "imports": "@import" * 30_000 + "}",
        "nots": "a:not(b) " * 20_000,
        "blocks": "{" * 100_000,
        "urls": "url(#" * 50_000,
        "variables": "--a:" + "var(--a)" * 20_000,
        "comments": "/*" * 100_000,
    }.items():
        found[f"svg: a sheet of {name}"] = svg(f"<style>{sheet}</style><rect/>")
    for count in (1000, 20_000):
        found[f"svg: {count} rectangles"] = svg('<rect width="2000" height="2000" opacity=".5"/>' * count)
        found[f"svg: {count} levels"] = svg("<g>" * count + "</g>" * count)
    found["svg: entities"] = picture("image/svg+xml", lambda: _entities().encode())
    return found


def _pictures() -> dict[str, Make]:
    """Large pictures in few bytes, and heads without a body."""
    found: dict[str, Make] = {}
    for color in (0, 2, 4, 6):
        for side in (3000, 9000, 30_000):
            if side < 30_000 or color == 0:
                found[f"picture: 16 bits, kind {color}, {side} px"] = picture(
                    "image/png", partial(deep_png, color, side=side)
                )
    for kind in ("gif", "png", "jpeg"):
        for side in (1, 5000, 60_000, 2_000_000_000):
            found[f"picture: {kind} that claims {side} px"] = picture(
                f"image/{kind}", partial(_claiming, kind, side)
            )
    profile = (b"iCCP", b"x\0\0" + zlib.compress(bytes(200 << 20), 9))
    found["picture: a profile of 200 MiB"] = picture("image/png", lambda: deep_png(2, profile, side=8))
    return found


def _words() -> dict[str, Make]:
    """Outlines and texts."""
    found: dict[str, Make] = {}
    for name, gap in (("spaces", "M0" + " " * 190_000 + "0"), ("commas", "M0 0L" + "," * 190_000)):
        found[f"outline: {name}"] = outline(gap)
    for command in "LQCAT":
        numbers = {"L": "1 1 ", "Q": "1 1 2 2 ", "C": "1 1 2 2 3 3 ", "A": "9 9 0 1 1 5 5 ", "T": "1 2 "}[
            command
        ]
        found[f"outline: {command}"] = outline("M0 0" + command + numbers * (190_000 // len(numbers)))
    marks = {"joiners": "\u200d" * 20_000, "accents": "e" + "\u0301" * 19_999, "arabic": "ﷺ" * 20_000,
             "overrides": "\u202e" * 20_000, "emoji": "👩‍👩‍👧‍👦" * 2000, "letters": "W" * 20_000,
             "chinese": "".join(chr(0x4E00 + n) for n in range(20_000))}  # fmt: skip
    for name, content in marks.items():
        for size in (4, 40, 150, 400, 2000):
            found[f"text: {name} of {size} px"] = text(content, fontSize=size)
    return found


def _sounds() -> dict[str, Make]:
    """Sounds without end, and noise."""
    found: dict[str, Make] = {}
    for seconds in (1, 30):
        found[f"sound: {seconds} s for days"] = sound("audio/wav", _wav(seconds), loop=True, duration=900_000)
        found[f"sound: {seconds} s that claims more"] = sound("audio/wav", _wav(seconds, 0xFFFFFF00))
        for format_ in ("mp3", "wav", "flac", "m4a"):
            found[f"sound: {seconds} s, late, {format_}"] = sound(
                "audio/wav", _wav(seconds), format_, start=900_000
            )
    heads = {
        "matroska": b"\x1a\x45\xdf\xa3",
        "mov": b"\0\0\0\x18ftypisom",
        "ogg": b"OggS",
        "flac": b"fLaC",
        "mp3": b"\xff\xfb\x90\x00",
        "aiff": b"FORM\0\0\0\0AIFF",
        "zip": b"PK\x03\x04",
    }
    for name, head in heads.items():
        for filling in (b"\0", b"\xff", b"\x80\x01"):
            data = head + filling * (500_000 // len(filling))
            found[f"noise: {name} of {filling.hex()}"] = sound("application/octet-stream", data)
    return found


def _entities() -> str:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE svg [<!ENTITY e0 "lol">{levels}]><svg xmlns="http://www.w3.org/2000/svg"><text>&e9;</text></svg>'


BOMBS = _fonts() | _drawings() | _sheets() | _pictures() | _words() | _sounds()
"""More than 200, of each kind that a tenant can send."""
