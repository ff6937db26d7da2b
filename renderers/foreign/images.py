"""Pictures to their normal form: upright, sRGB, 8 bits, premultiplied RGBA, no larger than needed.

Runs in the sandbox only (`renderers.foreign.decode`). Pillow decodes rasters, resvg draws SVG.
"""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from renderers.foreign.decode import head_of
from renderers.foreign.pngchunks import Png, Space, coded_space, read_png, to_srgb
from renderers.stored.pixels import Pixels, pack
from schemas.errors import InvalidInput

Size = tuple[int, int]

LARGE = 500_000
"""Pixels of a result for which it is worth to load OpenCV: it samples six times as fast as Pillow."""

CUT = "the picture is cut off; it is shown as far as it goes"

_TURNED = frozenset((5, 6, 7, 8))  # EXIF orientations that swap width and height


def sniff(head: bytes) -> str | None:
    """The format of a picture by its first bytes, as Pillow names it, or SVG; None for any other file."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and (b"avif" in head[8:64] or b"avis" in head[8:64]):
        return "AVIF"
    return "SVG" if _is_svg(head) else None


_ROOT = re.compile(r"<(?:[\w.-]+:)?svg[\s>/]")
_PROLOGUE = re.compile(r"<\?.*?(?:\?>|$)|<!--.*?(?:-->|$)|\s+", re.DOTALL)
_SVG_HEAD = 1 << 20  # bytes: comments and a document type may come before the root


def _is_svg(head: bytes) -> bool:
    """Whether the root of a document is `svg`, whatever its prefix and its encoding."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head.decode("utf-16", "ignore")
    elif head[:2] in (b"<\0", b"\0<"):
        text = head.decode("utf-16-le" if head[0] else "utf-16-be", "ignore")
    else:
        text = head.decode("utf-8", "ignore")
    text = text.lstrip("\ufeff \t\r\n")
    if not text.startswith("<"):
        return False
    text = _PROLOGUE.sub(" ", text)
    return _ROOT.search(text) is not None


def decode_image(
    path: str, out: str, needed: Size, max_megapixels: float, box: tuple[float, float] | None = None
) -> dict[str, Any]:
    """Write the normal form of the picture at `path` to `out` (`renderers.stored.pixels`) and describe it.

    It is scaled down to cover `needed` (width, height) in both directions; an SVG is drawn to cover it
    exactly. box: the width and height in px of what an SVG is to fill, which decides itself how. Raises
    InvalidInput: `unsupported_image`, `image_too_large` (before it is decoded), `image_truncated`,
    `broken_image`, and those of SVG.
    """
    head = head_of(path)
    kind = sniff(head)
    if kind is None and head.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith(b"<"):
        kind = sniff(head_of(path, _SVG_HEAD))
    if kind is None:
        raise InvalidInput(
            "unsupported_image",
            "The file is not a picture that is understood: JPEG, PNG, WebP, GIF, AVIF or SVG.",
        )
    warnings: list[str] = []
    has_ratio = True
    if kind == "SVG":
        from renderers.foreign.svg import draw_svg

        pixels, source, warnings, has_ratio = draw_svg(Path(path).read_bytes(), needed, max_megapixels, box)
    else:
        pixels, source, warnings = _raster(path, kind, needed, max_megapixels)
    height, width = pixels.shape[:2]
    opaque = (kind == "JPEG" and not warnings) or bool((pixels[..., 3] == 255).all())
    meta = {"source_width": source[0], "source_height": source[1], "opaque": opaque}
    Path(out).write_bytes(pack(pixels, meta))
    return {
        "width": width,
        "height": height,
        "format": kind,
        "ratio": has_ratio,
        "warnings": warnings,
        **meta,
    }


def check_size(width: int, height: int, max_megapixels: float) -> None:
    """Raises InvalidInput (`image_too_large`, `broken_image`) for a size that is not to be decoded."""
    if width < 1 or height < 1:
        raise InvalidInput("broken_image", "The picture has no size.")
    if width * height > max_megapixels * 1_000_000:
        raise InvalidInput(
            "image_too_large",
            f"The picture has {width:,} × {height:,} pixels; the limit is {max_megapixels:g} megapixels.",
        )


def covering(source: Size, needed: Size) -> Size:
    """The size of the same shape that is as wide and high as needed, to the nearest px; at most the
    source's.
    """
    scale = max(needed[0] / source[0], needed[1] / source[1])
    if scale >= 1:
        return source
    width, height = (min(side, max(1, math.floor(side * scale + 0.5))) for side in source)
    return width, height


