"""Pixels at rest: how a picture lies in the object store between decoding, drawing and composing.

A head, a checksum of all the rest, the shape, a small JSON of whatever belongs to the picture, and the
samples: in one of zstandard's fast levels, which packs 8 MB of a 1080p layer in some milliseconds, mostly
to a tenth; or as they are, where a trial shows that packing would not pay, as with photographs.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import orjson

from renderers._arrays import NDArray
from schemas.errors import InvalidInput

Pixels = NDArray[np.uint8]
"""Samples of 8 bits. A picture is (height, width, 4): red, green, blue times alpha, alpha; sRGB."""

_HEAD = struct.Struct(">4sBBBI")  # magic, version, coding, number of dimensions, bytes of JSON
_CHECKSUM = struct.Struct(">I")  # CRC-32 of what stands before and behind it
_MAGIC, _VERSION = b"XSpx", 2
_STORED, _ZSTD = 0, 1
_MOST_DIMENSIONS = 4
_LARGEST = 1 << 30  # bytes: 268 megapixels
_LEVEL = -5  # a third of the time of level 1; photographs take a third more bytes
_TRIALS, _TRIAL = 8, 1 << 14  # pieces that are packed to see what it gives, and their bytes
_WORTH = 0.8


def pack(array: Pixels, meta: dict[str, Any] | None = None) -> bytes:
    """The stored form of `array`, of any shape up to four dimensions, and of `meta`, which JSON must be
    able to say.
    """
    if array.dtype != np.uint8 or not 1 <= array.ndim <= _MOST_DIMENSIONS:
        raise ValueError(f"pixels are uint8 in 1 to 4 dimensions, not {array.dtype} in {array.ndim}")
    described = orjson.dumps(meta or {}, option=orjson.OPT_SORT_KEYS)
    about = struct.pack(f">{array.ndim}I", *array.shape) + described
    coding, body = _packed(np.ascontiguousarray(array).reshape(-1))
    head = _HEAD.pack(_MAGIC, _VERSION, coding, array.ndim, len(described))
    return b"".join((head, _CHECKSUM.pack(_checksum(head, about, body)), about, body))


def _packed(samples: Pixels) -> tuple[int, Any]:
    """(coding, bytes) of a row of samples."""
    import zstandard

    packer = zstandard.ZstdCompressor(level=_LEVEL)
    if samples.size > 2 * _TRIALS * _TRIAL:
        step = samples.size // _TRIALS
        trial = b"".join(samples[at : at + _TRIAL].tobytes() for at in range(0, _TRIALS * step, step))
        if len(packer.compress(trial)) > _WORTH * len(trial):
            return _STORED, samples.data
    return _ZSTD, packer.compress(samples.data if samples.size else b"")


def _checksum(*parts: Any) -> int:
    from isal import isal_zlib

    value = 0
    for part in parts:
        value = isal_zlib.crc32(part, value)
    return value


def unpack(data: bytes) -> tuple[Pixels, dict[str, Any]]:
    """The counterpart of `pack`: a read-only array, and what was said of it.

    Raises InvalidInput (`broken_pixels`) for anything else, before taking memory for it.
    """
    import zstandard

    begin = _HEAD.size + _CHECKSUM.size
    if len(data) < begin or data[:4] != _MAGIC:
        raise InvalidInput("broken_pixels", "This is not a stored picture.")
    _, version, coding, dimensions, described = _HEAD.unpack_from(data)
    if version != _VERSION:
        raise InvalidInput("broken_pixels", f"Stored pictures are read in version {_VERSION}, not {version}.")
    (checksum,) = _CHECKSUM.unpack_from(data, _HEAD.size)
    rest = memoryview(data)[begin:]
    if _checksum(data[: _HEAD.size], rest) != checksum:
        raise InvalidInput("broken_pixels", "The stored picture is damaged.")
    # What the checksum is right for may still be made up: it comes from a sandbox.
    if not 1 <= dimensions <= _MOST_DIMENSIONS or 4 * dimensions + described > len(rest):
        raise InvalidInput("broken_pixels", "The stored picture is cut off.")
    names, body = rest[4 * dimensions :][:described], rest[4 * dimensions + described :]
    shape = struct.unpack_from(f">{dimensions}I", rest)
    if (size := math.prod(shape)) > _LARGEST or coding not in (_STORED, _ZSTD):
        raise InvalidInput("broken_pixels", "The stored picture is too large, or packed in an unknown way.")
    try:
        if (len(body) if coding == _STORED else zstandard.frame_content_size(body)) != size:
            raise InvalidInput("broken_pixels", "The stored picture is not of the size it names.")
        samples = body
        if coding == _ZSTD:
            samples = memoryview(zstandard.ZstdDecompressor().decompress(body, max_output_size=size))
        meta = orjson.loads(names)
    except (orjson.JSONDecodeError, zstandard.ZstdError) as error:
        raise InvalidInput("broken_pixels", "The stored picture is damaged.") from error
    if not isinstance(meta, dict) or len(samples) != size:
        raise InvalidInput("broken_pixels", "The stored picture is damaged.")
    return np.frombuffer(samples, np.uint8).reshape(shape), meta
