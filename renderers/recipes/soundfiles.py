"""Files of nothing but sound, made of the parts of a mix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from renderers.recipes.maker import broken
from renderers.sound.aac import EncodedAudio
from renderers.sound.files import write_wav
from renderers.sound.m4a import write_m4a
from renderers.sound.mixing import SoundSpec
from schemas.errors import InvalidInput
from schemas.plan import Expected

SOUND_FRAME_S = 0.08
"""By so much may a file's length by its head differ from its sound: a frame of AAC or MP3 at both ends."""
LARGEST_WAV = 0xFFFF_FFFF - 44
"""Bytes of samples: RIFF counts in 32 bits."""

Check = Callable[[], None]


class SoundFile:
    """A file that a part is already."""

    def join(self, path: Path, mix: SoundSpec, parts: Sequence[bytes], *, check: Check) -> None:
        """Write the file."""
        check()
        path.write_bytes(b"".join(parts))

    def verify(self, file: BinaryIO, expected: Expected) -> None:
        """Its length by its head. Raises InvalidInput("output_broken")."""
        from renderers.h264.mp4 import probe

        try:
            found = probe(file)
        except InvalidInput as error:
            raise broken("it cannot be read") from error
        if found.audio_codec is None:
            raise broken("it has no sound")
        if abs(found.duration - (expected.duration or 0)) > SOUND_FRAME_S:
            raise broken(f"it lasts {found.duration:.3f} s, not {expected.duration:.3f} s")


class WavFile(SoundFile):
    """WAV of 16 bits."""

    def join(self, path: Path, mix: SoundSpec, parts: Sequence[bytes], *, check: Check) -> None:
        """Write the file."""
        check()
        write_wav(path, parts, mix.rate)


class M4aFile(SoundFile):
    """AAC alone in MP4."""

    def join(self, path: Path, mix: SoundSpec, parts: Sequence[bytes], *, check: Check) -> None:
        """Write the file."""
        check()
        write_m4a(path, EncodedAudio.from_bytes(parts[0]))


def refuse_large_wav(mix: SoundSpec) -> None:
    """Raises InvalidInput for a mix that no WAV can hold, with what would work."""
    if 4 * mix.samples > LARGEST_WAV:
        hours = float(mix.seconds) / 3600
        message = f"A WAV of {hours:.1f} hours would have more than 4 GiB; choose FLAC, or a sound with loss."
        raise InvalidInput("limit_exceeded", message, path="format")
