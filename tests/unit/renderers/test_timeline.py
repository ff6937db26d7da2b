"""The timeline: frames, states, chunks and layers."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.text.fontfiles import EMOJI
from renderers.timeline.cutting import LONGEST_CHUNK, SETTLE, Abilities
from renderers.timeline.scene import Canvas, Layer, Placement, SlideState, State, TransitionState
from renderers.timeline.timeline import Timeline, canvas
from schemas.errors import InvalidInput
from schemas.motion import exact
from schemas.parts import PicturePart
from schemas.project import overlap
from tests.unit.builders import (
    Document,
    document,
    fade,
    film_settings,
    image,
    move,
    project,
    rect,
    slide,
    text,
    timeline_of,
)


def timeline(
    *slides: Document, fonts: Any = (), prints: dict[str, str] | None = None, **asked: Any
) -> Timeline:
    """The timeline of slides at the settings asked for."""
    return timeline_of(project(slides=list(slides), fonts=list(fonts)), prints, **asked)


def shape_of(line: Timeline) -> list[tuple[str, int, int, int]]:
    """Kind, first frame, encoded frames and hold of each chunk."""
    return [(chunk.shape, chunk.first_frame, chunk.frames, chunk.hold) for chunk in line.chunks()]


def keys(line: Timeline) -> list[str]:
    """The chunks' keys."""
    return [chunk.key for chunk in line.chunks()]


# --- the picture's size ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "asked", "expected"),
    [
        ((1920, 1080), {}, Canvas(1920, 1080, 1, 0, 0)),
        ((1280, 720), {"quality": "2160p"}, Canvas(3840, 2160, 3, 0, 0)),
        ((1080, 1920), {}, Canvas(1080, 1920, 1, 0, 0)),
        ((500, 500), {"quality": "720p"}, Canvas(720, 720, 1.44, 0, 0)),
        ((1000, 1000), {"width": 1000, "height": 500}, Canvas(1000, 500, 0.5, 250, 0)),
        ((1000, 500), {"width": 1000, "height": 1000}, Canvas(1000, 1000, 1, 0, 250)),
    ],
)
def test_the_quality_is_the_short_side(size: tuple[int, int], asked: Any, expected: Canvas) -> None:
    """The project's aspect ratio is kept; a size that is asked for is fitted and centred."""
    assert canvas(project(width=size[0], height=size[1]), film_settings(**asked)) == expected


@given(st.integers(100, 340), st.integers(100, 225), st.sampled_from(["720p", "1080p"]))
def test_sides_are_even_and_content_fits(width: int, height: int, quality: str) -> None:
    """Whatever the ratio, the content lies inside the picture, within a pixel of its edges."""
    fit = canvas(project(width=width, height=height), film_settings(quality=quality))
    assert fit.width % 2 == fit.height % 2 == 0
    assert 0 <= fit.offset_x <= 1
    assert 0 <= fit.offset_y <= 1
    assert fit.offset_x * 2 + width * fit.scale == pytest.approx(fit.width)


def test_a_picture_beyond_the_limit_is_refused() -> None:
    """A very wide document cannot be had at 2160 px."""
    with pytest.raises(InvalidInput, match="3840 x 2160"):
        canvas(project(width=3000, height=1000), film_settings(quality="2160p"))


# --- chunks ---------------------------------------------------------------------------------------


def test_still_slides_are_one_picture_each() -> None:
    """Nothing moves: three pictures, held, whatever their length."""
    line = timeline(slide(3, text()), slide(0.1, rect()), slide(2, text()))
    assert shape_of(line) == [("still", 0, 1, 89), ("still", 90, 1, 2), ("still", 93, 1, 59)]


def test_a_transition_is_a_moving_chunk_between_stills() -> None:
    """After it a still begins anew."""
    line = timeline(slide(3, text(), transition=fade(0.5, "zoom")), slide(3, rect()))
    assert shape_of(line) == [("still", 0, 1, 74), ("moving", 75, 15, 0), ("still", 90, 1, 74)]