def _raster(path: str, kind: str, needed: Size, max_megapixels: float) -> tuple[Pixels, Size, list[str]]:
    """The picture; one that lacks its end is shown as far as it goes, with a warning, as browsers do."""
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the limit is ours
    try:
        return *_read(path, kind, needed, max_megapixels), []
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        struct.error,
        UnidentifiedImageError,
        Image.DecompressionBombError,
    ) as error:
        from renderers.foreign.cutimages import decode_cut

        ends = isinstance(error, EOFError) or "truncated" in str(error).lower()
        cut = decode_cut(Path(path).read_bytes(), kind, max_megapixels, ends=ends)
        if cut is None:
            sentence = f"The {kind} picture is damaged and cannot be decoded."
            raise InvalidInput("broken_image", sentence) from error
        if cut.pixels is None:
            sentence = "The picture is cut off: nothing of it can be shown."
            raise InvalidInput("image_truncated", sentence) from error
        image = Image.fromarray(cut.pixels)
        image.info["icc_profile"] = cut.profile
        source, target, orientation = _placed(image.size, _orientation(cut.exif, kind), needed)
        return _normal(image, target, orientation), source, [CUT]


def _read(path: str, kind: str, needed: Size, max_megapixels: float) -> tuple[Pixels, Size]:
    from PIL import Image

    png = read_png(Path(path).read_bytes()) if kind == "PNG" else None
    with Image.open(io.BytesIO(png.data) if png else path, formats=[kind]) as image:
        check_size(*image.size, max_megapixels)
        exif = png.exif if png else image.info.get("exif")
        source, target, orientation = _placed(image.size, _orientation(exif, kind), needed)
        if kind == "JPEG" and target != image.size:
            image.draft(None, target)  # halved by the DCT, no smaller than asked for
        image.load()
        if png is not None:
            return _normal(_of_png(image, png), target, orientation), source
        if kind == "GIF":
            return _normal(_on_screen(image), target, orientation), source
        if kind == "AVIF" and not image.info.get("icc_profile"):
            return _normal(_of_space(image, _nclx(Path(path).read_bytes())), target, orientation), source
        return _normal(image, target, orientation), source


def _placed(raw: Size, orientation: int, needed: Size) -> tuple[Size, Size, int]:
    """The upright picture's own size, the size that the raw one is to be scaled to, and the orientation."""
    if orientation not in _TURNED:
        return raw, covering(raw, needed), orientation
    source = raw[1], raw[0]
    target = covering(source, needed)
    return source, (target[1], target[0]), orientation


def _of_png(image: Any, png: Png) -> Any:
    """With its transparent level or colour (tRNS, by whole samples) and its colour space."""
    from PIL import Image

    image.info["icc_profile"] = png.profile
    key = png.transparency
    if key is not None and png.color_type in (0, 2):
        wanted = [int.from_bytes(key[at : at + 2]) for at in range(0, len(key) - 1, 2)]
        if len(wanted) == (3 if png.color_type == 2 else 1):
            alpha = _alpha(image, png, wanted)
            info = dict(image.info)
            image = _eight_bits(image).convert("RGBA")
            image.putalpha(Image.fromarray(alpha))
            image.info = info
    return _of_space(image, png.space)


def _of_space(image: Any, space: Space | None) -> Any:
    """In sRGB; None: it is already."""
    from PIL import Image

    if space is None:
        return image
    alpha = image.getchannel("A") if "A" in image.mode else None
    if image.mode == "P":
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    rgb = np.asarray(_eight_bits(image).convert("RGB"))
    image = Image.fromarray(to_srgb(rgb, space))
    if alpha is not None:
        image.putalpha(alpha)
    return image


BAND = 1 << 20
"""Samples that are worked on at once: what is between two forms is small, however large the picture is."""


