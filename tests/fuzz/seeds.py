"""Valid files of every kind that is decoded, small ones, made by this script."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from PIL import Image, ImageCms

from renderers.text import fontfiles
from tests.fidelity.pictures import files, photo
from tests.fidelity.typefaces import MADE, made
from tests.sounds.making import Kind, write
from tests.unit.builders import PIXEL

_SOUNDS = """
    wav pcm_s16le, wav pcm_f32le, wav adpcm_ms, wav adpcm_ima_wav, wav pcm_mulaw, wav ac3, wav mp3, w64
    pcm_s24le, aiff pcm_s16be, caf alac, caf pcm_s16le, au pcm_mulaw, voc pcm_u8, mp3 libmp3lame, adts
    aac, mp4 aac, mp4 alac, mp4 flac, mp4 opus, mov pcm_s16be, mov aac, ismv aac, 3gp aac, ipod aac,
    matroska libvorbis, matroska flac, matroska ac3, matroska pcm_s16le, webm libopus, webm libvorbis,
    ogg libvorbis, ogg libopus, ogg flac, flac flac, mpegts aac, mpegts mp2, mpegts libopus, mpeg mp2,
    flv aac, flv nellymoser, asf wmav2, asf wmav1, avi libmp3lame, nut libopus, ac3 ac3, eac3 eac3, dts
    dca, truehd truehd, tta tta, wv wavpack, amr libopencore_amrnb, rm real_144, oma pcm_s16be, latm
    aac, sox pcm_s32le, swf mp3, wtv aac, spdif ac3
"""
"""Pairs of FFmpeg's muxers and encoders."""


def sounds(folder: Path) -> list[bytes]:
    """A third of a second each."""
    found = []
    for pair in _SOUNDS.replace("\n", " ").split(","):
        path = folder / "seed"
        if write(Kind(*pair.split()), path, 0.4) is not None:
            found.append(path.read_bytes())
    return found


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pictures(_: Path) -> list[bytes]:
    """Every format that is read, some that are not, in their modes."""
    plain = Image.fromarray(photo(60, 40))
    through = plain.convert("RGBA")
    through.putalpha(Image.linear_gradient("L").resize(plain.size))
    deep = Image.fromarray((np.arange(2400, dtype=np.uint16) * 27).reshape(40, 60))
    indexed = plain.quantize(32)
    exif = Image.Exif()
    exif[0x0112] = 6
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    frames = [plain.rotate(turn) for turn in (90, 180)]
    found = [
        _saved(image, "PNG")
        for image in (plain, through, deep, indexed, plain.convert("1"), plain.convert("LA"))
    ]
    found += [
        _saved(indexed, "PNG", transparency=bytes(range(32)), exif=exif.tobytes()),
        _saved(plain.convert("L"), "PNG", transparency=7, dpi=(72, 72)),
        _saved(plain, "PNG", icc_profile=profile("sRGB")),
        _saved(plain, "JPEG", quality=80, exif=exif, icc_profile=profile("sRGB"), xmp=xmp),
        _saved(plain, "JPEG", progressive=True),
        _saved(plain.convert("L"), "JPEG"),
        _saved(plain.convert("CMYK"), "JPEG"),
        _saved(plain, "WEBP", exif=exif.tobytes(), icc_profile=profile("sRGB")),
        _saved(through, "WEBP", lossless=True),
        _saved(plain, "WEBP", save_all=True, append_images=frames),
        _saved(indexed, "GIF"),
        _saved(indexed, "GIF", save_all=True, append_images=frames, disposal=2, transparency=0),
        _saved(plain, "AVIF", exif=exif.tobytes()),
        _saved(through, "AVIF", speed=10),
        _saved(plain, "BMP"),
        _saved(plain, "TIFF", compression="tiff_lzw"),
    ]
    return [*found, *(files()[name] for name in ("through.png", "cmyk.jpg"))]


