"""How pictures lie in the store."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.stored.pixels import Pixels, pack, unpack
from schemas.errors import InvalidInput


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), st.binary(max_size=20))
def test_what_is_packed_comes_back(shape: list[int], seed: bytes) -> None:
    """An array of any shape and what was said of it are the same after packing and unpacking."""
    array = np.resize(np.frombuffer(seed or b"\0", np.uint8), shape)
    again, meta = unpack(pack(array, {"of": seed.hex()}))
    assert again.shape == array.shape
    assert (again == array).all()
    assert meta == {"of": seed.hex()}


NOISE = np.random.default_rng(3).integers(0, 256, (300, 400, 4), np.uint8)


def test_what_would_not_get_smaller_is_not_packed() -> None:
    """A photograph, that is: it comes back as it was. What is flat is packed to nearly nothing."""
    data = pack(NOISE, {"of": "noise"})
    assert NOISE.nbytes < len(data) < NOISE.nbytes + 100
    again, meta = unpack(data)
    assert np.array_equal(again, NOISE)
    assert meta == {"of": "noise"}
    assert not again.flags.writeable
    assert len(pack(np.zeros_like(NOISE))) < 1000


@pytest.mark.parametrize("at", [*range(50), -3])
@pytest.mark.parametrize(
    "array", [np.arange(120, dtype=np.uint8).reshape(5, 6, 4), NOISE], ids=["packed", "as it is"]
)
def test_damage_is_noticed(array: Pixels, at: int) -> None:
    """A flipped byte anywhere is an error with a code, never a wrong picture."""
    data = bytearray(pack(array, {"a": 1}))
    data[at] ^= 0x55
    with pytest.raises(InvalidInput, match=r"picture"):
        unpack(bytes(data))


def test_cut_off_bytes_are_refused() -> None:
    """No beginning of a stored picture is taken for one."""
    data = pack(np.zeros((4, 4, 4), np.uint8))
    for size in range(len(data)):
        with pytest.raises(InvalidInput):
            unpack(data[:size])


@pytest.mark.parametrize(
    ("at", "values"),
    [(5, [7]), (6, [0]), (6, [5]), (7, [0, 0, 1, 0]), (15, [255, 255, 255, 255]), (18, [1]), (27, [0])],
    ids=["coding", "no dimension", "too many", "longer than all", "huge", "size", "JSON"],
)
@pytest.mark.parametrize(
    "array", [np.arange(120, dtype=np.uint8).reshape(5, 6, 4), NOISE], ids=["packed", "as it is"]
)
def test_what_is_made_up_is_refused_though_its_checksum_is_right(
    array: Pixels, at: int, values: list[int]
) -> None:
    """The decoder of foreign files writes this form, and is not trusted."""
    data = bytearray(pack(array, {"a": 1}))
    data[at : at + len(values)] = bytes(values)
    data[11:15] = zlib.crc32(data[15:], zlib.crc32(data[:11])).to_bytes(4, "big")
    with pytest.raises(InvalidInput, match=r"picture"):
        unpack(bytes(data))
