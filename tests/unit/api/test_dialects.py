"""One suite over all dialects: a new one falls under it by standing in the table, as a toy in one file does.

What is sent are the examples of each dialect's own description, and what is wrong with them; routes are those
that the dialect registers.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx
import orjson
import pytest
from fastapi.routing import APIRoute

from producer_api.dialect import Dialect
from producer_api.dialects import DIALECTS
from producer_api.exports import Exports
from schemas import topics
from schemas.errors import Unavailable
from schemas.facts import CancelledFact, ChunkEncoded
from schemas.identity import JobRef
from schemas.lifecycle import Job
from schemas.messages import DEFAULT_TENANT, ExportRequest
from tests.unit.api import toy_dialect
from tests.unit.api.harness import NOW, World, facts_until_done, failed, world

TABLE = (*DIALECTS, toy_dialect.DIALECT)
ANNA, BERT = {"X-API-Key": "key-a"}, {"X-API-Key": "key-b"}
UNKNOWN = str(uuid.UUID(int=7))


class Call(NamedTuple):
    """A method of a route; `path` is the route's template."""

    dialect: Dialect
    method: str
    path: str

    def at(self, job_id: str) -> str:
        """The address for a job; other parameters are names of files."""
        return re.sub(r"\{\w+\}", "x.bin", self.path.replace("{job_id}", job_id))

    def __str__(self) -> str:
        return f"{self.dialect.name} {self.method} {self.path}"


def _calls() -> Iterator[Call]:
    for dialect in TABLE:
        for route in dialect.routes(cast(Exports, None)).routes:
            assert isinstance(route, APIRoute)
            yield from (Call(dialect, method, route.path) for method in sorted(route.methods or ()))


CALLS = tuple(_calls())
OF_JOBS = tuple(call for call in CALLS if "{job_id}" in call.path)
dialects = pytest.mark.parametrize("dialect", TABLE, ids=lambda dialect: dialect.name)
calls = pytest.mark.parametrize("call", CALLS, ids=str)
calls_of_jobs = pytest.mark.parametrize("call", OF_JOBS, ids=str)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[World]:
    """An API without keys that speaks all dialects."""
    with world(tmp_path, dialects=TABLE) as made:
        yield made


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[World]:
    """The same with a key for each of two tenants."""
    with world(tmp_path, dialects=TABLE, api_keys={"key-a": "anna", "key-b": "bert"}) as made:
        yield made


def bodies(api: World) -> dict[Call, dict[str, Any]]:
    """The calls that begin exports, each with the body that its description gives as an example."""
    paths = api.get("/openapi.json").json()["paths"]
    found = {}
    for call in CALLS:
        content = (
            paths.get(call.path, {}).get(call.method.lower(), {}).get("requestBody", {}).get("content", {})
        )
        if "application/json" in content:
            found[call] = content["application/json"]["example"]
    return found


def begun(api: World, dialect: Dialect, **headers: str) -> Job:
    """An export by one of the dialect's calls."""
    call, body = next((call, body) for call, body in bodies(api).items() if call.dialect is dialect)
    before = len(api.stream.messages)
    answer = api.request(call.method, call.path, json=body, headers=headers)
    assert answer.is_success, answer.text
    request = api.stream.messages[before][2]
    assert isinstance(request, ExportRequest)
    job = api.jobs.get(request.ref)
    assert job is not None
    return job


def check_refusal(dialect: Dialect, answer: httpx.Response, *statuses: int) -> None:
    """An answer is a refusal in the dialect's words, with a sentence, and tells nothing of the server."""
    assert answer.status_code in statuses, (answer.status_code, answer.text)
    if answer.request.method == "HEAD":
        return
    body = answer.json()
    dialect.refusal.model_validate(body)
    assert set(body) <= set(dialect.refusal.model_fields)
    assert any(isinstance(value, str) and value.rstrip().endswith(".") for value in body.values()), body
    assert "Traceback" not in answer.text
    assert "secret" not in answer.text


