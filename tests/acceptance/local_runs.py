"""The stream in this process: one set of stages over one store, as a worker has it, for job after job."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from connectors.decoder import SandboxedDecoder
from exportstream.config import Settings
from exportstream.local import run_local
from exportstream.wiring import local_stages, local_store
from schemas import keys
from schemas.facts import Problem
from schemas.lifecycle import Job
from schemas.messages import DEFAULT_TENANT, ExportRequest
from tests.unit.builders import document, rect, slide

TINY = {"width": 160, "height": 90, "fps": 24}
"""Settings of a picture that takes no time."""


class LocalWorker:
    """Stages that live on from one job to the next; `folder` is where documents' relative paths begin."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder / "documents"
        self.work = folder / "work"
        for made in (self.folder, self.work):
            made.mkdir()
        self.store = local_store(folder / "store")
        settings = Settings.from_environ(environ or {})
        self._decoder = SandboxedDecoder()
        self._stages = local_stages(settings, self.store, self.work, self.folder, self._decoder)
        self._count = 0

    def close(self) -> None:
        """End the processes that decode."""
        self._decoder.close()

    def run(self, project: Mapping[str, Any] | bytes, format: str = "mp4", **settings: Any) -> Job:  # noqa: A002
        """Export a project, small unless `settings` say otherwise; the job as it ended."""
        content = project if isinstance(project, bytes) else orjson.dumps(project)
        key = keys.project_key(DEFAULT_TENANT, hashlib.sha256(content).hexdigest())
        self.store.put(key, content)
        self._count += 1
        given = TINY | settings
        request = ExportRequest(job_id=f"job-{self._count}", format=format, settings=given, project_key=key)
        return run_local(request, self._stages)

    def put(self, name: str, data: bytes) -> str:
        """A file beside the documents; what they call it."""
        (self.folder / name).write_bytes(data)
        return name

    def file(self, job: Job) -> Path:
        """The finished file of a job, on the local disk."""
        assert job.result is not None, job.error
        path = self.work / job.result.file_name
        self.store.download(job.result.key, path)
        return path

    def refuses(self, project: Mapping[str, Any] | bytes, **settings: Any) -> Problem:
        """Run a job that must fail, and then one that must not; why the first one failed."""
        job = self.run(project, **settings)
        assert job.status == "failed", job
        assert job.error is not None
        self.does_well(job)
        return job.error

    def completes(self, project: Mapping[str, Any], **settings: Any) -> Job:
        """Run a job that must be completed."""
        job = self.run(project, **settings)
        assert job.status == "completed", job.error
        return job

    def does_well(self, after: Job) -> None:
        """The next job is done, and nothing is left of the one before."""
        job = self.run(document(slides=[slide(0.25, rect())], id=f"p-{self._count}"))
        assert job.status == "completed", (after, job)
        left = [path for path in self.work.rglob("*") if path.is_file()]
        assert left == []
