"""Every row of the table of formats: made, the same anywhere, cancelled, verified, refused with reason."""

from __future__ import annotations

import ast
import io
from pathlib import Path
from random import Random
from typing import Any

import av
import orjson
import pytest
from PIL import Image

from processors.stage import TaskContext
from schemas.errors import Cancelled
from schemas.formats import FORMATS, Format
from tests.acceptance.media import inline, picture, tone
from tests.unit.builders import Document, document, fade, image, move, rect, slide, text, track
from tests.unit.processors.stream import TINY, Stream

ROOT = Path(__file__).resolve().parents[3]
ROWS = list(FORMATS.values())


def film(**more: Any) -> Document:
    """Stills, movement, a fade, and sound."""
    slides = [
        slide(0.5, image(inline(picture(), "image/png")), text("One"), transition=fade(0.25)),
        slide(1.0, rect(animations=[move(duration=0.4)]), color="navy"),
    ]
    return document(slides=slides, audio=[track(inline(tone(1.25), "audio/wav"))], **more)


def seconds_of(row: Format, data: bytes) -> float:
    """How long a file plays, by a decoder that had no part in making it."""
    if row.name == "gif":
        with Image.open(io.BytesIO(data)) as shown:
            frames: int = getattr(shown, "n_frames", 1)
            return sum(_delay(shown, number) for number in range(frames))
    with av.open(io.BytesIO(data), "r") as source:
        stream = source.streams.best("audio")
        assert stream is not None
        samples = sum(frame.samples for frame in source.decode(audio=0))
        return samples / 48_000


def _delay(shown: Image.Image, number: int) -> float:
    shown.seek(number)
    return float(shown.info["duration"]) / 1000


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_format_is_made(tmp_path: Path, row: Format) -> None:
    """The job completes; the file is of its format, of its length, and has the name and type of its row."""
    stream = Stream(tmp_path)
    job = stream.export("job", film(name="Film"), row.name, settings=TINY)
    assert job.error is None, job.error
    assert job.progress == 100
    assert job.result is not None
    assert (job.result.file_name, job.result.content_type) == (f"Film.{row.extension}", row.media_type)
    data = stream.file("job")
    if row.recipe == "pages":
        with Image.open(io.BytesIO(data)) as shown:
            shown.load()
            assert (shown.size, shown.format) == ((64, 36), row.name.upper())
    elif row.recipe == "file":
        assert orjson.loads(data)["name"] == "Film"
    else:
        assert seconds_of(row, data) == pytest.approx(1.25, abs=0.03)
        assert job.result.duration == 1.25


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_format_is_the_same_wherever_it_is_made(tmp_path: Path, row: Format) -> None:
    """By one worker in order, or by three in any order with messages told again: the same bytes."""
    alone, many = Stream(tmp_path), Stream(tmp_path, workers=3)
    alone.export("job", film(), row.name, settings=TINY)
    many.ask(many.request("job", film(), row.name, settings=TINY))
    many.run_wildly(Random(5))
    same = alone.file("job") == many.file("job")
    assert same


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_format_can_be_cancelled_at_every_stage(tmp_path: Path, row: Format) -> None:
    """Each task looks whether its job was called off, and then leaves nothing published."""

    def cancelled() -> None:
        raise Cancelled("job_cancelled", "The job was cancelled.")

    stream = Stream(tmp_path)
    stream.ask(stream.request("job", film(), row.name, settings=TINY))
    seen = set()
    while stream.waiting:
        outgoing = stream.waiting.pop(0)
        stage = stream.workers[0].stages[outgoing.topic]
        context = TaskContext(cancelled, stream.publish, stream.now)
        with pytest.raises(Cancelled):
            list(stage.handle(outgoing.message, context))
        seen.add(stage.name)
        stream.handle(outgoing)
    assert {"plan", "upload"} < seen


@pytest.mark.parametrize("row", [row for row in ROWS if row.recipe == "pages"], ids=lambda row: row.name)
def test_a_picture_of_each_slide(tmp_path: Path, row: Format) -> None:
    """Several files are a result: the first is the main one, and all are listed."""
    job = Stream(tmp_path).export("job", film(), row.name, settings={**TINY, "eachSlide": True})
    assert job.result is not None
    names = [file.file_name for file in job.result.files]
    assert names == [f"job-slide-{number:03}.{row.extension}" for number in (1, 2)]
    assert job.result.files[0].key == job.result.key
    assert job.result.files[0].sha256 != job.result.files[1].sha256


@pytest.mark.parametrize(
    ("kind", "settings", "project", "path"),
    [
        ("gif", {"quality": "1080p"}, film(), "quality"),
        ("gif", {}, document(slides=[slide(61)]), "slides"),
        ("png", {"at": 1.5}, film(), "at"),
        ("jpeg", {}, document(slides=[]), "slides"),
        ("wav", {}, document(), "audio"),
        ("flac", {}, document(), "audio"),
        ("mp3", {}, document(audio=[track(inline(tone(0.5), "audio/wav"), trimStart=9)]), "audio"),
    ],
)
def test_what_a_format_cannot_do_is_refused(
    tmp_path: Path, kind: str, settings: Document, project: Document, path: str
) -> None:
    """At planning, with the path of what to change and a sentence."""
    job = Stream(tmp_path).export("job", project, kind, settings=settings)
    assert job.error is not None
    assert job.error.stage == "plan"
    assert (job.error.path or "").startswith(path), job.error
    assert job.error.message.endswith(".")


KNOWN_ELSEWHERE = {
    "connectors/store/base.py",  # content types by the extension of foreign files
    "schemas/asyncapi.py",  # an example
    "producer_api/views.py",  # an example
    "producer_api/dialects/v1.py",  # an example
    "producer_api/dialects/s0.py",  # its words
    "exportstream/commands/demo.py",  # what the example shows
    "renderers/sound/flac.py",  # FFmpeg's name of a codec
    "renderers/sound/tracks.py",  # names of codecs
}
"""Files that name formats and are no part of the table, each with its reason."""


def test_no_format_is_named_outside_of_its_place() -> None:
    """Names stand in the table, in renderers/formats, in dialects, and where foreign files are told apart."""
    names = set(FORMATS) - {"json"}  # a word of many meanings: `mode="json"`
    found = set()
    for package in ("schemas", "renderers", "connectors", "processors", "producer_api", "exportstream"):
        for path in (ROOT / package).rglob("*.py"):
            place = path.relative_to(ROOT).as_posix()
            if place == "schemas/formats.py" or place.startswith(
                ("renderers/formats/", "renderers/foreign/")
            ):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and node.value in names:
                    found.add(place)
    assert found <= KNOWN_ELSEWHERE, found - KNOWN_ELSEWHERE
