"""Assets for drawing: images in their normal form, and fonts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from connectors.store.base import ObjectStore
from schemas.paint import picture_source
from schemas.plan import Asset
from schemas.project import Font, InstalledFont

if TYPE_CHECKING:
    from renderers.stored.pixels import Pixels
    from renderers.text.fonts import CustomFont, FontSet

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
        self._keys = {a.name: a.normal_key for a in assets if a.kind == "image" and a.normal_key}
        self._images = images
        self.fonts = fonts

    def image(self, name: str) -> Pixels:
        """An image by its name (see `picture_name`); raises KeyError for one that was not planned."""
        return self._images.get(self._keys.get(name) or self._keys[picture_source(name)])


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
        from renderers.text.fonts import FontSet

        normal = normal_keys(assets)
        named = [font for font in fonts if font.src in normal]
        key = tuple(f"{f.family}|{f.weight}|{f.style}|{weights_of(f)}|{normal[f.src]}" for f in named)
        with self._lock:
            if key not in self._fonts:
                self._fonts[key] = FontSet(custom_fonts(self._store, assets, fonts))
                while len(self._fonts) > 8:
                    self._fonts.popitem(last=False)
            self._fonts.move_to_end(key)
            return self._fonts[key]


def normal_keys(assets: Iterable[Asset]) -> dict[str, str]:
    """The keys of fonts in their normal form, by source."""
    return {a.src: a.normal_key for a in assets if a.kind == "font" and a.normal_key}


def custom_fonts(store: ObjectStore, assets: Iterable[Asset], fonts: Iterable[Font]) -> list[CustomFont]:
    """The fonts of a project with their bytes; each file is read once, whatever number of fonts it is."""
    from renderers.text.fonts import CustomFont

    normal = normal_keys(assets)
    data: dict[str, bytes] = {}
    found = []
    for font in fonts:
        if (key := normal.get(font.src)) is not None:
            if key not in data:
                data[key] = store.get(key)
            found.append(CustomFont(font.family, data[key], font.weight, font.style, weights_of(font)))
    return found


def weights_of(font: Font) -> tuple[int, int] | None:
    """The weights that a font of the deployment can have; None for one that the document brings along, which
    has the weight that is stated there.
    """
    return font.weights if isinstance(font, InstalledFont) else None
