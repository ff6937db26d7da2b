"""The names of easings and the syntax of `cubic-bezier()`; `renderers.timeline.animation` evaluates them."""

from __future__ import annotations

import re
from functools import lru_cache

CSS_CURVES: dict[str, tuple[float, float, float, float]] = {
    "ease": (0.25, 0.1, 0.25, 1.0),
    "ease-in": (0.42, 0.0, 1.0, 1.0),
    "ease-out": (0.0, 0.0, 0.58, 1.0),
    "ease-in-out": (0.42, 0.0, 0.58, 1.0),
}
"""CSS Easing Functions 1, section 2.2: the keywords as control points x1, y1, x2, y2."""

FAMILIES = ("Sine", "Quad", "Cubic", "Quart", "Quint", "Expo", "Circ", "Back", "Elastic", "Bounce")
"""The families of easings.net; each has easeIn…, easeOut… and easeInOut…."""

NAMES = frozenset({"linear", "step", *CSS_CURVES}) | {
    f"ease{way}{family}" for way in ("In", "Out", "InOut") for family in FAMILIES
}

_NUMBER = r"\s*([+-]?(?:[0-9]{1,6}(?:\.[0-9]{0,12})?|\.[0-9]{1,12}))\s*"
_BEZIER = rf"cubic-bezier\({_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\)"


@lru_cache(maxsize=1024)
def bezier_points(easing: str) -> tuple[float, float, float, float] | None:
    """Control points x1, y1, x2, y2 of `cubic-bezier(…)` or of a CSS keyword; None for another name."""
    if easing in CSS_CURVES:
        return CSS_CURVES[easing]
    if (match := re.fullmatch(_BEZIER, easing.strip())) is None:
        return None
    x1, y1, x2, y2 = (float(number) for number in match.groups())
    return x1, y1, x2, y2


def check_easing(easing: str) -> str:
    """The easing itself, if it is one; raises ValueError with a sentence."""
    if easing in NAMES:
        return easing
    points = bezier_points(easing) if len(easing) <= 100 else None
    if points is not None and 0 <= points[0] <= 1 and 0 <= points[2] <= 1:
        return easing
    shown = easing if len(easing) <= 40 else easing[:40] + "…"
    raise ValueError(
        f"{shown!r} is not an easing; write linear, ease, ease-in, ease-out, ease-in-out, step, "
        "cubic-bezier(x1,y1,x2,y2) with x1 and x2 from 0 to 1, or a name such as easeOutCubic."
    )
