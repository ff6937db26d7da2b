"""Cutting the parts of a multipart upload."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.store.parts import COPIED, MOST_PARTS, SMALLEST, plan_parts

sizes = st.lists(st.one_of(st.integers(0, 30), st.integers(0, 400)), max_size=30)


@given(sizes, st.integers(1, 60), st.integers(60, 200))
def test_parts_are_all_bytes_in_order(sizes: list[int], smallest: int, copied: int) -> None:
    """Every byte of every source is in one part, in order."""
    extents = [extent for part in plan_parts(sizes, smallest, copied) for extent in part]
    found = [(source, at) for source, start, length in extents for at in range(start, start + length)]
    assert found == [(source, at) for source, size in enumerate(sizes) for at in range(size)]


@given(sizes, st.integers(1, 60), st.integers(60, 200))
def test_parts_are_as_large_as_they_must_be(sizes: list[int], smallest: int, copied: int) -> None:
    """All but the last have the least size; what is sent is little more, what is copied not too much."""
    parts = plan_parts(sizes, smallest, copied)
    lengths = [sum(extent.length for extent in part) for part in parts]
    assert all(length >= smallest for length in lengths[:-1])
    assert all(length < 2 * smallest for part, length in zip(parts, lengths, strict=True) if len(part) > 1)
    assert all(length < 2 * max(copied, smallest) for length in lengths)


def test_the_server_copies_all_it_can() -> None:
    """Of a head and long sources, only the head and what makes it long enough is sent."""
    parts = plan_parts([1000, 8 << 20, 100 << 20, 7])
    sent = [part for part in parts if len(part) > 1 or part[0].length < SMALLEST]
    assert sent == [[(0, 0, 1000), (1, 0, 8 << 20)], [(3, 0, 7)]]
    assert [part[0].length for part in parts[1:-1]] == [COPIED, COPIED, 36 << 20]


def test_no_object_has_too_many_parts() -> None:
    """The largest object that S3 takes, 5 TiB, fits into its parts."""
    assert len(plan_parts([5 << 40])) <= MOST_PARTS
