"""How alike two pictures are: structural similarity, mean difference, and where there is ink."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from renderers.stored.pixels import Pixels

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in px."""

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def ssim(first: Pixels, second: Pixels) -> float:
    """Mean structural similarity of luma, 1 for equal pictures (Wang, Bovik, Sheikh and Simoncelli 2004:
    a Gaussian window of 11 px with a deviation of 1.5, where it lies within the picture).
    """
    a, b = (picture[..., :3].astype(np.float32) @ _LUMA for picture in (first, second))
    mean_a, mean_b = _blurred(a), _blurred(b)
    var_a, var_b = _blurred(a * a) - mean_a**2, _blurred(b * b) - mean_b**2
    covariance = _blurred(a * b) - mean_a * mean_b
    top = (2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)
    return float((top / ((mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2))).mean())


def _blurred(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    blurred: Any = cv2.GaussianBlur(plane.astype(np.float64), (11, 11), 1.5)
    inside: NDArray[np.float64] = blurred[5:-5, 5:-5]
    return inside


def difference(first: Pixels, second: Pixels) -> float:
    """Mean absolute difference of red, green and blue, in levels."""
    return float(np.abs(first[..., :3].astype(np.int16) - second[..., :3]).mean())


def worst_block(first: Pixels, second: Pixels, side: int = 32) -> float:
    """The largest mean difference of a square of so many px, in levels: it tells a missing mark."""
    apart = np.abs(first[..., :3].astype(np.int16) - second[..., :3]).mean(axis=2)
    rows, columns = range(0, apart.shape[0], side), range(0, apart.shape[1], side)
    return float(max(apart[y : y + side, x : x + side].mean() for y in rows for x in columns))


def ink(picture: Pixels, threshold: int = 48) -> Box | None:
    """The box around all that differs from the colour of the picture's corner; None where nothing does."""
    shown = (np.abs(picture[..., :3].astype(np.int16) - picture[0, 0, :3]) > threshold).any(axis=2)
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