def test_a_fade_between_stills_is_not_encoded() -> None:
    """The still that it leads to names the weight of its picture in each frame of the fade."""
    line = timeline(slide(3, text(), transition=fade(0.5)), slide(3, rect()))
    assert shape_of(line) == [("still", 0, 1, 74), ("still", 90, 1, 74)]
    lead = line.chunks()[1].lead
    assert lead == tuple(8 * number for number in range(1, 16))
    for number, weight in enumerate(lead):
        state = line.state(75 + number)
        assert isinstance(state, TransitionState)
        assert abs(state.progress - weight / 128) <= 1 / 128
    unfaded = timeline(slide(3, text()), slide(3, rect()))
    assert [chunk.key for chunk in unfaded.chunks()] == [chunk.key for chunk in line.chunks()]


@pytest.mark.parametrize("moving", [0, 1])
def test_a_fade_with_movement_on_one_side_is_encoded(moving: int) -> None:
    """What moves while it fades is composed frame by frame."""
    elements = [rect(), rect()]
    elements[moving] = rect(animations=[move(start=2.4 * (1 - moving), duration=0.6)])
    line = timeline(slide(3, elements[0], transition=fade(0.5)), slide(3, elements[1]))
    assert not any(chunk.lead for chunk in line.chunks())
    assert any(chunk.shape == "moving" and chunk.first_frame <= 75 < chunk.end for chunk in line.chunks())


def test_a_fade_after_a_held_movement_is_not_encoded() -> None:
    """A movement's last picture is held, and that one fades."""
    line = timeline(slide(3, rect(animations=[move(duration=0.6)]), transition=fade(0.5)), slide(3, rect()))
    assert [chunk.shape for chunk in line.chunks()] == ["moving", "still"]
    assert len(line.chunks()[1].lead) == 15


def test_an_elements_movement_ends_in_a_hold() -> None:
    """A title slides in for 15 frames, settles for some and is held without a new picture."""
    line = timeline(slide(3, text(animations=[move()])))
    assert shape_of(line) == [("moving", 0, 15 + SETTLE, 90 - 15 - SETTLE)]


@pytest.mark.parametrize("bitrate", [None, "1M"])
def test_a_long_hold_after_a_movement_is_gone_on_with_by_a_still(bitrate: str | None) -> None:
    """Ten seconds after the movement's key picture another one takes over, which is held for the rest."""
    encoded = 15 + SETTLE
    for seconds, expected in (
        (10, [("moving", 0, encoded, 300 - encoded)]),
        (11, [("moving", 0, encoded, 300 - encoded), ("still", 300, 1, 29)]),
        (60, [("moving", 0, encoded, 300 - encoded), ("still", 300, 1, 1499)]),
    ):
        line = timeline(slide(seconds, text(animations=[move()])), bitrate=bitrate)
        assert shape_of(line) == expected
        assert line.state(300 - 1) == line.state(line.total_frames - 1)


def test_a_still_that_takes_over_is_held_as_long_as_a_cap_asks() -> None:
    """Where it would be too short for its bits, it takes over earlier."""
    film = slide(10 + 0.1, text(animations=[move()]))
    assert shape_of(timeline(film))[1] == ("still", 300, 1, 2)
    assert shape_of(timeline(film, bitrate="1M"))[1] == ("still", 303 - 15, 1, 14)


def test_a_codec_without_key_pictures_holds_a_movement_for_as_long_as_it_takes() -> None:
    """An animated picture is played from its beginning: nothing takes over."""
    film = project(slides=[slide(60, text(animations=[move()]))])
    settings = film_settings()
    line = Timeline(film, canvas(film, settings), settings.fps, {}, Abilities(blends=False))
    assert shape_of(line) == [("moving", 0, 15 + SETTLE, 1800 - 15 - SETTLE)]


