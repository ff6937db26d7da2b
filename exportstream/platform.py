"""Everything on one machine: broker, workers, projection and API, started and stopped together."""

from __future__ import annotations

import asyncio
import ipaddress
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from connectors.kafka import KafkaSettings, Publisher
from connectors.private import private_folder
from exportstream import wiring
from exportstream.config import Settings
from exportstream.projecting import publish_all
from exportstream.status_reader import StatusReader
from exportstream.supervisor import Supervisor
from processors.stage import Outgoing
from schemas import topics
from schemas.errors import InvalidInput, Unavailable
from schemas.lifecycle import Job
from schemas.messages import ExportRequest

if TYPE_CHECKING:
    import uvicorn

    from connectors.embedded import EmbeddedBroker
    from connectors.jobs import Jobs

log = structlog.stdlib.get_logger(__name__)

SWITCH_S = 0.001
"""How long a thread of the API may hold the interpreter while another waits: few work long, many answer."""

EMBEDDED_PARTITIONS = 4
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("projection",),
    ("worker", "plan", "mix", "upload"),
    ("worker", "render"),
    ("worker", "encode"),
)
"""What runs beside the API. Drawing holds the interpreter lock, so it has a process to itself; so has the
projection, which would make the API's answers wait."""
READY_WITHIN_S = 60.0


@dataclass(frozen=True)
class Address:
    """Where the API listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """As a browser on this machine would write it."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def check_exposure(host: str, settings: Settings) -> None:
    """Raises InvalidInput for an address that others can reach while no credentials are configured."""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local and not settings.api_keys:
        raise InvalidInput(
            "open_to_all",
            f"{host} can be reached by others and no keys are configured: set EXPORTSTREAM_API_KEYS, "
            "or bind to 127.0.0.1.",
        )


