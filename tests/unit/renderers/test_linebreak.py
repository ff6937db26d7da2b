"""Where lines may break."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.text import linebreak
from renderers.text.linebreak import Breaks


def _pieces(text: str) -> list[str]:
    """The lines of the narrowest box: each begins anew."""
    breaks, places = Breaks(text), [0]
    while (place := next(breaks.after(places[-1]), None)) is not None:
        places.append(place)
    return [text[first:last] for first, last in pairwise([*places, len(text)])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a  b", ["a  ", "b"]),
        ("well-known 10-20", ["well-", "known ", "10-", "20"]),
        ("x = -1 b-1 é-1", ["x ", "= ", "-1 ", "b-", "1 ", "é-1"]),
        ("and/or a.b/c?d", ["and/or ", "a.b/c?", "d"]),
        ("(a) “b” c… d(e)", ["(a) ", "“b” ", "c… ", "d(e)"]),
        ("10\u00a0km a-\u00a0b", ["10\u00a0km ", "a-", "\u00a0b"]),
        ("e\u0301 e\u0301", ["e\u0301 ", "e\u0301"]),
        ("日本、中国", ["日", "本、", "中", "国"]),
        ("「東」 京", ["「東」 ", "京"]),
        ("👩‍👩‍👧🇩🇪🇫🇷👍🏽", ["👩‍👩‍👧", "🇩🇪", "🇫🇷", "👍🏽"]),
        # spaces break whatever follows
        ("« Ça va ? » : ; !", ["« ", "Ça ", "va ", "? ", "» ", ": ", "; ", "!"]),
        ("( a ) 5 % / – ’ ”", ["( ", "a ", ") ", "5 ", "% ", "/ ", "– ", "’ ", "”"]),
        # quotation marks among ideographs
        ("说：“你好”，‘走’了", ["说：", "“你", "好”，", "‘走’", "了"]),
        ("그가“안”녕", ["그", "가", "“안”", "녕"]),
        # small kana begin lines, as everything of the kind
        ("あっャーｰｯ", ["あ", "っ", "ャ", "ー", "ｰ", "ｯ"]),
        # hyphens
        ("foo--bar x---y 3--4", ["foo-", "-", "bar ", "x-", "-", "-", "y ", "3-", "-4"]),
        ("é--é", ["é-", "-é"]),  # a hyphen that begins a line is no end of a word
        # words by dictionary
        ("ราคาไม่แพง 5บาท", ["ราคา", "ไม่", "แพง ", "5บาท"]),
        ("ภาษาไทยabcไทย", ["ภาษา", "ไทยabcไทย"]),
        ("ភ្នំពេញជារាជធានី", ["ភ្នំពេញ", "ជា", "រាជធានី"]),
        ("ພາສາລາວ", ["ພາສາ", "ລາວ"]),
        ("မြန်မာစာ", ["မြန်မာ", "စာ"]),
        ("Donau\u00addampf\u00adschiff", ["Donau\u00ad", "dampf\u00ad", "schiff"]),
        ("字\u3000字 \u3000字", ["字\u3000", "字 \u3000", "字"]),
    ],
)
def test_lines_break_where_a_browser_breaks_them(text: str, expected: list[str]) -> None:
    """Known texts fall into the pieces that Chromium gives."""
    assert _pieces(text) == expected


@settings(max_examples=1000, deadline=None)
@given(st.text("ab1Z„¿éüßžλщ -!?/|}.,:;()[]{%$+\"'“”‘’«»‹›…–\u00a0\u00ad", min_size=2, max_size=8))
def test_what_is_decided_without_icu_is_what_icu_decides(text: str) -> None:
    """Of European text every place that is decided by the short rules is as ICU has it."""
    for at in range(1, len(text)):
        before, after = text[at - 1], text[at]
        if (before + after).isascii() or " " in before + after:
            continue
        decided = linebreak._ordinary(before, after)
        if decided is not None:
            assert decided == linebreak._Icu(text, 0, None).breaks(at), (text, at)


def test_european_text_loads_no_icu() -> None:
    """Letters with accents, dashes between spaces and curly quotes do not take the time to load ICU."""
    text = "«Où est l’été ?» – „Größe“, said he… “Привет” (Καλημέρα) well-known\u00a0things"
    program = (
        "import sys\nfrom renderers.text.linebreak import Breaks\n"
        f"list(Breaks({text!r}).after(0))\nsys.exit('icu4py' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_long_run_is_looked_at_in_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of a long text without spaces are those that are found in all of it at once."""
    text = "ร้านอาหารนี้มีเมนูอาหารทะเลสดใหม่ทุกวันและราคาไม่แพง😀" * 60
    found = list(Breaks(text).after(7))
    monkeypatch.setattr(linebreak, "_WINDOW", 1 << 20)
    assert found == list(Breaks(text).after(7))
    assert len(found) > 900
