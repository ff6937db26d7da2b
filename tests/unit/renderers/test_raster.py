"""Elements, layers and slides as pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from renderers.drawing.raster import draw_layer
from renderers.stored.layerfile import pack_layer, unpack_layer
from renderers.timeline.scene import Layer, LayerPixels, Placement
from schemas.errors import InvalidInput
from tests.unit.renderers.drawing import FONTS, canvas, draw, images, project

GRADIENT = {
    "type": "linear-gradient",
    "angle": 90,
    "stops": [{"color": "#000", "offset": 0}, {"color": "#fff", "offset": 1}],
}
SHADOW = {"x": 5, "y": 5, "blur": 8, "color": "#000a"}
ELEMENTS: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": "Hello שלום", "fontSize": 30, "color": "navy", "underline": True},
    "rect": {
        "type": "shape",
        "shape": "rect",
        "x": 20,
        "y": 10,
        "width": 100,
        "height": 50,
        "fill": GRADIENT,
        "radius": 9,
    },
    "ellipse": {
        "type": "shape",
        "shape": "ellipse",
        "x": 20,
        "y": 10,
        "width": 99.5,
        "height": 50,
        "fill": "#0f08",
    },
    "line": {"type": "shape", "shape": "line", "stroke": {"color": "red", "width": 4, "dash": [6]}},
    "polygon": {
        "type": "shape",
        "shape": "polygon",
        "points": [[10, 10], [90, 40], [20, 80]],
        "fill": "teal",
    },
    "path": {
        "type": "shape",
        "shape": "path",
        "d": "M10 10h50v40a9 9 0 0 1-9 9z",
        "fill": "#c0c",
        "rotation": 20,
    },
    "image": {
        "type": "image",
        "src": "a/b.png",
        "x": 30,
        "y": 20,
        "width": 90,
        "height": 60,
        "radius": 12,
        "opacity": 0.5,
    },
    "shadow": {
        "type": "shape",
        "shape": "rect",
        "x": 40,
        "y": 20,
        "width": 60,
        "height": 40,
        "fill": "gold",
        "shadow": SHADOW,
    },
}


def _over(bottom: np.ndarray[Any, Any], layer: LayerPixels) -> np.ndarray[Any, Any]:
    """Source-over of a layer at its place, both premultiplied."""
    result = bottom.astype(np.float64)
    height, width = layer.rgba.shape[:2]
    top, left = max(0, layer.y), max(0, layer.x)
    bottom_edge, right = min(result.shape[0], layer.y + height), min(result.shape[1], layer.x + width)
    part = layer.rgba[top - layer.y : bottom_edge - layer.y, left - layer.x : right - layer.x].astype(
        np.float64
    )
    under = result[top:bottom_edge, left:right]
    result[top:bottom_edge, left:right] = part + under * (1 - part[..., 3:] / 255)
    return result


@pytest.mark.parametrize("name", ELEMENTS)
@pytest.mark.parametrize("kind", ["tile", "overlay"])
def test_a_layer_over_its_backdrop_is_the_slide(name: str, kind: Any) -> None:
    """Composed from layers a slide looks as if it was drawn at once, to within rounding."""
    document = project(ELEMENTS[name], background={"type": "solid", "color": "#def"})
    base = draw_layer(Layer("b", "backdrop", 0, ()), document, canvas(document), images, FONTS)
    layer = draw_layer(Layer("t", kind, 0, (0,)), document, canvas(document), images, FONTS)
    whole = draw(document, placements={0: Placement()} if kind == "tile" else None)
    difference = np.abs(_over(base.rgba, layer) - whole)
    assert difference.mean() < 0.1
    assert difference.max() <= (16 if name in ("line", "path") else 2.5)  # Skia's edges depend on the clip


def test_emoji_are_drawn_in_their_colours() -> None:
    """Whatever colour their text has; skin tones differ, and an italic one slants."""
    part = {"type": "text", "fontSize": 60, "color": "black"}
    thumbs = [draw(project({**part, "text": f"👍{tone}"})).astype(int) for tone in ("", "🏻", "🏿")]
    for pixels in thumbs:
        assert np.ptp(pixels[..., :3], axis=2).max() > 30
    assert np.abs(thumbs[1] - thumbs[2]).max() > 100
    slanted = draw(project({**part, "text": "👍", "fontStyle": "italic"}))
    assert np.abs(slanted - thumbs[0]).max() > 100


def test_a_tile_knows_its_centre() -> None:
    """The centre of the element's box is where the tile says, at any scale."""
    element = {"type": "shape", "shape": "rect", "x": 33, "y": 21, "width": 40, "height": 30, "fill": "red"}
    document = project(element)
    for scale in (1.0, 1.5, 2.0):
        tile = draw_layer(Layer("t", "tile", 0, (0,), scale), document, canvas(document), images, FONTS)
        assert (tile.canvas_x, tile.canvas_y) == (53, 36)
        height, width = tile.rgba.shape[:2]
        assert tile.scale == scale
        assert width == pytest.approx(40 * scale, abs=1)
        assert tile.centre_x == pytest.approx(width / 2, abs=1)
        assert tile.centre_y == pytest.approx(height / 2, abs=1)


