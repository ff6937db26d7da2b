"""Whole exports in one process: what the document says is what the file shows and sounds like."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray
from PIL import Image

from schemas.hashing import content_hash
from schemas.project import parse_project
from tests.acceptance.local_runs import LocalWorker
from tests.acceptance.media import Film, decode, inline, picture, tone
from tests.unit.builders import Document, document, fade, image, move, rect, slide, text, track

TRANSITIONS = [
    "none",
    "fade",
    *(f"slide-{where}" for where in ("left", "right", "up", "down")),
    *(f"wipe-{where}" for where in ("left", "right", "up", "down")),
    "zoom",
]
STOPS = [{"color": "red", "offset": 0}, {"color": "rgb(0, 0, 255)", "offset": 1}]
BACKGROUNDS: list[Document] = [
    {"type": "solid", "color": "#0a0"},
    {"type": "linear-gradient", "angle": 90, "stops": STOPS},
    {"type": "radial-gradient", "cx": 0.5, "cy": 0.5, "radius": 1, "stops": STOPS},
    {"type": "image", "src": inline(picture(), "image/png"), "fit": "cover"},
]
SHAPES: list[Document] = [
    {"shape": "rect", "radius": 8, "fill": "orange", "stroke": {"color": "black", "width": 3}},
    {"shape": "ellipse", "fill": {"type": "linear-gradient", "angle": 45, "stops": STOPS}},
    {
        "shape": "line",
        "points": [[0, 0], [100, 50]],
        "stroke": {"color": "white", "width": 4, "dash": [6, 3]},
    },
    {"shape": "polygon", "points": [[0, 50], [50, 0], [100, 50]], "fill": "yellow"},
    {"shape": "path", "d": "M0 0 C 30 60 70 -10 100 50 Z", "fill": "purple"},
]
PROPERTIES = {"x": (0, 40), "y": (0, 20), "scale": (0.5, 1.2), "rotation": (0, 90), "opacity": (0, 1)}


@pytest.fixture
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalWorker]:
    """Stages over a store of their own."""
    with closing(LocalWorker(tmp_path_factory.mktemp("video"))) as worker:
        yield worker


def made(worker: LocalWorker, project: Document, **settings: Any) -> Film:
    """The decoded film of a project, without a warning."""
    job = worker.completes(project, **settings)
    assert job.warnings == ()
    return decode(worker.file(job))


def colour(frame: NDArray[np.uint8], x: float = 0.5, y: float = 0.5) -> tuple[int, int, int]:
    """The colour at a place, in shares of the picture."""
    height, width, _ = frame.shape
    red, green, blue = (int(value) for value in frame[int(y * (height - 1)), int(x * (width - 1))])
    return red, green, blue


def near(found: tuple[int, int, int], wanted: tuple[int, int, int], most: int = 14) -> bool:
    """Whether two colours are the same but for what encoding costs."""
    return all(abs(a - b) <= most for a, b in zip(found, wanted, strict=True))


def test_everything_a_document_may_have(worker: LocalWorker) -> None:
    """Every background, shape, transition and animation in one film: as many frames as were asked for."""
    slides = []
    for number, kind in enumerate(TRANSITIONS):
        shape = {
            **SHAPES[number % len(SHAPES)],
            "type": "shape",
            "x": 30,
            "y": 40,
            "width": 100,
            "height": 50,
        }
        name, values = list(PROPERTIES.items())[number % len(PROPERTIES)]
        elements = [
            {**shape, "animations": [move(name, 0.1, 0.3, values, easing="ease-in-out")]},
            text(f"Slide {number} שלום", x=150, blendMode="difference", shadow={"x": 1, "y": 1, "blur": 2}),
            image(
                inline(picture(), "image/png"),
                x=200,
                y=100,
                width=80,
                height=60,
                radius=10,
                start=0.1,
                end=0.4,
            ),
        ]
        background = BACKGROUNDS[number % len(BACKGROUNDS)]
        slides.append({**slide(0.5, *elements), "background": background, "transition": fade(0.25, kind)})
    film = made(worker, document(slides=slides))
    seconds = 0.5 * len(TRANSITIONS) - 0.25 * (len(TRANSITIONS) - 2)
    assert len(film.frames) == round(seconds * 24)
    assert film.seconds == pytest.approx(seconds, abs=0.05)
    assert {frame.shape for frame in film.frames} == {(90, 160, 3)}
    assert len({frame.tobytes() for frame in film.frames}) > len(TRANSITIONS)


@pytest.mark.parametrize("kind", TRANSITIONS)
def test_a_transition_leads_from_one_slide_to_the_next(worker: LocalWorker, kind: str) -> None:
    """The first frame is all of the first slide, the last all of the second; the two overlap but for none."""
    film = made(
        worker,
        document(slides=[slide(0.5, color="red", transition=fade(0.25, kind)), slide(0.5, color="blue")]),
    )
    assert len(film.frames) == (24 if kind == "none" else 18)
    assert near(colour(film.frames[0]), (255, 0, 0))
    assert near(colour(film.frames[-1]), (0, 0, 255))
    middle = film.frames[9]
    if kind == "fade":
        assert near(colour(middle), (128, 0, 128), most=24)
    if kind == "slide-left":
        assert near(colour(middle, x=0.1), (255, 0, 0))
        assert near(colour(middle, x=0.9), (0, 0, 255))


def test_colours_are_those_of_the_document(worker: LocalWorker) -> None:
    """Backgrounds, shapes and pictures have the colours that a browser would show."""
    film = made(worker, document(slides=[slide(0.25, rect("rgb(51, 102, 204)"), color="#ffcc00")]))
    assert near(colour(film.frames[0], x=0.9), (255, 204, 0))
    assert near(colour(film.frames[0], x=90 / 320, y=85 / 180), (51, 102, 204))


def test_elements_move_as_they_are_told(worker: LocalWorker) -> None:
    """A rectangle that moves is at its first place first and at its last place last."""
    box = rect("black", x=0, y=60, width=60, height=60, animations=[move("x", 0, 0.5, (0, 260))])
    film = made(worker, document(slides=[slide(1.0, box)]))
    assert near(colour(film.frames[0], x=0.08), (0, 0, 0))
    assert near(colour(film.frames[0], x=0.9), (255, 255, 255))
    assert near(colour(film.frames[-1], x=0.9), (0, 0, 0))
    assert near(colour(film.frames[-1], x=0.08), (255, 255, 255))


@pytest.mark.parametrize("fps", [24, 30, 60])
def test_the_frame_rate_is_the_one_asked_for(worker: LocalWorker, fps: int) -> None:
    """Slides whose lengths are no whole frames do not drift."""
    slides = [slide(0.333, rect(animations=[move()])), slide(0.333), slide(0.334, text("End"))]
    film = made(worker, document(slides=slides), fps=fps)
    assert film.fps == fps
    assert len(film.frames) == fps


@pytest.mark.parametrize(("quality", "size"), [("720p", (720, 1280)), ("1080p", (1080, 1920))])
def test_quality_is_the_short_side(worker: LocalWorker, quality: str, size: tuple[int, int]) -> None:
    """The picture is scaled to the quality, in the project's aspect ratio."""
    film = made(worker, document(slides=[slide(0.25, text())]), quality=quality, width=None, height=None)
    assert film.frames[0].shape == (*size, 3)


