"""The product of the example: a ring of light on a thin stem, on a table in front of a wall."""

from __future__ import annotations

import numpy as np
from launch_canvas import Array, clouds, colour, glow, gradient, over, smooth

WIDTH, HEIGHT = 1560, 1680
TABLE = 1270
RING_X, RING_Y, RING_R, RING_W = 800.0, 560.0, 330.0, 30.0


def lamp(rng: np.random.Generator) -> Array:
    """The lamp by itself, lit."""
    x = np.arange(WIDTH, dtype=np.float32)[None, :] + 0.5
    y = np.arange(HEIGHT, dtype=np.float32)[:, None] + 0.5
    picture = _room(rng, x, y)
    picture = _shadows(picture, x, y)
    # Each thing touches only its part of the picture.
    for thing, left, right, top in (
        (_vase, 60, 560, 380),
        (_books, 980, 1490, 1180),
        (_stand, 610, 990, 880),
    ):
        part = picture[top:1460, left:right]
        part[:] = thing(part, x[:, left:right], y[top:1460])
    return _ring(picture, x, y)


def _room(rng: np.random.Generator, x: Array, y: Array) -> Array:
    away = np.hypot(x - RING_X, y - RING_Y)
    wall = gradient(
        [(0, "#f0b98b"), (0.35, "#c97f6c"), (0.7, "#7d4a63"), (1, "#46305a")], np.clip(away / 1250, 0, 1)
    )
    plaster = clouds(rng, WIDTH, HEIGHT, 40, 40, 4)[..., None] - 0.5
    wall = wall * (1 + 0.05 * plaster)
    depth = np.clip((y - TABLE) / (HEIGHT - TABLE), 0, 1)
    wood = gradient([(0, "#8f5a4c"), (0.4, "#6d4249"), (1, "#3a2743")], depth + 0 * x)
    grain = clouds(rng, WIDTH, HEIGHT, 5, 150, 4)[..., None] - 0.5
    wood = wood * (1 + 0.16 * grain)
    lit = np.exp(-(((x - RING_X) / 520) ** 2) - ((y - TABLE - 40) / 170) ** 2)
    wood = glow(wood, colour("#ffb37c"), 0.62 * lit)
    # The ring, mirrored in the lacquer.
    mirror = 2 * TABLE - RING_Y
    near = np.abs(np.hypot(x - RING_X, (y - mirror + 330) * 1.25) - RING_R)
    wood = glow(wood, colour("#ffe2b8"), 0.26 * np.exp(-((near / 60) ** 2)) * smooth(1.0, 0.0, depth))
    edge = glow(
        over(wall, wood, smooth(-1, 1, y - TABLE) + 0 * x),
        colour("#ffd9b0"),
        0.25 * np.exp(-(((y - TABLE) / 3) ** 2)) + 0 * x,
    )
    return edge.astype(np.float32)


def _soft_ellipse(x: Array, y: Array, cx: float, cy: float, rx: float, ry: float, soft: float) -> Array:
    away = np.hypot((x - cx) / rx, (y - cy) / ry)
    return smooth(1 + soft, 1 - soft, away)


def _shadows(picture: Array, x: Array, y: Array) -> Array:
    low, y = picture[1300:1560], y[1300:1560]
    for cx, cy, rx, ry, strength in (
        (800, 1424, 250, 34, 0.60),
        (330, 1432, 190, 30, 0.55),
        (1235, 1440, 280, 34, 0.55),
    ):
        low[:] = over(low, colour("#1c1230"), strength * _soft_ellipse(x, y, cx, cy, rx, ry, 0.65))
    return picture


def _round(across: Array, dark: str, mid: str, light: str, lit_from: float) -> Array:
    """Shading of something turned on a lathe; across is -1 to 1, lit_from where the light comes from."""
    return gradient([(0, dark), (0.55, mid), (1, light)], np.clip(1 - np.abs(across - lit_from) / 1.5, 0, 1))


def _stand(picture: Array, x: Array, y: Array) -> Array:
    stem = (
        smooth(8.0, 6.6, np.abs(x - RING_X))
        * smooth(RING_Y + RING_R + 8, RING_Y + RING_R + 10, y)
        * smooth(1404, 1402, y)
    )
    picture = over(picture, _round((x - RING_X) / 7 + 0 * y, "#3b2336", "#8f6a5c", "#ffe0b5", 0.0), stem)
    side = _soft_ellipse(x, y, RING_X, 1416, 168, 30, 0.012)
    side = np.maximum(
        side, smooth(168.8, 167.4, np.abs(x - RING_X)) * smooth(1399, 1400, y) * smooth(1417, 1416, y)
    )
    picture = over(picture, _round((x - RING_X) / 168 + 0 * y, "#2a1a31", "#6d4b50", "#b98470", -0.2), side)
    top = _soft_ellipse(x, y, RING_X, 1400, 168, 29, 0.012)
    sheen = gradient(
        [(0, "#ffe6c2"), (0.45, "#d3a084"), (1, "#7c5358")],
        np.clip(np.hypot((x - RING_X) / 190, (y - 1396) / 40), 0, 1),
    )
    return over(picture, sheen, top)


