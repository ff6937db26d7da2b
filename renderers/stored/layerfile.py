"""Drawn layers at rest: the form that `LayerPixels` has in the object store."""

from __future__ import annotations

import struct
from typing import Any

from renderers.stored.pixels import pack, unpack
from renderers.timeline.scene import Inside, LayerPixels
from schemas.errors import InvalidInput

_NUMBERS = ("x", "y", "scale", "centre_x", "centre_y", "canvas_x", "canvas_y", "rotation")
_LENGTH = struct.Struct(">I")


def pack_layer(layer: LayerPixels) -> bytes:
    """The layer's own pixels, and where something is around it mask, under and over; each after its
    length.
    """
    meta: dict[str, Any] = {name: getattr(layer, name) for name in _NUMBERS}
    inside = layer.inside
    if inside is not None:
        meta["inside"] = {"box": inside.box, "x": inside.x, "y": inside.y}
    parts = [pack(layer.rgba, meta)]
    if inside is not None:
        parts.append(pack(inside.mask))
        parts += [b"" if part is None else pack_layer(part) for part in (inside.under, inside.over)]
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def unpack_layer(data: bytes) -> LayerPixels:
    """The counterpart of `pack_layer`; raises InvalidInput (`broken_pixels`) for anything else."""
    parts, at = [], 0
    while at + _LENGTH.size <= len(data):
        (size,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        parts.append(data[at : at + size])
        at += size
    if at != len(data) or not parts:
        raise InvalidInput("broken_pixels", "The stored layer is cut off.")
    rgba, meta = unpack(parts[0])
    inside = None
    if "inside" in meta and len(parts) == 4:
        described = meta["inside"]
        under, over = (unpack_layer(part) if part else None for part in parts[2:])
        mask, _ = unpack(parts[1])
        inside = Inside(tuple(described["box"]), mask, described["x"], described["y"], under, over)
    try:
        return LayerPixels(rgba, inside=inside, **{name: meta[name] for name in _NUMBERS})
    except KeyError as error:
        raise InvalidInput("broken_pixels", "This is no stored layer.") from error
