"""What people have, as they have it: the addresses, documents and names of files of `tests/cases`, by the
command line.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from exportstream import exits
from exportstream.cli import run
from tests.integration.web import Web, web_server

FOLDER = Path(__file__).parents[1] / "cases"
SERVED = "http://127.0.0.1:8931"
"""Where the cases have their server; here it has another port."""


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server that a test teaches what to answer."""
    with web_server() as server:
        yield server


def _red(folder: Path) -> bytes:
    return (folder / "a.png").read_bytes()


def _redirects(web: Web, case: Path) -> None:
    web.answer("/caf%C3%A9.png", _red(case))
    head = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /café.png\r\n\r\n".encode()
    web.routes["/redirect-utf8"] = lambda sock, _: sock.sendall(head)


def _stands_at_a_space(web: Web, case: Path) -> None:
    web.answer("/my%20photo.png", _red(case))


def _packs(web: Web, case: Path) -> None:
    packed = gzip.compress((case / "a.svg").read_bytes())
    web.answer("/gzip.svg", packed, headers="Content-Type: image/svg+xml\r\nContent-Encoding: gzip\r\n")


@pytest.mark.parametrize(
    ("name", "served"),
    [
        ("redirect-utf8", _redirects),
        ("address-space", _stands_at_a_space),
        ("content-encoding-gzip", _packs),
    ],
)
def test_addresses_of_people_are_read(
    name: str, served: Callable[[Web, Path], None], web: Web, tmp_path: Path
) -> None:
    """Each leads to a red square."""
    served(web, FOLDER / name)
    text = (FOLDER / name / "project.json").read_text("utf-8").replace(SERVED, web.url(""))
    assert _frame(text.encode(), tmp_path)[50, 50].tolist() == [220, 30, 30]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_packed_pictures_are_unpacked(coding: str, kind: str, web: Web, tmp_path: Path) -> None:
    """Of any format, however they are packed."""
    file = io.BytesIO()
    Image.new("RGB", (20, 20), (220, 30, 30)).save(file, kind)
    pack = gzip.compress if coding == "gzip" else zlib.compress
    address = web.answer("/a", pack(file.getvalue()), headers=f"Content-Encoding: {coding}\r\n")
    document = json.loads((FOLDER / "address-space" / "project.json").read_bytes())
    document["slides"][0]["elements"][0]["src"] = address
    pixel = _frame(json.dumps(document).encode(), tmp_path)[50, 50].astype(int)
    assert np.abs(pixel - (220, 30, 30)).max() <= 6


def _frame(document: bytes, folder: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The picture at 0 s, fetched from this machine by plain HTTP."""
    (folder / "project.json").write_bytes(document)
    environ = {"FETCH_HTTP": "true", "FETCH_ALLOWED_HOSTS": "127.0.0.1"}
    assert run(["frame", str(folder / "project.json"), "-o", str(folder / "a.png")], environ) == exits.OK
    with Image.open(folder / "a.png") as made:
        return np.asarray(made.convert("RGB"))


@pytest.mark.parametrize("name", ["json-bom", "whole-numbers"])
@pytest.mark.parametrize("piped", [False, True])
def test_documents_of_other_programs_are_read(
    name: str, piped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a file and from standard input."""
    file = FOLDER / name / "project.json"
    if piped:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    source = "-" if piped else str(file)
    assert run(["frame", source, "-o", str(tmp_path / "a.png")], {}) == exits.OK
    with Image.open(tmp_path / "a.png") as made:
        assert made.size == (320, 180)
        assert np.asarray(made.convert("L"))[10:45, 10:60].min() < 90


def test_another_encoding_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence says which it is and what to do ("json-utf16")."""
    file = FOLDER / "json-utf16" / "project.json"
    assert run(["render", str(file), "-o", str(tmp_path / "a.mp4")], {}) == exits.USAGE
    assert "UTF-16; write it in UTF-8." in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["xyz", "mov", "webm", "mkv", "MKV", "tar.gz"])
def test_a_name_that_asks_for_no_format_is_refused(
    ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any work, with the endings that are written ("output-name")."""
    file, out = FOLDER / "output-name" / "project.json", tmp_path / f"film.{ending}"
    assert run(["render", str(file), "-o", str(out)], {}) == exits.USAGE
    told = capsys.readouterr().err
    assert f"film.{ending}" in told
    assert all(f".{name}" in told for name in ("mp4", "gif", "mp3", "wav", "m4a", "png"))
    assert not out.exists()


def test_a_name_decides_unless_the_format_is_said(tmp_path: Path) -> None:
    """`film.gif` is a GIF, and `--format` has the last word."""
    file = FOLDER / "output-name" / "project.json"
    assert run(["render", str(file), "-o", str(tmp_path / "film.gif"), "--quiet"], {}) == exits.OK
    assert (tmp_path / "film.gif").read_bytes()[:6] == b"GIF89a"
    options = ["--format", "mp4", "--quiet"]
    assert run(["render", str(file), "-o", str(tmp_path / "film.xyz"), *options], {}) == exits.OK
    assert (tmp_path / "film.xyz").read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize("size", [(728, 90), (970, 90), (160, 600), (320, 50)])
def test_a_banner_becomes_a_film(
    size: tuple[int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of its own shape, without any option, or with that which the message names ("banner")."""
    document = json.loads((FOLDER / "banner" / "project.json").read_bytes())
    document |= {"width": size[0], "height": size[1]}
    (tmp_path / "project.json").write_text(json.dumps(document), "utf-8")
    out = tmp_path / "film.mp4"
    command = ["render", str(tmp_path / "project.json"), "-o", str(out), "--quiet"]
    if size == (160, 600):
        assert run(command, {}) == exits.USAGE
        assert "choose a lower quality" in capsys.readouterr().err
        command += ["--quality", "720p"]
    assert run(command, {}) == exits.OK
    with av.open(str(out)) as film:
        stream = film.streams.video[0]
        assert stream.width / stream.height == pytest.approx(size[0] / size[1], rel=0.03)
