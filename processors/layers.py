"""Drawn layers on their way from render to encode: through the object store, or within one process.

Whoever draws and encodes in one process has no use for packing: he hands the pixels on as they are.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from connectors.store.base import ObjectStore

if TYPE_CHECKING:
    from renderers.timeline.scene import LayerPixels


class Layers(Protocol):
    """Layers by their key in the object store."""

    def exists(self, key: str) -> bool:
        """True if a layer is drawn."""

    def put(self, key: str, layer: LayerPixels) -> None:
        """Keep a drawn layer."""

    def get(self, key: str) -> LayerPixels:
        """A drawn layer. Raises Missing: it is to be drawn again."""


class StoredLayers:
    """Layers in the object store, for others to encode."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def exists(self, key: str) -> bool:
        """True if a layer is drawn."""
        return self._store.exists(key)

    def put(self, key: str, layer: LayerPixels) -> None:
        """Keep a drawn layer."""
        from renderers.stored.layerfile import pack_layer

        self._store.put(key, pack_layer(layer))

    def get(self, key: str) -> LayerPixels:
        """A drawn layer. Raises Missing."""
        from renderers.stored.layerfile import unpack_layer

        return unpack_layer(self._store.get(key))


class SharedLayers:
    """Layers in memory, at most `capacity` bytes; safe for threads.

    Those that were encoded already are forgotten first: they can be drawn again. One that nobody has
    read yet is put into `below` instead: were it forgotten, a chunk of more layers than there is memory
    for would be drawn for ever.
    """

    def __init__(self, below: Layers, capacity: int) -> None:
        self._below = below
        self._capacity = capacity
        self._layers: OrderedDict[str, LayerPixels] = OrderedDict()
        self._wanted: set[str] = set()
        self._size = 0
        self._lock = threading.Lock()

    def exists(self, key: str) -> bool:
        """True if a layer is drawn. The caller is going to read it."""
        with self._lock:
            if key in self._layers:
                self._wanted.add(key)
                return True
        return self._below.exists(key)

    def put(self, key: str, layer: LayerPixels) -> None:
        """Keep a drawn layer."""
        with self._lock:
            self._drop(key)
            self._layers[key] = layer
            self._wanted.add(key)
            self._size += size_of(layer)
            pushed = self._push_out(key)
        for name, pixels in pushed:
            self._below.put(name, pixels)

    def get(self, key: str) -> LayerPixels:
        """A drawn layer. Raises Missing."""
        with self._lock:
            if (found := self._layers.get(key)) is not None:
                self._layers.move_to_end(key)
                self._wanted.discard(key)
                return found
        return self._below.get(key)

    def _push_out(self, newest: str) -> list[tuple[str, LayerPixels]]:
        """Make room; what has to be kept elsewhere."""
        pushed = []
        order = [key for key in self._layers if key not in self._wanted]
        order += [key for key in self._layers if key in self._wanted and key != newest]
        for key in order:
            if self._size <= self._capacity:
                break
            if key in self._wanted:
                pushed.append((key, self._layers[key]))
            self._drop(key)
        return pushed

    def _drop(self, key: str) -> None:
        if (found := self._layers.pop(key, None)) is not None:
            self._size -= size_of(found)
        self._wanted.discard(key)


def size_of(layer: LayerPixels) -> int:
    """Bytes that a layer takes in memory."""
    size = layer.rgba.nbytes
    if layer.inside is not None:
        size += layer.inside.mask.nbytes
        size += sum(size_of(part) for part in (layer.inside.under, layer.inside.over) if part is not None)
    return size
