"""Chunks and sound to one MP4, and what a finished file says of itself.

The whole file has one delay between decoding and showing, that of the B-frames, which an edit list takes
away again; another one takes away the sound's priming.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import SEEK_END
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import av
from av.container import InputContainer

from renderers.containers.body import body
from renderers.h264.joining import IDR_SECONDS, Joiner, Part, Sample, configuration
from renderers.h264.stretches import Sound, Stretch, film_head
from renderers.h264.video import VideoSpec
from schemas.checks import nothing
from schemas.errors import InvalidInput

__all__ = ["IDR_SECONDS", "Joiner", "Part", "Probe", "Sample", "configuration", "join", "probe"]


def join(
    path: str | Path,
    spec: VideoSpec,
    parts: Iterable[Part],
    sound: Sound | None,
    *,
    check: Callable[[], None] = nothing,
) -> None:
    """Write the MP4 at `path`: the parts one after the other, with sound if there is any.

    Sound is cut to whole packets by whoever encodes it; here it is only set in time. The parts of both are
    read one by one, so memory does not grow with the film. check: called before each part; may
    raise. When anything raises, no file is left. The same input gives the same bytes.
    """
    iterator = iter(parts)
    first = next(iterator, None)
    if first is None:
        raise InvalidInput("empty_video", "A video has at least one part.")
    joiner = Joiner(spec, first.chunk.sps, first.chunk.pps)
    stretch = Stretch(spec, joiner, sound or Sound())
    with body(Path(path)) as samples:
        for part in chain([first], iterator):
            check()
            samples.write(stretch.add(part))
        samples.write(stretch.finish())
        reorder = joiner.stream.sequence.reorder
        head = film_head(spec, joiner.configuration(), reorder, stretch.format, [stretch.table()])
        samples.finish(head)


_NO_PICTURES: Any = [{"skip_frame": "all"}]  # of the first stream; dictionaries, whatever PyAV's stub says


class Probe(NamedTuple):
    """What a media file says of itself: seconds, pixels, counts; None and 0 for what it does not have."""

    size: int
    format: str
    duration: float
    width: int = 0
    height: int = 0
    fps: float = 0.0
    frames: int = 0
    video_codec: str | None = None
    video_duration: float = 0.0
    audio_codec: str | None = None
    sample_rate: int = 0
    channels: int = 0
    audio_samples: int = 0


def _headers(path: str | BinaryIO) -> InputContainer:
    """A file whose streams are known. By itself FFmpeg decodes a picture for it: most of what it takes to
    finish a short film.
    """
    try:
        return av.open(path, "r", stream_options=_NO_PICTURES)
    except ValueError:  # no stream is in its head: PyAV has nothing to give the options to
        if not isinstance(path, str):
            path.seek(0)
        return av.open(path, "r")


def probe(path: str | Path | BinaryIO) -> Probe:
    """Read a file's headers; raises InvalidInput for what is no media file. Nothing is decoded.

    A binary file is read where its headers are.
    """
    try:
        if isinstance(path, str | Path):
            size, opened = Path(path).stat().st_size, _headers(str(path))
        else:
            size = path.seek(0, SEEK_END)
            path.seek(0)
            opened = _headers(path)
        with opened as source:
            found: dict[str, Any] = {
                "size": size,
                "format": source.format.name,
                "duration": (source.duration or 0) / 1_000_000,
            }
            for stream in source.streams.video[:1]:
                found |= {
                    "width": stream.codec_context.width,
                    "height": stream.codec_context.height,
                    "fps": float(stream.average_rate or 0),
                    "frames": stream.frames,
                    "video_codec": stream.codec_context.name,
                    "video_duration": _seconds(stream),
                }
            for sound in source.streams.audio[:1]:
                rate = sound.codec_context.sample_rate
                found |= {
                    "audio_codec": sound.codec_context.name,
                    "sample_rate": rate,
                    "channels": sound.codec_context.channels,
                    "audio_samples": round(_seconds(sound) * rate),
                }
            return Probe(**found)
    except (av.error.FFmpegError, OSError) as error:
        raise InvalidInput("unreadable_file", "It is neither a video nor a sound.") from error


def _seconds(stream: Any) -> float:
    return float((stream.duration or 0) * (stream.time_base or 0))
