"""Frames from states."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.composing.compose import RING, Compositor
from renderers.composing.yuv import from_rgba, planes
from renderers.timeline.scene import Canvas, Inside, LayerPixels, Placement, SlideState, TransitionState
from tests.unit.renderers.pictures import (
    CANVAS,
    Pixels,
    backdrop,
    difference,
    disc,
    noise,
    over,
    slide,
    smooth,
    tile,
)

BACK = smooth(96, 64)
DISC = disc(31, 22)
LAYERS = {"back": backdrop(BACK), "other": backdrop(smooth(96, 64, 3)), "disc": tile(DISC, 20, 15)}


def compositor(**layers: LayerPixels) -> Compositor:
    """A compositor with a backdrop, a disc and more."""
    return Compositor(CANVAS, {**LAYERS, **layers})


def frames_differ(frame: Pixels, picture: Pixels) -> int:
    """By how many levels a frame differs from a picture converted."""
    return difference(frame, from_rgba(picture))


def test_a_resting_slide_is_its_backdrop() -> None:
    """A slide of one layer is that layer, converted."""
    assert frames_differ(compositor().frame(slide()), BACK) == 0


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (1, 0), (0, 1), (13, -7), (-40, 30), (70, 45), (500, 0)])
def test_whole_pixels_are_a_shift(dx: int, dy: int) -> None:
    """A tile moved by whole pixels is the tile, flattened there."""
    frame = compositor().frame(slide(("disc", Placement(dx=dx, dy=dy))))
    assert frames_differ(frame, over(BACK, DISC, 20 + dx, 15 + dy)) <= 2


@pytest.mark.parametrize("opacity", [0.0, 0.25, 0.5, 1.0])
def test_opacity_multiplies(opacity: float) -> None:
    """A tile at half its opacity is half as visible; at none it is not there."""
    frame = compositor().frame(slide(("disc", Placement(opacity=opacity))))
    wanted = over(BACK, DISC, 20, 15, opacity)
    assert frames_differ(frame, wanted) <= (2 if opacity else 0)


def test_layers_lie_on_one_another() -> None:
    """Overlays cover the tiles below them, and tiles the overlays below them."""
    top = disc(50, 40, (20, 220, 60))
    frame = compositor(top=tile(top, 30, 10)).frame(slide(("disc", Placement(dx=4)), ("top", None)))
    assert frames_differ(frame, over(over(BACK, DISC, 24, 15), top, 30, 10)) <= 2
    frame = compositor(top=tile(top, 30, 10)).frame(slide(("top", None), ("disc", Placement(dx=4))))
    assert frames_differ(frame, over(over(BACK, top, 30, 10), DISC, 24, 15)) <= 2


def test_motion_below_the_pixel_is_smooth() -> None:
    """The centre of a tile that moves by sixteenths of a pixel moves by sixteenths of a pixel."""
    black = np.zeros_like(BACK)
    black[..., 3] = 255
    made = Compositor(CANVAS, {"back": backdrop(black), "dot": tile(disc(21, 21, (255, 255, 255)), 30, 20)})
    centres = []
    for step in range(33):
        luma = planes(made.frame(slide(("dot", Placement(dx=step / 16)))))[0].astype(np.float64) - 16
        centres.append((luma.sum(0) * (np.arange(96) + 0.5)).sum() / luma.sum())
    steps = np.diff(centres)
    assert np.all(steps > 0.02)
    assert np.all(steps < 0.12)
    assert abs(centres[-1] - centres[0] - 2) < 0.02


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0, 4.0])
def test_a_larger_raster_lies_where_the_smaller_does(scale: float) -> None:
    """A tile drawn larger than it is shown covers the same place in the same colours."""
    large = disc(round(31 * scale), round(22 * scale))
    made = compositor(large=LayerPixels(large, 0, 0, scale, 15.5 * scale, 11 * scale, 35.5, 26))
    frame = made.frame(slide(("large", Placement())))
    assert frames_differ(frame, over(BACK, DISC, 20, 15)) <= 14


def test_a_turn_by_a_right_angle_is_exact() -> None:
    """A square tile turned by 90 degrees about its centre is the tile with rows and columns swapped."""
    square = np.ascontiguousarray(smooth(24, 24, 1))
    made = compositor(square=tile(square, 30, 20))
    frame = made.frame(slide(("square", Placement(rotation=90))))
    assert frames_differ(frame, over(BACK, np.rot90(square, -1), 30, 20)) <= 2


def _zooming(picture: Pixels, mask: Pixels, x: int, y: int) -> LayerPixels:
    height, width = picture.shape[:2]
    inside = Inside((x, y, width, height), mask, x, y, None, tile(disc(width, height), x, y))
    return LayerPixels(
        picture, x, y, 1.0, width / 2, height / 2, x + width / 2, y + height / 2, inside=inside
    )


@pytest.mark.parametrize(("x", "y"), [(20, 10), (21, 11), (-6, 40)])
def test_a_zoom_inside_a_box_starts_at_rest(x: int, y: int) -> None:
    """A picture that zooms by 1 is itself, cut by its mask, below its border."""
    picture, mask = smooth(40, 30, 5), np.clip(disc(40, 30)[..., 3] * 2.0, 0, 255).astype(np.uint8)
    frame = compositor(photo=_zooming(picture, mask, x, y)).frame(slide(("photo", Placement())))
    cut = np.round(picture * (mask[..., None] / 255)).astype(np.uint8)
    assert frames_differ(frame, over(over(BACK, cut, x, y), disc(40, 30), x, y)) <= 3


def test_a_zoom_inside_a_box_stays_inside() -> None:
    """A zooming picture fills its box at every zoom, and nothing else changes."""
    full = np.full((30, 40), 255, np.uint8)
    photo = _zooming(np.full((30, 40, 4), 255, np.uint8), full, 20, 10)
    bare = LayerPixels(
        photo.rgba, 20, 10, 1.0, 20, 15, 40, 25, inside=Inside((20, 10, 40, 30), full, 20, 10, None, None)
    )
    made = compositor(photo=bare)
    white = np.full((30, 40, 4), 255, np.uint8)
    for zoom in (1.0, 1.01, 1.5, 3.0):
        frame = made.frame(slide(("photo", Placement(within=zoom))))
        assert frames_differ(frame, over(BACK, white, 20, 10)) <= 1


def test_a_full_screen_zoom_magnifies_about_the_centre() -> None:
    """Twice as large, the middle half of a picture fills it."""
    picture = smooth(96, 64, 2)
    inside = Inside((0, 0, 96, 64), np.full((64, 96), 255, np.uint8), 0, 0, None, None)
    made = compositor(photo=LayerPixels(picture, 0, 0, 1.0, 48, 32, 48, 32, inside=inside))
    y, _, _ = planes(made.frame(slide(("photo", Placement(within=2.0)))))
    part = np.repeat(np.repeat(picture[16:48, 24:72], 2, 0), 2, 1)
    assert difference(y, planes(from_rgba(np.ascontiguousarray(part)))[0]) <= 4


NUMBERS = st.floats(-200, 200)
PLACEMENTS = st.builds(
    Placement,
    dx=NUMBERS | st.integers(-90, 90).map(float),
    dy=NUMBERS | st.integers(-90, 90).map(float),
    scale=st.just(1.0) | st.floats(0, 12),
    rotation=st.just(0.0) | st.floats(-720, 720),
    opacity=st.just(1.0) | st.floats(0, 1),
    within=st.just(1.0) | st.floats(0, 4),
)
EXTREMES = st.builds(
    Placement,
    dx=st.floats(-1e7, 1e7),
    dy=st.floats(-1e7, 1e7),
    scale=st.floats(0, 1e4),
    rotation=st.floats(-1e4, 1e4),
    opacity=st.floats(0, 1),
    within=st.floats(-5, 1e4),
)
MASK = np.full((30, 41), 255, np.uint8)
SLIDES = st.lists(st.sampled_from(["disc", "photo", "large", "top"]), unique=True).flatmap(
    lambda keys: st.tuples(*(st.tuples(st.just(key), PLACEMENTS | EXTREMES) for key in keys))
)
MORE = {
    "photo": _zooming(noise(41, 30), MASK, 13, 8),
    "large": LayerPixels(noise(90, 50), 0, 0, 1.75, 45, 25, 40, 30, rotation=20),
    "top": tile(disc(60, 60, (9, 9, 200)), 10, 5),
}


@given(st.lists(SLIDES, min_size=2, max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_frame_does_not_depend_on_those_before_it(many: list[tuple[tuple[str, Placement], ...]]) -> None:
    """Wherever tiles are put, the same state gives the same bytes on a used and on a fresh compositor."""
    used = compositor(**MORE)
    for tiles in [*many, *many]:
        state = slide(*tiles)
        assert np.array_equal(used.frame(state), compositor(**MORE).frame(state))


@given(PLACEMENTS)
@settings(max_examples=60, deadline=None)
def test_nothing_changes_beside_a_tile(placement: Placement) -> None:
    """A tile changes nothing further from its centre than its corners reach."""
    frame = compositor().frame(slide(("disc", placement)))
    before, after = planes(from_rgba(BACK))[0], planes(frame)[0]
    reach = np.hypot(31, 22) / 2 * placement.scale + 2
    y, x = np.mgrid[0:64, 0:96] + 0.5
    outside = np.hypot(x - 35.5 - placement.dx, y - 26 - placement.dy) > reach
    assert np.array_equal(before[outside], after[outside])


@pytest.mark.parametrize(("width", "height"), [(98, 66), (34, 18), (2, 2), (270, 482)])
def test_any_even_size_will_do(width: int, height: int) -> None:
    """Sides that are no multiples of four make no difference."""
    below = smooth(width, height)
    layers = {"back": backdrop(below), "next": backdrop(smooth(width, height, 3)), "disc": tile(DISC, 1, 1)}
    made = Compositor(Canvas(width, height, 1.0, 0.0, 0.0), layers)
    state = slide(("disc", Placement(dx=3)))
    assert frames_differ(made.frame(state), over(below, DISC, 4, 1)) <= 2
    for kind in ("fade", "slide-left", "wipe-up", "zoom"):
        mixed = TransitionState(state, slide(under="next"), kind, 0.6)
        assert made.frame(mixed).shape == (height * 3 // 2, width)


def test_frames_stay_for_a_while() -> None:
    """A frame that was handed out is not written to by the next ones, transitions among them."""
    made = compositor()
    states = [slide(("disc", Placement(dx=float(step)))) for step in range(RING)]
    mixed = [TransitionState(states[k], slide(under="other"), "fade", k / 20) for k in range(1, RING)]
    frames = [(made.frame(state), made.frame(state).copy()) for state in states]
    assert all(np.array_equal(frame, kept) for frame, kept in frames)
    first = made.frame(states[0])
    kept = first.copy()
    for state in mixed:
        made.frame(state)
    assert np.array_equal(first, kept)


@pytest.mark.parametrize(
    "kind", ["none", "fade", "slide-left", "slide-up", "wipe-right", "wipe-down", "zoom"]
)
def test_transitions_end_at_the_slides(kind: str) -> None:
    """At 0 and at 1 a transition is the slide before and the slide after, bit for bit."""
    before, after = slide(("disc", Placement(dx=2.5))), slide(under="other")
    made, fresh = compositor(), compositor()
    assert np.array_equal(made.frame(TransitionState(before, after, kind, 0.0)), fresh.frame(before))
    assert np.array_equal(made.frame(TransitionState(before, after, kind, 1.0)), fresh.frame(after))


@pytest.mark.parametrize("scale", [1.2, 1.0, 0.7, 0.5, 0.3, 0.2, 0.05])
def test_pictures_are_what_frames_are(scale: float) -> None:
    """A single picture in RGBA shows what the frame of the same state shows, at all sizes."""
    picture, mask = smooth(40, 30, 5), np.clip(disc(40, 30)[..., 3] * 2.0, 0, 255).astype(np.uint8)
    box = np.full((30, 50, 4), 255, np.uint8)  # with hard edges
    made = compositor(photo=_zooming(picture, mask, 50, 20), box=tile(box, 60, 40))
    state = slide(
        ("disc", Placement(dx=3.5, dy=1.25, scale=scale, rotation=30, opacity=0.8)),
        ("box", Placement(dx=2.3, dy=-1.6, scale=scale)),
        ("photo", Placement(dx=-2, within=1.3, scale=scale, rotation=10)),
    )
    for shown in (state, TransitionState(state, slide(under="other"), "fade", 0.3)):
        pairs = list(zip(planes(made.frame(shown)), planes(from_rgba(made.rgba(shown))), strict=True))
        assert difference(*pairs[0]) <= 4
        # The mean of colours times the mean of alpha is not quite the mean of their product.
        assert max(difference(*pair) for pair in pairs[1:]) <= 16


def test_a_missing_layer_is_named() -> None:
    """A state with a layer that nobody drew is an error with its key."""
    with pytest.raises(KeyError, match="nothing"):
        compositor().frame(SlideState((("nothing", None),)))
