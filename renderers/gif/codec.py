"""GIF as one of the codecs that films may have: no sound, no fades without encoding, 256 colours a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from renderers.gif.file import probe_gif, write_gif
from renderers.gif.frames import GifFrame, encode_frames, pack_frames, unpack_frames
from renderers.sound.mixing import SoundParts
from renderers.timeline.cutting import Abilities
from renderers.timeline.scene import Canvas, LayerPixels, State
from renderers.timeline.timeline import Timeline
from schemas.errors import InvalidInput
from schemas.parts import PicturePart
from schemas.plan import Expected
from schemas.settings import GifSettings

LONGEST_S = 60
LONGEST_SIDE = 1280


@dataclass(frozen=True)
class GifSpec:
    """An animated picture: px, frames a second, how often it plays (0 for ever)."""

    width: int
    height: int
    fps: int
    loop: int


class Gif:
    """Frames quantised one by one; a picture at rest is one frame, however long it is shown."""

    def spec(self, settings: GifSettings, picture: Canvas) -> GifSpec:
        """What decides the bytes."""
        return GifSpec(picture.width, picture.height, settings.fps, settings.loop)

    def cache_fields(self, spec: GifSpec) -> Mapping[str, Any]:
        """All of it but the loop, which is the file's."""
        return {name: value for name, value in asdict(spec).items() if name != "loop"}

    def abilities(self, spec: GifSpec) -> Abilities:
        """A fade is so many frames."""
        return Abilities(blends=False)

    def encode(
        self,
        spec: GifSpec,
        chunk: PicturePart,
        states: Sequence[State],
        layers: Mapping[str, LayerPixels],
        blend_modes: Mapping[str, str],
        picture: Canvas,
        *,
        check: Callable[[], None],
    ) -> bytes:
        """The frames at rest."""
        from renderers.composing.compose import Compositor

        compositor = Compositor(picture, layers, blend_modes)
        return pack_frames(encode_frames((compositor.rgba(state) for state in states), check=check))


class GifFile:
    """The file of all frames."""

    def join(
        self,
        path: Path,
        spec: GifSpec,
        chunks: Iterable[tuple[PicturePart, bytes]],
        sound: SoundParts | None,
        *,
        check: Callable[[], None],
    ) -> None:
        """Write it, frames in their order, each with its delay."""
        frames = _held(chunks, check)
        write_gif(path, (spec.width, spec.height), spec.fps, spec.loop, frames)

    def verify(self, file: BinaryIO, expected: Expected) -> None:
        """Size and length. Raises InvalidInput("output_broken")."""
        try:
            found = probe_gif(file)
        except InvalidInput as error:
            raise _broken("it cannot be read") from error
        if (found.width, found.height) != (expected.width, expected.height):
            raise _broken(f"its picture is {found.width}x{found.height}")
        if abs(found.seconds - (expected.duration or 0)) > 0.011:
            raise _broken(f"it lasts {found.seconds:.2f} s, not {expected.duration:.2f} s")


def _held(chunks: Iterable[tuple[PicturePart, bytes]], check: Callable[[], None]) -> Iterator[GifFrame]:
    for part, data in chunks:
        check()
        *frames, last = unpack_frames(data)
        yield from frames
        yield last._replace(shown=last.shown + part.hold)


def refuse(timeline: Timeline, picture: Canvas) -> None:
    """Raises InvalidInput for what would make a file that nobody can use, with what would work."""
    if max(picture.width, picture.height) > LONGEST_SIDE:
        longest = max(picture.width, picture.height)
        message = f"A GIF has at most {LONGEST_SIDE} px a side, not {longest}; choose a lower quality or MP4."
        raise InvalidInput("limit_exceeded", message, path="quality")
    if timeline.seconds > LONGEST_S:
        message = f"A GIF lasts at most {LONGEST_S} s, not {float(timeline.seconds):.1f} s; choose MP4."
        raise InvalidInput("limit_exceeded", message, path="slides")


def _broken(what: str) -> InvalidInput:
    return InvalidInput("output_broken", f"The finished file is not what was planned: {what}.")