def test_a_movement_in_the_middle_leaves_stills_before_it() -> None:
    """Rest, movement, rest."""
    line = timeline(slide(4, rect(animations=[move(start=1, duration=1)])))
    assert shape_of(line) == [("still", 0, 1, 30), ("moving", 31, 29 + SETTLE, 60 - SETTLE)]


def test_a_short_rest_does_not_interrupt_a_movement() -> None:
    """Pauses of a few frames are encoded like the rest."""
    animations = [move("x", 0, 1), move("y", 1.2, 0.8)]
    assert shape_of(timeline(slide(2, rect(animations=animations)))) == [("moving", 0, 60, 0)]


def test_long_movements_are_cut() -> None:
    """No chunk has more than 96 frames, and the last is no splinter."""
    zoom = move("scale", 0, 10, (1, 1.3), within=True)
    line = timeline(slide(10, image(animations=[zoom])))
    sizes = [chunk.frames for chunk in line.chunks()]
    assert sizes == [96, 96, 54, 54]
    assert max(sizes) <= LONGEST_CHUNK


def test_a_hard_cut_and_a_transition_begin_a_chunk() -> None:
    """So what comes before does not shift the cuts of what follows."""
    moving = rect(animations=[move(duration=9)])
    line = timeline(slide(1, moving), slide(1, moving, transition=fade(0.5)), slide(1, moving))
    assert shape_of(line) == [("moving", 0, 30, 0), ("moving", 30, 15, 0), ("moving", 45, 30, 0)]


def test_with_a_cap_short_stills_are_encoded_as_movement() -> None:
    """A still's big first picture needs half a second under a capped bit rate."""
    slides = [slide(0.4, text()), slide(1, text())]
    assert shape_of(timeline(*slides, bitrate="2M")) == [("moving", 0, 12, 0), ("still", 12, 1, 29)]


def test_no_slides_make_no_picture() -> None:
    """A document of sound only has no timeline."""
    with pytest.raises(InvalidInput, match="at least one slide"):
        timeline()
    with pytest.raises(InvalidInput, match="shorter than one frame"):
        timeline(slide(0.001))


# --- states and layers ----------------------------------------------------------------------------


def layers_of(line: Timeline, frame: int) -> list[Layer]:
    """The layers that a frame's state names, in order."""
    state = line.state(frame)
    assert isinstance(state, SlideState)
    known = {layer.key: layer for layer in line.frame_layers(frame)}
    return [known[key] for key, _ in state.layers]


def test_what_rests_is_one_layer() -> None:
    """Elements are painted by zIndex, then by their order in the document."""
    line = timeline(slide(1, rect(zIndex=1), text(), rect(zIndex=1), rect(zIndex=-1)))
    (layer,) = layers_of(line, 0)
    assert (layer.kind, layer.elements, layer.placements) == ("backdrop", (3, 1, 0, 2), (None,) * 4)


def test_what_moves_is_a_tile_between_flattened_layers() -> None:
    """Below the lowest moving element is the backdrop, above it static runs are flattened."""
    one, two = text("1", animations=[move()]), text("2", animations=[move()])
    line = timeline(slide(1, rect(), rect(), one, rect(), rect(), two, rect("red")))
    assert [(layer.kind, layer.elements) for layer in layers_of(line, 3)] == [
        ("backdrop", (0, 1)),
        ("tile", (2,)),
        ("overlay", (3, 4)),
        ("tile", (5,)),
        ("overlay", (6,)),
    ]


def test_a_blended_element_above_movement_is_a_tile() -> None:
    """It must be blended with what moves below; below the movement it is flattened."""
    blended = rect(blendMode="multiply")
    line = timeline(slide(1, blended, rect(animations=[move()]), rect(), blended, rect("red")))
    found = [(layer.kind, layer.elements, layer.blend_mode) for layer in layers_of(line, 3)]
    assert found == [
        ("backdrop", (0,), "normal"),
        ("tile", (1,), "normal"),
        ("overlay", (2,), "normal"),
        ("tile", (3,), "multiply"),
        ("overlay", (4,), "normal"),
    ]
    state = line.state(3)
    assert isinstance(state, SlideState)
    assert state.layers[3][1] == Placement()


