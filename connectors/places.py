"""Who gets one of a few places next, when several tenants wait for them.

The tenant that holds the fewest goes first, of these the one that was served the least lately (start-time
fair queueing: Goyal, Vin, Cheng 1996). Whoever holds none does not wait for places that others hold for long:
some more are kept for such guests, so that one tenant's slow files are not another's delay.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

TURN_S = 0.1


@dataclass
class _Tenant:
    tag: float
    holds: int = 0
    waiting: deque[object] = field(default_factory=deque)


class Places:
    """`size` places, and `guests` more for tenants who hold none; safe for threads."""

    def __init__(self, size: int, guests: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._guests = size, guests
        self._clock = clock
        self._changed = threading.Condition()
        self._tenants: dict[str, _Tenant] = {}
        self._held = 0
        self._virtual = 0.0

    @contextmanager
    def of(self, tenant: str, check: Callable[[], None]) -> Iterator[None]:
        """A place, for as long as the block lasts; `check` is called while it waits and may raise."""
        self._take(tenant, check)
        begun = self._clock()
        try:
            yield
        finally:
            with self._changed:
                self._held -= 1
                known = self._tenants[tenant]
                known.holds -= 1
                known.tag += self._clock() - begun
                self._forget(tenant)
                self._changed.notify_all()

    @property
    def free(self) -> int:
        """How many of `size` nobody holds."""
        with self._changed:
            return max(0, self._size - self._held)

    def _take(self, tenant: str, check: Callable[[], None]) -> None:
        ticket = object()
        with self._changed:
            known = self._tenants.setdefault(tenant, _Tenant(self._virtual))
            if not known.waiting and not known.holds:
                known.tag = max(known.tag, self._virtual)
            known.waiting.append(ticket)
        try:
            while True:
                check()
                with self._changed:
                    if self._next() is ticket:
                        known.holds += 1
                        self._held += 1
                        self._virtual = max(self._virtual, known.tag)
                        return
                    self._changed.wait(TURN_S)
        finally:
            with self._changed:
                known.waiting.remove(ticket)
                self._forget(tenant)
                self._changed.notify_all()

    def _next(self) -> object | None:
        """The ticket of who may go now."""
        waiting = [known for known in self._tenants.values() if known.waiting]
        if self._held >= self._size:
            guests = self._held < self._size + self._guests
            waiting = [known for known in waiting if guests and not known.holds]
        if not waiting:
            return None
        return min(waiting, key=lambda known: (known.holds, known.tag)).waiting[0]

    def _forget(self, tenant: str) -> None:
        """Drop what is of no use: a tenant who is behind no other, and all when nobody is left."""
        known = self._tenants.get(tenant)
        if known is None or known.waiting or known.holds:
            return
        if known.tag <= self._virtual:
            del self._tenants[tenant]
        if not any(other.waiting or other.holds for other in self._tenants.values()):
            self._virtual = max((other.tag for other in self._tenants.values()), default=self._virtual)
            self._tenants.clear()
