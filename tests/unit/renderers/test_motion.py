"""Movement that is known: which films are told and not encoded, and that they look as composed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renderers._opencv import cv2
from renderers.composing.compose import Compositor
from renderers.h264.anchors import GAPS, known_motion
from renderers.h264.mp4 import join
from renderers.h264.predicted import LEFT, LOWER, RIGHT, WHOLE, KnownMotion
from renderers.h264.video import Frame, VideoSpec
from renderers.stored.pixels import Pixels
from schemas.paint import picture_source
from tests.unit.builders import Document, image, move, project, rect, slide, text
from tests.unit.renderers.films import FPS, Film, encoded, psnr
from tests.unit.renderers.media import decode_video, other_decoder, strict_decode

SPEC = VideoSpec(320, 180, FPS)
GROWS = move("scale", 0, 2, (1, 1.15), within=True)
SHRINKS = move("scale", 0, 2, (1.15, 1), within=True)
ENTERS = move("x", 0, 0.8, (-300, 0), easing="ease-out")
LEAVES = move("x", 0.2, 0.8, (0, 320), easing="ease-in")
APPEARS = move("opacity", 0.1, 0.8, (0, 1))
STEPS = move("opacity", 0, 0.5, (0, 1), easing="step")
WINDOW = {"x": 36, "y": 20, "width": 243, "height": 117}
STOPS = [{"offset": 0, "color": "black"}, {"offset": 1, "color": "white"}]
PHOTO = image("any", **WINDOW, animations=[GROWS])


def eased(number: int) -> Document:
    """A fade that begins later than the others."""
    return move("opacity", number / 10, 1, (0, 1))


def photo(name: str) -> Pixels:
    """A picture with detail of every size."""
    src = picture_source(name)
    rng = np.random.default_rng(5)
    picture = np.full((360, 640, 4), 128, np.float32)
    for cells in (8, 32, 128):
        coarse = rng.normal(0, 30, (cells, cells, 3)).astype(np.float32)
        picture[..., :3] += cv2.resize(coarse, (640, 360), interpolation=cv2.INTER_CUBIC)
    picture[..., 3] = 255
    if src == "hole":
        picture[100:200, 200:400] = 0
    if src == "tall":
        picture = picture[:, :200]
    return np.clip(picture, 0, 255).astype(np.uint8)


def film(*elements: Document, seconds: float = 2.0, **keys: object) -> Film:
    """One slide with these elements."""
    made = {**slide(seconds, *elements, color="#2050a0"), **keys}
    return Film(project(slides=[made]), (SPEC.width, SPEC.height), photo)


def motion(of: Film) -> KnownMotion | None:
    """What is known of its first stretch."""
    chunk = next(chunk for chunk in of.chunks if chunk.shape == "moving")
    layers, modes = of.layers(chunk)
    compositor = Compositor(of.timeline.canvas, layers, modes)
    return known_motion(of.states(chunk), layers, of.timeline.canvas, compositor.bounds, hold=chunk.hold > 0)


KNOWN = {
    "a photo grows": film(PHOTO),
    "a photo shrinks": film(image("any", **WINDOW, animations=[SHRINKS])),
    "a photo fills the slide and grows": film(image("any", animations=[move("scale", 0, 2, (1, 1.3))])),
    "a photo fills the slide and pans": film(
        image("any", x=-60, width=420, animations=[move("x", 0, 2, (0, -35))])
    ),
    "a title enters": film(text("A title", animations=[ENTERS])),
    "a title leaves": film(text("A title", animations=[LEAVES])),
    "a title rises from below": film(text("A title", animations=[move("y", 0, 0.8, (200, 0))])),
    "something appears": film(rect(start=0.3, animations=[move("y", 0.3, 0.5, (0, 60))])),
    "a photo grows and a title enters": film(PHOTO, text("A title", y=145, height=30, animations=[ENTERS])),
    "a photo grows slowly behind a title": film(
        image("any", animations=[move("scale", 0, 2, (1, 1.09), within=True)]),
        text("A title", y=80, color="yellow"),
    ),
    "a photo grows quickly in its corners": film(
        image(
            "any", x=40, y=24, width=240, height=136, animations=[move("scale", 0, 2, (1, 1.5), within=True)]
        )
    ),
    "a photo grows behind a box": film(PHOTO, rect("#ffcc00", x=100, y=50)),
    "a title fades in": film(text("A title", animations=[APPEARS])),
    "a title fades out over a photo": film(
        image("any"), text("A title", animations=[move("opacity", 0.2, 1, (1, 0), easing="ease-in-out")])
    ),
    "a photo fades in behind a box": film(
        image("any", **WINDOW, animations=[APPEARS]),
        rect("#ffcc00", x=100, y=50),
        background={"type": "linear-gradient", "angle": 90, "stops": STOPS},
    ),
    "a photo and its title fade in one after the other": film(
        image("any", **WINDOW, animations=[APPEARS]),
        text("A title", y=60, animations=[move("opacity", 1, 0.6)]),
        text("Below", y=145, height=30, animations=[move("opacity", 0.5, 0.8, easing="ease-out")]),
    ),
    "a photo and its title fade in at once": film(
        image("any", **WINDOW, animations=[APPEARS]), text("A title", y=60, animations=[APPEARS])
    ),
    "a title blinks": film(
        text(
            "A title",
            animations=[move("opacity", 0, 0.5, (1, 0)), move("opacity", 0.5, 0.5, (1, 0.2))],
        )
    ),
    "something appears on a photo while a title fades in": film(
        image("any"),
        rect("#ffcc00", width=50, animations=[STEPS]),
        text("A title", y=90, animations=[APPEARS]),
    ),
    "a title fades in while another enters": film(
        text("A title", y=20, height=40, animations=[ENTERS]), text("Below", y=120, animations=[APPEARS])
    ),
}

UNKNOWN = {
    "it fades and turns": film(rect(animations=[APPEARS, move("rotation", 0, 1, (0, 40))])),
    "it fades over a photo that grows": film(
        image("any", animations=[GROWS]), text("A title", animations=[APPEARS])
    ),
    "it fades below a photo that grows": film(
        rect("#ffcc00", width=300, height=170, animations=[APPEARS]), PHOTO
    ),
    "five fade within a macroblock": film(
        *(rect(x=40 + 3 * n, y=40, width=3, height=9, animations=[eased(n)]) for n in range(5))
    ),
    "it turns": film(rect(animations=[move("rotation", 0, 1, (0, 40))])),
    "it grows over something": film(rect(animations=[move("scale", 0, 1, (1, 2))])),
    "it moves over two colours": film(
        text("A title", animations=[ENTERS]),
        background={"type": "linear-gradient", "angle": 90, "stops": STOPS},
    ),
    "it moves over something": film(
        rect("#ffffff", x=0, y=0, width=60, height=40), text("A", animations=[ENTERS])
    ),
    "two cross each other": film(text("A title", animations=[ENTERS]), text("Another", animations=[LEAVES])),
    "a photo has a hole": film(text("Below"), image("hole", animations=[GROWS])),
    "a photo does not fill its window": film(image("any"), image("tall", fit="contain", animations=[GROWS])),
    "a photo becomes smaller than its window": film(
        image("any"), image("any", **WINDOW, animations=[move("scale", 0, 2, (1, 0.8), within=True)])
    ),
    "a photo lies behind a veil": film(
        image("any", animations=[move("scale", 0, 2, (1, 1.02), within=True)]),
        rect("#000000", x=0, y=0, width=320, height=180, opacity=0.3),
    ),
    "two photos grow side by side within a macroblock": film(
        image("any", width=168, animations=[GROWS]), image("any", x=168, width=152, animations=[GROWS])
    ),
    "a photo with round corners": film(image("any", **WINDOW, radius=20, animations=[GROWS])),
    "a photo grows quickly behind a title": film(
        image("any", animations=[move("scale", 0, 1, (1, 4), within=True)]), text("A title", y=10)
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_motion_looks_as_composed(tmp_path: Path, name: str) -> None:
    """Few frames are encoded; the others look like what would have been, and decode without a warning."""
    of = KNOWN[name]
    known = motion(of)
    assert known is not None
    assert len(known.anchors) <= known.frames / 2
    path = tmp_path / "known.mp4"
    join(path, SPEC, [encoded(of, chunk, SPEC) for chunk in of.chunks], None)
    strict_decode(path)
    decoded = decode_video(path)
    assert len(decoded) == of.timeline.total_frames
    for number, (got, wanted) in enumerate(zip(decoded, of.frames, strict=True)):
        assert psnr(got, wanted) >= 33, number
    others = other_decoder(path)
    assert all(np.array_equal(got, wanted) for got, wanted in zip(others, decoded, strict=True))


@pytest.mark.parametrize("name", UNKNOWN)
def test_other_movement_is_left_to_the_encoder(name: str) -> None:
    """Nothing is claimed to be known that is not."""
    assert motion(UNKNOWN[name]) is None


def test_a_background_at_rest_stays_bit_for_bit(tmp_path: Path) -> None:
    """Beside what moves, the frames between two anchors repeat one of them."""
    of = KNOWN["a title enters"]
    known = motion(of)
    assert known is not None
    path = tmp_path / "known.mp4"
    join(path, SPEC, [encoded(of, chunk, SPEC) for chunk in of.chunks], None)
    decoded = decode_video(path)
    below = slice(112, 180)
    for number in range(1, known.anchors[1]):
        anchors = [decoded[0], decoded[known.anchors[1]]]
        assert any(np.array_equal(decoded[number][below], anchor[below]) for anchor in anchors)


def test_anchors_are_few_and_the_last_is_one() -> None:
    """The largest gap that does; a stretch that is held ends with two anchors."""
    grows, enters = motion(KNOWN["a photo grows"]), motion(KNOWN["a title enters"])
    assert grows is not None
    assert enters is not None
    steps = np.diff(grows.anchors)
    assert set(steps[:-1].tolist()) == {GAPS[0]}
    assert grows.anchors[-1] == grows.frames - 1
    assert enters.anchors[-2:] == (enters.frames - 2, enters.frames - 1)


def test_a_film_twice_as_large_has_the_same_anchors() -> None:
    """What may be seen is a matter of the picture's size, not of its pixels."""
    grows = image("any", **WINDOW, animations=[move("scale", 0, 2, (1, 1.06), within=True)])
    of = project(slides=[slide(2.0, grows, color="#2050a0")])
    half, whole = (motion(Film(of, size, photo)) for size in ((1920, 1080), (3840, 2160)))
    assert half is not None
    assert whole is not None
    assert whole.anchors == half.anchors


