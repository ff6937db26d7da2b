"""plan: what is sent out, and what is refused before any work starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.assets import distinct
from processors.documents import Documents
from processors.plan import planned
from schemas import keys
from schemas.errors import Cancelled, Missing
from schemas.facts import ChunkEncoded, PlanStarted
from schemas.messages import ExportRequest, RenderTask
from schemas.plan import Asset, OutputFile, Plan
from schemas.project import SourceRef
from tests.acceptance.media import inline, picture
from tests.unit.builders import document, image, rect, slide, text
from tests.unit.processors.stream import EPOCH, Stream, sha256


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 12), width=st.integers(1, 15))
def test_the_chain_of_tasks_covers_each_chunk_once(
    tmp_path_factory: pytest.TempPathFactory, count: int, width: int
) -> None:
    """`plan` sends the first `width` chunks, and whoever encodes one sends the one `width` further on."""
    stream = Stream(tmp_path_factory.mktemp("chain"), width=width)
    slides = [slide(0.1, color=f"rgb({number}, 0, 0)") for number in range(count)]
    stream.export("job", document(slides=slides))
    assert sorted(task.position for task in stream.tasks("job", RenderTask)) == list(range(count))
    assert sorted(fact.position for fact in stream.tasks("job", ChunkEncoded)) == list(range(count))
    first = stream.sent.index(next(o for o in stream.sent if isinstance(o.message, ChunkEncoded)))
    ahead = [o for o in stream.sent[:first] if isinstance(o.message, RenderTask)]
    assert len(ahead) <= width + 1


def test_a_request_may_say_its_own_width(tmp_path: Path) -> None:
    """The width is the job's weight: a number in the request."""
    stream = Stream(tmp_path, width=1)
    slides = [slide(0.1, color=f"rgb({number}, 0, 0)") for number in range(5)]
    stream.ask(stream.request("job", document(slides=slides), width=4))
    stream.handle(stream.waiting.pop())
    assert len(stream.tasks("job", RenderTask)) == 4


def test_equal_slides_are_one_chunk(tmp_path: Path) -> None:
    """What looks the same is encoded once, however often it is shown."""
    stream = Stream(tmp_path)
    job = stream.export("job", document(slides=[slide(0.25), slide(0.25, color="red"), slide(0.25)]))
    plan = stream.plan("job")
    assert (len(plan.chunks), len(plan.todo), job.chunks) == (3, 2, 2)
    assert job.duration == 0.75


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"slides": [slide(1.0, {"type": "video", "src": "a.mp4"})]}, "slides[0].elements[0]"),
        ({"slides": [slide(), slide(1.0, {"type": "visualizer", "audio": "a"})]}, "slides[1].elements[0]"),
        ({"captions": {"src": "a.srt"}}, "captions"),
    ],
)
def test_what_is_not_supported_yet_is_named(tmp_path: Path, part: dict[str, Any], path: str) -> None:
    """A video says at plan what it cannot show, and where; nothing is rendered."""
    for slide_ in part.get("slides", ()):
        for element in slide_["elements"]:
            element |= {"x": 0, "y": 0, "width": 10, "height": 10}
    stream = Stream(tmp_path)
    audio = [{"id": "a", "src": "a.wav"}]
    job = stream.export("job", document(**part, audio=audio), settings={"includeAudio": False})
    assert job.error is not None
    assert (job.error.code, job.error.path, job.error.stage) == ("not_supported", path, "plan")
    assert stream.tasks("job", RenderTask) == []


