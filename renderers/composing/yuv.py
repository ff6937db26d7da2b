"""RGBA to planar YUV 4:2:0 and back: BT.709, limited range, 8 bits.

The matrix is ITU-R BT.709-6, 3.2 to 3.5, on gamma-encoded values: Y' 16..235, CB and CR 16..240. A
chroma sample is the mean of its 2x2 pixels. H.264's default siting (type 0, between the two left ones)
would want a filter half a pixel further left; the mean is what FFmpeg and most encoders feed x264, and
what lets a tile be converted apart from the picture it lies on.

A *frame* is one uint8 array of shape (height * 3 // 2, width): the rows of Y, then U and V, each
height/2 x width/2 samples packed one after the other, as `av.VideoFrame.from_numpy_buffer` reads it.
Sides are even. All work is done by swscale and OpenCV, which release the interpreter's lock.
"""

from __future__ import annotations

from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from renderers._arrays import NDArray
from renderers._opencv import cv2

Plane = NDArray[np.uint8]
Frame = NDArray[np.uint8]

KR, KB = 0.2126, 0.0722
KG = 1 - KR - KB

_BLUE, _RED = 2 * (1 - KB), 2 * (1 - KR)
# Rows give 8-bit Y, U, V from red, green, blue and alpha, all premultiplied: the offsets belong to what is
# opaque, so they come with alpha. The result is premultiplied YUV.
_LUMA = np.array([[KR * 219, KG * 219, KB * 219, 16.0]]) / 255
_CHROMA = (
    np.array(
        [
            [-KR / _BLUE * 224, -KG / _BLUE * 224, 112, 128.0],
            [112, -KG / _RED * 224, -KB / _RED * 224, 128.0],
            [0, 0, 0, 255.0],
        ]
    )
    / 255
)
_FLAGS = 0x20 | 0x80000  # SWS_AREA averages 2x2; SWS_BITEXACT: the same bytes with and without SIMD
_SMALLEST = 16  # swscale's SIMD wants some pixels


class TilePlanes(NamedTuple):
    """Premultiplied YUV with alpha at both resolutions: y, a (h, w); u, v, ac (h/2, w/2). Sides are even."""

    y: Plane
    u: Plane
    v: Plane
    a: Plane
    ac: Plane


def new_frame(width: int, height: int) -> Frame:
    """A frame with undefined content. Raises ValueError for odd sides."""
    if width % 2 or height % 2:
        raise ValueError(f"4:2:0 needs even sides, not {width}x{height}")
    return np.empty((height * 3 // 2, width), np.uint8)


def planes(frame: Frame) -> tuple[Plane, Plane, Plane]:
    """Y (h, w), U and V (h/2, w/2) as views of a frame."""
    height, width = frame.shape[0] * 2 // 3, frame.shape[1]
    flat, luma = frame.reshape(-1), width * height
    half = (height // 2, width // 2)
    u, v = flat[luma : luma + luma // 4], flat[luma + luma // 4 :]
    return frame[:height], u.reshape(half), v.reshape(half)


def video_frame(frame: Frame) -> av.VideoFrame:
    """A frame for PyAV. It reads the array itself, which must stay as it is until it was sent to an encoder.

    Where the height is no multiple of 4 it reads a copy: PyAV 18 takes the planes of such an array to be
    two rows less than they are.
    """
    height, width = frame.shape[0] * 2 // 3, frame.shape[1]
    if height % 4 == 0:
        return av.VideoFrame.from_numpy_buffer(frame, format="yuv420p")
    picture = av.VideoFrame(width, height, "yuv420p")
    for target, plane in zip(picture.planes, planes(frame), strict=True):
        rows = np.frombuffer(memoryview(target), np.uint8).reshape(-1, target.line_size)
        rows[: plane.shape[0], : plane.shape[1]] = plane
    return picture


def from_rgba(rgba: Plane, out: Frame | None = None) -> Frame:
    """The frame of an opaque picture, (height, width, 4) or (height, width, 3); alpha is ignored.

    Within 0.6 of a level of the exact matrix.
    """
    height, width, channels = rgba.shape
    frame = new_frame(width, height) if out is None else out
    if min(width, height) < _SMALLEST:
        _small(rgba, frame)
        return frame
    pixel_format = "rgba" if channels == 4 else "rgb24"
    picture = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(rgba), pixel_format)
    converted = VideoReformatter().reformat(
        picture,
        format="yuv420p",
        src_colorspace=Colorspace.DEFAULT,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=_FLAGS,
    )
    for source, target in zip(converted.planes, planes(frame), strict=True):
        rows = np.frombuffer(memoryview(source), np.uint8).reshape(-1, source.line_size)
        target[:] = rows[: target.shape[0], : target.shape[1]]
    return frame


def _small(rgba: Plane, frame: Frame) -> None:
    opaque = np.dstack([rgba[..., :3], np.full(rgba.shape[:2], 255, np.uint8)])
    tile = tile_planes(opaque)
    for source, target in zip((tile.y, tile.u, tile.v), planes(frame), strict=True):
        target[:] = source


def tile_planes(rgba: Plane, left: int = 0, top: int = 0) -> TilePlanes:
    """The planes of a premultiplied tile with `left` and `top` (0 or 1) transparent pixels before it.

    They align it to even pixels of the picture; transparent ones follow up to even sides.
    """
    rgba, half = _both_sizes(rgba, left, top)
    u, v, ac = cv2.split(cv2.transform(half, _CHROMA))
    return TilePlanes(cv2.transform(rgba, _LUMA), u, v, cv2.extractChannel(rgba, 3), ac)


def mask_planes(alpha: Plane, left: int = 0, top: int = 0) -> tuple[Plane, Plane]:
    """Alpha alone at both resolutions, aligned likewise."""
    return _both_sizes(alpha, left, top)


def _both_sizes(pixels: Plane, left: int, top: int) -> tuple[Plane, Plane]:
    height, width = pixels.shape[:2]
    right, bottom = (left + width) % 2, (top + height) % 2
    if left or top or right or bottom:
        pixels = cv2.copyMakeBorder(pixels, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    pixels = np.ascontiguousarray(pixels)
    half = cv2.resize(pixels, (pixels.shape[1] // 2, pixels.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return pixels, half


def to_rgb(frame: Frame) -> Plane:
    """A frame as a player shows it, (height, width, 3): exact matrix, chroma repeated over its 2x2 pixels."""
    y, u, v = (plane.astype(np.float32) for plane in planes(frame))
    luma = (y - 16) / 219
    blue, red = (np.repeat(np.repeat((c - 128) / 224, 2, 0), 2, 1) for c in (u, v))
    r, b = luma + _RED * red, luma + _BLUE * blue
    g = (luma - KR * r - KB * b) / KG
    return np.asarray((np.clip(np.dstack([r, g, b]), 0, 1) * 255 + 0.5).astype(np.uint8))
