"""What `submit` sends with a document, and what it says at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exportstream import exits
from exportstream.commands.submit import load, with_uploads
from exportstream.outputs import check_output, format_of
from exportstream.reporting import report
from schemas.errors import InvalidInput


class Uploads:
    """Where files go, noted down."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, path: Path) -> str:
        """The key of a file."""
        self.names.append(path.name)
        return f"key-of-{path.name}"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A document's folder with a photo, and a secret outside of it."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "photo.jpg").write_bytes(b"x")
    (tmp_path / "secret.txt").write_bytes(b"x")
    (folder / "link.jpg").symlink_to(tmp_path / "secret.txt")
    return folder


def test_files_beside_the_document_are_uploaded_once(base: Path) -> None:
    """Each file is sent once, wherever and however often it is named; `meta` stays as it is."""
    uploads = Uploads()
    document = {
        "slides": [{"elements": [{"src": "photo.jpg"}, {"src": "photo.jpg"}]}],
        "audio": [{"midi": "./photo.jpg"}],
        "meta": {"src": "photo.jpg"},
    }
    sent: dict[str, Any] = with_uploads(document, base, uploads)
    assert sent["slides"][0]["elements"] == [{"src": "key-of-photo.jpg"}] * 2
    assert sent["audio"] == [{"midi": "key-of-photo.jpg"}]
    assert sent["meta"] == {"src": "photo.jpg"}
    assert uploads.names == ["photo.jpg", "photo.jpg"]


@pytest.mark.parametrize(
    "src",
    [
        "../secret.txt",
        "link.jpg",
        "/etc/hostname",
        "https://example.com/photo.jpg",
        "data:image/png;base64,AAAA",
        "missing.jpg",
        "x" * 5000,
        "nul\x00",
        "",
        ".",
    ],
)
def test_nothing_else_is_uploaded(base: Path, src: str) -> None:
    """A document from elsewhere cannot reach files outside of its folder; what is no file stays."""
    uploads = Uploads()
    assert with_uploads({"src": src}, base, uploads) == {"src": src}
    assert uploads.names == []


@pytest.mark.parametrize("document", [b"", b"[]", b"not JSON", b"\xff"])
def test_what_is_no_document_is_not_sent(document: bytes) -> None:
    """A sentence before anything is uploaded."""
    with pytest.raises(InvalidInput) as caught:
        load(document)
    assert caught.value.code == "invalid_json"


def test_a_document_nested_without_end_is_refused(base: Path) -> None:
    """Depth is an error with a sentence, not a traceback."""
    deep = load(b'{"a":' * 900 + b"1" + b"}" * 900)
    with pytest.raises(InvalidInput, match="nested"):
        with_uploads(deep, base, Uploads())


@pytest.mark.parametrize(
    ("job", "code"),
    [
        ({"status": "completed", "result": {"size": 1500, "duration": 65.2}}, exits.OK),
        ({"status": "cancelled"}, exits.CANCELLED),
        ({"status": "failed", "error": {"code": "c", "message": "m", "stage": "encode"}}, exits.FAILED),
        ({"status": "failed", "error": {"code": "c", "message": "m", "stage": "plan"}}, exits.USAGE),
        (
            {"status": "failed", "error": {"code": "c", "message": "m", "stage": "plan", "retriable": True}},
            exits.UNAVAILABLE,
        ),
    ],
)
def test_the_exit_code_says_how_a_job_ended(job: dict[str, Any], code: int) -> None:
    """0 done, 1 failed, 2 wrong input, 3 a service is away, 4 cancelled."""
    assert report({"id": "j", **job}, as_json=False) == code


def test_a_failure_is_one_sentence_with_path_and_code(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error; standard output stays empty."""
    error = {"code": "asset_not_found", "message": "There is no photo.", "path": "slides[0]", "stage": "plan"}
    report({"id": "j", "status": "failed", "error": error}, as_json=False)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "exportstream: There is no photo. (slides[0]) [asset_not_found]\n")


def test_a_success_says_where_how_long_and_how_large(capsys: pytest.CaptureFixture[str]) -> None:
    """The line that a person reads, after the warnings."""
    job = {"id": "j", "status": "completed", "result": {"size": 1500, "duration": 65.2}, "warnings": ["w"]}
    report(job, [Path("film.mp4")], as_json=False)
    assert capsys.readouterr() == ("film.mp4  1:05.2, 1.5 kB\n", "warning: w\n")


def test_a_file_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    """A folder, or a name in a folder that is not there."""
    for output in (tmp_path, tmp_path / "nowhere" / "film.mp4", Path(".")):
        with pytest.raises(InvalidInput):
            check_output(output)
    check_output(tmp_path / "film.mp4")


@pytest.mark.parametrize("name", ["film.xyz", "film.MOV", "film.webm", "a.b.pdf", "film.m5a"])
def test_an_ending_that_is_no_format_is_refused(name: str) -> None:
    """The sentence lists those that are; a name without one is a film."""
    with pytest.raises(InvalidInput, match=r"\.mp4, \.gif") as caught:
        format_of(Path(name))
    assert caught.value.code == "unknown_ending"
    assert format_of(Path("film.MP4")) == "mp4"
    assert format_of(Path("a.JPG")) == "jpeg"
    assert format_of(Path("film")) == "mp4"
