"""Who asks is one value: what a service and what a user of a tenant can see and do."""

from __future__ import annotations

from typing import Any

import pytest

from producer_api.accepting import job_id_of
from producer_api.auth import Caller, current_caller
from schemas import topics
from schemas.messages import ExportRequest
from tests.unit import builders as b
from tests.unit.api.harness import World

SERVICE = Caller("default")
ANNA, BERT = Caller("default", "anna", "user"), Caller("default", "bert", "user")
ELSEWHERE = Caller("other", "anna", "user")


def become(api: World, caller: Caller) -> None:
    """Let all following calls come from `caller`."""
    api.app.dependency_overrides[current_caller] = lambda: caller


def begin(api: World, caller: Caller, key: str | None = None, **more: Any) -> str:
    """An export that a caller asks for; its id."""
    become(api, caller)
    headers = {"Idempotency-Key": key} if key else {}
    body = {"project": b.document(), "format": "mp4", **more}
    answer = api.post("/v1/exports", json=body, headers=headers)
    assert answer.is_success, answer.text
    job_id: str = answer.json()["id"]
    return job_id


def test_a_users_export_is_the_users(api: World) -> None:
    """Whatever the body says, a user asks for themselves; a service may ask for any user."""
    begin(api, ANNA, user_id="bert")
    begin(api, SERVICE, user_id="bert")
    requests = [one for one in api.stream.on(topics.REQUESTS) if isinstance(one, ExportRequest)]
    assert [request.user_id for request in requests] == ["anna", "bert"]


@pytest.mark.parametrize(
    ("caller", "seen"),
    [(SERVICE, True), (ANNA, True), (BERT, False), (ELSEWHERE, False), (Caller("other"), False)],
)
def test_an_export_exists_for_its_user_and_the_tenants_services(
    api: World, caller: Caller, seen: bool
) -> None:
    """For all others it is absent, whatever they try: 404, not in the list, and nothing is ordered."""
    job_id = begin(api, ANNA)
    become(api, caller)
    listed = [view["id"] for view in api.get("/v1/exports").json()["exports"]]
    assert listed == ([job_id] if seen else [])
    calls = (("GET", ""), ("GET", "/file"), ("GET", "/manifest"), ("POST", "/cancel"))
    statuses = [api.request(method, f"/v1/exports/{job_id}{path}").status_code for method, path in calls]
    assert statuses == ([200, 409, 409, 202] if seen else [404] * 4)
    if not seen:
        assert api.get(f"/v1/exports/{job_id}/events").status_code == 404
        assert api.stream.on(topics.CONTROL) == []


def test_users_choose_their_keys_for_themselves(api: World) -> None:
    """Two users and a service begin an export each with the same Idempotency-Key, and find it again."""
    callers = (SERVICE, ANNA, BERT)
    ids = [begin(api, caller, "k") for caller in callers]
    assert len(set(ids)) == 3
    assert [begin(api, caller, "k") for caller in callers] == ids
    assert ids == [job_id_of(caller, "k") for caller in callers]


def test_a_caller_is_one_tenants() -> None:
    """The same name in another tenant is somebody else."""
    assert job_id_of(ANNA, "k") != job_id_of(ELSEWHERE, "k")
    assert Caller("a", "b") != Caller("a", "b", "user")
