"""What is drawn both ways: one small slide for each feature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.fidelity.pictures import SVG_ROOTS
from tests.fidelity.texts import LOOSE, TEXTS

WIDTH, HEIGHT = 480, 270
Part = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A slide of 480 × 270. compares_ink: whether the box around all that is painted has to agree.

    levels, box: by how much the picture (mean absolute difference) and that box (px) may differ; where
    it is more than the goals of 1.5 and 1, why is said beside the case. block: by how much any square of
    32 px may, if that is asked.
    """

    name: str
    elements: tuple[Part, ...]
    background: Part
    compares_ink: bool = True
    levels: float = 1.5
    box: int = 1
    block: float = 255.0

    @property
    def document(self) -> dict[str, Any]:
        """The project document."""
        # `seeThrough` is a hint for the markup, and no key of the format.
        elements = [{k: v for k, v in part.items() if k != "seeThrough"} for part in self.elements]
        slide = {"duration": 1, "background": self.background, "elements": elements}
        return {"version": 1, "width": WIDTH, "height": HEIGHT, "slides": [slide]}


WHITE: Part = {"type": "solid", "color": "white"}
_PANGRAM = (
    "The quick brown fox jumps over the lazy dog, while five wizards quietly judge my vow; "
    "“AVATAR” To. We offer efficient waffles."
)
_STOPS = [
    {"color": "#e63946", "offset": 0},
    {"color": "#f1faee", "offset": 0.4},
    {"color": "rgba(29,53,87,0.8)", "offset": 1},
]


def _case(
    name: str,
    *elements: Part,
    background: Part | None = None,
    ink: bool | None = None,
    levels: float = 1.5,
    box: int = 1,
) -> Case:
    plain = background is None or background["type"] == "solid"
    return Case(name, elements, background or WHITE, plain if ink is None else ink, levels, box)


def _text(words: str, **keys: Any) -> Part:
    return {
        "type": "text",
        "text": words,
        "x": 24,
        "y": 20,
        "width": 432,
        "height": 230,
        "fontSize": 24,
        **keys,
    }


def _image(src: str, **keys: Any) -> Part:
    return {"type": "image", "src": src, "x": 60, "y": 30, "width": 360, "height": 210, **keys}


def _shape(shape: str, **keys: Any) -> Part:
    box = {"x": 90, "y": 45, "width": 300, "height": 180}
    return {"type": "shape", "shape": shape, "fill": "#2a6f97", **box, **keys}


def _latin() -> Iterator[Case]:
    yield _case("latin/wrap", _text(_PANGRAM))
    yield _case("latin/justify", _text(_PANGRAM + " " + _PANGRAM, align="justify", fontSize=18))
    yield _case("latin/center", _text(_PANGRAM, align="center"))
    yield _case("latin/right", _text(_PANGRAM, align="right", x=24.5, y=20.25))
    yield _case("latin/serif italic", _text(_PANGRAM, fontFamily="serif", fontStyle="italic", fontSize=26))
    yield _case(
        "latin/mono", _text("def f(x):\n    return x ** 2  # tab:\tend", fontFamily="monospace", fontSize=22)
    )
    for weight in (100, 300, 500, 700, 900):
        yield _case(f"latin/weight {weight}", _text(_PANGRAM, fontWeight=weight))
    yield _case("latin/letter spacing", _text(_PANGRAM, letterSpacing=3, fontSize=20))
    yield _case("latin/tight spacing", _text(_PANGRAM, letterSpacing=-1, fontSize=28))
    yield _case("latin/line height", _text(_PANGRAM, lineHeight=1.8))
    yield _case("latin/low lines", _text(_PANGRAM, lineHeight=0.9, fontSize=30))
    yield _case("latin/middle", _text("In the\nmiddle", verticalAlign="middle", align="center", fontSize=40))
    yield _case("latin/bottom", _text("At the\nbottom", verticalAlign="bottom", fontSize=40))
    # CSS has to cut what it hides, and with it two px of the last line's descenders; we draw them.
    yield _case("latin/ellipsis", _text(_PANGRAM * 3, overflow="ellipsis", height=92), box=2)
    yield _case("latin/shrink", _text(_PANGRAM, overflow="shrink", fontSize=80, height=150))
    yield _case("latin/clip", _text(_PANGRAM, overflow="clip", height=70, fontSize=30))
    yield _case(
        "latin/long word", _text("Donaudampfschifffahrtselektrizitätenhauptbetriebswerk", fontSize=40)
    )
    yield _case("latin/small", _text(_PANGRAM * 4, fontSize=12))
    yield _case("latin/large", _text("Big Ag", fontSize=130, fontWeight=800))
    yield _case("latin/accents", _text("Çà et là, Žluťoučký kůň, Việt Nam, Ångström, ﬁn, ½ № €", fontSize=30))
    yield _case(
        "latin/Greek and Cyrillic",
        _text("Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Съешь же ещё этих мягких булок."),
    )
    yield _case("latin/uppercase", _text(_PANGRAM, textTransform="uppercase", fontSize=20))
    yield _case(
        "latin/capitalize", _text("every word's beginning is large", textTransform="capitalize", fontSize=36)
    )
    yield _case(
        "latin/light on dark",
        _text(_PANGRAM, color="#f8f9fa"),
        background={"type": "solid", "color": "#14213d"},
    )
    yield _case(
        "latin/turned", _text("Turned by fifteen degrees", rotation=-15, fontSize=32, height=60, y=105)
    )
    yield _case("latin/translucent", _text(_PANGRAM, opacity=0.5, color="#9d0208"))


