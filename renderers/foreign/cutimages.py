"""Pictures that lack their last bytes, as far as they go (docs/decisions/0014).

Skia's codecs stop where the bytes end, as those of browsers do, which are the same: rows that are not there
are transparent. Pillow fills them, with grey or black, or gives up (WebP).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from renderers.foreign.pngchunks import read_png, to_srgb
from renderers.stored.pixels import Pixels

_END_OF_JPEG = b"\xff\xd9"
_FILLINGS = (b"\x55" * 64, b"\xaa" * 64)


class Cut(NamedTuple):
    """pixels: straight RGBA, or None where not a row is there. profile, exif: as the file has them."""

    pixels: Pixels | None
    profile: bytes | None = None
    exif: bytes | None = None


def decode_cut(data: bytes, kind: str, max_megapixels: float, *, ends: bool) -> Cut | None:
    """What there is of a picture; None for one that is damaged and not just cut.

    ends: whether another decoder found that it ends too soon.
    Raises InvalidInput (`image_too_large`, `broken_image`).
    """
    found = _decoded(data, max_megapixels)
    if found is None:
        return Cut(None) if ends or _lacks_bytes(data, kind) else None
    pixels, is_cut = found
    if kind == "JPEG" and is_cut and not _restarts(data):
        # Where more of the data would change nothing, the end marker alone is missing.
        first, second = (_decoded(data + filling + _END_OF_JPEG, max_megapixels) for filling in _FILLINGS)
        if first is not None and second is not None and np.array_equal(first[0], second[0]):
            pixels = first[0]
    elif not is_cut and not _lacks_bytes(data, kind):
        return None
    if not pixels[..., 3].any():
        return Cut(None) if ends or is_cut else None
    profile, exif = _described(data, kind)
    if kind == "PNG":
        png = read_png(data)
        profile, exif = png.profile, png.exif
        if png.space is not None:
            pixels = np.dstack([to_srgb(pixels[..., :3], png.space), pixels[..., 3]])
    return Cut(pixels, profile, exif)


def _decoded(data: bytes, max_megapixels: float) -> tuple[Pixels, bool] | None:
    """Straight RGBA, and whether the bytes ended too soon; None where nothing can be decoded."""
    from renderers._skia import skia
    from renderers.foreign.images import check_size

    held = skia.Data.MakeWithCopy(data)  # the codec reads from it, but does not keep it
    try:
        codec: Any = skia.Codec.MakeFromData(held)
    except RuntimeError:
        return None
    size = codec.dimensions()
    check_size(size.width(), size.height(), max_megapixels)
    info = skia.ImageInfo.Make(
        size.width(), size.height(), skia.kRGBA_8888_ColorType, skia.kUnpremul_AlphaType
    )
    pixels = np.zeros((size.height(), size.width(), 4), np.uint8)
    result = codec.getPixels(info, pixels, 4 * size.width())
    del codec, held
    if result == skia.Codec.kIncompleteInput:
        return pixels, True
    return (pixels, False) if result == skia.Codec.kSuccess else None


def _lacks_bytes(data: bytes, kind: str) -> bool:
    """Whether the file ends before it should, by its container."""
    if kind == "JPEG":
        names = [name for name, _ in _segments(data)]
        return _END_OF_JPEG not in data[-64:] and (bool(names) and names[-1] != 0)
    if kind == "PNG":
        return b"IEND" not in data[-64:]
    if kind == "WEBP":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if kind == "GIF":
        return not data.rstrip(b"\0").endswith(b";")
    return False


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """The markers of a JPEG up to its first scan and where their segments begin (ITU-T T.81, B.1.1); 0 for
    what is none.
    """
    at = 2
    while at + 4 <= len(data):
        name = data[at + 1] if data[at] == 0xFF and data[at + 1] >= 0xC0 else 0
        yield name, at + 4
        if name in (0, 0xDA):
            return
        at += 2 + int.from_bytes(data[at + 2 : at + 4])


def _restarts(data: bytes) -> bool:
    """Whether a scan goes on after what is missing (DRI)."""
    return any(name == 0xDD and any(data[at : at + 2]) for name, at in _segments(data))


def _described(data: bytes, kind: str) -> tuple[bytes | None, bytes | None]:
    """Profile and EXIF by the head."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            return image.info.get("icc_profile"), image.info.get("exif")
    except (OSError, SyntaxError, ValueError, EOFError):
        return None, None
