"""Fonts whose glyphs nest: refused in the sandbox, in bounded time, before anybody draws them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.decoder import SandboxedDecoder
from connectors.sandbox import MIB, Limits
from renderers.foreign.fonts import decode_font
from renderers.foreign.outlines import MOST_COMPONENTS, count, draw_each
from renderers.text.fonts import CustomFont, FontSet
from schemas.errors import InvalidInput
from tests.hostile.fonts import BOMBS, nested, of_layers, of_programs, with_picture

WORK_S = 20.0
"""Processor time that a bomb may take: one that goes off takes minutes and gigabytes."""


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(name: str, tmp_path: Path) -> None:
    """By the process that decodes, within a gigabyte and some seconds, with a sentence for its owner."""
    path = tmp_path / "font"
    path.write_bytes(BOMBS[name]())
    pool = SandboxedDecoder(1, Limits(memory=1024 * MIB, wall_s=60, cpu_s=int(WORK_S)), tmp_path)
    try:
        with pytest.raises(InvalidInput) as caught:
            pool.run({"op": "font", "path": str(path), "out": str(tmp_path / "out")})
    finally:
        pool.close()
    assert caught.value.code in ("bad_font", "broken_font")
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize(
    "make",
    [lambda: nested(3, 8), lambda: of_programs(2, 10), lambda: of_layers(2, 5), lambda: with_picture(200)],
)
def test_what_fonts_do_is_no_bomb(make: Callable[[], bytes], tmp_path: Path) -> None:
    """Accents on letters, subroutines, layers and small pictures are what they are for."""
    path = tmp_path / "font"
    path.write_bytes(make())
    assert decode_font(str(path), str(tmp_path / "out"))["family"] == "Bomb"


def test_programs_that_call_programs_end(tmp_path: Path) -> None:
    """FreeType gives up on them by itself: what passes here is drawn in no time elsewhere."""
    path, out = tmp_path / "font", tmp_path / "out"
    path.write_bytes(of_programs(9, 10))
    begin = time.process_time()
    decode_font(str(path), str(out))
    font = FontSet([CustomFont("Bomb", out.read_bytes())]).face("Bomb").at(300.0)
    font.getPath(1)
    assert time.process_time() - begin < WORK_S


def test_each_glyph_is_counted_once() -> None:
    """Counting takes as long as the font is large, not as long as drawing would."""
    parts = {number: [number - 1] * 2 for number in range(1, 7)}
    shown = count([4] + [0] * 6, parts)
    assert shown[6].points == 4 * 2**6
    assert shown[6].depth == 6
    with pytest.raises(InvalidInput, match="too many parts"):
        count([4] + [0] * 100, {number: [number - 1] * MOST_COMPONENTS for number in range(1, 101)})


def test_drawing_each_glyph_has_an_end() -> None:
    """Fonts whose glyphs take long without being large are refused for their time."""
    now = [0.0]

    def clock() -> float:
        now[0] += 0.5
        return now[0]

    begin = time.monotonic()
    with pytest.raises(InvalidInput, match="too long to draw"):
        draw_each(FontSet().face("sans-serif").at(64.0).getTypeface(), range(10_000), clock)
    assert time.monotonic() - begin < WORK_S