def _styles() -> Iterator[Case]:
    words = "Some words are bold, some are red, some larger and some are underlined."
    spans = [
        {"start": 15, "end": 19, "fontWeight": 700},
        {"start": 30, "end": 33, "color": "#d00000", "fontStyle": "italic"},
        {"start": 40, "end": 46, "fontSize": 44},
        {"start": 60, "end": 70, "underline": True},
    ]
    yield _case("style/spans", _text(words, spans=spans, fontSize=26))
    backs = [{"start": 5, "end": 29, "background": {"color": "#ffe066", "padding": 3, "radius": 4}}]
    yield _case("style/span background", _text(words, spans=backs, fontSize=28, lineHeight=1.5))
    mixed = [
        {"start": 5, "end": 20, "fontFamily": "serif"},
        {"start": 25, "end": 40, "fontFamily": "monospace"},
    ]
    yield _case("style/span families", _text(words, spans=mixed, fontSize=26))
    yield _case("style/underline", _text("Jumping quickly, gypsy", underline=True, fontSize=44))
    yield _case("style/strikethrough", _text("No longer so, is it?", strikethrough=True, fontSize=44))
    stroke = {"color": "#d62828", "width": 6}
    yield _case(
        "style/stroke", _text("Outlined", stroke=stroke, fontSize=90, color="#fcbf49", fontWeight=700)
    )
    back = {"color": "#cdb4db", "padding": 14, "radius": 18}
    yield _case(
        "style/background", _text("On a box of its own", background=back, x=60, y=60, width=340, height=60)
    )