def test_elements_are_shown_from_start_to_end() -> None:
    """The frame at `start` shows it, the frame at `end` does not."""
    line = timeline(slide(3, rect(), rect(start=1, end=2)))
    shown = [layers_of(line, n)[0].elements for n in (0, 29, 30, 59, 60)]
    assert shown == [(0,), (0,), (0, 1), (0, 1), (0,)]
    assert shape_of(line) == [("still", 0, 1, 29), ("still", 30, 1, 29), ("still", 60, 1, 29)]
    assert line.state(0) == line.state(89) != line.state(45)


def test_what_is_fully_transparent_is_left_out() -> None:
    """An element fading in is not drawn before it can be seen, and one of opacity 0 never."""
    line = timeline(slide(3, rect(opacity=0), rect(animations=[move("opacity", 1, 1, (0, 1))])))
    assert [layer.elements for layer in layers_of(line, 0)] == [()]
    assert [layer.elements for layer in layers_of(line, 40)] == [(), (1,)]


def test_a_resting_picture_draws_its_elements_where_they_rest() -> None:
    """A still before a movement has the animation's first value, as a placement in output pixels."""
    line = timeline(slide(3, rect(animations=[move("x", 2, 0.5, (10, 50))])), quality="720p")
    (layer,) = layers_of(line, 0)
    assert layer.placements == (Placement(dx=40),)
    moving = line.state(89)
    assert isinstance(moving, SlideState)
    assert moving.layers[1][1] == Placement(dx=200)


def test_animations_of_one_property_add_up_or_multiply() -> None:
    """A fade-in and a fade-out in their short forms are both seen."""
    animations = [
        move("opacity", 0, 1, (0, 1)),
        move("opacity", 2, 1, (1, 0)),
        move("x", 0, 1),
        move("x", 2, 1),
    ]
    line = timeline(slide(3, rect(animations=animations)), quality="720p")
    found = [line.state(n) for n in (15, 45, 75)]
    assert [s.layers[1][1] for s in found if isinstance(s, SlideState)] == [
        Placement(dx=100, opacity=0.5),
        Placement(dx=200),
        Placement(dx=300, opacity=0.5),
    ]


def test_a_tile_is_drawn_at_the_largest_scale_it_is_shown_at() -> None:
    """Rounded up to eighths, never below 1, bounded for elements that would become huge."""

    def scale_of(element: Document) -> float:
        return layers_of(timeline(slide(1, element)), 3)[1].raster_scale

    assert scale_of(rect(animations=[move("scale", values=(1, 1.3))])) == 1.375
    assert scale_of(rect(animations=[move("scale", values=(0.2, 0.5))])) == 1
    assert scale_of(rect(animations=[move("scale", values=(0, 1), easing="easeOutBack")])) == 1.125
    assert scale_of(image(animations=[move("scale", values=(1, 100))])) < 4


def test_a_zoom_within_a_picture_is_told_from_a_scale() -> None:
    """`within` counts for images, on which the box stays."""
    zoom = move("scale", 0, 1, (1, 2), within=True)
    line = timeline(slide(1, image(animations=[zoom]), rect(animations=[zoom])))
    state = line.state(15)
    assert isinstance(state, SlideState)
    assert [placement for _, placement in state.layers[1:]] == [Placement(within=1.5), Placement(scale=1.5)]
    assert [layer.zooms for layer in layers_of(line, 15)] == [False, True, False]


