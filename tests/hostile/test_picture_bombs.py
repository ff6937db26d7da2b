"""Pictures that are small to send and large to draw; and results that would be written over their input."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import orjson
import pytest

from connectors import decoder as module
from connectors.decoder import SandboxedDecoder
from connectors.sandbox import MIB, Limits
from exportstream import exits
from exportstream.cli import run
from renderers.foreign.images import check_size
from renderers.foreign.svgtext import Document
from schemas.errors import InvalidInput
from tests.acceptance.media import picture
from tests.hostile.probe import PROBE, needs_walls
from tests.servers.base import ROOT
from tests.unit.builders import document, image, slide

SIDE = 5000
BASE_MIB, BYTES_PER_PIXEL = 200, 14
"""What a decoder may take: itself with its libraries, and of a pixel what is read, converted and written."""


def deep_png(color_type: int, *chunks: tuple[bytes, bytes], side: int = SIDE) -> bytes:
    """A PNG of 16 bits that is all one colour, so that it is small, with some ancillary chunks."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    samples = {0: 1, 2: 3, 4: 2, 6: 4}[color_type]
    packer = zlib.compressobj(9)
    row = bytes(1 + 2 * samples * side)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 16, color_type, 0, 0, 0)
    others = b"".join(chunk(*each) for each in chunks)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + others + chunk(b"IDAT", data) + chunk(b"IEND", b"")


MEASURED = r"""
import re, sys
from renderers.foreign.images import decode_image
decode_image(sys.argv[1], sys.argv[2], (64, 64), 100)
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])  # ru_maxrss counts the parent, too
"""


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: deep_png(0), id="grey"),
        pytest.param(lambda: deep_png(0, (b"tRNS", b"\0\1")), id="grey with a key"),
        pytest.param(lambda: deep_png(2, (b"tRNS", b"\0\1" * 3)), id="colours with a key"),
        pytest.param(lambda: deep_png(2, (b"gAMA", struct.pack(">I", 100_000))), id="colours with a curve"),
        pytest.param(lambda: deep_png(6, (b"gAMA", struct.pack(">I", 100_000))), id="all of it"),
    ],
)
def test_memory_is_that_of_the_pixels(data: object, tmp_path: Path) -> None:
    """Between what a file holds and its normal form there is a band of rows, not the picture over again."""
    assert callable(data)
    path = tmp_path / "in.png"
    path.write_bytes(data())
    command = [sys.executable, "-c", MEASURED, str(path), str(tmp_path / "out")]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=100).stdout
    assert int(told) / 1024 < BASE_MIB + BYTES_PER_PIXEL * SIDE * SIDE / MIB


def svg(inside: str, root: str = "") -> Document:
    """A document of 100 by 100 px."""
    text = f'<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100" {root}>{inside}</svg>'
    return Document(text.encode(), 100)


def test_elements_are_not_shown_without_end() -> None:
    """Elements that show others again and again are refused long before they would be drawn."""
    shown = ['<rect width="9" height="9"/>', *(f'<use href="#g{n}"/>' * 10 for n in range(5))]
    levels = "".join(f'<g id="g{n}">{inner}</g>' for n, inner in enumerate(shown))
    with pytest.raises(InvalidInput, match="too often"):
        svg(f"<defs>{levels}</defs><use href='#g5'/>").rewritten((100, 100))


def test_many_elements_are_drawn() -> None:
    """A map has tens of thousands, and icons are shown again: that is what both are for."""
    symbol = '<defs><g id="s"><path d="M0 0h1"/></g></defs>'
    text = svg(symbol + '<use href="#s"/>' * 3000 + '<path d="M0 0h1"/>' * 30_000).rewritten((100, 100))
    assert text.count("<path") == 30_001


@pytest.mark.parametrize(
    "inside",
    [
        '<path d="M0 0H9999" stroke-dasharray="0.0001"/>',
        '<path d="M0 0H9999" stroke-dasharray="1e-9, 1e-9"/>',
        '<path d="M0 0H9999" style="stroke-dasharray: .0001 .0001px"/>',
        "<style>path{stroke-dasharray:0.0001}</style><path d='M0 0H9999'/>",
        '<g style="--d:0.0001"><path d="M0 0H9999" stroke-dasharray="var(--d)"/></g>',
    ],
)
def test_dashes_that_nobody_sees_are_a_line(inside: str) -> None:
    """A million dashes of a ten-thousandth of a px look like a line and are drawn as one."""
    text = svg(inside).rewritten((100, 100))
    assert "0.0001" not in text.replace("--d:0.0001", "")
    assert "none" in text


@pytest.mark.parametrize("dashes", ["5", "5 3", "0.5,0.5", "none", "5%", "0"])
def test_other_dashes_stay(dashes: str) -> None:
    """What can be seen is drawn as it is said."""
    text = svg(f'<path d="M0 0H99" stroke-dasharray="{dashes}"/>').rewritten((100, 100))
    assert f'stroke-dasharray="{dashes}"' in text


@needs_walls
def test_a_picture_has_seconds_of_the_processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is slow to draw ends long before the wall limit, and is not tried again."""
    monkeypatch.setattr(module, "PROGRAM", ("-c", PROBE))
    monkeypatch.setitem(module.CPU_S, "image", 0.3)
    pool = SandboxedDecoder(1, Limits(memory=2048 * MIB, wall_s=100.0), tmp_path)
    with pytest.raises(InvalidInput, match="too long") as caught:
        pool.run({"op": "image", "code": "while True: pass"})
    assert caught.value.code == "undecodable"
    pool.close()


@pytest.mark.parametrize("command", ["render", "frame"])
@pytest.mark.parametrize("name", ["project.json", "photo.png", "linked.png"])
def test_a_result_never_takes_the_place_of_its_input(
    tmp_path: Path, command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither of the project nor of a file that it names, by whatever way; all of them stay as they are."""
    project = tmp_path / "project.json"
    (tmp_path / "photo.png").write_bytes(picture())
    (tmp_path / "linked.png").symlink_to("photo.png")
    project.write_bytes(orjson.dumps(document(slides=[slide(1.0, image("./photo.png"))])))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    given = [command, str(project), "-o", str(tmp_path / name)]
    assert run([*given, *(["--at", "0"] if command == "frame" else ["--format", "png"])], {}) == exits.USAGE
    assert "overwrites_input" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("size", [(65_536, 1), (1, 65_536), (2_293_820, 40)])
def test_a_line_of_millions_is_refused(size: tuple[int, int]) -> None:
    """Whatever its area: decoders take minutes for a picture of two million by forty."""
    check_size(65_535, 1, 100)
    with pytest.raises(InvalidInput, match="limit of a side") as caught:
        check_size(*size, 100)
    assert caught.value.code == "image_too_large"
