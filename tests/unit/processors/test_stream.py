"""The whole stream in memory: whatever is delivered again, late, or elsewhere, one file comes out."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.facts import ChunkEncoded, Completed
from schemas.messages import JoinTask, RenderTask, SoundTask, UploadTask
from tests.acceptance.media import inline, tone
from tests.unit.builders import document, fade, move, rect, slide, text, track
from tests.unit.processors.stream import Stream, sha256

DISTURBED = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@cache
def film() -> dict[str, Any]:
    """Stills, movement, a transition and sound."""
    slides = [
        slide(0.5, rect(), color="red"),
        slide(1.0, rect(animations=[move(duration=0.6)]), color="green", transition=fade(0.25)),
        slide(0.5, text("Hi"), color="blue"),
        slide(0.5, color="white"),
    ]
    return document(slides=slides, audio=[track(inline(tone(0.5), "audio/wav"))])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The SHA-256 of the file of a run in which everything happens once and in order.

    Not the file itself: Hypothesis writes a failed example's arguments out, and warns of long ones instead.
    """
    stream = Stream(tmp_path_factory.mktemp("undisturbed"))
    stream.export("job", film())
    assert len(stream.plan("job").todo) > 3
    return sha256(stream.file("job"))


@DISTURBED
@given(seed=st.integers(0, 2**32))
def test_disturbed_delivery_makes_the_same_file_once(tmp_path: Path, undisturbed: str, seed: int) -> None:
    """Messages in any order, twice, at workers that forget: one end in the same words, the same bytes."""
    random = Random(seed)
    stream = Stream(tmp_path, workers=2, width=random.randint(1, 4))
    stream.ask(stream.request("job", film()))
    stream.run_wildly(random)
    assert sha256(stream.file("job")) == undisturbed, "a disturbed run made another file"
    assert stream.job("job").status == "completed"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("first", [0, 1])
def test_a_job_whose_partition_moves_to_and_fro_is_joined(
    tmp_path: Path, undisturbed: str, first: int
) -> None:
    """Two workers that each saw only every other part find the rest in the store."""
    stream = Stream(tmp_path, workers=2, width=1)
    stream.ask(stream.request("job", film()))
    count = first
    while stream.waiting:
        count += 1
        stream.handle(stream.waiting.pop(0), stream.workers[count % 2])
    assert sha256(stream.file("job")) == undisturbed


def test_two_tenants_may_call_their_jobs_the_same(tmp_path: Path) -> None:
    """A job is told apart by its tenant too: parts of one are not counted for the other."""
    stream = Stream(tmp_path)
    stream.ask(stream.request("job", document(slides=[slide(0.25), slide(0.25, color="red")])))
    stream.ask(stream.request("job", document(slides=[slide(0.5, color="blue")]), tenant="other"))
    stream.run()
    ends = [fact for fact in stream.facts("job") if isinstance(fact, Completed)]
    assert {fact.tenant for fact in ends} == {"default", "other"}
    assert len({fact.result.key for fact in ends}) == 2


def test_the_second_export_of_a_document_uses_the_file_of_the_first(tmp_path: Path) -> None:
    """Nothing is drawn, encoded or mixed for it, and it says that the file was there."""
    stream = Stream(tmp_path)
    stream.export("one", film())
    stream.export("two", film())
    assert [type(message) for message in stream.messages("two") if hasattr(message, "plan_key")] == [
        UploadTask
    ]
    assert stream.completed("two").result.reused
    assert stream.planned("two").chunks == stream.planned("two").cached
    assert stream.file("two") == stream.file("one")


def test_a_request_told_twice_in_a_row_is_planned_once(tmp_path: Path) -> None:
    """The second delivery finds the first plan and sends the same first tasks."""
    stream = Stream(tmp_path)
    request = stream.request("job", film())
    stream.ask(request)
    first = stream.handle(stream.waiting.pop())
    plan = stream.plan("job")
    stream.store.delete(stream.keys("documents")[0])
    stream.ask(request)
    second = stream.handle(stream.waiting.pop())
    assert [o for o in second if o.message not in stream.facts("job")] == [
        o for o in first if o.message not in stream.facts("job")
    ]
    assert stream.plan("job") == plan
    assert len(stream.tasks("job", SoundTask)) == 2


