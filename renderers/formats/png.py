"""PNG: a picture without loss."""

from __future__ import annotations

from typing import Any, BinaryIO

from renderers.recipes.pages import Pages
from renderers.stored.pictures import size_of
from renderers.stored.pixels import Pixels
from renderers.stored.png import encode_png


class Png:
    """Truecolour of 8 bits, in sRGB."""

    def fields(self, settings: Any) -> Any:
        """Nothing to choose."""
        return None

    def write(self, pixels: Pixels, settings: Any) -> bytes:
        """The file."""
        return encode_png(pixels[:, :, :3])

    def size(self, file: BinaryIO) -> tuple[int, int]:
        """As the file says."""
        return size_of(file)


MAKER = Pages(version="1", writer=Png())
