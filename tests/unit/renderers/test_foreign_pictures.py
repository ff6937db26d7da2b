"""Pictures as programs write them: PNG of every type and depth, ancillary chunks, cut files, odd GIFs."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from renderers.foreign.images import CUT, decode_image
from renderers.stored.pixels import Pixels, unpack


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _png(
    samples: list[list[tuple[int, ...]]], depth: int, color_type: int, *extra: tuple[bytes, bytes]
) -> bytes:
    """A PNG written sample by sample; extra: chunks before the pixels."""
    rows = b""
    for row in samples:
        bits = "".join(f"{value:0{depth}b}" for pixel in row for value in pixel)
        bits += "0" * (-len(bits) % 8)
        rows += b"\0" + int(bits, 2).to_bytes(len(bits) // 8)
    header = struct.pack(">IIBBBBB", len(samples[0]), len(samples), depth, color_type, 0, 0, 0)
    chunks = [_chunk(b"IHDR", header), *(_chunk(*pair) for pair in extra)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (*chunks, _chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b""))
    )


def _decoded(data: bytes, folder: Path) -> tuple[Pixels, list[str]]:
    (folder / "in").write_bytes(data)
    answer = decode_image(str(folder / "in"), str(folder / "out"), (1 << 20, 1 << 20), 100)
    return unpack((folder / "out").read_bytes())[0], answer["warnings"]


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_grey_of_every_depth_has_its_transparent_level(tmp_path: Path, depth: int) -> None:
    """The level that tRNS names is transparent, by its whole sample, and no other."""
    most = (1 << depth) - 1
    levels = sorted({0, 1, most // 2, most - 1, most})
    for clear in levels:
        data = _png([[(level,) for level in levels]], depth, 0, (b"tRNS", struct.pack(">H", clear)))
        pixels, _ = _decoded(data, tmp_path)
        for at, level in enumerate(levels):
            grey = round(level * 255 / most)
            expected = (0, 0, 0, 0) if level == clear else (grey, grey, grey, 255)
            assert np.abs(np.subtract(pixels[0, at], expected, dtype=int)).max() <= 1, (clear, level)


@pytest.mark.parametrize("depth", [8, 16])
def test_colours_of_every_depth_have_their_transparent_one(tmp_path: Path, depth: int) -> None:
    """Both bytes of each sample count."""
    high = 0x12 if depth == 8 else 0x1234
    row: list[tuple[int, ...]] = [(high, 5, 7), (high + 1, 5, 7), (high, 5, 8), (high, 5, 7)]
    data = _png([row], depth, 2, (b"tRNS", struct.pack(">3H", high, 5, 7)))
    pixels, _ = _decoded(data, tmp_path)
    assert pixels[0, :, 3].tolist() == [0, 255, 255, 0]


@pytest.mark.parametrize(
    ("depth", "color_type", "pixel"),
    [
        (8, 4, (200, 128)),
        (16, 4, (200 * 257, 128 * 257)),
        (8, 6, (200, 200, 200, 128)),
        (16, 6, (51400, 51400, 51400, 32896)),
    ],
)
def test_alpha_of_every_depth_is_kept(
    tmp_path: Path, depth: int, color_type: int, pixel: tuple[int, ...]
) -> None:
    """Grey and colour with alpha come out premultiplied."""
    pixels, _ = _decoded(_png([[pixel]], depth, color_type), tmp_path)
    assert np.abs(np.subtract(pixels[0, 0], (100, 100, 100, 128), dtype=int)).max() <= 1


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palettes_have_their_transparency(tmp_path: Path, depth: int) -> None:
    """Each entry has the alpha that tRNS gives it; those beyond are opaque."""
    data = _png([[(0,), (1,)]], depth, 3, (b"PLTE", bytes((255, 0, 0, 0, 0, 255))), (b"tRNS", bytes((128,))))
    pixels, _ = _decoded(data, tmp_path)
    assert pixels[0].tolist() == [[128, 0, 0, 128], [0, 0, 255, 255]]


PLAIN = (200, 60, 40)
P3 = (217, 42, 23)
LIGHT = (229, 133, 110)
P3_CHRM = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
SRGB_GAMA = struct.pack(">I", 45455)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([], PLAIN),
        ([(b"gAMA", SRGB_GAMA)], PLAIN),
        ([(b"gAMA", struct.pack(">I", 100_000))], LIGHT),
        ([(b"gAMA", SRGB_GAMA), (b"cHRM", P3_CHRM)], (219, 37, 13)),
        ([(b"cICP", bytes((12, 13, 0, 1)))], P3),
        ([(b"cICP", bytes((1, 8, 0, 1)))], LIGHT),
        ([(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100_000))], PLAIN),
        ([(b"cICP", bytes((1, 13, 0, 1))), (b"gAMA", struct.pack(">I", 100_000))], PLAIN),
        ([(b"gAMA", b"\0\0\0\0")], PLAIN),
        ([(b"gAMA", SRGB_GAMA), (b"cHRM", bytes(32))], PLAIN),
    ],
)
def test_colour_spaces_of_png_are_converted(
    tmp_path: Path, chunks: list[tuple[bytes, bytes]], expected: tuple[int, ...]
) -> None:
    """By cICP, iCCP, sRGB, gAMA and cHRM in this order (PNG, third edition, 4.3)."""
    pixels, _ = _decoded(_png([[PLAIN]], 8, 2, *chunks), tmp_path)
    assert np.abs(np.subtract(pixels[0, 0, :3], expected, dtype=int)).max() <= 1


@pytest.mark.parametrize(
    "chunk",
    [
        (b"tEXt", b"Comment\0" + b"x" * (3 << 20)),
        (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80 << 20))),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"x" * (2 << 20)),
        (b"iCCP", b"big\0\0" + zlib.compress(bytes(3 << 20))),
        (b"iCCP", b"no profile at all"),
        (b"eXIf", b"II*\0\xff\xff\xff\xff"),
        (b"tIME", b""),
    ],
)
def test_ancillary_chunks_never_stop_a_picture(tmp_path: Path, chunk: tuple[bytes, bytes]) -> None:
    """However large or wrong they are, with a right checksum and with a wrong one."""
    data = _png([[PLAIN]], 8, 2, chunk)
    at = data.index(chunk[0]) + 4 + len(chunk[1])
    for file in (data, data[:at] + b"\0\1\2\3" + data[at + 4 :]):
        assert tuple(_decoded(file, tmp_path)[0][0, 0, :3]) == PLAIN


def _photograph() -> Image.Image:
    return Image.radial_gradient("L").convert("RGB")


@pytest.mark.parametrize(
    ("kind", "options", "kept"),
    [
        ("JPEG", {}, 0.5),
        ("JPEG", {}, 0.99),
        ("JPEG", {"progressive": True}, 0.7),
        ("PNG", {}, 0.5),
        ("GIF", {}, 0.6),
    ],
)
def test_a_cut_picture_is_shown_as_far_as_it_goes(
    tmp_path: Path, kind: str, options: dict[str, bool], kept: float
) -> None:
    """Its upper rows are there, and a warning says that it is cut."""
    file = io.BytesIO()
    _photograph().save(file, kind, **options)
    whole, _ = _decoded(file.getvalue(), tmp_path)
    pixels, warnings = _decoded(file.getvalue()[: int(file.tell() * kept)], tmp_path)
    assert warnings == [CUT]
    assert np.abs(pixels[:32].astype(int) - whole[:32]).mean() < 24


def test_a_gif_frame_smaller_than_its_screen_leaves_it_transparent(tmp_path: Path) -> None:
    """Around the first frame nothing is seen, whatever the background's index says."""
    file = io.BytesIO()
    Image.new("P", (2, 2), 1).save(file, "GIF")
    data = bytearray(file.getvalue())
    data[6:10] = struct.pack("<HH", 6, 4)
    at = data.index(b",\0\0\0\0\2\0\2\0")
    data[at + 1 : at + 5] = struct.pack("<HH", 3, 1)
    pixels, _ = _decoded(bytes(data), tmp_path)
    assert pixels.shape == (4, 6, 4)
    assert (pixels[1:3, 3:5, 3] == 255).all()
    assert (pixels[..., 3] == 255).sum() == 4