@cache
def profile(name: str) -> bytes:
    """An ICC profile that lcms makes."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()  # type: ignore[arg-type]


def profiles(_: Path) -> list[bytes]:
    """Matrix and tables, of RGB, Lab and XYZ; the last is with a table of its own for grey."""
    grey = bytearray(profile("sRGB"))
    grey[16:20] = b"GRAY"
    with Image.open(io.BytesIO(files()["wide.png"])) as image:
        wide: bytes = image.info["icc_profile"]
    return [profile("sRGB"), profile("LAB"), profile("XYZ"), bytes(grey), wide, _table_profile()]


def _table_profile() -> bytes:
    """CMYK by `A2B0` in form `mft1` (ICC.1:2022, 10.11), two points an axis."""
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0))
    table += struct.pack(">9i", *(65536 if at % 4 == 0 else 0 for at in range(9)))
    table += bytes(range(256)) * 4 + bytes(range(16 * 3)) + bytes(range(256)) * 3
    base = profile("sRGB")
    head = bytearray(base[:128])
    head[12:16], head[16:20], head[20:24] = b"prtr", b"CMYK", b"Lab "
    tags = {b"A2B0": table, b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)}
    at, directory, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        directory += name + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    return struct.pack(">I", at + len(body)) + bytes(head[4:]) + directory + body


_NAMES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
_BODIES = tuple(
    body.replace("PIXEL", PIXEL)
    for body in Path(__file__).with_name("drawings.txt").read_text("utf-8").strip().split("\n\n")
)


def drawings(_: Path) -> list[bytes]:
    """Shapes, paints, filters, references, style sheets, text, pictures and entities."""
    found = [f'<svg {_NAMES} width="60" height="40" viewBox="0 0 60 40">{body}</svg>' for body in _BODIES]
    entity = '<!DOCTYPE svg [<!ENTITY a "red"><!ENTITY b "&a;"><!ATTLIST rect fill CDATA "blue">]>'
    root = f'<svg {_NAMES} width="4cm" height="30%"><g fill="&b;">{_BODIES[0]}</g></svg>'
    found.append(f'<?xml version="1.0"?>{entity}{root}')
    return [text.encode() for text in found]


def fonts(_: Path) -> list[bytes]:
    """The made ones, plain, WOFF and WOFF2, and a piece of a large one with shaping and axes."""
    found = [made(family) for family in MADE]
    found.append(_part("Noto Sans", "Aabcdefi 12̈", None))
    found.append(_part("Noto Sans Arabic", "سلام", "woff"))
    found.append(_part("Noto Sans Devanagari", "क्षि", None))
    return found


def _part(family: str, text: str, flavor: str | None) -> bytes:
    shipped = next(font for font in fontfiles.SHIPPED if font.family == family)
    font = TTFont(io.BytesIO(shipped.load()))
    options = Options(layout_features=["*"], glyph_names=False)
    subsetter = Subsetter(options)
    subsetter.populate(text=text)
    subsetter.subset(font)
    font.flavor = flavor
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()


def projects(_: Path) -> list[bytes]:
    """Documents of every element, with the example's first slides."""
    example = json.loads((Path(__file__).parents[2] / "examples/launch/project.json").read_bytes())
    slides = [
        {**slide, "duration": 0.3}
        for slide in example["slides"]
        if "assets/" not in json.dumps(slide) and "media/" not in json.dumps(slide)
    ]
    head = {"version": 1, "width": 160, "height": 90}
    found: list[Mapping[str, Any]] = [{**head, "slides": [slide]} for slide in slides[:6]]
    found.append({**head, "slides": [_SLIDE, {**_SLIDE, "transition": {"type": "fade", "duration": 0.1}}]})
    return [json.dumps(document).encode() for document in found]


_BOX = {"x": 4, "y": 4, "width": 60, "height": 30}
_SLIDE = {
    "duration": 0.3,
    "background": {
        "type": "linear-gradient",
        "angle": 30,
        "stops": [{"offset": 0, "color": "red"}, {"offset": 0.7, "color": "#00f8"}],
    },
    "elements": [
        {
            "type": "text",
            "text": "Héllo שלום 😀",
            "fontSize": 14,
            "color": "white",
            "align": "center",
            **_BOX,
        },
        {"type": "shape", "shape": "ellipse", "fill": "hsl(20 50% 50%)", "rotation": 20, **_BOX},
        {
            "type": "text",
            "text": "a",
            "spans": [{"start": 0, "end": 1, "color": "lime", "bold": True}],
            "animation": {"in": {"type": "fade", "duration": 0.1}},
            **_BOX,
        },
    ],
}

MAKERS: dict[str, Callable[[Path], list[bytes]]] = {
    "sounds": sounds,
    "pictures": pictures,
    "profiles": profiles,
    "drawings": drawings,
    "fonts": fonts,
    "projects": projects,
}
