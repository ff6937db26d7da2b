"""The export generator's calls, exactly as CONTRACTS.md writes them (S0)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from producer_api.dialects.s0 import CancelView, CreatedView, RefusalView, StatusView
from schemas import topics
from schemas.messages import Control, ExportRequest
from tests.unit.api.harness import FILE, World, facts_until_done, failed
from tests.unit.api.test_exports import cancelled

CALL: dict[str, Any] = {
    "project_id": "p1",
    "customer_id": "c1",
    "user_id": "u1",
    "format": "mp4",
    "settings": {
        "quality": "1080p",
        "fps": 30,
        "includeAudio": True,
        "codec": "libx264",
        "bitrate": "5M",
        "audioBitrate": "192k",
    },
}
PATHS = (("/export", "/status/{}"), ("/projects/export", "/projects/export/{}/status"))


def export(api: World, path: str = "/export", **more: Any) -> str:
    """An export by this dialect; its id."""
    answer = api.post(path, json={**CALL, **more})
    assert answer.status_code == 200, answer.text
    job_id: str = answer.json()["export_job_id"]
    return job_id


@pytest.mark.parametrize("path", ["/export", "/projects/export"])
def test_an_export_is_created(api: World, path: str) -> None:
    """The answer is word for word the promised one, and the request is on the stream."""
    answer = api.post(path, json=CALL)
    job_id = answer.json()["export_job_id"]
    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "export_job_id": job_id,
        "status": "pending",
        "message": "Export job created successfully",
    }
    assert str(uuid.UUID(job_id)) == job_id
    CreatedView.model_validate(answer.json())
    [request] = api.stream.on(topics.REQUESTS)
    assert isinstance(request, ExportRequest)
    assert (request.project_ref, request.format, request.source) == ("c1/p1", "mp4", "s0")
    assert (request.project_id, request.customer_id, request.user_id) == ("p1", "c1", "u1")
    assert request.settings == {
        "quality": "1080p",
        "fps": 30,
        "include_audio": True,
        "codec": "libx264",
        "bitrate": "5M",
        "audio_bitrate": "192k",
    }


@pytest.mark.parametrize(("create", "status"), PATHS)
def test_a_status_is_told_from_beginning_to_end(api: World, create: str, status: str) -> None:
    """Pending without a result, then completed with one whose address really downloads the file."""
    job_id = export(api, create)
    assert api.get(status.format(job_id)).json() == {
        "job_id": job_id,
        "job_type": "export-generator",
        "customer_id": "c1",
        "status": "pending",
        "progress": 0,
    }
    api.complete(job_id, "Große Reise.mp4")
    view = api.get(status.format(job_id)).json()
    StatusView.model_validate(view)
    url = view["result"].pop("output_url")
    assert view == {
        "job_id": job_id,
        "job_type": "export-generator",
        "customer_id": "c1",
        "status": "completed",
        "progress": 100,
        "result": {
            "status": "success",
            "video_id": "0b9d9a52-6f3e-4f0f-9f59-2f6a1d7f8b11",
            "file_size": len(FILE),
            "duration": 60.5,
            "format": "mp4",
        },
    }
    assert url.startswith("/api/assets/download/")
    whole, part = api.get(url), api.get(url, headers={"Range": "bytes=10-19"})
    assert (whole.status_code, whole.content) == (200, FILE)
    assert (part.status_code, part.content) == (206, FILE[10:20])
    assert "Gro%C3%9Fe%20Reise.mp4" in whole.headers["content-disposition"]
    assert api.request("HEAD", url).headers["content-length"] == str(len(FILE))


def test_a_running_job_says_so(api: World) -> None:
    """Every stage between the request and the end is `running`."""
    job_id = export(api)
    for fact in facts_until_done(job_id)[:2]:
        api.tell(job_id, fact)
        view = api.get(f"/status/{job_id}").json()
        assert (view["status"], "result" in view) == ("running", False)


def test_a_failure_is_told_in_a_sentence(api: World) -> None:
    """The result has the error, with the place in the project."""
    job_id = export(api)
    api.tell(job_id, failed(job_id))
    view = api.get(f"/status/{job_id}").json()
    assert view["status"] == "failed"
    assert view["result"]["status"] == "error"
    assert view["result"]["error"] == "slides[0].elements[1].src: There is no photo.jpg."


def test_a_running_job_is_cancelled(api: World) -> None:
    """The order is published; the job then counts as failed, with an error that says why."""
    job_id = export(api)
    answer = api.request("DELETE", f"/cancel/{job_id}")
    assert answer.status_code == 200
    CancelView.model_validate(answer.json())
    [order] = api.stream.on(topics.CONTROL)
    assert isinstance(order, Control)
    assert order.job_id == job_id
    api.tell(job_id, cancelled(job_id))
    view = api.get(f"/status/{job_id}").json()
    assert (view["status"], view["result"]["error"]) == ("failed", "The export was cancelled.")
    assert api.request("DELETE", f"/cancel/{job_id}").status_code == 200


def test_a_finished_job_cannot_be_cancelled(api: World) -> None:
    """409 in this dialect's words."""
    job_id = export(api)
    api.complete(job_id)
    answer = api.request("DELETE", f"/cancel/{job_id}")
    assert (answer.status_code, answer.json()["success"]) == (409, False)


