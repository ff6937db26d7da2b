"""Content codings undone block by block (RFC 9110, 8.4): some objects are stored packed, asked for or not."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from schemas.errors import InvalidInput

BLOCK = 1 << 18
"""Bytes that come out at once: however far a block unfolds, its reader can stop in time."""

Unpack = Callable[[Iterator[bytes]], Iterator[bytes]]


def unpacker(coding: str, host: str | None) -> Unpack:
    """Decoder of a coding of RFC 9110. Raises InvalidInput (`unknown_coding`), and when damaged."""
    if coding in ("gzip", "x-gzip"):
        return lambda blocks: _inflated(blocks, 31, host)
    if coding == "deflate":
        return lambda blocks: _inflated(blocks, None, host)
    raise InvalidInput(
        "unknown_coding", f"{host} sends the file in the coding {coding[:40]!r}; store it plain or as gzip."
    )


def _inflated(blocks: Iterator[bytes], bits: int | None, host: str | None) -> Iterator[bytes]:
    machine = None
    try:
        for block in blocks:
            if machine is None:
                # Deflate is zlib's format; some write it bare.
                zlib_head = block[0] & 15 == 8 and int.from_bytes(block[:2]) % 31 == 0
                machine = zlib.decompressobj(bits or (15 if zlib_head else -15))
            while block:
                if out := machine.decompress(block, BLOCK):
                    yield out
                block = machine.unconsumed_tail
                if machine.eof and machine.unused_data and bits is not None:  # members follow one another
                    block, machine = machine.unused_data, zlib.decompressobj(bits)
                    if not block.strip(b"\0"):
                        return
        if machine is not None and not machine.eof:
            raise InvalidInput("broken_coding", f"The packed file that {host} sends lacks its end.")
    except zlib.error as error:
        raise InvalidInput("broken_coding", f"The packed file that {host} sends is damaged.") from error
