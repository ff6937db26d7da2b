"""Looking at exports, listing them, calling them off; keys and tenants."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from producer_api.views import EXAMPLE, ExportList, ExportView
from schemas import topics
from schemas.facts import CancelledFact, ChunkEncoded, Planned, StageProgressed
from schemas.messages import Control
from tests.unit import builders as b
from tests.unit.api.harness import NOW, World, failed, world


def begin(api: World, **more: Any) -> str:
    """An export; its id."""
    answer = api.post("/v1/exports", json={"project": b.document(), "format": "mp4", **more})
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["id"]
    return job_id


def cancelled(job_id: str) -> CancelledFact:
    """The fact that ends a job that was called off."""
    return CancelledFact(job_id=job_id, tenant="default", at=NOW)


def test_an_export_shows_how_far_each_stage_has_come(api: World) -> None:
    """Progress is counted in chunks; the status is simple, the stage detailed."""
    job_id = begin(api)
    common: dict[str, Any] = {"job_id": job_id, "tenant": "default", "at": NOW + timedelta(minutes=1)}
    api.tell(
        job_id,
        Planned(
            **common, project_key="k", chunks=4, cached=1, frames=90, duration=3.5, warnings=("A word.",)
        ),
        ChunkEncoded(**common, position=0, frames=30),
        StageProgressed(**common, stage="mix", fraction=0.5),
    )
    view = api.get(f"/v1/exports/{job_id}").json()
    ExportView.model_validate(view)
    assert (view["status"], view["stage"]) == ("running", "rendering")
    assert view["stages"] == {"plan": 1.0, "render": 0.25, "encode": 0.5, "mix": 0.5, "upload": 0.0}
    assert 0 < view["progress"] < 100
    assert (view["duration"], view["warnings"]) == (3.5, ["A word."])
    assert (view["chunks"], view["cached"]) == (4, 1)


def test_a_finished_export_says_where_its_file_is(api: World) -> None:
    """The result has the file's address and what is known of it, and no keys of the store."""
    job_id = begin(api)
    api.complete(job_id)
    view = api.get(f"/v1/exports/{job_id}").json()
    ExportView.model_validate(view)
    assert (view["status"], view["progress"]) == ("completed", 100)
    assert view["result"]["url"] == view["links"]["file"] == f"/v1/exports/{job_id}/file"
    assert view["result"]["duration"] == 60.5
    assert view["links"]["cancel"] is None
    assert "t/default/" not in str(view)


def test_a_failed_export_says_why(api: World) -> None:
    """The error has a code, a sentence, the path, whether a retry can help and, once known, the stage."""
    job_id = begin(api)
    api.tell(job_id, failed(job_id))
    view = api.get(f"/v1/exports/{job_id}").json()
    ExportView.model_validate(view)
    assert view["error"] == {
        "code": "asset_not_found",
        "message": "There is no photo.jpg.",
        "path": "slides[0].elements[1].src",
        "stage": None,
        "retriable": False,
    }


def test_the_example_in_the_documentation_is_true() -> None:
    """The documented example has the documented shape."""
    ExportView.model_validate(EXAMPLE)


