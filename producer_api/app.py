"""The HTTP application: dialects, monitoring, and their documentation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from producer_api.accepting import Acceptor
from producer_api.auth import Authenticator
from producer_api.bodies import ExportBody
from producer_api.dialect import Dialect
from producer_api.dialects import DIALECTS
from producer_api.downloads import Downloads
from producer_api.exports import Exports
from producer_api.monitoring import ApiMetrics, Measured, monitoring_routes
from producer_api.ports import Services
from producer_api.problems import ProblemView, Refusals, problems
from producer_api.reference import document_routes
from producer_api.threads import Threads

WORKERS = 8
READERS = 16
TAKERS = 64
"""Requests accepted at the same time: while the broker is away, each of them occupies a thread."""
TITLE = "exportstream"
VERSION = "1"
EXTRA_SCHEMAS = (ExportBody, ProblemView)
"""Models that routes reference by name without declaring them to FastAPI."""
ABOUT = """
Projects of a design editor become finished files. Ask with `POST /v1/exports`, follow by
`GET /v1/exports/{id}/events`, download from `GET /v1/exports/{id}/file`.

Errors are problems (RFC 9457) with a stable `code` and a sentence in `detail`. Where API keys are configured,
send one as `Authorization: Bearer KEY` or `X-API-Key: KEY`; each belongs to a tenant, and another tenant's
export does not exist. `/health`, `/ready`, `/metrics` and these documents are open.
"""


def create_app(services: Services, dialects: Sequence[Dialect] = DIALECTS) -> FastAPI:
    """The application over `services`; it neither starts nor stops them."""
    threads, readers, takers = (
        Threads(WORKERS, "api"),
        Threads(READERS, "api-files"),
        Threads(TAKERS, "api-accept"),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        services.feed.close()
        for pool in (threads, readers, takers):
            pool.close()

    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.authenticator = Authenticator(services.api_keys)
    app.add_middleware(Measured, metrics=ApiMetrics.register(services.registry, services.feed))
    exports = Exports(
        services,
        threads,
        Acceptor(services, takers),
        Downloads(services.store, readers, services.presign_seconds),
    )
    refusals = Refusals()
    for dialect in dialects:
        router = dialect.routes(exports)
        app.include_router(router)
        refusals.own(router.routes, dialect.below, dialect.refuse)
    refusals.install(app)
    app.include_router(monitoring_routes(services))
    app.include_router(document_routes(), include_in_schema=False)
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign]
    return app


def openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document, with referenced models and the ways to send an API key."""
    if app.openapi_schema is None:
        document = get_openapi(title=TITLE, version=VERSION, description=ABOUT, routes=app.routes)
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for model in EXTRA_SCHEMAS:
            schema = model.model_json_schema(by_alias=False, ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        _describe_problems(document)
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        document["security"] = [{}, {"bearer": []}, {"apiKey": []}]
        app.openapi_schema = document
    return app.openapi_schema


def _describe_problems(document: dict[str, Any]) -> None:
    """Describe our problems instead of FastAPI's own validation errors."""
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    for methods in document["paths"].values():
        for operation in methods.values():
            answer = operation["responses"].get("422", {})
            if "HTTPValidationError" in str(answer):
                operation["responses"]["422"] = problems(422)[422]
