"""The vocabulary that timeline, rasteriser and compositor share: layers, placements, states.

A *layer* is something drawn once; a *state* says which layers a frame shows and where. Both are
hashable values, and equal states are equal pixels (docs/architecture.md, "The timeline is made of
states"). Coordinates are output pixels: the project's coordinates times the canvas's scale, plus
its offset.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from numpy import uint8
    from numpy.typing import NDArray


WHOLE = 128
"""The weight of a picture that is all there is in a blend of two."""


def border(progress: float, side: int) -> int:
    """Pixels that the border between two pictures has run, when one pushes the other out or wipes it away."""
    return math.floor(progress * side + 0.5)


class Canvas(NamedTuple):
    """The output picture: its size in pixels (both even) and how project coordinates map to it.

    x_out = x_project * scale + offset_x, likewise y. A slide's background covers the whole canvas.
    """

    width: int
    height: int
    scale: float
    offset_x: float
    offset_y: float


LayerKind = Literal["backdrop", "tile", "overlay"]


class Placement(NamedTuple):
    """How a tile is put on the picture: animated values of one moment, on top of the tile's own box.

    dx, dy: offset in output pixels; scale about the element's centre; rotation in degrees clockwise
    about the centre, added to the element's own; opacity 0..1 multiplied with the element's own;
    within: a zoom inside the element's box (Ken Burns), 1.0 for none.
    """

    dx: float = 0.0
    dy: float = 0.0
    scale: float = 1.0
    rotation: float = 0.0
    opacity: float = 1.0
    within: float = 1.0


class Layer(NamedTuple):
    """Something rasterised once.

    backdrop: background and the static elements below the lowest moving one; opaque, canvas size.
              For a picture that rests it is the whole picture, animated elements at rest included.
    overlay:  static elements above the lowest moving one, flattened; transparent around its box.
    tile:     one element without its animated properties, drawn at `raster_scale` times its size
              (so that the largest scale it is ever shown at is sharp), unrotated if rotation moves.
              Its own x, y, rotation and opacity are drawn; a state's placement comes on top.

    `elements` are indices into the slide's element list, in painting order. `placements` are parallel
    to them: how an element of a backdrop or overlay whose animations rest is put (as a tile would be),
    None for one without; always None for a tile, whose placement is in the state. `rotates`: a tile's
    rotation is animated. `zooms`: its picture zooms inside its box. `key` is a hash of all that
    determines the pixels: the elements' and the background's canonical JSON, asset and font hashes,
    canvas, kind, placements, raster_scale, engine version; never the slide's index.
    """

    key: str
    kind: LayerKind
    slide: int
    elements: tuple[int, ...]
    raster_scale: float = 1.0
    blend_mode: str = "normal"
    placements: tuple[Placement | None, ...] = ()
    rotates: bool = False
    zooms: bool = False


class SlideState(NamedTuple):
    """One slide at one moment: the keys of its layers from bottom to top.

    Tiles have a placement, backdrops (always the first) and overlays have None. What is invisible at
    that moment is left out.
    """

    layers: tuple[tuple[str, Placement | None], ...]


class TransitionState(NamedTuple):
    """Two slides overlapping: `progress` 0..1 after easing, 0 shows only `before`."""

    before: SlideState
    after: SlideState
    type: str
    progress: float


State = SlideState | TransitionState


class Inside(NamedTuple):
    """How a picture that zooms inside its box (`Placement.within`) is put together.

    The layer's own pixels are then the bare picture that fills its box and nothing else: without
    corners, border, shadow, opacity or rotation. The compositor draws `under`, then the picture sampled
    about the box's centre, `within` times as large, cut to the box and multiplied with `mask`, then `over`.

    box: left, top, width, height on the canvas in px, exact. mask: uint8 (height, width), corners and
    opacity, its corner at (x, y) on the canvas. under, over: shadow and border, as layers of their own.
    """

    box: tuple[float, float, float, float]
    mask: NDArray[uint8]
    x: int
    y: int
    under: LayerPixels | None
    over: LayerPixels | None


class LayerPixels(NamedTuple):
    """A layer as drawn: what the rasteriser hands to the compositor.

    rgba: uint8 (height, width, 4), premultiplied, sRGB. scale: its px to one px of the canvas. (x, y): its
    corner on the canvas in whole px where scale is 1 and nothing is animated; (0, 0) for a backdrop.
    (canvas_x, canvas_y): the centre about which a tile turns and scales, on the canvas;
    (centre_x, centre_y): the same point in `rgba`, in its px, (0, 0) being the corner of the first px. So a
    px (u, v) lies at canvas_x + dx + (u - centre_x) / scale * placement.scale, likewise v, before it is
    turned. rotation: degrees of the element's own that are not drawn, because it turns.
    """

    rgba: NDArray[uint8]
    x: int
    y: int
    scale: float = 1.0
    centre_x: float = 0.0
    centre_y: float = 0.0
    canvas_x: float = 0.0
    canvas_y: float = 0.0
    rotation: float = 0.0
    inside: Inside | None = None
