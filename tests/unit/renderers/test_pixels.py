"""How pictures lie in the store."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.pixels import pack, unpack
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


@pytest.mark.parametrize("at", [0, 4, 5, 12, 20, 40, -3])
def test_damage_is_noticed(at: int) -> None:
    """A flipped byte anywhere is an error with a code, never a wrong picture."""
    data = bytearray(pack(np.arange(120, dtype=np.uint8).reshape(5, 6, 4), {"a": 1}))
    data[at] ^= 0x55
    with pytest.raises(InvalidInput, match=r"picture"):
        unpack(bytes(data))


def test_cut_off_bytes_are_refused() -> None:
    """No beginning of a stored picture is taken for one."""
    data = pack(np.zeros((4, 4, 4), np.uint8))
    for size in range(len(data)):
        with pytest.raises(InvalidInput):
            unpack(data[:size])
