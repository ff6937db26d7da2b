"""The document of the example: the launch of a lamp that does not exist, in nine slides."""

from __future__ import annotations

from launch_words import (
    APRICOT,
    CORAL,
    INK,
    LEFT,
    MUTED,
    NIGHT,
    PLUM,
    TOP,
    Part,
    kicker,
    lamp,
    linear,
    photo,
    radial,
    rise,
    shade,
    shape,
    slide,
    starts,
    text,
    tween,
)


def opening() -> Part:
    """The name."""
    return slide(
        "opening",
        4.8,
        {"type": "image", "src": "media/flow.jpg", "fit": "cover"},
        [
            *lamp(1390, 400, 210, 0.2),
            kicker("Introducing", LEFT + 6, 318, 0.5),
            text("Aubade", (LEFT, 352, 1000, 230), 190, 700, letterSpacing=-5, animations=rise(0.7, 60, 1.0)),
            text("Light that follows your day.", (LEFT + 4, 588, 900, 70), 48, 300, animations=rise(1.1)),
            shape(
                "rect",
                (LEFT + 6, 690, 120, 5),
                linear(90, (CORAL, 0), (APRICOT, 1)),
                radius=2.5,
                animations=[tween("opacity", 1.5, 0.6, 0, 1), tween("x", 1.5, 0.8, -60, 0)],
            ),
        ],
        "fade",
        0.8,
    )


def problem() -> Part:
    """What is wrong."""
    headline = "We live nine hours\nout of ten indoors."
    return slide(
        "problem",
        5.2,
        {"type": "solid", "color": NIGHT},
        [
            photo("city.jpg", 5.2, 1.0, 1.09),
            shade(90, ("#070a20d9", 0), ("#070a2099", 0.45), ("#070a2000", 0.80)),
            kicker("The problem", LEFT, 208, 0.6),
            text(
                headline,
                (LEFT - 4, 256, 1150, 230),
                92,
                700,
                lineHeight=1.12,
                letterSpacing=-2,
                spans=[
                    {
                        "start": headline.index("indoors"),
                        "end": headline.index("indoors") + 7,
                        "color": APRICOT,
                    }
                ],
                animations=rise(0.8, 54, 0.9),
            ),
            text(
                "Under light that never moves.",
                (LEFT, 498, 900, 60),
                42,
                300,
                color="#d9dcf5",
                animations=rise(1.5),
            ),
        ],
        "wipe-right",
        0.8,
    )


def outside() -> Part:
    """What we miss."""
    return slide(
        "outside",
        5.2,
        {"type": "solid", "color": PLUM},
        [
            photo("mountains.jpg", 5.2, 1.10, 1.0),
            shade(180, ("#12143a00", 0.58), ("#0c0e28cc", 1)),
            text(
                "05:58  ·  first light",
                (LEFT + 22, TOP, 420, 40),
                26,
                600,
                background={"color": "#ffffff2e", "padding": 20, "radius": 40},
                verticalAlign="middle",
                align="center",
                animations=[tween("opacity", 0.6, 0.7, 0, 1)],
            ),
            text(
                "Outside, no two minutes\nlook the same.",
                (LEFT - 4, 742, 1500, 230),
                92,
                700,
                letterSpacing=-2,
                lineHeight=1.12,
                shadow={"x": 0, "y": 4, "blur": 30, "color": "#0c0e2899"},
                animations=rise(0.8, 54, 0.9),
            ),
        ],
        "slide-left",
        0.8,
    )


def product() -> Part:
    """The lamp itself."""
    facts = (
        ("1,800–6,500 K", "from candle to noon"),
        ("CRI 98", "colours as they are"),
        ("9 watts", "at full daylight"),
    )
    numbers: list[Part] = []
    for index, (value, meaning) in enumerate(facts):
        x, at = LEFT + index * 292, 1.5 + index * 0.18
        numbers += [
            text(value, (x, 806, 285, 50), 36, 700, color=INK, letterSpacing=-0.5, animations=rise(at, 30)),
            text(meaning, (x, 858, 270, 36), 23, 400, color=MUTED, animations=rise(at + 0.06, 30)),
        ]
    return slide(
        "product",
        5.4,
        linear(160, ("#fffaf2", 0), ("#ffeeda", 1)),
        [
            {
                "type": "image",
                "src": "media/lamp.jpg",
                "x": 1110,
                "y": 100,
                "width": 680,
                "height": 880,
                "fit": "cover",
                "position": [0.52, 0.6],
                "radius": 56,
                "shadow": {"x": 0, "y": 34, "blur": 80, "color": "#5a2f4a73"},
                "animations": [tween("opacity", 0.3, 0.7, 0, 1), tween("x", 0.3, 1.0, 90, 0)],
            },
            kicker("Meet Aubade", LEFT, 228, 0.5, CORAL),
            text(
                "A small sunrise\nfor every room.",
                (LEFT - 4, 276, 900, 240),
                92,
                700,
                color=INK,
                letterSpacing=-2.5,
                lineHeight=1.1,
                animations=rise(0.7, 54, 0.9),
            ),
            text(
                "One ring of light that knows where the sun is, and does what the sun does: it wakes warm, "
                "works bright, and lets the evening be evening.",
                (LEFT, 536, 800, 170),
                33,
                400,
                color="#4d4a6b",
                lineHeight=1.45,
                animations=rise(1.0),
            ),
            shape("rect", (LEFT, 758, 840, 2), "#1b1b3f22", animations=[tween("opacity", 1.3, 0.6, 0, 1)]),
            *numbers,
        ],
        "slide-up",
        0.7,
    )


