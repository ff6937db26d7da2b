"""The same request gives the same bytes, and a manifest says what they were made of."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from producer_api.views import ManifestView
from renderers import ENGINE_VERSION, instructions
from renderers.text import fontfiles
from schemas import keys, topics
from schemas.hashing import content_hash
from tests.acceptance.media import inline, picture, tone
from tests.unit.builders import Document, document, fade, image, move, rect, slide, text, track
from tests.unit.processors.stream import Stream, sha256


def film(**more: Any) -> Document:
    """Stills, movement, a transition, an image and sound."""
    slides = [
        slide(0.5, image(inline(picture(), "image/png")), text("One"), transition=fade(0.25)),
        slide(1.5, rect(animations=[move(duration=0.4)]), text("Two", fontWeight=700), color="navy"),
        slide(0.5, text("Three 三"), color="red"),
    ]
    return document(slides=slides, audio=[track(inline(tone(0.5), "audio/wav"))], **more)


def manifest_of(stream: Stream, job: str = "job") -> dict[str, Any]:
    """The manifest as it lies in the store; it has the shape that the API documents."""
    found: dict[str, Any] = orjson.loads(stream.store.get(keys.manifest_key("default", job)))
    ManifestView.model_validate(found)
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    """One worker that has one chunk in flight at a time."""
    stream = Stream(tmp_path_factory.mktemp("alone"), width=1)
    stream.export("job", film())
    return stream


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("order", ["longest last", "random"])
def test_workers_and_order_do_not_show(tmp_path: Path, alone: Stream, workers: int, order: str) -> None:
    """With any number of workers and chunks in any order the file is the same, and so is its manifest."""
    stream = Stream(tmp_path, workers=workers, width=8)
    stream.ask(stream.request("job", film()))
    random = Random(workers)
    while stream.waiting:
        tasks = [n for n, o in enumerate(stream.waiting) if o.topic in (topics.RENDER, topics.ENCODE)]
        number = 0
        if tasks and order == "random":
            number = random.choice(tasks)
        elif tasks:
            number = tasks[-1]
        stream.handle(stream.waiting.pop(number), random.choice(stream.workers))
    assert sha256(stream.file("job")) == sha256(alone.file("job"))
    given, again = manifest_of(alone), manifest_of(stream)
    assert {**given, "finished_at": ""} == {**again, "finished_at": ""}


def test_a_file_made_partly_from_what_was_there_is_the_same(tmp_path: Path, alone: Stream) -> None:
    """Chunks of another export, of a longer film, serve as well as new ones."""
    stream = Stream(tmp_path)
    longer = film()
    longer["slides"][2]["duration"] = 2.5
    stream.export("other", longer)
    stream.export("job", film())
    assert stream.planned("job").cached == stream.planned("job").chunks
    assert stream.file("job") == alone.file("job")


def test_a_manifest_says_what_a_file_was_made_of(alone: Stream) -> None:
    """Engine version, instruction sets, settings, and hashes of assets, fonts, chunks, sound and the file."""
    found = manifest_of(alone)
    assert found["engine_version"] == ENGINE_VERSION
    assert found["instructions"] == instructions.chosen().name
    assert found["settings"] == {"width": 64, "height": 36, "fps": 24}
    assert {(a["kind"], a["sha256"]) for a in found["assets"]} == {
        ("image", sha256(picture())),
        ("audio", sha256(tone(0.5))),
    }
    assert {font["family"] for font in found["fonts"]} == {"Noto Sans", "Noto Sans CJK SC"}
    shipped = {(file.family, file.sha256) for file in fontfiles.SHIPPED}
    assert {(font["family"], font["sha256"]) for font in found["fonts"]} <= shipped
    assert [chunk["key"] for chunk in found["chunks"]] == [c.key for c in alone.plan("job").chunks]
    shown = sum(len(c["lead"]) + c["frames"] + c["hold"] for c in found["chunks"])
    assert shown == alone.plan("job").expected.frames
    sounds = [part.key for part in alone.plan("job").parts if part.kind == "sound"]
    assert found["sound"] == content_hash("sound", sounds)
    assert found["result"]["sha256"] == sha256(alone.file("job"))


def brand() -> bytes:
    """A font that has a single letter, a box for A."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in ((0, 700), (500, 700), (500, 0)):
        pen.lineTo(point)
    pen.closePath()
    glyph = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "A"])
    builder.setupCharacterMap({ord("A"): "A"})
    builder.setupGlyf({".notdef": glyph, "A": glyph})
    builder.setupHorizontalMetrics({".notdef": (600, 0), "A": (600, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Brand", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200)
    builder.setupPost()
    with io.BytesIO() as file:
        builder.save(file)
        return file.getvalue()


def families(stream: Stream, job: str) -> set[str]:
    """The families that a manifest names."""
    return {font["family"] for font in manifest_of(stream, job)["fonts"]}


def test_fonts_are_those_that_draw_something(tmp_path: Path) -> None:
    """The project's own, what stands in for characters that it lacks, those of spans; none without text."""
    stream = Stream(tmp_path)
    data = brand()
    fonts = [{"family": "Brand", "src": inline(data, "font/ttf")}]
    for job, words in (("own", "A A"), ("lacking", "Aa")):
        slides = [slide(0.25, text(words, fontFamily="Brand, serif"))]
        stream.export(job, document(slides=slides, fonts=fonts))
    assert families(stream, "own") == {"Brand"}
    assert families(stream, "lacking") == {"Brand", "Noto Serif"}
    lower = text("A", fontFamily="Brand", textTransform="lowercase")
    stream.export("turned", document(slides=[slide(0.25, lower)], fonts=fonts))
    assert families(stream, "turned") == {"Brand", "Noto Sans"}
    mono = {"start": 0, "end": 1, "fontFamily": "monospace"}
    stream.export("spans", document(slides=[slide(0.25, text("Hi", fontFamily="serif", spans=[mono]))]))
    assert families(stream, "spans") == {"Noto Serif", "Fira Mono"}
    stream.export("none", document(slides=[slide(0.25, rect())], fonts=fonts))
    assert families(stream, "none") == set()
    (asset,) = manifest_of(stream, "own")["assets"]
    assert (asset["kind"], asset["sha256"]) == ("font", sha256(data))


def test_the_font_of_emoji_is_in_the_manifest(tmp_path: Path) -> None:
    """By its name and hash, where a text shows some."""
    stream = Stream(tmp_path)
    stream.export("job", document(slides=[slide(0.25, text("Party 🎉"))]))
    emoji = {"family": "Twemoji", "sha256": fontfiles.EMOJI.sha256}
    assert emoji in manifest_of(stream, "job")["fonts"]
    fonts = [{"family": "Twemoji", "src": inline(brand(), "font/ttf")}]
    words = text("A 🎉", fontFamily="Twemoji, serif")
    stream.export("own", document(slides=[slide(0.25, words)], fonts=fonts))
    assert emoji in manifest_of(stream, "own")["fonts"]


def test_sound_and_documents_have_a_manifest_too(tmp_path: Path) -> None:
    """An MP3 names its sound, a JSON its assets; neither has chunks or fonts."""
    stream = Stream(tmp_path)
    for kind in ("mp3", "json"):
        stream.export(kind, film(), kind)
        found = manifest_of(stream, kind)
        assert found["chunks"] == found["fonts"] == []
        assert (found["sound"] is not None) == (kind == "mp3")
        assert found["result"]["sha256"] == sha256(stream.file(kind))