def test_a_transition_shows_both_slides_and_their_movement() -> None:
    """Progress is spread evenly between nothing and all of the next slide, then eased."""
    line = timeline(
        slide(2, text(), transition=fade(0.5, easing="easeInQuad")), slide(2, rect(animations=[move()]))
    )
    states = [line.state(n) for n in range(45, 60)]
    assert all(isinstance(state, TransitionState) and state.type == "fade" for state in states)
    assert [s.progress for s in states if isinstance(s, TransitionState)] == [
        (k / 16) ** 2 for k in range(1, 16)
    ]
    first, second = states[0], states[1]
    assert isinstance(first, TransitionState)
    assert isinstance(second, TransitionState)
    assert first.before == second.before == line.state(44)
    assert first.after != second.after


def test_a_slide_keeps_its_layers_apart_from_movement_into_a_transition() -> None:
    """Between a hold and the transition after it nothing jumps: the same state goes on."""
    line = timeline(slide(3, rect(animations=[move()]), transition=fade(0.5)), slide(2))
    before = line.state(80)
    assert isinstance(before, TransitionState)
    assert before.before == line.state(74)


# --- keys -----------------------------------------------------------------------------------------


def test_layer_keys_follow_the_pixels_only() -> None:
    """Ids, times and a slide's place are not in a picture; colours, assets, fonts and size are."""

    def key(element: Document, prints: dict[str, str] | None = None, **more: Any) -> str:
        return layers_of(timeline(slide(1), slide(1, element), prints=prints, **more), 45)[0].key

    plain = key(rect())
    assert plain == key(rect(id="x", zIndex=4, end=3))
    assert plain == layers_of(timeline(slide(9, rect())), 0)[0].key
    assert len({plain, key(rect("#000")), key(rect(x=41)), key(rect(), quality="720p")}) == 4
    assert key(image("a.png"), {"a.png": "1"}) == key(image("b.png"), {"b.png": "1"})
    assert key(image("a.png"), {"a.png": "1"}) != key(image("a.png"), {"a.png": "2"})
    font = {"family": "Brand", "src": "f.ttf"}
    with_font = [key(text(), {"f.ttf": mark}, fonts=[font]) for mark in ("1", "2")]
    assert len({key(text()), *with_font}) == 3
    assert key(rect(), fonts=[font]) == plain


def test_a_stills_duration_is_not_in_its_key() -> None:
    """Making a slide longer encodes nothing, also where it moves and holds or fades."""

    def named(seconds: float) -> list[str]:
        moving = text(animations=[move()])
        slides = (
            slide(seconds, rect(), transition=fade()),
            slide(seconds, moving, transition=fade()),
            slide(seconds),
        )
        return keys(timeline(*slides))

    assert named(3) == named(4) == named(17.37)


def test_whether_a_picture_is_held_is_in_its_key_but_not_how_long() -> None:
    """The encoder makes the last picture a better one where it is held."""
    moving = text(animations=[move()])
    short, held, long = (keys(timeline(slide(t, moving))) for t in (0.9, 0.97, 5))
    assert held == long != short


def test_how_it_is_encoded_is_in_the_key() -> None:
    """Another quality of the encoder is another chunk."""
    line = timeline(slide(1))
    assert len({line.chunks(video)[0].key for video in (None, {"crf": 20}, {"crf": 21})}) == 3


def test_equal_slides_share_their_chunks() -> None:
    """Wherever they lie, also between frames."""
    one = slide(1.013, text(animations=[move()]), transition=fade(0.31))
    found = keys(timeline(*[one] * 12))
    assert len(set(found)) <= 6


@pytest.mark.parametrize("change", [{"background": {"type": "solid", "color": "red"}}, {"duration": 3.2}])
def test_one_slide_of_fifty_changes_its_own_chunks_only(change: Document) -> None:
    """And those of the transitions that touch it."""

    def deck(changed: Document) -> list[PicturePart]:
        slides = []
        for number in range(50):
            moving = text(f"Title {number}", animations=[move(duration=1)])
            extra = changed if number == 20 else {}
            slides.append({**slide(2.4, rect(), moving, transition=fade(0.3)), **extra})
        return list(timeline(*slides).chunks())

    before, after = deck({}), deck({**change})
    known = {chunk.key for chunk in before}
    new = [chunk for chunk in after if chunk.key not in known]
    assert len(new) <= 3
    assert all(20 in chunk.slides for chunk in new)