def test_only_anchors_are_composed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies between is neither composed nor encoded."""
    of = KNOWN["a photo grows"]
    known = motion(of)
    assert known is not None
    composed = []
    frame = Compositor.frame

    def counted(self: Compositor, state: object) -> object:
        composed.append(state)
        return frame(self, state)  # type: ignore[arg-type]

    monkeypatch.setattr(Compositor, "frame", counted)
    part = encoded(of, of.chunks[0], SPEC)
    assert len(composed) == len(known.anchors)
    assert part.chunk.frames == known.frames
    composed.clear()
    capped = encoded(of, of.chunks[0], replace(SPEC, max_bitrate=2_000_000))
    assert len(composed) == capped.chunk.frames


def test_blocks_beside_what_lies_on_a_picture_do_not_move() -> None:
    """Else they would be sampled from where it was: a block's pixels and those that a sample is made of."""
    bar = rect("#ffffff", x=48, y=0, width=16, height=180)
    known = motion(film(image("any", animations=[move("scale", 0, 2, (1, 1.05), within=True)]), bar))
    assert known is not None
    assert known.fields[1].moving[5, 1:6].tolist() == [WHOLE, LEFT, 0, RIGHT, WHOLE]


def test_what_an_edge_cuts_follows_along_it_over_one_colour() -> None:
    """A strip at a window's upper edge moves to the side with the rest, but not up: that edge stays."""
    known = motion(KNOWN["a photo grows"])
    assert known is not None
    field = known.fields[4]
    row, column = 20 // 16, 40 // 16 + 1
    assert field.moving[row, column] == LOWER
    assert field.others[0, row, column] == field.vectors[0, row, column] != 0
    assert field.others[1, row, column] == 0 != field.vectors[1, row, column]
    gradient = {"type": "linear-gradient", "angle": 90, "stops": STOPS}
    over_two = motion(film(PHOTO, background=gradient))
    assert over_two is not None
    assert not over_two.fields[4].others.any()


