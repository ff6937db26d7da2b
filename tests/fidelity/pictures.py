"""The picture files that the cases show: made here, each for a property of its format."""

from __future__ import annotations

import io
import struct
from functools import cache

import cv2
import numpy as np
from PIL import Image

from renderers.stored.pixels import Pixels

_TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What turns an upright picture into how it is stored under an EXIF orientation."""

_SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="240" height="160" viewBox="0 0 240 160">
<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1">
<stop offset="0" stop-color="#ffb703"/><stop offset="1" stop-color="#d62828"/></linearGradient></defs>
<rect width="240" height="160" rx="18" fill="#023047"/><circle cx="80" cy="80" r="52" fill="url(#g)"/>
<path d="M140 40 L210 40 L175 120 Z" fill="none" stroke="#8ecae6" stroke-width="8" stroke-linejoin="round"/>
<g transform="rotate(20 180 120)" opacity="0.7">
<rect x="150" y="105" width="60" height="24" fill="#fb8500"/></g>
</svg>"""


@cache
def photo(width: int = 640, height: int = 400) -> Pixels:
    """Something like a photograph: light, hills, discs with edges, and a little grain. RGB."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    x, y = x / width, y / height
    sky = np.stack([0.35 + 0.5 * y, 0.55 + 0.25 * y, 0.9 - 0.2 * y], axis=-1)
    for level, tone in ((0.55, (0.25, 0.45, 0.35)), (0.7, (0.15, 0.32, 0.2)), (0.85, (0.3, 0.22, 0.12))):
        ridge = level + 0.07 * np.sin(x * 9 + level * 20) + 0.02 * np.sin(x * 41 + level * 7)
        sky[y > ridge] = tone
    for left, top, size, tone in ((0.22, 0.25, 0.1, (1, 0.85, 0.3)), (0.7, 0.62, 0.16, (0.8, 0.2, 0.25))):
        sky[np.hypot(x - left, (y - top) * height / width) < size] = tone
    grain = cv2.GaussianBlur(np.random.default_rng(4).normal(0, 0.12, (height, width, 1)), (0, 0), 1.2)
    return (np.clip(sky + grain[..., None], 0, 1) * 255 + 0.5).astype(np.uint8)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _turned(orientation: int) -> bytes:
    image = Image.fromarray(photo(480, 300))
    if orientation in _TRANSPOSED:
        image = image.transpose(_TRANSPOSED[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _saved(image, "JPEG", quality=95, subsampling=0, exif=exif)


def _see_through() -> bytes:
    y, x = np.mgrid[0:200, 0:300]
    alpha = np.clip(110 - np.hypot(x - 150, y - 100), 0, 60) / 60 * 255
    return _saved(Image.fromarray(np.dstack([photo(300, 200), alpha.astype(np.uint8)])), "PNG")


def _deep() -> bytes:
    """16 bits a sample, RGB: a slow ramp, which 8 bits make steps of."""
    y, x = np.mgrid[0:200, 0:300].astype(np.float64)
    samples = np.stack([x / 299, y / 199, (x + y) / 498], axis=-1) * 65535
    done, data = cv2.imencode(".png", samples.astype(np.uint16)[..., ::-1])
    assert done
    return bytes(data)


def _grey_deep() -> bytes:
    y, x = np.mgrid[0:200, 0:300].astype(np.float64)
    return _saved(Image.fromarray(((x + y) / 498 * 65535).astype(np.uint16)), "PNG")


def _cmyk() -> bytes:
    return _saved(Image.fromarray(photo(300, 200)).convert("CMYK"), "JPEG", quality=95)


def _wide() -> bytes:
    return _saved(Image.fromarray(photo(300, 200)), "PNG", icc_profile=profile())


def profile() -> bytes:
    """An ICC profile (ICC.1:2001-04) with the primaries of Display P3 and a plain gamma of 1.8."""

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    def text(kind: bytes, value: bytes) -> bytes:
        return kind + bytes(4) + value

    described = text(b"desc", struct.pack(">I", 5) + b"Wide\0" + bytes(8 + 3 + 67))
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(1.8 * 256)) + bytes(2)
    tags = {
        b"desc": described + bytes(-len(described) % 4),
        b"cprt": text(b"text", b"CC0\0"),
        b"wtpt": b"XYZ " + bytes(4) + fixed(0.96420, 1.0, 0.82491),
        b"rXYZ": b"XYZ " + bytes(4) + fixed(0.51512, 0.24120, -0.00105),
        b"gXYZ": b"XYZ " + bytes(4) + fixed(0.29198, 0.69225, 0.04189),
        b"bXYZ": b"XYZ " + bytes(4) + fixed(0.15710, 0.06657, 0.78407),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", at + len(body), bytes(4), 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head = head[:64].ljust(64, b"\0") + struct.pack(">I", 0) + fixed(0.96420, 1.0, 0.82491)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


_VIEW = 'viewBox="0 0 90 60"'
SVG_ROOTS = {
    "plain": _VIEW,
    "none": f'{_VIEW} preserveAspectRatio="none"',
    "slice": f'{_VIEW} preserveAspectRatio="xMidYMid slice"',
    "corner": f'{_VIEW} preserveAspectRatio="xMinYMin"',
    "far": f'{_VIEW} preserveAspectRatio="xMaxYMax meet"',
    "far slice": f'{_VIEW} preserveAspectRatio="xMaxYMin slice"',
    "sized": f'width="90" height="60" {_VIEW}',
    "sized none": f'width="90" height="60" {_VIEW} preserveAspectRatio="none"',
    "other shape": f'width="60" height="60" {_VIEW}',
    "one side": f'width="90" {_VIEW}',
    "one side none": f'height="60" {_VIEW} preserveAspectRatio="none"',
    "nothing": "",
    "no view": 'width="90" height="60"',
}
"""Attributes of an SVG's root by which it decides how it fills a box."""