def test_an_export_that_is_not_there_is_404(api: World) -> None:
    """Every address below an unknown export is a problem with the same code."""
    calls = [("GET", ""), ("GET", "/events"), ("GET", "/file"), ("GET", "/manifest"), ("POST", "/cancel")]
    for method, path in calls:
        answer = api.request(method, f"/v1/exports/nobody{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "export_not_found")
    assert api.request("HEAD", "/v1/exports/nobody/file").status_code == 404


def test_lists_are_newest_first_and_go_on_by_the_cursor(api: World) -> None:
    """Pages follow one another without gaps or repetitions, also when something new comes in between."""
    ids = [begin(api) for _ in range(5)]
    first = api.get("/v1/exports", params={"limit": 2})
    ExportList.model_validate(first.json())
    begin(api)
    second = api.get(first.json()["next"])
    third = api.get("/v1/exports", params={"limit": 2, "cursor": second.json()["next_cursor"]})
    found = [view["id"] for page in (first, second, third) for view in page.json()["exports"]]
    assert found == ids[::-1]
    assert first.headers["link"] == f'<{first.json()["next"]}>; rel="next"'
    assert third.json()["next"] is None
    assert "link" not in third.headers


def test_lists_are_filtered(api: World) -> None:
    """By status or stage, format, project, batch, user and moment; the address of the next page has them."""
    mp4 = begin(api, batch_id="b 1", project_id="p1", user_id="u 1")
    mp3 = begin(api, format="mp3", batch_id="b 1")
    json = begin(api, format="json", project_id="p1")
    api.complete(mp4)
    api.tell(mp3, cancelled(mp3))
    moment = api.get(f"/v1/exports/{mp3}").json()["created_at"]

    def ids(**params: Any) -> list[str]:
        return [view["id"] for view in api.get("/v1/exports", params=params).json()["exports"]]

    assert ids(status="pending") == ids(status="queued") == [json]
    assert ids(status="completed,cancelled") == ids(status=["completed", "cancelled"]) == [mp3, mp4]
    assert ids(format="mp3") == [mp3]
    assert ids(project_id="p1") == [json, mp4]
    assert ids(batch_id="b 1") == [mp3, mp4]
    assert ids(user_id="u 1") == [mp4]
    assert ids(created_after=moment) == [json, mp3]
    assert ids(created_before=moment.removesuffix("Z")) == [mp4]
    following = api.get(
        "/v1/exports", params={"batch_id": "b 1", "status": "cancelled,completed", "limit": 1}
    )
    page = api.get(following.json()["next"]).json()
    assert [view["id"] for view in page["exports"]] == [mp4]
    begin(api, user_id="u 1")
    following = api.get("/v1/exports", params={"user_id": "u 1", "limit": 1})
    page = api.get(following.json()["next"]).json()
    assert [view["id"] for view in page["exports"]] == [mp4]


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"status": "lost"}, "status"),
        ({"created_after": "yesterday"}, "created_after"),
    ],
)
def test_a_list_query_that_cannot_be_read_is_422(api: World, params: dict[str, Any], path: str) -> None:
    """The problem names the parameter."""
    answer = api.get("/v1/exports", params=params)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)


