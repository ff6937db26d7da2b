"""When to try again, and when to stop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.policies import DlqLimit, DlqPolicy, RetryPolicy, TooManyDeadLetters


@given(st.integers(1, 100), st.floats(0, 100), st.floats(0, 1, exclude_max=True))
def test_a_delay_is_bounded_and_stays_in_the_budget(attempt: int, elapsed: float, random: float) -> None:
    """No delay is zero or longer than the longest, and none ends after the budget."""
    policy = RetryPolicy(first=0.1, most=2.0, budget=30.0)
    delay = policy.delay(attempt, elapsed, random)
    if delay is None:
        assert elapsed + policy.most > policy.budget
    else:
        assert 0 < delay <= policy.most
        assert elapsed + delay <= policy.budget


def test_delays_grow() -> None:
    """With the same chance, a later attempt waits longer, up to the most."""
    policy = RetryPolicy(first=0.1, most=2.0, budget=60.0)
    delays = [policy.delay(attempt, 0.0, 0.999) for attempt in range(1, 8)]
    assert delays == sorted(delays, key=lambda delay: delay or 0.0)
    assert delays[-1] == pytest.approx(2.0, rel=0.01)


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
