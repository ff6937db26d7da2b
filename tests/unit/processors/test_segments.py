"""Long films on the stream: joined in segments by any workers, the same file as one join writes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from connectors.store.memory import MemoryStore
from processors.bench import Bench
from processors.plans import PlanCache
from processors.stage import JOB_CANCELLED
from schemas import keys, topics
from schemas.checks import nothing
from schemas.errors import Cancelled
from schemas.messages import JoinTask, PartDone, RenderTask, UploadTask
from schemas.parts import Part
from tests.acceptance.media import inline, tone
from tests.unit.builders import document, fade, move, rect, slide, text, track
from tests.unit.processors.stream import Stream, sha256


@cache
def film(word: str = "Hi", last: float = 30.0) -> dict[str, Any]:
    """Over three minutes: pictures that are held, held movement, fades, and the same picture twice."""
    slides = [
        slide(25, rect(), color="red"),
        slide(45, rect(animations=[move(duration=0.6)]), color="green", transition=fade(0.25)),
        slide(40, text(word), color="blue"),
        slide(45, color="white", transition=fade(0.25)),
        slide(25, rect(), color="red"),
        slide(last, color="black"),
    ]
    # Most of the sound is silence, whose parts are alike: made once, and counted for every segment.
    return document(slides=slides, audio=[track(inline(tone(4.0), "audio/wav"), start=68)])


def in_one_piece(stream: Stream, job: str, path: Path) -> str:
    """The hash of the file that one join of a job's parts writes."""
    plan = stream.plan(job)
    view = PlanCache(stream.store).get(keys.plan_key(plan.tenant, job))
    places = {part.key: plan.place(position) for position, part in enumerate(plan.parts)}

    def read(parts: Iterable[Part]) -> Iterator[bytes]:
        return (stream.store.get(places[part.key]) for part in parts)

    view.maker.join(plan.parts, read, Bench(view, nothing), path, check=nothing)
    found = sha256(path.read_bytes())
    path.unlink()
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The hash of the film, joined in one piece."""
    folder = tmp_path_factory.mktemp("whole")
    stream = Stream(folder)
    stream.export("job", film())
    assert len(stream.plan("job").segments) >= 3
    return in_one_piece(stream, "job", folder / "film.mp4")


@pytest.mark.parametrize("seed", range(4))
def test_segments_are_the_file_of_one_join(tmp_path: Path, whole: str, seed: int) -> None:
    """Whoever writes which segment, in any order, twice, and forgetting: the same bytes, no file left."""
    stream = Stream(tmp_path, workers=3, width=Random(seed).randint(1, 8))
    stream.ask(stream.request("job", film()))
    stream.run_wildly(Random(seed))
    assert sha256(stream.file("job")) == whole
    assert list(tmp_path.iterdir()) == []


def test_segments_are_counted_apart(tmp_path: Path, whole: str) -> None:
    """Each segment's parts are announced under a key of its own, so that other workers write it."""
    stream = Stream(tmp_path)
    stream.export("job", film())
    plan = stream.plan("job")
    told = [o for o in stream.sent if isinstance(o.message, PartDone)]
    counted = {o.key for o in told if o.message.segment is not None}  # type: ignore[attr-defined]
    assert counted == {f"{plan.tenant}/job:{number}" for number in range(len(plan.segments))}
    ends = [o for o in told if o.message.segment is None]  # type: ignore[attr-defined]
    assert [o.key for o in ends] == [f"{plan.tenant}/job"] * len(plan.segments)


def test_a_short_film_is_joined_in_one_piece(tmp_path: Path) -> None:
    """Below two minutes there are no segments."""
    stream = Stream(tmp_path)
    stream.export("job", document(slides=[slide(100)]))
    assert stream.plan("job").segments == ()
    assert stream.keys("segments") == []


def test_a_changed_title_writes_its_segment_only(tmp_path: Path) -> None:
    """The other segments are found, and their parts are not asked for, although they were swept away."""
    stream = Stream(tmp_path)
    stream.export("one", film())
    before = set(stream.keys("segments"))
    kept = {place for part in stream.plan("one").parts for place in [part.key]}
    stream.export("two", film("Changed"))
    plan = stream.plan("two")
    assert len(plan.missing_segments) == 1
    assert len(set(stream.keys("segments")) - before) == 1
    assert [plan.parts[p].key in kept for p in plan.todo] == [False]
    for number in set(range(len(plan.segments))) - set(plan.missing_segments):
        for position in plan.segments[number].positions:
            stream.store.delete(plan.place(position))
    for position in plan.segments[plan.missing_segments[0]].positions:
        stream.store.delete(plan.place(position))
    stream.export("three", film("Another"))
    needed = plan.segments[plan.missing_segments[0]].positions
    assert set(stream.plan("three").todo) <= set(needed)
    assert stream.job("three").status == "completed"