@pytest.mark.parametrize("cursor", ["nonsense", "NQ", "bnVsbA", "W10"])
def test_a_cursor_that_is_not_ours_is_422(api: World, cursor: str) -> None:
    """A made-up cursor is a problem, not a failure."""
    answer = api.get("/v1/exports", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")


def test_cancelling_publishes_an_order(api: World) -> None:
    """202, and the order is on the control topic under the job's id; once more is fine."""
    job_id = begin(api)
    for _ in range(2):
        answer = api.post(f"/v1/exports/{job_id}/cancel")
        assert (answer.status_code, answer.json()["id"]) == (202, job_id)
    [order, _] = api.stream.on(topics.CONTROL)
    assert isinstance(order, Control)
    assert (order.job_id, order.tenant, order.action) == (job_id, "default", "cancel")
    api.tell(job_id, cancelled(job_id))
    assert api.post(f"/v1/exports/{job_id}/cancel").json()["status"] == "cancelled"
    assert len(api.stream.on(topics.CONTROL)) == 2


def test_an_export_that_ended_otherwise_cannot_be_cancelled(api: World) -> None:
    """409 says how it ended."""
    job_id = begin(api)
    api.complete(job_id)
    answer = api.post(f"/v1/exports/{job_id}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_ended")
    assert "completed" in answer.json()["detail"]


def test_with_keys_configured_one_is_needed(keyed: World) -> None:
    """No key and an unknown key are 401 with a challenge; both ways of presenting one work."""
    for headers in (
        {},
        {"X-API-Key": "key-c"},
        {"Authorization": "Bearer ké"},
        {"Authorization": "Basic key-a"},
    ):
        for path in ("/v1/exports", "/status/x"):
            encoded = {name: value.encode() for name, value in headers.items()}
            answer = keyed.get(path, headers=encoded)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
    for headers in ({"X-API-Key": "key-a"}, {"Authorization": "bearer key-a"}):
        assert keyed.get("/v1/exports", headers=headers).status_code == 200
    for path in ("/health", "/ready", "/metrics", "/openapi.json", "/asyncapi.json", "/docs"):
        assert keyed.get(path).status_code == 200


def test_another_tenants_export_does_not_exist(keyed: World) -> None:
    """Whatever the address, another tenant's job is 404, and not in the list."""
    anna, bert = {"X-API-Key": "key-a"}, {"X-API-Key": "key-b"}
    job_id = keyed.post("/v1/exports", json={"project": b.document(), "format": "mp4"}, headers=anna).json()[
        "id"
    ]
    assert keyed.get(f"/v1/exports/{job_id}", headers=anna).status_code == 200
    calls = [
        ("GET", f"/v1/exports/{job_id}"),
        ("GET", f"/v1/exports/{job_id}/events"),
        ("GET", f"/v1/exports/{job_id}/file"),
        ("POST", f"/v1/exports/{job_id}/cancel"),
        ("GET", f"/status/{job_id}"),
        ("GET", f"/projects/export/{job_id}/status"),
        ("DELETE", f"/cancel/{job_id}"),
        ("GET", f"/api/assets/download/{job_id}/x.mp4"),
    ]
    assert [keyed.request(method, path, headers=bert).status_code for method, path in calls] == [404] * len(
        calls
    )
    assert keyed.get("/v1/exports", headers=bert).json()["exports"] == []
    assert keyed.stream.on(topics.CONTROL) == []


def test_without_keys_a_foreign_web_page_cannot_start_exports(api: World) -> None:
    """A browser says which page asks: another site's is refused, our own and programs are not."""
    call = {"json": {"project": b.document(), "format": "mp4"}}
    assert api.post("/v1/exports", headers={"Origin": "https://elsewhere.example"}, **call).status_code == 403
    assert api.post("/v1/exports", headers={"Origin": "http://api"}, **call).status_code == 202


def test_addresses_and_methods_that_are_none_are_problems(api: World) -> None:
    """404 and 405 have the same shape as every other error."""
    for method, path, status, code in (
        ("GET", "/v2", 404, "not_found"),
        ("GET", "/v1/exports/a/b/c", 404, "not_found"),
        ("PUT", "/v1/exports", 405, "method_not_allowed"),
    ):
        answer = api.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
    assert "POST" in api.request("PUT", "/v1/exports").headers["allow"]


class Broken:
    """A job table with a mistake in it."""

    def ping(self) -> None:
        """Fail in a way that nobody expects."""
        raise ZeroDivisionError("secret")

    def get(self, job_id: str) -> None:
        """Fail in a way that nobody expects."""
        raise ZeroDivisionError("secret")


def test_a_mistake_of_ours_tells_nothing(tmp_path: Path) -> None:
    """500 is a problem without a stack trace or the exception's words."""
    with world(tmp_path, jobs=Broken()) as api:
        for path in ("/v1/exports/x", "/status/x", "/ready"):
            answer = api.get(path)
            assert "secret" not in answer.text
            assert "Traceback" not in answer.text
        assert api.get("/v1/exports/x").json()["code"] == "internal_error"
        assert api.get("/v1/exports/x").status_code == 500
        assert 'route="/v1/exports/{job_id}",status="500"} 3.0' in api.get("/metrics").text


def test_ready_says_what_it_rests_on(tmp_path: Path) -> None:
    """200 when every check is well, 503 with a sentence for the one that is not."""
    state = {"workers": True}

    def workers() -> str | None:
        if not state["workers"]:
            raise InterruptedError
        return None

    with world(tmp_path, checks={"workers": workers}) as api:
        well = api.get("/ready")
        state["workers"] = False
        ill = api.get("/ready")
        assert api.get("/health").json() == {"ok": True}
    assert (well.status_code, well.json()["ready"]) == (200, True)
    assert set(well.json()["checks"]) == {"jobs", "workers"}
    assert (ill.status_code, ill.json()["ready"]) == (503, False)
    assert ill.json()["checks"]["jobs"]["ok"]
    assert ill.json()["checks"]["workers"]["message"].endswith(".")


def test_a_check_that_hangs_does_not_make_ready_hang(tmp_path: Path) -> None:
    """It counts as ill after its time, and is not begun a second time meanwhile."""
    begun: list[int] = []
    release = threading.Event()

    def hangs() -> None:
        begun.append(1)
        release.wait(30)

    with world(tmp_path, checks={"broker": hangs}, check_seconds=0.01) as api:
        try:
            answers = [api.get("/ready") for _ in range(3)]
        finally:
            release.set()
    assert [answer.status_code for answer in answers] == [503] * 3
    assert len(begun) == 1


def test_metrics_count_by_route_and_not_by_id(api: World) -> None:
    """Requests are labelled with the route's template."""
    for name in ("one", "two"):
        api.get(f"/v1/exports/{name}")
    api.get("/nowhere")
    text = api.get("/metrics").text
    assert (
        'exportstream_http_requests_total{method="GET",route="/v1/exports/{job_id}",status="404"} 2.0' in text
    )
    assert 'route="other"' in text
    assert "exportstream_http_request_seconds_bucket" in text
    assert "exportstream_sse_listeners 0.0" in text
