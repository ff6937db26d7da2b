"""The messages on the stream: what a service asks for, and what each stage hands to the next.

Each is a frozen model with a `TYPE` and a `VERSION` that travel in the CloudEvents headers. They
grow only by optional fields: a reader ignores what it does not know. Messages stay under 64 kB;
what is larger lies in the object store and travels as its key. Only a request may inline a
project, up to the broker's limit.
"""

import hashlib
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from schemas.errors import InvalidMessage
from schemas.identity import JobRef

JOB_ID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"
JobId = Annotated[str, StringConstraints(pattern=JOB_ID)]
Tenant = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
StoreKey = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Label = Annotated[str, StringConstraints(max_length=200)]
FormatName = Annotated[str, StringConstraints(max_length=20)]
ProjectRef = Annotated[str, StringConstraints(max_length=500)]

DEFAULT_TENANT = "default"
CARRIED_BYTES = 16 * 1024
CARRIED_DEPTH = 32
"""Of settings, and of metadata: they travel in every snapshot of a job."""


class Message(BaseModel):
    """Base of all messages: frozen, and tolerant of unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="constants", defer_build=True)

    TYPE: ClassVar[str] = ""
    VERSION: ClassVar[int] = 1

    def encode(self) -> bytes:
        """JSON in UTF-8, without the fields that are not set."""
        return orjson.dumps(self.model_dump(mode="json", exclude_none=True))

    def event_id(self, key: str, cause: str | None = None) -> str:
        """The id of the event that this message is (CloudEvents 1.0.2, section "id").

        The same however often it is published, and unique for its source. key: its key on the stream; cause:
        what it follows from, for the same work is ordered again where what it made was swept away.
        """
        after = "" if cause is None else f":{hashlib.sha256(cause.encode()).hexdigest()[:12]}"
        return f"{key}:{self.TYPE}{after}"

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """The message in `value`; raises InvalidMessage with a sentence when it cannot be read."""
        try:
            return cls.model_validate(orjson.loads(value))
        except orjson.JSONDecodeError as error:
            raise InvalidMessage("invalid_json", f"The message is not JSON: {error}.") from error
        except (ValidationError, RecursionError) as error:
            raise InvalidMessage("invalid_message", _first_problem(error)) from error


def _first_problem(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return "The message is nested too deep."
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the message"
    return f"{where}: {first['msg']}."


def nested_deeper(value: Any, depth: int) -> bool:
    """True if objects and arrays are nested more than `depth` deep."""
    level = [value]
    for _ in range(depth + 1):
        level = [part for whole in level for part in _parts(whole)]
        if not level:
            return False
    return True


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


class AboutJob(Message):
    """A message about one job."""

    job_id: JobId
    tenant: Tenant

    @property
    def ref(self) -> JobRef:
        """The job."""
        return JobRef(self.tenant, self.job_id)


class Asked(Message):
    """Fields of a request for an export, besides the project document.

    The request, the job, the plan, the body of a call and the canonical answer have these fields by
    inheritance and pass them on by `asked`, so a new field is a line here. A class that always knows a value
    narrows its type.
    """

    format: FormatName | None = None
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="quality, fps, includeAudio, codec, bitrate, audioBitrate; what is absent has a default.",
        examples=[{"quality": "1080p", "fps": 30, "includeAudio": True}],
    )
    metadata: dict[str, Any] = Field(default_factory=dict, description="Comes back unchanged.")
    project_id: Label | None = None
    project_ref: ProjectRef | None = Field(
        default=None, description="`customer/project`, found in the configured source."
    )
    customer_id: Label | None = None
    user_id: Label | None = None
    batch_id: Label | None = Field(default=None, description="Exports with the same one belong together.")
    width: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        default=None, description="How many chunks are in flight at once: the export's weight against others."
    )

    def asked(self) -> dict[str, Any]:
        """These fields by name, to pass on."""
        return {name: getattr(self, name) for name in Asked.model_fields}


class ExportRequest(Asked, AboutJob):
    """A request for one project in one format.

    Exactly one of `project` (the document itself), `project_ref` ("customer/project", resolved by
    the configured project source) and `project_key` (a document that the API put into the store).
    `job_id` is chosen by the caller; the same id twice from one tenant is one job.
    """

    TYPE: ClassVar[str] = "export.requested"

    tenant: Tenant = DEFAULT_TENANT
    format: FormatName
    project: dict[str, Any] | None = None
    project_key: StoreKey | None = None
    requested_at: datetime | None = None
    source: Label = "kafka"
    request_hash: Label | None = None
    """Hash of a request with an idempotency key; a different request under the same key is refused."""

    @model_validator(mode="after")
    def _one_project(self) -> Self:
        given = [v for v in (self.project, self.project_ref, self.project_key) if v is not None]
        if len(given) != 1:
            raise ValueError("exactly one of project, project_ref and project_key is needed")
        return self

    @field_validator("settings", "metadata")
    @classmethod
    def _carried(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Metadata is repeated in every snapshot: it must be small, and writable by JSON libraries."""
        if nested_deeper(value, CARRIED_DEPTH):
            raise ValueError(f"it is nested deeper than {CARRIED_DEPTH}")
        if len(orjson.dumps(value)) > CARRIED_BYTES:
            raise ValueError(f"it has more than {CARRIED_BYTES // 1024} KiB")
        return value


