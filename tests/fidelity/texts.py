"""Texts of the kinds that go wrong where words are cut, coloured, spaced or broken: parts of slides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Named = tuple[str, dict[str, Any]]
_COLOURS = ("#d00", "#0a0", "#00d")


def _text(name: str, words: str, **keys: Any) -> Named:
    box = {"x": 10, "y": 10, "width": 460, "height": 250, "fontSize": 40}
    return name, {"type": "text", "text": words, **box, **keys}


def _coloured(name: str, words: str, *places: tuple[int, int], **keys: Any) -> Named:
    spans = [
        {"start": start, "end": end, "color": _COLOURS[at % 3]} for at, (start, end) in enumerate(places)
    ]
    return _text(f"colour/{name}", words, fontSize=60, spans=spans, **keys)


def _spans() -> Iterator[Named]:
    yield _coloured("kerning", "AVAVAV To To", (1, 2), (3, 4), (8, 9))
    yield _coloured("vowel signs", "हिन्दी में", (0, 1), (1, 2), (3, 4))
    yield _coloured("flags", "🇩🇪 🇫🇷", (1, 4))
    yield _coloured("conjuncts", "क्षत्रिय श्री", (1, 2), (4, 6), (9, 10))
    yield _coloured("Thai marks", "ที่นี่ ผู้ใหญ่", (1, 2), (4, 5), (8, 9))
    yield _coloured("lam alef", "لا السلام عليكم", (0, 1), (4, 6), (9, 11))
    yield _coloured("combining marks", "e\u0301 q\u0303 n\u0303o", (1, 2), (4, 5))
    yield _coloured("ligatures", "office fi ffl waffle", (2, 3), (8, 9), fontFamily="serif")
    yield _coloured("karaoke", "लाइव म्यूज़िक", *((at, at + 1) for at in range(13)))
    yield _coloured("emoji", "👍🏽 👩‍👩‍👧 1️⃣", (1, 2), (4, 6), (9, 10))
    yield _coloured("Hebrew points", "שָׁלוֹם עולם", (0, 1), (1, 2), (4, 5))
    yield _coloured("directions", "abc שלום עולם def", (2, 6), (8, 14))
    yield _coloured("wrapped", "The quick AVAVAV brown fox jumps To To over", (5, 16), (20, 30))
    yield _coloured("after emoji", "😀😀 colour", (5, 8), (8, 12))
    lines = [
        {"start": 1, "end": 2, "underline": True},
        {"start": 3, "end": 5, "background": {"color": "#fd0"}},
        {"start": 8, "end": 9, "color": "#d00", "underline": True, "background": {"color": "#0df"}},
    ]
    yield _text("colour/lines and backgrounds", "AVAVAV To To", fontSize=60, spans=lines)
    bold = [{"start": 1, "end": 2, "fontWeight": 700}, {"start": 8, "end": 9, "fontWeight": 700}]
    yield _text("colour/bold ends a run", "AVAVAV To To", fontSize=60, spans=bold)


def _spaced() -> Iterator[Named]:
    def spaced(name: str, words: str, by: float, **keys: Any) -> Named:
        return _text(f"spacing/{name}", words, letterSpacing=by, **keys)

    yield spaced("Thai", "ที่นี่ ผู้ใหญ่", 12)
    yield spaced("Thai in lines", "ที่นี่ ผู้ใหญ่ ที่นี่ ผู้ใหญ่ ที่นี่", 12, width=250)
    yield spaced("Hebrew points", "שָׁלוֹם עולם", 10)
    yield spaced("Devanagari", "हिन्दी में क्षत्रिय", 8)
    yield spaced("combining marks", "e\u0301te\u0301 office", 8)
    yield spaced("negative", "ที่นี่ office", -3)
    yield spaced("Arabic", "السلام عليكم", 10)
    yield spaced("Arabic vowels", "الْحَمْدُ لِلَّهِ", 10)
    yield spaced("Arabic and Latin", "abc السلام، عليكم def 123", 8, fontSize=32)
    yield spaced("Arabic centred", "السلام عليكم ورحمة الله", 8, align="center", width=300)
    yield spaced("Chinese", "日本（東）、京", 8)
    yield spaced("emoji", "👍🏽👩‍👩‍👧 a", 8)
    spans = [
        {"start": 0, "end": 4, "letterSpacing": 14},
        {"start": 9, "end": 14, "letterSpacing": -3},
        {"start": 20, "end": 26, "letterSpacing": 9},
    ]
    yield spaced("spans", "wide and tight thai ที่นี่", 2, spans=spans)


_SHY = (
    "Donau\u00addampf\u00adschiff\u00adfahrts\u00adgesell\u00adschaft und co\u00adop\u00ader\u00ada\u00adtion"
)


def _hyphens() -> Iterator[Named]:
    for align in ("left", "center", "right", "justify"):
        yield _text(f"hyphen/{align}", _SHY, fontSize=30, width=200, align=align)
    for width in (90, 120, 150, 170):
        yield _text(f"hyphen/{width} px", _SHY, fontSize=24, width=width, height=260, y=0)
    yield _text("hyphen/bold", _SHY, fontSize=30, width=200, fontWeight=700)
    spans = [{"start": 3, "end": 14, "color": "#d00"}, {"start": 14, "end": 30, "fontSize": 40}]
    yield _text("hyphen/spans", _SHY, fontSize=30, width=220, spans=spans)
    yield _text("hyphen/right to left", "שלום\u00adעולם\u00adטקסט בעברית\u00adארוכה", width=130, fontSize=30)
    yield _text("hyphen/mono", _SHY, fontSize=24, width=220, fontFamily="monospace")
    yield _text("hyphen/spaced", _SHY, fontSize=24, width=220, letterSpacing=3)


def _breaks() -> Iterator[Named]:
    def broken(name: str, words: str, width: float, size: float, **keys: Any) -> Named:
        return _text(f"break/{name}", words, width=width, fontSize=size, **keys)

    french = "Il a dit : « Bonjour ! Comment ça va ? » et elle : « Bien ; merci ! »"
    yield broken("French", french, 150, 26)
    yield broken("signs after spaces", "50 % ( a ) et / ou – [ 1 ] ” 5 ’ ok ; ( b ) !", 90, 26)
    quoted = "他说：“你好，世界！”然后“走了”。“好”，我说。我们“一起”去。"
    yield broken("Chinese quotes", quoted, 160, 32)
    yield broken("single quotes", "他们‘走’了，‘你’和‘我’都‘好’。", 130, 32)
    yield broken("Korean quotes", "그는 “안녕”이라고 말했다 ‘또’ 만나요", 130, 30)
    kana = "あああああああっあああああああゃあああああああーあああああああぃ"
    yield broken("small kana", kana, 224, 32)
    yield broken("Katakana", "アアアアアアアッアアアアアアアャアアアアアアアーアｱｱｱｯｱｰ", 224, 32)
    thai = "ร้านอาหารนี้มีเมนูอาหารทะเลสดใหม่ทุกวันและราคาไม่แพง"
    for width in (120, 180, 260):
        yield broken(f"Thai {width}", thai, width, 34)
    yield broken("Thai and Latin", "ซื้อ iPhone 15 ราคา 30000บาทที่ร้านABCกรุงเทพมหานคร", 180, 30)
    yield broken("bracket at the end", "日（一）『二』（三）、四", 173.6, 28)
    for sign in "）」』】〉》":
        yield broken(f"bracket {sign}", f"あい{sign}（う{sign}え{sign}、お", 70.5, 28)
    yield broken("three brackets", "这是（《书》」）了「（一）」二", 130, 28)
    yield broken("no bracket", "ああ。あ！あ：あ、", 70.5, 28)
    yield broken("two hyphens", "use --verbose or -v, not foo--bar", 110, 28)
    yield broken("many hyphens", "a--b x---y 3--4 1-2 é--é state-of-the-art", 60, 28)
    korean = "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다."
    for align in ("left", "center", "justify"):
        yield broken(f"Korean {align}", korean, 300, 30, align=align, fontFamily="Noto Sans CJK KR")
    mixed = "모든  인간은\u00a0태어날 Korean 때부터 abc 자유"
    yield broken("Korean spaces", mixed, 300, 30, fontFamily="Noto Sans CJK KR")
    yield broken("ideographic spaces", "字字\u3000字字\u3000\u3000字字字 \u3000字字", 132, 32)


def _lines() -> Iterator[Named]:
    def ended(name: str, words: str, **keys: Any) -> Named:
        return _text(f"line feed/{name}", words, **keys)

    yield ended("middle", "Title\n", verticalAlign="middle")
    yield ended("two", "Title\n\n", verticalAlign="middle")
    yield ended("CR LF", "Title\r\n", verticalAlign="bottom")
    yield ended("shrink", "Title\n", overflow="shrink", height=60, width=90)
    yield ended("ellipsis", "One\nTwo\n", overflow="ellipsis", height=100)
    background = {"color": "#ffe", "padding": 5}
    yield ended("background", "Title\n", background=background, height=60, verticalAlign="bottom")


def _characters() -> Iterator[Named]:
    yield _text("control/separators", "one\u2028two\u2029three\u000bfour\u000cfive\u0085six", fontSize=32)
    yield _text("control/C0 and C1", "a\u0001b\u0007c\u001bd\u007fe\u0080f\u009fg", fontSize=32)
    spans = [{"start": 1, "end": 3, "fontSize": 12}]
    yield _text("tab/small span", "a\tb\tc", spans=spans)
    spans = [{"start": 1, "end": 3, "fontSize": 60}, {"start": 4, "end": 6, "underline": True}]
    yield _text("tab/large span", "a\tb\tcc\td", spans=spans)
    for words in ("ABCD\tb", "ABCDE\tb", "iiiiiiiiii\tb", "lllllllllll\tb"):
        for size in (24, 31, 40):
            yield _text(f"tab/near a stop {words[:-2]} {size}", f"{words}\n{words[1:]}", fontSize=size)
    yield _text("tab/lines", "a\tbb\tccc\tdd\te\tf", width=300, letterSpacing=1)
    yield _text("selector/joiner", "a\u200d👩 了”。\u200d‘单’ 👩\u200d🚀", fontSize=36)
    yield _text("selector/stray", "Hi \ufe0f there 1\ufe0f2")
    yield _text("selector/text", "Hi \ufe0e a\ufe0f b\ufe0e 3\ufe0e. ☎\ufe0e")
    yield _text("mark/missing", "Vie\u0323\u0302t q\u0303 x\u0332", fontFamily="monospace", fontSize=44)
    decomposed = "Z\u030clut\u030couc\u030cky\u0301 ku\u030an\u030c A\u030angstro\u0308m"
    for family in ("monospace", "Space Mono", "Cascadia Mono", "serif"):
        yield _text(f"mark/{family}", decomposed, fontFamily=family, fontSize=32)
    quoted = (
        "'hello' ‘hello’ \"hello\" “hello” (hello) [hello] -hello ¿hello? ¡hola! rock'n'roll 1st o’clock "
        "a.b x-ray snake_case ßa ﬁn ǆa e\u0301a"
    )
    yield _text("transform/capitalize", quoted, textTransform="capitalize", fontSize=24)
    yield _text("transform/uppercase", "straße ﬁn ǆ ΐ ŉ ςσ ﬃ", textTransform="uppercase")
    marked = [{"start": 13, "end": 14, "color": "#d00"}]
    yield _text("transform/lowercase", "ΟΔΟΣ ΣΑΣ. ΟΔΣ ẞ Ǆ", textTransform="lowercase", spans=marked)


def _fonts() -> Iterator[Named]:
    for family in (
        "Symbols",
        "Symbols and Roman",
        "WOFF2",
        "WOFF2 CFF",
        "WOFF2 Variable",
        "Flat",
        "Pictures",
        "Bitmaps",
    ):
        yield _text(f"font/{family}", "ABC abc", fontFamily=f"Made {family}", fontSize=60, y=60)
    yield _text("font/symbols by their codes", "\uf041\uf042", fontFamily="Made Symbols", fontSize=60)
    yield _text("font/pictures of 20 px", "ABC abc", fontFamily="Made Pictures", fontSize=20)
    for size in (9, 40, 90):
        yield _text(f"font/optical {size}", "BBB", fontFamily="Made Optical", fontSize=size)
    yield _text(
        "font/optical shrink", "BBBBB", fontFamily="Made Optical", fontSize=90, width=150, overflow="shrink"
    )


LOOSE = {"colour/vowel signs": 7.0, "colour/conjuncts": 11.0, "colour/karaoke": 7.0, "tab/large span": 6.0}
"""Blocks that may be more than 5 levels apart: Devanagari's joined forms are hinted otherwise in Chromium,
whose FreeType asks HarfBuzz for their script; behind a tab between spans a glyph stands a quarter px beside.
"""
TEXTS: tuple[Named, ...] = tuple(
    named for group in (_spans, _spaced, _hyphens, _breaks, _lines, _characters, _fonts) for named in group()
)
