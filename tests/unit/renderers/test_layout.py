"""Lines of text: where they break, how high they are, where they begin."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.text.layout import Layout, lay_out
from renderers.text.styling import styled
from schemas.elements import TextElement
from tests.unit.renderers.drawing import FONTS


def _element(text: str, **fields: Any) -> TextElement:
    return TextElement(
        **{"type": "text", "width": 200, "height": 100, "text": text, "font_size": 20, **fields}
    )


def _lines(element: TextElement) -> list[str]:
    text, _ = styled(element)
    return [text[line.start : line.end] for line in lay_out(element, FONTS).lines]


def test_words_wrap_and_long_words_break_anywhere() -> None:
    """Spaces stay at the end of their line; a word wider than the box is cut."""
    lines = _lines(_element("The quick brown fox and incomprehensibilitiesandmore"))
    assert lines[:2] == ["The quick brown fox ", "and "]
    assert len(lines) == 4
    assert "".join(lines) == "The quick brown fox and incomprehensibilitiesandmore"


def test_line_feeds_and_empty_lines_are_kept() -> None:
    """Each line feed begins a line, of whatever convention, and an empty line has a height."""
    layout = lay_out(_element("a\r\n\nb\rc"), FONTS)
    assert [line.height for line in layout.lines] == [24.0] * 4


def test_lines_have_the_height_that_css_gives() -> None:
    """A line is its size times the line height, in 64ths of a px, and its ascent is rounded."""
    layout = lay_out(_element("a\nb", font_size=24, line_height=1.2), FONTS)
    assert [line.top for line in layout.lines] == [0.0, 28.796875]
    assert layout.lines[0].baseline == 23.0


def test_fallback_fonts_do_not_make_lines_higher() -> None:
    """A line with Chinese, Devanagari and emoji is as high as one in Latin."""
    plain, mixed = lay_out(_element("abc"), FONTS), lay_out(_element("a你न😀"), FONTS)
    assert mixed.height == plain.height
    assert mixed.lines[0].baseline == plain.lines[0].baseline


@pytest.mark.parametrize("sequence", ["👋🏽", "🇫🇷", "👨‍👩‍👧‍👦", "👩🏽‍🚀", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "1️⃣", "❤️"])
def test_a_sequence_of_emoji_is_one_picture(sequence: str) -> None:
    """Skin tones, flags, families and keycaps are one glyph of the emoji font, as wide as it is drawn."""
    (run,) = lay_out(_element(sequence, font_size=61, font_family="serif"), FONTS).lines[0].runs
    assert run.glyphs.item.face.family == "Twemoji"
    assert [width for width in run.glyphs.advances if width] == [76.0]


def test_justified_lines_give_room_to_emoji() -> None:
    """What is free is shared among spaces and emoji, but for one that ends the line."""
    text = "a 👍🏽🇫🇷 b 🎉 wrapped"
    loose, wide = (lay_out(_element(text, align=align), FONTS).lines[0] for align in ("left", "justify"))
    assert text[wide.start : wide.end] == "a 👍🏽🇫🇷 b 🎉 "
    runs = zip(loose.runs, wide.runs, strict=True)
    grown = [after.glyphs.width - before.glyphs.width for before, after in runs]
    room = (200 - loose.width) / 5
    assert grown == pytest.approx([room, 2 * room, 2 * room, 0, 0])


def test_a_larger_span_makes_its_line_higher() -> None:
    """Only the line that the span is on grows."""
    layout = lay_out(_element("a\nb", spans=[{"start": 2, "end": 3, "font_size": 40}]), FONTS)
    assert layout.lines[0].height == 24.0
    assert layout.lines[1].height > 47


@pytest.mark.parametrize(("align", "share"), [("left", 0.0), ("center", 0.5), ("right", 1.0), ("end", 1.0)])
def test_lines_are_aligned(align: str, share: float) -> None:
    """What is free beside a line is shared out by its alignment; hanging spaces do not count."""
    line = lay_out(_element("some words that wrap around", align=align), FONTS).lines[0]
    assert line.x == pytest.approx((200 - line.width) * share, abs=1 / 32)


def test_right_to_left_text_starts_at_the_right() -> None:
    """The first strong character gives the direction, so `start` is the right edge."""
    line = lay_out(_element("שלום abc"), FONTS).lines[0]
    assert line.x + line.width == pytest.approx(200, abs=1 / 32)
    assert [run.glyphs.item.level for run in line.runs] == [2, 1, 1]


def test_justified_lines_fill_the_box_but_the_last() -> None:
    """Spaces grow until the line is as wide as its box."""
    lines = lay_out(_element("aa bb cc dd ee ff gg hh ii jj kk ll", align="justify"), FONTS).lines
    for line in lines[:-1]:
        end = max(run.x + run.glyphs.width for run in line.runs if run.glyphs.ids)
        assert end >= 199.9
    assert lines[-1].width < 150
    arabic = lay_out(_element("اللغة العربية جميلة وهذا نص طويل يلتف", align="justify"), FONTS).lines[0]
    assert (arabic.x + arabic.width, arabic.width) == pytest.approx((200, 200), abs=0.1)


def test_vertical_alignment_moves_all_lines() -> None:
    """Two lines of 24 px in a box of 100 begin at 0, 26 or 52."""
    tops = [
        lay_out(_element("a\nb", vertical_align=where), FONTS).lines[0].top
        for where in ("top", "middle", "bottom")
    ]
    assert tops == [0.0, 26.0, 52.0]


def test_an_ellipsis_ends_the_last_line_that_fits() -> None:
    """Lines beyond the box are left out; the last one kept ends in … within the width."""
    layout = lay_out(_element("lots of words " * 20, overflow="ellipsis"), FONTS)
    assert len(layout.lines) == 4
    assert layout.lines[-1].width <= 200.02
    dots = layout.lines[-1].runs[-1].glyphs
    assert dots.ids == [dots.item.face.hb_font.get_nominal_glyph(0x2026)]


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 60), st.floats(8, 90))
def test_shrunk_text_fits_and_is_no_smaller_than_needed(words: int, size: float) -> None:
    """Shrinking ends at the largest quarter px at which all fits."""
    element = _element("word " * words, overflow="shrink", font_size=size)
    layout = lay_out(element, FONTS)
    assert layout.height <= 100.02
    assert layout.scale <= 1
    if layout.scale < 1:
        bigger = element.model_copy(update={"font_size": size * layout.scale + 0.25, "overflow": "visible"})
        assert _does_not_fit(lay_out(bigger, FONTS))


def _does_not_fit(layout: Layout) -> bool:
    return layout.height > 100 or any(line.width > 200 for line in layout.lines) or len(layout.lines) > 1


@settings(max_examples=60, deadline=None)
@given(st.text("ab é你אب\t\n-é😀", max_size=40), st.floats(1, 300))
def test_no_character_is_lost(text: str, width: float) -> None:
    """Whatever the text and the width, the lines are the text."""
    element = _element(text, width=width)
    assert "".join(_lines(element)) == text.replace("\n", "")


def test_letters_are_spaced_and_transformed() -> None:
    """Spacing is added after each cluster and undoes ligatures; upper case may be longer."""
    plain, spaced = lay_out(_element("office"), FONTS), lay_out(_element("office", letter_spacing=3), FONTS)
    assert spaced.lines[0].width == pytest.approx(plain.lines[0].width + 18, abs=2)
    assert styled(_element("straße", text_transform="uppercase"))[0] == "STRASSE"
    assert styled(_element("o'neil two", text_transform="capitalize"))[0] == "O'neil Two"


def test_tabs_reach_the_next_stop() -> None:
    """A tab ends at a multiple of eight spaces."""
    first, second = (lay_out(_element(text), FONTS).lines[0].width for text in ("a\tb", "aa\tb"))
    assert first == pytest.approx(second)


def test_spans_change_what_they_name_and_nothing_else() -> None:
    """A later span wins; a line belongs to the text that asked for it, with its colour and size."""
    element = _element(
        "abcd",
        underline=True,
        spans=[
            {"start": 1, "end": 3, "color": "red", "font_size": 40},
            {"start": 2, "end": 9, "font_weight": 700, "underline": True},
        ],
    )
    _, styles = styled(element)
    assert [style.color for style in styles] == ["black", "red", "red", "black"]
    assert [style.weight for style in styles] == [400, 400, 700, 700]
    lines = [style.underline for style in styles]
    assert [(line.color, line.size) for line in lines if line] == [
        ("black", 20),
        ("black", 20),
        ("red", 40),
        ("red", 40),
    ]
    assert styled(_element("ΟΔΟΣ", text_transform="lowercase"))[0] == "οδος"


def test_a_bracket_at_a_line_s_begin_has_its_full_width() -> None:
    """Beside other punctuation it loses its empty half, and gets it back where it begins a line."""
    words = "あいうえお。「かきくけこさし"
    lines = _lines(_element(words, width=140.5))
    assert lines == ["あいうえお。", "「かきくけこさ", "し"]


def test_text_is_shaped_across_a_change_of_colour() -> None:
    """Kerning goes on; a cluster has the colour of its first character, and a bold span ends a run."""
    plain = lay_out(_element("AVAV To"), FONTS).lines[0]
    red = {"start": 1, "end": 2, "color": "red"}
    line = lay_out(_element("AVAV To", spans=[red]), FONTS).lines[0]
    assert line.width == pytest.approx(plain.width, abs=0.1)
    assert [run.glyphs.item.style.color for run in line.runs] == ["black", "red", "black"]
    bold = lay_out(_element("AVAV To", spans=[red | {"font_weight": 700}]), FONTS).lines[0]
    assert bold.width > plain.width + 1
    (run,) = lay_out(_element("कि", spans=[red]), FONTS).lines[0].runs
    assert run.glyphs.item.style.color == "black"


def test_spans_count_utf_16_or_code_points() -> None:
    """As JavaScript counts unless `unit` says otherwise; a span that begins in a pair takes all of it."""
    for unit, start, end in (("utf16", 4, 5), ("utf16", 4, 900), ("codepoint", 2, 3)):
        spans = [{"start": start, "end": end, "color": "red", "unit": unit}]
        _, styles = styled(_element("😀😀b", spans=spans))
        assert [style.color for style in styles] == ["black", "black", "red"]
    _, styles = styled(_element("😀b", spans=[{"start": 1, "end": 2, "color": "red"}]))
    assert [style.color for style in styles] == ["red", "black"]


def test_letter_spacing_keeps_clusters_whole() -> None:
    """Marks stay on their letters, and letters that join are not torn apart, but spaces between them grow."""
    for text, places in (("ที่นี่", 2), ("e\u0301e", 2), ("سلام سلام", 1)):
        tight, loose = (lay_out(_element(text, letter_spacing=by), FONTS).lines[0] for by in (0, 10))
        assert loose.width - tight.width == pytest.approx(10 * places, abs=0.1)


def test_a_soft_hyphen_shows_where_a_line_breaks_at_it() -> None:
    """The hyphen counts for the width of its line, and nothing shows of those inside of lines."""
    element = _element("Donau\u00addampf\u00adschiff", width=150)
    first, second = lay_out(element, FONTS).lines
    assert (first.end, second.start) == (12, 12)
    hyphen = first.runs[-1].glyphs
    assert hyphen.ids[-1] == hyphen.item.face.hb_font.get_nominal_glyph(0x2010)
    narrower = lay_out(element.model_copy(update={"width": first.width - 1}), FONTS).lines[0]
    assert narrower.end == 6


def test_the_last_line_feed_makes_no_line() -> None:
    """Each further one does."""
    assert [len(lay_out(_element(text), FONTS).lines) for text in ("a\n", "a\r\n", "a\n\n", "\n")] == [
        1,
        1,
        2,
        1,
    ]


def test_controls_and_stray_selectors_take_no_room() -> None:
    """Nothing is seen of characters without a look; separators of lines are spaces."""
    widths = [
        lay_out(_element(text), FONTS).lines[0].width
        for text in ("a b", "a\u000b\u0085\u007f b", "a \ufe0fb", "a\u2028b")
    ]
    assert widths == pytest.approx([widths[0]] * 4)


def test_a_mark_that_a_font_lacks_comes_with_its_letter() -> None:
    """Both are taken from a font that has both, unless the font has what they make together."""
    runs = lay_out(_element("q\u0323a", font_family="monospace"), FONTS).lines[0].runs
    assert [run.glyphs.item.face.family for run in runs] == ["Noto Sans", "Fira Mono"]
    assert all(all(run.glyphs.ids) for run in runs)


def test_a_text_is_transformed_by_words() -> None:
    """Capitals follow punctuation, the sigma that ends a word is another, one letter may become two."""
    quoted = "'hello' (hello) rock'n'roll 1st o’clock a\u00adb ßa 日本hello"
    shown = "'Hello' (Hello) Rock'n'roll 1st O’clock A\u00adb ßa 日本Hello"
    assert styled(_element(quoted, text_transform="capitalize"))[0] == shown
    assert styled(_element("İ ΟΔΟΣ", text_transform="lowercase"))[0] == "i̇ οδος"
    assert styled(_element("ﬁ ΐ", text_transform="uppercase"))[0] == "FI \u0399\u0308\u0301"
