"""`render`: the same plan, render, encode, mix and upload as on the stream, in one process."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from exportstream import exits
from exportstream.config import Settings
from exportstream.early import early_decoder
from exportstream.progress import Progress, human_duration, human_size
from schemas import keys
from schemas.errors import InvalidInput

if TYPE_CHECKING:
    from connectors.decoder import SandboxedDecoder
    from schemas.lifecycle import Job

FORMATS = ("mp4", "mp3", "json")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Export one project to a file."""
    document, base = read_document(options.file)
    if not options.output.parent.is_dir():
        raise InvalidInput("no_such_folder", f"The folder {options.output.parent} does not exist.")
    with early_decoder(document) as decoder:
        job = _export(document, base, options, settings, decoder)
    return report(job, options.output, as_json=options.json, quiet=options.quiet)


def _export(
    document: bytes, base: Path, options: argparse.Namespace, settings: Settings, decoder: SandboxedDecoder
) -> Job:
    # Loaded here, when the decoder is starting already: together these take most of the time.
    from exportstream.local import run_local
    from exportstream.wiring import local_stages, local_store
    from schemas.messages import DEFAULT_TENANT, ExportRequest

    format_ = options.format or format_of(options.output) or "mp4"
    with tempfile.TemporaryDirectory(prefix="exportstream-", dir=settings.temp_dir) as folder:
        store = local_store(options.cache or Path(folder) / "store")
        key = keys.project_key(DEFAULT_TENANT, hashlib.sha256(document).hexdigest())
        store.put(key, document, content_type="application/json")
        request = ExportRequest(
            job_id=f"local-{threading.get_native_id()}",
            format=format_,
            settings=export_settings(options),
            project_key=key,
            source="render",
        )
        stages = local_stages(settings, store, Path(folder), base, decoder)
        with Progress(f"{options.file.name} to {options.output.name}", quiet=options.quiet) as progress:
            job = run_local(
                request, stages, on_change=lambda j: progress.update(j.stage_progress(), j.progress)
            )
        if job.result is not None:
            _deliver(store, job.result.key, options.output)
    return job


def _deliver(store: Any, key: str, output: Path) -> None:
    """Put the finished file in its place, whole or not at all."""
    partial = output.with_name(f".{output.name}.partial")
    store.download(key, partial)
    shutil.move(partial, output)


def read_document(file: Path) -> tuple[bytes, Path]:
    """(document, folder that its relative paths start from). Raises InvalidInput."""
    if str(file) == "-":
        return sys.stdin.buffer.read(), Path.cwd()
    try:
        return file.read_bytes(), file.resolve().parent
    except OSError as error:
        raise InvalidInput("no_such_file", f"{file} cannot be read: {error.strerror}.") from error


def format_of(output: Path | None) -> str | None:
    """The format that a file's name asks for."""
    extension = output.suffix.lower().lstrip(".") if output else ""
    return extension if extension in FORMATS else None


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


def report(job: Job, output: Path | None, *, as_json: bool, quiet: bool = False) -> int:
    """Say how a job ended; the exit code."""
    if as_json:
        value = job.model_dump(
            mode="json", include={"id", "status", "warnings", "result", "error"}, exclude_none=True
        )
        value["output"] = None if output is None else str(output)
        print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
    for warning in job.warnings if not as_json else ():
        print(f"warning: {warning}", file=sys.stderr)
    if job.status == "cancelled":
        return exits.CANCELLED
    if job.error is not None:
        where = f" ({job.error.path})" if job.error.path else ""
        print(f"exportstream: {job.error.message}{where} [{job.error.code}]", file=sys.stderr)
        return exits.FAILED
    if job.result is not None and not as_json and not quiet:
        parts = [human_size(job.result.size)]
        if job.result.duration is not None:
            parts.insert(0, human_duration(job.result.duration))
        print(f"{output or job.result.file_name}  {', '.join(parts)}")
    return exits.OK
