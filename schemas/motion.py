"""Animations and transitions of a project."""

from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, Tag, field_validator

from schemas.values import Duration, Easing, Flag, Many, Number, Seconds, StrictModel, by

Property = Literal["x", "y", "scale", "rotation", "opacity"]
Value = Annotated[Number, Field(ge=-1_000_000, le=1_000_000)]


@lru_cache(maxsize=4096)
def exact(seconds: float) -> Fraction:
    """The decimal number that a document's float was written as: 0.1 is one tenth."""
    return Fraction(repr(float(seconds)))


class Keyframe(StrictModel):
    """A value at a time in seconds within the slide; `easing` governs the way to the next keyframe."""

    at: Seconds
    value: Value
    easing: Easing = "linear"


class Animation(StrictModel):
    """Animation of one property. Before the first and after the last keyframe its value holds.

    Several animations of one property add up (x, y, rotation) or multiply (scale, opacity).
    `within`: a scale zooms a picture inside its box instead of the box (Ken Burns).
    """

    property: Property
    keyframes: Annotated[Many[Keyframe], Field(min_length=1, max_length=10_000)]
    within: Flag = False

    @field_validator("keyframes")
    @classmethod
    def _in_order(cls, keyframes: tuple[Keyframe, ...]) -> tuple[Keyframe, ...]:
        if any(a.at > b.at for a, b in pairwise(keyframes)):
            raise ValueError("The keyframes must be in the order of their times.")
        return keyframes


class Tween(StrictModel):
    """The short form of an animation: from one value to another; read as two keyframes."""

    property: Property
    from_: Annotated[Value, Field(alias="from")]
    to: Value
    start: Seconds = 0.0
    duration: Duration
    easing: Easing = "linear"
    within: Flag = False

    def animation(self) -> Animation:
        """The same with keyframes."""
        end = float(exact(self.start) + exact(self.duration))
        first = Keyframe(at=self.start, value=self.from_, easing=self.easing)
        return Animation(
            property=self.property, keyframes=(first, Keyframe(at=end, value=self.to)), within=self.within
        )


def _form(value: Any) -> str:
    if isinstance(value, dict):
        return "<keyframes>" if "keyframes" in value else "<tween>"
    return "<keyframes>" if isinstance(value, Animation) else "<tween>"


def _normal(value: Animation | Tween) -> Animation:
    return value.animation() if isinstance(value, Tween) else value


if TYPE_CHECKING:
    AnyAnimation = Animation
else:
    AnyAnimation = Annotated[
        Annotated[Animation, Tag("<keyframes>")] | Annotated[Tween, Tag("<tween>")],
        by(_form),
        AfterValidator(_normal),
    ]
    """Either form on input; always an `Animation` once read."""


class Transition(StrictModel):
    """The way into the next slide, which it overlaps for `duration` seconds."""

    type: Literal[
        "none",
        "fade",
        "slide-left",
        "slide-right",
        "slide-up",
        "slide-down",
        "wipe-left",
        "wipe-right",
        "wipe-up",
        "wipe-down",
        "zoom",
    ]
    duration: Seconds = 0.5
    easing: Easing = "linear"
