"""Offsets, and which messages may run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processors.running.backlog import Backlog, Buffering, Claim, Limits, Record
from processors.running.offsets import OffsetTracker


@given(st.lists(st.integers(1, 5), min_size=1, max_size=30), st.data())
def test_the_position_never_passes_an_unfinished_offset(gaps: list[int], data: st.DataObject) -> None:
    """Whatever the order in which tasks end, what lies below the position is finished, and it only grows."""
    offsets = [sum(gaps[: index + 1]) for index in range(len(gaps))]
    tracker = OffsetTracker()
    for offset in offsets:
        tracker.take(offset)
    unfinished = set(offsets)
    before = offsets[0]
    for offset in data.draw(st.permutations(offsets)):
        tracker.finish(offset)
        unfinished.discard(offset)
        position = tracker.position
        assert position is not None
        assert position >= before
        assert all(position <= other for other in unfinished)
        before = position
    assert tracker.position == offsets[-1] + 1


def test_there_is_no_position_before_the_first_message() -> None:
    """A partition that nothing was read from has nothing to commit."""
    assert OffsetTracker().position is None


def _record(partition: int, offset: int, topic: str = "a", size: int = 1) -> Record:
    return Record(topic, partition, offset, b"k", b"x" * size)


def _claims(backlog: Backlog, count: int) -> list[Claim]:
    claims = [backlog.claim() for _ in range(count)]
    assert all(claims)
    return [claim for claim in claims if claim]


def _backlog(concurrency: int = 10, unordered: bool = False, buffering: Buffering | None = None) -> Backlog:
    backlog = Backlog({"a": Limits(concurrency, unordered)}, buffering or Buffering())
    backlog.assign([("a", 0), ("a", 1)])
    return backlog


def test_one_message_of_a_partition_runs_at_a_time() -> None:
    """The second message of a partition waits for the first; that of another partition does not."""
    backlog = _backlog()
    for record in (_record(0, 0), _record(0, 1), _record(1, 7)):
        assert backlog.add(record)
    first, other = _claims(backlog, 2)
    assert {first.record.place, other.record.place} == {("a", 0), ("a", 1)}
    assert backlog.commits() == {}
    backlog.finish(first, handled=True)
    backlog.finish(other, handled=True)
    assert backlog.commits() == {("a", 0): 1, ("a", 1): 8}
    assert backlog.commits() == {}
    (second,) = _claims(backlog, 1)
    assert second.record.offset == 1


def test_an_unordered_stage_commits_only_past_the_lowest_unfinished() -> None:
    """Of three messages in flight in one partition the first is the last to end: until then no commit."""
    backlog = _backlog(unordered=True)
    for offset in range(3):
        backlog.add(_record(0, offset))
    one, two, three = _claims(backlog, 3)
    backlog.finish(three, handled=True)
    backlog.finish(two, handled=True)
    assert backlog.commits() == {}
    backlog.finish(one, handled=True)
    assert backlog.commits() == {("a", 0): 3}


def test_a_message_handed_back_is_not_committed() -> None:
    """What a stopping worker let go of stays the next to be read."""
    backlog = _backlog()
    backlog.add(_record(0, 5))
    (claim,) = _claims(backlog, 1)
    backlog.close()
    backlog.abort()
    assert claim.abort.is_set()
    backlog.finish(claim, handled=False)
    assert backlog.commits() == {}
    assert backlog.claim() is None


def test_a_revoked_partition_is_not_committed_and_its_messages_are_forgotten() -> None:
    """A task may end after its partition went; nothing is committed for it, not even once it is back."""
    backlog = _backlog()
    backlog.add(_record(0, 0))
    backlog.add(_record(0, 1))
    (claim,) = _claims(backlog, 1)
    backlog.revoke([("a", 0)])
    assert not backlog.add(_record(0, 2))
    backlog.assign([("a", 0)])
    backlog.finish(claim, handled=True)
    assert backlog.commits() == {}
    assert backlog.in_flight == 0
    backlog.add(_record(0, 0))
    (again,) = _claims(backlog, 1)
    assert again.record.offset == 0


def test_a_failed_commit_is_tried_again() -> None:
    """Once a commit failed, the same offset is to be committed again."""
    backlog = _backlog()
    backlog.add(_record(0, 0))
    (claim,) = _claims(backlog, 1)
    backlog.finish(claim, handled=True)
    assert backlog.commits() == {("a", 0): 1}
    backlog.uncommitted([("a", 0)])
    assert backlog.commits() == {("a", 0): 1}


def test_a_partition_with_enough_ready_is_paused_until_little_is_left() -> None:
    """Pausing begins at the high mark and ends at the low one, and says so once."""
    backlog = _backlog(buffering=Buffering(high=3, low=1, size=1000), unordered=True)
    for offset in range(3):
        backlog.add(_record(0, offset))
    assert backlog.throttle() == ([("a", 0)], [])
    assert backlog.throttle() == ([], [])
    _claims(backlog, 1)
    assert backlog.throttle() == ([], [])
    _claims(backlog, 1)
    assert backlog.throttle() == ([], [("a", 0)])


def test_few_large_messages_are_enough() -> None:
    """The buffer of a partition is bounded in bytes too."""
    backlog = _backlog(buffering=Buffering(high=100, low=1, size=10))
    backlog.add(_record(0, 0, size=10))
    assert backlog.throttle() == ([("a", 0)], [])
    _claims(backlog, 1)
    assert backlog.throttle() == ([], [("a", 0)])


def test_stages_keep_to_their_concurrency_and_take_turns() -> None:
    """A stage at its limit leaves the other one its place."""
    backlog = Backlog({"a": Limits(1), "b": Limits(1)})
    backlog.assign([("a", 0), ("a", 1), ("b", 0)])
    for record in (_record(0, 0), _record(1, 0), _record(0, 0, topic="b")):
        backlog.add(record)
    one, two = _claims(backlog, 2)
    assert {one.record.topic, two.record.topic} == {"a", "b"}
    backlog.finish(one, handled=True)
    assert _claims(backlog, 1)[0].record.topic == one.record.topic or one.record.topic == "b"