def _sunrise(x: float, y: float) -> list[Part]:
    rays = "M50 8 V22 M20.3 20.3 L30.2 30.2 M79.7 20.3 L69.8 30.2 M8 50 H22 M78 50 H92"
    stroke = {"color": "#ffffff", "width": 6}
    return [
        shape("path", (x, y, 100, 100), "#ffffff", d="M28 62 A22 22 0 0 1 72 62 Z"),
        shape("path", (x, y, 100, 100), stroke=stroke, d=f"{rays} M14 76 H86"),
    ]


def _moon(x: float, y: float) -> list[Part]:
    return [
        shape("path", (x, y, 100, 100), "#ffffff", d="M62 16 A36 36 0 1 0 86 64 A30 30 0 0 1 62 16 Z"),
        shape(
            "path", (x, y, 100, 100), "#ffffff", d="M76 18 L79 27 L88 30 L79 33 L76 42 L73 33 L64 30 L73 27 Z"
        ),
    ]


def _waves(x: float, y: float) -> list[Part]:
    d = " ".join(f"M10 {y0} C24 {y0 - 14} 36 {y0 - 14} 50 {y0} S76 {y0 + 14} 90 {y0}" for y0 in (34, 54, 74))
    return [shape("path", (x, y, 100, 100), stroke={"color": "#ffffff", "width": 6}, d=d)]


def features() -> Part:
    """Three cards."""
    cards = (
        (
            "Wakes with you",
            "A dawn of thirty minutes, at the hour you choose. No alarm, no jolt.",
            _sunrise,
            (APRICOT, CORAL),
        ),
        (
            "Rests with you",
            "Blue leaves the light as the sun goes down. Sleep finds its way back.",
            _moon,
            ("#8a6fd1", PLUM),
        ),
        (
            "Never the same",
            "Clouds pass, and the light breathes with them. No two evenings are alike.",
            _waves,
            ("#ff9a7a", "#b0568a"),
        ),
    )
    elements: list[Part] = [
        kicker("What it does", 0, 128, 0.3, CORAL, 1920) | {"align": "center"},
        text(
            "Set once. Then forget about it.",
            (0, 172, 1920, 100),
            72,
            700,
            color=INK,
            align="center",
            letterSpacing=-1.5,
            animations=rise(0.45),
        ),
    ]
    for index, (title, body, icon, (light, dark)) in enumerate(cards):
        x, at = 150 + index * 560, 0.8 + index * 0.22
        card = [
            shape(
                "rect",
                (x, 344, 500, 560),
                "#ffffff",
                radius=44,
                shadow={"x": 0, "y": 26, "blur": 64, "color": "#7a3f5a38"},
            ),
            shape("rect", (x + 52, 406, 140, 140), linear(145, (light, 0), (dark, 1)), radius=42),
            *icon(x + 72, 426),
            text(title, (x + 52, 594, 400, 60), 42, 700, color=INK, letterSpacing=-0.5),
            text(body, (x + 52, 668, 396, 180), 30, 400, color=MUTED, lineHeight=1.45),
        ]
        elements += [{**part, "animations": rise(at, 90, 0.9)} for part in card]
    return slide("features", 5.6, linear(200, ("#fff8ee", 0), ("#ffe3cd", 1)), elements, "wipe-down", 0.7)


HOURS = (
    (6, 0.20, "#ff9a56"),
    (7, 0.34, "#ffac6a"),
    (8, 0.52, "#ffc48a"),
    (9, 0.70, "#ffdcb2"),
    (10, 0.84, "#fff0dc"),
    (11, 0.94, "#fbf4ff"),
    (12, 1.00, "#e9efff"),
    (13, 0.99, "#e3ebff"),
    (14, 0.94, "#e9efff"),
    (15, 0.86, "#f6f1ff"),
    (16, 0.75, "#fff0dc"),
    (17, 0.62, "#ffdcb2"),
    (18, 0.49, "#ffc48a"),
    (19, 0.37, "#ffac6a"),
    (20, 0.28, "#ff9a56"),
    (21, 0.21, "#ff8246"),
    (22, 0.15, "#f26a3f"),
)
"""Hour, light as a share of noon's, and its colour."""


