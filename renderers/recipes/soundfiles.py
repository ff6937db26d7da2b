"""Files of nothing but sound, made of the parts of a mix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from renderers.recipes.maker import broken
from renderers.sound.aac import EncodedAudio
from renderers.sound.flac import write_flac
from renderers.sound.m4a import write_m4a
from renderers.sound.mixing import RATE, SoundSpec
from renderers.sound.mp3 import write_mp3
from renderers.sound.pcm import write_wav
from schemas.errors import InvalidInput
from schemas.plan import Expected

SOUND_FRAME_S = 0.08
"""By so much may a file's length by its head differ from its sound: a frame of AAC or MP3 at both ends."""
LARGEST_WAV = 0xFFFF_FFFF - 44
"""Bytes of samples: RIFF counts in 32 bits."""

Check = Callable[[], None]


class SoundFile:
    """A file of nothing but sound. write: makes it of the parts as they come; calls `check` before each."""

    def __init__(self, write: Callable[[Path, Iterable[bytes], Check], None]) -> None:
        self._write = write

    def join(self, path: Path, mix: SoundSpec, parts: Iterable[bytes], *, check: Check) -> None:
        """Write the file."""
        self._write(path, parts, check)

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


def m4a_file(path: Path, parts: Iterable[bytes], check: Check) -> None:
    """AAC alone in MP4."""
    write_m4a(path, _encoded(parts, check))


def mp3_file(path: Path, parts: Iterable[bytes], check: Check) -> None:
    """MP3."""
    write_mp3(path, _encoded(parts, check))


def flac_file(path: Path, parts: Iterable[bytes], check: Check) -> None:
    """FLAC."""
    write_flac(path, _encoded(parts, check))


def wav_file(path: Path, parts: Iterable[bytes], check: Check) -> None:
    """WAV of 16 bits."""
    write_wav(path, _checked(parts, check), RATE)


def _encoded(parts: Iterable[bytes], check: Check) -> Iterator[EncodedAudio]:
    return map(EncodedAudio.from_bytes, _checked(parts, check))


def _checked(parts: Iterable[bytes], check: Check) -> Iterator[bytes]:
    for part in parts:
        check()
        yield part


def refuse_large_wav(mix: SoundSpec) -> None:
    """Raises InvalidInput for a mix that no WAV can hold, with what would work."""
    if 4 * mix.samples > LARGEST_WAV:
        hours = float(mix.seconds) / 3600
        message = f"A WAV of {hours:.1f} hours would have more than 4 GiB; choose FLAC, or a sound with loss."
        raise InvalidInput("limit_exceeded", message, path="format")