class PartTask(AboutJob):
    """One part of a plan, by its position. again: it was swept away and is remade; no part follows it."""

    plan_key: StoreKey
    position: Annotated[int, Field(ge=0)]
    again: bool = False

    def event_id(self, key: str, cause: str | None = None) -> str:
        """With the position: the fan-in is told of all parts of a job under one key."""
        return f"{super().event_id(key, cause)}:{self.position}"


class RenderTask(PartTask):
    """Draw one part: the layers of a chunk, a page, or a document."""

    TYPE: ClassVar[str] = "chunk.render"


class EncodeTask(PartTask):
    """Compose and encode one chunk whose layers are drawn."""

    TYPE: ClassVar[str] = "chunk.encode"


class SoundTask(PartTask):
    """Mix and encode one part of the sound. A task without a position is one of an old plan."""

    TYPE: ClassVar[str] = "sound.mix"

    position: Annotated[int, Field(ge=0)] = 0


class DocumentTask(AboutJob):
    """Write a document: what older versions sent instead of a `RenderTask`."""

    TYPE: ClassVar[str] = "document.render"

    plan_key: StoreKey


class PartDone(PartTask):
    """A part lies in the store: the fan-in counts it."""

    TYPE: ClassVar[str] = "chunk.done"


class JoinTask(AboutJob):
    """All that a job needs lay in the store when it was planned: join it."""

    TYPE: ClassVar[str] = "parts.join"

    plan_key: StoreKey


class UploadTask(AboutJob):
    """Verify, publish and register one finished file."""

    TYPE: ClassVar[str] = "file.upload"

    plan_key: StoreKey
    output_key: StoreKey
    reused: bool = False
    """True when the file lay in the store already and nothing was rendered for this job."""


class Control(AboutJob):
    """An order about a job, for all workers: compacted, so that late ones read it too."""

    TYPE: ClassVar[str] = "job.control"

    tenant: Tenant = DEFAULT_TENANT
    action: Literal["cancel"] = "cancel"
    at: datetime | None = None
    by: Label | None = None

    def event_id(self, key: str, cause: str | None = None) -> str:
        """Each order is one of its own, told apart by when it was given."""
        return f"{super().event_id(key, cause)}:{self.action}:{self.at and self.at.isoformat()}"


MESSAGE_TYPES: dict[str, type[Message]] = {
    cls.TYPE: cls
    for cls in (
        ExportRequest,
        RenderTask,
        EncodeTask,
        SoundTask,
        DocumentTask,
        PartDone,
        JoinTask,
        UploadTask,
        Control,
    )
}


def read_message(
    type_name: str | None, version: str | None, value: bytes, *accepted: type[Message]
) -> Message:
    """The message of one of the `accepted` types in `value`, by its headers' type and version.

    Without a type header the first accepted type is assumed: a raw producer needs no headers.
    Raises InvalidMessage for a type that is not accepted here, or a version that is not known.
    """
    wanted = {cls.TYPE: cls for cls in accepted}
    cls = wanted.get(type_name) if type_name else accepted[0]
    if cls is None:
        expected = ", ".join(wanted)
        raise InvalidMessage(
            "unknown_type", f"This topic carries {expected}; the message says {type_name!r}."
        )
    if version not in (None, "", str(cls.VERSION)):
        raise InvalidMessage(
            "unknown_version", f"{cls.TYPE} is read in version {cls.VERSION}; the message says {version!r}."
        )
    return cls.decode(value)