def chart() -> Part:
    """A day in light: bars that grow out of the ground, hour by hour."""
    left, ground, tall, step, wide = 249.0, 838.0, 430.0, 86.0, 46.0
    panel, below, bars, marks = "#171b47", "#1f194b", [], []
    for index, (hour, share, color) in enumerate(HOURS):
        x, height, at = left + index * step, tall * share, 0.7 + index * 0.06
        fill = linear(180, (color, 0), (f"{color}59", 1))
        grow = tween("y", at, 0.9, height + 8, 0, "easeOutCubic")
        bars.append(
            shape("rect", (x, ground - height, wide, height + 40), fill, radius=wide / 2, animations=[grow])
        )
        if hour % 2 == 0:
            marks.append(
                text(
                    f"{hour:02d}",
                    (x - 20, ground + 22, wide + 40, 34),
                    24,
                    500,
                    color="#9aa0d6",
                    align="center",
                )
            )
    tops = [(left + i * step + wide / 2, ground - tall * share - 34) for i, (_, share, _) in enumerate(HOURS)]
    noon = tops[6]
    return slide(
        "chart",
        6.0,
        linear(180, ("#0d1232", 0), (below, 0.85), (below, 1)),
        [
            kicker("One day, measured", LEFT, 104, 0.2),
            text(
                "86,400 shades of white.",
                (LEFT - 4, 146, 1500, 100),
                80,
                700,
                letterSpacing=-2,
                animations=rise(0.35),
            ),
            shape("rect", (150, 292, 1620, 660), panel, radius=44),
            *[
                shape("rect", (206, ground - tall * share, 1508, 1), "#ffffff14")
                for share in (0.25, 0.5, 0.75, 1.0)
            ],
            *bars,
            # What is still below the ground is hidden by a piece of the panel, and by one of the slide.
            shape("rect", (200, ground, 1520, 113), panel),
            shape("rect", (200, 951, 1520, 129), below),
            shape("rect", (150, 292, 1620, 660), radius=44, stroke={"color": "#ffffff1f", "width": 2}),
            shape("rect", (206, ground, 1508, 2), "#ffffff3d"),
            *marks,
            shape(
                "path",
                (0, 0, 1920, 1080),
                d=_curve(tops),
                stroke={"color": "#ffffffb3", "width": 4, "dash": [2, 12]},
                animations=[tween("opacity", 2.2, 0.8, 0, 1)],
            ),
            shape(
                "ellipse",
                (noon[0] - 13, noon[1] - 13, 26, 26),
                "#ffffff",
                shadow={"x": 0, "y": 0, "blur": 28, "color": "#ffffff"},
                animations=[tween("scale", 2.7, 0.6, 0, 1, "easeOutBack")],
            ),
            text(
                "6,500 K at noon",
                (noon[0] + 36, noon[1] - 30, 330, 46),
                26,
                600,
                color=INK,
                align="center",
                verticalAlign="middle",
                background={"color": "#fff6ea", "padding": 8, "radius": 30},
                animations=[tween("opacity", 2.9, 0.5, 0, 1), tween("x", 2.9, 0.7, -24, 0)],
            ),
        ],
        "slide-left",
        0.8,
    )


def _curve(points: list[tuple[float, float]]) -> str:
    """A smooth path through points (Catmull-Rom as Bézier curves)."""
    d = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for i in range(len(points) - 1):
        before, a, b, after = (
            points[max(0, i - 1)],
            points[i],
            points[i + 1],
            points[min(len(points) - 1, i + 2)],
        )
        first = (a[0] + (b[0] - before[0]) / 6, a[1] + (b[1] - before[1]) / 6)
        second = (b[0] - (after[0] - a[0]) / 6, b[1] - (after[1] - a[1]) / 6)
        d += f" C{first[0]:.1f} {first[1]:.1f} {second[0]:.1f} {second[1]:.1f} {b[0]:.1f} {b[1]:.1f}"
    return d


GREETINGS = (
    ("Good morning", "English"),
    ("Доброе утро", "Русский"),
    ("Καλημέρα", "Ελληνικά"),
    ("صباح الخير", "العربية"),
    ("בוקר טוב", "עברית"),
    ("शुभ प्रभात", "हिन्दी"),
    ("อรุณสวัสดิ์", "ไทย"),
    ("早上好", "中文"),
    ("おはよう", "日本語"),
    ("좋은 아침", "한국어"),
    ("Góðan daginn", "Íslenska"),
    ("☀️🌅☕", "Emoji"),
)


