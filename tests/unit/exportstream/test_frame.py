"""`exportstream frame`: a moment as a PNG, with the sandboxed decoder and files as users have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pytest
from PIL import Image

from exportstream import exits
from exportstream.cli import run
from tests.acceptance.media import picture
from tests.unit.builders import document, image, rect, slide


def written(folder: Path, **keys: object) -> Path:
    """A project as a file, with a picture beside it."""
    (folder / "photo.png").write_bytes(picture())
    path = folder / "project.json"
    path.write_bytes(orjson.dumps(document(**keys)))
    return path


def test_a_moment_becomes_a_picture_of_the_documents_size(tmp_path: Path) -> None:
    """Also where a side is odd, as no video may be; with a picture that is named by a relative path."""
    box = rect("#ff0000", x=10, y=20, width=50, height=40)
    photo = image("photo.png", x=200, y=0, width=100, height=100, fit="fill")
    file = written(
        tmp_path, width=321, height=181, slides=[slide(1.0), slide(1.0, box, photo, color="white")]
    )
    out = tmp_path / "frame.png"
    assert run(["frame", str(file), "--at", "1.5", "-o", str(out)], {}) == exits.OK
    with Image.open(out) as made:
        pixels = np.asarray(made)
    assert pixels.shape == (181, 321, 3)
    assert pixels[40, 35].tolist() == [255, 0, 0]
    assert pixels[170, 5].tolist() == [255, 255, 255]
    with Image.open(tmp_path / "photo.png") as source:
        shown = source.convert("RGB").resize((100, 100), Image.Resampling.BILINEAR)
    middle = np.asarray(shown)[30:70, 30:70].astype(int)
    assert np.abs(pixels[30:70, 230:270].astype(int) - middle).mean() < 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frame.png", "photo.png", "project.json"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--at", "-1"], "A moment is given in seconds from 0 on. [bad_time]"),
        (["--at", "nan"], "A moment is given in seconds from 0 on. [bad_time]"),
        (["--at", "inf"], "A moment is given in seconds from 0 on. [bad_time]"),
        (["-o", "nowhere/frame.png"], "The folder nowhere does not exist. [no_such_folder]"),
        (["-o", "frame.gif"], "frame.gif cannot be written; use a name that ends with .png, .jpg, .webp."),
        (["-o", "frame.mp4"], "frame.mp4 cannot be written; use a name that ends with .png, .jpg, .webp."),
        (["-o", "frame.bmp"], "frame.bmp cannot be written; use a name that ends with .png, .jpg, .webp."),
        (["-o", "."], ". is a folder; name the file to write. [is_a_folder]"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    """In one sentence with a code; nothing is written."""
    file = written(tmp_path, slides=[slide(1.0)])
    out = tmp_path / "frame.png"
    assert run(["frame", str(file), "-o", str(out), *options], {}) == exits.USAGE
    assert told in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("size", [(17, 5), (8, 8), (320, 11), (321, 181)])
def test_elements_lie_where_the_document_says(tmp_path: Path, size: tuple[int, int]) -> None:
    """To the pixel, also in documents smaller than any video, and in those with odd sides."""
    width, height = size
    half = rect("#ff0000", x=0, y=0, width=width // 2, height=height)
    file = written(tmp_path, width=width, height=height, slides=[slide(1.0, half, color="#0000ff")])
    out = tmp_path / "frame.png"
    assert run(["frame", str(file), "-o", str(out)], {}) == exits.OK
    with Image.open(out) as made:
        pixels = np.asarray(made)
    assert pixels.shape == (height, width, 3)
    assert (pixels[:, : width // 2] == (255, 0, 0)).all()
    assert (pixels[:, width // 2 :] == (0, 0, 255)).all()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.png", "PNG"), ("a.JPG", "JPEG"), ("a.jpeg", "JPEG"), ("a.webp", "WEBP"), ("a", "PNG")],
)
def test_the_name_decides_what_is_written(tmp_path: Path, name: str, kind: str) -> None:
    """By its suffix, as `render` does; without one it is a PNG."""
    file = written(tmp_path, width=321, height=181, slides=[slide(1.0, color="#ff0000")])
    out = tmp_path / name
    assert run(["frame", str(file), "-o", str(out)], {}) == exits.OK
    with Image.open(out) as made:
        assert (made.format, made.size) == (kind, (321, 181))
        pixel = made.convert("RGB").getpixel((160, 90))
    assert isinstance(pixel, tuple)
    assert np.abs(np.subtract(pixel, (255, 0, 0))).max() < 4
