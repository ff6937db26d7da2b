"""Paint of areas and lines: gradients, backgrounds, strokes, shadows."""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, Tag, field_validator

from schemas.values import (
    Color,
    Coordinate,
    Fit,
    Length,
    Many,
    Number,
    Position,
    Share,
    Source,
    StrictModel,
    by,
    by_type,
)


class Stop(StrictModel):
    """A colour of a gradient and where it lies, 0 at the start and 1 at the end."""

    color: Color
    offset: Share


class _Gradient(StrictModel):
    stops: Annotated[Many[Stop], Field(min_length=2, max_length=100)]

    @field_validator("stops")
    @classmethod
    def _in_order(cls, stops: tuple[Stop, ...]) -> tuple[Stop, ...]:
        if any(a.offset > b.offset for a, b in pairwise(stops)):
            raise ValueError("The offsets of a gradient's stops must not fall.")
        return stops


class LinearGradient(_Gradient):
    """CSS linear-gradient(): `angle` in degrees, 0 points up, clockwise."""

    type: Literal["linear-gradient"]
    angle: Annotated[Number, Field(ge=-36_000, le=36_000)] = 180.0


class RadialGradient(_Gradient):
    """A circle about (cx, cy), shares of the box; radius 1 reaches the farthest corner."""

    type: Literal["radial-gradient"]
    cx: Share = 0.5
    cy: Share = 0.5
    radius: Share = 1.0


class SolidBackground(StrictModel):
    """One colour."""

    type: Literal["solid"]
    color: Color


class ImageBackground(StrictModel):
    """A picture: `fit` and `position` as CSS object-fit and object-position (shares)."""

    type: Literal["image"]
    src: Source
    fit: Fit = "cover"
    position: Position = (0.5, 0.5)


def picture_name(src: str, fit: Fit, width: float, height: float) -> str:
    """What a picture is called where it is drawn: its source, and its box's size in any unit, which it fills
    or is fitted into.

    For an SVG decides itself how it fills a box (CSS Images 3, 5.5, and SVG 2, `preserveAspectRatio`); of
    other pictures the source alone is asked for.
    """
    return f"{src}\t{'fill' if fit == 'fill' else 'fit'} {width:g}x{height:g}"


def picture_source(name: str) -> str:
    """The source in a picture's name."""
    return name.rpartition("\t")[0] or name


class VideoBackground(StrictModel):
    """A film, placed as a picture is."""

    type: Literal["video"]
    src: Source
    fit: Fit = "cover"
    position: Position = (0.5, 0.5)


Background = Annotated[
    Annotated[SolidBackground, Tag("<solid>")]
    | Annotated[LinearGradient, Tag("<linear-gradient>")]
    | Annotated[RadialGradient, Tag("<radial-gradient>")]
    | Annotated[ImageBackground, Tag("<image>")]
    | Annotated[VideoBackground, Tag("<video>")],
    by_type(),
]


def _paint_tag(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"<{kind}>" if kind is not None else "<color>"


Paint = Annotated[
    Annotated[Color, Tag("<color>")]
    | Annotated[LinearGradient, Tag("<linear-gradient>")]
    | Annotated[RadialGradient, Tag("<radial-gradient>")],
    by(_paint_tag),
]
"""A colour or a gradient."""


class Stroke(StrictModel):
    """A line: width in px; dash: lengths of dashes and gaps in px, as SVG's stroke-dasharray."""

    color: Color
    width: Length = 1.0
    dash: Annotated[Many[Length], Field(max_length=32)] = ()


class TextStroke(StrictModel):
    """A line around glyphs, under their fill; width in px."""

    color: Color
    width: Length = 1.0


class TextBackground(StrictModel):
    """A box behind text; padding and radius in px."""

    color: Color
    padding: Length = 0.0
    radius: Length = 0.0


class Border(StrictModel):
    """A border inside a box, as in CSS; width in px."""

    color: Color
    width: Length = 1.0


class Shadow(StrictModel):
    """A shadow of all that an element paints: offsets and CSS blur radius in px."""

    x: Coordinate = 0.0
    y: Coordinate = 0.0
    blur: Annotated[Number, Field(ge=0, le=2000)] = 0.0
    color: Color = "black"


class Crop(StrictModel):
    """A rectangle of a picture, in shares of its size."""

    x: Share = 0.0
    y: Share = 0.0
    width: Annotated[Number, Field(gt=0, le=1)] = 1.0
    height: Annotated[Number, Field(gt=0, le=1)] = 1.0

    @field_validator("height")
    @classmethod
    def _inside(cls, height: float, info: Any) -> float:
        x, y, width = (info.data.get(name, 0.0) for name in ("x", "y", "width"))
        if x + width > 1 + 1e-9 or y + height > 1 + 1e-9:
            raise ValueError("A crop lies within its picture: x + width and y + height are at most 1.")
        return height
