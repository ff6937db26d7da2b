"""POST /v1/exports: what is taken, what is refused and how, and what a key for repeating does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from producer_api.accepting import job_id_of
from producer_api.auth import Caller
from producer_api.views import ExportView
from schemas import topics
from schemas.errors import Unavailable
from schemas.identity import JobRef
from schemas.lifecycle import Job
from schemas.limits import Limits
from schemas.messages import DEFAULT_TENANT, ExportRequest
from tests.unit import builders as b
from tests.unit.api.harness import World, world


def body(**more: Any) -> dict[str, Any]:
    """A request for a small project as MP4."""
    return {"project": b.document(), "format": "mp4", **more}


def requests(api: World) -> list[ExportRequest]:
    """The requests on the stream."""
    return [message for message in api.stream.on(topics.REQUESTS) if isinstance(message, ExportRequest)]


def test_an_export_is_accepted_published_and_in_the_table(api: World) -> None:
    """A request answers 202 with the job, its id first, and is on the stream under its tenant and id."""
    answer = api.post(
        "/v1/exports", json=body(settings={"quality": "720p"}, metadata={"a": [1]}, batch_id="b1")
    )
    view = answer.json()
    assert answer.status_code == 202
    assert next(iter(view)) == "id"
    assert answer.headers["location"] == f"/v1/exports/{view['id']}" == view["links"]["self"]
    assert (view["status"], view["stage"], view["progress"]) == ("pending", "queued", 0)
    ExportView.model_validate(view)
    [(topic, key, request)] = api.stream.messages
    assert isinstance(request, ExportRequest)
    assert (topic, key) == (topics.REQUESTS, f"default/{view['id']}")
    assert (request.settings, request.metadata, request.batch_id) == ({"quality": "720p"}, {"a": [1]}, "b1")
    row = api.jobs.get(JobRef(DEFAULT_TENANT, view["id"]))
    assert row is not None
    assert (row.status, row.format, row.source) == ("queued", "mp4", "api")


def test_an_inline_project_lies_in_the_store_once(api: World) -> None:
    """The document travels as a key that its content decides, so two requests share it."""
    for _ in range(2):
        api.post("/v1/exports", json=body())
    first, second = requests(api)
    assert first.project is None
    assert first.project_key == second.project_key
    assert first.project_key is not None
    assert b'"slides"' in api.store.get(first.project_key)


def test_a_project_may_be_referred_to(api: World) -> None:
    """A reference travels as it is: its document is read by the stage that plans."""
    answer = api.post("/v1/exports", json={"project_ref": "c1/p1", "format": "json"})
    assert answer.status_code == 202
    assert answer.json()["project_ref"] == requests(api)[0].project_ref == "c1/p1"


@pytest.mark.parametrize(
    ("given", "status", "code", "path"),
    [
        (b"not json", 400, "invalid_json", None),
        (b"[]", 400, "invalid_json", None),
        (b"[" * 10_000 + b"]" * 10_000, 422, "too_deep", None),
        (b'{"format":"mp4","project":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001, 422, "too_deep", None),
        (b'{"format":"mp4","project":{"width":NaN}}', 422, "non_finite", "project.width"),
        (b'{"format":"mp4","project":{"width":1e999}}', 422, "non_finite", None),
    ],
)
def test_bytes_that_are_no_request_are_refused(
    api: World, given: bytes, status: int, code: str, path: str | None
) -> None:
    """What is not JSON, too deep or not finite is a problem, and nothing is started."""
    answer = api.post("/v1/exports", content=given)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    if path:
        assert problem["errors"][0]["path"] == path
    assert api.stream.messages == []


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"project": b.document()}, "missing_key", "format"),
        (body(format="avi"), "invalid_value", "format"),
        ({"format": "mp4"}, "invalid_value", None),
        (body(project_ref="c/p"), "invalid_value", None),
        ({"format": "mp4", "project_ref": "justone"}, "bad_project_ref", "project_ref"),
        (body(nonsense=1), "unknown_key", "nonsense"),
        (body(settings={"fps": 25}), "invalid_value", "settings.fps"),
        (body(settings={"format": "mp3"}), "invalid_value", "settings.format"),
        (body(settings={"colour": "red"}), "unknown_key", "settings.colour"),
        (body(project=b.document(slides=[b.slide(0)])), "invalid_value", "project.slides[0].duration"),
        (body(project=b.document(hat=1)), "unknown_key", "project.hat"),
        (body(metadata={"long": "x" * 20_000}), "too_much_metadata", "metadata"),
        (body(width=0), "invalid_value", "width"),
    ],
)
def test_what_cannot_be_exported_is_refused_with_its_path(
    api: World, given: dict[str, Any], code: str, path: str | None
) -> None:
    """A wrong request is 422 with the path of the culprit and a sentence; nothing is started."""
    answer = api.post("/v1/exports", json=given)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, code), problem
    assert [fault["path"] for fault in problem.get("errors", [{"path": None}])] == [path]
    assert problem["detail"].endswith(".")
    assert api.stream.messages == []
    assert list(api.jobs.unfinished()) == []


def test_a_request_that_is_too_large_is_413(tmp_path: Path) -> None:
    """The body has a cap, whether its size is declared or not."""

    async def parts() -> Any:
        for _ in range(40):
            yield b" " * 10_000

    with world(tmp_path, limits=Limits(document_bytes=2000)) as api:
        large = api.post("/v1/exports", json=body(project=b.document(name="x" * 3000)))
        declared = api.post("/v1/exports", content=b" " * 400_000)
        streamed = api.post("/v1/exports", content=parts())
    for answer in (large, declared, streamed):
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_without_a_broker_nothing_is_accepted(api: World) -> None:
    """503 with Retry-After, and no row is left behind; later the same request is taken."""
    api.stream.away = True
    answer = api.post("/v1/exports", json=body(), headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert list(api.jobs.unfinished()) == []
    api.stream.away = False
    assert api.post("/v1/exports", json=body(), headers={"Idempotency-Key": "k"}).status_code == 202


class NoDatabase:
    """A job table whose database is away."""

    def ping(self) -> None:
        """No answer."""
        raise Unavailable("database_unavailable", "The job table's database does not answer.")

    def insert_if_absent(self, job: Job) -> bool:
        """No answer."""
        raise Unavailable("database_unavailable", "The job table's database does not answer.")


def test_without_a_database_the_stream_carries_the_export(tmp_path: Path) -> None:
    """The request is published, so the answer is 202: the projection writes the row."""
    with world(tmp_path, jobs=NoDatabase()) as api:
        assert api.post("/v1/exports", json=body()).status_code == 202
        assert len(api.stream.messages) == 1
        assert api.get("/ready").status_code == 503


def test_the_same_key_and_request_are_one_job(api: World) -> None:
    """A repeated request answers 200 with the job that the first one began, and publishes nothing."""
    first = api.post("/v1/exports", json=body(), headers={"Idempotency-Key": "order 7"})
    again = api.post("/v1/exports", json=body(), headers={"Idempotency-Key": "order 7"})
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert len(api.stream.messages) == 1


def test_the_same_key_for_another_request_is_refused(api: World) -> None:
    """A key stands for one request: another body under it is 422, wherever it differs."""
    api.post("/v1/exports", json=body(), headers={"Idempotency-Key": "k"})
    for other in (body(format="mp3"), body(metadata={"n": 1}), body(project=b.document(name="other"))):
        answer = api.post("/v1/exports", json=other, headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert len(api.stream.messages) == 1


def test_a_repeated_request_shows_the_job_as_it_is_now(api: World) -> None:
    """Who repeats a request late gets the finished job."""
    job_id = api.post("/v1/exports", json=body(), headers={"Idempotency-Key": "k"}).json()["id"]
    api.complete(job_id)
    again = api.post("/v1/exports", json=body(), headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (200, job_id, "completed")


def test_requests_with_one_key_at_once_are_one_job(api: World) -> None:
    """Eight at the same moment: one begins the job, the others find it."""
    call = ("POST", "/v1/exports", {"json": body(), "headers": {"Idempotency-Key": "k"}})
    answers = api.together([call] * 8)
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(api.stream.messages) == 1


def test_different_requests_with_one_key_at_once_begin_one(api: World) -> None:
    """One wins, the others are told that the key is taken."""
    bodies = [body(metadata={"n": n}) for n in range(6)]
    calls = [("POST", "/v1/exports", {"json": one, "headers": {"Idempotency-Key": "k"}}) for one in bodies]
    answers = api.together(calls)
    assert sorted(answer.status_code for answer in answers) == [202] + [422] * 5
    assert len(api.stream.messages) == 1


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_is_none_is_refused(api: World, key: str) -> None:
    """An Idempotency-Key has 1 to 255 characters."""
    answer = api.post("/v1/exports", json=body(), headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_idempotency_key")


def test_a_key_belongs_to_its_tenant(keyed: World) -> None:
    """Two tenants may choose the same key and have two jobs."""
    answers = [
        keyed.post("/v1/exports", json=body(), headers={"Idempotency-Key": "k", "X-API-Key": key})
        for key in ("key-a", "key-b")
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len({answer.json()["id"] for answer in answers}) == 2
    assert [request.tenant for request in requests(keyed)] == ["anna", "bert"]


def test_another_tenants_job_of_the_same_id_is_not_answered(keyed: World) -> None:
    """A key whose id another tenant had taken begins a job of the caller's own, and shows nothing else."""
    taken = job_id_of(Caller("anna"), "k1")
    theirs = Job(id=taken, tenant="bert", version=7, format="mp3", metadata={"secret": "bert's"})
    assert keyed.jobs.insert_if_absent(theirs)
    as_anna = {"X-API-Key": "key-a"}
    assert keyed.get(f"/v1/exports/{taken}", headers=as_anna).status_code == 404
    answers = [
        keyed.post("/v1/exports", json=body(), headers={**as_anna, "Idempotency-Key": "k1"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert all(answer.json()["id"] == taken and "bert" not in answer.text for answer in answers)
    assert keyed.get(f"/v1/exports/{taken}", headers=as_anna).json()["format"] == "mp4"
    assert keyed.get(f"/v1/exports/{taken}", headers={"X-API-Key": "key-b"}).json()["format"] == "mp3"
    assert keyed.jobs.get(theirs.ref) == theirs