def _rooted(root: str) -> bytes:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {root}><rect width="90" height="60" fill="#8ecae6"/>'
        '<circle cx="45" cy="30" r="26" fill="#fb8500"/><rect x="-30" y="20" width="24" height="24"/>'
        '<path d="M4 4h20v6H4z" fill="#023047"/></svg>'
    ).encode()


def files() -> dict[str, bytes]:
    """Every picture file by the name that cases give as `src`."""
    plain = Image.fromarray(photo())
    return {
        "photo.png": _saved(plain, "PNG"),
        "small.png": _saved(Image.fromarray(photo(120, 80)), "PNG"),
        "photo.jpg": _saved(plain, "JPEG", quality=90),
        "photo.webp": _saved(plain, "WEBP", quality=90),
        "palette.gif": _saved(Image.fromarray(photo(300, 200)).quantize(64), "GIF"),
        "through.png": _see_through(),
        "deep.png": _deep(),
        "greydeep.png": _grey_deep(),
        "cmyk.jpg": _cmyk(),
        "wide.png": _wide(),
        "drawing.svg": _SVG,
        **{f"{name}.svg": _rooted(root) for name, root in SVG_ROOTS.items()},
        **{f"exif{orientation}.jpg": _turned(orientation) for orientation in range(1, 9)},
    }


def grainy(orientation: int = 1) -> bytes:
    """A JPEG with the spectrum of photographs, whose power falls with the frequency: 1200 × 900, under an
    EXIF orientation.
    """
    rng = np.random.default_rng(7)
    down, across = np.fft.fftfreq(900)[:, None], np.fft.rfftfreq(1200)[None]
    amplitude = np.maximum(np.hypot(down, across), 1 / 1200) ** -1.4
    phases = rng.random((3, *amplitude.shape))
    planes = np.fft.irfft2(amplitude * np.exp(2j * np.pi * phases), s=(900, 1200))
    levels = (planes - planes.mean()) / planes.std() * 50 + 128
    image = Image.fromarray(np.moveaxis(levels, 0, -1).clip(0, 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _saved(image, "JPEG", quality=95, exif=exif)
