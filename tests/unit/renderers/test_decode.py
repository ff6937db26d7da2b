"""The decoder program: foreign bytes in, normal forms or a code and a sentence out."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from renderers.foreign.decode import answer, main
from renderers.stored.pixels import Pixels, unpack
from renderers.text import fontfiles


class _Sandbox:
    """Files in a folder, and the decoder asked about them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes, name: str = "in") -> str:
        """A file with these bytes."""
        path = self.folder / name
        path.write_bytes(data)
        return str(path)

    def ask(self, op: str, data: bytes, **fields: Any) -> dict[str, Any]:
        """The decoder's answer."""
        return answer(
            json.dumps({"op": op, "path": self.put(data), "out": str(self.folder / "out"), **fields})
        )

    def pixels(self, data: bytes, **fields: Any) -> Pixels:
        """The normal form of a picture that is in order."""
        described = self.ask("image", data, **fields)
        assert described["ok"], described
        return unpack((self.folder / "out").read_bytes())[0]


@pytest.fixture
def sandbox(tmp_path: Path) -> _Sandbox:
    """A decoder with a folder of its own."""
    return _Sandbox(tmp_path)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _quarters(mode: str = "RGB") -> Image.Image:
    """64 × 32 with red, green, blue and white quarters."""
    image = Image.new("RGB", (64, 32), "white")
    for color, corner in (("red", (0, 0)), ("lime", (32, 0)), ("blue", (0, 16))):
        image.paste(color, (*corner, corner[0] + 32, corner[1] + 16))
    return image.convert(mode)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_pictures_come_out_as_they_are(sandbox: _Sandbox, kind: str) -> None:
    """Each allowed format gives opaque RGBA of its own size with its colours."""
    pixels = sandbox.pixels(_saved(_quarters(), kind))
    assert pixels.shape == (32, 64, 4)
    assert np.abs(pixels[8, 16].astype(int) - (255, 0, 0, 255)).max() <= 6
    assert np.abs(pixels[24, 16].astype(int) - (0, 0, 255, 255)).max() <= 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_obeyed(sandbox: _Sandbox, orientation: int) -> None:
    """However a camera stored it, the red quarter is at the upper left."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = _quarters()
    stored = image.transpose(back[orientation]) if orientation in back else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = sandbox.pixels(_saved(stored, "JPEG", exif=exif, quality=95), max_width=32, max_height=8)
    assert pixels.shape == (16, 32, 4)
    assert np.abs(pixels[4, 8].astype(int) - (255, 0, 0, 255)).max() <= 8
    assert np.abs(pixels[4, 24].astype(int) - (0, 255, 0, 255)).max() <= 8


def test_pictures_are_scaled_to_what_is_needed(sandbox: _Sandbox) -> None:
    """The result covers the box in both directions, to the nearest px, and is no larger than the source."""
    data = _saved(_quarters().resize((640, 320)), "JPEG")
    assert sandbox.pixels(data, max_width=100, max_height=80).shape == (80, 160, 4)
    assert sandbox.pixels(data, max_width=200, max_height=10).shape == (100, 200, 4)
    assert sandbox.pixels(data, max_width=1, max_height=1).shape == (1, 2, 4)
    assert sandbox.pixels(data, max_width=9000, max_height=9000).shape == (320, 640, 4)


def test_alpha_is_premultiplied(sandbox: _Sandbox) -> None:
    """Half transparent red has half of its red; a palette's transparency counts too."""
    pixels = sandbox.pixels(_saved(Image.new("RGBA", (4, 4), (255, 0, 0, 128)), "PNG"))
    assert tuple(pixels[0, 0]) == (128, 0, 0, 128)
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([0, 255, 0, 0, 0, 0])
    assert tuple(sandbox.pixels(_saved(palette, "PNG", transparency=0))[0, 0]) == (0, 0, 0, 0)


def test_deep_grey_cmyk_and_profiles_become_srgb(sandbox: _Sandbox) -> None:
    """16-bit grey, CMYK and a picture with a profile come out in 8-bit sRGB."""
    deep = Image.fromarray(np.full((4, 4), 0x8080, np.uint16))
    assert tuple(sandbox.pixels(_saved(deep, "PNG"))[0, 0]) == (128, 128, 128, 255)
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    assert (
        np.abs(sandbox.pixels(_saved(cmyk, "JPEG", quality=100))[8, 8].astype(int) - (255, 0, 0, 255)).max()
        <= 3
    )
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    plain = sandbox.pixels(_saved(_quarters(), "PNG", icc_profile=profile))
    assert tuple(plain[8, 16]) == (255, 0, 0, 255)


