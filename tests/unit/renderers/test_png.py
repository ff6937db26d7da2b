"""PNG files: what another library reads of them is what was put in."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from renderers.stored.pixels import Pixels
from renderers.stored.png import encode_png

sides = st.integers(1, 40)
shapes = st.tuples(sides, sides, st.sampled_from([3, 4]))


@given(shapes.flatmap(lambda shape: arrays(np.uint8, shape)))
def test_every_sample_comes_back(pixels: Pixels) -> None:
    """Of any size, with and without alpha; Pillow checks all checksums."""
    with Image.open(io.BytesIO(encode_png(pixels))) as image:
        image.verify()
    with Image.open(io.BytesIO(encode_png(pixels))) as image:
        assert image.mode == {3: "RGB", 4: "RGBA"}[pixels.shape[2]]
        assert np.array_equal(np.asarray(image), pixels)
        assert "srgb" in image.info


def test_part_of_a_picture_is_a_picture() -> None:
    """Neither rows nor pixels need to follow each other in memory."""
    pixels = np.random.default_rng(1).integers(0, 255, (30, 40, 4), np.uint8)
    part = pixels[3:20, 5:33, :3]
    with Image.open(io.BytesIO(encode_png(part))) as image:
        assert np.array_equal(np.asarray(image), part)


@pytest.mark.parametrize("height", [255, 256, 257, 512, 700])
def test_bands_of_rows_make_one_picture(height: int) -> None:
    """However many there are: they are packed side by side."""
    pixels = np.random.default_rng(height).integers(0, 255, (height, 33, 3), np.uint8)
    with Image.open(io.BytesIO(encode_png(pixels))) as image:
        assert np.array_equal(np.asarray(image), pixels)
    assert encode_png(pixels) == encode_png(pixels)


def test_files_of_flat_pictures_are_small() -> None:
    """What an editor makes mostly: a backdrop and boxes. Stored it would be 6 MB."""
    pixels = np.full((1080, 1920, 3), 200, np.uint8)
    pixels[300:700, 200:900] = (10, 40, 90)
    assert len(encode_png(pixels)) < 50_000


def test_other_pictures_are_not_known() -> None:
    """Grey pictures do not occur: who has one is told at once."""
    with pytest.raises(KeyError):
        encode_png(np.zeros((4, 4, 1), np.uint8))
