"""upload: verifies a finished file, publishes it, and registers it with library and project history.

What is published is written under the job's own key, the manifest last: the manifest is the mark
that a job is done, so a task that is delivered again states the very same fact.
"""

from __future__ import annotations

import re
import tempfile
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from connectors.store.base import ObjectStore
from processors.facts import failed, tell
from processors.history import ExportHistory
from processors.plans import PlanCache, PlanView
from processors.stage import JOB_CANCELLED, Outgoing, TaskContext
from processors.turns import Turns
from processors.verified import verify_object
from schemas import keys, topics
from schemas.errors import Cancelled, ExportError, Missing
from schemas.facts import Completed, Result, ResultFile, StageProgressed
from schemas.formats import FORMATS
from schemas.hashing import content_hash
from schemas.identity import job_key
from schemas.messages import UploadTask, read_message
from schemas.parts import SoundPart
from schemas.plan import OutputFile, Plan

LIBRARY_NAMESPACE = uuid.UUID("5b5f7c1e-3b0e-5a53-9d3c-6d2f0b3f8a10")


class Upload:
    """The stage on `export.upload`."""

    name = "upload"
    topic = topics.UPLOAD
    unordered = True

    def __init__(
        self,
        store: ObjectStore,
        plans: PlanCache,
        work_dir: Path,
        history: ExportHistory | None = None,
        publish_copy: Callable[[Plan, Path], None] | None = None,
        concurrency: int = 4,
    ) -> None:
        self._store = store
        self._plans = plans
        self._work_dir = work_dir
        self._history = history
        self._publish_copy = publish_copy
        self._turns = Turns()
        self.concurrency = concurrency

    def parse(self, type_name: str | None, version: str | None, value: bytes) -> UploadTask:
        """A finished file."""
        message: Any = read_message(type_name, version, value, UploadTask)
        return message  # type: ignore[no-any-return]  # the accepted type

    def job_of(self, message: UploadTask) -> tuple[str, str]:
        """The job that the file belongs to."""
        return message.job_id, message.tenant

    def handle(self, message: UploadTask, context: TaskContext) -> Iterable[Outgoing]:
        """Publish the file once; state that the job is completed, each time in the same words."""
        manifest_key = keys.manifest_key(message.tenant, message.job_id)
        with self._turns.of(str(message.ref), context.check):
            context.check()
            try:
                manifest = orjson.loads(self._store.get(manifest_key))
            except Missing:
                manifest = self._publish_or_take_back(message, manifest_key, context)
        completed = Completed(
            job_id=message.job_id,
            tenant=message.tenant,
            at=datetime.fromisoformat(manifest["finished_at"]),
            result=Result.model_validate(manifest["result"]).told(),
        )
        return [tell(completed)]

    def _publish_or_take_back(
        self, message: UploadTask, manifest_key: str, context: TaskContext
    ) -> dict[str, Any]:
        try:
            return self._publish(message, manifest_key, context)
        except Cancelled as error:
            if error.code == JOB_CANCELLED:
                plan = self._plans.get(message.plan_key).plan
                for file in plan.files:
                    self._store.delete(keys.export_key(plan.tenant, plan.job_id, file.name))
                self._store.delete(keys.library_key(plan.tenant, _video_id(plan)))
            raise

    def _publish(self, message: UploadTask, manifest_key: str, context: TaskContext) -> dict[str, Any]:
        view = self._plans.get(message.plan_key)
        plan = view.plan
        with tempfile.TemporaryDirectory(dir=self._work_dir, prefix="upload-") as folder:
            files = [
                self._publish_file(view, file, number, Path(folder), context)
                for number, file in enumerate(plan.files)
            ]
            context.emit(_half_way(plan, context.now()))
            result = _result(plan, files, manifest_key, reused=message.reused)
            finished_at = context.now()
            self._register(plan, result, finished_at, context)
            if self._publish_copy is not None:
                for file in plan.files:
                    self._publish_copy(plan, Path(folder) / file.name)
        manifest = build_manifest(plan, result, finished_at)
        self._store.put(manifest_key, orjson.dumps(manifest), content_type="application/json")
        return manifest

    def _publish_file(
        self, view: PlanView, file: OutputFile, number: int, folder: Path, context: TaskContext
    ) -> ResultFile:
        """Verify one file and copy it to where the job's files lie."""
        plan = view.plan
        context.check()
        try:
            sha256, size = verify_object(
                self._store, file.key, view.maker, plan.expected, check=context.check
            )
            if self._publish_copy is not None:
                self._store.download(file.key, folder / file.name)
        except Missing as error:
            raise Missing(
                "output_expired", "The finished file was removed before it was published; ask again."
            ) from error
        context.check()
        key = keys.export_key(plan.tenant, plan.job_id, file.name)
        self._store.copy(file.key, key)
        return ResultFile(
            key=key,
            file_name=file_name(plan, number),
            content_type=file.media_type,
            size=size,
            sha256=sha256,
        )

    def _register(self, plan: Plan, result: Result, finished_at: datetime, context: TaskContext) -> None:
        context.check()
        if result.video_id is not None:
            entry = library_entry(plan, result, finished_at)
            key = keys.library_key(plan.tenant, result.video_id)
            self._store.put(key, orjson.dumps(entry), content_type="application/json")
            context.check()
        if self._history is not None:
            self._history.record(plan, result, finished_at)

    def on_failure(self, message: UploadTask, error: ExportError, now: datetime) -> Iterable[Outgoing]:
        """The job fails: its file cannot be published."""
        return [failed(message.job_id, message.tenant, "upload", error, now)]