def _tiff(type_: int, value: int, count: int = 1) -> bytes:
    return b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x112, type_, count, value, 0) + bytes(4)


@pytest.mark.parametrize(
    ("exif", "turned"),
    [
        (_tiff(3, 6), True),
        (_tiff(4, 6), False),
        (_tiff(2, 54), False),
        (_tiff(3, 6, 2), False),
        (_tiff(3, 9), False),
        (b"II*", False),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_turned_by_a_well_formed_short(
    tmp_path: Path, kind: str, exif: bytes, turned: bool
) -> None:
    """As browsers do it: EXIF of JPEG and PNG, not of WebP."""
    file = io.BytesIO()
    Image.new("RGB", (8, 4)).save(file, kind, exif=b"Exif\0\0" + exif)
    assert (_decoded(file.getvalue(), tmp_path)[0].shape[:2] == (8, 4)) == (turned and kind != "WEBP")


def test_xmp_does_not_turn_a_picture(tmp_path: Path) -> None:
    """Browsers do not read it."""
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        b'tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    for kind in ("JPEG", "WEBP"):
        file = io.BytesIO()
        Image.new("RGB", (8, 4)).save(file, kind, xmp=xmp)
        assert _decoded(file.getvalue(), tmp_path)[0].shape[:2] == (4, 8)


def test_a_grey_profile_of_a_coloured_picture_is_left_out(tmp_path: Path) -> None:
    """A profile that does not fit changes nothing; one of sRGB neither."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey = bytearray(srgb)
    grey[16:20] = b"GRAY"
    for profile in (bytes(grey), srgb):
        data = _png([[PLAIN]], 8, 2, (b"iCCP", b"sRGB\0\0" + zlib.compress(profile)))
        pixels, _ = _decoded(data, tmp_path)
        assert np.abs(np.subtract(pixels[0, 0, :3], PLAIN, dtype=int)).max() <= 1