def _ring(picture: Array, x: Array, y: Array) -> Array:
    away = np.hypot(x - RING_X, y - RING_Y)
    near = np.abs(away - RING_R)
    picture = glow(picture, colour("#ff9c5e"), 0.55 * np.exp(-((near / 210) ** 1.1)))
    picture = glow(picture, colour("#ffd6a0"), 0.75 * np.exp(-((near / 70) ** 1.3)))
    tube = smooth(RING_W + 0.9, RING_W - 0.9, near)
    light = gradient(
        [(0, "#ffffff"), (0.55, "#fff6df"), (0.86, "#ffe2b0"), (1, "#ffc98a")], np.clip(near / RING_W, 0, 1)
    )
    return over(picture, light, tube)


def _vase(picture: Array, x: Array, y: Array) -> Array:
    """A clay vase with dry grass."""
    t = np.clip((y - 1010) / 420, 0, 1)
    half = 40 + 105 * np.sin(np.pi * np.clip(t * 0.86 + 0.10, 0, 1)) ** 1.25
    for base, tip_x, tip_y, bend in (
        (322, 215, 500, -60),
        (330, 300, 410, -14),
        (336, 410, 470, 30),
        (326, 150, 640, -70),
        (340, 470, 600, 52),
    ):
        picture = _stalk(picture, x, y, (base, 1030.0), (tip_x, tip_y), bend)
    body = smooth(1.0, -1.0, np.abs(x - 330) - half) * smooth(1009, 1011, y) * smooth(1431, 1428, y)
    shade = _round((x - 330) / half, "#2f1d38", "#8a5560", "#f0b08c", 0.95)
    picture = over(picture, shade * (1 - 0.12 * smooth(0.45, 1.0, t)[..., None]), body)
    lip = _soft_ellipse(x, y, 330, 1011, 72, 11, 0.03)
    picture = over(picture, colour("#cf8f78"), lip)
    return over(picture, colour("#2a1930"), _soft_ellipse(x, y, 330, 1012, 61, 7.5, 0.05))


def _stalk(
    picture: Array, x: Array, y: Array, root: tuple[float, float], tip: tuple[float, float], bend: float
) -> Array:
    t = np.clip((root[1] - y) / (root[1] - tip[1]), 0, 1)
    along = root[0] + (tip[0] - root[0]) * t**1.6 + bend * np.sin(np.pi * t) * 0.6
    on = smooth(tip[1] - 2, tip[1] + 2, y) * smooth(root[1] + 1, root[1] - 1, y)
    tone = over(
        np.broadcast_to(colour("#5f3d4b"), picture.shape), colour("#f3bd8e"), smooth(100, 560, x) + 0 * y
    )
    picture = over(picture, tone, on * smooth(2.6, 1.2, np.abs(x - along)))
    ear = np.clip((t - 0.62) / 0.38, 0, 1)
    plume = 24 * np.clip(np.sin(np.pi * ear), 0, 1) ** 0.8 + 0.01
    hair = 0.72 + 0.28 * np.sin((x * 0.9 - y * 1.7) * 0.55)
    inside = on * (ear > 0) * smooth(1.0, 0.35, np.abs(x - along) / plume) * hair
    return over(picture, tone * 1.04, np.clip(inside, 0, 1) * 0.92)


def _books(picture: Array, x: Array, y: Array) -> Array:
    """Three books and a cup on them."""
    for left, right, top, bottom, cloth, page in (
        (1000, 1470, 1384, 1438, "#453062", "#e9c6a4"),
        (1030, 1440, 1338, 1384, "#a64f5f", "#f3d3ae"),
        (1016, 1400, 1298, 1338, "#d98a66", "#f6dcb9"),
    ):
        cover = (
            smooth(left - 1, left + 1, x)
            * smooth(right + 1, right - 1, x)
            * smooth(top - 1, top + 1, y)
            * smooth(bottom + 1, bottom - 1, y)
        )
        falloff = gradient(
            [(0, "#ffffff"), (1, "#8d7890")], np.clip((x - left) / (right - left), 0, 1) + 0 * y
        )
        picture = over(picture, colour(cloth) * falloff, cover)
        pages = (
            smooth(left + 22, left + 24, x)
            * smooth(right + 1, right - 1, x)
            * smooth(top + 7, top + 9, y)
            * smooth(bottom - 7, bottom - 9, y)
        )
        lines = 0.92 + 0.08 * np.sin(y * 1.9)
        picture = over(picture, colour(page) * falloff * lines[..., None], pages)
    half = 62 - 14 * np.clip((y - 1200) / 98, 0, 1) ** 2
    handle = np.abs(np.hypot(x - 1272, (y - 1242) * 1.05) - 30)
    picture = over(picture, colour("#b98d88"), smooth(7.5, 6.2, handle) * smooth(1262, 1266, x))
    cup = smooth(1, -1, np.abs(x - 1208) - half) * smooth(1199, 1201, y) * smooth(1299, 1297, y)
    picture = over(picture, _round((x - 1208) / 62 + 0 * y, "#8b6f80", "#e3c3b0", "#fff0dc", -0.95), cup)
    picture = over(picture, colour("#f6dfc8"), _soft_ellipse(x, y, 1208, 1200, 62, 11, 0.03))
    return over(picture, colour("#5a3636"), _soft_ellipse(x, y, 1208, 1202, 53, 8, 0.05))
