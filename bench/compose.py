"""How long the compositor takes per frame at 1080p: `python bench/compose.py [NAME…]`.

One thread; the minimum and the median over the frames of a stretch, the first frames (which convert the
layers) apart. Frames are only composed, not encoded.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator

import numpy as np

from renderers._opencv import cv2
from renderers.composing.compose import Compositor
from renderers.composing.yuv import from_rgba
from renderers.timeline.scene import (
    Canvas,
    Inside,
    LayerPixels,
    Placement,
    SlideState,
    State,
    TransitionState,
)

WIDTH, HEIGHT, FRAMES = 1920, 1080, 60


def photo(width: int, height: int, seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Something like a photograph."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 12, width // 12, 4), dtype=np.uint8)
    picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = cv2.resize(
        coarse, (width, height), interpolation=cv2.INTER_CUBIC
    )
    picture[..., 3] = 255
    return picture


def text(width: int, height: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Something like a line of text: mostly nothing, soft edges."""
    mask = photo(width, height, 9)[..., 0]
    alpha = np.clip((mask.astype(int) - 150) * 6, 0, 255)
    return np.dstack([alpha, alpha // 2, alpha // 3, alpha]).astype(np.uint8)


def tile(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], x: int, y: int, scale: float = 1.0
) -> LayerPixels:
    """A tile at x, y."""
    height, width = pixels.shape[:2]
    return LayerPixels(
        pixels, x, y, scale, width / 2, height / 2, x + width / scale / 2, y + height / scale / 2
    )


def zooming(scale: float, x: int = 0, y: int = 0, width: int = WIDTH, height: int = HEIGHT) -> LayerPixels:
    """A photograph that zooms inside its box."""
    drawn = tile(photo(round(width * scale), round(height * scale), 3), x, y, scale)
    inside = Inside((x, y, width, height), np.full((height, width), 255, np.uint8), x, y, None, None)
    return drawn._replace(inside=inside)


LAYERS = {
    "back": LayerPixels(photo(WIDTH, HEIGHT, 1), 0, 0),
    "next": LayerPixels(photo(WIDTH, HEIGHT, 2), 0, 0),
    "title": tile(text(900, 160), 200, 400),
    "overlay": tile(text(WIDTH, HEIGHT), 0, 0),
    "zoom": zooming(1.25),
    "box": zooming(1.25, 301, 201, 800, 600),
    "photo": tile(photo(1200, 800, 4), 300, 100, 1.25),
}


def _slide(*entries: tuple[str, Placement | None], back: str = "back") -> SlideState:
    return SlideState(((back, None), *entries))


def stretches(n: int) -> dict[str, Iterator[State]]:
    """The stretches by name, each of n frames."""
    shares = [k / n for k in range(n)]
    before, after = _slide(("title", Placement())), _slide(back="next")
    kinds = ("fade", "slide-left", "wipe-right", "zoom")
    return {
        **{
            kind: iter([TransitionState(before, after, kind, (k + 1) / (n + 1)) for k in range(n)])
            for kind in kinds
        },
        "title, whole pixels": (_slide(("title", Placement(dx=float(k)))) for k in range(n)),
        "title, sub-pixel": (_slide(("title", Placement(dx=300 * (1 - p) ** 3, opacity=p))) for p in shares),
        "title below an overlay": (
            _slide(("title", Placement(dx=99.3 * p)), ("overlay", None)) for p in shares
        ),
        "full-screen zoom inside": (_slide(("zoom", Placement(within=1 + 0.2 * p))) for p in shares),
        "zoom inside a box": (_slide(("box", Placement(within=1 + 0.2 * p))) for p in shares),
        "photo growing": (_slide(("photo", Placement(scale=1 + 0.2 * p))) for p in shares),
        "photo turning": (_slide(("photo", Placement(rotation=30 * p))) for p in shares),
    }


def main(names: list[str]) -> None:
    """Print a table."""
    begin = time.perf_counter()
    from_rgba(LAYERS["back"].rgba)
    print(f"{'convert a picture':28}{(time.perf_counter() - begin) * 1e3:8.2f} ms")
    print(f"{'':28}{'first':>8}{'min':>8}{'median':>8}  ms a frame")
    for name, states in stretches(FRAMES).items():
        if names and not any(part in name for part in names):
            continue
        compositor, times = Compositor(Canvas(WIDTH, HEIGHT, 1.0, 0.0, 0.0), LAYERS), []
        for state in states:
            begin = time.perf_counter()
            compositor.frame(state)
            times.append((time.perf_counter() - begin) * 1e3)
        rest = times[10:]
        median = statistics.median(rest)
        print(f"{name:28}{times[0]:8.2f}{min(rest):8.2f}{median:8.2f}  {1e3 / median:6.0f} fps")


if __name__ == "__main__":
    main(sys.argv[1:])
