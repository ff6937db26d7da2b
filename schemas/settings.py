"""Export settings: format, size, rates.

Each format has settings of its own, read by the model that its row in `schemas.formats` names. A setting of
another format is no error and has no effect: clients send the same form for all of them.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic.alias_generators import to_snake

from schemas.errors import InvalidInput
from schemas.formats import DEFAULT_FORMAT, format_named
from schemas.limits import DEFAULT, Limits
from schemas.reading import load, validate
from schemas.values import Flag, Seconds, StrictModel, whole

Quality = Literal["360p", "480p", "720p", "1080p", "1440p", "2160p"]

SHORT_SIDES: dict[Quality, int] = {
    "360p": 360,
    "480p": 480,
    "720p": 720,
    "1080p": 1080,
    "1440p": 1440,
    "2160p": 2160,
}
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


Bitrate = Annotated[int, BeforeValidator(_bits), Field(strict=True, ge=10_000, le=1_000_000_000)]
AudioBitrate = Annotated[int, BeforeValidator(_bits), Field(strict=True, ge=16_000, le=512_000)]
PictureSide = Annotated[int, BeforeValidator(whole), Field(strict=True, ge=16, le=7680, multiple_of=2)]


class ExportSettings(StrictModel):
    """Settings of every format."""

    format: str = DEFAULT_FORMAT


class SizedSettings(ExportSettings):
    """The size of a picture.

    quality: the picture's short side, in the project's aspect ratio, unless `width` and `height` (px, even,
    both or none) are given.
    """

    quality: Quality = "1080p"
    width: PictureSide | None = None
    height: PictureSide | None = None

    @model_validator(mode="after")
    def _both_sides(self) -> Self:
        if (self.width is None) != (self.height is None):
            raise ValueError("A picture's width and height are given together.")
        return self


class FilmSettings(SizedSettings):
    """A video. bitrate: a cap on the picture in bits a second, None for none: quality decides.

    audio_bitrate: bits a second.
    """

    fps: Annotated[Literal[24, 30, 60], BeforeValidator(whole)] = 30
    include_audio: Flag = True
    codec: Literal["libx264"] = "libx264"
    bitrate: Bitrate | None = None
    audio_bitrate: AudioBitrate = 192_000


class GifSettings(SizedSettings):
    """An animated picture. fps: 50 at most, browsers show a faster one at 10. loop: 0 is for ever."""

    quality: Quality = "480p"
    fps: Annotated[int, BeforeValidator(whole), Field(strict=True, ge=1, le=50)] = 15
    loop: Annotated[int, Field(strict=True, ge=0, le=65_535)] = 0


class SoundSettings(ExportSettings):
    """Sound alone, as it is."""


class CodedSoundSettings(SoundSettings):
    """Sound alone, packed with loss. audio_bitrate: bits a second."""

    audio_bitrate: AudioBitrate = 192_000


class StillSettings(SizedSettings):
    """Single pictures. at: the moment in seconds; each_slide: a picture of each slide instead."""

    at: Seconds = 0.0
    each_slide: Flag = False


class CodedStillSettings(StillSettings):
    """Single pictures, packed with loss. image_quality: 1 to 100."""

    image_quality: Annotated[int, Field(strict=True, ge=1, le=100)] = 90


class ArchiveSettings(ExportSettings):
    """A document: nothing to choose."""


MODELS: dict[str, type[ExportSettings]] = {
    model.__name__: model
    for model in (
        FilmSettings,
        GifSettings,
        SoundSettings,
        CodedSoundSettings,
        StillSettings,
        CodedStillSettings,
        ArchiveSettings,
    )
}
"""The models that rows of the table of formats name."""

KNOWN_SETTINGS = frozenset(name for model in MODELS.values() for name in model.model_fields) - {"format"}
"""The settings of all formats, in snake_case."""


def parse_settings(raw: Mapping[str, Any], limits: Limits = DEFAULT) -> ExportSettings:
    """The settings of a request, camelCase or snake_case, by the model of its format.

    Raises InvalidInput as `parse_project` does, and for a format that is not in the table.
    """
    given = load(raw, limits)
    name = given.get("format", DEFAULT_FORMAT)
    if not isinstance(name, str):
        raise InvalidInput("invalid_value", "This must be text.", path="format")
    model = MODELS[format_named(name).settings]
    others = KNOWN_SETTINGS - set(model.model_fields)
    settings = validate(model, {key: value for key, value in given.items() if to_snake(key) not in others})
    fps = getattr(settings, "fps", 0)
    if fps > limits.fps:
        message = f"The rate is {fps} frames a second; the limit is {limits.fps}."
        raise InvalidInput("limit_exceeded", message, path="fps")
    return settings


def dump_settings(settings: ExportSettings) -> dict[str, Any]:
    """All settings in camelCase, defaults included; reading them gives equal settings."""
    return settings.model_dump(mode="json", by_alias=True, exclude_none=True)