def test_a_request_that_comes_again_after_the_end_states_the_same_end(tmp_path: Path) -> None:
    """The manifest marks the job as done: the very same fact is told, to whoever lost it."""
    stream = Stream(tmp_path)
    request = stream.request("job", film())
    stream.ask(request)
    stream.run()
    stream.workers[0] = stream.worker()
    stream.ask(request)
    stream.run()
    ends = [fact for fact in stream.facts("job") if isinstance(fact, Completed)]
    assert len(ends) == 2
    assert ends[0] == ends[1]


def test_one_changed_slide_of_many_is_all_that_is_drawn_again(tmp_path: Path) -> None:
    """Only the chunks of the changed slide are sent out."""
    slides = [slide(0.25, text(f"Slide {number}")) for number in range(12)]
    stream = Stream(tmp_path)
    stream.export("one", document(slides=slides))
    slides[7] = slide(0.25, text("Changed"))
    stream.export("two", document(slides=slides))
    plan = stream.plan("two")
    assert [plan.chunks[index].slides for index in plan.todo] == [(7,)]
    assert (stream.planned("two").chunks, stream.planned("two").cached) == (12, 11)
    assert [task.position for task in stream.tasks("two", RenderTask)] == [7]


def test_a_changed_duration_encodes_nothing(tmp_path: Path) -> None:
    """How long a picture is held is no part of its name: only joining is left to do."""
    stream = Stream(tmp_path)
    stream.export("one", document(slides=[slide(0.5, text("Hi")), slide(0.5)]))
    stream.export("two", document(slides=[slide(3.0, text("Hi")), slide(0.5)]))
    assert stream.plan("two").todo == ()
    assert len(stream.tasks("two", JoinTask)) == 1
    assert stream.tasks("two", RenderTask) == []
    assert stream.completed("two").result.duration == 3.5


def test_a_swept_layer_is_drawn_again(tmp_path: Path) -> None:
    """A layer that is gone when its chunk is to be encoded costs a second drawing, not the job."""
    stream = Stream(tmp_path)
    stream.ask(stream.request("job", document(slides=[slide(0.25, text("Hi"))])))
    for _ in range(2):
        stream.handle(stream.waiting.pop(0))
    for key in stream.keys("layers"):
        stream.store.delete(key)
    stream.run()
    assert stream.completed("job").result.size > 0
    assert len(stream.tasks("job", RenderTask)) == 2


def test_a_swept_chunk_is_made_again(tmp_path: Path, undisturbed: str) -> None:
    """A chunk that is gone when all are to be joined is drawn and encoded once more."""
    stream = Stream(tmp_path)
    stream.ask(stream.request("job", film()))
    swept = False
    while stream.waiting:
        outgoing = stream.waiting.pop(0)
        stream.handle(outgoing)
        if not swept and len(stream.tasks("job", ChunkEncoded)) == len(stream.plan("job").todo):
            stream.store.delete(stream.keys("chunks")[0])
            swept = True
    assert sha256(stream.file("job")) == undisturbed


def test_swept_sound_is_mixed_again(tmp_path: Path, undisturbed: str) -> None:
    """Sound that is gone when all is to be joined is mixed once more."""
    stream = Stream(tmp_path)
    stream.ask(stream.request("job", film()))
    swept = False
    while stream.waiting:
        stream.handle(stream.waiting.pop(0))
        if not swept and (found := stream.keys("sound")):
            stream.store.delete(found[0])
            swept = True
    assert sha256(stream.file("job")) == undisturbed


def test_an_mp3_and_a_json_take_the_short_ways(tmp_path: Path) -> None:
    """MP3 goes plan, mix, upload; JSON goes plan, render, upload."""
    stream = Stream(tmp_path)
    stream.export("sound", film(), "mp3")
    stream.export("words", film(), "json")
    assert stream.completed("sound").result.content_type == "audio/mpeg"
    assert stream.completed("sound").result.video_id is None
    assert orjson.loads(stream.file("words"))["slides"] == film()["slides"]
    assert stream.planned("sound").stages == ("plan", "mix", "upload")
