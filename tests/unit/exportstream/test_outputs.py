"""Where finished files go: one file, numbered ones, or a folder; and what is too ambiguous to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from PIL import Image

from exportstream import exits
from exportstream.cli import parser, run
from exportstream.client import Client
from exportstream.commands.submit import download
from exportstream.outputs import Output, format_asked, output_of
from schemas.errors import InvalidInput
from tests.unit.builders import document, slide

SMALL = ("--quality", "720p", "-q")
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))


@pytest.fixture
def project(tmp_path: Path) -> str:
    """A project of three slides, each of one colour."""
    path = tmp_path / "project.json"
    slides = [slide(1.0, color=f"#{r:02x}{g:02x}{b:02x}") for r, g, b in COLOURS]
    path.write_bytes(orjson.dumps(document(width=64, height=36, slides=slides)))
    return str(path)


def colour(path: Path) -> tuple[int, ...]:
    """The colour in the middle of a picture, each part of it 0 or 255."""
    with Image.open(path) as picture:
        pixel = picture.convert("RGB").getpixel((32, 18))
    assert isinstance(pixel, tuple)
    return tuple(255 * (value > 127) for value in pixel)


def written(folder: Path) -> list[str]:
    """The names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir() if path.name != "project.json")


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "webp"])
def test_each_slide_becomes_a_numbered_file(tmp_path: Path, project: str, suffix: str) -> None:
    """Beside the name that was given, with its suffix, in the order of the slides."""
    out = tmp_path / f"stills.{suffix}"
    assert run(["render", project, "-o", str(out), "--each-slide", *SMALL], {}) == exits.OK
    names = [f"stills-{number:02}.{suffix}" for number in (1, 2, 3)]
    assert written(tmp_path) == names
    assert tuple(colour(tmp_path / name) for name in names) == COLOURS


@pytest.mark.parametrize(("name", "there"), [("stills/", False), ("stills/", True), ("stills", True)])
def test_each_slide_becomes_a_file_in_a_folder(tmp_path: Path, project: str, name: str, there: bool) -> None:
    """One that is there, or that a slash asks for: it is made. Files keep the names of the result."""
    if there:
        (tmp_path / "stills").mkdir()
    arguments = ["-o", f"{tmp_path}/{name}", "--format", "png", "--each-slide", *SMALL]
    assert run(["render", project, *arguments], {}) == exits.OK
    names = written(tmp_path / "stills")
    assert names == ["slide-001.png", "slide-002.png", "slide-003.png"]
    assert tuple(colour(tmp_path / "stills" / name) for name in names) == COLOURS


def test_one_moment_is_one_file(tmp_path: Path, project: str) -> None:
    """Under the very name that was given."""
    out = tmp_path / "still.png"
    assert run(["render", project, "-o", str(out), "--at", "1.5", *SMALL], {}) == exits.OK
    assert written(tmp_path) == ["still.png"]
    assert colour(out) == COLOURS[1]


