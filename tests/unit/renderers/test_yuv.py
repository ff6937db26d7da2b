"""Pictures in planar YUV."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.composing import yuv
from tests.unit.renderers.pictures import Pixels, difference, disc, noise, smooth

SIDES = st.integers(1, 60).map(lambda half: half * 2)


def exact(rgb: Pixels) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """Y, U, V by the formulas of BT.709-6, as real numbers; chroma is the mean of 2x2."""
    height, width = rgb.shape[:2]
    red, green, blue = (rgb[..., k] / 255 for k in range(3))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    chroma = [(blue - luma) / 1.8556, (red - luma) / 1.5748]
    means = [c.reshape(height // 2, 2, width // 2, 2).mean((1, 3)) for c in chroma]
    return [16 + 219 * luma, *(128 + 224 * mean for mean in means)]


@given(SIDES, SIDES, st.integers(0, 9))
@settings(deadline=None)
def test_converts_like_the_standard(width: int, height: int, seed: int) -> None:
    """Any picture of even sides is converted to within a level of the exact matrix."""
    picture = noise(width, height, seed)
    frame = yuv.from_rgba(picture)
    for plane, wanted in zip(yuv.planes(frame), exact(picture), strict=True):
        assert np.abs(plane - wanted).max() <= 1


@pytest.mark.parametrize(
    ("color", "levels"),
    [
        ((255, 255, 255), (235, 128, 128)),
        ((0, 0, 0), (16, 128, 128)),
        ((255, 0, 0), (63, 102, 240)),
        ((0, 255, 0), (173, 42, 26)),
        ((0, 0, 255), (32, 240, 118)),
    ],
)
def test_knows_the_colour_bars(color: tuple[int, int, int], levels: tuple[int, int, int]) -> None:
    """The primary colours get the levels of BT.709's 100 % bars."""
    picture = np.full((32, 48, 4), (*color, 255), np.uint8)
    for converted in (yuv.planes(yuv.from_rgba(picture)), yuv.planes(yuv.from_rgba(picture[..., :3]))):
        assert tuple(int(plane[3, 3]) for plane in converted) == levels
        assert all(plane.min() == plane.max() for plane in converted)


@pytest.mark.parametrize(
    ("width", "height"), [(1920, 1080), (854, 480), (66, 34), (2, 2), (1282, 722), (130, 18)]
)
def test_is_laid_out_as_pyav_reads_it(width: int, height: int) -> None:
    """PyAV finds the same planes in a frame, whatever its width."""
    frame = yuv.from_rgba(noise(width, height))
    read = yuv.video_frame(frame)
    assert (read.width, read.height, read.format.name) == (width, height, "yuv420p")
    for plane, mine in zip(read.planes, yuv.planes(frame), strict=True):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        assert np.array_equal(rows[:, : mine.shape[1]], mine)


def test_shows_again_what_was_converted() -> None:
    """There and back, a gentle picture stays what it was, give or take the mean of its colours."""
    picture = smooth(128, 96)
    assert difference(yuv.to_rgb(yuv.from_rgba(picture)), picture[..., :3]) <= 8


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1), st.integers(0, 1))
@settings(deadline=None)
def test_aligns_tiles(width: int, height: int, left: int, top: int) -> None:
    """A tile's planes have even sides, its alpha where it lies, and nothing around it."""
    tile = disc(width, height)
    planes = yuv.tile_planes(tile, left, top)
    assert planes.y.shape == ((height + top + 1) // 2 * 2, (width + left + 1) // 2 * 2)
    inner = planes.a[top : top + height, left : left + width]
    assert np.array_equal(inner, tile[..., 3])
    assert int(planes.a.astype(np.int64).sum()) == int(inner.astype(np.int64).sum())
    assert np.all(planes.y <= planes.a.astype(np.int64) + 1)


def test_refuses_odd_sides() -> None:
    """Frames of 4:2:0 have even sides."""
    with pytest.raises(ValueError, match="even"):
        yuv.new_frame(15, 20)
