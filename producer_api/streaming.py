"""Detection of disconnected clients, for long responses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from starlette.types import Receive


class Departure:
    """Watches for the end of a connection while a response is being written.

    ASGI servers silently discard data for a closed connection, so long responses have to check.
    """

    def __init__(self, receive: Receive, notify: Callable[[], None] = lambda: None) -> None:
        self._receive = receive
        self._notify = notify
        self._gone = False

    def __enter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._watch())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()

    def gone(self) -> bool:
        """True once the client has disconnected."""
        return self._gone

    async def _watch(self) -> None:
        with suppress(OSError):
            while (await self._receive())["type"] != "http.disconnect":
                pass
        self._gone = True
        self._notify()
