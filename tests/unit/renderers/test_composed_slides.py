"""Frames of moving slides, from document to planes, against the same slides drawn at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from renderers.composing.compose import Compositor
from renderers.composing.yuv import from_rgba, planes
from renderers.drawing.raster import draw_layer, draw_slide
from renderers.stored.pixels import Pixels
from renderers.timeline.scene import SlideState
from tests.unit.builders import timeline_of
from tests.unit.renderers.drawing import FONTS, project
from tests.unit.renderers.pictures import smooth

PICTURE = smooth(160, 120, 2)


def images(src: str) -> Pixels:
    """Every source is a gentle picture."""
    return PICTURE


def move(kind: str, start: float, end: float, **keys: Any) -> dict[str, Any]:
    """An animation over the whole second."""
    return {"property": kind, "from": start, "to": end, "start": 0, "duration": 1, **keys}


def text(**keys: Any) -> dict[str, Any]:
    """A line of text in a box."""
    box = {"x": 30, "y": 30, "width": 140, "height": 40}
    return {"type": "text", "text": "Hamburg", "fontSize": 30, "color": "#204080", **box, **keys}


def rect(**keys: Any) -> dict[str, Any]:
    """A rounded box."""
    box = {"x": 50, "y": 22, "width": 80, "height": 44}
    return {"type": "shape", "shape": "rect", "fill": "#c04020", "radius": 9, **box, **keys}


def image(**keys: Any) -> dict[str, Any]:
    """A picture in a box of its own shape."""
    return {"type": "image", "src": "photo", "x": 40, "y": 10, "width": 100, "height": 75, **keys}


SHADOW = {"x": 3, "y": 4, "blur": 6, "color": "#00000080"}
SLIDES: dict[str, list[dict[str, Any]]] = {
    "text slides in": [text(animations=[move("x", -60, 20)])],
    "text rises by parts of pixels": [text(animations=[move("y", 10.3, 0.4)])],
    "box fades": [rect(animations=[move("opacity", 0, 1)])],
    "box grows": [rect(animations=[move("scale", 0.5, 1.5)])],
    "box turns": [rect(rotation=15, animations=[move("rotation", 0, 120)], shadow=SHADOW)],
    "below an overlay": [rect(animations=[move("x", -30, 30)]), text(opacity=0.7)],
    "picture zooms in its box": [image(animations=[move("scale", 1, 1.4, within=True)])],
    "picture with everything zooms in its box": [
        image(
            radius=14,
            border={"color": "#ffffff", "width": 4},
            opacity=0.9,
            shadow=SHADOW,
            animations=[move("scale", 1, 1.3, within=True), move("x", 0, 25)],
        )
    ],
    "turned picture zooms in its box": [image(rotation=8, animations=[move("scale", 1, 1.3, within=True)])],
    "box multiplies": [text(), rect(blendMode="multiply", animations=[move("x", -30, 30)])],
    "box lightens at rest": [
        rect(animations=[move("x", -30, 30)]),
        text(blendMode="difference", color="#eeddcc"),
    ],
}
BACKGROUND = {
    "type": "linear-gradient",
    "angle": 100,
    "stops": [{"color": "#d0e0f0", "offset": 0}, {"color": "#f0d0a0", "offset": 1}],
}


@pytest.mark.parametrize("name", SLIDES)
def test_frames_are_the_slides_drawn(name: str) -> None:
    """A frame of a moving slide is what drawing the whole slide at that moment gives, edges a bit softer."""
    document = project(*SLIDES[name], background=BACKGROUND)
    timeline = timeline_of(document, {"photo": "hash"}, width=240, height=120)
    scene = timeline.scene(0)
    for frame in (1, 7, 13, 22, 29):
        state = timeline.state(frame)
        assert isinstance(state, SlideState)
        layers = {layer.key: layer for layer in timeline.frame_layers(frame)}
        drawn = {
            key: draw_layer(layer, document, timeline.canvas, images, FONTS) for key, layer in layers.items()
        }
        modes = {key: layer.blend_mode for key, layer in layers.items()}
        made = Compositor(timeline.canvas, drawn, modes).frame(state)
        placements = {actor.number: scene.placement(actor, frame) for actor in scene.visible(frame)}
        wanted = from_rgba(draw_slide(document, 0, timeline.canvas, images, FONTS, placements))
        away = [np.abs(a.astype(int) - b) for a, b in zip(planes(made), planes(wanted), strict=True)]
        assert max(plane.mean() for plane in away) < 0.8, frame
        assert np.quantile(away[0], 0.995) <= 32, frame
