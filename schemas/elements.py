"""The elements of a slide, from the back to the front by `zIndex`, then by their order."""

import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, Tag, field_validator, model_validator

from schemas.motion import AnyAnimation
from schemas.paint import Border, Crop, Paint, Shadow, Stroke, TextBackground, TextStroke, picture_name
from schemas.values import (
    Color,
    Coordinate,
    Duration,
    Fit,
    Flag,
    FontStyle,
    Length,
    Many,
    Name,
    Number,
    Point,
    Position,
    Seconds,
    Share,
    Source,
    StrictModel,
    Text,
    Volume,
    Weight,
    by_type,
    whole,
)

BlendMode = Literal[
    "normal",
    "multiply",
    "screen",
    "overlay",
    "darken",
    "lighten",
    "color-dodge",
    "color-burn",
    "hard-light",
    "soft-light",
    "difference",
    "exclusion",
    "hue",
    "saturation",
    "color",
    "luminosity",
    "plus-lighter",
]
TextTransform = Literal["none", "uppercase", "lowercase", "capitalize"]
FontSize = Annotated[Number, Field(gt=0, le=10_000)]
LineHeight = Annotated[Number, Field(gt=0, le=100)]
Spacing = Annotated[Number, Field(ge=-10_000, le=10_000)]


class _Element(StrictModel):
    """Fields of every element. Lengths in px of the document, times in seconds within the slide."""

    id: Name | None = None
    x: Coordinate = 0.0
    y: Coordinate = 0.0
    width: Length
    height: Length
    rotation: Annotated[Number, Field(ge=-36_000, le=36_000)] = 0.0
    opacity: Share = 1.0
    z_index: Annotated[Number, Field(ge=-1e9, le=1e9)] = 0.0
    blend_mode: BlendMode = "normal"
    shadow: Shadow | None = None
    start: Seconds = 0.0
    end: Duration | None = None
    animations: Annotated[Many[AnyAnimation], Field(max_length=100)] = ()

    @field_validator("end")
    @classmethod
    def _ends_after_start(cls, end: float | None, info: object) -> float | None:
        if end is not None and end <= getattr(info, "data", {}).get("start", 0.0):
            raise ValueError("An element's end must come after its start.")
        return end


class Span(StrictModel):
    """Characters `start` to `end` (exclusive) in another style.

    unit: what `start` and `end` count: `utf16`, the code units of JavaScript's strings, or `codepoint`,
    Unicode code points. They differ after characters beyond U+FFFF, such as emoji.
    """

    unit: Literal["utf16", "codepoint"] = "utf16"
    start: Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0)]
    end: Annotated[int, BeforeValidator(whole), Field(strict=True, ge=0)]
    font_family: Name | None = None
    font_size: FontSize | None = None
    font_weight: Weight | None = None
    font_style: FontStyle | None = None
    color: Color | None = None
    line_height: LineHeight | None = None
    letter_spacing: Spacing | None = None
    text_transform: TextTransform | None = None
    underline: Flag | None = None
    strikethrough: Flag | None = None
    stroke: TextStroke | None = None
    background: TextBackground | None = None

    @field_validator("end")
    @classmethod
    def _not_empty(cls, end: int, info: object) -> int:
        if end <= getattr(info, "data", {}).get("start", -1):
            raise ValueError("A span's end must come after its start.")
        return end


class TextStyle(StrictModel):
    """Style of text, with its defaults."""

    font_family: Name = "sans-serif"
    font_size: FontSize = 32.0
    font_weight: Weight = 400
    font_style: FontStyle = "normal"
    color: Color = "black"
    align: Literal["start", "left", "center", "right", "end", "justify"] = "start"
    vertical_align: Literal["top", "middle", "bottom"] = "top"
    line_height: LineHeight = 1.2
    letter_spacing: Spacing = 0.0
    direction: Literal["auto", "ltr", "rtl"] = "auto"
    text_transform: TextTransform = "none"
    underline: Flag = False
    strikethrough: Flag = False
    stroke: TextStroke | None = None
    background: TextBackground | None = None


class TextElement(_Element, TextStyle):
    """A paragraph or several, wrapped at `width`."""

    type: Literal["text"]
    text: Text
    overflow: Literal["visible", "clip", "ellipsis", "shrink"] = "visible"
    spans: Annotated[Many[Span], Field(max_length=2000)] = ()


class ImageElement(_Element):
    """A picture in its box."""

    type: Literal["image"]
    src: Source
    fit: Fit = "cover"
    position: Position = (0.5, 0.5)
    radius: Length = 0.0
    crop: Crop | None = None
    border: Border | None = None

    @property
    def content_size(self) -> tuple[float, float]:
        """Width and height of the box inside the border, in px."""
        border = 2 * self.border.width if self.border is not None else 0.0
        return max(0.0, self.width - border), max(0.0, self.height - border)

    @property
    def picture(self) -> str:
        """The picture's name; see `schemas.paint.picture_name`."""
        return self.src if self.crop is not None else picture_name(self.src, self.fit, *self.content_size)


_PATH = re.compile(r"[MmLlHhVvCcSsQqTtAaZz0-9eE+\-.,\s]*")


class ShapeElement(_Element):
    """A drawn shape. `points` (in px from the box's corner) of a line or polygon; `d` of a path."""

    type: Literal["shape"]
    shape: Literal["rect", "ellipse", "line", "polygon", "path"]
    fill: Paint | None = None
    stroke: Stroke | None = None
    radius: Length = 0.0
    points: Annotated[Many[Point], Field(max_length=10_000)] = ()
    d: Annotated[Text, Field(max_length=200_000)] = ""

    @field_validator("d")
    @classmethod
    def _is_path(cls, d: str) -> str:
        if not _PATH.fullmatch(d) or (d.strip() and d.strip()[0] not in "Mm"):
            raise ValueError("This is not an SVG path: it begins with M and has commands and numbers only.")
        return d

    @model_validator(mode="after")
    def _has_outline(self) -> Self:
        if self.shape == "polygon" and len(self.points) < 3:
            raise ValueError("A polygon has at least three points.")
        if self.shape == "line" and len(self.points) == 1:
            raise ValueError("A line has two points or more, or none for the diagonal of its box.")
        if self.shape == "path" and not self.d.strip():
            raise ValueError("A path needs its outline, d.")
        return self


class VideoElement(_Element):
    """A film in its box; its own sound joins the mix."""

    type: Literal["video"]
    src: Source
    fit: Fit = "cover"
    radius: Length = 0.0
    trim_start: Seconds = 0.0
    loop: Flag = False
    volume: Volume = 1.0


class VisualizerElement(_Element):
    """A picture of a sound: `audio` is a track's id."""

    type: Literal["visualizer"]
    audio: Name
    style: Literal["bars", "wave", "circle", "piano-roll"] = "bars"
    color: Color = "black"
    color2: Color | None = None
    bands: Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=1024)] = 64
    smoothing: Share = 0.5
    midi: Source | None = None


Element = Annotated[
    Annotated[TextElement, Tag("<text>")]
    | Annotated[ImageElement, Tag("<image>")]
    | Annotated[ShapeElement, Tag("<shape>")]
    | Annotated[VideoElement, Tag("<video>")]
    | Annotated[VisualizerElement, Tag("<visualizer>")],
    by_type(),
]