# --- laws -----------------------------------------------------------------------------------------

seconds = st.integers(1, 250).map(lambda n: n / 100)
spans = st.tuples(seconds, seconds)


@st.composite
def elements(draw: st.DrawFn) -> Document:
    """A rectangle that may appear late, vanish early, move, and blend."""
    start, length = draw(spans)
    keys: Document = {
        "zIndex": draw(st.integers(0, 2)),
        "blendMode": draw(st.sampled_from(["normal", "screen"])),
    }
    if draw(st.booleans()):
        keys |= {"start": start}
    if draw(st.booleans()):
        keys |= {"end": round(start + length, 2)}
    kinds = st.sampled_from(["x", "scale", "opacity"])
    values = st.sampled_from([(0.0, 1.0), (1.0, 0.0), (0.5, 0.5)])
    easings = st.sampled_from(["linear", "step", "easeOutBack", "ease"])
    animations = draw(st.lists(st.tuples(kinds, seconds, seconds, values, easings), max_size=2))
    keys["animations"] = [move(k, a, d, v, easing=e) for k, a, d, v, e in animations]
    return rect(**keys)


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    """Some slides with some transitions."""
    count = draw(st.integers(1, 4))
    lengths = draw(st.lists(seconds, min_size=count, max_size=count))
    lengths[0] += 0.1  # a frame at least
    slides = []
    for number, length in enumerate(lengths):
        one = slide(
            length, *draw(st.lists(elements(), max_size=3)), color=draw(st.sampled_from(["red", "blue"]))
        )
        longest = min(lengths[number : number + 2]) / 2
        if draw(st.booleans()):
            one["transition"] = fade(draw(st.sampled_from([longest, longest / 3])))
        slides.append(one)
    fps, bitrate = draw(st.sampled_from([24, 30, 60])), draw(st.sampled_from([None, "1M"]))
    return timeline_of(project(slides=slides), fps=fps, bitrate=bitrate)


@settings(deadline=None)
@given(timelines())
def test_chunks_cover_every_frame_once(line: Timeline) -> None:
    """Without gap or overlap, none too long; stills have one picture."""
    position = 0
    for chunk in line.chunks():
        assert chunk.begin == position
        assert 1 <= chunk.frames <= LONGEST_CHUNK
        assert chunk.hold >= 0
        assert chunk.shape == "moving" or chunk.frames == 1
        position = chunk.end
    assert position == line.total_frames


@settings(deadline=None)
@given(timelines())
def test_held_frames_equal_the_picture_that_is_held(line: Timeline) -> None:
    """What nobody encodes is what was encoded last; and no long rest is encoded in full."""
    rest = 0
    for chunk in line.chunks():
        last = chunk.first_frame + chunk.frames - 1
        assert {line.state(n) for n in range(last, chunk.end)} == {line.state(last)}
        states = [line.state(n) for n in range(chunk.first_frame, last + 1)]
        rest = 0
        for before, after in pairwise(states):
            rest = rest + 1 if before == after else 0
        assert chunk.hold == 0 or chunk.shape == "still" or rest >= SETTLE - 1


@settings(deadline=None)
@given(timelines())
def test_the_layers_of_a_chunk_are_those_its_states_name(line: Timeline) -> None:
    """Every layer that a frame shows is known by its chunk, with one backdrop at the bottom."""

    def slides_of(state: State) -> list[SlideState]:
        return [state] if isinstance(state, SlideState) else [state.before, state.after]

    for chunk in line.chunks():
        known = {layer.key: layer for layer in line.layers(chunk)}
        for number in range(chunk.first_frame, chunk.first_frame + chunk.frames):
            for state in slides_of(line.state(number)):
                kinds = [known[key].kind for key, _ in state.layers]
                assert kinds[0] == "backdrop"
                assert "backdrop" not in kinds[1:]
                assert all((known[key].kind == "tile") == (p is not None) for key, p in state.layers)