@dialects
def test_every_dialect_begins_exports_by_its_example(api: World, dialect: Dialect) -> None:
    """The request is on the stream under the caller's tenant, and says which dialect it came by."""
    found = {call: body for call, body in bodies(api).items() if call.dialect is dialect}
    assert found
    for call, body in found.items():
        answer = api.request(call.method, call.path, json=body)
        assert answer.is_success, answer.text
        request = api.stream.on(topics.REQUESTS)[-1]
        assert isinstance(request, ExportRequest)
        assert (request.tenant, request.source) == (DEFAULT_TENANT, dialect.source)
        assert request.job_id in answer.text


@dialects
def test_a_key_that_is_repeated_begins_one_export(api: World, dialect: Dialect) -> None:
    """The same call with the same Idempotency-Key is the same job."""
    first, second = (begun_with_key(api, dialect) for _ in range(2))
    assert first == second
    assert len(api.stream.on(topics.REQUESTS)) == 1


def begun_with_key(api: World, dialect: Dialect) -> str:
    """The id that a keyed call answers with."""
    call, body = next((call, body) for call, body in bodies(api).items() if call.dialect is dialect)
    answer = api.request(call.method, call.path, json=body, headers={"Idempotency-Key": "k"})
    assert answer.is_success, answer.text
    [request] = api.stream.on(topics.REQUESTS)
    assert isinstance(request, ExportRequest)
    assert request.job_id in answer.text
    return request.job_id


def _wrong(body: dict[str, Any]) -> Iterator[Any]:
    """Bodies that are no objects, and the example with each value of another kind."""
    yield from ([], "text", 17, None, True, {})
    values: tuple[Any, ...] = ([[]], {"a": {"b": []}}, -1, "", "x" * 5000, True, None, "\0", 1e308)
    for name in body:
        for value in values:
            yield {**body, name: value}


@dialects
def test_bad_bodies_are_refused_in_its_words(api: World, dialect: Dialect) -> None:
    """Not JSON, no object, cut off, too deep; wrong types are taken or refused, never a mistake of ours."""
    for call, body in bodies(api).items():
        if call.dialect is not dialect:
            continue
        text, sent = orjson.dumps(body), len(api.stream.messages)
        for given in (b"", b"{", b"[]", b'"text"', b"17", b"null", b"\xff\xfe", text[:-1], b"[" * 9000):
            check_refusal(dialect, api.request(call.method, call.path, content=given), 400, 422)
        assert len(api.stream.messages) == sent
        for wrong in _wrong(body):
            answer = api.request(call.method, call.path, json=wrong)
            if not answer.is_success:
                check_refusal(dialect, answer, 400, 422)


@dialects
def test_bodies_that_are_too_large_are_413(api: World, dialect: Dialect) -> None:
    """Announced or not."""

    async def endless() -> Any:
        for _ in range(300):
            yield b" " * 100_000

    for call in bodies(api):
        if call.dialect is dialect:
            check_refusal(dialect, api.request(call.method, call.path, content=b" " * 20_000_000), 413)
            check_refusal(dialect, api.request(call.method, call.path, content=endless()), 413)


@calls_of_jobs
def test_what_is_not_there_is_404(api: World, call: Call) -> None:
    """An unknown id, one that is none, one without end."""
    for job_id in (UNKNOWN, "nobody", "%00", "%FF", "..%5C", "x" * 5000, "%F0%9F%98%80", "a%0Ab"):
        check_refusal(call.dialect, api.request(call.method, call.at(job_id)), 404)


@calls_of_jobs
def test_another_tenants_job_is_404(keyed: World, call: Call) -> None:
    """Whatever its state, whichever dialect made it; nothing is ordered."""
    for maker in TABLE:
        job = begun(keyed, maker, **ANNA)
        check_refusal(call.dialect, keyed.request(call.method, call.at(job.id), headers=BERT), 404)
    assert keyed.stream.on(topics.CONTROL) == []


@calls
def test_without_a_credential_every_call_is_401(keyed: World, call: Call) -> None:
    """With a challenge, and before the body is looked at."""
    for headers in ({}, {"X-API-Key": "nonsense"}, {"Authorization": "Basic key-a"}):
        answer = keyed.request(call.method, call.at(UNKNOWN), content=b"{", headers=headers)
        check_refusal(call.dialect, answer, 401)
        assert "www-authenticate" in answer.headers


