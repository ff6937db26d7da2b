"""What the pictures of the example are painted with: noise, gradients, glows and soft edges, on numpy arrays.

Colours are shares of 1 in sRGB; a picture is a float32 array of shape (height, width, 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.floating[Any]]
Stops = Sequence[tuple[float, str]]


def colour(text: str) -> Array:
    """#rrggbb as three shares."""
    return np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)


def axes(width: int, height: int) -> tuple[Array, Array]:
    """(x, y) of each pixel's centre, from 0 to 1, as a row and a column."""
    x = ((np.arange(width) + 0.5) / width).astype(np.float32)
    y = ((np.arange(height) + 0.5) / height).astype(np.float32)
    return x[None, :], y[:, None]


def smooth(low: float, high: float, value: Array) -> Array:
    """0 below `low`, 1 above `high`, and an S in between; `high` may be the smaller one."""
    t = np.clip((value - low) / (high - low), 0, 1)
    result: Array = (t * t * (3 - 2 * t)).astype(np.float32)
    return result


def gradient(stops: Stops, at: Array) -> Array:
    """Colours along `stops` ((offset, colour), …) at each value of `at`."""
    offsets = [offset for offset, _ in stops]
    colours = np.stack([colour(text) for _, text in stops])
    return np.stack([np.interp(at, offsets, colours[:, c]).astype(np.float32) for c in range(3)], axis=-1)


def resized(values: Array, width: int, height: int) -> Array:
    """A field at another size, by cubic interpolation."""
    picture = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC), np.float32)


def noise(rng: np.random.Generator, width: int, height: int, across: float, down: float) -> Array:
    """Smooth noise between 0 and 1 with about `across` by `down` bumps."""
    cells = rng.random((max(2, round(down) + 1), max(2, round(across) + 1)), dtype=np.float32)
    return np.clip(resized(cells, width, height), 0, 1)


def clouds(
    rng: np.random.Generator, width: int, height: int, across: float, down: float, octaves: int = 5
) -> Array:
    """Noise upon finer noise (fractional Brownian motion), about 0.5."""
    total = np.zeros((height, width), np.float32)
    weight = 0.0
    for octave in range(octaves):
        share = 0.5**octave
        total += share * noise(rng, width, height, across * 2**octave, down * 2**octave)
        weight += share
    return total / np.float32(weight)


def line(rng: np.random.Generator, width: int, bumps: float, octaves: int, rough: float = 0.5) -> Array:
    """A ridge: noise of one dimension between about -0.5 and 0.5."""
    total = np.zeros(width, np.float32)
    for octave in range(octaves):
        knots = rng.random(round(bumps * 2**octave) + 3, dtype=np.float32) - 0.5
        total += np.float32(rough**octave) * resized(knots[None, :], width, 1)[0]
    return total


def blurred(values: Array, radius: float) -> Array:
    """A field, softened over about `radius` px, by way of a smaller one."""
    height, width = values.shape
    size = (max(2, round(width / max(1.0, radius))), max(2, round(height / max(1.0, radius))))
    small = Image.fromarray(np.ascontiguousarray(values, np.float32)).resize(size, Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float32)


def over(picture: Array, paint: Array, cover: Array | float) -> Array:
    """`paint` (a colour or a picture) over a picture, with cover from 0 to 1 for each pixel."""
    share = np.asarray(cover, np.float32)
    share = share[..., None] if share.ndim == 2 else share
    return picture + (paint - picture) * share


def glow(picture: Array, paint: Array, strength: Array) -> Array:
    """Light of a colour added to a picture, which never gets lighter than white (screen)."""
    return 1 - (1 - picture) * (1 - np.clip(strength, 0, 1)[..., None] * paint)


def save(picture: Array, path: Path, rng: np.random.Generator, grain: float = 0.010) -> None:
    """Write a JPEG, with a little grain: it hides the steps of long gradients. Raises ValueError for NaN."""
    if not np.isfinite(picture).all():
        raise ValueError(f"{path.name} holds what is not a number.")
    height, width, _ = picture.shape
    speckle = rng.standard_normal((height, width, 1), dtype=np.float32) * np.float32(grain)
    pixels = (np.clip(picture + speckle, 0, 1) * 255 + 0.5).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=90, subsampling=0, optimize=False)
