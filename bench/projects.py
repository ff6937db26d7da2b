"""The projects that the benchmark exports: generated, so that anyone has the same ones.

Photographs are noise of every scale under soft shapes: as much detail as a photograph has, which is what
an encoder's time depends on. Everything comes from fixed seeds.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import orjson
from PIL import Image

PHOTO = (3000, 2000)
ZOOM = 1.15
"""How far a photograph has grown at the end of its slide."""
SLIDE_IN = 0.8
"""Seconds that a title needs to slide in."""
FADE_IN = {"photo": (0.2, 0.8), "title": (0.6, 0.8)}
"""Where `Case.appears`: when each begins to fade in, and for how long."""
COLORS = (
    "#1d3557",
    "#2a9d8f",
    "#8d5b4c",
    "#264653",
    "#6a4c93",
    "#3a5a40",
    "#7f4f24",
    "#355070",
    "#5f0f40",
    "#1b4332",
)


@dataclass(frozen=True)
class Case:
    """One project and how it is exported.

    fade: seconds of the transition between slides. full: the photograph fills the slide, its title lies on
    it. appears: photograph and title fade in, one after the other.
    """

    name: str
    title: str
    slides: int
    seconds: float
    fade: float = 0.0
    transition: str = "fade"
    zoom: bool = False
    full: bool = False
    appears: bool = False
    title_moves: bool = False
    sounds: int = 2
    fps: int = 30
    quality: str = "1080p"

    @property
    def height(self) -> int:
        """Of the picture, in pixels."""
        return int(self.quality.rstrip("p"))

    @property
    def width(self) -> int:
        """Of the picture, in pixels."""
        return self.height * 16 // 9

    @property
    def frames(self) -> int:
        """Of the whole video."""
        return round((self.slides * self.seconds - (self.slides - 1) * self.fade) * self.fps)

    @property
    def still(self) -> bool:
        """Whether nothing moves."""
        return not (self.fade or self.zoom or self.title_moves or self.appears)

    @property
    def photo_box(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the photograph in the coordinates of 1920×1080."""
        return FULL_BOX if self.full else PHOTO_BOX


CASES = (
    Case("second", "one slide of one second", 1, 1.0, sounds=0),
    Case("static", "10 static slides × 3 s, 2 sounds", 10, 3.0),
    Case("crossfades", "the same with 0.5 s crossfades", 10, 3.0, fade=0.5),
    Case("zoom", "a photo zooming on every slide, title sliding in", 10, 3.0, zoom=True, title_moves=True),
    Case("titles", "only the titles sliding in", 10, 3.0, title_moves=True),
    Case("pushes", "10 slides that push one another for 0.5 s", 10, 3.0, fade=0.5, transition="slide-left"),
    Case("appear", "photograph and title fade in on every slide", 10, 3.0, appears=True),
    Case(
        "over", "titles sliding in over photographs that fill the slide", 10, 3.0, full=True, title_moves=True
    ),
    Case("captions", "titles on photographs that fill the slide and grow", 10, 3.0, full=True, zoom=True),
    Case("minute", "2 static slides × 30 s (1 min)", 2, 30.0),
    Case("minutes", "20 static slides × 30 s (10 min)", 20, 30.0),
    Case("fps60", "crossfades and titles at 60 fps", 10, 3.0, fade=0.5, title_moves=True, fps=60),
    Case("uhd", "crossfades at 2160p", 5, 3.0, fade=0.5, quality="2160p"),
    Case("uhdzoom", "zooms and slide-ins at 2160p", 5, 3.0, zoom=True, title_moves=True, quality="2160p"),
)


