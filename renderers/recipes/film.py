"""Films: moving pictures of any codec in any container, with or without sound.

A film's parts are the chunks of its timeline and some ten seconds of its mix each. What a codec and a
container have to be able to do is here; `renderers.formats` puts one of each together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

from renderers.recipes.maker import Check, Needs, Outline, Subject, Workbench
from renderers.recipes.sound import SoundTrackCodec, make_sound, mix_of
from renderers.timeline.cutting import Abilities
from renderers.timeline.scene import Canvas, LayerPixels, State
from renderers.timeline.timeline import Timeline, canvas
from schemas.errors import InvalidInput
from schemas.limits import Limits
from schemas.parts import Part, PicturePart, SoundPart
from schemas.plan import AssetKind, Expected
from schemas.project import Project, unsupported
from schemas.settings import SizedSettings

SpecT = TypeVar("SpecT")
SpecIn = TypeVar("SpecIn", contravariant=True)
PICTURES: frozenset[AssetKind] = frozenset({"image", "font"})
HEARD: frozenset[AssetKind] = frozenset({"audio"})


class FilmLike(Protocol):
    """The settings that films of any format have."""

    @property
    def fps(self) -> int:
        """Frames a second."""


class Codec(Protocol[SpecT]):
    """How pictures become chunks."""

    def spec(self, settings: Any, picture: Canvas) -> SpecT:
        """How the pictures of one film are encoded: a value."""

    def cache_fields(self, spec: SpecT) -> Mapping[str, Any]:
        """All that determines the bytes of a chunk besides its pictures, as JSON."""

    def abilities(self, spec: SpecT) -> Abilities:
        """What it can do with pictures at rest."""

    def encode(
        self,
        spec: SpecT,
        chunk: PicturePart,
        states: Sequence[State],
        layers: Mapping[str, LayerPixels],
        blend_modes: Mapping[str, str],
        picture: Canvas,
        *,
        check: Check,
    ) -> bytes:
        """A chunk at rest in the object store."""


class Container(Protocol[SpecIn]):
    """How chunks and sound become one file."""

    def join(
        self,
        path: Path,
        spec: SpecIn,
        chunks: Iterable[tuple[PicturePart, bytes]],
        sound: Sequence[bytes] | None,
        *,
        check: Check,
    ) -> None:
        """Write the file. Chunks come one by one, so that memory does not grow with the film."""

    def verify(self, file: BinaryIO, expected: Expected) -> None:
        """Raises InvalidInput("output_broken")."""


@dataclass(frozen=True)
class Film(Generic[SpecT]):
    """A format of moving pictures. check: refuses what this format cannot do, before anything is fetched."""

    version: str
    codec: Codec[SpecT]
    container: Container[SpecT]
    sound: SoundTrackCodec | None = None
    check: Callable[[Timeline, Canvas], None] = lambda timeline, picture: None

    def needs(self, project: Project, settings: SizedSettings, limits: Limits) -> Needs:
        """Pictures, fonts, and sounds if they are heard. Raises InvalidInput."""
        if (problem := unsupported(project)) is not None:
            raise problem
        if not project.slides:
            raise InvalidInput("no_slides", "A film needs at least one slide.", path="slides")
        picture = canvas(project, settings, limits)
        self.check(Timeline(project, picture, _fps(settings), {}), picture)
        return Needs(project, PICTURES | (HEARD if self._is_heard(project, settings) else set()), picture)

    def timeline(self, subject: Subject, settings: SizedSettings) -> Timeline:
        """The frames, cut as the codec wishes."""
        picture = canvas(subject.project, settings, subject.limits)
        abilities = self.codec.abilities(self.codec.spec(settings, picture))
        return Timeline(subject.project, picture, _fps(settings), subject.fingerprints, abilities)

    def outline(self, subject: Subject, settings: SizedSettings, timeline: Timeline | None) -> Outline:
        """Chunks and sounds."""
        assert timeline is not None
        spec = self.codec.spec(settings, timeline.canvas)
        fields = self.codec.cache_fields(spec)
        chunks = timeline.chunks(fields)
        sounds: Sequence[SoundPart] = ()
        samples = 0
        if self.sound is not None and self._is_heard(subject.project, settings):
            mix = mix_of(subject, settings, timeline.seconds)
            sounds, samples = self.sound.parts(mix), mix.samples
        expected = Expected(
            duration=float(timeline.seconds),
            samples=samples,
            frames=timeline.total_frames,
            fps=timeline.fps,
            width=timeline.canvas.width,
            height=timeline.canvas.height,
        )
        return Outline(
            [*chunks, *sounds], [fields, [(c.hold, c.lead, c.way, c.run) for c in chunks]], expected
        )

    def make(self, part: Part, bench: Workbench, *, check: Check) -> bytes:
        """A chunk or some seconds of sound."""
        if isinstance(part, SoundPart):
            assert self.sound is not None
            return make_sound(part, self.sound, bench, bench.timeline.seconds, check=check)
        assert isinstance(part, PicturePart)
        timeline = bench.timeline
        layers = timeline.layers(part)
        return self.codec.encode(
            self._spec(bench),
            part,
            timeline.states(part),
            bench.drawn(layer.key for layer in layers),
            {layer.key: layer.blend_mode for layer in layers},
            timeline.canvas,
            check=check,
        )

    def join(
        self,
        parts: Sequence[Part],
        read: Callable[[Iterable[Part]], Iterator[bytes]],
        bench: Workbench,
        path: Path,
        *,
        check: Check,
    ) -> None:
        """Write the film."""
        sounds = list(read(part for part in parts if isinstance(part, SoundPart)))
        pictures = [part for part in parts if isinstance(part, PicturePart)]
        chunks = zip(pictures, read(pictures), strict=True)
        self.container.join(path, self._spec(bench), chunks, sounds or None, check=check)

    def verify(self, file: BinaryIO, expected: Expected) -> None:
        """As the container finds it."""
        self.container.verify(file, expected)

    def _spec(self, bench: Workbench) -> SpecT:
        return self.codec.spec(bench.settings, bench.timeline.canvas)

    def _is_heard(self, project: Project, settings: SizedSettings) -> bool:
        return self.sound is not None and bool(project.audio) and getattr(settings, "include_audio", True)


def _fps(settings: Any) -> int:
    fps: int = settings.fps
    return fps
