"""The plan of a job: everything that later stages need, written once by `plan` and read by all.

It lies in the object store under the job's id, so a request that is delivered twice finds the plan
of the first time, and positions mean the same for ever.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas import keys
from schemas.errors import InvalidInput
from schemas.messages import AboutJob, Asked, FormatName, Message, StoreKey
from schemas.parts import AnyPart, Part, PartKind, PicturePart
from schemas.project import InstalledFont
from schemas.stages import StageName

AssetKind = Literal["image", "audio", "font", "video", "midi", "captions"]


class Asset(Message):
    """A foreign file that the project names: where its bytes lie, and what a decoder found in it.

    key: the file as fetched; normal_key: its normal form, which is all that later stages read;
    width, height in pixels of an image; duration in seconds of a sound, and its
    samples at 48 kHz; family of a font. box: of an SVG that was drawn for a box, how and into which one,
    as it stands in the picture's name.
    """

    src: str
    kind: AssetKind
    sha256: str
    size: int
    key: StoreKey
    content_type: str = "application/octet-stream"
    normal_key: StoreKey | None = None
    fingerprint: str
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    samples: int | None = None
    family: str | None = None
    box: str | None = None

    @property
    def name(self) -> str:
        """What the asset is asked for by; see `schemas.paint.picture_name`."""
        return self.src if self.box is None else f"{self.src}\t{self.box}"


class UsedFont(Message):
    """A font file that text of the project is drawn with; of several in a family each has its own."""

    family: str
    sha256: str


class Expected(Message):
    """Expected properties of the finished file: None and 0 for what its format lacks.

    duration in seconds; samples of the mix at 48 kHz; frames, fps, width and height of the picture.
    """

    duration: float | None = None
    samples: int = 0
    frames: int = 0
    fps: int | None = None
    width: int | None = None
    height: int | None = None


class OutputFile(Message):
    """A file of the result: its name, and where it lies in the store once it is made."""

    name: str
    key: StoreKey
    media_type: str


class Plan(Asked, AboutJob):
    """The work of a job.

    parts: in the order of the file. todo: indices into `parts` of those that were missing in the store, each
    key once, those of a kind together and what takes longest first; a task's `position` is such an index.
    width: how many parts of a kind are in flight at once. files: the result, the main file first. joined:
    whether `mix` makes the files of the parts; otherwise the parts are the files. instructions: what encoders
    are given on the machine that planned (`renderers.instructions`). installed_fonts: those of the deployment
    that the document names, each with its file among the assets: drawing needs no other.
    """

    TYPE: ClassVar[str] = "job.plan"
    VERSION: ClassVar[int] = 2

    format: FormatName
    project_key: StoreKey
    project_name: str | None = None
    stages: tuple[StageName, ...]
    assets: tuple[Asset, ...] = ()
    fonts: tuple[UsedFont, ...] = ()
    installed_fonts: tuple[InstalledFont, ...] = ()
    parts: tuple[AnyPart, ...]
    todo: tuple[int, ...] = ()
    width: Annotated[int, Field(ge=1)] = 8
    expected: Expected = Expected()
    files: Annotated[tuple[OutputFile, ...], Field(min_length=1)]
    joined: bool = True
    engine_version: str
    instructions: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def output_key(self) -> str:
        """Key of the main file, named by all that determines it."""
        return self.files[0].key

    @property
    def chunks(self) -> list[PicturePart]:
        """The parts that are chunks of film."""
        return [part for part in self.parts if isinstance(part, PicturePart)]

    def part(self, position: int) -> Part:
        """The part at `position`. Raises InvalidInput for one beyond them."""
        if position >= len(self.parts):
            raise InvalidInput("unknown_part", f"The plan has no part at position {position}.")
        return self.parts[position]

    def place(self, position: int) -> str:
        """Key of the part at `position` in the store."""
        part = self.part(position)
        if not self.joined:
            return self.files[position].key
        return keys.part_key(self.tenant, part.kind, part.key)

    def of_kind(self, kind: PartKind) -> list[int]:
        """The positions of the missing parts of a kind, in the order in which they are sent out."""
        return [position for position in self.todo if self.parts[position].kind == kind]

    def following(self, position: int) -> int | None:
        """The position that is sent out when that at `position` is done: of its kind, `width` further on."""
        peers = self.of_kind(self.part(position).kind)
        try:
            return peers[peers.index(position) + self.width]
        except (ValueError, IndexError):
            return None