@pytest.mark.parametrize("kind", ["mp3", "json"])
def test_other_formats_need_no_settings(api: World, kind: str) -> None:
    """MP3 and JSON are asked for with the same call."""
    answer = api.post("/export", json={**CALL, "format": kind, "settings": None})
    assert answer.status_code == 200
    [request] = api.stream.on(topics.REQUESTS)
    assert isinstance(request, ExportRequest)
    assert (request.format, request.settings) == (kind, {})


@pytest.mark.parametrize(
    "more",
    [
        {"format": "MP4"},
        {"format": None},
        {"user_id": None},
        {"project_id": 17},
        {"extra": {"unknown": True}},
        {"settings": {"quality": "4K", "fps": "60", "codec": "h264", "theme": "dark", "bitrate": None}},
    ],
)
def test_where_the_contract_is_silent_much_is_taken(api: World, more: dict[str, Any]) -> None:
    """Other cases, numbers as ids, unknown keys and usual spellings are not errors."""
    export(api, **more)


def test_the_neighbours_are_not_this_dialects(api: World) -> None:
    """An address that only begins alike is answered as a problem."""
    assert api.get("/exports/x").headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("given", "status", "word"),
    [
        (b"{", 400, "JSON"),
        (b"[]", 400, "object"),
        (b'{"customer_id":"c","format":"mp4"}', 400, "project_id"),
        (b'{"project_id":"p","format":"mp4"}', 400, "customer_id"),
        (b'{"customer_id":"c","project_id":"p","format":"avi"}', 400, "format"),
        (b'{"customer_id":"c","project_id":"p/q"}', 400, "project"),
        (b'{"customer_id":"c","project_id":"p","settings":{"fps":25}}', 400, "fps"),
        (b" " * 300_000, 413, "larger"),
    ],
)
def test_errors_have_this_dialects_shape(api: World, given: bytes, status: int, word: str) -> None:
    """`success` is false, and `error` and `message` are a sentence."""
    answer = api.post("/export", content=given)
    body = answer.json()
    RefusalView.model_validate(body)
    assert (answer.status_code, body["success"]) == (status, False)
    assert word in body["error"]
    assert body["error"] == body["message"]
    assert api.stream.messages == []


def test_what_is_not_there_has_this_dialects_shape_too(api: World) -> None:
    """404, 405 and 503 as well."""
    unknown = uuid.uuid4()
    assert api.get(f"/status/{unknown}").json()["code"] == "export_not_found"
    for method, path, status in (
        ("GET", f"/status/{unknown}", 404),
        ("GET", f"/projects/export/{unknown}/status", 404),
        ("DELETE", f"/cancel/{unknown}", 404),
        ("GET", f"/api/assets/download/{unknown}/x.mp4", 404),
        ("GET", "/export", 405),
        ("GET", f"/cancel/{unknown}", 405),
    ):
        answer = api.request(method, path)
        assert (answer.status_code, answer.json()["success"]) == (status, False)
    api.stream.away = True
    answer = api.post("/export", json=CALL)
    assert (answer.status_code, answer.json()["success"]) == (503, False)
    assert "retry-after" in answer.headers
