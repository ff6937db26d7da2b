"""Reading ahead from a store."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from connectors.store.ahead import READERS, blocks, objects
from connectors.store.memory import MemoryStore
from schemas.errors import Missing

WAIT_S = 30.0


class Watched(MemoryStore):
    """A store that counts what is read, and how much of it at a time."""

    def __init__(self, meet: int = 1) -> None:
        super().__init__()
        self.read: list[str] = []
        self.most = self._now_reading = 0
        self._counting = threading.Lock()
        self._meeting = threading.Barrier(meet)

    def get(self, key: str) -> bytes:
        """The object, once as many readers as `meet` are there."""
        with self._counting:
            self.read.append(key)
            self._now_reading += 1
            self.most = max(self.most, self._now_reading)
        self._meeting.wait(WAIT_S)
        try:
            return super().get(key)
        finally:
            with self._counting:
                self._now_reading -= 1


def filled(store: Watched, count: int, size: int = 10) -> list[str]:
    """The keys of so many objects, each of its own bytes."""
    keys = [f"chunk-{number}" for number in range(count)]
    for number, key in enumerate(keys):
        store.put(key, bytes([number]) * size)
    return keys


def test_objects_come_in_order() -> None:
    """Each object is handed out at its place."""
    store = Watched()
    keys = filled(store, 50)
    assert list(objects(store, keys)) == [bytes([number]) * 10 for number in range(50)]


def test_objects_are_read_side_by_side() -> None:
    """Two reads are under way at once: neither would end without the other."""
    store = Watched(meet=2)
    keys = filled(store, 10)
    assert len(list(objects(store, keys))) == 10
    assert 2 <= store.most <= READERS


def test_what_is_named_twice_in_a_row_is_read_once() -> None:
    """A chunk that follows itself is fetched once, one that comes back later again."""
    store = Watched()
    one, two = filled(store, 2)
    assert list(objects(store, [one, one, two, two, one]))[3:] == [b"\1" * 10, b"\0" * 10]
    assert sorted(store.read) == [one, one, two]
    assert list(objects(store, [two, two])) == [b"\1" * 10] * 2
    assert list(objects(store, [])) == []


@pytest.mark.parametrize(("budget", "most"), [(1, 1), (250, 2), (10_000, READERS)])
def test_what_waits_is_bounded(budget: int, most: int) -> None:
    """No more is read ahead of the reader than the budget has room for."""
    store = Watched()
    keys = filled(store, 40, size=100)
    ahead: Iterator[bytes] = objects(store, keys, budget)
    for taken, _ in enumerate(ahead, 1):
        # The first two were asked for before the size of any was known.
        assert len(store.read) <= max(2, taken + most)


def test_an_error_comes_in_its_turn_and_ends_the_reading() -> None:
    """What lies before a missing object is handed out, and not all of what lies behind it is read."""
    store = Watched()
    keys = filled(store, 100)
    store.delete(keys[5])
    ahead = objects(store, keys)
    assert [next(ahead) for _ in range(5)] == [bytes([number]) * 10 for number in range(5)]
    with pytest.raises(Missing):
        next(ahead)
    assert len(store.read) <= 5 + 1 + READERS


def test_who_stops_reading_waits_for_nothing_else() -> None:
    """Closing gives up what was not begun."""
    store = Watched()
    ahead = objects(store, filled(store, 100))
    next(ahead)
    assert isinstance(ahead, Iterator)
    ahead.close()  # type: ignore[attr-defined]  # it is a generator
    assert len(store.read) <= 1 + READERS


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 1000, 1001])
def test_a_large_object_is_read_in_ranges(size: int) -> None:
    """All bytes in order, whatever the last range is."""
    store = MemoryStore()
    data = bytes(number % 251 for number in range(size))
    store.put("film", data)
    assert b"".join(blocks(store, "film", size, 100)) == data
