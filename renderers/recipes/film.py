"""Films: moving pictures of any codec in any container, with or without sound.

A film's parts are the chunks of its timeline and some ten seconds of its mix each. What a codec and a
container have to be able to do is here; `renderers.formats` puts one of each together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

from renderers import ENGINE_VERSION
from renderers.containers.cut import Cut
from renderers.recipes.maker import Check, Needs, Outline, Subject, Workbench
from renderers.recipes.sound import SoundTrackCodec, make_sound, mix_of
from renderers.sound.mixing import SoundParts
from renderers.timeline.cutting import Abilities
from renderers.timeline.scene import Canvas, LayerPixels, State
from renderers.timeline.timeline import Timeline, canvas
from schemas.errors import InvalidInput
from schemas.hashing import content_hash
from schemas.limits import Limits
from schemas.parts import Part, PicturePart, SoundPart
from schemas.plan import AssetKind, Expected, Segment
from schemas.project import Project, unsupported
from schemas.settings import SizedSettings

SpecT = TypeVar("SpecT")
SpecIn = TypeVar("SpecIn", contravariant=True)
PICTURES: frozenset[AssetKind] = frozenset({"image", "font"})
HEARD: frozenset[AssetKind] = frozenset({"audio"})


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
        sound: SoundParts | None,
        *,
        check: Check,
    ) -> None:
        """Write the file. Chunks and sound come one by one, so that memory does not grow with the film."""

    def verify(self, file: BinaryIO, expected: Expected) -> None:
        """Raises InvalidInput("output_broken")."""


class Segmenting(Protocol[SpecIn]):
    """How a container's long films are joined in segments."""

    def cut(
        self, spec: SpecIn, pictures: Sequence[PicturePart], sounds: Sequence[SoundPart]
    ) -> Sequence[Cut]:
        """The segments; none of a film that is too short for two."""

    def write(
        self,
        path: Path,
        spec: SpecIn,
        pictures: Sequence[PicturePart],
        sounds: Sequence[SoundPart],
        cut: Cut,
        chunks: Iterable[tuple[PicturePart, bytes]],
        heard: Sequence[bytes],
        *,
        check: Check,
    ) -> bytes:
        """Write a segment; its record. pictures, sounds: of the whole film; chunks, heard: its own."""

    def head(self, spec: SpecIn, sounds: Sequence[SoundPart], records: Sequence[bytes]) -> bytes:
        """What the file begins with."""


@dataclass(frozen=True)
class Film(Generic[SpecT]):
    """A format of moving pictures. check: refuses what this format cannot do, before anything is fetched.

    segments: how long films are joined by several workers; None: always by one.
    """

    version: str
    codec: Codec[SpecT]
    container: Container[SpecT]
    sound: SoundTrackCodec | None = None
    check: Callable[[Timeline, Canvas], None] = lambda timeline, picture: None
    segments: Segmenting[SpecT] | None = None

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
        identity = [fields, [(c.hold, c.lead, c.way, c.run) for c in chunks]]
        segments = self._segments(spec, fields, chunks, sounds)
        return Outline([*chunks, *sounds], identity, expected, segments=segments)

    def _segments(
        self,
        spec: SpecT,
        fields: Mapping[str, Any],
        pictures: Sequence[PicturePart],
        sounds: Sequence[SoundPart],
    ) -> list[Segment]:
        """The segments as the plan has them: sounds come behind all pictures there."""
        cuts = self.segments.cut(spec, pictures, sounds) if self.segments else ()
        return [
            Segment(
                key=content_hash("segment", self.version, ENGINE_VERSION, fields, cut.identity),
                pictures=cut.pictures,
                sounds=(cut.sounds[0] + len(pictures), cut.sounds[1] + len(pictures)),
            )
            for cut in cuts
        ]

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
        pictures, heard = _apart(parts)
        sound = SoundParts(sum(part.samples for part in heard), read(heard)) if heard else None
        chunks = zip(pictures, read(pictures), strict=True)
        self.container.join(path, self._spec(bench), chunks, sound, check=check)

    def write_segment(
        self,
        parts: Sequence[Part],
        segment: Segment,
        read: Callable[[Iterable[Part]], Iterator[bytes]],
        bench: Workbench,
        path: Path,
        *,
        check: Check,
    ) -> bytes:
        """Write a segment of the film; its record."""
        assert self.segments is not None
        pictures, sounds = _apart(parts)
        first, end = (position - len(pictures) for position in segment.sounds)
        own = pictures[slice(*segment.pictures)]
        cut = Cut(segment.pictures, (first, end))
        heard = list(read(sounds[first:end]))
        chunks = zip(own, read(own), strict=True)
        return self.segments.write(path, self._spec(bench), pictures, sounds, cut, chunks, heard, check=check)

    def head(self, parts: Sequence[Part], records: Sequence[bytes], bench: Workbench) -> bytes:
        """What the film's file begins with."""
        assert self.segments is not None
        return self.segments.head(self._spec(bench), _apart(parts)[1], records)

    def verify(self, file: BinaryIO, expected: Expected) -> None:
        """As the container finds it."""
        self.container.verify(file, expected)

    def _spec(self, bench: Workbench) -> SpecT:
        return self.codec.spec(bench.settings, bench.timeline.canvas)

    def _is_heard(self, project: Project, settings: SizedSettings) -> bool:
        return self.sound is not None and bool(project.audio) and getattr(settings, "include_audio", True)


def _apart(parts: Sequence[Part]) -> tuple[list[PicturePart], list[SoundPart]]:
    pictures = [part for part in parts if isinstance(part, PicturePart)]
    return pictures, [part for part in parts if isinstance(part, SoundPart)]


def _fps(settings: Any) -> int:
    fps: int = settings.fps
    return fps