def languages() -> Part:
    """The same in every script."""
    elements: list[Part] = [
        text(
            "Good morning, in every language.",
            (0, 112, 1920, 100),
            72,
            700,
            align="center",
            letterSpacing=-1.5,
            animations=rise(0.3),
        )
    ]
    for index, (greeting, name) in enumerate(GREETINGS):
        column, row = index % 4, index // 4
        x, y, at = 150 + column * 411, 286 + row * 226, 0.5 + (column + row) * 0.13
        tile = [
            shape(
                "rect", (x, y, 387, 202), "#ffffff1c", radius=36, stroke={"color": "#ffffff30", "width": 2}
            ),
            text(
                greeting,
                (x + 16, y + 42, 355, 72),
                47,
                600,
                align="center",
                verticalAlign="middle",
                overflow="shrink",
            ),
            text(
                name,
                (x + 16, y + 132, 355, 36),
                23,
                400,
                color="#ffe3cdc9",
                align="center",
                verticalAlign="middle",
            ),
        ]
        elements += [{**part, "animations": rise(at, 50, 0.8)} for part in tile]
    background = linear(135, ("#2a1f58", 0), ("#7a3f74", 0.5), ("#f0745c", 1))
    return slide("languages", 5.6, background, elements, "zoom", 0.8)


def quote() -> Part:
    """Somebody's words; nobody's, in fact."""
    words = "I stopped noticing the lamp.\nI started noticing the morning."
    return slide(
        "quote",
        5.2,
        {"type": "solid", "color": NIGHT},
        [
            photo("sea.jpg", 5.2, 1.0, 1.08),
            shade(180, ("#0d1232d9", 0), ("#0d1232b3", 0.30), ("#0d123200", 0.47), ("#0d123280", 1)),
            text(
                "“",
                (0, 78, 1920, 180),
                210,
                700,
                color=APRICOT,
                align="center",
                lineHeight=1,
                animations=rise(0.5, 30),
            ),
            text(
                words,
                (160, 204, 1600, 210),
                74,
                300,
                align="center",
                lineHeight=1.3,
                animations=rise(0.8, 40, 1.0),
            ),
            text(
                "Ines Valdau, baker, up since four",
                (160, 418, 1600, 50),
                30,
                600,
                align="center",
                color="#ffe3cd",
                animations=rise(1.5, 24),
            ),
        ],
        "fade",
        0.9,
    )


def closing() -> Part:
    """Where to get one."""
    glow = radial(("#ff9a66", 0), ("#c4566b", 0.30), ("#4b2d6b", 0.62), ("#0d1232", 1), cy=0.36, radius=0.92)
    pill = linear(90, ("#fff6ea", 0), ("#ffe0bd", 1))
    press = [
        *rise(1.4),
        tween("scale", 3.0, 0.35, 1, 1.05, "easeInOutQuad"),
        tween("scale", 3.35, 0.35, 1, 1 / 1.05, "easeInOutQuad"),
    ]
    return slide(
        "closing",
        5.4,
        glow,
        [
            *lamp(960, 330, 128, 0.2, 16),
            text(
                "Aubade",
                (0, 520, 1920, 170),
                140,
                700,
                align="center",
                letterSpacing=-4,
                animations=rise(0.6, 50, 1.0),
            ),
            text("Wake up to it.", (0, 686, 1920, 70), 46, 300, align="center", animations=rise(0.9)),
            shape(
                "rect",
                (760, 806, 400, 92),
                pill,
                radius=46,
                shadow={"x": 0, "y": 14, "blur": 40, "color": "#0d123280"},
                animations=press,
            ),
            text(
                "Reserve yours",
                (760, 806, 400, 92),
                34,
                700,
                color=INK,
                align="center",
                verticalAlign="middle",
                animations=press,
            ),
            text(
                "aubade.example",
                (0, 944, 1920, 40),
                26,
                400,
                align="center",
                color="#ffe3cdb3",
                letterSpacing=2,
                animations=rise(1.7, 20),
            ),
        ],
    )


def slides() -> list[Part]:
    """All nine, in order."""
    return [opening(), problem(), outside(), product(), features(), chart(), languages(), quote(), closing()]


def document() -> Part:
    """The whole project."""
    film = slides()
    length = starts(film)[-1]
    music = {"id": "music", "src": "media/music.wav", "volume": 0.9, "fadeIn": 0.6, "fadeOut": 2.5}
    return {
        "version": 1,
        "id": "launch",
        "name": "Aubade: a launch",
        "meta": {"made-by": "examples/make_launch.py", "licence": "Apache-2.0", "seconds": length},
        "width": 1920,
        "height": 1080,
        "slides": film,
        "audio": [
            {**music, "duck": {"by": "chimes", "amount": 4}},
            {"id": "chimes", "src": "media/chimes.wav", "start": 0.2, "volume": 0.55, "fadeOut": 1.0},
        ],
    }
