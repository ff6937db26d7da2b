"""What drawing needs of a project's assets: images in their normal form, and fonts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from connectors.store.base import ObjectStore
from schemas.plan import Asset
from schemas.project import Font

if TYPE_CHECKING:
    from renderers.stored.pixels import Pixels
    from renderers.text.fonts import FontSet

IMAGE_CACHE_BYTES = 32 << 20


class ImageCache:
    """Decoded images by their key in the store, the latest used kept; safe for threads."""

    def __init__(self, store: ObjectStore, capacity: int = IMAGE_CACHE_BYTES) -> None:
        self._store = store
        self._capacity = capacity
        self._images: OrderedDict[str, Pixels] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Pixels:
        """The pixels at `key`: (height, width, 4) uint8, premultiplied."""
        with self._lock:
            if (found := self._images.get(key)) is not None:
                self._images.move_to_end(key)
                return found
        from renderers.stored.pixels import unpack

        pixels, _ = unpack(self._store.get(key))
        with self._lock:
            if key not in self._images:
                self._images[key] = pixels
                self._size += pixels.nbytes
            while self._size > self._capacity and len(self._images) > 1:
                _, dropped = self._images.popitem(last=False)
                self._size -= dropped.nbytes
        return pixels


class Resources:
    """The images and fonts of one project."""

    def __init__(self, assets: Iterable[Asset], images: ImageCache, fonts: FontSet) -> None:
        self._keys = {a.src: a.normal_key for a in assets if a.kind == "image" and a.normal_key}
        self._images = images
        self.fonts = fonts

    def image(self, src: str) -> Pixels:
        """An image by what the document calls it; raises KeyError for one that was not planned."""
        return self._images.get(self._keys[src])


class ResourcePool:
    """Makes the resources of projects; those with the same fonts share them."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._images = ImageCache(store)
        self._fonts: OrderedDict[tuple[str, ...], FontSet] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, assets: Sequence[Asset], fonts: Sequence[Font]) -> Resources:
        """The resources of a project: its gathered assets, and the fonts that the document names."""
        return Resources(assets, self._images, self._font_set(assets, fonts))

    def _font_set(self, assets: Sequence[Asset], fonts: Sequence[Font]) -> FontSet:
        from renderers.text.fonts import CustomFont, FontSet

        normal = {a.src: a.normal_key for a in assets if a.kind == "font" and a.normal_key}
        named = [font for font in fonts if font.src in normal]
        key = tuple(f"{f.family}|{f.weight}|{f.style}|{normal[f.src]}" for f in named)
        with self._lock:
            if key not in self._fonts:
                self._fonts[key] = FontSet(
                    CustomFont(f.family, self._store.get(normal[f.src] or ""), f.weight, f.style)
                    for f in named
                )
                while len(self._fonts) > 8:
                    self._fonts.popitem(last=False)
            self._fonts.move_to_end(key)
            return self._fonts[key]