def _scripts() -> Iterator[Case]:
    yield _case(
        "script/Arabic", _text("نص عربي طويل بما يكفي ليلتف على عدة أسطر، مع الحركات: مُحَمَّد.", fontSize=32)
    )
    yield _case(
        "script/Arabic and Latin",
        _text("قال Tim Berners-Lee في عام 1989 إن (Web) مفتوح للجميع.", fontSize=32),
    )
    arabic = "نص عربي يملأ السطر كله حتى نرى المسافات بين الكلمات وهي تتسع قليلا قليلا في كل سطر"
    yield _case("script/Arabic justified", _text(arabic, fontSize=28, align="justify"))
    yield _case("script/Hebrew", _text("דג סקרן שט בים מאוכזב ולפתע מצא לו חברה. שָׁלוֹם!", fontSize=32))
    yield _case("script/Hebrew and Latin", _text("הספר The Hobbit יצא בשנת 1937 (באנגלית).", fontSize=32))
    yield _case(
        "script/Latin with Arabic", _text("The word سلام means peace, and שלום too: 3 of 4.", fontSize=30)
    )
    hindi = "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश करने वाले विष्णु।"
    yield _case("script/Devanagari", _text(hindi, fontSize=30))
    yield _case("script/Devanagari bold", _text("क्षत्रिय श्रृंगार द्वन्द्व कर्त्ता", fontSize=44, fontWeight=700))
    thai = "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน"
    yield _case("script/Thai", _text(thai, fontSize=32))
    yield _case("script/Thai and Latin", _text("ประเทศไทยใช้ Unicode มาตั้งแต่ปี 1991 แล้ว", fontSize=32))
    chinese = "天地玄黃,宇宙洪荒。日月盈昃,辰宿列張。「寒來暑往」,秋收冬藏;閏餘成歲。"
    yield _case("script/Chinese", _text(chinese, fontSize=32))
    yield _case(
        "script/Chinese and Latin",
        _text("我们在2024年发布了Version 2.0,速度提高了50%!欢迎试用。", fontSize=32),
    )
    yield _case(
        "script/Chinese justified",
        _text("视频渲染不需要浏览器,因此更快、更省、更稳定。" * 3, fontSize=26, align="justify"),
        levels=2,  # in two lines glyphs stand a part of a px beside Chromium's, at the same line ends
    )
    yield _case(
        "script/Japanese",
        _text("いろはにほへと ちりぬるを。「私たちの写真」は、カタカナとひらがなです。", fontSize=32),
    )
    yield _case(
        "script/Japanese bold", _text("吾輩は猫である。名前はまだ無い。", fontSize=44, fontWeight=700)
    )
    yield _case(
        "script/Korean",
        _text("모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.", fontSize=32),
    )
    yield _case("script/symbols", _text("→ ★ ☂ ∑ ∞ ≠ ✓ ♪ ⌘", fontSize=44))


def _emoji() -> Iterator[Case]:
    yield _case("emoji/plain", _text("Hello 😀 world 🚀 and 🎉 more ❤️", fontSize=40))
    yield _case("emoji/skin tones", _text("👋🏻👋🏼👋🏽👋🏾👋🏿 👍🏽 ✌🏿", fontSize=48))
    yield _case("emoji/flags", _text("🇫🇷🇯🇵🇧🇷 🇺🇳 🏴󠁧󠁢󠁳󠁣󠁴󠁿 🏳️‍🌈", fontSize=48))
    yield _case("emoji/families", _text("👨‍👩‍👧‍👦 👩🏽‍🚀 🧑‍🤝‍🧑 👩‍❤️‍👨", fontSize=48))
    yield _case("emoji/keycaps", _text("1️⃣ #️⃣ ☎️ ☎︎ ©️ ©", fontSize=48))
    words = "a 😀👍🏽🇫🇷 small ❤️ text 👩‍❤️‍👨 with emoji 🎉 that wraps over the lines 🚀 and 🏴󠁧󠁢󠁳󠁣󠁴󠁿 more"
    yield _case("emoji/small", _text(words, fontSize=17))
    yield _case("emoji/large", _text("😀👍🏽", fontSize=160))
    yield _case("emoji/justify", _text(words, fontSize=22, align="justify"))
    yield _case("emoji/bold italic", _text("😀👍🏽🇫🇷 ab 🎉", fontSize=40, fontWeight=700, fontStyle="italic"))


def _gradients() -> Iterator[Case]:
    for angle in (0, 30, 90, 135, 250):
        paint = {"type": "linear-gradient", "angle": angle, "stops": _STOPS}
        yield _case(f"gradient/linear {angle}", _shape("rect", fill=paint), ink=False)
    radial = {"type": "radial-gradient", "cx": 0.3, "cy": 0.4, "radius": 0.8, "stops": _STOPS}
    yield _case("gradient/radial", _shape("rect", fill=radial), ink=False)
    yield _case("gradient/radial ellipse", _shape("ellipse", fill=radial | {"cx": 0.5, "cy": 0.5}), ink=False)
    linear = {"type": "linear-gradient", "angle": 60, "stops": _STOPS}
    yield _case("gradient/linear background", background=linear)
    yield _case("gradient/radial background", background=radial)
    hard = [{"color": c, "offset": o} for c, o in (("navy", 0), ("navy", 0.5), ("gold", 0.5), ("gold", 1))]
    yield _case(
        "gradient/hard stop", _shape("rect", fill={"type": "linear-gradient", "angle": 45, "stops": hard})
    )


