"""What is published about the interfaces: OpenAPI, AsyncAPI, the page for people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from producer_api.bodies import read_export
from producer_api.reference import asyncapi_json
from schemas import asyncapi, topics
from schemas.limits import Limits
from schemas.messages import MESSAGE_TYPES, ExportRequest
from schemas.project import parse_project
from tests.unit.api.harness import World

KEPT = Path(__file__).parents[3] / "docs" / "asyncapi.json"


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        if isinstance(ref := value.get("$ref"), str):
            yield ref
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def resolve(document: Any, ref: str) -> Any:
    """What a local reference points at."""
    for step in ref.removeprefix("#/").split("/"):
        document = document[step.replace("~1", "/").replace("~0", "~")]
    return document


def test_openapi_describes_every_route(api: World) -> None:
    """Version 3.1, resolvable references, and each operation with a summary and its problems."""
    document = api.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for ref in references(document):
        assert resolve(document, ref)
    operations = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert {
        ("POST", "/v1/exports"),
        ("GET", "/v1/exports"),
        ("GET", "/v1/exports/{job_id}"),
        ("POST", "/v1/exports/{job_id}/cancel"),
        ("GET", "/v1/exports/{job_id}/events"),
        ("GET", "/v1/exports/{job_id}/file"),
        ("PUT", "/v1/uploads"),
        ("POST", "/export"),
        ("GET", "/status/{job_id}"),
        ("DELETE", "/cancel/{job_id}"),
        ("GET", "/health"),
    } <= set(operations)
    assert all(operation["summary"] for operation in operations.values())
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations)
    problem = operations["POST", "/v1/exports"]["responses"]["422"]["content"]
    assert list(problem) == ["application/problem+json"]
    assert set(document["components"]["securitySchemes"]) == {"bearer", "apiKey"}


def test_the_examples_in_openapi_are_accepted(api: World) -> None:
    """Who copies an example gets an export."""
    document = api.get("/openapi.json").json()
    for path in ("/v1/exports", "/export"):
        media = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert api.post(path, json=media["example"]).status_code in (200, 202)


def test_the_asyncapi_document_in_the_repository_is_up_to_date() -> None:
    """Run `python -m producer_api.reference > docs/asyncapi.json` when this fails."""
    assert KEPT.read_bytes() == asyncapi_json()


def test_asyncapi_describes_the_whole_stream() -> None:
    """AsyncAPI 3: every topic a channel, every message on one, all references resolvable."""
    document = asyncapi.document()
    assert document["asyncapi"] == "3.0.0"
    assert set(document) == {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    assert {"title", "version"} <= set(document["info"])
    assert set(document["channels"]) == {spec.name for spec in topics.TOPICS}
    for ref in references(document):
        assert resolve(document, ref) is not None
    assert MESSAGE_TYPES.keys() <= document["components"]["messages"].keys()
    for operation in document["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert resolve(document, operation["channel"]["$ref"])["messages"]
    for channel in document["channels"].values():
        assert channel["address"]
        assert all(re.fullmatch(r"[a-zA-Z0-9._-]+", name) for name in channel["messages"])
    for message in document["components"]["messages"].values():
        assert set(message) <= {
            "name", "title", "summary", "contentType", "headers", "payload", "examples",
        }  # fmt: skip


def test_the_example_in_asyncapi_is_a_request() -> None:
    """Who publishes it gets an export."""
    request = ExportRequest.model_validate(asyncapi.EXAMPLE)
    assert request.project is not None
    parse_project(request.project)


def test_the_page_for_people_needs_nothing_from_elsewhere(api: World) -> None:
    """/docs lists every operation and loads no script, style or picture."""
    text = api.get("/docs").text
    assert "/v1/exports/{job_id}/events" in text
    assert not re.search(r"(src|href)=[\"']?https?:", text)
    assert "<script" not in text
    assert api.get("/schemas/project.json").json()["title"] == "exportstream project"
    assert api.get("/asyncapi.json").json()["asyncapi"] == "3.0.0"


@pytest.mark.parametrize("word", ["customer_id", "customerId"])
def test_keys_of_a_request_may_be_written_both_ways(word: str) -> None:
    """snake_case as documented, camelCase as documents of projects have it."""
    data = b'{"project_ref":"c/p","format":"mp4","%s":"c"}' % word.encode()
    assert read_export(data, Limits()).customer_id == "c"
