"""Moving values: easings, and what a property's keyframes say at a moment.

Times are Fractions of a second within the slide, so no rounding decides which keyframe applies; the
value itself is a float. Pure.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from schemas.easings import bezier_points
from schemas.motion import Animation, Property, exact

Ease = Callable[[float], float]


def ease(easing: str, progress: float) -> float:
    """The eased progress for a linear one of 0..1; 0 and 1 stay what they are, between may overshoot.

    easing: a CSS keyword, `step` (stays at 0 until 1), `cubic-bezier(…)` (CSS Easing Functions 1) or a
    name of easings.net. Raises ValueError for another.
    """
    if progress <= 0:
        return 0.0
    if progress >= 1:
        return 1.0
    return _function(easing)(progress)


def value_at(animation: Animation, seconds: Fraction) -> float:
    """The animated value at a time within the slide; see `Curve.at`."""
    return Curve.of(animation).at(seconds)


class Curve(NamedTuple):
    """An animation made ready for evaluation: parallel keyframes, times exact."""

    property: Property
    within: bool
    times: tuple[Fraction, ...]
    values: tuple[float, ...]
    easings: tuple[str, ...]

    @classmethod
    def of(cls, animation: Animation) -> Curve:
        """The curve of a document's animation."""
        frames = animation.keyframes
        return cls(
            animation.property,
            animation.within,
            tuple(exact(frame.at) for frame in frames),
            tuple(frame.value for frame in frames),
            tuple(frame.easing for frame in frames),
        )

    def at(self, seconds: Fraction) -> float:
        """The value; it holds before the first and after the last keyframe.

        A keyframe's easing governs the way to the next one. Of two keyframes at one time the later
        one counts from that time on.
        """
        after = bisect_right(self.times, seconds)
        if after == 0:
            return self.values[0]
        if after == len(self.times):
            return self.values[-1]
        start, end = self.times[after - 1], self.times[after]
        value, target = self.values[after - 1], self.values[after]
        if value == target:
            return value
        share = float((seconds - start) / (end - start))
        return value + (target - value) * ease(self.easings[after - 1], share)

    def changes(self, fps: int) -> Iterator[tuple[int, int]]:
        """Ranges (first, last) of frames k at which the value may differ from that of frame k - 1."""
        for index in range(len(self.times) - 1):
            if self.values[index] == self.values[index + 1]:
                continue
            last = math.ceil(self.times[index + 1] * fps)
            first = math.floor(self.times[index] * fps) + 1
            yield (last if self.easings[index] == "step" else min(first, last)), last

    def clip(self, first: int, count: int, fps: int) -> list[object]:
        """All that determines the values of frames first .. first + count - 1, and nothing else.

        Times are relative to the first of them: the same movement at another time has the same clip.
        """
        begin, end = Fraction(first, fps), Fraction(first + count - 1, fps)
        low = max(0, bisect_right(self.times, begin) - 1)
        high = max(low, bisect_right(self.times, end) - 1)
        if high + 1 < len(self.times) and self.times[low] <= end and self.times[high] < end:
            high += 1  # on the way to the next one
        if self.times[low] > end or len(set(self.values[low : high + 1])) == 1:
            return [self.property, self.within, self.at(end)]
        keys = [[str(self.times[k] - begin), self.values[k], self.easings[k]] for k in range(low, high + 1)]
        keys[-1].pop()  # nothing of the way after the last one is seen
        return [self.property, self.within, keys]

    def largest(self) -> float:
        """The largest absolute value, overshoot included (to within a sample)."""
        found = [abs(value) for value in self.values]
        for index, (value, target) in enumerate(pairwise(self.values)):
            if overshoots(self.easings[index]):
                shares = (ease(self.easings[index], k / 64) for k in range(1, 64))
                found += [abs(value + (target - value) * share) for share in shares]
        return max(found)


def overshoots(easing: str) -> bool:
    """Whether an easing may leave 0..1."""
    points = bezier_points(easing)
    if points is not None:
        return not (0 <= points[1] <= 1 and 0 <= points[3] <= 1)
    return easing.endswith(("Back", "Elastic"))


