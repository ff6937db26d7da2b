"""What a format is to the stages: it says what it needs, outlines its parts, makes one, joins all, verifies.

    needs ─▶ assets are fetched ─▶ outline ─▶ make, part by part, anywhere ─▶ join ─▶ verify

`plan` calls `needs` and `outline`; `render`, `encode` and `mix` make parts; `mix` joins; `upload` verifies.
None of them knows a format by its name: `load` finds the maker of one in `renderers.formats`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol, TypeVar

from schemas.errors import InvalidInput
from schemas.limits import Limits
from schemas.parts import Part
from schemas.plan import Asset, AssetKind, Expected
from schemas.project import Project
from schemas.settings import ExportSettings

if TYPE_CHECKING:
    from renderers.sound.aac import Samples
    from renderers.stored.pixels import Pixels
    from renderers.timeline.scene import Canvas, LayerPixels
    from renderers.timeline.timeline import Timeline

Check = Callable[[], None]
"""Called often, at least every half second of work; raises when the work is to be given up."""


class Needs(NamedTuple):
    """What has to be had before an outline can be drawn.

    project: the document as far as it is seen and heard; the rest is not fetched. kinds: of assets that are
    decoded. canvas: how large pictures are shown. as_they_are: assets are fetched and not decoded, and one
    that cannot be had is a warning.
    """

    project: Project
    kinds: frozenset[AssetKind] = frozenset()
    canvas: Canvas | None = None
    as_they_are: bool = False


class Subject:
    """What an export is made of: the document, its assets, and how they were found."""

    def __init__(
        self,
        project: Project,
        project_key: str,
        assets: Sequence[Asset],
        warnings: Sequence[str],
        limits: Limits,
    ) -> None:
        self.project = project
        self.project_key = project_key
        self.assets = tuple(assets)
        self.warnings = tuple(warnings)
        self.limits = limits

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """What stands for the bytes of each asset in content keys, by name."""
        return {asset.name: asset.fingerprint for asset in self.assets}


class Outline(NamedTuple):
    """What a format makes of a subject.

    parts: in the order of the file. identity: all that determines the result besides the parts' keys and the
    maker's version, as JSON. joined: whether the parts become one file; otherwise each is a file of its own.
    """

    parts: Sequence[Part]
    identity: Any
    expected: Expected
    joined: bool = True


class Workbench(Protocol):
    """What a part is made with: the subject, and what other stages or the store have ready for it."""

    @property
    def subject(self) -> Subject:
        """What the export is made of."""

    @property
    def settings(self) -> ExportSettings:
        """What was asked for, by the model of the format."""

    @property
    def timeline(self) -> Timeline:
        """Frames, states and layers; of formats that have a picture."""

    @property
    def document(self) -> bytes:
        """The project document as it was stored."""

    def drawn(self, keys: Iterable[str]) -> Mapping[str, LayerPixels]:
        """The layers that `render` has drawn, by their keys. Raises Missing for one that was swept away."""

    def picture(self, frame: int) -> Pixels:
        """What a frame shows, (height, width, 4) uint8, opaque."""

    def heard(self, src: str, first: int, count: int, /) -> Samples:
        """`count` samples of a sound at 48 kHz from `first` on, shape (count, 2); silence beyond its ends."""


SettingsT = TypeVar("SettingsT", bound=ExportSettings, contravariant=True)


class Maker(Protocol[SettingsT]):
    """A format. All of it is pure but for `join`, which writes, and `verify`, which reads the file."""

    @property
    def version(self) -> str:
        """Raised with each change of what it makes: part of its own keys only."""

    def needs(self, project: Project, settings: SettingsT, limits: Limits) -> Needs:
        """What has to be fetched. Raises InvalidInput for what this format cannot do with the project."""

    def timeline(self, subject: Subject, settings: SettingsT) -> Timeline | None:
        """The frames, None for a format without a picture."""

    def outline(self, subject: Subject, settings: SettingsT, timeline: Timeline | None) -> Outline:
        """The parts and what they become. Raises InvalidInput."""

    def make(self, part: Part, bench: Workbench, *, check: Check) -> bytes:
        """A part at rest, in seconds at most; the same bytes for the same part, wherever it is made."""

    def join(
        self,
        parts: Sequence[Part],
        read: Callable[[Iterable[Part]], Iterator[bytes]],
        bench: Workbench,
        path: Path,
        *,
        check: Check,
    ) -> None:
        """Write the file at `path`; `read` gives parts in their order. The same parts give the same bytes."""

    def verify(self, file: BinaryIO, expected: Expected) -> None:
        """Raises InvalidInput("output_broken") for a file that is not what was planned."""


def load(name: str) -> Maker[Any]:
    """The maker of a format that is in the table (`schemas.formats`)."""
    maker: Maker[Any] = importlib.import_module(f"renderers.formats.{name}").MAKER
    return maker


def broken(what: str) -> InvalidInput:
    """The error for a finished file that is not what was planned."""
    return InvalidInput("output_broken", f"The finished file is not what was planned: {what}.")


def no_join(parts: Sequence[Part]) -> InvalidInput:
    """The error of a maker whose parts are its files."""
    return InvalidInput("cannot_join", f"A result of {len(parts)} files of their own is not joined.")
