"""What is away is asked again: with jitter, within a budget, and never after its job was cancelled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.retry import Backoff, Retrier, with_retries
from connectors.store.memory import MemoryStore
from schemas.errors import Cancelled, InvalidInput, Missing, Unavailable


class Time:
    """A clock that only passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.naps: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.naps.append(seconds)
        self.now += seconds


def retrier(time: Time, budget: float = 60.0) -> Retrier:
    """One that runs on `time` and always draws the same."""
    return Retrier(Backoff(budget=budget), clock=lambda: time.now, sleep=time.sleep, chance=lambda: 0.5)


def answers_after(time: Time, seconds: float) -> str:
    """A service that is away until then."""
    if time.now < seconds:
        raise Unavailable("store_unavailable", "503")
    return "answer"


def test_a_service_that_is_away_for_ten_seconds_is_waited_for() -> None:
    """The answer comes soon after the service is back."""
    time = Time()
    assert retrier(time).call(lambda: answers_after(time, 10.0)) == "answer"
    assert 10.0 <= time.now <= 12.0


def test_the_budget_ends_the_waiting() -> None:
    """What stays away longer than the budget is reported as away, in time."""
    time = Time()
    with pytest.raises(Unavailable):
        retrier(time, budget=5.0).call(lambda: answers_after(time, 1e9))
    assert time.now <= 5.0


def test_bad_input_is_not_tried_again() -> None:
    """An error that a retry cannot help is raised at once."""
    time = Time()

    def refuse() -> None:
        raise InvalidInput("bad", "no")

    with pytest.raises(InvalidInput):
        retrier(time).call(refuse)
    assert time.naps == []


def test_a_cancelled_job_waits_for_nobody() -> None:
    """A check that raises ends the waiting within a fifth of a second."""
    time = Time()

    def check() -> None:
        if time.now >= 1.0:
            raise Cancelled("cancelled", "called off")

    patient = Retrier(Backoff(first=30, most=30), check, lambda: time.now, time.sleep, lambda: 0.99)
    with pytest.raises(Cancelled):
        patient.call(lambda: answers_after(time, 1e9))
    assert time.now <= 1.4


@given(st.integers(1, 1000), st.floats(0, 100), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_nothing_and_never_beyond_the_budget(
    attempt: int, elapsed: float, chance: float
) -> None:
    """Each wait lies between a tenth of the first ceiling and what is left of the budget."""
    backoff = Backoff()
    delay = backoff.delay(attempt, elapsed, chance)
    if delay is not None:
        assert backoff.first * 0.1 <= delay <= backoff.most
        assert elapsed + delay <= backoff.budget


class Breaking(MemoryStore):
    """A store whose every answer breaks off after a few bytes."""

    def open_range(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """At most 3 bytes, then nothing more."""
        whole = b"".join(super().open_range(key, start, length))

        def blocks() -> Iterator[bytes]:
            yield whole[:3]
            if len(whole) > 3:
                raise Unavailable("store_unavailable", "connection reset")

        return blocks()


@pytest.mark.parametrize(("start", "length"), [(0, None), (2, None), (1, 5), (0, 10), (4, 0)])
def test_a_download_that_breaks_off_goes_on_where_it_was(start: int, length: int | None) -> None:
    """What comes in pieces is the same bytes, each once."""
    store = Breaking()
    store.put("k", b"0123456789")
    end = None if length is None else start + length
    found = b"".join(with_retries(store, retrier(Time())).open_range("k", start, length))
    assert found == b"0123456789"[start:end]


def test_an_object_that_is_missing_is_missing_at_once() -> None:
    """Nobody waits for what does not exist."""
    time = Time()
    with pytest.raises(Missing):
        with_retries(MemoryStore(), retrier(time)).open_range("nowhere")
    assert time.naps == []