def write(case: Case, folder: Path) -> Path:
    """The project of a case and its files, in `folder`, unless they are there; the project's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(min(case.slides, 10)):
        _once(folder / f"photo{index}.jpg", lambda path, seed=index: photo(seed).save(path, quality=90))
    for index in range(case.sounds):
        _once(folder / f"sound{index}.wav", lambda path, seed=index: sound(path, seed))
    path = folder / f"{case.name}.json"
    path.write_bytes(orjson.dumps(project(case), option=orjson.OPT_INDENT_2))
    return path


def _once(path: Path, make: Any) -> None:
    if not path.exists():
        partial = path.with_name(f"partial-{path.name}")
        make(partial)
        partial.replace(path)


def photo(seed: int) -> Image.Image:
    """A picture with detail at every scale, (2000, 3000)."""
    rng = np.random.default_rng(seed)
    width, height = PHOTO
    base = np.zeros((height, width, 3), np.float32)
    for octave in range(2, 11):
        cells = rng.normal(0, 1, (max(2, height >> (11 - octave)), max(2, width >> (11 - octave)), 3))
        cells = cells.astype(np.float32) * 0.4 + cells.mean(axis=2, keepdims=True).astype(np.float32)
        base += cv2.resize(cells, PHOTO, interpolation=cv2.INTER_CUBIC) * 0.68 ** (octave - 2)
    base *= 0.8
    picture: Any = 128 + 55 * base
    for _ in range(14):
        at = (int(rng.integers(width)), int(rng.integers(height)))
        color = [float(c) for c in rng.integers(20, 236, 3)]
        cv2.circle(picture, at, int(rng.integers(60, 380)), color, -1, cv2.LINE_AA)
    picture = cv2.addWeighted(picture, 0.6, (128 + 55 * base).astype(np.float32), 0.4, 0)
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def sound(path: Path, seed: int, seconds: float = 20.0, rate: int = 44_100) -> None:
    """Chords with an envelope and a little noise, stereo, 16 bits."""
    rng = np.random.default_rng(100 + seed)
    time = np.arange(int(seconds * rate)) / rate
    mixed = np.zeros((time.size, 2))
    for beat in range(int(seconds * 2)):
        after = time - beat / 2
        envelope = np.where(after >= 0, np.exp(-4 * np.clip(after, 0, None)), 0)
        for pitch in rng.choice([220.0, 246.9, 277.2, 329.6, 370.0, 440.0], 3, replace=False):
            tone = np.sin(2 * np.pi * pitch * (seed + 1) * after) * envelope * 0.12
            pan = rng.uniform(0.2, 0.8)
            mixed += tone[:, None] * [pan, 1 - pan]
    mixed += rng.normal(0, 0.002, mixed.shape)
    samples = (np.clip(mixed, -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def project(case: Case) -> dict[str, Any]:
    """The document of a case, in the coordinates of 1920×1080."""
    tracks = [
        {
            "id": f"a{i}",
            "src": f"sound{i}.wav",
            "loop": True,
            "volume": (0.8, 0.5)[i],
            "fadeIn": 0.5,
            "fadeOut": 0.5,
        }
        for i in range(case.sounds)
    ]
    return {
        "version": 1,
        "id": f"bench-{case.name}",
        "name": case.title,
        "width": 1920,
        "height": 1080,
        "slides": [_slide(case, index) for index in range(case.slides)],
        "audio": tracks,
    }


PHOTO_BOX = (120, 90, 1680, 780)
FULL_BOX = (0, 0, 1920, 1080)
TITLE_BOX = (120, 900, 1680, 120)
TITLE_SIZE = 72


def title(index: int) -> str:
    """What a slide is called."""
    return f"Slide {index + 1}: a title to be read"


def background(index: int) -> str:
    """The colour behind a slide."""
    return COLORS[index % len(COLORS)]


def _slide(case: Case, index: int) -> dict[str, Any]:
    x, y, width, height = case.photo_box
    picture: dict[str, Any] = {
        "id": "photo", "type": "image", "src": f"photo{index % 10}.jpg",
        "x": x, "y": y, "width": width, "height": height,
        "fit": "cover",
    }  # fmt: skip
    if case.zoom:
        picture["animations"] = [
            {"property": "scale", "within": True, "from": 1, "to": ZOOM, "start": 0, "duration": case.seconds}
        ]
    x, y, width, height = TITLE_BOX
    text: dict[str, Any] = {
        "id": "title", "type": "text", "text": title(index), "x": x, "y": y, "width": width, "height": height,
        "fontSize": TITLE_SIZE, "fontWeight": 700, "color": "#ffffff", "align": "left",
    }  # fmt: skip
    if case.title_moves:
        text["animations"] = [
            {"property": "x", "from": -1800, "to": 0, "start": 0, "duration": SLIDE_IN, "easing": "ease-out"}
        ]
    for element in (picture, text) if case.appears else ():
        start, duration = FADE_IN[element["id"]]
        element["animations"] = [
            {
                "property": "opacity",
                "from": 0,
                "to": 1,
                "start": start,
                "duration": duration,
                "easing": "ease-out",
            }
        ]
    slide: dict[str, Any] = {
        "id": f"s{index}", "duration": case.seconds,
        "background": {"type": "solid", "color": background(index)},
        "elements": [picture, text],
    }  # fmt: skip
    if case.fade and index + 1 < case.slides:
        slide["transition"] = {"type": case.transition, "duration": case.fade}
    return slide