def test_only_segments_are_joined_where_all_parts_are_there(tmp_path: Path, whole: str) -> None:
    """Without segments in the store, each is ordered at once, and nothing is drawn."""
    stream = Stream(tmp_path)
    stream.export("one", film())
    for kind in ("segments", "records", "outputs"):
        for key in stream.keys(kind):
            stream.store.delete(key)
    stream.export("two", film())
    assert stream.tasks("two", RenderTask) == []
    assert {task.segment for task in stream.tasks("two", JoinTask)} == set(
        range(len(stream.plan("two").segments))
    )
    assert sha256(stream.file("two")) == whole


def segments_of(stream: Stream, job: str = "job") -> int:
    """How many segments the job has; 0 before it is planned."""
    return len(stream.plan(job).segments) if stream.keys("plans") else 0


@pytest.mark.parametrize("kind", ["segments", "records"])
@pytest.mark.parametrize("parts_too", [False, True])
def test_a_swept_segment_is_made_again(tmp_path: Path, whole: str, kind: str, parts_too: bool) -> None:
    """A segment or its record that is gone before the end is written again, with its parts if need be."""
    stream = Stream(tmp_path)
    stream.ask(stream.request("job", film()))
    swept = False
    while stream.waiting:
        stream.handle(stream.waiting.pop(0))
        if not swept and 0 < segments_of(stream) == len(stream.keys("records")):
            stream.store.delete(stream.keys(kind)[0])
            for key in [*stream.keys("chunks"), *stream.keys("sound")] if parts_too else ():
                stream.store.delete(key)
            swept = True
    assert swept
    assert sha256(stream.file("job")) == whole


def test_a_swept_chunk_of_a_segment_is_made_again(tmp_path: Path, whole: str) -> None:
    """A chunk that is gone when its segment is to be written costs a second drawing."""
    stream = Stream(tmp_path)
    stream.ask(stream.request("job", film()))
    swept = False
    while stream.waiting:
        stream.handle(stream.waiting.pop(0))
        if not swept and (found := stream.keys("chunks")):
            stream.store.delete(found[0])
            swept = True
    assert sha256(stream.file("job")) == whole


class Stops:
    """A check that raises at its nth call."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self) -> None:
        """Raises when the calls are used up."""
        self.left -= 1
        if self.left < 0:
            raise Cancelled(JOB_CANCELLED, "The job was cancelled.")


@pytest.mark.parametrize("calls", [0, 1, 2, 3])
def test_a_job_that_is_cancelled_while_it_is_joined_leaves_nothing(tmp_path: Path, calls: int) -> None:
    """Writing segments and putting them together end at once; there is no half segment and no output."""
    stream = Stream(tmp_path)
    stream.ask(stream.request("job", film()))
    cancelled = 0
    while stream.waiting:
        outgoing = stream.waiting.pop(0)
        if outgoing.topic != topics.MIX:
            stream.handle(outgoing)
            continue
        stage = stream.workers[0].stages[outgoing.topic]
        try:
            outputs = list(stage.handle(outgoing.message, stream.context(Stops(calls))))
        except Cancelled:
            cancelled += 1
            outputs = []
        for output in outputs:
            stream.publish(output)
    assert cancelled
    assert stream.tasks("job", UploadTask) == []
    assert stream.keys("outputs") == []
    assert os.listdir(tmp_path) == []
    segments = {key.rpartition("/")[2] for key in stream.keys("segments")}
    assert segments == {key.rpartition("/")[2] for key in stream.keys("records")}


def test_putting_together_is_cancelled_between_pieces() -> None:
    """What the check raises leaves the target as it was."""
    store = MemoryStore()
    for key in ("a", "b"):
        store.put(key, b"new")
    store.put("k", b"as it was")
    with pytest.raises(Cancelled):
        store.compose("k", ["a", "b"], check=Stops(1))
    assert store.get("k") == b"as it was"
