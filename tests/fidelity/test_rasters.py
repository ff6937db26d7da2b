"""Pictures of every kind of file look as in Chromium; those that end too soon are shown as far as they go."""

from __future__ import annotations

import numpy as np
import pytest

from renderers.foreign.images import CUT
from tests.fidelity.rasters import (
    GROUND,
    Beside,
    compare_files,
    cut_files,
    jpeg_files,
    other_files,
    png_files,
)
from tests.servers.needs import needed

HIGH_RANGE = ("cICP 9 16", "cICP 9 18")
"""PQ and HLG are taken as sRGB; browsers map their tones."""
APART = {"avif alpha"}
"""See docs/fidelity.md."""


def test_png_of_every_colour_depth_and_chunk() -> None:
    """Over a thousand pictures, none more than 1.5 levels from Chromium's; refused where it shows none."""
    files = {name: data for name, data in png_files().items() if not name.endswith(HIGH_RANGE)}
    assert len(files) > 1000
    assert _apart(_compared(files)) == []


@pytest.mark.parametrize("files", [jpeg_files, other_files])
def test_jpeg_gif_webp_and_avif(files: object) -> None:
    """Colours, samplings, scans, markers, directions, frames beside their screen, profiles and nclx."""
    assert callable(files)
    found = _compared(files())
    assert len(found) >= 40
    assert [line for line in _apart(found) if line.partition(":")[0] not in APART] == []


def test_pictures_that_end_too_soon() -> None:
    """Cut at random places: refused as cut where Chromium shows none, else with a warning; what both show is
    alike, and hardly anything of what it shows is missing.
    """
    found = _compared(cut_files())
    assert len(found) > 150
    shown = [beside for beside in found if beside.code is None]
    assert len(shown) > 0.8 * len(found)
    assert {beside.code for beside in found} <= {None, "image_truncated"}
    for beside in shown:
        # Without a word only where every pixel is there, as in a PNG that lacks IEND.
        assert beside.warnings == [CUT] or (not beside.warnings and beside.levels < 1), beside.name
        ours, theirs = ((picture != GROUND).any(axis=2) for picture in (beside.ours, beside.theirs))
        both = np.abs(beside.ours.astype(int) - beside.theirs)[ours & theirs]
        assert not both.size or both.mean() <= 2, beside.name
        # Of less than a kilobyte of PNG, another zlib holds back a few rows.
        least = 0.6 if "png" in beside.name else 0.99
        assert (ours & theirs).sum() >= least * theirs.sum(), beside.name


def _compared(files: dict[str, bytes]) -> list[Beside]:
    with needed():
        return compare_files(files)


def _apart(found: list[Beside]) -> list[str]:
    """Those that look otherwise, the worst first."""
    worst = sorted(found, key=lambda beside: -beside.levels)
    return [
        f"{beside.name}: {beside.levels:.2f} {beside.code or ''}" for beside in worst if beside.levels > 1.5
    ]