@st.composite
def moving(draw: st.DrawFn) -> Film:
    """A photo anywhere that grows, shrinks or pans, and perhaps a word that slides, on one colour or two."""
    x, y = draw(st.integers(-30, 150)), draw(st.integers(-30, 90))
    scales = draw(st.tuples(*[st.sampled_from([1.0, 1.04, 1.1, 1.2])] * 2))
    easing = draw(st.sampled_from(["linear", "ease-out", "ease-in-out"]))
    grows = move("scale", 0, 1.5, scales, within=True, easing=easing)
    pans = move("x", 0, 1.5, (0, draw(st.integers(-60, 60))), easing=easing)
    size = {"width": draw(st.integers(60, 400)), "height": draw(st.integers(50, 240))}
    elements = [image("any", x=x, y=y, **size, animations=[draw(st.sampled_from([grows, grows, pans]))])]
    if draw(st.booleans()):
        offsets = draw(st.tuples(*[st.integers(-340, 340)] * 2))
        way = move(draw(st.sampled_from("xy")), 0, 0.7, offsets, easing=easing)
        elements.append(
            text("Word", x=draw(st.integers(0, 250)), y=draw(st.integers(0, 150)), animations=[way])
        )
    if draw(st.integers(0, 3)) == 0:
        gradient = {"type": "linear-gradient", "angle": 90, "stops": STOPS}
        return film(*elements, seconds=1.5, background=gradient)
    return film(*elements, seconds=1.5)