class ApiServer:
    """The HTTP API in the running event loop, with the reader that feeds its event streams."""

    def __init__(
        self,
        settings: Settings,
        kafka: KafkaSettings,
        jobs: Jobs,
        address: Address,
        checks: Mapping[str, Callable[[], str | None]] | None = None,
    ) -> None:
        import uvicorn

        from producer_api.app import create_app
        from producer_api.ports import Services
        from producer_api.publishing import StreamPublisher

        self._sender = Publisher(kafka, delivery_timeout=4.0)
        self.services = Services(
            jobs=jobs,
            store=wiring.make_store(settings),
            publisher=StreamPublisher(self._sender),
            api_keys=dict(settings.api_keys),
            limits=settings.limits,
            checks={"kafka": lambda: _broker(kafka), **(checks or {})},
            temp_dir=settings.temp_dir,
        )
        self._reader = StatusReader(kafka, self.services.feed.publish_threadsafe)
        config = uvicorn.Config(
            create_app(self.services),
            host=address.host,
            port=address.port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=3,
        )
        self._server: uvicorn.Server = uvicorn.Server(config)

    @property
    def started(self) -> bool:
        """Whether it takes connections."""
        return self._server.started

    @property
    def port(self) -> int:
        """The port that it really listens on."""
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`."""
        sys.setswitchinterval(SWITCH_S)
        self._reader.start()
        serving = asyncio.create_task(_serve(self._server))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        self.services.feed.close()
        self._server.should_exit = True
        try:
            await serving
        finally:
            stopped.cancel()
            self._reader.stop()
            self._sender.close()


async def _serve(server: uvicorn.Server) -> None:
    """uvicorn's own, without its signal handlers: ours stop everything in order."""
    config = server.config
    if not config.loaded:
        config.load()
    server.lifespan = config.lifespan_class(config)
    try:
        await server.startup()
    except SystemExit as error:
        raise Unavailable("port_taken", f"Port {config.port} on {config.host} cannot be used.") from error
    if server.should_exit:
        return
    await server.main_loop()
    await server.shutdown()


def _broker(kafka: KafkaSettings) -> str | None:
    from connectors.kafka_topics import check_topics

    check_topics(kafka, [topics.REQUESTS, topics.CONTROL], timeout=2.0)
    return None


class Platform:
    """The parts of `up`: embedded where the environment names no servers."""

    def __init__(self, settings: Settings, address: Address) -> None:
        self._settings = settings
        self._address = address
        self._broker: EmbeddedBroker | None = None
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ready = threading.Event()
        self.url = address.url

    def stop(self) -> None:
        """Ask `run` to end; from any thread."""
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    async def run(self, on_ready: Callable[[str], Awaitable[None] | None] = lambda url: None) -> None:
        """Run everything until `stop`; `on_ready` is called with the API's address when jobs are taken."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        private_folder(self._settings.data_dir)
        kafka = await asyncio.to_thread(self._kafka)
        jobs = await asyncio.to_thread(wiring.make_jobs, self._settings)
        with tempfile.TemporaryDirectory(prefix="exportstream-up-") as folder:
            children = Supervisor(COMMANDS, self._environ(kafka), Path(folder))
            children.start()
            try:
                await self._serve(kafka, jobs, children, on_ready, self._stop)
            finally:
                await asyncio.to_thread(children.stop)
                jobs.close()
                if self._broker is not None:
                    self._broker.close()

    async def _serve(
        self,
        kafka: KafkaSettings,
        jobs: Jobs,
        children: Supervisor,
        on_ready: Callable[[str], Awaitable[None] | None],
        stop: asyncio.Event,
    ) -> None:
        checks = {"processes": lambda: _all_ready(children.waiting_for)}
        api = ApiServer(self._settings, kafka, jobs, self._address, checks)
        running = asyncio.create_task(api.run(stop))
        try:
            await _until(lambda: api.started and not children.waiting_for, stop, running)
            if not stop.is_set() and not running.done():
                self.url = replace(self._address, port=api.port).url
                await asyncio.to_thread(self._take_up, kafka, jobs)
                self.ready.set()
                if (waiting := on_ready(self.url)) is not None:
                    await waiting
            await running
        finally:
            stop.set()
            await running

    def _kafka(self) -> KafkaSettings:
        """The broker that is configured, or an embedded one."""
        configured = wiring.kafka_settings(self._settings)
        if configured is not None:
            return configured
        from connectors.embedded import EmbeddedBroker

        self._broker = EmbeddedBroker({spec.name: EMBEDDED_PARTITIONS for spec in topics.TOPICS})
        return wiring.embedded_settings(self._broker.bootstrap)

    def _environ(self, kafka: KafkaSettings) -> dict[str, str]:
        """What the other processes are told: the environment, and what this command line said."""
        given = {
            "EXPORTSTREAM_DATA": str(self._settings.data_dir.absolute()),
            "EXPORTSTREAM_ENCODERS": str(self._settings.encoders),
        }
        if self._broker is not None:
            given |= {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap, wiring.EMBEDDED: "1"}
        return {**self._settings.environ, **given}

    def _take_up(self, kafka: KafkaSettings, jobs: Jobs) -> None:
        """Ask again for what an embedded broker forgot when its process ended."""
        if self._broker is None:
            return
        left = [request_of(job) for job in jobs.unfinished()]
        requests = [Outgoing(topics.REQUESTS, str(r.ref), r) for r in left if r is not None]
        if not requests:
            return
        publisher = Publisher(kafka)
        publish_all(publisher, requests)
        publisher.close()
        log.info("unfinished jobs are taken up again", count=len(requests))


def request_of(job: Job) -> ExportRequest | None:
    """The request that began a job, or None when its project is not known any more."""
    if job.format is None or (job.project_key is None and job.project_ref is None):
        return None
    place = {"project_key": job.project_key, "project_ref": None} if job.project_key else {}
    source = job.source or "kafka"
    return ExportRequest(
        job_id=job.id,
        tenant=job.tenant,
        **job.asked() | place,
        source=source,
        requested_at=job.created_at or datetime.now(UTC),
    )


def _all_ready(waiting_for: Sequence[str]) -> None:
    if waiting_for:
        raise Unavailable("not_ready", f"Not ready yet: {', '.join(waiting_for)}.")


async def _until(condition: Callable[[], bool], stop: asyncio.Event, running: asyncio.Task[None]) -> None:
    """Wait for a condition, a stop, or the end of `running`."""
    deadline = asyncio.get_running_loop().time() + READY_WITHIN_S
    while not condition() and not stop.is_set() and not running.done():
        if asyncio.get_running_loop().time() > deadline:
            raise Unavailable("not_ready", f"Not everything was ready within {READY_WITHIN_S:.0f} s.")
        await asyncio.sleep(0.02)
