"""H.264 as one of the codecs that films may have; MP4 as one of their containers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from renderers.containers.boxes import end_of_boxes
from renderers.h264.joining import IDR_SECONDS
from renderers.h264.pushes import reach
from renderers.h264.video import EncodedChunk, VideoSpec
from renderers.timeline.cutting import Abilities
from renderers.timeline.scene import Canvas, LayerPixels, State
from schemas.errors import InvalidInput
from schemas.parts import PicturePart
from schemas.plan import Expected
from schemas.settings import FilmSettings

SOUND_FRAME_S = 0.03
"""A frame of AAC or MP3, rounded up: by so much may sound and plan differ in length."""


class H264:
    """Pictures encoded by x264, and those that are written without it."""

    def spec(self, settings: FilmSettings, picture: Canvas) -> VideoSpec:
        """How the pictures of one film are encoded."""
        return VideoSpec(
            width=picture.width,
            height=picture.height,
            fps=settings.fps,
            codec=settings.codec,
            max_bitrate=settings.bitrate,
        )

    def cache_fields(self, spec: VideoSpec) -> Mapping[str, Any]:
        """All of it."""
        return spec.cache_fields()

    def abilities(self, spec: VideoSpec) -> Abilities:
        """Fades and pushes are written; where the bit rate is capped, a still needs its time."""
        return Abilities(
            blends=True,
            shortest_still=spec.shortest_still,
            longest_hold=IDR_SECONDS * spec.fps,
            reach=reach(spec.width, spec.height, spec.fps),
        )

    def encode(
        self,
        spec: VideoSpec,
        chunk: PicturePart,
        states: Sequence[State],
        layers: Mapping[str, LayerPixels],
        blend_modes: Mapping[str, str],
        picture: Canvas,
        *,
        check: Callable[[], None],
    ) -> bytes:
        """A chunk at rest (`EncodedChunk.to_bytes`)."""
        from renderers.h264.chunks import encode_chunk

        return encode_chunk(spec, chunk, states, layers, blend_modes, picture, check=check).to_bytes()


class Mp4:
    """MP4 of H.264 and AAC."""

    def join(
        self,
        path: Path,
        spec: VideoSpec,
        chunks: Iterable[tuple[PicturePart, bytes]],
        sound: Sequence[bytes] | None,
        *,
        check: Callable[[], None],
    ) -> None:
        """Write the file, its index in front."""
        from renderers.h264.mp4 import join
        from renderers.sound.aac import EncodedAudio, joined

        audio = None if sound is None else joined(map(EncodedAudio.from_bytes, sound))
        join(path, spec, _parts(chunks), audio, check=check)

    def verify(self, file: BinaryIO, expected: Expected) -> None:
        """Length, frames and size of the picture, and whether there is sound. Raises InvalidInput."""
        from renderers.h264.mp4 import probe

        try:
            found = probe(file)
        except InvalidInput as error:
            raise _broken("it cannot be read") from error
        tolerance = SOUND_FRAME_S + 1 / (expected.fps or 1)
        if abs(found.duration - (expected.duration or 0)) > tolerance:
            raise _broken(f"it lasts {found.duration:.3f} s, not {expected.duration:.3f} s")
        if (found.width, found.height) != (expected.width, expected.height):
            raise _broken(f"its picture is {found.width}x{found.height}")
        if found.frames != expected.frames:
            raise _broken(f"it has {found.frames} frames, not {expected.frames}")
        if (expected.samples > 0) != (found.audio_codec is not None):
            raise _broken("its sound is missing" if expected.samples else "it has sound by mistake")
        if (end := end_of_boxes(file)) != found.size:
            raise _broken(f"it has {found.size} bytes, and its boxes end at {end}")


def _parts(chunks: Iterable[tuple[PicturePart, bytes]]) -> Iterator[Any]:
    from renderers.h264.mp4 import Part

    last: tuple[bytes, EncodedChunk] | None = None
    for part, data in chunks:
        if last is None or last[0] is not data:
            last = data, EncodedChunk.from_bytes(data)
        yield Part(last[1], part.hold, part.lead, part.way, part.run)


def _broken(what: str) -> InvalidInput:
    return InvalidInput("output_broken", f"The finished file is not what was planned: {what}.")
