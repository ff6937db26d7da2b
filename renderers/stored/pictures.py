"""Single pictures as files of common formats, by Pillow."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError

from renderers.stored.pixels import Pixels
from schemas.errors import InvalidInput


class CodedPicture:
    """Pictures packed with loss, in the quality that was asked for."""

    def __init__(self, kind: str, options: Mapping[str, Any]) -> None:
        """kind: Pillow's name of the file format; options: of its `save`, besides the quality."""
        self._kind = kind
        self._options = dict(options)

    def fields(self, settings: Any) -> Any:
        """The quality."""
        return settings.image_quality

    def write(self, pixels: Pixels, settings: Any) -> bytes:
        """The file of a picture, (height, width, 4) uint8, opaque."""
        file = io.BytesIO()
        picture = Image.fromarray(pixels[:, :, :3])
        picture.save(file, self._kind, quality=settings.image_quality, **self._options)
        return file.getvalue()

    def size(self, file: BinaryIO) -> tuple[int, int]:
        """As the file says."""
        return size_of(file)


def size_of(file: BinaryIO) -> tuple[int, int]:
    """Width and height in px of a picture whose data can be read to the end. Raises InvalidInput."""
    try:
        with Image.open(file) as picture:
            picture.load()
            return picture.size
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InvalidInput("output_broken", "The finished picture cannot be read.") from error
