"""What answers of unknown length share: noticing that the other side has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from starlette.types import Receive


class Departure:
    """Watches for the end of a connection while an answer is being written.

    A server takes what is sent to nobody without a word, so whoever sends much has to look.
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
        """Whether nobody is there any more."""
        return self._gone

    async def _watch(self) -> None:
        with suppress(OSError):
            while (await self._receive())["type"] != "http.disconnect":
                pass
        self._gone = True
        self._notify()