@pytest.mark.parametrize(
    ("data", "fields", "code"),
    [
        (b"", {}, "empty_file"),
        (b"just some text", {}, "unsupported_image"),
        (b"BM" + bytes(100), {}, "unsupported_image"),
        (_saved(_quarters(), "PNG"), {"max_megapixels": 0.001}, "image_too_large"),
        (b"\xff\xd8\xff" + bytes(64), {}, "broken_image"),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
            {},
            "svg_external",
        ),
        (b"<svg xmlns='http://www.w3.org/2000/svg' fill='url(http://a/b#c)'/>", {}, "svg_external"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><rect></svg>", {}, "broken_svg"),
    ],
)
def test_bad_pictures_have_a_code(sandbox: _Sandbox, data: bytes, fields: dict[str, Any], code: str) -> None:
    """What cannot be decoded is refused with a stable code and a sentence."""
    refused = sandbox.ask("image", data, **fields)
    assert not refused["ok"]
    assert refused["code"] == code, refused
    assert refused["message"].endswith(".")


def test_svg_is_drawn_at_the_size_needed(sandbox: _Sandbox) -> None:
    """A small drawing covers a large box sharply, with the rules of its style sheet."""
    data = (
        b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 10 5'><style>.a{fill:#f00}</style>"
        b"<rect class='a' width='5' height='5'/><rect x='5' width='5' height='5' style='fill:lime'/></svg>"
    )
    pixels = sandbox.pixels(data, max_width=400, max_height=100)
    assert pixels.shape == (200, 400, 4)
    assert tuple(pixels[100, 198]) == (255, 0, 0, 255)
    assert tuple(pixels[100, 201]) == (0, 255, 0, 255)


def _sound() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((2, 2, 8000, 0, "NONE", ""))
        writer.writeframes(bytes(4 * 4000))
    return file.getvalue()


def test_sound_is_described(sandbox: _Sandbox) -> None:
    """A sound's length, rate and channels are found; what has none is told apart from what is none."""
    described = sandbox.ask("audio", _sound())
    assert described == {
        "ok": True,
        "duration": 0.5,
        "codec": "pcm_s16le",
        "samples": 24000,
        "warnings": [],
        "sample_rate": 8000,
        "channels": 2,
    }
    assert sandbox.ask("audio", b"hello")["code"] == "unsupported_audio"
    assert sandbox.ask("audio", b"ffconcat version 1.0\nfile /etc/passwd\n")["code"] == "unsupported_audio"
    assert sandbox.ask("audio", b"OggS" + bytes(60))["code"] == "broken_audio"


def test_fonts_are_written_anew(sandbox: _Sandbox) -> None:
    """A font comes out as one that draws, without tables that nobody needs; other files do not."""
    data = next(file for file in fontfiles.SHIPPED if file.name == "FiraMono_Bold").load()
    described = sandbox.ask("font", data)
    assert described["ok"], described
    assert (described["family"], described["weight"], described["style"]) == ("Fira Mono", 700, "normal")
    assert sandbox.ask("font", (sandbox.folder / "out").read_bytes())["ok"]
    assert sandbox.ask("font", b"hello")["code"] == "unsupported_font"
    assert sandbox.ask("font", data[:20000])["code"] in ("broken_font", "bad_font")
    assert sandbox.ask("font", b"\x00\x01\x00\x00" + bytes(100))["code"] in ("broken_font", "bad_font")


def test_the_program_answers_each_line() -> None:
    """Whatever a line is, there is one answer to it and the program goes on."""
    answers = io.StringIO()
    main(
        io.StringIO('nonsense\n\n{"op": "shell"}\n{"op": "image", "path": "/nowhere", "out": "/nowhere"}\n'),
        answers,
    )
    codes = [json.loads(line)["code"] for line in answers.getvalue().splitlines()]
    assert codes == ["bad_request", "bad_request", "unreadable"]
