"""Layers on their way from render to encode within one process."""

from __future__ import annotations

import numpy as np
import pytest

from connectors.store.memory import MemoryStore
from processors.layers import SharedLayers, StoredLayers
from renderers.timeline.scene import Inside, LayerPixels
from schemas.errors import Missing

KIB = 1024


def layer(value: int, side: int = 16) -> LayerPixels:
    """A layer of one colour: `side` × `side` × 4 bytes."""
    return LayerPixels(np.full((side, side, 4), value, np.uint8), 0, 0)


def test_layers_in_memory_are_handed_on_as_they_are() -> None:
    """Nothing is packed while there is room."""
    store = MemoryStore()
    layers, drawn = SharedLayers(StoredLayers(store), 4 * KIB), layer(1)
    layers.put("t/a/layers/1", drawn)
    assert layers.get("t/a/layers/1") is drawn
    assert list(store.list("")) == []


def test_a_layer_that_nobody_drew_is_missing() -> None:
    """Then it is drawn again."""
    layers = SharedLayers(StoredLayers(MemoryStore()), 4 * KIB)
    assert not layers.exists("t/a/layers/1")
    with pytest.raises(Missing):
        layers.get("t/a/layers/1")


def test_what_was_read_is_forgotten_first() -> None:
    """A layer that waits to be read stays, though it is older."""
    store = MemoryStore()
    layers = SharedLayers(StoredLayers(store), 2 * KIB)
    for number in (1, 2):
        layers.put(f"t/a/layers/{number}", layer(number))
    layers.get("t/a/layers/2")
    layers.put("t/a/layers/3", layer(3))
    assert [layers.exists(f"t/a/layers/{number}") for number in (1, 2, 3)] == [True, False, True]
    assert list(store.list("")) == []


def test_a_chunk_of_more_layers_than_memory_is_read_whole() -> None:
    """What nobody has read yet is kept below when there is no room."""
    layers = SharedLayers(StoredLayers(MemoryStore()), 2 * KIB)
    for number in range(9):
        layers.put(f"t/a/layers/{number}", layer(number))
    for number in range(9):
        assert layers.exists(f"t/a/layers/{number}")
        assert layers.get(f"t/a/layers/{number}").rgba[0, 0, 0] == number


def test_what_is_asked_for_is_wanted_again() -> None:
    """A layer that a second chunk counts on is not forgotten before it was read."""
    layers = SharedLayers(StoredLayers(MemoryStore()), 2 * KIB)
    layers.put("t/a/layers/1", layer(1))
    layers.get("t/a/layers/1")
    assert layers.exists("t/a/layers/1")
    for number in (2, 3):
        layers.put(f"t/a/layers/{number}", layer(number))
    assert layers.get("t/a/layers/1").rgba[0, 0, 0] == 1


def test_all_parts_of_a_layer_count() -> None:
    """Masks and borders take memory too."""
    mask = np.zeros((16, 64), np.uint8)
    inside = Inside((0, 0, 16, 16), mask, 0, 0, None, layer(2))
    layers = SharedLayers(StoredLayers(MemoryStore()), 2 * KIB)
    layers.put("t/a/layers/1", layer(1))
    layers.get("t/a/layers/1")
    layers.put("t/a/layers/2", LayerPixels(layer(3).rgba, 0, 0, inside=inside))
    assert not layers.exists("t/a/layers/1")
    assert layers.exists("t/a/layers/2")
