"""`render`: the same plan, render, encode, mix and upload as on the stream, in one process."""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exportstream.config import Settings
from exportstream.early import EarlyDecoder, early_decoder, give_memory_back, uncollected
from exportstream.outputs import Output, check_no_input, format_asked, output_of
from exportstream.progress import Progress
from exportstream.reporting import report
from schemas import keys
from schemas.errors import InvalidInput

if TYPE_CHECKING:
    from connectors.store.base import ObjectStore
    from schemas.facts import Result
    from schemas.lifecycle import Job


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Export one project to a file."""
    document, base = read_document(options.file)
    output = output_of(options)
    assert output is not None, "the parser asks for it"
    check_no_input(output.path, options.file, document, base)
    format_ = format_asked(options, output)  # better refused before the work
    give_memory_back()
    with early_decoder(document, settings) as decoder:
        job, written = _export(document, base, output, format_, options, settings, decoder)
    return report(_described(job, output, written), written, as_json=options.json, quiet=options.quiet)


def _export(
    document: bytes,
    base: Path,
    output: Output,
    format_: str,
    options: argparse.Namespace,
    settings: Settings,
    decoder: EarlyDecoder,
) -> tuple[Job, list[Path]]:
    """(the job as it ended, the files that were written)."""
    # Loaded here, when the decoder is starting already: together these take most of the time.
    with uncollected():
        from exportstream.local import run_local
        from exportstream.wiring import local_stages, local_store
        from schemas.messages import DEFAULT_TENANT, ExportRequest

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
        with Progress(f"{options.file.name} to {output.path.name}", quiet=options.quiet) as progress:

            def changed(job: Job) -> None:
                progress.update(job.stage_progress(), job.progress)
                if job.chunks is not None:
                    decoder.end()  # all is decoded: its memory is wanted, and its end takes a while

            job = run_local(request, stages, on_change=changed)
        written = [] if job.result is None else _deliver(store, job.result, output)
        if options.cache is not None:
            _forget(store, job)
    return job, written


def _deliver(store: ObjectStore, result: Result, output: Output) -> list[Path]:
    """Write the finished files; returns their paths."""
    from schemas.facts import files_of

    files = files_of(result, store.get) if output.several else (result,)
    places = output.places([file.name for file in files])
    output.prepare()
    for file, place in zip(files, places, strict=True):
        _put(store, file.key, place)
    return places


def _put(store: ObjectStore, key: str, output: Path) -> None:
    """Write a finished file, whole or not at all."""
    partial = output.with_name(f".{output.name}.partial")
    try:
        store.download(key, partial)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _forget(store: ObjectStore, job: Job) -> None:
    """Remove files named by the job: later runs with the same cache cannot use them."""
    from schemas.facts import files_of

    store.delete(keys.plan_key(job.tenant, job.id))
    if job.result is not None:
        for file in files_of(job.result, store.get):
            store.delete(file.key)
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


def export_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of a request, only what was given."""
    given = {
        "quality": options.quality,
        "fps": options.fps,
        "bitrate": options.bitrate,
        "audioBitrate": options.audio_bitrate,
        "includeAudio": False if options.no_audio else None,
        "at": options.at,
        "eachSlide": options.each_slide or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _described(job: Job, output: Output, written: Sequence[Path]) -> dict[str, Any]:
    """The job as `report` and `--json` print it: `outputs` where several files were written."""
    told = {"id", "status", "warnings", "result", "error"}
    several = {"outputs": [str(path) for path in written]} if output.several else {}
    described = job.model_dump(mode="json", include=told, exclude_none=True)
    return {**described, "output": str(output.path), **several}
