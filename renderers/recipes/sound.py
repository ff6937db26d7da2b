"""Sound: the mix of a project, in parts of about ten seconds; and files of nothing but sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Protocol

from renderers.recipes.maker import Check, Needs, Outline, Subject, Workbench
from renderers.sound.mix import Read
from renderers.sound.mixing import SoundSpec, make_spec
from schemas.errors import InvalidInput
from schemas.limits import Limits
from schemas.parts import Part, SoundPart
from schemas.plan import Asset, Expected
from schemas.project import Project
from schemas.settings import ExportSettings


class SoundTrackCodec(Protocol):
    """How a mix becomes parts that join without a seam."""

    def parts(self, mix: SoundSpec) -> Sequence[SoundPart]:
        """The parts, each named by all that is heard in it."""

    def encode(self, mix: SoundSpec, part: SoundPart, read: Read, *, check: Check) -> bytes:
        """A part at rest. read: samples of the mix's sources."""


class SoundContainer(Protocol):
    """How the parts of a mix become a file."""

    def join(self, path: Path, mix: SoundSpec, parts: Iterable[bytes], *, check: Check) -> None:
        """Write the file. Parts come one by one, so that memory does not grow with the sound."""

    def verify(self, file: BinaryIO, expected: Expected) -> None:
        """Raises InvalidInput("output_broken")."""


def mix_of(subject: Subject, settings: ExportSettings, seconds: Fraction | None) -> SoundSpec:
    """What is mixed: the tracks cut to `seconds`, or as long as the longest of them for None."""
    known = {asset.src: asset for asset in subject.assets if asset.kind == "audio"}
    return make_spec(
        subject.project.audio,
        hashes={src: asset.fingerprint for src, asset in known.items()},
        durations={src: exact_duration(asset) for src, asset in known.items()},
        seconds=seconds,
        bitrate=getattr(settings, "audio_bitrate", 0),
    )


def exact_duration(asset: Asset) -> Fraction:
    """Seconds of a sound: whole samples at 48 kHz, 0 if unknown."""
    if asset.samples is not None:
        return Fraction(asset.samples, 48_000)
    return Fraction(asset.duration or 0)


def make_sound(
    part: SoundPart, codec: SoundTrackCodec, bench: Workbench, seconds: Fraction | None, *, check: Check
) -> bytes:
    """A part of a mix at rest."""
    mix = mix_of(bench.subject, bench.settings, seconds)
    return codec.encode(mix, part, bench.heard, check=check)


@dataclass(frozen=True)
class Sound:
    """A format of sound alone. check: refuses what this format cannot do."""

    version: str
    codec: SoundTrackCodec
    container: SoundContainer
    check: Callable[[SoundSpec], None] = lambda mix: None

    def needs(self, project: Project, settings: ExportSettings, limits: Limits) -> Needs:
        """The sounds. Raises InvalidInput for a project without any."""
        if not project.audio:
            raise InvalidInput("no_sound", "A file of sound needs at least one audio track.", path="audio")
        return Needs(project, frozenset({"audio"}))

    def timeline(self, subject: Subject, settings: ExportSettings) -> None:
        """There is no picture."""
        return

    def outline(self, subject: Subject, settings: ExportSettings, timeline: None) -> Outline:
        """Parts of the mix, which is as long as its longest track."""
        mix = mix_of(subject, settings, None)
        if mix.seconds > subject.limits.seconds:
            told = (
                f"The sound lasts {float(mix.seconds):,.0f} s; the limit is {subject.limits.seconds:,.0f} s."
            )
            raise InvalidInput("limit_exceeded", told, path="audio")
        self.check(mix)
        expected = Expected(duration=float(mix.seconds), samples=mix.samples)
        return Outline(self.codec.parts(mix), mix.samples, expected)

    def make(self, part: Part, bench: Workbench, *, check: Check) -> bytes:
        """Some seconds of sound."""
        assert isinstance(part, SoundPart)
        return make_sound(part, self.codec, bench, None, check=check)

    def join(
        self,
        parts: Sequence[Part],
        read: Callable[[Iterable[Part]], Iterator[bytes]],
        bench: Workbench,
        path: Path,
        *,
        check: Check,
    ) -> None:
        """Write the file."""
        mix = mix_of(bench.subject, bench.settings, None)
        self.container.join(path, mix, read(parts), check=check)

    def verify(self, file: BinaryIO, expected: Expected) -> None:
        """As the container finds it."""
        self.container.verify(file, expected)
