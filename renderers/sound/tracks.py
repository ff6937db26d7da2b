"""Mixes as parts at rest: how each codec encodes one, and how files of sound are made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from renderers import ENGINE_VERSION
from renderers.sound.aac import EncodedAudio, Samples, encode_aac
from renderers.sound.files import flac, mp3, sixteen_bits, write_wav
from renderers.sound.m4a import write_m4a
from renderers.sound.mixing import SoundSpec
from schemas.errors import InvalidInput
from schemas.hashing import content_hash
from schemas.parts import SoundPart
from schemas.plan import Expected

SOUND_FRAME_S = 0.08
"""By so much may a file's length by its head differ from its sound: a frame of AAC or MP3 at both ends."""
LARGEST_WAV = 0xFFFF_FFFF - 44
"""Bytes of samples: RIFF counts in 32 bits."""

Check = Callable[[], None]


class Codec:
    """A mix as one part, named by all that is heard in it."""

    def __init__(self, name: str, encode: Callable[[SoundSpec, Iterable[Samples], Check], bytes]) -> None:
        self._name = name
        self._encode = encode

    def parts(self, mix: SoundSpec) -> Sequence[SoundPart]:
        """All of it."""
        if mix.samples < 1:
            raise InvalidInput(
                "no_sound",
                "Nothing is left to be heard: each track is trimmed beyond its end.",
                path="audio",
            )
        key = content_hash("sound", self._name, mix.canonical(), ENGINE_VERSION)
        return (SoundPart(key=key, first=0, samples=mix.samples),)

    def encode(self, mix: SoundSpec, part: SoundPart, sound: Iterable[Samples], *, check: Check) -> bytes:
        """A part at rest. sound: its samples, cut anywhere."""
        return self._encode(mix, _checked(sound, check), check)


def _checked(sound: Iterable[Samples], check: Check) -> Iterable[Samples]:
    for block in sound:
        check()
        yield block


def _aac(mix: SoundSpec, sound: Iterable[Samples], check: Check) -> bytes:
    return encode_aac(sound, mix.rate, mix.bitrate, check=check).to_bytes()


def _pcm(mix: SoundSpec, sound: Iterable[Samples], check: Check) -> bytes:
    return b"".join(sixteen_bits(block).tobytes() for block in sound)


AAC = Codec("aac", _aac)
MP3 = Codec("mp3", lambda mix, sound, check: mp3(sound, mix.rate, mix.bitrate))
FLAC = Codec("flac", lambda mix, sound, check: flac(sound, mix.rate))
PCM = Codec("pcm", _pcm)


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
            raise _broken("it cannot be read") from error
        if found.audio_codec is None:
            raise _broken("it has no sound")
        if abs(found.duration - (expected.duration or 0)) > SOUND_FRAME_S:
            raise _broken(f"it lasts {found.duration:.3f} s, not {expected.duration:.3f} s")


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


def _broken(what: str) -> InvalidInput:
    return InvalidInput("output_broken", f"The finished file is not what was planned: {what}.")