def _video_id(plan: Plan) -> str:
    """The same for the same job, so that the library has one entry of it."""
    return str(uuid.uuid5(LIBRARY_NAMESPACE, job_key(plan.tenant, plan.job_id)))


def _result(plan: Plan, files: Sequence[ResultFile], manifest_key: str, *, reused: bool) -> Result:
    main, expected = files[0], plan.expected
    return Result(
        key=main.key,
        file_name=main.file_name,
        content_type=main.content_type,
        size=main.size,
        sha256=main.sha256,
        duration=expected.duration,
        width=expected.width,
        height=expected.height,
        fps=expected.fps,
        video_id=_video_id(plan) if FORMATS[plan.format].library else None,
        manifest_key=manifest_key,
        reused=reused,
        files=tuple(files) if len(files) > 1 else (),
        file_count=len(files),
    )


def _half_way(plan: Plan, now: datetime) -> Outgoing:
    return tell(StageProgressed(job_id=plan.job_id, tenant=plan.tenant, at=now, stage="upload", fraction=0.5))


def file_name(plan: Plan, number: int = 0) -> str:
    """Name of a download: the project's name, kept readable in any script.

    Where there are several, the name that the plan gives each follows.
    """
    stem = re.sub(r"[^\w .()-]+", "_", plan.project_name or plan.project_id or plan.job_id).strip(" .")
    own, _, suffix = plan.files[number].name.rpartition(".")
    ending = f"-{own}.{suffix}" if len(plan.files) > 1 else f".{suffix}"
    return f"{(stem or 'export')[:100]}{ending}"


def library_entry(plan: Plan, result: Result, finished_at: datetime) -> dict[str, Any]:
    """An entry of the video library."""
    return {
        "id": result.video_id,
        "job_id": plan.job_id,
        "tenant": plan.tenant,
        "customer_id": plan.customer_id,
        "user_id": plan.user_id,
        "project_id": plan.project_id,
        "title": plan.project_name,
        "key": result.key,
        "file_size": result.size,
        "duration": result.duration,
        "width": result.width,
        "height": result.height,
        "fps": result.fps,
        "format": plan.format,
        "sha256": result.sha256,
        "created_at": finished_at.isoformat(),
    }


def build_manifest(plan: Plan, result: Result, finished_at: datetime) -> dict[str, Any]:
    """All that the file was made of, so that it can be checked and made again."""
    sounds = [part.key for part in plan.parts if isinstance(part, SoundPart)]
    return {
        "job_id": plan.job_id,
        "engine_version": plan.engine_version,
        "instructions": plan.instructions,
        "format": plan.format,
        "settings": plan.settings,
        "project_key": plan.project_key,
        "assets": [
            {"src": a.src, "kind": a.kind, "sha256": a.sha256, "size": a.size, "fingerprint": a.fingerprint}
            for a in plan.assets
        ],
        "fonts": [{"family": font.family, "sha256": font.sha256} for font in plan.fonts],
        "chunks": [
            {
                "key": p.key,
                "first_frame": p.first_frame,
                "frames": p.frames,
                "hold": p.hold,
                "lead": p.lead,
                "way": p.way,
            }
            for p in plan.chunks
        ],
        "sound": content_hash("sound", sounds) if sounds else None,
        "warnings": list(plan.warnings),
        "result": result.model_dump(mode="json", exclude_none=True),
        "finished_at": finished_at.isoformat(),
    }
