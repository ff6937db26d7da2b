"""The table of formats: what can be exported, and what each is called. The only place that lists them.

The command line, the API, dialects and the fold read it; it imports nothing but the standard library and
`schemas`. What a format is made of is in `renderers.formats`, one file a format, loaded by name when needed.
docs/adding-a-format.md says what else a new row needs.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from schemas.errors import InvalidInput
from schemas.stages import STAGES, StageName

Recipe = Literal["film", "sound", "pages", "file"]
"""Kinds of results: moving pictures, sound alone, single pictures, or one document."""

STAGES_OF: dict[Recipe, tuple[StageName, ...]] = {
    "film": STAGES,
    "sound": ("plan", "mix", "upload"),
    "pages": ("plan", "render", "mix", "upload"),
    "file": ("plan", "render", "upload"),
}
"""The stages that a recipe may go through. A plan names those that its own parts need."""


class Format(NamedTuple):
    """A row of the table.

    extension: of the file, without a dot; `suffixes` are those that a file name may ask for it by.
    settings: the model in `schemas.settings` that its settings are read by. library: whether finished files
    are entered into the video library.
    """

    name: str
    extension: str
    media_type: str
    recipe: Recipe
    settings: str
    about: str
    suffixes: tuple[str, ...] = ()
    library: bool = False


_ROWS = (
    Format("mp4", "mp4", "video/mp4", "film", "FilmSettings", "video, H.264 and AAC", library=True),
    Format("gif", "gif", "image/gif", "film", "GifSettings", "animated picture of 256 colours a frame"),
    Format("mp3", "mp3", "audio/mpeg", "sound", "CodedSoundSettings", "sound, MP3"),
    Format("m4a", "m4a", "audio/mp4", "sound", "CodedSoundSettings", "sound, AAC in MP4"),
    Format("wav", "wav", "audio/wav", "sound", "SoundSettings", "sound as it is, 16 bits"),
    Format("flac", "flac", "audio/flac", "sound", "SoundSettings", "sound, packed without loss"),
    Format("png", "png", "image/png", "pages", "StillSettings", "one moment, or each slide"),
    Format("jpeg", "jpg", "image/jpeg", "pages", "CodedStillSettings", "the same", ("jpg", "jpeg")),
    Format("webp", "webp", "image/webp", "pages", "CodedStillSettings", "the same"),
    Format("json", "json", "application/json", "file", "ArchiveSettings", "the project with a manifest"),
)
FORMATS: dict[str, Format] = {row.name: row for row in _ROWS}
"""All formats by their names, in the order in which they are shown."""
DEFAULT_FORMAT = _ROWS[0].name

_BY_SUFFIX = {suffix: row for row in _ROWS for suffix in row.suffixes or (row.extension,)}


def format_named(name: str) -> Format:
    """The format of that name. Raises InvalidInput("invalid_value") with the names that there are."""
    if (found := FORMATS.get(name)) is None:
        shown = name if len(name) <= 20 else f"{name[:19]}…"
        message = f"{shown!r} is not a format that is written; use one of {', '.join(FORMATS)}."
        raise InvalidInput("invalid_value", message, path="format")
    return found


def format_of_file(name: str) -> Format | None:
    """The format that a file name asks for by its suffix, None for a suffix that no format has."""
    _, dot, suffix = name.rpartition(".")
    return _BY_SUFFIX.get(suffix.lower()) if dot else None
