"""The words that the example's slides are written with: texts, shapes, gradients, movements."""

from __future__ import annotations

import math
from typing import Any

Part = dict[str, Any]
Box = tuple[float, float, float, float]
"""x, y, width, height"""

NIGHT, INK, PLUM = "#0d1232", "#1b1b3f", "#3b2a5c"
CORAL, APRICOT, CREAM, MUTED = "#ff7a59", "#ffb26b", "#fff6ea", "#6d6a88"
FONT = "Noto Sans"
LEFT, TOP = 150.0, 130.0


def tween(
    name: str, start: float, duration: float, first: float, last: float, easing: str = "easeOutCubic"
) -> Part:
    """An animation in its short form."""
    return {
        "property": name,
        "from": first,
        "to": last,
        "start": start,
        "duration": duration,
        "easing": easing,
    }


def rise(at: float, far: float = 44, seconds: float = 0.8) -> list[Part]:
    """Fading in while coming up to its place."""
    return [tween("opacity", at, seconds * 0.8, 0, 1, "easeOutQuad"), tween("y", at, seconds, far, 0)]


def text(content: str, box: Box, size: float, weight: int = 400, **more: Any) -> Part:
    """A text in the family of this film."""
    style: Part = {
        "fontFamily": FONT,
        "fontSize": size,
        "fontWeight": weight,
        "color": CREAM,
        "lineHeight": 1.15,
    }
    return {"type": "text", "text": content, **placed(box), **style, **more}


def kicker(content: str, x: float, y: float, at: float, color: str = APRICOT, width: float = 900) -> Part:
    """The small line above a headline."""
    style: Part = {"color": color, "letterSpacing": 6, "textTransform": "uppercase"}
    return text(content, (x, y, width, 40), 26, 600, **style, animations=rise(at, 24))


def shape(kind: str, box: Box, fill: Any = None, **more: Any) -> Part:
    """A shape, filled unless it is a line."""
    painted = {} if fill is None else {"fill": fill}
    return {"type": "shape", "shape": kind, **placed(box), **painted, **more}


def linear(angle: float, *stops: tuple[str, float]) -> Part:
    """A linear gradient."""
    return {"type": "linear-gradient", "angle": angle, "stops": [{"color": c, "offset": o} for c, o in stops]}


def radial(*stops: tuple[str, float], cx: float = 0.5, cy: float = 0.5, radius: float = 1) -> Part:
    """A circle about (cx, cy)."""
    listed = [{"color": c, "offset": o} for c, o in stops]
    return {"type": "radial-gradient", "cx": cx, "cy": cy, "radius": radius, "stops": listed}


def placed(box: Box) -> Part:
    """Where an element is: its left upper corner and its size."""
    return dict(zip(("x", "y", "width", "height"), box, strict=True))


def photo(src: str, seconds: float, first: float, last: float) -> Part:
    """A picture that fills the slide and comes nearer, or goes, within its frame."""
    zoom = tween("scale", 0, seconds, first, last, "linear") | {"within": True}
    whole = placed((0, 0, 1920, 1080))
    return {"type": "image", "src": f"media/{src}", **whole, "fit": "cover", "animations": [zoom]}


def shade(angle: float, *stops: tuple[str, float]) -> Part:
    """A veil over the whole slide, so that words are read on any picture."""
    return shape("rect", (0, 0, 1920, 1080), linear(angle, *stops))


def lamp(cx: float, cy: float, radius: float, at: float, width: float = 22) -> list[Part]:
    """The sign of the product: a ring with its glow, switched on at `at`."""
    halo = radius * 2.3
    glow = radial(("#ffb26bb0", 0), ("#ff7a5966", 0.34), ("#ff7a5900", 0.70), radius=math.sqrt(0.5))
    grow = [
        tween("opacity", at, 1.4, 0, 1, "easeInOutQuad"),
        tween("scale", at, 1.6, 0.72, 1, "easeOutCubic"),
    ]
    ring: Part = {
        "stroke": {"color": "#fff3dc", "width": width},
        "shadow": {"x": 0, "y": 0, "blur": 42, "color": "#ffb26b"},
    }
    return [
        shape("ellipse", (cx - halo, cy - halo, halo * 2, halo * 2), glow, animations=grow),
        shape("ellipse", (cx - radius, cy - radius, radius * 2, radius * 2), None, **ring, animations=grow),
    ]


def slide(
    name: str, seconds: float, background: Part, elements: list[Part], leads: str = "", over: float = 0.7
) -> Part:
    """A slide, and how it leads into the next one."""
    made: Part = {"id": name, "duration": seconds, "background": background, "elements": elements}
    if leads:
        made["transition"] = {"type": leads, "duration": over, "easing": "easeInOutCubic"}
    return made


def starts(film: list[Part]) -> list[float]:
    """The second at which each slide begins, and at last the film's length."""
    times = [0.0]
    for part in film:
        times.append(round(times[-1] + part["duration"] - part.get("transition", {}).get("duration", 0.0), 3))
    return times