def test_another_aspect_ratio_is_padded_with_the_background(worker: LocalWorker) -> None:
    """A wide document in a square picture: the slide's own background above and below."""
    film = made(
        worker,
        document(slides=[slide(0.25, rect("red", x=0, y=0, width=320, height=180), color="lime")]),
        width=160,
        height=160,
    )
    assert near(colour(film.frames[0]), (255, 0, 0))
    assert near(colour(film.frames[0], y=0.05), (0, 255, 0))


def test_sound_is_as_long_as_the_picture(worker: LocalWorker) -> None:
    """Sound is cut to the picture's length, and what is silent stays so."""
    sound = inline(tone(2.0, rate=16000), "audio/wav")
    film = made(worker, document(slides=[slide(1.0, rect())], audio=[track(sound, fadeIn=0.1, volume=0.5)]))
    assert film.codecs == ("h264", "aac")
    assert film.samples / film.sample_rate == pytest.approx(1.0, abs=0.05)


def test_sound_may_be_left_out(worker: LocalWorker) -> None:
    """`includeAudio: false` leaves a film without an audio stream."""
    project = document(slides=[slide(0.5, rect())], audio=[track(inline(tone(0.5), "audio/wav"))])
    assert made(worker, project, includeAudio=False).codecs == ("h264",)
    assert made(worker, project).codecs == ("h264", "aac")


