"""Pages: single pictures of the timeline, each a file of its own: one moment, or one of each slide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from renderers import ENGINE_VERSION
from renderers.recipes.film import PICTURES
from renderers.recipes.maker import Check, Needs, Outline, Subject, Workbench, broken, no_join
from renderers.stored.pixels import Pixels
from renderers.timeline.timeline import Timeline, canvas
from schemas.errors import InvalidInput
from schemas.hashing import content_hash
from schemas.limits import Limits
from schemas.parts import PagePart, Part
from schemas.plan import Expected
from schemas.project import Project, Slide, unsupported
from schemas.settings import StillSettings

FPS = 60
"""Moments are told apart to a sixtieth of a second: a frame of the quickest film."""


class PageWriter(Protocol):
    """How one picture becomes a file."""

    def fields(self, settings: Any) -> Any:
        """All settings that determine its bytes besides the picture, as JSON."""

    def write(self, pixels: Pixels, settings: Any) -> bytes:
        """The file of a picture, (height, width, 4) uint8, opaque."""

    def size(self, file: BinaryIO) -> tuple[int, int]:
        """Width and height of a file in px. Raises InvalidInput for one that cannot be read."""


@dataclass(frozen=True)
class Pages:
    """A format of single pictures."""

    version: str
    writer: PageWriter

    def needs(self, project: Project, settings: StillSettings, limits: Limits) -> Needs:
        """What the pictures show. Raises InvalidInput for a moment that the project does not have."""
        if not project.slides:
            raise InvalidInput("no_slides", "A picture needs at least one slide.", path="slides")
        picture = canvas(project, settings, limits)
        seen = project
        if not settings.each_slide:
            whole = Timeline(project, picture, FPS, {})
            if settings.at > whole.seconds:
                message = (
                    f"The project lasts {float(whole.seconds):.2f} s; there is no moment {settings.at:g}."
                )
                raise InvalidInput("invalid_value", message, path="at")
            seen = emptied(project, whole.slides_at(whole.frame_at(settings.at)))
        if (problem := unsupported(seen)) is not None:
            raise problem
        return Needs(seen, PICTURES, picture)

    def timeline(self, subject: Subject, settings: StillSettings) -> Timeline:
        """Sixtieths of a second."""
        picture = canvas(subject.project, settings, subject.limits)
        return Timeline(subject.project, picture, FPS, subject.fingerprints)

    def outline(self, subject: Subject, settings: StillSettings, timeline: Timeline | None) -> Outline:
        """A page for each picture: the middle of each slide's own time, when what comes in has come in."""
        assert timeline is not None
        if settings.each_slide:
            middles = [_middle(timeline, number) for number in range(len(timeline.borders) - 1)]
            pages = [self._page(timeline, settings, m, f"slide-{n:03}") for n, m in enumerate(middles, 1)]
        else:
            pages = [self._page(timeline, settings, timeline.frame_at(settings.at), "file")]
        size = Expected(width=timeline.canvas.width, height=timeline.canvas.height)
        return Outline(pages, None, size, joined=False)

    def _page(self, timeline: Timeline, settings: StillSettings, frame: int, name: str) -> PagePart:
        shown = [_plain(timeline.canvas), _plain(timeline.state(frame)), self.writer.fields(settings)]
        return PagePart(key=content_hash("page", ENGINE_VERSION, shown), frame=frame, name=name)

    def make(self, part: Part, bench: Workbench, *, check: Check) -> bytes:
        """One picture."""
        assert isinstance(part, PagePart)
        check()
        return self.writer.write(bench.picture(part.frame), bench.settings)

    def join(
        self,
        parts: Sequence[Part],
        read: Callable[[Iterable[Part]], Iterator[bytes]],
        bench: Workbench,
        path: Path,
        *,
        check: Check,
    ) -> None:
        """Not needed: each picture is a file."""
        raise no_join(parts)

    def verify(self, file: BinaryIO, expected: Expected) -> None:
        """It can be read, and has its size."""
        width, height = self.writer.size(file)
        if (width, height) != (expected.width, expected.height):
            raise broken(f"a picture is {width}x{height}")


def _plain(value: Any) -> Any:
    """A record as JSON has it."""
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _middle(timeline: Timeline, slide: int) -> int:
    first = timeline.borders[slide] + (timeline.overlaps[slide - 1] if slide else 0)
    return max(timeline.borders[slide], (first + timeline.borders[slide + 1] - 1) // 2)


def emptied(project: Project, seen: range) -> Project:
    """The project with nothing on the slides that are not seen. Times and paths stay as they are."""
    slides = tuple(
        slide if number in seen else Slide(id=slide.id, duration=slide.duration, transition=slide.transition)
        for number, slide in enumerate(project.slides)
    )
    return project.model_copy(update={"slides": slides})
