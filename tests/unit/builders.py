"""Small projects for tests: plain documents as a client would send them, and parsed ones."""

from __future__ import annotations

from typing import Any

from renderers.h264.pushes import reach
from renderers.timeline.cutting import Abilities
from renderers.timeline.timeline import Timeline, canvas
from schemas.parts import PicturePart
from schemas.project import Project, parse_project
from schemas.settings import FilmSettings

Document = dict[str, Any]

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4"
    "2mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel."""


def film_settings(**asked: Any) -> FilmSettings:
    """The settings of a film, read."""
    return FilmSettings.model_validate(asked)


def timeline_of(whole: Project, prints: dict[str, str] | None = None, **asked: Any) -> Timeline:
    """The timeline of a project at the settings asked for, cut as for H.264."""
    settings = film_settings(**asked)
    shortest = 1 if settings.bitrate is None else -(-settings.fps // 2)
    size = canvas(whole, settings)
    reaches = reach(size.width, size.height, settings.fps)
    abilities = Abilities(shortest_still=shortest, longest_hold=10 * settings.fps, reach=reaches)
    return Timeline(whole, size, settings.fps, prints or {}, abilities)


def moving(first: int, frames: int, **keys: Any) -> PicturePart:
    """A chunk whose every frame is encoded."""
    return PicturePart(key="", shape="moving", first_frame=first, frames=frames, **keys)


def document(**keys: Any) -> Document:
    """A document of one white slide of a second, 320 x 180, with `keys` put in."""
    return {"version": 1, "width": 320, "height": 180, "slides": [slide()], **keys}


def project(**keys: Any) -> Project:
    """`document(**keys)`, read."""
    return parse_project(document(**keys))


def slide(duration: float = 1.0, *elements: Document, color: str = "white", **keys: Any) -> Document:
    """A slide with a plain background and `elements`."""
    background = {"type": "solid", "color": color}
    return {"duration": duration, "background": background, "elements": list(elements), **keys}


def fade(seconds: float = 0.5, kind: str = "fade", **keys: Any) -> Document:
    """A transition."""
    return {"type": kind, "duration": seconds, **keys}


def text(words: str = "Hello", **keys: Any) -> Document:
    """A text of 24 px in a box of 200 x 60 at (20, 20)."""
    return {"type": "text", "text": words, "fontSize": 24, **_box(20, 20, 200, 60), **keys}


def rect(fill: Any = "#3366cc", **keys: Any) -> Document:
    """A rectangle of 100 x 50 at (40, 60)."""
    return {"type": "shape", "shape": "rect", "fill": fill, **_box(40, 60, 100, 50), **keys}


def image(src: str = PIXEL, **keys: Any) -> Document:
    """A picture that fills the slide."""
    return {"type": "image", "src": src, **_box(0, 0, 320, 180), **keys}


def track(src: str = "sound.wav", name: str = "music", **keys: Any) -> Document:
    """An audio track."""
    return {"id": name, "src": src, **keys}


def move(  # the short form of an animation
    kind: str = "x",
    start: float = 0.0,
    duration: float = 0.5,
    values: tuple[float, float] = (0, 50),
    **keys: Any,
) -> Document:
    """An animation in its short form: `kind` from one value to another."""
    return {
        "property": kind,
        "from": values[0],
        "to": values[1],
        "start": start,
        "duration": duration,
        **keys,
    }


def _box(x: float, y: float, width: float, height: float) -> Document:
    return {"x": x, "y": y, "width": width, "height": height}
