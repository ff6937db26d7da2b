"""Fonts as projects bring them: symbols, WOFF2, optical sizes, bitmaps beside outlines, long strokes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from renderers.drawing.glyphs import text_box
from renderers.foreign.fonts import decode_font
from renderers.text.fonts import CustomFont, Face, FontSet
from renderers.text.layout import lay_out
from schemas.elements import TextElement
from schemas.paint import TextStroke
from tests.fidelity.typefaces import MADE, made


def _fonts(family: str, folder: Path) -> FontSet:
    path = folder / "font"
    path.write_bytes(made(family))
    decode_font(str(path), str(folder / "decoded"))
    return FontSet([CustomFont(family, (folder / "decoded").read_bytes())])


def _face(family: str, folder: Path) -> Face:
    return _fonts(family, folder).face(family)


@pytest.mark.parametrize("family", MADE)
def test_every_kind_of_font_is_read(family: str, tmp_path: Path) -> None:
    """Its letters are found and can be drawn."""
    face = _face(family, tmp_path)
    assert face.has(ord("A"))
    assert face.at(40.0, [2]).getPath(2) is not None


def test_the_optical_size_is_that_of_the_text(tmp_path: Path) -> None:
    """A larger text is drawn from another place of the axis, up to its end."""
    face = _face("Made Optical", tmp_path)
    widths = [
        face.sized(size).at(size, [3]).getPath(3).getBounds().width() / size for size in (12, 60, 96, 500)
    ]
    assert widths[0] < widths[1] < widths[2] == pytest.approx(widths[3], abs=0.01)


@pytest.mark.parametrize("family", ["Made Pictures", "Made Bitmaps"])
def test_bitmaps_are_of_glyphs_not_of_fonts(family: str, tmp_path: Path) -> None:
    """A glyph without one is an outline."""
    face = _face(family, tmp_path)
    assert [face.is_picture(glyph) for glyph in (2, 3, 4)] == [True, False, False]


def test_the_box_of_a_text_is_measured(tmp_path: Path) -> None:
    """Strokes that reach far out of a line are in it, and a stroke around them too."""
    fonts = _fonts("Made Swashes", tmp_path)
    fields: dict[str, Any] = {"type": "text", "text": "A", "width": 60, "height": 60, "font_size": 40}
    fields["font_family"] = "Made Swashes"
    element = TextElement(**fields)
    left, top, right, bottom = text_box(element, lay_out(element, fonts))
    assert left < -75
    assert top < -80
    assert right > 115
    assert bottom > 100
    stroked = TextElement(**fields, stroke=TextStroke(color="red", width=10))
    assert text_box(stroked, lay_out(stroked, fonts))[0] < left - 15
