"""The stream in one process: ends of jobs, and errors that nobody expected."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from exportstream import wiring
from exportstream.config import Settings
from exportstream.local import run_local
from processors.stage import Outgoing, TaskContext
from schemas import topics
from schemas.lifecycle import Job
from schemas.messages import ExportRequest
from tests.unit.builders import document, move, rect, slide
from tests.unit.processors.stream import TINY, Stream


def request(**slides: Any) -> ExportRequest:
    """A tiny film."""
    return ExportRequest(job_id="job", format="mp4", settings=TINY, project=document(**slides))


def test_a_job_runs_to_its_end_and_is_told_step_by_step(tmp_path: Path) -> None:
    """Each change is shown once, with progress that never goes back; nothing is left on the disk."""
    seen: list[Job] = []
    stages = list(Stream(tmp_path).workers[0].stages.values())
    job = run_local(request(slides=[slide(0.25), slide(0.25, rect())]), stages, on_change=seen.append)
    assert job.status == "completed"
    assert seen[-1] == job
    assert [j.version for j in seen] == list(range(2, len(seen) + 2))
    assert sorted(j.progress for j in seen) == [j.progress for j in seen]
    assert list(tmp_path.iterdir()) == []


def test_a_cancelled_job_ends_as_cancelled(tmp_path: Path) -> None:
    """Whoever sets the event gets the job back, not an error."""
    cancelled = threading.Event()

    def look(job: Job) -> None:
        if job.status == "rendering":
            cancelled.set()

    stages = list(Stream(tmp_path).workers[0].stages.values())
    film = request(slides=[slide(4.0, rect(animations=[move(duration=4.0)]))])
    assert run_local(film, stages, on_change=look, cancelled=cancelled).status == "cancelled"
    assert list(tmp_path.iterdir()) == []


class Meeting:
    """Passes a stage's calls on, and has each of the first `count` wait until so many are in it at once."""

    def __init__(self, stage: Any, count: int) -> None:
        self._stage = stage
        self._barrier = threading.Barrier(count)
        self._left = count
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)

    def handle(self, message: Any, context: TaskContext) -> list[Outgoing]:
        """Meet the others, then work."""
        with self._lock:
            self._left -= 1
            meets = self._left >= 0
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            if meets:
                self._barrier.wait(30)
            return list(self._stage.handle(message, context))
        finally:
            with self._lock:
                self._now -= 1


@pytest.mark.parametrize("encoders", [1, 3])
def test_as_many_chunks_are_encoded_at_once_as_the_setting_says(tmp_path: Path, encoders: int) -> None:
    """EXPORTSTREAM_ENCODERS is the number of encoders that work at once: no fewer, no more."""
    settings = Settings.from_environ({"EXPORTSTREAM_ENCODERS": str(encoders)})
    store = wiring.local_store(tmp_path / "objects")
    (tmp_path / "work").mkdir()
    stages: list[Any] = wiring.local_stages(settings, store, tmp_path / "work", tmp_path)
    encode = next(stage for stage in stages if stage.name == "encode")
    meeting = Meeting(encode, encoders)
    stages[stages.index(encode)] = meeting
    slides = [slide(0.25, rect(x=10 * number, width=50)) for number in range(6)]
    job = run_local(request(slides=slides), stages)
    assert job.status == "completed", job.error
    assert meeting.most == encoders == encode.concurrency


def test_what_nobody_expected_is_raised_where_it_was_called(tmp_path: Path) -> None:
    """A fault of the program is no failed job: it comes out as it is, and all threads end."""

    class Broken:
        name, topic, concurrency, unordered = "render", topics.RENDER, 1, False

        def handle(self, message: Any, context: TaskContext) -> list[Outgoing]:
            """Fail."""
            raise ZeroDivisionError("nobody thought of this")

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(name)

    stages: list[Any] = [s for s in Stream(tmp_path).workers[0].stages.values() if s.name != "render"]
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        run_local(request(slides=[slide()]), [*stages, Broken()])
    assert threading.active_count() == before