def test_what_turns_is_drawn_upright() -> None:
    """A tile whose rotation moves has the element's own rotation beside it, not in it."""
    element = {
        "type": "shape",
        "shape": "rect",
        "x": 50,
        "y": 30,
        "width": 80,
        "height": 20,
        "fill": "red",
        "rotation": 90,
    }
    document = project(element)
    turned = draw_layer(Layer("t", "tile", 0, (0,), rotates=True), document, canvas(document), images, FONTS)
    drawn = draw_layer(Layer("t", "tile", 0, (0,)), document, canvas(document), images, FONTS)
    assert turned.rgba.shape[:2] == (20, 80)
    assert turned.rotation == 90
    assert drawn.rgba.shape[:2] == (80, 20)
    assert drawn.rotation == 0


def test_a_zooming_picture_comes_with_its_box() -> None:
    """The bare picture, the box's mask, and shadow and border as layers of their own survive the store."""
    element = {**ELEMENTS["image"], "opacity": 1, "border": {"color": "white", "width": 4}, "shadow": SHADOW}
    document = project(element)
    layer = Layer("z", "tile", 0, (0,), 1.25, zooms=True)
    drawn = draw_layer(layer, document, canvas(document), images, FONTS)
    again = unpack_layer(pack_layer(drawn))
    assert drawn.rgba.shape[:2] == (65, 102)  # 1.25 times the box within the border
    assert (drawn.rgba[..., 3] == 255).mean() > 0.95
    inside = again.inside
    assert inside is not None
    assert list(inside.box) == [34, 24, 82, 52]
    assert list(inside.mask.shape) == [52, 82]
    assert inside.mask[0, 0] == 0
    assert inside.mask[26, 41] == 255
    assert inside.under is not None
    border = inside.over
    assert border is not None
    assert border.rgba.shape[:2] == (60, 90)
    assert (again.rgba == drawn.rgba).all()


def test_resting_placements_are_drawn() -> None:
    """An element of a backdrop stands where its animation rests, as faint as it rests."""
    element = {"type": "shape", "shape": "rect", "x": 10, "y": 10, "width": 20, "height": 20, "fill": "black"}
    document = project(element)
    layer = Layer("b", "backdrop", 0, (0,), placements=(Placement(dx=50, opacity=0.5, scale=2),))
    pixels = draw_layer(layer, document, canvas(document), images, FONTS).rgba
    assert pixels[20, 20, 0] == 255
    assert pixels[20, 70, 0] == pytest.approx(127, abs=1)
    assert pixels[2, 52, 0] == pytest.approx(127, abs=1)


def test_the_canvas_may_be_larger_than_the_document() -> None:
    """Scaled to half, every element is half as large and the background fills the canvas."""
    element = {"type": "shape", "shape": "rect", "x": 100, "y": 50, "width": 50, "height": 30, "fill": "red"}
    document = project(element, background=GRADIENT)
    pixels = draw(document, 0.5)
    assert pixels.shape == (50, 100, 4)
    assert tuple(pixels[30, 60]) == (255, 0, 0, 255)
    assert pixels[0, 0, 0] < 4
    assert pixels[0, 99, 0] > 251


def test_css_gradients_reach_their_corners() -> None:
    """A gradient at 45° has its first colour in the lower left corner and its last in the upper right."""
    pixels = draw(project(background={**GRADIENT, "angle": 45}))
    assert pixels[-1, 0, 0] <= 2
    assert pixels[0, -1, 0] >= 253
    assert pixels[0, 0, 0] == pytest.approx(85, abs=2)