@calls
def test_a_method_that_an_address_does_not_know_is_405(api: World, call: Call) -> None:
    """It says which it knows."""
    answer = api.request("TRACE", call.at(UNKNOWN))
    check_refusal(call.dialect, answer, 405)
    assert answer.headers["allow"]


@dialects
def test_what_no_route_matches_below_a_dialects_paths_is_its_404(api: World, dialect: Dialect) -> None:
    """Deeper than any of its addresses; its neighbours' problems are not its own."""
    for path in dialect.below:
        check_refusal(dialect, api.get(f"{path}/no/such/address/here"), 404)
        neighbour = api.get(f"{path}s-neighbour")
        assert neighbour.headers["content-type"] == "application/problem+json"
        assert neighbour.status_code == 404


class Broken:
    """A job table with a mistake in it, or one whose database is away."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def fail(*_: Any, **__: Any) -> Any:
            raise self._error

        return fail


@pytest.mark.parametrize(
    ("error", "status"),
    [(ZeroDivisionError("secret"), 500), (Unavailable("database_unavailable", "It is away."), 503)],
)
def test_mistakes_of_ours_and_outages_are_told_in_its_words(
    tmp_path: Path, error: Exception, status: int
) -> None:
    """500 without what happened, 503 with when to try again."""
    with world(tmp_path, dialects=TABLE, jobs=Broken(error)) as api:
        for call in OF_JOBS:
            answer = api.request(call.method, call.at(UNKNOWN))
            check_refusal(call.dialect, answer, status)
            assert ("retry-after" in answer.headers) == (status == 503)


@dialects
def test_without_a_broker_it_takes_nothing(api: World, dialect: Dialect) -> None:
    """503, and when to try again."""
    api.stream.away = True
    for call, body in bodies(api).items():
        if call.dialect is dialect:
            answer = api.request(call.method, call.path, json=body)
            check_refusal(dialect, answer, 503)
            assert int(answer.headers["retry-after"]) > 0


def _lives(job: Job) -> Iterator[list[Any]]:
    """Facts by which a job comes to each of its states."""
    common: dict[str, Any] = {"job_id": job.id, "tenant": job.tenant, "at": NOW + timedelta(minutes=1)}
    done = facts_until_done(job.id)
    yield from ([], done[:1], done[:2], [*done[:2], ChunkEncoded(**common, position=1, frames=25)], done)
    yield from ([failed(job.id)], [CancelledFact(**common)])


@dialects
def test_a_job_of_any_maker_is_shown_in_every_state(api: World, dialect: Dialect) -> None:
    """As the dialect's view describes it, with progress that fits the state, and no key of the store."""
    for maker in TABLE:
        for facts in _lives(begun(api, maker)):
            job = begun(api, maker)
            told = api.tell(job.id, *(fact.model_copy(update={"job_id": job.id}) for fact in facts))
            shown = orjson.loads(dialect.json(told))
            dialect.view.model_validate(shown)
            assert set(shown) <= set(dialect.view.model_fields)
            assert job.id in str(shown)
            assert "t/default/" not in str(shown)


def test_each_dialect_has_a_name_and_a_source_of_its_own() -> None:
    """A job says by which dialect it was begun, so that it can be shown in its words."""
    for names in ({d.name for d in TABLE}, {d.source for d in TABLE}):
        assert len(names) == len(TABLE)


def test_no_two_dialects_answer_the_same_call() -> None:
    """Which dialect a request is in depends on its route and on nothing else."""
    assert len({(call.method, re.sub(r"\{\w+\}", "{}", call.path)) for call in CALLS}) == len(CALLS)


def test_jobs_are_looked_up_by_ids_that_are_ids(tmp_path: Path) -> None:
    """What cannot be an id is not asked of the table: databases refuse some of it in words of their own."""
    asked: list[JobRef] = []

    class Noting:
        """A table that notes what it is asked for."""

        def get(self, ref: JobRef) -> None:
            """Nothing is there."""
            asked.append(ref)

    with world(tmp_path, jobs=Noting()) as api:
        for job_id in ("%00", "x" * 5000, "a%0A", "%F0%9F%98%80"):
            assert api.get(f"/v1/exports/{job_id}").status_code == 404
        assert api.get("/v1/exports/an-id").status_code == 404
    assert asked == [JobRef(DEFAULT_TENANT, "an-id")]
