"""resvg's own suite of SVGs beside our pictures of them: `python -m bench.svg_suite FOLDER`.

FOLDER is `crates/resvg/tests/tests` of a checkout of github.com/linebender/resvg, which is not part of this
repository. A picture counts as right when at most 2 % of its pixels are more than 24 levels off, in any
channel, from the PNG beside the SVG. Both are seen over white.
"""

from __future__ import annotations

import argparse
import collections
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from renderers.foreign.svg import draw_svg
from schemas.errors import InvalidInput

OFF_LEVELS, OFF_SHARE = 24, 0.02
MEGAPIXELS = 100


def share_off(svg: Path) -> float:
    """The share of pixels that differ, 0 … 1; 1 where the SVG is refused or has another size."""
    with Image.open(svg.with_suffix(".png")) as image:
        expected = _over_white(np.asarray(image.convert("RGBA"), np.float64))
    height, width = expected.shape[:2]
    try:
        pixels = draw_svg(svg.read_bytes(), (width, height), MEGAPIXELS).pixels
    except InvalidInput:
        return 1.0
    drawn = pixels.astype(np.float64)
    drawn = drawn[..., :3] + 255 - drawn[..., 3:]
    if drawn.shape != expected.shape:
        return 1.0
    return float((np.abs(drawn - expected).max(axis=2) > OFF_LEVELS).mean())


def _over_white(straight: Any) -> Any:
    alpha = straight[..., 3:] / 255
    return straight[..., :3] * alpha + 255 * (1 - alpha)


def main() -> None:
    """Print how many are right, and the folders with most that are not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--names", action="store_true", help="name those that are not right")
    options = parser.parse_args()
    wrong: dict[str, list[str]] = collections.defaultdict(list)
    count = 0
    for svg in sorted(options.folder.rglob("*.svg")):
        if not svg.with_suffix(".png").exists():
            continue
        count += 1
        if share_off(svg) > OFF_SHARE:
            name = svg.relative_to(options.folder)
            wrong[str(name.parent)].append(name.stem)
    missed = sum(map(len, wrong.values()))
    print(
        f"{count - missed} of {count} within {OFF_SHARE:.0%} of pixels off by more than {OFF_LEVELS} levels"
    )
    for folder, names in sorted(wrong.items(), key=lambda item: -len(item[1])):
        print(f"{len(names):5} {folder}", *(names if options.names else ()))


if __name__ == "__main__":
    main()
