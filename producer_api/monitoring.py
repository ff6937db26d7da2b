"""Monitoring: `/health`, `/ready`, `/metrics`, and the counting of requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from producer_api.live.hub import StatusHub
from producer_api.ports import Check, Services
from producer_api.threads import Threads
from producer_api.views import dump
from schemas.errors import ExportError

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class HealthView(BaseModel):
    """The process is alive."""

    ok: bool = True


class CheckView(BaseModel):
    """State of one service that accepting an export depends on."""

    ok: bool
    message: str


class ReadyView(BaseModel):
    """Readiness to accept exports, and the checks behind it."""

    ready: bool
    checks: dict[str, CheckView]


@dataclass(frozen=True)
class ApiMetrics:
    """The API's metrics."""

    requests: Counter
    seconds: Histogram

    @classmethod
    def register(cls, registry: CollectorRegistry, hub: StatusHub) -> ApiMetrics:
        """Register them, once per registry."""
        listeners = Gauge("exportstream_sse_listeners", "Open event streams.", registry=registry)
        listeners.set_function(hub.listeners)
        labels = ("method", "route")
        return cls(
            Counter(
                "exportstream_http_requests", "Requests answered.", (*labels, "status"), registry=registry
            ),
            Histogram(
                "exportstream_http_request_seconds",
                "Time until an answer begins.",
                labels,
                buckets=BUCKETS,
                registry=registry,
            ),
        )


class Measured:
    """Counts requests by their route's template, so that ids do not become labels."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request and record the start of its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope, message["status"], begun)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            # The response to a bug is written further out.
            self._count(scope, 500, begun)
            raise

    def _count(self, scope: Scope, status: int, begun: float) -> None:
        labels = (scope["method"], getattr(scope.get("route"), "path", "other"))
        self._metrics.requests.labels(*labels, status).inc()
        self._metrics.seconds.labels(*labels).observe(time.perf_counter() - begun)


class Readiness:
    """Runs the checks, each one at most once at a time and for a limited time."""

    def __init__(self, checks: Mapping[str, Check], seconds: float) -> None:
        self._checks = checks
        self._seconds = seconds
        self._threads = Threads(max(1, len(checks)), "api-ready")
        self._running: dict[str, asyncio.Task[CheckView]] = {}

    async def look(self) -> ReadyView:
        """Run all checks concurrently."""
        found = await asyncio.gather(*(self._one(name) for name in self._checks))
        return ReadyView(
            ready=all(check.ok for check in found), checks=dict(zip(self._checks, found, strict=True))
        )

    async def _one(self, name: str) -> CheckView:
        task = self._running.get(name)
        if task is None or task.done():
            task = self._running[name] = asyncio.create_task(self._run(self._checks[name]))
        done, _ = await asyncio.wait({task}, timeout=self._seconds)
        return (
            task.result() if done else CheckView(ok=False, message=f"No answer within {self._seconds:g} s.")
        )

    async def _run(self, check: Check) -> CheckView:
        try:
            message: str | None = await self._threads.run(check)
            return CheckView(ok=True, message=message or "It works.")
        except ExportError as error:
            return CheckView(ok=False, message=error.message)
        except Exception as error:  # noqa: BLE001 - a broken check is an answer too
            return CheckView(ok=False, message=f"The check failed ({type(error).__name__}).")


def monitoring_routes(services: Services) -> APIRouter:
    """The routes; all are open, because they contain nothing of any tenant."""
    router = APIRouter(tags=["Operation"])
    readiness = Readiness({"jobs": _table(services), **services.checks}, services.check_seconds)

    @router.get("/health", response_model=HealthView, summary="Liveness of the process")
    async def health() -> Response:
        return Response(b'{"ok":true}', media_type="application/json")

    @router.get(
        "/ready",
        response_model=ReadyView,
        summary="Readiness to accept exports",
        responses={503: {"model": ReadyView, "description": "A required service is down."}},
    )
    async def ready() -> Response:
        view = await readiness.look()
        return Response(dump(view.model_dump()), 200 if view.ready else 503, media_type="application/json")

    @router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
    async def metrics() -> Response:
        return Response(generate_latest(services.registry), media_type=CONTENT_TYPE_LATEST)

    return router


def _table(services: Services) -> Check:
    def check() -> str:
        services.jobs.ping()
        return "The job table answers."

    return check