def cubic_bezier(x1: float, y1: float, x2: float, y2: float) -> Ease:
    """The easing of a CSS `cubic-bezier()`, exact to about 1e-12; x1 and x2 lie in 0..1."""

    def at(a: float, b: float, t: float) -> float:
        """The polynomial with control values 0, a, b, 1."""
        return ((1 - 3 * b + 3 * a) * t + (3 * b - 6 * a)) * t * t + 3 * a * t

    def slope(a: float, b: float, t: float) -> float:
        return (3 * (1 - 3 * b + 3 * a) * t + 2 * (3 * b - 6 * a)) * t + 3 * a

    def eased(x: float) -> float:
        low, high, t = 0.0, 1.0, x
        for _ in range(80):  # Newton, kept inside a bracket that halves where Newton leaves it
            error = at(x1, x2, t) - x
            if abs(error) < 1e-14:
                break
            low, high = (low, t) if error > 0 else (t, high)
            incline = slope(x1, x2, t)
            t = t - error / incline if incline > 1e-9 else (low + high) / 2
            if not low < t < high:
                t = (low + high) / 2
        return at(y1, y2, t)

    return eased


@lru_cache(maxsize=256)
def _function(easing: str) -> Ease:
    if easing == "linear":
        return lambda p: p
    if easing == "step":
        return lambda p: 0.0
    if (points := bezier_points(easing)) is not None:
        return cubic_bezier(*points)
    for prefix, way in (("easeInOut", _in_out), ("easeIn", _in), ("easeOut", _out)):
        if easing.startswith(prefix) and easing[len(prefix) :] in _FAMILIES:
            family = easing[len(prefix) :]
            if way is _in_out and family in _IN_OUT:
                return _IN_OUT[family]
            return way(_FAMILIES[family])
    raise ValueError(f"{easing!r} is not an easing.")


def _in(rise: Ease) -> Ease:
    return rise


def _out(rise: Ease) -> Ease:
    return lambda p: 1 - rise(1 - p)


def _in_out(rise: Ease) -> Ease:
    return lambda p: rise(2 * p) / 2 if p < 0.5 else 1 - rise(2 - 2 * p) / 2


_OVERSHOOT = 1.70158  # a tenth beyond the end (Penner)


def _back(overshoot: float) -> Ease:
    return lambda p: p * p * ((overshoot + 1) * p - overshoot)


def _elastic(p: float) -> float:
    return -(2 ** (10 * p - 10)) * math.sin((10 * p - 10.75) * 2 * math.pi / 3) if 0 < p < 1 else p


def _elastic_in_out(p: float) -> float:
    wave = math.sin((20 * p - 11.125) * 2 * math.pi / 4.5)
    return -(2 ** (20 * p - 10)) * wave / 2 if p < 0.5 else 2 ** (10 - 20 * p) * wave / 2 + 1


def _bounce_out(p: float) -> float:
    for end, middle, floor in ((1, 0, 0), (2, 1.5, 0.75), (2.5, 2.25, 0.9375)):
        if p < end / 2.75:
            return 7.5625 * (p - middle / 2.75) ** 2 + floor
    return 7.5625 * (p - 2.625 / 2.75) ** 2 + 0.984375


_FAMILIES: dict[str, Ease] = {
    "Sine": lambda p: 1 - math.cos(p * math.pi / 2),
    "Quad": lambda p: p**2,
    "Cubic": lambda p: p**3,
    "Quart": lambda p: p**4,
    "Quint": lambda p: p**5,
    "Expo": lambda p: 2 ** (10 * p - 10) if p > 0 else 0.0,
    "Circ": lambda p: 1 - math.sqrt(max(0.0, 1 - p * p)),
    "Back": _back(_OVERSHOOT),
    "Elastic": _elastic,
    "Bounce": lambda p: 1 - _bounce_out(1 - p),
}
"""easings.net, the easeIn… of each family; the others follow by symmetry but for `_IN_OUT`."""

_IN_OUT: dict[str, Ease] = {"Back": _in_out(_back(_OVERSHOOT * 1.525)), "Elastic": _elastic_in_out}
"""Where easeInOut… has constants of its own."""
