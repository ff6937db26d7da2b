"""What is made again after a change is what changed: counted in what is sent to render, encode and mix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from producer_api.views import export_view
from schemas.messages import EncodeTask, JoinTask, RenderTask, SoundTask, UploadTask
from tests.acceptance.media import inline, tone
from tests.unit.builders import Document, document, fade, move, rect, slide, text, track
from tests.unit.processors.stream import Stream

SLIDES = 50


def deck(**changes: Any) -> Document:
    """Fifty slides of a second: stills, but every fifth title slides in, and every seventh slide fades out.

    changes: by the number of a slide, as in s20, what is put into it; `audio` replaces the sound.
    """
    slides = []
    for number in range(SLIDES):
        animations = [move(duration=0.25)] if number % 5 == 0 else []
        one = slide(1.0, text(f"Slide {number}", animations=animations), color=f"rgb({number * 5}, 80, 120)")
        if number % 7 == 0:
            one["transition"] = fade(0.25)
        slides.append({**one, **changes.pop(f"s{number}", {})})
    sound = track(inline(tone(0.5), "audio/wav"), loop=True)
    return document(slides=slides, **{"audio": [sound], **changes})


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    """A stream in which the deck was exported once."""
    stream = Stream(tmp_path_factory.mktemp("incremental"))
    stream.export("first", deck())
    assert len(stream.tasks("first", EncodeTask)) == len(stream.plan("first").of_kind("picture")) > SLIDES
    return stream


@pytest.fixture
def exported(first: Stream, tmp_path: Path) -> Stream:
    """The same, for one test: other workers over a copy of the store, and what was said so far."""
    stream = Stream(tmp_path)
    for info in first.store.list(""):
        stream.store.put(info.key, first.store.get(info.key))
    stream.sent += first.sent
    return stream


def encoded_slides(stream: Stream, job: str) -> list[tuple[int, ...]]:
    """The slides of each chunk that was sent to be encoded for a job."""
    plan = stream.plan(job)
    return [plan.chunks[task.position].slides for task in stream.tasks(job, EncodeTask)]


@pytest.mark.parametrize("number", [23, 24, 22, 35])
def test_only_the_changed_slide_of_fifty_is_encoded(exported: Stream, number: int) -> None:
    """Its one chunk; a fade to it or from it is not encoded at all."""
    job = f"slide-{number}"
    changed = {"elements": [rect(), text("Changed")]}
    exported.export(job, deck(**{f"s{number}": changed}))
    found = encoded_slides(exported, job)
    assert len(found) == len(exported.tasks(job, RenderTask)) == 1
    assert all(number in slides for slides in found)
    assert exported.tasks(job, SoundTask) == []
    view = export_view(exported.job(job))
    assert view["cached"] == view["chunks"] - 1
    assert not view["result"]["reused"]


@pytest.mark.parametrize("number", [22, 20, 21, 49], ids=["still", "held after movement", "fades", "last"])
def test_a_changed_duration_encodes_no_frame(exported: Stream, number: int) -> None:
    """However a slide is held: the sound is cut anew and the file is joined from what is there."""
    job = f"duration-{number}"
    exported.export(job, deck(**{f"s{number}": {"duration": 2.5}}))
    assert exported.tasks(job, RenderTask) == exported.tasks(job, EncodeTask) == []
    assert len(exported.tasks(job, SoundTask)) == 1
    before, after = (exported.completed(name).result.duration for name in ("first", job))
    assert before is not None
    assert after == pytest.approx(before + 1.5)


def test_a_changed_duration_without_sound_is_only_joined(tmp_path: Path) -> None:
    """Nothing is left to do but to write the file."""
    stream = Stream(tmp_path)
    stream.export("first", deck(audio=[]))
    stream.export("second", deck(audio=[], s22={"duration": 2.5}))
    tasks = [type(m) for m in stream.messages("second") if hasattr(m, "plan_key")]
    assert tasks == [JoinTask, UploadTask]


def test_a_changed_sound_encodes_no_frame(exported: Stream) -> None:
    """Louder, other, or none: pictures stay what they were."""
    louder = track(inline(tone(0.5), "audio/wav"), loop=True, volume=0.5)
    for job, audio in (("louder", [louder]), ("other", [track(inline(tone(1.0, 880), "audio/wav"))])):
        exported.export(job, deck(audio=audio))
        assert exported.tasks(job, RenderTask) == exported.tasks(job, EncodeTask) == []
        assert exported.tasks(job, SoundTask)
        assert exported.file(job) != exported.file("first")
    exported.export("none", deck(audio=[]))
    assert [type(m) for m in exported.messages("none") if hasattr(m, "plan_key")] == [JoinTask, UploadTask]


def test_a_changed_second_of_sound_mixes_what_it_touches(tmp_path: Path) -> None:
    """Words that begin later are in one part of the film's sound; the others, and all pictures, stay."""
    stream = Stream(tmp_path)
    music = track(inline(tone(3.0), "audio/wav"), loop=True, volume=0.3)
    for job, at, title in (("first", 14.0, "Still"), ("moved", 15.5, "Still"), ("title", 15.5, "Other")):
        words = track(inline(tone(0.5, 880), "audio/wav"), start=at, id="words")
        stream.export(job, document(slides=[slide(40, text(title))], audio=[music, words]))
    assert [task.position for task in stream.tasks("first", SoundTask)] == [1, 2, 3, 4]
    assert [task.position for task in stream.tasks("moved", SoundTask)] == [2]
    assert stream.tasks("moved", RenderTask) == stream.tasks("moved", EncodeTask) == []
    assert stream.tasks("title", SoundTask) == []


def test_the_same_again_is_served_from_what_was_there(exported: Stream) -> None:
    """Only published again; the API says so, and how much of it was there."""
    exported.export("again", deck())
    assert [type(m) for m in exported.messages("again") if hasattr(m, "plan_key")] == [UploadTask]
    view = export_view(exported.job("again"))
    assert view["result"]["reused"]
    assert view["cached"] == view["chunks"] > SLIDES
    assert exported.file("again") == exported.file("first")


def test_moving_a_slide_encodes_no_frame(tmp_path: Path) -> None:
    """A picture is named by what it shows, not by where in the film it is shown."""
    slides = [slide(0.5, text(f"Slide {n}", animations=[move(duration=0.25)])) for n in range(6)]
    stream = Stream(tmp_path)
    stream.export("first", document(slides=slides))
    stream.export("second", document(slides=[*slides[3:], *slides[:3]]))
    assert stream.tasks("second", EncodeTask) == []