def test_what_was_written_is_said(tmp_path: Path, project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The first and the last name with their number and size; as JSON all of them."""
    out = str(tmp_path / "stills.png")
    arguments = ["render", project, "-o", out, "--each-slide", "--quality", "720p"]
    assert run(arguments, {}) == exits.OK
    line = capsys.readouterr().out
    assert line.startswith(f"{tmp_path}/stills-01.png … {tmp_path}/stills-03.png  3 files, ")
    assert run([*arguments, "--json", "-q"], {}) == exits.OK
    told = orjson.loads(capsys.readouterr().out)
    assert told["outputs"] == [f"{tmp_path}/stills-0{number}.png" for number in (1, 2, 3)]
    assert told["output"] == out


def test_a_cache_keeps_nothing_of_the_job(tmp_path: Path, project: str) -> None:
    """All files that are named by the job are removed from it, not only the first."""
    cache = tmp_path / "cache"
    arguments = ["-o", str(tmp_path / "stills.png"), "--each-slide", "--cache", str(cache), *SMALL]
    assert run(["render", project, *arguments], {}) == exits.OK
    assert [path for path in cache.rglob("*") if path.is_file() and "exports" in path.parts] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-o", "stills.png", "--each-slide", "--at", "1"], "ambiguous"),
        (["-o", "film.mp4", "--each-slide"], "not_a_picture"),
        (["-o", "film.mp4", "--at", "1"], "not_a_picture"),
        (["-o", "stills", "--each-slide"], "not_a_picture"),
        (["-o", "stills/", "--each-slide"], "no_format"),
        (["-o", ".", "--each-slide"], "no_format"),
        (["-o", ".", "--format", "png"], "is_a_folder"),
        (["-o", "stills/", "--format", "png"], "is_a_folder"),
        (["-o", "nowhere/stills/", "--format", "png", "--each-slide"], "no_such_folder"),
        (["-o", "nowhere/stills.png", "--each-slide"], "no_such_folder"),
        (["-o", "project.json/", "--format", "png", "--each-slide"], "not_a_folder"),
        (["-o", "film.mp4", "--format", "gif"], "formats_differ"),
        (["-o", "stills.jpg", "--format", "png", "--each-slide"], "formats_differ"),
        (["-o", "still.png", "--at", "nan"], "non_finite"),
        (["-o", "still.png", "--at", "-1"], "invalid_value"),
        (["-o", "still.png", "--at", "99"], "invalid_value"),
    ],
)
def test_what_is_ambiguous_is_refused(
    tmp_path: Path,
    project: str,
    arguments: Sequence[str],
    code: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In one sentence with a code, before the work; nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert run(["render", project, *arguments, *SMALL], {}) == exits.USAGE
    told = capsys.readouterr().err.strip()
    assert told.endswith(f"[{code}]"), told
    assert len(told.splitlines()) == 1
    assert written(tmp_path) == []


def test_submit_refuses_the_same_before_it_asks(tmp_path: Path, project: str) -> None:
    """No API is needed to know."""
    options = parser("submit").parse_args(["submit", project, "--each-slide", "--format", "mp4"])
    with pytest.raises(InvalidInput) as caught:
        format_asked(options, output_of(options))
    assert caught.value.code == "not_a_picture"


class Served(Client):
    """An API that has two stills of a job, and hands each out as its own address."""

    def __init__(self) -> None:
        super().__init__("http://api")

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The list of files."""
        assert path == "/v1/exports/j/files"
        return {"files": [{"name": f"slide-00{n}.png", "url": f"{path}/slide-00{n}.png"} for n in (1, 2)]}

    def download(self, path: str, target: Path) -> int:
        """The address as a file."""
        return target.write_text(path)


@pytest.mark.parametrize(
    ("name", "several", "expected"),
    [
        ("a.png", False, {"a.png": "/v1/exports/j/file"}),
        ("a.png", True, {f"a-0{n}.png": f"/v1/exports/j/files/slide-00{n}.png" for n in (1, 2)}),
        ("a/", True, {f"a/slide-00{n}.png": f"/v1/exports/j/files/slide-00{n}.png" for n in (1, 2)}),
    ],
)
def test_submit_downloads_each_file(
    tmp_path: Path, name: str, several: bool, expected: dict[str, str]
) -> None:
    """By the links of the list, to the same places as `render` writes them."""
    output = Output(tmp_path / name, name.endswith("/"), several)
    places = download(Served(), {"id": "j"}, output)
    assert {str(path.relative_to(tmp_path)): path.read_text() for path in places} == expected


@pytest.mark.parametrize(
    ("name", "count", "last"),
    [
        ("a.png", 1, "a-01.png"),
        ("a.png", 99, "a-99.png"),
        ("a.b.jpg", 100, "a.b-100.jpg"),
        ("a", 2, "a-02.webp"),
    ],
)
def test_numbers_have_as_many_digits_as_sort_well(name: str, count: int, last: str) -> None:
    """Two, or as many as the last one needs; a name without a suffix gets that of the files."""
    places = Output(Path(name), folder=False, several=True).places([f"slide-{n}.webp" for n in range(count)])
    assert (len(set(places)), places[-1]) == (count, Path(last))
    assert places == sorted(places)
