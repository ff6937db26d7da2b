"""The pictures of the example: mountains at dawn, a city at night, the sea at sunset, flowing colour.

All are made here from noise and gradients; nothing was photographed, and nothing is anybody else's.
"""

from __future__ import annotations

import numpy as np
from launch_canvas import Array, axes, blurred, clouds, colour, glow, gradient, line, over, resized, smooth

WIDTH, HEIGHT = 2400, 1350


def mountains(rng: np.random.Generator) -> Array:
    """Ridges in the haze of a sunrise, a forest in front."""
    x, y = axes(WIDTH, HEIGHT)
    sky = [
        (0, "#1d2351"),
        (0.22, "#4a3f80"),
        (0.42, "#b0628a"),
        (0.56, "#f2926f"),
        (0.66, "#ffc98b"),
        (1, "#ffe3b8"),
    ]
    picture = np.broadcast_to(gradient(sky, y), (HEIGHT, WIDTH, 3)).copy()
    picture = _cirrus(rng, picture, y)
    sun_x, sun_y = 0.655, 0.535
    away = np.hypot((x - sun_x) * WIDTH / HEIGHT, y - sun_y)
    picture = glow(picture, colour("#ff9d5c"), 0.75 * np.exp(-((away / 0.34) ** 1.2)))
    picture = glow(picture, colour("#fff0c9"), 0.9 * np.exp(-((away / 0.10) ** 1.4)))
    picture = over(picture, colour("#fff9e6"), smooth(0.0455, 0.043, away))
    ridges = [
        (0.600, 0.10, 3.0, "#e39a86", "#f7c197"),
        (0.655, 0.13, 3.6, "#b97488", "#e8a28d"),
        (0.715, 0.15, 4.2, "#84567e", "#c07e8a"),
        (0.790, 0.17, 4.8, "#513f6c", "#8d5f82"),
        (0.880, 0.15, 5.4, "#2d2a54", "#55446f"),
    ]
    for level, (base, height, bumps, rock, mist) in enumerate(ridges):
        top = base - height * (0.35 + line(rng, WIDTH, bumps, 8, 0.50))
        first = max(0, int(min(top.min(), base - 0.14) * HEIGHT) - 2)  # rows above it stay as they are
        part, rows = picture[first:], y[first:]
        below = (rows - top[None, :]) * HEIGHT
        body = gradient(
            [(0, rock), (0.55, rock), (1, mist)], np.clip(below / HEIGHT / (0.17 + 0.02 * level), 0, 1)
        )
        lit = np.clip(np.gradient(top) * 260, -1, 1) * np.sign(x[0] - sun_x)
        body = glow(
            body,
            colour("#ffb27a"),
            np.clip(lit, 0, 1)[None, :] * smooth(70, 0, below) * (0.30 - 0.05 * level),
        )
        part = over(part, body, smooth(-0.7, 0.7, below))
        drift = resized(
            clouds(rng, WIDTH // 4, part.shape[0] // 4, 5 + level, 5 + level, 4), WIDTH, part.shape[0]
        )
        band = np.exp(-(((rows - base - 0.035) / 0.045) ** 2)) * smooth(0.42, 0.75, drift)
        picture[first:] = glow(part, colour(mist), 0.42 * band)
    return _forest(rng, picture, y)


def _cirrus(rng: np.random.Generator, picture: Array, y: Array) -> Array:
    """Thin clouds, lit from below."""
    streaks = clouds(rng, WIDTH, HEIGHT, 4, 26, 5)
    veil = smooth(0.52, 0.78, streaks) * smooth(0.02, 0.18, y) * smooth(0.55, 0.34, y)
    return glow(picture, colour("#ffb08a"), 0.55 * veil)


def _forest(rng: np.random.Generator, picture: Array, y: Array) -> Array:
    """Spruces on the nearest slope."""
    ground = 0.955 - 0.055 * (line(rng, WIDTH, 3, 5) + 0.3)
    top = ground.copy()
    for _ in range(460):
        at, tall = int(rng.integers(0, WIDTH)), float(rng.uniform(0.022, 0.062)) * float(rng.uniform(0.6, 1))
        half = max(4, int(tall * HEIGHT * 0.21))
        across = np.arange(max(0, at - half), min(WIDTH, at + half + 1))
        share = 1 - np.abs(across - at) / half
        tiers = share + 0.10 * np.abs(np.sin(share * 15))  # branches, in tiers
        top[across] = np.minimum(top[across], ground[at] + 0.004 - tall * np.clip(tiers, 0, 1))
    body = gradient([(0, "#1a1b3f"), (1, "#0c0e28")], np.clip((y - top[None, :]) / 0.10, 0, 1))
    return over(picture, body, smooth(-0.8, 0.8, (y - top[None, :]) * HEIGHT))


def city(rng: np.random.Generator) -> Array:
    """A skyline across the water, late at night."""
    shore = int(HEIGHT * 0.70)
    x, y = axes(WIDTH, shore)
    sky = [(0, "#070a20"), (0.40, "#131a47"), (0.70, "#372f68"), (0.9, "#7a4a76"), (1, "#a85f78")]
    picture = np.broadcast_to(gradient(sky, y), (shore, WIDTH, 3)).copy()
    stars = rng.random((shore, WIDTH), dtype=np.float32)
    picture = glow(picture, colour("#cfd8ff"), smooth(0.99955, 1.0, stars) * smooth(0.75, 0.1, y) * 0.9)
    picture = glow(
        picture, colour("#ff9a66"), 0.34 * np.exp(-(((x - 0.62) / 0.34) ** 2)) * smooth(0.45, 1.0, y)
    )
    haze = ["#4d3d72", "#372f61", "#23234d", "#141735", "#090c22"]
    for level, body in enumerate(haze):
        picture = _buildings(rng, picture, shore, level, body)
    lights = blurred(np.clip(picture.max(axis=2) - 0.55, 0, 1), 14)
    picture = glow(picture, colour("#ffb36b"), np.clip(lights * 1.5, 0, 0.6))
    return _over_water(rng, picture, shore)


def _buildings(rng: np.random.Generator, picture: Array, shore: int, level: int, body: str) -> Array:
    """One row of houses, the nearer the darker, with windows of the people who are still up."""
    left = -int(rng.integers(0, 60))
    wall = colour(body)
    while left < WIDTH:
        wide = int(rng.integers(38, 104) * (1 + 0.10 * level))
        centre = np.exp(-((((left + wide / 2) / WIDTH - 0.66) / 0.23) ** 2))
        share = rng.random() ** (1.3 + 0.5 * level) * (0.14 + 0.52 * centre) * (1 - 0.20 * level)
        tall = int(shore * (0.17 - 0.02 * level + share))
        right, top = min(WIDTH, left + wide), shore - tall
        if right > max(left, 0):
            _building(rng, picture, (max(left, 0), top, right, shore), level, wall)
        left += wide + int(rng.integers(-8, 26))
    return picture


def _building(
    rng: np.random.Generator, picture: Array, box: tuple[int, int, int, int], level: int, wall: Array
) -> None:
    left, top, right, bottom = box
    fade = np.linspace(0, 1, bottom - top, dtype=np.float32)[:, None, None]
    picture[top:bottom, left:right] = (
        wall * (1 - 0.10 * fade) + colour("#6a4470") * 0.26 * fade * (4 - level) / 4
    )
    if rng.random() < 0.3:
        mast = (left + right) // 2
        picture[max(0, top - int(rng.integers(20, 70))) : top, mast : mast + 2] = wall
    if rng.random() < 0.45:  # a second, narrower storey on top
        inset, rise = int((right - left) * rng.uniform(0.15, 0.32)), int(rng.integers(12, 60))
        picture[max(0, top - rise) : top, left + inset : right - inset] = wall
    step = 6 + level
    rows, columns = (bottom - top - 14) // (step + 3), (right - left - 10) // step
    if rows < 1 or columns < 1:
        return
    awake = rng.random((rows, columns)) < rng.uniform(0.06, 0.34)
    warmth = rng.random((rows, columns, 1)).astype(np.float32)
    tint = colour("#ffc477") * warmth + colour("#ffe9c4") * (1 - warmth)
    tint = np.where(rng.random((rows, columns, 1)) < 0.07, colour("#9fc4ff"), tint)
    bright = (rng.uniform(0.35, 1.0, (rows, columns, 1)) * (0.40 + 0.15 * level)).astype(np.float32)
    for row, column in zip(*np.nonzero(awake), strict=True):
        y0, x0 = top + 8 + int(row) * (step + 3), left + 6 + int(column) * step
        pane = picture[y0 : y0 + step - 1, x0 : x0 + step - 3]
        pane += (tint[row, column] - pane) * bright[row, column]


def _over_water(rng: np.random.Generator, picture: Array, shore: int) -> Array:
    """The town, and what the water makes of it."""
    deep = HEIGHT - shore
    depth = np.arange(deep, dtype=np.float32)
    sway = line(rng, deep, 40, 3) * (3 + depth * 0.10)
    mirrored = picture[::-1][:deep]
    smeared = np.stack([_streaked(mirrored[..., c]) for c in range(3)], axis=-1)
    ripple = clouds(rng, WIDTH, deep, 50, 70, 3) - 0.5
    shift = sway[:, None] + ripple * (8 + depth[:, None] * 0.16)
    columns = np.clip(np.arange(WIDTH)[None, :] + shift, 0, WIDTH - 1).astype(np.intp)
    water = np.take_along_axis(smeared, columns[..., None], axis=1)
    dark = (0.72 - 0.34 * depth / deep)[:, None, None]
    water = water * dark + colour("#0a1030") * (1 - dark) * 0.9
    water = glow(water, colour("#6f7fd0"), smooth(0.18, 0.36, ripple) * 0.07)
    whole = np.concatenate([picture, water.astype(np.float32)])
    whole[shore - 3 : shore + 2] *= np.float32(0.45)
    return whole


def _streaked(values: Array) -> Array:
    """Light drawn out downwards, as waves do."""
    height, width = values.shape
    return 0.35 * values + 0.65 * resized(resized(values, width // 3, max(2, height // 26)), width, height)


def sea(rng: np.random.Generator) -> Array:
    """The sun going down over open water."""
    shore = int(HEIGHT * 0.56)
    x, y = axes(WIDTH, shore)
    stops = [(0, "#27305f"), (0.30, "#5c4a86"), (0.60, "#c96f84"), (0.83, "#ff9f6e"), (1, "#ffd08c")]
    sky = np.broadcast_to(gradient(stops, y), (shore, WIDTH, 3)).copy()
    banks = clouds(rng, WIDTH, shore, 4, 15, 6)
    high = smooth(0.0, 0.3, y) * smooth(1.0, 0.62, y)
    cover = smooth(0.46, 0.74, banks) * high
    lit = np.clip((banks - np.roll(banks, -14, axis=0)) * 9, 0, 1) * smooth(0.46, 0.62, banks) * high
    sky = over(sky, gradient([(0, "#343767"), (0.6, "#85507c"), (1, "#d07a74")], y), cover * 0.80)
    sky = glow(sky, colour("#ffb083"), lit * 0.75)
    sun_x = 0.36
    away = np.hypot((x - sun_x) * WIDTH / shore, (y - 0.90) * 1.0)
    sky = glow(sky, colour("#ff8a4a"), 0.70 * np.exp(-((away / 0.50) ** 1.2)))
    sky = glow(sky, colour("#ffe9b5"), np.exp(-((away / 0.15) ** 1.5)))
    sky = over(sky, colour("#fffbe8"), smooth(0.078, 0.074, away))
    return np.concatenate([sky, _water(rng, sky, HEIGHT - shore, sun_x)])


def _water(rng: np.random.Generator, sky: Array, deep: int, sun_x: float) -> Array:
    """Waves that are finer towards the horizon, the sky in them, and the path of the sun."""
    x, t = axes(WIDTH, deep)
    # Perspective: what is t below the horizon lies this far away on the plane of the water.
    far = 1 / (t + np.float32(0.045))
    waves = _swell(rng, (x - 0.5) * far, far) * np.minimum(1, 0.35 + 2.2 * t)
    bend = waves * (30 + 120 * t) + t * sky.shape[0] * 0.9
    seen = np.clip(sky.shape[0] - 1 - np.abs(bend), 0, sky.shape[0] - 1).astype(np.intp)
    water = sky[seen, np.arange(WIDTH)[None, :]]
    water = water * (0.82 - 0.44 * t)[..., None] + colour("#191d4d") * (0.18 + 0.32 * t)[..., None]
    water = over(water, colour("#12143c"), 0.30 * smooth(0.1, -0.9, waves) * smooth(0, 0.3, t))
    path = np.exp(-(((x - sun_x) / (0.030 + 0.10 * t)) ** 2))
    sparkle = smooth(0.10, 0.55, waves + 0.45 * path - 0.25 * t)
    water = glow(water, colour("#ffb070"), 0.50 * path * (1 - 0.5 * t))
    return glow(water, colour("#ffedc0"), path * sparkle * (0.95 - 0.25 * t)).astype(np.float32)


def _swell(rng: np.random.Generator, across: Array, far: Array) -> Array:
    """Many small waves that run towards us, in the plane of the water; about -1 to 1."""
    total = np.zeros(across.shape, np.float32)
    for number in range(22):
        length = np.float32(2.2 * 1.22**number)
        along, askew = length * np.float32(rng.uniform(0.8, 1.2)), length * np.float32(rng.normal(0, 0.34))
        wave = np.sin(far * along + across * askew * 2.0 + np.float32(rng.uniform(0, 6.28)))
        total += wave * np.float32(0.34 * 0.93**number)
    return total


def flow(rng: np.random.Generator) -> Array:
    """Waves of silk in the colours of a morning, one before the other."""
    width, height = 1920, 1080
    x, y = axes(width, height)
    night = gradient([(0, "#0b1030"), (0.55, "#1a1a4a"), (1, "#33235c")], np.clip(0.55 * x + 0.6 * y, 0, 1))
    away = np.hypot((x - 0.80) * width / height, y - 0.42)
    picture = glow(night, colour("#b0568a"), 0.55 * np.exp(-((away / 0.55) ** 1.5)))
    silk = ["#2a2158", "#432a6b", "#6b3574", "#9c4474", "#cf5b69", "#f47c5f", "#ffa768"]
    phase, turn = float(rng.uniform(5.2, 5.6)), float(rng.uniform(0.8, 1.0))
    for level, body in enumerate(silk):
        share = level / (len(silk) - 1)
        crest = 0.60 + 0.33 * share - 0.20 * (1 - 0.45 * share) * x[0]
        crest += (0.105 - 0.035 * share) * np.sin(phase + 3.6 * x[0] + 0.85 * level)
        crest += 0.030 * np.sin(turn + 7.4 * x[0] - 1.1 * level)
        first = max(0, int((crest.min() - 0.11) * height))  # rows above it stay as they are
        part, below = picture[first:], y[first:] - crest[None, :]
        part = over(part, colour("#0b0d2a"), 0.42 * smooth(-0.10, 0.0, below) * smooth(0.004, -0.001, below))
        after = silk[min(level + 1, len(silk) - 1)]
        cloth = gradient([(0, after), (0.35, body), (1, body)], np.clip(below / (0.26 - 0.06 * share), 0, 1))
        cloth = glow(
            cloth, colour("#ffd9b8"), (0.16 + 0.22 * share) * smooth(0.035, 0.0, below) * smooth(0.1, 0.9, x)
        )
        cloth = over(cloth, colour("#11123a"), 0.72 * smooth(0.75 - 0.1 * share, -0.1, x) + 0 * below)
        picture[first:] = over(part, cloth.astype(np.float32), smooth(-0.0006, 0.0006, below))
    return picture.astype(np.float32)
