"""Pixels at rest: how a picture lies in the object store between decoding, drawing and composing.

A head, the shape, a small JSON of whatever belongs to the picture, and the samples in one of zstandard's
fast levels with a checksum: 8 MB of a 1080p layer pack in some milliseconds, mostly to a tenth.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from schemas.errors import InvalidInput

Pixels = NDArray[np.uint8]
"""Samples of 8 bits. A picture is (height, width, 4): red, green, blue times alpha, alpha; sRGB."""

_HEAD = struct.Struct(">4sBBI")  # magic, version, number of dimensions, bytes of JSON
_MAGIC, _VERSION = b"XSpx", 1
_MOST_DIMENSIONS = 4
_LEVEL = -5  # a third of the time of level 1; photographs take a third more bytes


def pack(array: Pixels, meta: dict[str, Any] | None = None) -> bytes:
    """The stored form of `array`, of any shape up to four dimensions, and of `meta`, which JSON must be
    able to say.
    """
    import zstandard

    if array.dtype != np.uint8 or not 1 <= array.ndim <= _MOST_DIMENSIONS:
        raise ValueError(f"pixels are uint8 in 1 to 4 dimensions, not {array.dtype} in {array.ndim}")
    described = orjson.dumps(meta or {}, option=orjson.OPT_SORT_KEYS)
    head = _HEAD.pack(_MAGIC, _VERSION, array.ndim, len(described)) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    samples = np.ascontiguousarray(array).reshape(-1)
    return b"".join((head, described, packer.compress(samples.data if samples.size else b"")))


def unpack(data: bytes) -> tuple[Pixels, dict[str, Any]]:
    """The counterpart of `pack`: a read-only array, and what was said of it.

    Raises InvalidInput (`broken_pixels`) for anything else, before taking memory for it.
    """
    import zstandard

    if len(data) < _HEAD.size or data[:4] != _MAGIC:
        raise InvalidInput("broken_pixels", "This is not a stored picture.")
    _, version, dimensions, described = _HEAD.unpack_from(data)
    if version != _VERSION:
        raise InvalidInput("broken_pixels", f"Stored pictures are read in version {_VERSION}, not {version}.")
    at = _HEAD.size + 4 * dimensions
    if not 1 <= dimensions <= _MOST_DIMENSIONS or at + described > len(data):
        raise InvalidInput("broken_pixels", "The stored picture is cut off.")
    shape = struct.unpack_from(f">{dimensions}I", data, _HEAD.size)
    body = memoryview(data)[at + described :]
    size = math.prod(shape)
    try:
        meta = orjson.loads(data[at : at + described])
        if zstandard.frame_content_size(body) != size:
            raise InvalidInput("broken_pixels", "The stored picture is not of the size it names.")
        samples = zstandard.ZstdDecompressor().decompress(body, max_output_size=size)
    except (orjson.JSONDecodeError, zstandard.ZstdError) as error:
        raise InvalidInput("broken_pixels", "The stored picture is damaged.") from error
    if not isinstance(meta, dict) or len(samples) != size:
        raise InvalidInput("broken_pixels", "The stored picture is damaged.")
    return np.frombuffer(samples, np.uint8).reshape(shape), meta
