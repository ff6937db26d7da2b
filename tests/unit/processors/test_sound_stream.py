"""Sound on the stream: parts of ten seconds for whoever is free, made once and never for a title's sake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from schemas.messages import SoundTask
from tests.acceptance.media import inline, tone
from tests.unit.builders import document, slide, text, track
from tests.unit.processors.stream import Stream

SECONDS = 45
MUSIC = inline(tone(SECONDS), "audio/wav")
WORDS = inline(tone(1.0, 880), "audio/wav")


def film(title: str = "Hi", words: float = 24.5) -> dict[str, Any]:
    """One slide with a title, music, and words from a second on."""
    audio = [track(MUSIC), track(WORDS, "words", start=words)]
    return document(slides=[slide(SECONDS, text(title))], audio=audio)


@pytest.mark.parametrize("kind", ["mp4", "m4a", "mp3", "flac", "wav"])
def test_any_worker_mixes_any_part(tmp_path: Path, kind: str) -> None:
    """Parts are tasks of their own on `export.sound`: three workers make what one makes, to the byte."""
    alone, together = Stream(tmp_path, width=2), Stream(tmp_path, workers=3, width=8)
    alone.export("job", film(), kind)
    together.ask(together.request("job", film(), kind))
    count = 0
    while together.waiting:
        count += 1
        together.handle(together.waiting.pop(0), together.workers[count % 3])
    tasks = [outgoing for outgoing in together.sent if isinstance(outgoing.message, SoundTask)]
    assert [outgoing.topic for outgoing in tasks] == [topics.SOUND] * 5
    assert len({outgoing.key for outgoing in tasks}) == 5
    assert together.file("job") == alone.file("job")


def test_a_changed_title_mixes_nothing(tmp_path: Path) -> None:
    """All of its sound is there, by its name."""
    stream = Stream(tmp_path)
    stream.export("one", film())
    stream.export("two", film(title="Hello"))
    assert len(stream.tasks("one", SoundTask)) == 5
    assert stream.tasks("two", SoundTask) == []
    assert (stream.planned("two").sounds, stream.planned("two").sounds_cached) == (5, 5)
    assert stream.file("two") != stream.file("one")


def test_a_changed_second_mixes_what_it_touches(tmp_path: Path) -> None:
    """Words that come half a second later are in the third part of the five, and only that is mixed."""
    stream = Stream(tmp_path)
    stream.export("one", film())
    stream.export("two", film(words=25.0))
    places = [task.position for task in stream.tasks("two", SoundTask)]
    parts = stream.plan("two").parts
    assert [parts[place].first // 48_000 for place in places if parts[place].kind == "sound"] == [20]
    fresh = Stream(tmp_path)
    fresh.export("two", film(words=25.0))
    assert stream.file("two") == fresh.file("two")


def test_a_swept_part_is_mixed_again_and_no_other(tmp_path: Path) -> None:
    """A part that is gone when all are to be joined is made once more."""
    stream = Stream(tmp_path)
    stream.ask(stream.request("job", film(), "flac"))
    while len(stream.keys("sound")) < 5:
        stream.handle(stream.waiting.pop(0))
    lost = stream.plan("job").place(1)
    stream.store.delete(lost)
    stream.run()
    again = [task.position for task in stream.tasks("job", SoundTask) if task.again]
    assert again == [1]
    fresh = Stream(tmp_path)
    fresh.export("job", film(), "flac")
    assert stream.file("job") == fresh.file("job")
