"""The life of a job: the fold of facts and the table of transitions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.facts import (
    STAGES,
    CancelledFact,
    ChunkEncoded,
    ChunkRendered,
    Completed,
    Fact,
    Failed,
    Planned,
    PlanStarted,
    Problem,
    Result,
    StageProgressed,
)
from schemas.lifecycle import TERMINAL, TRANSITIONS, Job, accept, fold
from schemas.messages import ExportRequest

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = ExportRequest(job_id="j1", format="mp4", project={"version": 1}, requested_at=EPOCH)
RESULT = Result(
    key="t/default/exports/j1/file.mp4", file_name="x.mp4", content_type="video/mp4", size=9, sha256="0" * 64
)


def _at(second: int) -> datetime:
    return EPOCH + timedelta(seconds=second)


def _common(second: int) -> dict[str, Any]:
    return {"job_id": "j1", "tenant": "default", "at": _at(second)}


PLANNED = Planned(
    **_common(2), project_key="t/default/documents/p.json", chunks=4, cached=1, frames=90, warnings=("w",)
)

ONGOING: st.SearchStrategy[Fact | ExportRequest] = st.one_of(
    st.just(REQUEST),
    st.builds(lambda s: PlanStarted(**_common(s)), st.integers(0, 60)),
    st.just(PLANNED),
    st.builds(lambda p: ChunkRendered(**_common(3 + p), position=p, frames=30), st.integers(0, 2)),
    st.builds(lambda p: ChunkEncoded(**_common(9 + p), position=p, frames=30), st.integers(0, 2)),
    st.builds(
        lambda stage, f: StageProgressed(**_common(20), stage=stage, fraction=f),
        st.sampled_from(STAGES),
        st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    ),
)

ENDINGS: st.SearchStrategy[Fact] = st.sampled_from(
    [
        Completed(**_common(30), result=RESULT),
        Failed(**_common(31), error=Problem(code="asset_not_found", message="The image is gone.")),
        CancelledFact(**_common(32)),
    ]
)


def _fold_all(facts: list[Fact | ExportRequest]) -> Job:
    job: Job | None = None
    for fact in facts:
        job = fold(job, fact, at=EPOCH)
    assert job is not None
    return job


def _essence(job: Job) -> dict[str, Any]:
    """A job without the fields that count changes or note when the last one came."""
    left_out = {"version", "updated_at", "created_at"}
    return job.model_dump(exclude=left_out)


@given(st.lists(ONGOING, min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_the_order_of_ongoing_facts_does_not_matter(facts: list[Fact | ExportRequest], random: Any) -> None:
    """Whatever the order in which facts of different stages arrive, the job is the same."""
    shuffled = list(facts)
    random.shuffle(shuffled)
    assert _essence(_fold_all(shuffled)) == _essence(_fold_all(facts))


@given(st.lists(ONGOING, min_size=1, max_size=15), st.data())
def test_a_fact_told_twice_changes_nothing(facts: list[Fact | ExportRequest], data: st.DataObject) -> None:
    """A fact that is delivered again later leaves the very same job, its version included."""
    job = _fold_all(facts)
    again = data.draw(st.sampled_from(facts))
    assert fold(job, again, at=EPOCH) is job


@given(st.lists(ONGOING, max_size=10), ENDINGS, st.lists(st.one_of(ONGOING, ENDINGS), max_size=10))
def test_the_first_ending_is_final(
    before: list[Fact | ExportRequest], ending: Fact, after: list[Fact | ExportRequest]
) -> None:
    """Nothing that is told after the first terminal fact changes how the job ended."""
    ended = _fold_all([*before, ending])
    later = ended
    for fact in after:
        later = fold(later, fact, at=EPOCH)
    assert ended.terminal
    assert (later.status, later.result, later.error, later.progress) == (
        ended.status,
        ended.result,
        ended.error,
        ended.progress,
    )


@given(st.lists(st.one_of(ONGOING, ENDINGS), min_size=2, max_size=25))
def test_status_only_takes_steps_of_the_table_and_progress_never_goes_back(
    facts: list[Fact | ExportRequest],
) -> None:
    """Each change of state is one that the transition table has, and progress only grows once planned."""
    job: Job | None = None
    for fact in facts:
        after = fold(job, fact, at=EPOCH)
        if job is not None and job.status != after.status:
            assert after.status in TRANSITIONS[job.status]
        if job is not None and job.chunks is not None and job.format is not None:
            assert after.progress >= job.progress
        job = after


@given(st.lists(st.one_of(ONGOING, ENDINGS), min_size=1, max_size=20))
def test_a_replay_from_the_start_ends_the_same(facts: list[Fact | ExportRequest]) -> None:
    """Folding the whole log again onto the result, as after a crash, gives the result."""
    job = _fold_all(facts)
    again = job
    for fact in facts:
        again = fold(again, fact, at=EPOCH)
    assert _essence(again) == _essence(job)


def test_terminal_states_are_those_without_followers() -> None:
    """Completed, failed and cancelled end a job; nothing else does."""
    assert {"completed", "failed", "cancelled"} == TERMINAL


def test_a_whole_life() -> None:
    """From a request to a file: state, progress and times as a client sees them."""
    job = accept(REQUEST, EPOCH)
    assert (job.status, job.progress, job.created_at) == ("queued", 0, EPOCH)
    job = fold(job, PlanStarted(**_common(1)))
    job = fold(job, PLANNED)
    assert (job.status, job.started_at, job.warnings) == ("rendering", _at(1), ("w",))
    assert job.stage_progress()["encode"] == 0.25
    for position in range(3):
        job = fold(job, ChunkRendered(**_common(3), position=position))
        job = fold(job, ChunkEncoded(**_common(4), position=position, frames=30))
    assert job.stage_progress()["render"] == job.stage_progress()["encode"] == 1.0
    assert job.done_frames == 90
    job = fold(job, StageProgressed(**_common(5), stage="upload", fraction=0.5))
    assert job.status == "uploading"
    job = fold(job, Completed(**_common(6), result=RESULT))
    assert (job.status, job.progress, job.completed_at) == ("completed", 100, _at(6))


def test_a_job_survives_its_own_encoding() -> None:
    """A snapshot read back from `export.status` is the job that was written."""
    job = _fold_all([REQUEST, PLANNED, Completed(**_common(6), result=RESULT)])
    assert Job.decode(job.encode()) == job
