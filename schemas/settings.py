"""What a request asks of an export besides the project: format, size, rates."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from schemas.errors import InvalidInput
from schemas.limits import DEFAULT, Limits
from schemas.reading import load, validate
from schemas.values import Flag, Part, whole

Format = Literal["mp4", "mp3", "json"]
Quality = Literal["720p", "1080p", "1440p", "2160p"]

SHORT_SIDES: dict[Quality, int] = {"720p": 720, "1080p": 1080, "1440p": 1440, "2160p": 2160}
"""Pixels of the picture's short side."""

_RATE = r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([kKmM]?)(?:bps|bit/s)?"
_SCALE = {"": 1, "k": 1_000, "m": 1_000_000}


def _bits(value: Any) -> Any:
    """`"5M"` and `"800k"` as bits a second; whole numbers as they are."""
    if not isinstance(value, str):
        return value
    if (match := re.fullmatch(_RATE, value.strip())) is None:
        raise ValueError("Write a bit rate as 5M, 800k or a whole number of bits a second.")
    return round(float(match[1]) * _SCALE[match[2].lower()])


def _frame_rate(value: Any) -> Any:
    """A float from a dialect that knows no integers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Bitrate = Annotated[int, BeforeValidator(_bits), Field(strict=True, ge=10_000, le=1_000_000_000)]
AudioBitrate = Annotated[int, BeforeValidator(_bits), Field(strict=True, ge=16_000, le=512_000)]
PictureSide = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=16, le=7680, multiple_of=2)]


class ExportSettings(Part):
    """The settings with their defaults.

    quality: the picture's short side, in the project's aspect ratio, unless `width` and `height` (px,
    even, both or none) are given. bitrate: a cap on the picture in bits a second, None for none: quality
    decides. audio_bitrate: bits a second.
    """

    format: Format = "mp4"
    quality: Quality = "1080p"
    fps: Annotated[Literal[24, 30, 60], BeforeValidator(_frame_rate)] = 30
    include_audio: Flag = True
    codec: Literal["libx264"] = "libx264"
    bitrate: Bitrate | None = None
    audio_bitrate: AudioBitrate = 192_000
    width: PictureSide | None = None
    height: PictureSide | None = None

    @model_validator(mode="after")
    def _both_sides(self) -> Self:
        if (self.width is None) != (self.height is None):
            raise ValueError("A picture's width and height are given together.")
        return self


def parse_settings(raw: Mapping[str, Any], limits: Limits = DEFAULT) -> ExportSettings:
    """The settings of a request, camelCase or snake_case; raises InvalidInput as `parse_project` does."""
    settings = validate(ExportSettings, load(raw, limits))
    if settings.fps > limits.fps:
        message = f"The rate is {settings.fps} frames a second; the limit is {limits.fps}."
        raise InvalidInput("limit_exceeded", message, path="fps")
    return settings


def dump_settings(settings: ExportSettings) -> dict[str, Any]:
    """All settings in camelCase, defaults included; reading them gives equal settings."""
    return settings.model_dump(mode="json", by_alias=True, exclude_none=True)
