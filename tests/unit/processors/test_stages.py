"""What holds for each stage: it lets go of a cancelled job, and says how a job ends that it cannot do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from processors.stage import Outgoing
from schemas import topics
from schemas.errors import Cancelled, InvalidMessage, Unavailable
from schemas.facts import Failed
from schemas.messages import Message, UploadTask
from tests.acceptance.media import inline, picture, tone
from tests.unit.builders import document, fade, image, move, rect, slide, text, track
from tests.unit.processors.stream import EPOCH, Stream

STAGES = (topics.REQUESTS, topics.RENDER, topics.ENCODE, topics.SOUND, topics.MIX, topics.UPLOAD)
EACH_STAGE = pytest.mark.parametrize("topic", STAGES)


def film() -> dict[str, Any]:
    """Something to do for each stage."""
    moving = [rect(animations=[move(duration=0.5)]), text("Hi"), image(inline(picture(), "image/png"))]
    slides = [slide(1.0, *moving, transition=fade(0.25)), slide(0.5, text("Bye"))]
    return document(slides=slides, audio=[track(inline(tone(0.5), "audio/wav"))])


def first_of(stream: Stream, topic: str) -> list[Outgoing]:
    """The stream run up to the first message of a topic; all messages of that topic that wait then."""
    stream.ask(stream.request("job", film()))
    while not (found := [o for o in stream.waiting if o.topic == topic]):
        stream.handle(stream.waiting.pop(0))
    return found


@EACH_STAGE
def test_a_cancelled_job_is_let_go_of(tmp_path: Path, topic: str) -> None:
    """Wherever in its work a stage looks, it stops; it leaves no file, and the next delivery does it all."""
    stream = Stream(tmp_path)
    looks = _looks(stream, first_of(stream, topic)[0])
    assert looks > 0
    for last in range(1, min(looks, 3) + 1):  # how often a mix looks depends on FFmpeg's pace
        _cancel_at(Stream(tmp_path), topic, last)
    assert list(tmp_path.iterdir()) == []


def _looks(stream: Stream, outgoing: Outgoing) -> int:
    """How often a stage looks whether its job was cancelled."""
    count = 0

    def check() -> None:
        nonlocal count
        count += 1

    list(stream.workers[0].stages[outgoing.topic].handle(outgoing.message, stream.context(check)))
    return count


def _cancel_at(stream: Stream, topic: str, last: int) -> None:
    count = 0

    def check() -> None:
        nonlocal count
        count += 1
        if count >= last:
            raise Cancelled("job_cancelled", "The job was cancelled.")

    outgoing = first_of(stream, topic)[0]
    with pytest.raises(Cancelled):
        list(stream.workers[0].stages[topic].handle(outgoing.message, stream.context(check)))
    stream.run()
    assert stream.completed("job").result.duration == 1.25


@EACH_STAGE
def test_garbage_is_no_message(tmp_path: Path, topic: str) -> None:
    """Each stage refuses what it cannot read, by type, version and content."""
    stage = Stream(tmp_path).workers[0].stages[topic]
    for value in (b"", b"rubbish", b"[]", b"{}", b"null", b"\xff", b'{"job_id": 3}'):
        with pytest.raises(InvalidMessage):
            stage.parse(None, None, value)
    with pytest.raises(InvalidMessage) as caught:
        stage.parse("nobody.knows", "1", b"{}")
    assert caught.value.code == "unknown_type"
    with pytest.raises(InvalidMessage) as caught:
        stage.parse(None, "99", b"{}")
    assert caught.value.code == "unknown_version"


@EACH_STAGE
def test_a_stage_knows_its_jobs_and_how_to_end_them(tmp_path: Path, topic: str) -> None:
    """The fact that ends a job carries code, sentence, path and stage, and whether a retry can help."""
    stream = Stream(tmp_path)
    message: Message = first_of(stream, topic)[0].message
    stage = stream.workers[0].stages[topic]
    assert stage.job_of(message) == ("job", "default")
    error = Unavailable("store_unavailable", "The object store is away.", path="slides[0]")
    (ending,) = stage.on_failure(message, error, EPOCH)
    assert (ending.topic, ending.key) == (topics.PROGRESS, "default/job")
    assert isinstance(ending.message, Failed)
    problem = ending.message.error
    assert (problem.code, problem.path, problem.stage) == (
        "store_unavailable",
        "slides[0]",
        {"sound": "mix"}.get(stage.name, stage.name),
    )
    assert problem.retriable


@pytest.mark.parametrize("topic", STAGES[1:])
def test_a_plan_that_was_removed_fails_the_job_with_a_sentence(tmp_path: Path, topic: str) -> None:
    """A late worker says what happened instead of naming a key."""
    stream = Stream(tmp_path)
    outgoing = first_of(stream, topic)[0]
    stream.store.delete(stream.keys("plans")[0])
    stream.handle(outgoing, stream.worker())
    error = stream.job("job").error
    assert error is not None
    assert (error.code, "removed" in error.message) == ("plan_expired", True)


@pytest.mark.parametrize("topic", [topics.RENDER, topics.ENCODE])
def test_a_document_that_was_removed_fails_the_job_with_a_sentence(tmp_path: Path, topic: str) -> None:
    """Nor is the chunk sent back and forth between drawing and encoding."""
    stream = Stream(tmp_path)
    outgoing = first_of(stream, topic)[0]
    stream.store.delete(stream.keys("documents")[0])
    stream.handle(outgoing, stream.worker())
    error = stream.job("job").error
    assert error is not None
    assert error.code == "project_expired"


@pytest.mark.parametrize("topic", [topics.RENDER, topics.ENCODE])
def test_a_position_that_is_not_in_the_plan_fails_the_job(tmp_path: Path, topic: str) -> None:
    """A task that no plan knows is refused with a sentence, not with a traceback."""
    stream = Stream(tmp_path)
    known = first_of(stream, topic)[0].message
    stream.handle(Outgoing(topic, "job:99", known.model_copy(update={"position": 99})))
    error = stream.job("job").error
    assert error is not None
    assert error.code == "unknown_part"


def test_the_file_of_another_plan_is_not_published(tmp_path: Path) -> None:
    """What lies at the task's key is compared with the plan: a wrong file fails the job."""
    stream = Stream(tmp_path)
    other = document(slides=[slide(2.0)])
    stream.export("other", other)
    task = first_of(stream, topics.UPLOAD)[0].message
    assert isinstance(task, UploadTask)
    stream.store.delete(stream.plan("job").output_key)
    stream.store.copy(stream.plan("other").output_key, stream.plan("job").output_key)
    stream.run()
    error = stream.job("job").error
    assert error is not None
    assert (error.code, error.stage) == ("output_broken", "upload")
