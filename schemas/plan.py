"""The plan of a job: everything that later stages need, written once by `plan` and read by all.

It lies in the object store under the job's id, so a request that is delivered twice finds the plan
of the first time, and positions in `todo` mean the same for ever.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from schemas.errors import InvalidInput
from schemas.facts import StageName
from schemas.messages import JobId, Message, StoreKey, Tenant
from schemas.project import InstalledFont

AssetKind = Literal["image", "audio", "font", "video", "midi", "captions"]


class Asset(Message):
    """A foreign file that the project names: where its bytes lie, and what a decoder found in it.

    key: the file as fetched; normal_key: its normal form, which is all that later stages read;
    width, height in pixels of an image; duration in seconds of a sound; family of a font.
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
    family: str | None = None


class UsedFont(Message):
    """A font file that text of the project is drawn with; of several in a family each has its own."""

    family: str
    sha256: str


class PlannedChunk(Message):
    """One chunk on the timeline: `frames` are encoded from `first_frame` on, the last is held `hold` more.

    lead: frames before it that fade to it, each with its weight of 128.
    """

    key: str
    kind: Literal["still", "moving"]
    index: int
    first_frame: int
    frames: int
    hold: int
    slides: tuple[int, ...] = ()
    lead: tuple[int, ...] = ()


class Plan(Message):
    """What a job consists of.

    todo: indices into `chunks` of those that were missing in the store, each key once; a task's
    `position` counts along it. width: how many of them are in flight at once. sound_hash: None when
    the file has no sound. installed_fonts: those of the deployment that the document names, each with its
    file among the assets: whoever draws needs no other. output_key: where the finished file goes, named by
    all that determines it.
    """

    TYPE: ClassVar[str] = "job.plan"

    job_id: JobId
    tenant: Tenant
    format: str
    extension: str
    settings: dict[str, Any]
    project_key: StoreKey
    project_name: str | None = None
    project_id: str | None = None
    customer_id: str | None = None
    user_id: str | None = None
    stages: tuple[StageName, ...]
    assets: tuple[Asset, ...] = ()
    fonts: tuple[UsedFont, ...] = ()
    installed_fonts: tuple[InstalledFont, ...] = ()
    chunks: tuple[PlannedChunk, ...] = ()
    todo: tuple[int, ...] = ()
    width: Annotated[int, Field(ge=1)] = 8
    total_frames: int = 0
    fps: int | None = None
    picture_width: int | None = None
    picture_height: int | None = None
    duration: float | None = None
    sound_hash: str | None = None
    output_key: StoreKey
    engine_version: str
    warnings: tuple[str, ...] = ()

    def chunk(self, position: int) -> PlannedChunk:
        """The chunk at `position` of the missing ones. Raises InvalidInput for one beyond them."""
        if position >= len(self.todo):
            raise InvalidInput("unknown_chunk", f"The plan has no chunk at position {position}.")
        return self.chunks[self.todo[position]]
