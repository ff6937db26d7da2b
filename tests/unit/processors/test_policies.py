"""When a worker stops for dead letters."""

from __future__ import annotations

import pytest

from processors.running.policies import DlqLimit, DlqPolicy, TooManyDeadLetters


def test_a_few_dead_letters_are_no_reason_to_stop() -> None:
    """Bad messages among good ones go on being dead-lettered for ever."""
    limit = DlqLimit(DlqPolicy(most=3, window=10))
    for index in range(1000):
        limit.record("a", dead=index % 4 == 0)


def test_too_many_dead_letters_stop_the_worker_with_a_sentence() -> None:
    """The first dead letter beyond the limit raises, and says where to look."""
    limit = DlqLimit(DlqPolicy(most=3, window=10))
    for _ in range(3):
        limit.record("a", dead=True)
    limit.record("b", dead=True)
    with pytest.raises(TooManyDeadLetters, match="exportstream dlq list"):
        limit.record("a", dead=True)
