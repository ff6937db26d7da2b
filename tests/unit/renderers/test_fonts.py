"""Fonts: what ships, which face is chosen, what no font covers."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from renderers._skia import skia
from renderers.text import aliases, fontfiles
from renderers.text.fonts import (
    CustomFont,
    FontSet,
    han_region,
    is_emoji,
    script_of,
    shows_emoji,
    split_families,
)
from schemas.errors import Unavailable


@pytest.fixture(scope="module")
def fonts() -> FontSet:
    """The shipped fonts."""
    return FontSet()


@pytest.mark.parametrize("file", fontfiles.SHIPPED, ids=lambda file: f"{file.family}-{file.name}")
def test_shipped_fonts_are_the_known_ones(file: fontfiles.FontFile) -> None:
    """Every installed font has the digest that is written down, so two machines draw the same."""
    assert fontfiles.sha256(file.load()) == file.sha256


def test_a_font_that_is_not_there_is_named() -> None:
    """The error says which package to install, and another file than the known one is not drawn with."""
    with pytest.raises(Unavailable, match="no_such_package") as caught:
        fontfiles.EMOJI._replace(package="no_such_package").load()
    assert caught.value.code == "font_missing"
    with pytest.raises(Unavailable, match="that is known here"):
        fontfiles.EMOJI._replace(size=1).load()


def test_emoji_have_one_font_whatever_family_is_named(fonts: FontSet) -> None:
    """It is the shipped one, whose package is not imported; a text's letters have a font that has letters."""
    assert fonts.emoji_face().family == fontfiles.EMOJI.family
    assert fonts.emoji_face().has(ord("😀"))
    assert fontfiles.EMOJI.package not in sys.modules
    names = ["emoji", "Noto Color Emoji", "Apple Color Emoji", "Segoe UI Emoji", "Twemoji"]
    assert fonts.unknown_families(names) == []
    assert {fonts.face(name).family for name in names} == {"Noto Sans"}
    assert fonts.face("'Apple Color Emoji', serif").family == "Noto Serif"
    assert [shows_emoji(text) for text in ("a", "é☎", "é☎\ufe0f", "1\ufe0f\u20e3", "a🎉")] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_generic_families_have_a_font(fonts: FontSet) -> None:
    """CSS's generic names and the usual system fonts stand for a shipped family, in any case."""
    assert fonts.face("SANS-SERIF").family == "Noto Sans"
    assert fonts.face("Georgia").family == "Noto Serif"
    assert fonts.face("'No Such Font', monospace").family == "Fira Mono"
    assert fonts.unknown_families(["Arial", "Brand, serif", "noto sans"]) == ["Brand"]


WIDTHS = {
    ("Arial", 400): (569, 1366, 1139, 1706, 1139),
    ("Arial", 700): (569, 1479, 1139, 1706, 1139),
    ("Times New Roman", 400): (512, 1479, 909, 1821, 1024),
    ("Times New Roman", 700): (512, 1479, 1024, 1933, 1024),
    ("Courier New", 400): (1229, 1229, 1229, 1229, 1229),
    ("Courier New", 700): (1229, 1229, 1229, 1229, 1229),
    ("Calibri", 400): (463, 1185, 981, 1751, 1038),
}
"""Of a space, A, a, M and 0 in the fonts themselves, in units of 2048 an em."""


@pytest.mark.parametrize(("family", "weight"), WIDTHS)
def test_fonts_that_everybody_names_have_their_widths(family: str, weight: int, fonts: FontSet) -> None:
    """The shipped family that stands for one is as wide as it: lines break where they do in the editor."""
    face = fonts.face(family, weight)
    widths = [face.hb_font.get_glyph_h_advance(face.hb_font.get_nominal_glyph(ord(c))) for c in " AaM0"]
    assert tuple(widths) == WIDTHS[family, weight]
    assert face.units == 2048
    slanted = fonts.face(family, weight, italic=True)
    assert [slanted.synthetic_italic, slanted.synthetic_bold, face.synthetic_bold] == [False] * 3


def test_families_of_the_same_widths_stand_for_one_another(fonts: FontSet) -> None:
    """As fontconfig has it on Linux; a font that is of the same kind only is not among them."""
    for names, family in (
        (("Arial", "HELVETICA", "Liberation Sans", "Arimo"), "Arimo"),
        (("Times New Roman", "Times", "Nimbus Roman", "Tinos"), "Tinos"),
        (("Courier New", "Courier", "Liberation Mono", "Cousine"), "Cousine"),
        (("Calibri", "Carlito"), "Carlito"),
        (("Cambria", "Caladea"), "Caladea"),
    ):
        assert {fonts.face(name).family for name in names} == {family}
    assert not aliases.AS_WIDE.keys() & aliases.ALIKE.keys()
    shipped = {file.family for file in fontfiles.SHIPPED}
    assert set(aliases.GENERIC.values()) <= shipped


