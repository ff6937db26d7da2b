"""Pictures of known motion that are written instead of encoded: what two decoders make of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from renderers.h264.mp4 import Part, join
from renderers.h264.predicted import LEFT, LOWER, MOST_WEIGHTS, RIGHT, UPPER, WHOLE, Field, KnownMotion
from renderers.h264.video import Frame, VideoSpec, can_predict, encode_known
from renderers.timeline.scene import WHOLE as ALL
from tests.unit.renderers.media import decode_video, other_decoder, picture, strict_decode

FPS = 30
WIDTH, HEIGHT = 112, 96
ROWS, COLUMNS = 6, 7
SPEC = VideoSpec(WIDTH, HEIGHT, FPS)
Samples = NDArray[np.int64]


# --- what the standard says such a picture looks like -------------------------------------------------


def quarters(plane: Frame, margin: int) -> Samples:
    """Luma at every quarter of a pixel (8.4.2.2.1): (4, 4, height, width), edges repeated."""
    full = np.pad(plane.astype(np.int64), margin + 3, "edge")

    def six(samples: Samples, axis: int) -> Samples:
        a, b, c, d, e, f = (np.roll(samples, -k, axis) for k in range(-2, 4))
        return a - 5 * b + 20 * c + 20 * d - 5 * e + f

    def shown(samples: Samples, bits: int) -> Samples:
        found: Samples = np.clip((samples + (1 << (bits - 1))) >> bits, 0, 255)
        return found

    def mean(one: Samples, other: Samples) -> Samples:
        return (one + other + 1) >> 1

    right = six(full, 1)
    b, h, j = shown(right, 5), shown(six(full, 0), 5), shown(six(right, 0), 10)
    below, beside = np.roll(full, -1, 0), np.roll(full, -1, 1)
    s, m = np.roll(b, -1, 0), np.roll(h, -1, 1)
    table = [
        [full, mean(full, b), b, mean(b, beside)],
        [mean(full, h), mean(b, h), mean(b, j), mean(b, m)],
        [h, mean(h, j), j, mean(j, m)],
        [mean(h, below), mean(h, s), mean(j, s), mean(s, m)],
    ]
    return np.array(table)[:, :, 3:-3, 3:-3]


def moved(frames: Sequence[Frame], field: Field) -> Frame:
    """What the standard makes of two references (8.4.2.2), the earlier one first."""
    height, width = frames[0].shape[0] * 2 // 3, frames[0].shape[1]
    margin = 80
    lumas = [quarters(frame[:height], margin) for frame in frames]
    half = (height // 2, width // 2)
    chromas = [
        [
            np.pad(part.reshape(half).astype(np.int64), margin, "edge")
            for part in np.split(frame[height:].reshape(-1), 2)
        ]
        for frame in frames
    ]
    out = [np.zeros((height, width), np.int64), np.zeros(half, np.int64), np.zeros(half, np.int64)]

    def block(x: int, y: int, which: int, mx: int, my: int) -> list[Samples]:
        top, left = y + (my >> 2) + margin, x + (mx >> 2) + margin
        found = [lumas[which][my & 3, mx & 3, top : top + 8, left : left + 8]]
        top, left = y // 2 + (my >> 3) + margin, x // 2 + (mx >> 3) + margin
        fx, fy = mx & 7, my & 7
        for source in chromas[which]:
            z = source[top : top + 5, left : left + 5]
            upper = (8 - fx) * z[:-1, :-1] + fx * z[:-1, 1:]
            lower = (8 - fx) * z[1:, :-1] + fx * z[1:, 1:]
            found.append(((8 - fy) * upper + fy * lower + 32) >> 6)
        return found

    second = field.references if field.other_references is None else field.other_references
    for y in range(0, height, 8):
        for x in range(0, width, 8):
            row, column = y // 16, x // 16
            vector, other = ([int(v) for v in each[:, row, column]] for each in (field.vectors, field.others))
            if field.blends is not None and (blend := int(field.blends[row, column])):
                weight = field.weights[blend - 1]
                both = zip(block(x, y, 0, *vector), block(x, y, 1, *other), strict=True)
                found = [(a * (ALL - weight) + b * weight + 64) >> 7 for a, b in both]
            elif field.moving[row, column] >> (y % 16 // 8 * 2 + x % 16 // 8) & 1:
                found = block(x, y, int(field.references[row, column]), *vector)
            else:
                found = block(x, y, int(second[row, column]), *other)
            out[0][y : y + 8, x : x + 8] = found[0]
            for plane, samples in zip(out[1:], found[1:], strict=True):
                plane[y // 2 : y // 2 + 4, x // 2 : x // 2 + 4] = samples
    return np.concatenate([plane.reshape(-1) for plane in out]).astype(np.uint8).reshape(frames[0].shape)


# --- fields ------------------------------------------------------------------------------------------


def random_field(seed: int, variety: int = 3) -> Field:
    """Any vectors, references and parts; neighbours often alike, so that every rule is needed."""
    rng = np.random.default_rng(seed)
    shape = ROWS, COLUMNS
    some = rng.integers(-260, 260, (variety, 2)) * rng.integers(0, 2, (variety, 1))
    vectors, others = (some.T[:, rng.integers(0, variety, shape)] for _ in range(2))
    others *= rng.integers(0, 2)
    patterns = np.array([WHOLE, WHOLE, 0, UPPER, LOWER, LEFT, RIGHT, *range(16)])
    moving = patterns[rng.integers(0, rng.integers(1, len(patterns) + 1), shape)]
    references = rng.integers(0, 2, shape) * rng.integers(0, 2)
    seconds = rng.integers(0, 2, shape) if rng.integers(0, 2) else None
    if not (count := rng.integers(0, MOST_WEIGHTS + 1)):
        return Field(vectors, others, references, moving, seconds)
    blends = rng.integers(0, count + 1, shape) * (rng.integers(0, 3, shape) > 0)
    weights = tuple(int(weight) for weight in rng.integers(1, ALL, count))
    return Field(vectors, others, references, moving, seconds, blends, weights)


def video(path: Path, anchors: Sequence[int], fields: Callable[[int], Field]) -> list[Frame]:
    """A file of anchors and what lies between; what it should decode to, its anchors taken for granted."""
    frames = [picture(7 * number, WIDTH, HEIGHT) for number in anchors]
    between = set(range(anchors[-1])) - set(anchors)
    motion = KnownMotion(anchors[-1] + 1, tuple(anchors), {number: fields(number) for number in between})
    join(path, SPEC, [Part(encode_known(SPEC, frames, motion, hold=False))], None)
    shown = decode_video(path)
    assert len(shown) == motion.frames
    for number in between:
        before = shown[max(a for a in anchors if a < number)]
        after = shown[min(a for a in anchors if a > number)]
        shown[number] = moved([before, after], fields(number))
    return shown


def test_such_pictures_can_be_written() -> None:
    """Into what this system encodes; not where a rate is capped, or without B pictures and CABAC."""
    assert can_predict(SPEC)
    assert not can_predict(VideoSpec(WIDTH, HEIGHT, FPS, preset="ultrafast"))
    assert not can_predict(VideoSpec(WIDTH, HEIGHT, FPS, max_bitrate=1_000_000))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000), st.integers(1, 5), st.lists(st.integers(1, 9), max_size=4))
def test_a_decoder_shows_what_the_field_says(
    tmp_path: Path, seed: int, variety: int, gaps: list[int]
) -> None:
    """Whatever has moved where, from either reference, in parts or whole: sample for sample."""
    path = tmp_path / "moved.mp4"
    anchors = [0, *np.cumsum([2, *gaps]).tolist()]
    wanted = video(path, anchors, lambda number: random_field(seed + number, variety))
    strict_decode(path)
    for number, (mine, theirs) in enumerate(zip(decode_video(path), wanted, strict=True)):
        assert np.array_equal(mine, theirs), f"frame {number}"


@pytest.mark.parametrize("seed", range(3))
def test_a_decoder_of_other_make_sees_the_same(tmp_path: Path, seed: int) -> None:
    """OpenH264, which shares no code with FFmpeg's decoder, shows known motion bit for bit alike."""
    path = tmp_path / "moved.mp4"
    wanted = video(path, [0, 5, 6, 14], lambda number: random_field(seed * 100 + number))
    got = other_decoder(path)
    assert len(got) == len(wanted)
    assert all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))
