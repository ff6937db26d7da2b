"""Picture files of every kind, made sample by sample and chunk by chunk, beside Chromium's pictures of them.

python -m tests.fidelity.rasters [--only NAME] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import io
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from renderers.foreign.images import decode_image
from renderers.stored.pixels import Pixels, unpack
from schemas.errors import InvalidInput
from tests.fidelity.chromium import Chromium
from tests.fidelity.pictures import photo, profile

GROUND = (255, 210, 90)
"""What shows through, in sRGB."""
_COLUMNS, _CELL = 24, 72
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of Adam7: first column and row, step across and down (PNG, 8.1)."""
Chunk = tuple[bytes, bytes]


class Beside(NamedTuple):
    """A file drawn by us and by Chromium, over the same ground. code: why we refuse it, if we do."""

    name: str
    ours: Pixels
    theirs: Pixels
    warnings: list[str]
    code: str | None

    @property
    def levels(self) -> float:
        """Mean difference of red, green and blue."""
        return float(np.abs(self.ours.astype(int) - self.theirs).mean())

    @property
    def worst(self) -> int:
        """The largest difference of a sample."""
        return int(np.abs(self.ours.astype(int) - self.theirs).max())


def compare_files(files: Mapping[str, bytes]) -> list[Beside]:
    """Each file in its own size, at most 72 px a side. Raises ServerUnavailable without a Chromium."""
    with tempfile.TemporaryDirectory(prefix="fidelity-") as name, Chromium() as browser:
        folder = Path(name)
        drawn = [_drawn(data, folder) for data in files.values()]
        body = []
        for at, data in enumerate(files.values()):
            (folder / f"{at}.img").write_bytes(data)
            left, top = at % _COLUMNS * _CELL, at // _COLUMNS * _CELL
            body.append(f'<img src="{at}.img" style="left: {left}px; top: {top}px">')
        page = folder / "page.html"
        page.write_text(
            f"<!doctype html><style>body {{ margin: 0; background: rgb{GROUND} }} "
            f"img {{ position: absolute }}</style>{''.join(body)}"
        )
        browser.open(page, _COLUMNS * _CELL, -(-len(files) // _COLUMNS) * _CELL)
        browser.evaluate(_READY)
        shot = np.asarray(Image.open(io.BytesIO(browser.screenshot())).convert("RGB"))
    found = []
    for at, (name, (pixels, warnings, code)) in enumerate(zip(files, drawn, strict=True)):
        left, top = at % _COLUMNS * _CELL, at // _COLUMNS * _CELL
        theirs = shot[top : top + pixels.shape[0], left : left + pixels.shape[1]]
        found.append(Beside(name, pixels, theirs, warnings, code))
    return found


_READY = """(async () => {
  await Promise.all([...document.images].map(image => image.decode().catch(() => 0)));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
})()"""


def _drawn(data: bytes, folder: Path) -> tuple[Pixels, list[str], str | None]:
    """The normal form over the ground, and what the decoder said."""
    (folder / "in").write_bytes(data)
    ground = np.array(GROUND)
    try:
        found = decode_image(str(folder / "in"), str(folder / "out"), (1 << 20, 1 << 20), 100)
    except InvalidInput as error:
        return np.broadcast_to(ground, (16, 16, 3)).astype(np.uint8), [], error.code
    pixels = unpack((folder / "out").read_bytes())[0].astype(np.float64)
    over = pixels[..., :3] + ground * (1 - pixels[..., 3:] / 255)
    return np.rint(over).astype(np.uint8), found["warnings"], None


# --- PNG --------------------------------------------------------------------------------------------


def png(
    color_type: int,
    depth: int,
    *,
    chunks: Sequence[Chunk] = (),
    interlaced: bool = False,
    size: tuple[int, int] = (33, 29),
    filters: Sequence[int] = (0,),
    pieces: int = 1 << 20,
    level: int = 6,
    late: Sequence[Chunk] = (),
) -> bytes:
    """A picture of ramps. chunks, late: before and after the pixels; pieces: bytes of each IDAT."""
    samples = _samples(color_type, depth, *size)
    raw = b""
    for x, y, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        part = samples[y::down, x::across]
        if part.size:
            raw += _filtered(part, depth, filters)
    packed = zlib.compress(raw, level)
    head = struct.pack(">IIBBBBB", *size, depth, color_type, 0, 0, int(interlaced))
    parts = [(b"IHDR", head)]
    before = [chunk for chunk in chunks if chunk[0] in _BEFORE_PALETTE]
    parts += before
    if color_type == 3:
        parts.append((b"PLTE", _palette(depth)))
    parts += [chunk for chunk in chunks if chunk[0] not in _BEFORE_PALETTE]
    parts += [(b"IDAT", packed[at : at + pieces]) for at in range(0, len(packed), pieces)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in (*parts, *late, (b"IEND", b"")))


_BEFORE_PALETTE = frozenset((b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI"))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _palette(depth: int) -> bytes:
    count = 1 << depth
    return bytes(
        value for at in range(count) for value in (at * 255 // (count - 1), 255 - at * 255 // (count - 1), 96)
    )


def _samples(color_type: int, depth: int, width: int, height: int) -> NDArray[np.uint16]:
    """(height, width, channels): ramps that reach both ends of the range."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    across, down = x / max(1, width - 1), y / max(1, height - 1)
    planes = [across, (across + down) / 2, 1 - across, np.maximum(across, down)][: _CHANNELS[color_type]]
    if color_type == 4:
        planes[1] = down
    samples: NDArray[np.uint16] = np.rint(np.stack(planes, -1) * ((1 << depth) - 1)).astype(np.uint16)
    return samples


def _filtered(samples: NDArray[np.uint16], depth: int, filters: Sequence[int]) -> bytes:
    """Rows of bytes, each behind its filter (PNG, 9.2)."""
    if depth == 16:
        rows = samples.astype(">u2").reshape(len(samples), -1).view(np.uint8)
    elif depth == 8:
        rows = samples.astype(np.uint8).reshape(len(samples), -1)
    else:
        bits = (samples.reshape(len(samples), -1, 1) >> np.arange(depth - 1, -1, -1)) & 1
        rows = np.packbits(bits.reshape(len(samples), -1).astype(np.uint8), axis=1)
    step, found = max(1, samples.shape[2] * depth // 8), b""
    above = np.zeros(rows.shape[1], np.int64)
    for number, row in enumerate(rows.astype(np.int64)):
        kind = filters[number % len(filters)]
        left = np.concatenate([np.zeros(step, np.int64), row[:-step]])[: len(row)]
        corner = np.concatenate([np.zeros(step, np.int64), above[:-step]])[: len(row)]
        guess = [row * 0, left, above, (left + above) // 2, _paeth(left, above, corner)][kind]
        found += bytes([kind]) + ((row - guess) & 255).astype(np.uint8).tobytes()
        above = row
    return found


def _paeth(left: NDArray[np.int64], above: NDArray[np.int64], corner: NDArray[np.int64]) -> NDArray[np.int64]:
    guess = left + above - corner
    ways = np.stack([left, above, corner])
    nearest = np.abs(ways - guess).argmin(axis=0)
    nearest_values: NDArray[np.int64] = np.take_along_axis(ways, nearest[None], 0)[0]
    return nearest_values


def _spaces() -> Iterator[tuple[str, list[Chunk]]]:
    p3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    srgb = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    d50 = struct.pack(">8I", 34570, 35850, 64000, 33000, 21000, 71000, 15000, 6000)
    for value in (100_000, 55_556, 45_455, 45_400, 35_000, 250_000, 1_000, 0):
        yield f"gAMA {value}", [(b"gAMA", struct.pack(">I", value))]
    for name, chrm in (("P3", p3), ("sRGB", srgb), ("D50", d50), ("zeros", bytes(32)), ("short", b"abc")):
        yield f"cHRM {name}", [(b"cHRM", chrm)]
        yield f"gAMA and cHRM {name}", [(b"gAMA", struct.pack(">I", 45_455)), (b"cHRM", chrm)]
    yield "gAMA 1 and cHRM P3", [(b"gAMA", struct.pack(">I", 100_000)), (b"cHRM", p3)]
    for intent in range(4):
        yield f"sRGB {intent}", [(b"sRGB", bytes([intent])), (b"gAMA", struct.pack(">I", 100_000))]
    for code in (
        (1, 13),
        (12, 13),
        (9, 13),
        (12, 8),
        (1, 1),
        (1, 4),
        (5, 13),
        (200, 13),
        (12, 200),
        (9, 16),
        (9, 18),
    ):
        yield f"cICP {code[0]} {code[1]}", [(b"cICP", bytes((*code, 0, 1)))]
    yield "cICP narrow", [(b"cICP", bytes((12, 13, 0, 0)))]
    packed = b"P\0\0" + zlib.compress(profile())
    yield "iCCP", [(b"iCCP", packed)]
    yield "iCCP broken", [(b"iCCP", packed[:40])]
    yield "iCCP and gAMA", [(b"gAMA", struct.pack(">I", 100_000)), (b"iCCP", packed)]
    yield "iCCP and sRGB", [(b"sRGB", b"\0"), (b"iCCP", packed)]
    yield "iCCP and cICP", [(b"cICP", bytes((12, 13, 0, 1))), (b"iCCP", packed)]


def _ancillary(color_type: int, depth: int) -> Iterator[tuple[str, list[Chunk]]]:
    """Every chunk of the standard that may stand before the pixels, and others."""
    wide = max(1, (1 << depth) - 1)
    background = {3: bytes([1])}.get(
        color_type, struct.pack(">H", wide // 2) * (3 if color_type in (2, 6) else 1)
    )
    yield "bKGD", [(b"bKGD", background)]
    yield "sBIT", [(b"sBIT", bytes([min(depth, 8) or 1]) * (3 if color_type == 3 else _CHANNELS[color_type]))]
    yield "pHYs", [(b"pHYs", struct.pack(">IIB", 300, 900, 0))]
    yield "oFFs", [(b"oFFs", struct.pack(">iiB", 5, 5, 0))]
    yield "tIME", [(b"tIME", struct.pack(">HBBBBB", 2026, 1, 1, 0, 0, 0))]
    yield "tEXt", [(b"tEXt", b"Title\0" + b"x" * 3000)]
    yield "zTXt", [(b"zTXt", b"Title\0\0" + zlib.compress(b"x" * 3000))]
    yield "zTXt broken", [(b"zTXt", b"Title\0\0broken")]
    yield "iTXt", [(b"iTXt", b"Title\0\0\0de\0Titel\0" + "ü".encode())]
    yield "sPLT", [(b"sPLT", b"some\0\x08" + bytes((255, 0, 0, 255, 0, 9)))]
    yield "private", [(b"prVt", b"1234"), (b"vpAg", b"")]
    if color_type == 3:
        yield "hIST", [(b"hIST", struct.pack(">H", 7) * (1 << depth))]
        yield "tRNS short", [(b"tRNS", bytes((0, 128)))]
        yield "tRNS long", [(b"tRNS", bytes(range(0, 256, 256 // (1 << depth)))[: 1 << depth])]
    if color_type in (0, 2):
        for level in (0, wide // 2, wide):
            yield f"tRNS {level}", [(b"tRNS", struct.pack(">H", level) * _CHANNELS[color_type])]
        yield "tRNS short", [(b"tRNS", b"\0")]
    if color_type in (2, 6):
        yield "PLTE suggested", [(b"PLTE", bytes((255, 0, 0, 0, 255, 0)))]
    for orientation in range(1, 10):
        tiff = b"MM\0*\0\0\0\x08\0\1" + struct.pack(">HHIHH", 0x112, 3, 1, orientation, 0) + bytes(4)
        yield f"eXIf {orientation}", [(b"eXIf", tiff)]


def png_files() -> dict[str, bytes]:
    """Every colour type and depth, by scan, filter, size, and chunk."""
    found: dict[str, bytes] = {}
    for color_type, depths in _DEPTHS.items():
        for depth in depths:
            name = f"{color_type}/{depth}"
            for kind in range(5):
                found[f"{name} filter {kind}"] = png(color_type, depth, filters=[kind])
            found[f"{name} filters"] = png(color_type, depth, filters=range(5))
            found[f"{name} Adam7"] = png(color_type, depth, interlaced=True, filters=range(5))
            found[f"{name} IDATs"] = png(color_type, depth, pieces=7)
            found[f"{name} stored"] = png(color_type, depth, level=0)
            found[f"{name} late"] = png(color_type, depth, late=[(b"tEXt", b"a\0b"), (b"tIME", bytes(7))])
            for what, chunks in (*_spaces(), *_ancillary(color_type, depth)):
                found[f"{name} {what}"] = png(color_type, depth, chunks=chunks)
    for side in (*range(1, 10), 31, 32):
        for interlaced in (False, True):
            scan = "Adam7" if interlaced else "rows"
            found[f"size {side} {scan}"] = png(2, 8, size=(side, 1 + side // 2), interlaced=interlaced)
            found[f"size {side} {scan} of bits"] = png(
                0, 1, size=(side, 10 - side % 9), interlaced=interlaced
            )
    found["palette too short"] = _with_short_palette()
    found["APNG"] = _animated()
    return found


def _with_short_palette() -> bytes:
    """Entries that are not there are black, opaque."""
    whole = png(3, 8)
    at = whole.index(b"PLTE") - 4
    return whole[:at] + _chunk(b"PLTE", _palette(8)[: 3 * 100]) + whole[at + 12 + 768 :]


def _animated() -> bytes:
    file = io.BytesIO()
    frames = [Image.fromarray(photo(48, 40)), Image.new("RGB", (48, 40), "red")]
    info = PngImagePlugin.PngInfo()
    frames[0].save(
        file, "PNG", save_all=True, append_images=frames[1:], duration=60_000, loop=0, pnginfo=info
    )
    return file.getvalue()


# --- the others -------------------------------------------------------------------------------------


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _exif(orientation: int, order: str = "<") -> bytes:
    head = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", 0x112, 3, 1, orientation, 0)
    return b"Exif\0\0" + head + struct.pack(order + "IH", 8, 1) + entry + bytes(4)


_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def jpeg_files() -> dict[str, bytes]:
    """Colours, samplings, scans, markers and directions."""
    plain = Image.fromarray(photo(67, 45))
    grey, cmyk = plain.convert("L"), plain.convert("CMYK")
    found: dict[str, bytes] = {}
    for sampling in range(3):
        for progressive in (False, True):
            name = f"{('444', '422', '420')[sampling]}{' progressive' if progressive else ''}"
            options = {"quality": 90, "subsampling": sampling, "progressive": progressive}
            found[name] = _saved(plain, "JPEG", **options)
    found["grey"] = _saved(grey, "JPEG", quality=90)
    found["grey progressive"] = _saved(grey, "JPEG", quality=90, progressive=True)
    found["RGB"] = _saved(plain, "JPEG", quality=90, keep_rgb=True)
    found["restarts"] = _saved(plain, "JPEG", quality=90, restart_marker_blocks=2)
    for progressive in (False, True):
        name = "CMYK progressive" if progressive else "CMYK"
        found[name] = _saved(cmyk, "JPEG", quality=90, progressive=progressive)
    at = found["CMYK"].index(b"Adobe")
    found["YCCK"] = found["CMYK"][: at + 11] + b"\x02" + found["CMYK"][at + 12 :]
    found["CMYK without Adobe"] = found["CMYK"][: at - 4] + found["CMYK"][at + 12 :]
    found["profile"] = _saved(plain, "JPEG", quality=90, icc_profile=profile())
    found["profile of CMYK in RGB"] = _saved(
        plain, "JPEG", icc_profile=profile().replace(b"RGB ", b"CMYK", 1)
    )
    for orientation in (*range(1, 9), 0, 9):
        found[f"EXIF {orientation}"] = _saved(plain, "JPEG", quality=90, exif=_exif(orientation))
        found[f"EXIF {orientation} big-endian"] = _saved(plain, "JPEG", exif=_exif(orientation, ">"))
    found["XMP"] = _saved(plain, "JPEG", quality=90, xmp=_XMP)
    found["XMP and EXIF"] = _saved(plain, "JPEG", quality=90, xmp=_XMP, exif=_exif(3))
    found["junk behind"] = found["444"] + bytes(range(200))
    found["comment"] = _saved(plain, "JPEG", quality=90, comment=b"x" * 60_000)
    return found


def other_files() -> dict[str, bytes]:
    """GIF, WebP and AVIF."""
    plain = Image.fromarray(photo(67, 45))
    clear = plain.convert("RGBA")
    clear.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, 67).astype(np.uint8), (45, 1))))
    found: dict[str, bytes] = {}
    for bits in range(1, 9):
        for interlaced in (0, 1):
            scan = " interlaced" if interlaced else ""
            found[f"gif {1 << bits} colours{scan}"] = _saved(
                plain.quantize(1 << bits), "GIF", interlace=interlaced
            )
    found["gif transparent"] = _saved(plain.quantize(16), "GIF", transparency=3)
    for disposal in range(4):
        frames = [plain.quantize(16), Image.new("RGB", plain.size, "red").quantize(2)]
        options = {"append_images": frames[1:], "duration": 60_000, "disposal": disposal}
        found[f"gif animated {disposal}"] = _saved(frames[0], "GIF", save_all=True, **options)
    for name in ("gif 16 colours", "gif 16 colours interlaced", "gif transparent"):
        for left, top in ((0, 0), (3, 1), (5, 20)):
            moved = bytearray(found[name])
            moved[6:10] = struct.pack("<HH", 72, 70)
            at = moved.index(b",\0\0\0\0" + struct.pack("<HH", 67, 45))
            moved[at + 1 : at + 5] = struct.pack("<HH", left, top)
            moved[11] = 2  # the background's index, which no browser shows
            found[f"{name} at {left}, {top}"] = bytes(moved)
    for name, image in (("plain", plain), ("alpha", clear)):
        found[f"webp {name}"] = _saved(image, "WEBP", quality=85)
        found[f"webp {name} lossless"] = _saved(image, "WEBP", lossless=True)
    found["webp profile"] = _saved(plain, "WEBP", quality=85, icc_profile=profile())
    found["webp EXIF"] = _saved(plain, "WEBP", quality=85, exif=_exif(6))
    frames = [plain, Image.new("RGB", plain.size, "red")]
    found["webp animated"] = _saved(plain, "WEBP", save_all=True, append_images=frames[1:], duration=60_000)
    for sampling in ("4:4:4", "4:2:0"):
        found[f"avif {sampling}"] = _saved(plain, "AVIF", quality=95, subsampling=sampling)
    found["avif alpha"] = _saved(clear, "AVIF", quality=95)
    found["avif profile"] = _saved(plain, "AVIF", quality=95, icc_profile=profile())
    at = found["avif 4:4:4"].index(b"colrnclx") + 8
    for code in ((12, 13), (9, 13), (1, 8), (1, 1), (1, 4), (12, 1)):
        data = found["avif 4:4:4"]
        found[f"avif nclx {code[0]} {code[1]}"] = data[:at] + struct.pack(">HH", *code) + data[at + 4 :]
    return found


def cut_files(seed: int = 15, count: int = 6) -> dict[str, bytes]:
    """Pictures that end too soon, each at random places and at its very end."""
    rng = np.random.default_rng(seed)
    jpegs, others = jpeg_files(), other_files()
    whole = {
        f"jpeg {name}": jpegs[name]
        for name in ("444", "420", "420 progressive", "grey", "CMYK", "restarts", "EXIF 6")
    }
    whole |= {
        name: others[name]
        for name in ("gif 16 colours", "gif 256 colours interlaced", "gif transparent at 3, 1")
    }
    whole |= {name: others[name] for name in ("webp plain", "webp alpha", "webp plain lossless")}
    for color_type, depth in ((0, 1), (0, 16), (2, 8), (3, 4), (4, 8), (6, 8)):
        whole[f"png {color_type}/{depth}"] = png(color_type, depth, size=(67, 45), filters=range(5))
        whole[f"png {color_type}/{depth} Adam7"] = png(color_type, depth, size=(67, 45), interlaced=True)
    whole["png gAMA"] = png(2, 8, size=(67, 45), chunks=[(b"gAMA", struct.pack(">I", 100_000))])
    whole["png tRNS"] = png(2, 8, size=(67, 45), chunks=[(b"tRNS", struct.pack(">H", 0) * 3)])
    found: dict[str, bytes] = {}
    for name, data in whole.items():
        ends = {len(data) - 20, *(len(data) * rng.uniform(0.15, 1.0, count)).astype(int).tolist()}
        found |= {f"{name}, {end} of {len(data)} bytes": data[:end] for end in sorted(ends)}
    return found


def main(arguments: list[str]) -> None:
    """Compare, and show what differs most."""
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity.rasters", description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path, help="a folder for the pictures that differ")
    options = parser.parse_args(arguments)
    files = {name: data for name, data in all_files().items() if options.only in name}
    found = sorted(compare_files(files), key=lambda beside: -beside.levels)
    for beside in found[:60]:
        print(
            f"{beside.name}: {beside.levels:.2f} levels, {beside.worst} at most, {beside.code or ''}",
            *beside.warnings,
        )
    print(f"{sum(beside.levels > 1.5 for beside in found)} of {len(found)} are more than 1.5 levels apart")
    print(f"mean {np.mean([beside.levels for beside in found]):.3f} levels")


def all_files() -> dict[str, bytes]:
    """Every file by its name."""
    found = {f"png {name}": data for name, data in png_files().items()}
    found |= {f"jpeg {name}": data for name, data in jpeg_files().items()}
    return found | other_files() | {f"cut {name}": data for name, data in cut_files().items()}


if __name__ == "__main__":
    main(sys.argv[1:])