def test_strokes_lie_inside_boxes_and_on_lines() -> None:
    """The border of a rectangle ends at its edge; that of a line is centred on it."""
    stroke = {"color": "black", "width": 10}
    box = {"type": "shape", "shape": "rect", "x": 20, "y": 20, "width": 60, "height": 40, "stroke": stroke}
    line = {"type": "shape", "shape": "line", "points": [[100, 50], [180, 50]], "stroke": stroke}
    pixels = draw(project(box, line))[..., 0]
    assert pixels[40, 19] == 255
    assert pixels[40, 20] == 0
    assert pixels[40, 29] == 0
    assert pixels[40, 30] == 255
    assert pixels[44, 140] == 255
    assert pixels[45, 140] == 0
    assert pixels[54, 140] == 0
    assert pixels[55, 140] == 255


@pytest.mark.parametrize(
    ("fit", "corner", "middle_left"),
    [
        ("fill", (255, 0, 0), (255, 0, 0)),
        ("contain", (255, 255, 255), (255, 0, 0)),
        ("cover", (255, 0, 0), (255, 0, 0)),
    ],
)
def test_pictures_fit_their_boxes(fit: str, corner: tuple[int, ...], middle_left: tuple[int, ...]) -> None:
    """A picture of 2:1 in a square is stretched, has bars, or loses its sides."""
    document = project(
        {"type": "image", "src": "a/b.png", "x": 10, "y": 10, "width": 80, "height": 80, "fit": fit}
    )
    pixels = draw(document)
    assert tuple(pixels[12, 12, :3]) == corner
    assert tuple(pixels[45, 12, :3]) == middle_left


def test_blend_modes_are_those_of_css() -> None:
    """Multiply darkens what lies below."""
    box = {"type": "shape", "shape": "rect", "fill": "#808080"}
    pixels = draw(project({**box, "blendMode": "multiply"}, background={"type": "solid", "color": "#808080"}))
    assert pixels[50, 50, 0] == pytest.approx(64, abs=1)


def test_a_broken_path_is_named() -> None:
    """An outline that stops making sense is an error of the document."""
    with pytest.raises(InvalidInput, match="SVG path"):
        draw(project({"type": "shape", "shape": "path", "d": "M10 10 L20", "fill": "red"}))


def test_drawing_twice_gives_the_same_bytes() -> None:
    """The pixels depend on nothing but the document, the fonts and the pictures."""
    document = project(*ELEMENTS.values())
    assert (draw(document) == draw(document)).all()


@pytest.mark.parametrize("radius", [0, 5, 12, 30, 500])
@pytest.mark.parametrize("colour", ["transparent", "#f008", "#f00"])
def test_a_picture_stays_inside_its_border(radius: int, colour: str) -> None:
    """Its corners are the box's less the border's width, whatever shows through the border; at rest, and
    while it zooms.
    """
    border = {"color": colour, "width": 10}
    box = {"x": 50, "y": 10, "width": 80, "height": 80}
    document = project({"type": "image", "src": "a", **box, "radius": radius, "border": border})
    still = draw(document).astype(int)
    zooming = draw(document, placements={0: Placement(within=1.00001)}).astype(int)
    assert np.abs(zooming - still).mean() < 0.2
    inner = max(0, min(radius, 40) - 10)
    layer = draw_layer(
        Layer("t", "tile", 0, (0,), zooms=True), document, canvas(document), lambda _: _plain(), FONTS
    )
    assert layer.inside is not None
    assert list(layer.inside.box) == [60, 20, 60, 60]
    assert (layer.inside.mask[0, 0] == 255) == (inner == 0)
    beside = project(
        {"type": "shape", "shape": "rect", **box, "radius": radius, "fill": "#fff", "opacity": 0}
    )
    ring = (np.abs(draw(beside).astype(int) - still).sum(axis=2) > 0) & ~_disc(60, 20, 60, inner)
    blue = (still[..., 2] > still[..., 0] + 60) & (still[..., 2] > still[..., 1] + 60)
    assert not (ring & blue).any()  # the picture's lower left quarter


def _plain() -> np.ndarray[Any, Any]:
    return np.full((20, 20, 4), 255, np.uint8)


def _disc(x: int, y: int, side: int, radius: float) -> np.ndarray[Any, Any]:
    """Where a rounded square is, and a px around."""
    rows, columns = np.mgrid[0:100, 0:200] + 0.5
    away = [
        np.maximum(abs(at - start - side / 2) - (side / 2 - radius), 0)
        for at, start in ((columns, x), (rows, y))
    ]
    inside: np.ndarray[Any, Any] = np.hypot(*away) <= radius + 1
    return inside