@st.composite
def fading(draw: st.DrawFn) -> Film:
    """Pictures, boxes and words that come, go and blink, one over another, and perhaps a word that slides."""
    elements = []
    for _ in range(draw(st.integers(1, 4))):
        make = draw(st.sampled_from([image, rect, text]))
        keys: Document = {"src": "any"} if make is image else {}
        keys |= {"x": draw(st.integers(-20, 200)), "y": draw(st.integers(-20, 120))}
        keys |= {"width": draw(st.integers(40, 200)), "height": draw(st.integers(30, 120))}
        start, between = draw(st.integers(0, 6)) / 10, draw(st.integers(0, 3)) / 10
        values = draw(st.tuples(*[st.sampled_from([0.0, 0.3, 1.0])] * 3))
        easing = draw(st.sampled_from(["linear", "ease-out", "ease-in-out", "step", "easeOutBack"]))
        keys["animations"] = [
            move("opacity", start, 0.4, values[:2], easing=easing),
            move("opacity", start + 0.4 + between, 0.3, (1, values[2]), easing=easing),
        ]
        elements.append(make(**keys))
    if draw(st.booleans()):
        elements.append(text("Word", y=150, height=20, animations=[ENTERS]))
    return film(*elements, seconds=1.5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fading())
def test_whatever_fades_looks_as_composed(tmp_path: Path, of: Film) -> None:
    """Random fades, one over another: written or encoded, nothing strays, in two decoders."""
    assert_looks_as_composed(tmp_path / "any.mp4", of)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moving())
def test_whatever_is_told_looks_as_composed(tmp_path: Path, of: Film) -> None:
    """Random photos, windows, movements and backgrounds: known or not, nothing strays, in two decoders."""
    assert_looks_as_composed(tmp_path / "any.mp4", of)


def assert_looks_as_composed(path: Path, of: Film) -> None:
    """No frame and no block strays far, and two decoders agree bit for bit."""
    join(path, SPEC, [encoded(of, chunk, SPEC) for chunk in of.chunks], None)
    strict_decode(path)
    decoded = decode_video(path)
    for number, (got, wanted) in enumerate(zip(decoded, of.frames, strict=True)):
        assert psnr(got, wanted) >= 33, number
        assert worst_block(got, wanted) <= 40, number
    assert all(np.array_equal(a, b) for a, b in zip(other_decoder(path), decoded, strict=True))


def worst_block(got: Frame, wanted: Frame) -> float:
    """The largest mean difference of luma over any 8x8 pixels, in levels."""
    rows, columns = SPEC.height // 8, SPEC.width // 8
    difference = np.abs(got[: rows * 8].astype(np.int16) - wanted[: rows * 8])
    return float(difference.reshape(rows, 8, columns, 8).mean(axis=(1, 3)).max())