def bands(samples: Any) -> Iterator[slice]:
    """Rows of an array (height, width, …), some at a time."""
    rows = max(1, BAND // max(1, samples[0].size)) if len(samples) else 1
    return (slice(first, first + rows) for first in range(0, len(samples), rows))


def _alpha(image: Any, png: Png, key: list[int]) -> Any:
    """(height, width): 0 where all samples are those of a key, else 255."""
    samples = _whole_samples(image, png)
    levels = 1 if image.mode == "1" else (1 << png.depth) - 1
    alpha = np.empty(samples.shape[:2], np.uint8)
    for rows in bands(samples):
        part = samples[rows]
        if png.depth < 8:
            part = part.astype(np.int32) * levels // (1 if image.mode == "1" else 255)
        alpha[rows] = np.where((part == np.array(key)).all(axis=-1), 0, 255)
    return alpha


def _nclx(data: bytes) -> Space | None:
    """By the colour box of an AVIF that has no profile (ISO/IEC 14496-12, 12.1.5); its head is looked at."""
    at = data.find(b"colrnclx", 0, 1 << 16)
    if at < 0 or len(data) < at + 12:
        return None
    primaries, transfer = struct.unpack_from(">HH", data, at + 8)
    return coded_space(primaries, 13 if transfer in (1, 6, 14, 15) else transfer)  # as browsers have AVIF


def _whole_samples(image: Any, png: Png) -> Any:
    """(height, width, channels) as they are in the file; those of less than 8 bits as Pillow widens them."""
    if png.color_type == 2 and png.depth == 16:
        from renderers._opencv import cv2

        deep = cv2.imdecode(np.frombuffer(png.data, np.uint8), cv2.IMREAD_UNCHANGED)
        if deep is not None and deep.dtype == np.uint16 and deep.ndim == 3:
            return deep[..., 2::-1]
    samples = np.asarray(image)
    return samples if samples.ndim == 3 else samples[..., None]


def _on_screen(image: Any) -> Any:
    """The first frame of a GIF; where its screen is larger, that is transparent, as in browsers."""
    from PIL import Image

    box = getattr(image, "dispose_extent", None)
    if box is None or tuple(box) == (0, 0, *image.size):
        return image
    frame = image.convert("RGBA")
    screen = Image.new("RGBA", image.size)
    screen.paste(frame.crop(box), tuple(box[:2]))
    return screen


def _orientation(exif: bytes | None, kind: str) -> int:
    """Tag 274 of EXIF's first directory, one SHORT (EXIF 2.3, 4.6.4); 1 where anything else is there.

    Browsers do not turn WebP, nor by XMP.
    """
    if not exif or kind in ("WEBP", "GIF"):
        return 1
    data = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        for number in range(count):
            tag, type_, values, value = struct.unpack_from(order + "HHIH", data, start + 2 + 12 * number)
            if tag == 0x0112:
                return int(value) if type_ == 3 and values == 1 and 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def _normal(image: Any, size: Size, orientation: int) -> Pixels:
    """Colours to sRGB, then size, then direction: the order that touches the fewest pixels is not the
    right one.
    """
    image = _eight_bits(image)
    image = _to_srgb(image)
    has_alpha = image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info
    image = image.convert("RGBA").convert("RGBa") if has_alpha else image.convert("RGB")
    return _upright(_sized(image, size), orientation)


def _eight_bits(image: Any) -> Any:
    """Samples of 16 bits as their 8-bit values; Pillow itself would cut them."""
    if not image.mode.startswith(("I", "F")):
        return image
    from PIL import Image

    samples = np.asarray(image)
    deep = image.mode != "F" and (image.mode != "I" or samples.max(initial=0) > 255)
    values = np.empty(samples.shape, np.uint8)
    for rows in bands(samples):
        part = samples[rows].astype(np.float64)
        values[rows] = np.clip(np.rint(part / 257) if deep else part, 0, 255)
    converted = Image.fromarray(values)
    converted.info = dict(image.info)
    converted.info.pop("transparency", None)
    return converted


def _to_srgb(image: Any) -> Any:
    """Through the picture's ICC profile; a profile that is broken or does not fit is ignored, as
    browsers do.
    """
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space == "GRAY" and image.mode not in ("1", "L", "LA", "I", "I;16"):
            return image  # it does not fit
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(space)
        if mode is None:
            return image
        alpha = None
        if image.mode in ("RGBA", "LA", "PA", "P") and (image.mode != "P" or "transparency" in image.info):
            image = image.convert("RGBA")
            alpha = image.getchannel("A")
        if (mode == "CMYK") != (image.mode == "CMYK"):
            return image
        converted = ImageCms.profileToProfile(
            image.convert(mode), source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        if converted is None:
            return image
        if alpha is not None:
            converted.putalpha(alpha)
        converted.info.pop("transparency", None)
        return converted
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image


def _sized(image: Any, size: Size) -> Pixels:
    """Halved while it is larger, then sampled bilinearly once: as Chromium's rasteriser draws it."""
    from PIL import Image

    times = max(1, min(image.width // size[0], image.height // size[1]))
    if (halved := times.bit_length() - 1) > 0:
        image = image.reduce(1 << halved)
    if image.size == size:
        return _samples(image)
    if size[0] * size[1] < LARGE:
        box = (0, 0, *image.size)
        return _samples(image.transform(size, Image.Transform.EXTENT, box, Image.Resampling.BILINEAR))
    from renderers._opencv import cv2

    sampled: Pixels = cv2.resize(_kept(image), size, interpolation=cv2.INTER_LINEAR)
    if image.mode == "RGB":
        sampled[..., 3] = 255
    return sampled


def _samples(image: Any) -> Pixels:
    """The samples of an RGBa image, or of an RGB one with alpha."""
    return _kept(image if image.mode == "RGBa" else image.convert("RGBA"))


def _kept(image: Any) -> Pixels:
    """The four bytes that Pillow keeps of each pixel; of RGB the last one means nothing.

    Packed to three first, and widened again at last, a photograph takes a tenth longer.
    """
    raw = image.mode if image.mode != "RGB" else "RGBX"
    return np.frombuffer(image.tobytes("raw", raw), np.uint8).reshape(image.height, image.width, 4)


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """By EXIF's orientation (EXIF 2.3, tag 274)."""
    if orientation not in range(2, 9):
        return pixels
    from renderers._opencv import cv2

    ways: Mapping[int, Callable[[Pixels], Pixels]] = {
        2: lambda rows: cv2.flip(rows, 1),
        3: lambda rows: cv2.rotate(rows, cv2.ROTATE_180),
        4: lambda rows: cv2.flip(rows, 0),
        5: cv2.transpose,
        6: lambda rows: cv2.rotate(rows, cv2.ROTATE_90_CLOCKWISE),
        7: lambda rows: cv2.transpose(cv2.rotate(rows, cv2.ROTATE_180)),
        8: lambda rows: cv2.rotate(rows, cv2.ROTATE_90_COUNTERCLOCKWISE),
    }
    return ways[orientation](pixels)