@settings(deadline=None)
@given(timelines())
def test_equal_keys_are_equal_pictures(line: Timeline) -> None:
    """A chunk found in the store under its key shows what this one would."""
    pictures: dict[str, list[State]] = {}
    for chunk in line.chunks():
        states = [line.state(n) for n in range(chunk.first_frame, chunk.first_frame + chunk.frames)]
        assert pictures.setdefault(chunk.key, states) == states


@settings(deadline=None)
@given(st.lists(st.tuples(seconds, st.booleans()), min_size=1, max_size=60), st.sampled_from([24, 30, 60]))
def test_rounding_never_drifts(slides: list[tuple[float, bool]], fps: int) -> None:
    """Every slide begins, and the whole ends, within half a frame of its exact time."""
    lengths = [length for length, _ in slides]
    deck = []
    for number, (length, fades) in enumerate(slides):
        longest = min(lengths[number : number + 2]) / 2
        deck.append(slide(length, transition=fade(longest, "fade" if fades else "none")))
    whole = project(slides=deck)
    if whole.seconds() * fps < 1:
        return
    line = timeline_of(whole, fps=fps)
    at = Fraction(0)
    for border, one in zip(line.borders, whole.slides, strict=False):
        assert abs(border - at * fps) <= Fraction(1, 2)
        at += exact(one.duration) - overlap(one)
    assert abs(line.total_frames - whole.seconds() * fps) <= Fraction(1, 2)


def test_a_time_is_shown_by_the_frame_it_falls_into() -> None:
    """Times outside of the film show its first or last frame."""
    line = timeline(slide(1), slide(1, color="red"))
    assert [line.frame_at(t) for t in (-1, 0, 0.1, 0.9999, 1.0, 99)] == [0, 0, 3, 29, 30, 59]
    assert line.frame_state(1.5) == line.state(45)


def test_a_long_project_is_laid_out_without_looking_at_its_frames() -> None:
    """Four hours of 2,000 slides are some thousand chunks, and a few of their states are drawn at random."""
    one = slide(7.69, text(animations=[move()]), transition=fade(0.5))
    whole = project(slides=[one] * 2000)
    line = timeline_of(whole)
    assert line.total_frames == 431_415
    chunks = line.chunks()
    assert len(chunks) < 6000
    assert sum(chunk.frames + chunk.hold for chunk in chunks) == line.total_frames
    assert isinstance(line.state(400_000), SlideState)


def test_the_builders_make_valid_documents() -> None:
    """What other tests build on is a project."""
    assert document()["slides"]
    assert project(slides=[slide(1, text(), rect(), image())]).slides[0].elements


def test_the_font_with_emoji_is_in_the_key_of_what_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version of it makes other layers where there are emoji, and only there."""
    slides = slide(1, text("Party 🎉")), slide(1, text("Call ☎\ufe0f")), slide(1, text("Plain ☎"))
    before = keys(timeline(*slides))
    monkeypatch.setattr("renderers.timeline.slides.EMOJI", EMOJI._replace(sha256="another"))
    after = keys(timeline(*slides))
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, True]


@settings(deadline=None)
@given(timelines())
def test_slides_at_a_frame_are_those_that_its_picture_is_made_of(line: Timeline) -> None:
    """All of them; and two only where the picture is a transition's."""
    for number in range(line.total_frames):
        slides = line.slides_at(number)
        assert {layer.slide for layer in line.frame_layers(number)} <= set(slides)
        assert len(slides) == (2 if isinstance(line.state(number), TransitionState) else 1)
