"""Easings and keyframes."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.timeline.animation import Curve, ease, value_at
from schemas.easings import FAMILIES, NAMES
from schemas.motion import Animation, Keyframe

times = st.integers(0, 200).map(lambda k: k / 100)
values = st.sampled_from([0.0, 1.0, 2.5, -3.0])
easings = st.sampled_from([*sorted(NAMES), "cubic-bezier(0.1,0.7,1,0.1)"])


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    """A curve of some keyframes, some at one time."""
    at = sorted(draw(st.lists(times, min_size=1, max_size=5)))
    frames = tuple(Keyframe(at=t, value=draw(values), easing=draw(easings)) for t in at)
    return Curve.of(Animation(property="x", keyframes=frames))


@pytest.mark.parametrize("easing", sorted(NAMES))
def test_every_easing_starts_at_0_and_ends_at_1(easing: str) -> None:
    """Whatever happens on the way, both ends are exact, and the way there has no jump but `step`'s."""
    assert (ease(easing, 0), ease(easing, 1)) == (0, 1)
    if easing != "step":
        assert ease(easing, 1e-7) == pytest.approx(0, abs=1e-2)
        assert ease(easing, 1 - 1e-7) == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize("family", FAMILIES)
@given(progress=st.floats(0, 1))
def test_out_mirrors_in_and_in_out_is_point_symmetric(family: str, progress: float) -> None:
    """easeOut is easeIn run backwards; easeInOut looks the same turned by half a turn."""
    assert ease(f"easeOut{family}", progress) == pytest.approx(
        1 - ease(f"easeIn{family}", 1 - progress), abs=2e-3
    )
    both = f"easeInOut{family}"
    assert ease(both, progress) + ease(both, 1 - progress) == pytest.approx(
        1, abs=2e-3
    )  # Expo and Elastic jump by 2 ** -10


@pytest.mark.parametrize(
    ("easing", "progress", "eased"),
    [
        ("linear", 0.3, 0.3),
        ("step", 0.999, 0.0),
        ("ease", 0.5, 0.8024033877),
        ("ease-in", 0.5, 0.3153568),
        ("ease-out", 0.5, 0.6846432),
        ("ease-in-out", 0.25, 0.1291619),
        ("cubic-bezier(0,0,1,1)", 0.37, 0.37),
        ("cubic-bezier(1,0,0,1)", 0.5, 0.5),
        ("easeInQuad", 0.5, 0.25),
        ("easeOutCubic", 0.5, 0.875),
        ("easeInOutQuart", 0.25, 0.03125),
        ("easeInSine", 0.5, 0.2928932),
        ("easeOutExpo", 0.5, 0.96875),
        ("easeInCirc", 0.5, 0.1339746),
        ("easeInBack", 0.5, -0.0876975),
        ("easeInOutBack", 0.25, -0.0996819),
        ("easeOutElastic", 0.25, 0.9116117),
        ("easeInOutElastic", 0.25, 0.0119694),
        ("easeOutBounce", 0.5, 0.765625),
        ("easeInOutBounce", 0.25, 0.1171875),
    ],
)
def test_known_points(easing: str, progress: float, eased: float) -> None:
    """The values that browsers and easings.net give."""
    assert ease(easing, progress) == pytest.approx(eased, abs=1e-4)


@given(st.floats(0, 1), st.floats(-1, 2), st.floats(0, 1), st.floats(-1, 2), st.floats(0, 1))
def test_a_bezier_is_solved_for_any_control_points(
    x1: float, y1: float, x2: float, y2: float, t: float
) -> None:
    """The point of the curve with parameter t is found by its x."""

    def bezier(a: float, b: float) -> float:
        return 3 * (1 - t) ** 2 * t * a + 3 * (1 - t) * t * t * b + t**3

    numbers = [f"{v:.6f}" for v in (x1, y1, x2, y2)]
    x1, y1, x2, y2 = map(float, numbers)
    slope = 3 * (1 - t) ** 2 * x1 + 6 * (1 - t) * t * (x2 - x1) + 3 * t * t * (1 - x2)
    if slope > 1e-2:  # elsewhere y is ill-conditioned in x
        eased = ease(f"cubic-bezier({','.join(numbers)})", bezier(x1, x2))
        assert eased == pytest.approx(bezier(y1, y2), abs=1e-9)


def test_values_hold_outside_and_ease_between() -> None:
    """Before the first and after the last keyframe nothing moves; an easing governs the way to the next."""
    frames = (
        Keyframe(at=1, value=10, easing="easeInQuad"),
        Keyframe(at=2, value=20, easing="step"),
        Keyframe(at=3, value=0, easing="easeInQuad"),
    )
    animation = Animation(property="x", keyframes=frames)
    found = [value_at(animation, Fraction(t)) for t in ("0", "1", "3/2", "2", "5/2", "3", "9")]
    assert found == [10, 10, 12.5, 20, 20, 0, 0]


def test_of_two_keyframes_at_one_time_the_later_counts() -> None:
    """A jump happens at its time."""
    frames = (Keyframe(at=1, value=0), Keyframe(at=1, value=5))
    curve = Curve.of(Animation(property="x", keyframes=frames))
    assert [curve.at(Fraction(t)) for t in ("99/100", "1", "2")] == [0, 5, 5]


@given(curves(), st.sampled_from([24, 30, 60]))
def test_a_value_changes_only_where_it_is_said_to(curve: Curve, fps: int) -> None:
    """Frames outside of `changes` equal the one before, exactly."""
    busy = {k for first, last in curve.changes(fps) for k in range(first, last + 1)}
    series = [curve.at(Fraction(k, fps)) for k in range(3 * fps)]
    assert {k for k in range(1, len(series)) if series[k] != series[k - 1]} <= busy


@given(curves(), curves(), st.integers(0, 60), st.integers(0, 60), st.integers(1, 40))
def test_equal_clips_are_equal_movements(a: Curve, b: Curve, i: int, j: int, count: int) -> None:
    """What is named alike looks alike, whichever curve it comes from and wherever it lies."""
    if a.clip(i, count, 30) == b.clip(j, count, 30):
        assert [a.at(Fraction(i + k, 30)) for k in range(count)] == [
            b.at(Fraction(j + k, 30)) for k in range(count)
        ]


@given(curves(), st.integers(0, 60), st.integers(1, 40), st.integers(1, 50))
def test_a_movement_has_one_name_at_any_time(curve: Curve, first: int, count: int, later: int) -> None:
    """Moved as a whole by whole frames, a clip stays what it is."""
    shift = Fraction(later, 20)
    moved = Curve(
        curve.property, curve.within, tuple(t + shift for t in curve.times), curve.values, curve.easings
    )
    assert moved.clip(first + int(shift * 20), count, 20) == curve.clip(first, count, 20)


@given(curves())
def test_the_largest_value_bounds_all(curve: Curve) -> None:
    """No moment shows more than `largest` says, to within a sample."""
    assert max(abs(curve.at(Fraction(k, 100))) for k in range(220)) <= curve.largest() * 1.02 + 0.05
