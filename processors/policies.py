"""Decisions about trouble, as values: when to try again, and when to stop a worker.

Pure: the time that has passed and the random number are arguments.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from schemas.errors import ExportError


class TooManyDeadLetters(ExportError):
    """So many messages cannot be read that the fault is more likely here than in them."""


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential back-off with full jitter within a budget of seconds.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog (full jitter), with a floor, so
    that a retry never follows at once.
    """

    first: float = 0.2
    most: float = 5.0
    budget: float = 60.0

    def delay(self, attempt: int, elapsed: float, random: float) -> float | None:
        """Seconds to wait after the failed attempt number `attempt` (from 1), None to give up.

        `elapsed`: seconds since the first attempt began; `random`: in [0, 1).
        """
        ceiling = min(self.most, self.first * 2.0 ** min(attempt - 1, 32))
        delay = ceiling * (0.1 + 0.9 * random)
        return delay if elapsed + delay <= self.budget else None


@dataclass(frozen=True)
class DlqPolicy:
    """At most `most` of the last `window` messages of a topic may be dead letters."""

    most: int = 100
    window: int = 200


class DlqLimit:
    """Counts by a policy: a bad deployment stops instead of draining its topic into the dead letters."""

    def __init__(self, policy: DlqPolicy) -> None:
        self._policy = policy
        self._recent: dict[str, deque[bool]] = {}

    def record(self, topic: str, dead: bool) -> None:
        """Count one message; raises TooManyDeadLetters with a sentence when the limit is passed."""
        recent = self._recent.setdefault(topic, deque(maxlen=self._policy.window))
        recent.append(dead)
        count = sum(recent) if dead else 0
        if count > self._policy.most:
            sentence = (
                f"{count} of the last {len(recent)} messages on {topic} could not be handled. The worker "
                "stops before it drains the topic: look at the dead letters with `exportstream dlq list`, "
                "and at what was deployed last."
            )
            raise TooManyDeadLetters("too_many_dead_letters", sentence)
