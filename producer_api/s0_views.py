"""What dialect S0 answers, for its description; CONTRACTS.md, section S0."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class CreatedView(BaseModel):
    """An export was taken."""

    success: Literal[True]
    export_job_id: str
    status: Literal["pending", "running", "completed", "failed"]
    message: str


class S0Result(BaseModel):
    """How it ended: a file, or an error."""

    status: Literal["success", "error"]
    output_url: str | None = Field(None, description="Where the file is downloaded, below this server.")
    video_id: str | None = Field(None, description="The entry in the video library; MP4 only.")
    file_size: int | None = Field(None, description="Bytes.")
    duration: float | None = Field(None, description="Seconds.")
    format: str | None = None
    error: str | None = Field(None, description="A sentence, when it failed or was cancelled.")
    code: str | None = None


class StatusView(BaseModel):
    """An export as it stands; a cancelled one is `failed` with an error that says so."""

    job_id: str
    job_type: Literal["export-generator"]
    customer_id: str | None
    status: Literal["pending", "running", "completed", "failed"]
    progress: int = Field(ge=0, le=100)
    result: S0Result | None = Field(None, description="Once it has ended.")


class CancelView(BaseModel):
    """The export is being stopped."""

    success: Literal[True]
    job_id: str
    status: Literal["cancelled"]
    message: str


class RefusalView(BaseModel):
    """An error."""

    success: Literal[False]
    error: str = Field(description="A sentence.")
    message: str = Field(description="The same sentence.")
    code: str = Field(description="Stable, in snake_case.")
    path: str | None = Field(None, description="Where in the request.")
