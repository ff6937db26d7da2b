"""Drawn layers made ready, and where a placement puts them.

A `Sprite` answers two questions about a placement: which rectangle of the picture does it touch
(`bounds`, cheap), and what is to be painted there (`patches`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

from renderers._opencv import cv2
from renderers.composing.tiles import Affine, Patch, Rect, Tile, united
from renderers.timeline.scene import Inside, LayerPixels, Placement


def placed(pixels: LayerPixels, placement: Placement) -> Affine:
    """Where a layer's pixels lie, but for a zoom inside a box."""
    return _about(pixels, placement, 1 / pixels.scale, pixels.centre_x, pixels.centre_y)


def window(pixels: LayerPixels, inside: Inside, placement: Placement) -> Affine:
    """Where the mask of a picture that zooms inside its box lies."""
    return _about(pixels, placement, 1.0, pixels.canvas_x - inside.x, pixels.canvas_y - inside.y)


def zoomed(pixels: LayerPixels, inside: Inside, placement: Placement, cut: int = 0) -> Affine:
    """Where the picture lies behind it: `within` times as large about the centre of the box.

    cut: how many pixels of the picture are missing at its left and top.
    """
    zoom = max(placement.within, 1e-3)
    left, top, width, height = inside.box
    # The centre of the box may be beside the layer's.
    off_x, off_y = left + width / 2 - pixels.canvas_x, top + height / 2 - pixels.canvas_y
    u = pixels.centre_x + pixels.scale * off_x * (1 - 1 / zoom) - cut
    v = pixels.centre_y + pixels.scale * off_y * (1 - 1 / zoom) - cut
    return _about(pixels, placement, zoom / pixels.scale, u, v)


def _about(pixels: LayerPixels, placement: Placement, size: float, u: float, v: float) -> Affine:
    """Pixels of `size` canvas pixels, of which (u, v) lies at the layer's centre."""
    angle = math.radians((pixels.rotation + placement.rotation) % 360)
    factor = size * placement.scale
    cosine, sine = math.cos(angle) * factor, math.sin(angle) * factor
    x = pixels.canvas_x + placement.dx - cosine * u + sine * v
    y = pixels.canvas_y + placement.dy - sine * u - cosine * v
    return Affine(cosine, -sine, sine, cosine, x, y)


def unfaded(pixels: LayerPixels) -> tuple[LayerPixels, float]:
    """A picture that zooms inside its box as if its element were opaque, and the element's opacity.

    The opacity is in mask, shadow and border alike; but it fades them as one, so that no shadow shows
    through a picture. It is what the mask has inside of its edges.
    """
    inside = pixels.inside
    opacity = 1.0 if inside is None else int(inside.mask.max()) / 255
    if inside is None or not 0 < opacity < 1:
        return pixels, 1.0
    under, over = (
        None if part is None else part._replace(rgba=cv2.convertScaleAbs(part.rgba, alpha=1 / opacity))
        for part in (inside.under, inside.over)
    )
    mask = cv2.convertScaleAbs(inside.mask, alpha=1 / opacity)
    return pixels._replace(inside=inside._replace(mask=mask, under=under, over=over)), opacity


class Sprite:
    """A drawn layer, made ready for a canvas of (width, height)."""

    def __init__(self, pixels: LayerPixels, canvas: tuple[int, int]) -> None:
        pixels, self._opacity = unfaded(pixels)
        self._pixels = pixels
        self._canvas = canvas
        inside = pixels.inside
        self._parts: tuple[Sprite | None, Sprite | None] = (None, None)
        if inside is not None:
            self._mask = Tile(inside.mask)
            under, over = (
                None if part is None else Sprite(part, canvas) for part in (inside.under, inside.over)
            )
            self._parts = under, over
        self._last: tuple[Placement, tuple[Patch, ...]] | None = None

    @cached_property
    def _tile(self) -> Tile:
        return Tile(self._pixels.rgba, is_picture=self._pixels.inside is not None)

    def bounds(self, placement: Placement) -> Rect | None:
        """The rectangle with even edges that it touches, or None if it is not on the canvas."""
        found = [part.bounds(placement) for part in self._parts if part is not None]
        inside = self._pixels.inside
        if inside is None:
            found.append(self._tile.bounds(placed(self._pixels, placement), self._canvas))
        else:
            found.append(self._mask.bounds(window(self._pixels, inside, placement), self._canvas))
        rects = [rect for rect in found if rect is not None]
        if not rects or placement.opacity <= 0:
            return None
        left, top, right, bottom = zip(*rects, strict=True)
        return min(left), min(top), max(right), max(bottom)

    def patches(self, placement: Placement) -> tuple[Patch, ...]:
        """What to paint for a placement, from bottom to top."""
        if self._last is None or self._last[0] != placement:
            patches, opacity = list(self._patches(placement)), placement.opacity * self._opacity
            if opacity < 1 and len(patches) > 1:
                patches = [united(patches)]
            self._last = placement, tuple(patch.faded(opacity) for patch in patches)
        return self._last[1]

    def _patches(self, placement: Placement) -> Iterator[Patch]:
        under, over = self._parts
        whole = placement._replace(opacity=1.0)
        if under is not None:
            yield from under.patches(whole)
        inside = self._pixels.inside
        if inside is not None:
            yield from self._through(inside, placement)
        else:
            affine = placed(self._pixels, placement)
            if (rect := self._tile.bounds(affine, self._canvas)) is not None:
                yield self._tile.patch(affine, rect)
        if over is not None:
            yield from over.patches(whole)

    def _through(self, inside: Inside, placement: Placement) -> Iterator[Patch]:
        """The picture, zoomed, as seen through its mask."""
        frame = window(self._pixels, inside, placement)
        rect = self._mask.bounds(frame, self._canvas)
        if rect is None:
            return
        rect, mask = self._mask.mask(frame, rect)
        tile = self._tile
        affine = zoomed(self._pixels, inside, placement, tile.cut)
        if not (tile.may_go_on and tile.covers(affine, rect)):
            tile, affine = self._bare, zoomed(self._pixels, inside, placement)
        yield tile.patch(affine, rect).masked(mask)

    @cached_property
    def _bare(self) -> Tile:
        """The picture with its own edges, for when it does not fill its box."""
        return Tile(self._pixels.rgba)
