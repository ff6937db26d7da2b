"""The example project: what it shows, and that the script of the repository makes all of it."""

from __future__ import annotations

import json
import unicodedata
import wave
from pathlib import Path

import launch_music
import make_launch
import numpy as np
import pytest
from launch_canvas import save
from launch_slides import slides
from launch_words import starts
from PIL import Image

from schemas.elements import ImageElement, ShapeElement, TextElement
from schemas.project import Project, parse_project, sources, unsupported

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "launch"
SCRIPTS = (
    "LATIN",
    "CYRILLIC",
    "GREEK",
    "ARABIC",
    "HEBREW",
    "DEVANAGARI",
    "THAI",
    "CJK",
    "HIRAGANA",
    "HANGUL",
)


@pytest.fixture(scope="module")
def project() -> Project:
    """The document as it lies in the repository."""
    return parse_project((FOLDER / "project.json").read_bytes())


def test_the_document_is_what_the_script_writes() -> None:
    """`python examples/make_launch.py` writes it anew."""
    assert (FOLDER / "project.json").read_text(encoding="utf-8") == make_launch.written()


def test_it_can_be_exported(project: Project) -> None:
    """It holds nothing that exports cannot show yet, and its file names are those that the script makes."""
    assert unsupported(project) is None
    assert {ref.src for ref in sources(project)} == {f"media/{name}" for name in make_launch.makers(7)}


def test_it_shows_what_the_product_can_do(project: Project) -> None:
    """Slides, transitions, all kinds of elements, and two tracks of which one makes way for the other."""
    assert (project.width, project.height, len(project.slides)) == (1920, 1080, 9)
    transitions = {slide.transition.type for slide in project.slides if slide.transition is not None}
    assert len(transitions) >= 6
    elements = [element for slide in project.slides for element in slide.elements]
    assert {type(element) for element in elements} == {TextElement, ImageElement, ShapeElement}
    assert all(any(element.animations for element in slide.elements) for slide in project.slides)
    assert len(project.audio) == 2
    assert project.audio[0].duck is not None


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_speaks_many_scripts(project: Project, script: str) -> None:
    """A writing system that breaks is seen in the demo."""
    texts = [e.text for slide in project.slides for e in slide.elements if isinstance(e, TextElement)]
    letters = {unicodedata.name(c, "").split(" ")[0] for text in texts for c in text if c.isalpha()}
    assert script in {name.partition("-")[0] for name in letters}


def test_everything_stays_inside_the_picture(project: Project) -> None:
    """At rest no text touches the edge: a margin of 60 px all around what is written at the side."""
    for slide in project.slides:
        for element in slide.elements:
            if isinstance(element, TextElement) and element.width < 1900:
                assert element.x >= 60
                assert element.x + element.width <= 1860
                assert 60 <= element.y <= element.y + element.height <= 1020


def test_the_slides_follow_one_another_without_a_gap(project: Project) -> None:
    """The script's times, which the chimes ring at, are those of the product."""
    assert starts(slides())[-1] == pytest.approx(float(project.seconds()))


def test_the_same_seed_makes_the_same_picture(tmp_path: Path) -> None:
    """Byte for byte; another seed makes another one."""
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        make_launch.picture("city.jpg", seed)(tmp_path / f"{name}.jpg")
    first, again, other = ((tmp_path / f"{name}.jpg").read_bytes() for name in "abc")
    assert first == again
    assert first != other
    with Image.open(tmp_path / "a.jpg") as picture:
        assert picture.width >= 1920
        assert picture.height >= 1080


def test_pictures_are_whole(tmp_path: Path) -> None:
    """What is not a number would be a black hole; such a picture is refused."""
    broken = np.full((4, 4, 3), np.nan, np.float32)
    with pytest.raises(ValueError, match="not a number"):
        save(broken, tmp_path / "x.jpg", np.random.default_rng(0))


def test_the_music_is_heard_and_never_clips(tmp_path: Path) -> None:
    """Eight seconds of it: stereo, with room above, silent at the very end."""
    sound = launch_music.music(np.random.default_rng(7), 8.0)
    assert sound.shape == (2, 8 * launch_music.RATE)
    assert 0.5 < float(np.abs(sound).max()) <= 0.75
    assert float(np.sqrt(np.mean(sound**2))) > 0.05
    assert float(np.abs(sound[:, -10:]).max()) < 0.01
    launch_music.write(sound, tmp_path / "music.wav")
    with wave.open(str(tmp_path / "music.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 48_000, 8 * 48_000)


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    """With --if-missing only the document is written, when all media are there."""
    (tmp_path / "media").mkdir()
    for name in make_launch.makers(7):
        (tmp_path / "media" / name).write_bytes(b"kept")
    assert make_launch.main(["--out", str(tmp_path), "--if-missing"]) == 0
    assert {path.read_bytes() for path in (tmp_path / "media").iterdir()} == {b"kept"}
    assert json.loads((tmp_path / "project.json").read_text())["name"].startswith("Aubade")