def test_a_variable_font_takes_the_weight_that_is_asked_for(fonts: FontSet) -> None:
    """Glyphs of a pinned weight are as wide as HarfBuzz says, also between the masters."""
    for weight in (300, 400, 550, 700, 900):
        face = fonts.face("sans-serif", weight)
        glyph = face.hb_font.get_nominal_glyph(ord("w"))
        bounds = face.at(float(face.units)).getPath(glyph).getBounds()
        assert bounds.width() == pytest.approx(face.hb_font.get_glyph_extents(glyph).width, abs=2)
        assert not face.synthetic_bold


VARIABLE = sorted(
    {(file.family, file.italic) for file in fontfiles.SHIPPED if file.weights[0] < file.weights[1]}
)


@pytest.mark.parametrize(("family", "italic"), VARIABLE)
def test_a_font_of_latin_alone_draws_as_all_of_it(family: str, italic: bool) -> None:
    """Pixel for pixel, also fitted to whole px, where FreeType looks at other glyphs too."""
    face = FontSet().face(family, 600, italic)
    glyphs = [face.hb_font.get_nominal_glyph(ord(letter)) for letter in "Ég @8½ “fi” – ﬁ€ÿ"]
    glyphs = [glyph for glyph in glyphs if glyph]
    beyond = face.hb_font.get_nominal_glyph(ord("²")) or face.units
    for size, hinted in ((13.0, True), (41.5, False), (72.0, True)):
        latin = _drawn(face.at(size, glyphs, hinted=hinted), glyphs)
        whole = _drawn(face.at(size, [*glyphs, beyond], hinted=hinted), glyphs)
        assert latin.any()
        assert np.array_equal(latin, whole)
    assert face.typeface(glyphs).uniqueID() != face.typeface([beyond]).uniqueID()


def _drawn(font: Any, glyphs: list[int]) -> NDArray[np.uint8]:
    pixels = np.zeros((120, 1200, 4), np.uint8)
    builder = skia.TextBlobBuilder()
    builder.allocRunPosH(font, glyphs, [10 + 70.3 * number for number in range(len(glyphs))], 0.0)
    surface = skia.Surface.MakeRasterDirect(skia.ImageInfo.MakeN32Premul(1200, 120), pixels, 4800)
    surface.getCanvas().drawTextBlob(builder.make(), 0, 90, skia.Paint(AntiAlias=True))
    return pixels


def test_weights_are_matched_as_css_says() -> None:
    """Of 300 and 700, 400 takes the lighter one and 600 the bolder one; a missing bold is made up."""
    data = next(file for file in fontfiles.SHIPPED if file.name == "FiraMono_Regular").load()
    fonts = FontSet([CustomFont("Brand", data, 300), CustomFont("Brand", data, 700)])
    assert fonts.face("brand", 400).weight == 300
    assert fonts.face("brand", 600).weight == 700
    only = FontSet([CustomFont("Brand", data, 400)])
    assert only.face("Brand", 700).synthetic_bold
    assert only.face("Brand", 400, italic=True).synthetic_italic


def test_fallback_follows_our_lists(fonts: FontSet) -> None:
    """A script that the family lacks goes to the font that is listed for it."""
    assert fonts.fallback("ש", "Hebr", 400, False).family == "FiraGO"  # type: ignore[union-attr]
    assert fonts.fallback("ก", "Thai", 400, False).family == "Noto Sans Thai"  # type: ignore[union-attr]
    assert fonts.fallback("骨", "Hani-JP", 400, False).family == "Noto Sans CJK JP"  # type: ignore[union-attr]
    assert fonts.fallback("ཀ", "Tibt", 400, False) is None


def test_scripts_without_a_font_are_named(fonts: FontSet) -> None:
    """What would be drawn as boxes is named before anything is drawn."""
    assert fonts.coverage("Hello, Ελλάδα, Мир, שלום, سلام, 你好, 안녕") == []
    assert fonts.coverage("བོད་ and አማርኛ") == ["Tibetan", "Ethiopic"]


def test_custom_fonts_change_the_hash() -> None:
    """The digest of a font set changes with each of its fonts and with nothing else."""
    data = next(file for file in fontfiles.SHIPPED if file.name == "FiraMono_Bold").load()
    assert FontSet().hash == FontSet().hash
    hashes = {
        FontSet().hash,
        FontSet([CustomFont("A", data)]).hash,
        FontSet([CustomFont("A", data, 700)]).hash,
    }
    assert len(hashes) == 3


def test_characters_are_told_apart() -> None:
    """Scripts, regions of Han and emoji are recognised by the character."""
    assert [script_of(character) for character in "aбあ漢. "] == [
        "Latn",
        "Cyrl",
        "Hira",
        "Hani",
        "Zyyy",
        "Zyyy",
    ]
    assert han_region("漢字かな") == "JP"
    assert han_region("漢字") == ""
    assert [is_emoji(character) for character in "😀⌚❤★🇩a1"] == [
        True,
        True,
        False,
        False,
        True,
        False,
        False,
    ]
    assert split_families("'My Font', serif ,") == ("My Font", "serif")
