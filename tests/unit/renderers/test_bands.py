"""Pictures of which only a band changes: encoded as small pictures, and put together as slices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renderers.composing.compose import Compositor
from renderers.composing.yuv import planes
from renderers.h264 import bitstream, headers
from renderers.h264.bands import MACROBLOCK, bands, changing_rows, encode_band
from renderers.h264.mp4 import Part, join
from renderers.h264.slices import moved_slice, skipped_slice
from renderers.h264.video import Frame, VideoSpec, encode_moving, encode_still
from schemas.errors import InvalidInput
from schemas.parts import PicturePart
from tests.unit.builders import Document, image, move, project, rect, slide, text
from tests.unit.renderers.films import FPS, Film, encoded, psnr
from tests.unit.renderers.media import decode_chunk, decode_video, other_decoder, picture, strict_decode
from tests.unit.renderers.test_motion import photo

SIZE = 320, 372
SPEC = VideoSpec(*SIZE, FPS)
STOPS = [{"offset": 0, "color": "black"}, {"offset": 1, "color": "white"}]
BELOW: list[Document | None] = [
    None,
    {"type": "linear-gradient", "angle": 150, "stops": STOPS},
    {"type": "solid", "color": "#2050a0"},
]
ENTERS = move("x", 0, 0.8, (-300, 0), easing="ease-out")


def film(*elements: Document, seconds: float = 1.0, below: Document | None = None) -> Film:
    """A photograph that fills one slide, or the background `below`, and these elements on it."""
    if below is None:
        made = slide(seconds, image("any", width=SIZE[0], height=SIZE[1]), *elements)
    else:
        made = {**slide(seconds, *elements), "background": below}
    return Film(project(width=SIZE[0], height=SIZE[1], slides=[made]), SIZE, photo)


def rows_of(of: Film, chunk: PicturePart) -> range | None:
    """Rows of macroblocks that a chunk changes."""
    layers, modes = of.layers(chunk)
    bounds = Compositor(of.timeline.canvas, layers, modes).bounds
    return next(bands(changing_rows(of.states(chunk), bounds), SIZE[1]), None)


def rows(frame: Frame, begin: int, end: int) -> Frame:
    """Rows of macroblocks of all planes."""
    return np.concatenate(
        [
            plane[begin * MACROBLOCK // k : end * MACROBLOCK // k].reshape(-1)
            for plane, k in zip(planes(frame), (1, 2, 2), strict=True)
        ]
    )


TITLES = {
    "a title enters": text("A title", y=150, height=30, animations=[ENTERS]),
    "a title enters at the top": text("A title", y=0, height=30, animations=[ENTERS]),
    "a title enters at the bottom": text("A title", y=330, height=30, animations=[ENTERS]),
    "a box turns": rect(
        "#ffcc00", x=100, y=150, width=40, height=40, animations=[move("rotation", 0, 0.8, (0, 90))]
    ),
    "a title grows": text("A title", y=150, height=30, animations=[move("scale", 0, 1, (1, 1.4))]),
    "a title rises and fades in": text(
        "A title", y=150, height=30, animations=[move("y", 0, 0.6, (30, 0)), move("opacity", 0, 0.6, (0, 1))]
    ),
}  # fmt: skip


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("name", TITLES)
def test_the_band_is_what_was_encoded_and_the_rest_stays(tmp_path: Path, name: str, hold: bool) -> None:
    """Bit for bit, in two decoders: small pictures decode in their place as they do alone."""
    of = film(TITLES[name], seconds=2.0 if hold else 0.8)
    chunk = of.chunks[0]
    band = rows_of(of, chunk)
    assert (chunk.hold > 0) == hold
    assert band is not None
    path = tmp_path / "band.mp4"
    join(path, SPEC, [encoded(of, each, SPEC) for each in of.chunks], None)
    strict_decode(path)
    decoded = decode_video(path)
    assert len(decoded) == of.timeline.total_frames
    assert_is_exact(of, chunk, band, decoded)
    assert all(np.array_equal(a, b) for a, b in zip(other_decoder(path), decoded, strict=True))
    assert min(psnr(a, b) for a, b in zip(decoded, of.frames, strict=True)) >= 35


def assert_is_exact(of: Film, chunk: PicturePart, band: range, decoded: list[Frame]) -> None:
    """The band shows what it shows alone, and beside it nothing changes."""
    begin, end = band.start * MACROBLOCK, min(band.stop * MACROBLOCK, SIZE[1])
    cut = [
        np.concatenate([plane.reshape(-1) for plane in _cut(of.frames[chunk.first_frame + n], begin, end)])
        for n in range(chunk.frames)
    ]
    small = replace(SPEC, height=end - begin)
    alone = encode_moving(small, [each.reshape(-1, SIZE[0]) for each in cut], hold=chunk.hold > 0, reach=32)
    last = -(-SIZE[1] // MACROBLOCK)
    for number, wanted in enumerate(decode_chunk(alone), chunk.first_frame):
        assert np.array_equal(rows(decoded[number], band.start, band.stop), wanted.reshape(-1)), number
        for outside in ((0, band.start), (band.stop, last)):
            assert np.array_equal(rows(decoded[number], *outside), rows(decoded[chunk.first_frame], *outside))


def _cut(frame: Frame, begin: int, end: int) -> list[Frame]:
    y, u, v = planes(frame)
    return [y[begin:end], u[begin // 2 : end // 2], v[begin // 2 : end // 2]]


@st.composite
def moving(draw: st.DrawFn) -> Film:
    """One or two things that move as they like on a photograph, a gradient or one colour."""
    elements = []
    for _ in range(draw(st.integers(1, 2))):
        make = draw(st.sampled_from([rect, text, image]))
        keys: Document = {"src": "any"} if make is image else {}
        keys |= {"x": draw(st.integers(-40, 280)), "y": draw(st.integers(0, 340))}
        keys |= {"width": draw(st.integers(20, 200)), "height": draw(st.integers(10, 60))}
        kinds = {"x": (-200, 60), "y": (25, -25), "scale": (1, 1.3), "rotation": (0, 30), "opacity": (0, 1)}
        keys["animations"] = [
            move(kind, 0, 0.7, kinds[kind], easing=draw(st.sampled_from(["linear", "ease-out"])))
            for kind in draw(st.lists(st.sampled_from(list(kinds)), min_size=1, max_size=2, unique=True))
        ]
        elements.append(make(**keys))
    return film(*elements, seconds=draw(st.sampled_from([0.8, 1.5])), below=draw(st.sampled_from(BELOW)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moving())
def test_whatever_moves_in_a_band_stays_in_it(tmp_path: Path, of: Film) -> None:
    """Random movement: where a band is made, no vector points to what it does not have alone."""
    chunk = of.chunks[0]
    band = rows_of(of, chunk) if chunk.shape == "moving" else None
    if band is None:
        return
    frames = [of.frames[chunk.first_frame + n] for n in range(chunk.frames)]
    made = encode_band(SPEC, frames, band, hold=chunk.hold > 0, count=chunk.frames)
    if made is None:
        return
    path = tmp_path / "band.mp4"
    join(path, SPEC, [Part(made, chunk.hold)], None)
    strict_decode(path)
    assert_is_exact(of, chunk, band, [*[frames[0]] * chunk.first_frame, *decode_video(path)])


@pytest.mark.parametrize(("guards", "slices"), [((3, 4, 6), 3), ((3,), 1)])
def test_a_band_whose_vectors_point_out_of_it_is_not_used(
    monkeypatch: pytest.MonkeyPatch, guards: tuple[int, ...], slices: int
) -> None:
    """In a gradient, rows at rest look like those beyond: a band gets more of them, or all is encoded."""
    keys: Document = {"x": 60, "y": 250, "width": 200, "height": 30}
    of = film(rect("#808080", **keys, animations=[move("x", 0, 0.7, (-100, 60))]), below=BELOW[1])
    chunk = of.chunks[0]
    band = rows_of(of, chunk)
    assert band is not None
    frames = of.frames[: chunk.frames]
    assert encode_band(SPEC, frames, band, hold=chunk.hold > 0, count=chunk.frames) is None
    monkeypatch.setattr("renderers.h264.bands.GUARDS", guards)
    made = encoded(of, chunk, SPEC).chunk
    assert all(len(bitstream.split_avcc(packet.data)) == slices for packet in made.packets)


def test_most_of_a_picture_is_no_band() -> None:
    """What moves all over the picture, and what does not move, is not cut."""
    tall = film(rect(height=300, animations=[move()]))
    assert rows_of(tall, tall.chunks[0]) is None
    still = film(rect())
    assert rows_of(still, still.chunks[0]) is None


def test_the_encoder_gets_the_band_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stretch of unknown movement is encoded as a band where it is one; a capped one as a whole."""
    from renderers.h264 import chunks

    used: list[range] = []

    def counted(spec: VideoSpec, frames: object, rows: range, **keys: object) -> object:
        used.append(rows)
        return encode_band(spec, frames, rows, **keys)  # type: ignore[arg-type]

    monkeypatch.setattr(chunks, "encode_band", counted)
    of = film(TITLES["a title enters"])
    assert encoded(of, of.chunks[0], SPEC).chunk.frames == of.chunks[0].frames
    assert used == [rows_of(of, of.chunks[0])]
    encoded(of, of.chunks[0], replace(SPEC, max_bitrate=2_000_000))
    assert len(used) == 1


def test_slices_that_cannot_be_moved_are_refused() -> None:
    """A key picture cannot repeat what was, and slices without CABAC are not understood."""
    chunk = encode_still(SPEC, picture(0, *SIZE))
    stream = headers.Stream(chunk.sps, chunk.pps)
    (unit,) = bitstream.split_avcc(chunk.packets[0].data)
    with pytest.raises(InvalidInput):
        skipped_slice(stream, unit, 20, 20)
    plain = encode_still(replace(SPEC, preset="ultrafast"), picture(0, *SIZE))
    (unit,) = bitstream.split_avcc(plain.packets[0].data)
    with pytest.raises(InvalidInput):
        moved_slice(headers.Stream(plain.sps, plain.pps), unit, 20)
