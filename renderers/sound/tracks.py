"""Mixes as parts at rest: how each codec encodes one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from renderers import ENGINE_VERSION
from renderers.sound.aac import Samples, encode_aac
from renderers.sound.files import flac, mp3, sixteen_bits
from renderers.sound.mixing import SoundSpec
from schemas.errors import InvalidInput
from schemas.hashing import content_hash
from schemas.parts import SoundPart

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