@pytest.mark.parametrize(
    ("format_", "part", "code", "path"),
    [
        ("mp4", {"slides": []}, "no_slides", "slides"),
        ("mp3", {}, "no_sound", "audio"),
        ("mov", {}, "invalid_value", "format"),
        ("mp4", {"colour": "red"}, "unknown_key", "colour"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    tmp_path: Path, format_: str, part: dict[str, Any], code: str, path: str
) -> None:
    """A code and a path, and that another try cannot help."""
    error = Stream(tmp_path).export("job", document(**part), format_).error
    assert error is not None
    assert (error.code, error.path, error.stage, error.retriable) == (code, path, "plan", False)


def test_a_document_of_another_tenant_is_out_of_reach(tmp_path: Path) -> None:
    """A request names documents of its own tenant only, whatever it says."""
    stream = Stream(tmp_path)
    key = keys.project_key("other", "0" * 64)
    stream.store.put(key, b'{"version": 1}')
    for reached in (key, f"t/default/../other/documents/{'0' * 64}.json", "projects/c/p.json"):
        job = stream.export(f"job-{sha256(reached.encode())[:8]}", {}, project=None, project_key=reached)
        assert job.error is not None
        assert job.error.code in ("project_not_found", "bad_key")


def test_a_document_that_is_gone_is_missing(tmp_path: Path) -> None:
    """The sentence names the key."""
    stream = Stream(tmp_path)
    request = ExportRequest(job_id="j", format="mp4", project_key="t/default/documents/x.json")
    with pytest.raises(Missing, match=r"documents/x\.json"):
        Documents(stream.store, None).load(request)


def test_a_project_by_reference_needs_a_source(tmp_path: Path) -> None:
    """Without one, the sentence says what to send instead."""
    job = Stream(tmp_path).export("job", {}, project=None, project_ref="customer/project")
    assert job.error is not None
    assert (job.error.code, job.error.path) == ("no_project_source", "project_ref")


def test_a_project_nested_too_deep_for_json_is_refused(tmp_path: Path) -> None:
    """What a JSON library reads and cannot write again fails its job, not the worker."""
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"a": deep}
    request = ExportRequest(job_id="job", format="mp4", project=deep)
    stream = Stream(tmp_path)
    with pytest.raises(Exception, match="nested too deep") as caught:
        list(stream.workers[0].stages["export.requests"].handle(request, stream.context()))
    assert getattr(caught.value, "code", None) == "too_deep"


def test_a_cancelled_job_is_not_planned(tmp_path: Path) -> None:
    """`check` ends the stage before a plan is written."""
    stream = Stream(tmp_path)
    request = stream.request("job", document(slides=[slide(0.1, image(inline(picture(), "image/png")))]))
    looks = 0

    def check() -> None:
        nonlocal looks
        looks += 1
        if looks > 3:
            raise Cancelled("job_cancelled", "The job was cancelled.")

    with pytest.raises(Cancelled):
        list(stream.workers[0].stages["export.requests"].handle(request, stream.context(check)))
    assert stream.keys("plans") == []
    assert [type(fact) for fact in stream.facts("job")] == [PlanStarted]


def test_an_asset_that_is_named_often_is_fetched_once() -> None:
    """Each source once, under the place where it is named first."""
    refs = [
        SourceRef("x", "image", "a.png"),
        SourceRef("y", "image", "b.png"),
        SourceRef("z", "image", "a.png"),
    ]
    assert distinct(refs) == refs[:2]


def test_facts_stay_small_whatever_a_plan_holds() -> None:
    """A long name and a thousand long warnings are cut in what is told; the plan keeps them."""
    plan = Plan(
        job_id="j",
        tenant="default",
        format="mp4",
        settings={},
        project_key="k",
        project_name="n" * 1000,
        stages=("plan",),
        parts=(),
        files=(OutputFile(name="file.mp4", key="k", media_type="video/mp4"),),
        engine_version="1",
        warnings=tuple(f"{number}: " + "w" * 2000 for number in range(1000)),
    )
    fact = planned(plan, EPOCH)
    assert len(fact.encode()) < 32_000
    assert fact.warnings[-1] == "… and 940 more."
    assert fact.project_name == "n" * 200


def test_an_unknown_font_and_an_uncovered_script_are_warnings(tmp_path: Path) -> None:
    """The job goes on; the owner is told what and where, once each."""
    words = [
        text("Hello", fontFamily="Nobody Sans"),
        text("Ha", fontFamily="Nobody Sans"),
        text("\U00012000"),
    ]
    job = Stream(tmp_path).export("job", document(slides=[slide(0.1, *words)]))
    font, script = job.warnings
    assert "slides[0].elements[0]" in font
    assert "Nobody Sans" in font
    assert "Cuneiform" in script
    assert "slides[0].elements[2]" in script
    assert job.status == "completed"


def test_an_image_is_decoded_once_for_all_its_exports(tmp_path: Path) -> None:
    """The normal form of the first export is found by the second."""
    project = document(slides=[slide(0.1, image(inline(picture(), "image/png")))])
    stream = Stream(tmp_path)
    stream.export("one", project)
    before = {info.key: info.modified for info in stream.store.list("t/default/images/")}
    stream.export("two", document(slides=[*project["slides"], slide(0.1, rect())]))
    assert {info.key: info.modified for info in stream.store.list("t/default/images/")} == before
    (asset,) = stream.plan("two").assets
    assert isinstance(asset, Asset)
    assert (asset.kind, asset.sha256) == ("image", sha256(picture()))


def test_a_format_in_the_settings_may_not_contradict_the_requests(tmp_path: Path) -> None:
    """A raw producer's request that names two formats fails its job, and says where."""
    job = Stream(tmp_path).export("job", document(slides=[slide()]), settings={"format": "json"})
    assert job.error is not None
    assert (job.error.code, job.error.path) == ("invalid_value", "settings.format")


def test_what_a_decoder_warns_of_reaches_the_job(tmp_path: Path) -> None:
    """The plan and the job say it with the path of the element, when it was decoded and when it was known."""
    stream = Stream(tmp_path)
    svg = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><foreignObject width='9'/></svg>"
    element = {"type": "image", "src": f"data:image/svg+xml,{svg}", "x": 0, "y": 0, "width": 9, "height": 9}
    for name in ("first", "again"):
        job = stream.export(name, document(slides=[slide(0.1, element)]))
        assert list(job.warnings) == ["slides[0].elements[0].src: HTML in foreignObject is not drawn"], (
            job.warnings
        )
