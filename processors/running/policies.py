"""Decisions about trouble, as values: when to try again, and when to stop a worker.

Pure: the time that has passed and the random number are arguments.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from connectors.retry import Backoff
from schemas.errors import ExportError


class TooManyDeadLetters(ExportError):
    """So many messages cannot be read that the fault is more likely here than in them."""


RetryPolicy = Backoff
"""When a task that failed for want of a service is tried again."""


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
