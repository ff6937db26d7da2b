"""What people have, as they have it: the pictures of `tests/cases` are what Chromium shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.fidelity.given import FOLDER, Drawn, compare_folders
from tests.fidelity.pictures import grainy
from tests.servers.needs import needed

ELSEWHERE = {
    "address-space": "tests/acceptance/test_given_documents.py",
    "banner": "tests/acceptance/test_given_documents.py",
    "content-encoding-gzip": "tests/acceptance/test_given_documents.py",
    "json-utf16": "tests/acceptance/test_given_documents.py",
    "output-name": "tests/acceptance/test_given_documents.py",
    "redirect-utf8": "tests/acceptance/test_given_documents.py",
    "aac-adts-length": "tests/acceptance/test_given_sounds.py",
    "flac-streamed": "tests/acceptance/test_given_sounds.py",
    "mp3-no-length": "tests/acceptance/test_given_sounds.py",
    "recording-without-length": "tests/acceptance/test_given_sounds.py",
    "recording-without-length-loop": "tests/acceptance/test_given_sounds.py",
    "sound-begins-late": "tests/acceptance/test_given_sounds.py",
    "sound-magic-id3": "tests/acceptance/test_given_sounds.py",
    "sound-magic-mov": "tests/acceptance/test_given_sounds.py",
    "sound-magic-mp3": "tests/acceptance/test_given_sounds.py",
    "sound-many-channels": "tests/acceptance/test_given_sounds.py",
    "sound-time-stamps": "tests/acceptance/test_given_sounds.py",
    "trim-beyond-end": "tests/acceptance/test_given_sounds.py",
}
"""Cases that end in no picture, and where they are tested."""

OTHER_LETTERS = {"svg-text", "svg-drawio-text"}
"""Text inside of an SVG: a browser takes the system's fonts for it, and HTML where there is some."""

BLOCKS = {"span-inside-matra": 7.0}
"""Levels by which a square of 32 px may differ; where it is more than 5, docs/fidelity.md says why."""

DOCUMENTS = [
    f"{folder.name}/{path.name}"
    for folder in sorted(FOLDER.iterdir())
    if folder.name not in ELSEWHERE
    for path in sorted(folder.glob("*.json"))
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Drawn]:
    """All of them, drawn both ways; photographs are made here."""
    folder = tmp_path_factory.mktemp("cases")
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    (folder / "photo-cover" / "photo.jpg").write_bytes(grainy())
    (folder / "photo-cover" / "exif6.jpg").write_bytes(grainy(6))
    with needed():
        found = compare_folders([folder / name for name in DOCUMENTS])
    return dict(zip(DOCUMENTS, found, strict=True))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_case_is_what_chromium_shows(name: str, results: dict[str, Drawn]) -> None:
    """Structure, levels, and no square of 32 px that looks otherwise."""
    result, case = results[name], Path(name).parent.name
    if case in OTHER_LETTERS:
        assert result.ours.shape == result.theirs.shape
        return
    assert result.ssim >= 0.98
    assert result.levels <= 1.5
    assert result.block <= BLOCKS.get(case, 5.0)


@pytest.mark.parametrize(
    ("case", "box"), [("svg-text", (10, 30, 90, 58)), ("svg-drawio-text", (45, 25, 80, 45))]
)
def test_text_in_an_svg_is_drawn(
    case: str, box: tuple[int, int, int, int], results: dict[str, Drawn]
) -> None:
    """In a shipped font, where a browser has one of its own."""
    left, top, right, bottom = box
    part = results[f"{case}/project.json"].ours[top:bottom, left:right, :3]
    assert (part.max(axis=2) < 90).mean() > 0.02


def test_no_case_is_left_out() -> None:
    """Each of the 80 has a document here or a test elsewhere."""
    folders = {folder.name for folder in FOLDER.iterdir() if folder.is_dir()}
    assert len(folders) == 80
    assert folders == {name.partition("/")[0] for name in DOCUMENTS} | set(ELSEWHERE)
    root = FOLDER.parents[1]
    for name, file in ELSEWHERE.items():
        assert f'"{name}"' in (root / file).read_text("utf-8"), name


def test_a_moving_text_is_as_whole_as_one_at_rest(results: dict[str, Drawn]) -> None:
    """Swashes are not cut while anything of the text moves."""
    still, moving = (results[f"moving-text-cut/{name}.json"].ours for name in ("still", "project"))
    assert np.abs(still[..., :3].astype(int) - moving[..., :3]).max() <= 2
