"""What every long-running process needs: signals that end it, logs, metrics for Prometheus."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Callable

import structlog


def on_signal(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGTERM and on Ctrl-C; a second one ends the process at once."""
    seen = threading.Event()

    def handle(number: int, frame: object) -> None:
        if seen.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        seen.set()
        stop()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def on_loop_signal(stop: Callable[[], object]) -> None:
    """Call `stop` in the running event loop on SIGTERM and on Ctrl-C."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def configure_logs(level: str, *, json: bool | None = None) -> None:
    """Structured logs on standard error: JSON lines, or text for a person at a terminal."""
    as_json = not sys.stderr.isatty() if json is None else json
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    render: structlog.types.Processor
    if as_json:
        render = structlog.processors.JSONRenderer()
        shared.append(structlog.processors.format_exc_info)
    else:
        render = structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("aiokafka", "faust", "mode", "urllib3", "httpx"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def serve_metrics(port: int | None, host: str = "127.0.0.1") -> None:
    """Serve /metrics of this process on `port`, if one is given."""
    if port is not None:
        from prometheus_client import start_http_server

        start_http_server(port, addr=host)
