"""Export settings."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import InvalidInput
from schemas.limits import Limits
from schemas.settings import FilmSettings, dump_settings, parse_settings


def test_defaults() -> None:
    """An empty request is 1080p, 30 frames a second, with sound, and no cap."""
    settings = parse_settings({})
    assert isinstance(settings, FilmSettings)
    assert (settings.format, settings.quality, settings.fps) == ("mp4", "1080p", 30)
    assert (settings.include_audio, settings.bitrate, settings.audio_bitrate) == (True, None, 192_000)
    assert settings.codec == "libx264"


def test_both_spellings_and_units() -> None:
    """camelCase and snake_case, 5M, 800k and plain numbers."""
    one = parse_settings({"includeAudio": False, "audioBitrate": "96k", "bitrate": "2.5M", "fps": 60.0})
    two = parse_settings({"include_audio": False, "audio_bitrate": 96_000, "bitrate": 2_500_000, "fps": 60})
    assert one == two
    assert parse_settings(dump_settings(one)) == one


@pytest.mark.parametrize(
    ("raw", "path", "code"),
    [
        ({"quality": "4k"}, "quality", "invalid_value"),
        ({"fps": 25}, "fps", "invalid_value"),
        ({"fps": "30"}, "fps", "invalid_value"),
        ({"fps": float("nan")}, "fps", "non_finite"),
        ({"includeAudio": 1}, "includeAudio", "invalid_value"),
        ({"codec": "libx265"}, "codec", "invalid_value"),
        ({"bitrate": "fast"}, "bitrate", "invalid_value"),
        ({"bitrate": 0}, "bitrate", "invalid_value"),
        ({"width": 101, "height": 100}, "width", "invalid_value"),
        ({"width": 100}, None, "invalid_value"),
        ({"format": "avi"}, "format", "invalid_value"),
        ({"qualty": "720p"}, "qualty", "unknown_key"),
    ],
)
def test_refusals(raw: dict[str, Any], path: str | None, code: str) -> None:
    """Like those of a document: a code, a path, a sentence."""
    with pytest.raises(InvalidInput) as caught:
        parse_settings(raw)
    assert (caught.value.path, caught.value.code) == (path, code)


def test_a_deployment_may_limit_the_frame_rate() -> None:
    """60 is asked for where 30 is the limit."""
    with pytest.raises(InvalidInput, match="limit is 30"):
        parse_settings({"fps": 60}, Limits(fps=30))