def _images() -> Iterator[Case]:
    for fit in ("cover", "contain", "fill"):
        yield _case(f"image/{fit}", _image("photo.png", fit=fit, height=160))
        yield _case(f"image/{fit} enlarged", _image("small.png", fit=fit, width=250))
        yield _case(
            f"image/{fit} background", background={"type": "image", "src": "photo.jpg", "fit": fit}, ink=False
        )
    yield _case("image/position", _image("photo.png", height=100, position=[0.2, 0.9]))
    yield _case("image/position contain", _image("photo.png", fit="contain", width=200, position=[0.5, 1]))
    yield _case("image/crop", _image("photo.png", crop={"x": 0.1, "y": 0.2, "width": 0.5, "height": 0.6}))
    yield _case("image/radius", _image("photo.png", radius=40))
    yield _case("image/circle", _image("photo.png", radius=500, width=210, x=135))
    yield _case("image/border", _image("photo.png", border={"color": "#ffb703", "width": 8}, radius=24))
    for radius, colour in ((0, "#0077b680"), (20, "transparent"), (90, "#0077b640"), (500, "#0077b6c0")):
        look = {"radius": radius, "border": {"color": colour, "width": 30}}
        yield _case(f"image/border {colour} {radius}", _image("photo.png", **look, width=240))
    yield _case("image/own size", _image("small.png", x=100, y=80, width=120, height=80))
    yield _case("image/half px", _image("small.png", x=100.5, y=80.25, width=120, height=80))
    yield _case("image/turned", _image("photo.jpg", rotation=12, width=280, height=170, x=100, y=50))
    yield _case("image/opacity", _image("photo.png", opacity=0.4))
    yield _case(
        "image/alpha", _image("through.png"), background={"type": "solid", "color": "#ffd6a5"}, ink=False
    )
    shadow = {"x": 10, "y": 14, "blur": 24, "color": "rgba(0,0,0,0.6)"}
    yield _case("image/shadow", _image("photo.png", shadow=shadow, radius=20), ink=False)
    yield _case("image/shadow of alpha", _image("through.png", shadow=shadow, seeThrough=True), ink=False)
    for name in (
        "photo.webp",
        "palette.gif",
        "drawing.svg",
        "deep.png",
        "greydeep.png",
        "cmyk.jpg",
        "wide.png",
    ):
        label = {"deep.png": "16 bits", "greydeep.png": "16 bits grey", "wide.png": "ICC profile"}.get(
            name, name
        )
        yield _case(f"image/{label}", _image(name, width=300, height=200), ink=False)
    for root in SVG_ROOTS:
        source = f"{root}.svg"
        yield _case(
            f"svg/{root}",
            _image(source, fit="fill", x=10, y=10, width=300, height=80),
            _image(source, fit="fill", x=330, y=10, width=80, height=190),
            _image(source, fit="cover", x=10, y=100, width=140, height=150),
            _image(source, fit="contain", x=160, y=100, width=150, height=150),
            _image(
                source, fit="fill", x=330, y=210, width=140, height=50, border={"color": "#0008", "width": 9}
            ),
            ink=False,
        )
    for root in ("plain", "none"):
        fitted = {"type": "image", "src": f"{root}.svg", "fit": "fill"}
        yield _case(f"svg/{root} background", background=fitted, ink=False)
    for orientation in range(1, 9):
        yield _case(f"image/EXIF {orientation}", _image(f"exif{orientation}.jpg"))


_PATH = "M20 100 C 40 10, 65 10, 95 80 S 150 150, 180 80 Q 220 0 280 60 L 260 160 A 60 40 20 0 1 150 160 Z"


