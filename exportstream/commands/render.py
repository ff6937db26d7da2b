"""`render`: the same plan, render, encode, mix and upload as on the stream, in one process."""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exportstream.config import Settings
from exportstream.early import EarlyDecoder, early_decoder, give_memory_back, uncollected
from exportstream.progress import Progress
from exportstream.reporting import check_no_input, check_output, report
from schemas import keys
from schemas.errors import InvalidInput
from schemas.formats import DEFAULT_FORMAT, FORMATS, format_of_file

if TYPE_CHECKING:
    from connectors.store.base import ObjectStore
    from schemas.lifecycle import Job


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Export one project to a file."""
    document, base = read_document(options.file)
    check_output(options.output)
    check_no_input(options.output, options.file, document, base)
    if options.format is None:
        format_of(options.output)  # better refused before the work
    give_memory_back()
    with early_decoder(document, settings) as decoder:
        job = _export(document, base, options, settings, decoder)
    return report(_described(job, options.output), options.output, as_json=options.json, quiet=options.quiet)


def _export(
    document: bytes, base: Path, options: argparse.Namespace, settings: Settings, decoder: EarlyDecoder
) -> Job:
    # Loaded here, when the decoder is starting already: together these take most of the time.
    with uncollected():
        from exportstream.local import run_local
        from exportstream.wiring import local_stages, local_store
        from schemas.messages import DEFAULT_TENANT, ExportRequest

    format_ = options.format or format_of(options.output)
    with tempfile.TemporaryDirectory(prefix="exportstream-", dir=settings.temp_dir) as folder:
        store = local_store(options.cache or Path(folder) / "store")
        key = keys.project_key(DEFAULT_TENANT, hashlib.sha256(document).hexdigest())
        store.put(key, document, content_type="application/json")
        request = ExportRequest(
            job_id=f"local-{uuid.uuid4().hex}",
            format=format_,
            settings=export_settings(options),
            project_key=key,
            source="render",
        )
        stages = local_stages(settings, store, Path(folder), base, decoder)
        with Progress(f"{options.file.name} to {options.output.name}", quiet=options.quiet) as progress:

            def changed(job: Job) -> None:
                progress.update(job.stage_progress(), job.progress)
                if job.chunks is not None:
                    decoder.end()  # all is decoded: its memory is wanted, and its end takes a while

            job = run_local(request, stages, on_change=changed)
        if job.result is not None:
            _deliver(store, job.result.key, options.output)
        if options.cache is not None:
            _forget(store, job)
    return job


def _deliver(store: ObjectStore, key: str, output: Path) -> None:
    """Put the finished file in its place, whole or not at all."""
    partial = output.with_name(f".{output.name}.partial")
    try:
        store.download(key, partial)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _forget(store: ObjectStore, job: Job) -> None:
    """Remove what is named by the job: in a cache that is kept nobody would ever look for it again."""
    store.delete(keys.plan_key(job.tenant, job.id))
    if job.result is not None:
        store.delete(job.result.key)
        store.delete(keys.manifest_key(job.tenant, job.id))
        if job.result.video_id is not None:
            store.delete(keys.library_key(job.tenant, job.result.video_id))


def read_document(file: Path) -> tuple[bytes, Path]:
    """(document, folder that its relative paths start from). Raises InvalidInput."""
    if str(file) == "-":
        return sys.stdin.buffer.read(), Path.cwd()
    try:
        return file.read_bytes(), file.resolve().parent
    except OSError as error:
        raise InvalidInput("no_such_file", f"{file} cannot be read: {error.strerror}.") from error


def format_of(output: Path | None) -> str:
    """The format that a file's name asks for. Raises InvalidInput for a suffix that no format has."""
    if output is None or not output.suffix:
        return DEFAULT_FORMAT
    if (found := format_of_file(output.name)) is None:
        written = ", ".join(f".{row.extension}" for row in FORMATS.values())
        message = f"{output.name} asks for a format that is not written; name it {written}, or say --format."
        raise InvalidInput("unknown_ending", message)
    return found.name


def export_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of a request, only what was given."""
    given = {
        "quality": options.quality,
        "fps": options.fps,
        "bitrate": options.bitrate,
        "audioBitrate": options.audio_bitrate,
        "includeAudio": False if options.no_audio else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _described(job: Job, output: Path) -> dict[str, Any]:
    """The job as `report` speaks of it, and as `--json` prints it."""
    told = {"id", "status", "warnings", "result", "error"}
    return {**job.model_dump(mode="json", include=told, exclude_none=True), "output": str(output)}