def test_mp3_lasts_as_long_as_its_longest_track(worker: LocalWorker) -> None:
    """An MP3 needs no slides; tracks that begin later count from there."""
    sound = inline(tone(1.0), "audio/wav")
    project = document(
        slides=[], audio=[track(sound), track(sound, "late", start=0.75, duck={"by": "music", "amount": 6})]
    )
    film = decode(worker.file(worker.completes(project, format="mp3", audioBitrate="128k")))
    assert film.codecs[0].startswith("mp3")
    assert film.samples / film.sample_rate == pytest.approx(1.75, abs=0.08)


def test_json_can_be_imported_again(worker: LocalWorker) -> None:
    """The JSON export is the project with a manifest of its assets, and exports to the same film."""
    photo = worker.put("photo.png", picture())
    project = document(
        name="Film", meta={"kept": [1, None, "x"]}, slides=[slide(0.25, image(photo), text("Hi"))]
    )
    archive = orjson.loads(worker.file(worker.completes(project, format="json")).read_bytes())
    manifest = archive["meta"].pop("archive")
    assert archive == project
    (asset,) = manifest["assets"]
    assert (asset["src"], asset["size"]) == (photo, len(picture()))
    again = {**archive, "meta": {**archive["meta"], "archive": manifest}}
    assert content_hash(parse_project(again).slides[0].model_dump(mode="json")) == content_hash(
        parse_project(project).slides[0].model_dump(mode="json")
    )
    first, second = worker.completes(project), worker.completes(again)
    assert first.result is not None
    assert second.result is not None
    assert first.result.sha256 == second.result.sha256


def test_the_bitrate_is_a_cap(worker: LocalWorker) -> None:
    """Quality decides, the cap holds: noise is squeezed under it, a plain picture stays far below."""
    noise = np.random.default_rng(1).integers(0, 255, (180, 320, 3), dtype=np.uint8)
    with io.BytesIO() as file:
        Image.fromarray(noise).save(file, "PNG")
        photo = worker.put("noise.png", file.getvalue())
    turning = [move("x", 0, 3, (0, 20)), move("rotation", 0, 3, (0, 2))]
    moving = image(photo, x=-20, y=-20, width=360, height=220, animations=turning)
    project = document(slides=[slide(3.0, moving)])
    sizes = {}
    for cap in (None, 200_000):
        job = worker.completes(project, width=320, height=180, bitrate=cap)
        assert job.result is not None
        sizes[cap] = job.result.size * 8 / 3.0
    assert sizes[None] > 400_000
    assert sizes[200_000] < 200_000 * 1.15


def test_what_was_exported_is_not_made_again(worker: LocalWorker) -> None:
    """Changing one slide of five encodes that one; asking for the same again encodes nothing."""
    slides = [slide(0.25, text(f"Slide {number}")) for number in range(5)]
    assert worker.completes(document(slides=slides)).cached == 0
    again = worker.completes(document(slides=slides))
    assert again.result is not None
    assert again.result.reused
    slides[2] = slide(0.25, text("Changed"))
    changed = worker.completes(document(slides=slides))
    assert (changed.chunks, changed.cached) == (5, 4)
