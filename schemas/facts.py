"""Facts: what a stage started, finished or failed. They are what progress is made of.

A fact's `id` is deterministic: the same work done twice states the same fact, and any listener
can tell. `at` is when it happened, by the clock of the worker.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

import orjson
from pydantic import Field

from schemas.errors import InvalidMessage
from schemas.messages import AboutJob, Label, Message, StoreKey, read_message
from schemas.stages import STAGES as STAGES
from schemas.stages import StageName as StageName


class Fact(AboutJob):
    """Something that happened to a job."""

    at: datetime

    @property
    def id(self) -> str:
        """Deterministic id: the same event has the same id, however often it is published."""
        return f"{self.ref}:{self.TYPE}"

    def event_id(self, key: str, cause: str | None = None) -> str:
        """A fact is the same event whatever it follows from."""
        return self.id


class PlanStarted(Fact):
    """A worker took the request."""

    TYPE: ClassVar[str] = "plan.started"


class Planned(Fact):
    """The project is valid and cut into chunks.

    chunks: distinct chunks, pages and documents in all; cached: those already in the store; frames: pictures
    that have to be encoded for the missing ones; sounds, sounds_cached: likewise the parts of the sound;
    duration in seconds.
    """

    TYPE: ClassVar[str] = "job.planned"

    project_key: StoreKey
    project_name: Label | None = None
    stages: tuple[StageName, ...] = STAGES
    chunks: Annotated[int, Field(ge=0)] = 0
    cached: Annotated[int, Field(ge=0)] = 0
    frames: Annotated[int, Field(ge=0)] = 0
    sounds: Annotated[int, Field(ge=0)] = 0
    sounds_cached: Annotated[int, Field(ge=0)] = 0
    duration: Annotated[float, Field(ge=0)] | None = None
    warnings: tuple[str, ...] = ()


class PartFact(Fact):
    """A part went through a stage: `position` in the plan's list of parts."""

    position: Annotated[int, Field(ge=0, le=100_000)]
    frames: Annotated[int, Field(ge=0)] = 0

    @property
    def id(self) -> str:
        """One for each part."""
        return f"{self.ref}:{self.TYPE}:{self.position}"


class ChunkRendered(PartFact):
    """A part is drawn."""

    TYPE: ClassVar[str] = "chunk.rendered"


class SoundMixed(PartFact):
    """A part of the sound is mixed and encoded."""

    TYPE: ClassVar[str] = "sound.mixed"


class ChunkEncoded(PartFact):
    """A chunk is encoded."""

    TYPE: ClassVar[str] = "chunk.encoded"


class StageProgressed(Fact):
    """A stage that is not counted in chunks has come this far."""

    TYPE: ClassVar[str] = "stage.progressed"

    stage: StageName
    fraction: Annotated[float, Field(ge=0, le=1)]

    @property
    def id(self) -> str:
        """One for each step of a stage."""
        return f"{self.ref}:{self.TYPE}:{self.stage}:{self.fraction:.3f}"


MOST_FILES_TOLD = 64
"""Files that a fact and snapshots list: messages stay small, and a deck may have thousands of pages."""


class ResultFile(Message):
    """One file of a result: what it is called when it is downloaded, and where it lies."""

    key: StoreKey
    file_name: str
    content_type: str
    size: Annotated[int, Field(ge=0)]
    sha256: str

    @property
    def name(self) -> str:
        """Its name among the files of the result, by which they may refer to one another."""
        return self.key.rpartition("/")[2]


class Result(ResultFile):
    """The finished file, the first of them where there are several, and what is known of it.

    files: all of them where there are several; in a message only if these are at most `MOST_FILES_TOLD`, in
    the manifest always.
    """

    duration: float | None = None
    width: int | None = None
    height: int | None = None
    fps: int | None = None
    video_id: str | None = None
    manifest_key: StoreKey | None = None
    reused: bool = False
    files: tuple[ResultFile, ...] = ()
    file_count: Annotated[int, Field(ge=1)] = 1

    def told(self) -> Self:
        """The result as messages carry it."""
        return self.model_copy(update={"files": ()}) if len(self.files) > MOST_FILES_TOLD else self


def files_of(result: Result, read: Callable[[str], bytes]) -> tuple[ResultFile, ...]:
    """All files of a result, the main one first. read: what the store has under a key; it may raise."""
    if result.file_count > 1 and not result.files and result.manifest_key is not None:
        result = Result.model_validate(orjson.loads(read(result.manifest_key))["result"])
    if result.files:
        return result.files
    return (ResultFile(**{name: getattr(result, name) for name in ResultFile.model_fields}),)


class Completed(Fact):
    """The file is published: the end of a job."""

    TYPE: ClassVar[str] = "job.completed"

    result: Result


class Problem(Message):
    """Why a job failed: a stable code, a sentence for the owner, where in the input, in which stage.

    retriable: whether the very same request may succeed later, because a service was away.
    """

    code: str
    message: str
    path: str | None = None
    stage: StageName | None = None
    retriable: bool = False


class Failed(Fact):
    """The job cannot be done: the end of a job."""

    TYPE: ClassVar[str] = "job.failed"

    error: Problem


class CancelledFact(Fact):
    """Somebody called the job off: the end of a job."""

    TYPE: ClassVar[str] = "job.cancelled"

    by: Label | None = None


FACT_TYPES: tuple[type[Fact], ...] = (
    PlanStarted,
    Planned,
    ChunkRendered,
    ChunkEncoded,
    SoundMixed,
    StageProgressed,
    Completed,
    Failed,
    CancelledFact,
)


def read_fact(type_name: str | None, version: str | None, value: bytes) -> Fact:
    """The fact in `value`; raises InvalidMessage."""
    if not type_name:
        raise InvalidMessage("unknown_type", "The message does not say which fact it is (header ce_type).")
    fact: Any = read_message(type_name, version, value, *FACT_TYPES)
    assert isinstance(fact, Fact)
    return fact