def _shapes() -> Iterator[Case]:
    stroke = {"color": "#d62828", "width": 9}
    dash = {"color": "#d62828", "width": 5, "dash": [18, 8]}
    star = [
        [150, 0],
        [190, 120],
        [300, 70],
        [220, 150],
        [280, 180],
        [20, 180],
        [80, 150],
        [0, 70],
        [110, 120],
    ]
    yield _case("shape/rect", _shape("rect", x=90.5, width=300.5))
    yield _case("shape/rect turned", _shape("rect", rotation=33, width=200, x=140))
    yield _case("shape/rounded", _shape("rect", radius=36))
    yield _case("shape/border", _shape("rect", stroke=stroke, radius=30))
    yield _case("shape/ellipse", _shape("ellipse"))
    yield _case("shape/ellipse border", _shape("ellipse", stroke=stroke))
    yield _case("shape/dashed rect", _shape("rect", stroke=dash))
    yield _case("shape/dashed ellipse", _shape("ellipse", stroke=dash))
    yield _case("shape/line", _shape("line", stroke={"color": "black", "width": 4}))
    yield _case("shape/dashed line", _shape("line", points=[[0, 10], [150, 170], [300, 10]], stroke=dash))
    yield _case("shape/polygon", _shape("polygon", points=star, stroke={"color": "#003049", "width": 4}))
    yield _case("shape/path", _shape("path", d=_PATH, stroke=stroke))
    yield _case(
        "shape/opacity", _shape("rect", opacity=0.35), _shape("ellipse", opacity=0.5, x=200, fill="#e76f51")
    )
    yield _case(
        "shape/hex alpha", _shape("rect", fill="#2a6f9780", stroke={"color": "#d6282880", "width": 14})
    )


def _shadows() -> Iterator[Case]:
    shadow = {"x": 8, "y": 12, "blur": 20, "color": "rgba(0,0,0,0.55)"}
    yield _case("shadow/box", _shape("rect", shadow=shadow, radius=16), ink=False)
    yield _case("shadow/sharp", _shape("rect", shadow=shadow | {"blur": 0, "color": "#888"}))
    yield _case("shadow/ellipse", _shape("ellipse", shadow=shadow | {"blur": 40}), ink=False)
    path = _shape("path", d=_PATH, shadow=shadow)
    yield _case("shadow/path", path, ink=False)
    yield _case("shadow/text", _text("Shadowed", fontSize=88, fontWeight=700, shadow=shadow), ink=False)
    hard = {"x": 3, "y": 3, "blur": 0, "color": "#e63946"}
    yield _case("shadow/text sharp", _text("Hard edges", fontSize=72, shadow=hard))
    yield _case("shadow/turned", _shape("rect", shadow=shadow, rotation=20, width=220, x=130), ink=False)


_MODES = [
    "multiply",
    "screen",
    "overlay",
    "darken",
    "lighten",
    "color-dodge",
    "color-burn",
    "hard-light",
    "soft-light",
    "difference",
    "exclusion",
    "hue",
    "saturation",
    "color",
    "luminosity",
    "plus-lighter",
]


def _blends() -> Iterator[Case]:
    under = {
        "type": "linear-gradient",
        "angle": 90,
        "stops": [*_STOPS[:2], {"color": "#1d3557", "offset": 1}],
    }
    ramp = {"type": "linear-gradient", "angle": 0, "stops": [{"color": "#06d6a0", "offset": 0}, _STOPS[2]]}
    for mode in _MODES:
        over = _shape("rect", fill=ramp, blendMode=mode, radius=20)
        yield _case(
            f"blend/{mode}",
            over,
            _image("small.png", blendMode=mode, x=300, y=20, width=150, height=100),
            background=under,
        )
    yield _case(
        "blend/text",
        _text("Multiplied words", fontSize=64, blendMode="multiply", color="#3a86ff"),
        background=under,
    )


def _words() -> Iterator[Case]:
    """What a mark, a hyphen or a colour at the wrong place would show in: looked at block by block."""
    for name, text in TEXTS:
        yield Case(name, (text,), WHITE, block=LOOSE.get(name, 5.0))


_GROUPS = (_latin, _styles, _scripts, _emoji, _words, _gradients, _images, _shapes, _shadows, _blends)
CASES: tuple[Case, ...] = tuple(case for group in _GROUPS for case in group())
