"""`submit`: sends a project to an API, with the files that it names; may follow it to its end."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from exportstream import exits
from exportstream.client import Client
from exportstream.commands.render import export_settings, read_document
from exportstream.config import Settings
from exportstream.outputs import Output, format_asked, output_of
from exportstream.progress import Progress
from exportstream.reporting import report
from schemas.errors import InvalidInput
from schemas.facts import STAGES

SOURCE_KEYS = ("src", "midi")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Upload, ask, and follow if that is wanted."""
    document, base = read_document(options.file)
    output = output_of(options)
    format_ = format_asked(options, output)
    client = Client(options.url or settings.url, settings.api_key)
    project = with_uploads(load(document), base, client.upload)
    body = {
        "project": project,
        "format": format_,
        "settings": export_settings(options),
    }
    headers = {"Idempotency-Key": options.idempotency_key} if options.idempotency_key else {}
    job = client.post("/v1/exports", body, headers)
    if not (options.follow or output):
        print(orjson.dumps(job).decode() if options.json else job["id"])
        return exits.OK
    job = follow(client, job, options.file.name, quiet=options.quiet)
    written = download(client, job, output) if job["status"] == "completed" and output else []
    return report(job, written, as_json=options.json, quiet=options.quiet)


def download(client: Client, job: Mapping[str, Any], output: Output) -> list[Path]:
    """Download the finished files; returns their paths."""
    path = f"/v1/exports/{job['id']}"
    files = client.get(f"{path}/files")["files"] if output.several else [{"name": "", "url": f"{path}/file"}]
    places = output.places([file["name"] for file in files])
    output.prepare()
    for file, place in zip(files, places, strict=True):
        client.download(file["url"], place)
    return places


def load(document: bytes) -> dict[str, Any]:
    """The document as JSON. Raises InvalidInput."""
    try:
        project = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise InvalidInput("invalid_json", f"The project is not JSON: {error}.") from error
    if not isinstance(project, dict):
        raise InvalidInput("invalid_json", "A project is a JSON object.")
    return project


def with_uploads(value: Any, base: Path, upload: Callable[[Path], str]) -> Any:
    """The document with each relative path of a file that is there replaced by the key it was uploaded to.

    Only files in the document's folder are sent: a document from elsewhere must not reach others.
    """
    known: dict[str, str] = {}

    def source(src: str) -> str:
        if src not in known:
            path = file_beside(base, src)
            known[src] = src if path is None else upload(path)
        return known[src]

    def value_of(key: str, item: Any) -> Any:
        if key in SOURCE_KEYS and isinstance(item, str):
            return source(item)
        return item if key == "meta" else walk(item)

    def walk(part: Any) -> Any:
        if isinstance(part, list):
            return [walk(item) for item in part]
        if isinstance(part, Mapping):
            return {key: value_of(key, item) for key, item in part.items()}
        return part

    try:
        return walk(value)
    except RecursionError as error:
        raise InvalidInput("too_deep", "The project is nested too deep.") from error


def file_beside(base: Path, src: str) -> Path | None:
    """The file below `base` that a source names by a relative path, if it does."""
    if ":" in src.partition("/")[0]:
        return None
    path = base / src
    try:
        inside = path.resolve().is_relative_to(base.resolve())
        return path if inside and path.is_file() else None
    except (OSError, ValueError):
        return None  # too long, or no name of a file at all


def follow(client: Client, job: dict[str, Any], title: str, *, quiet: bool = False) -> dict[str, Any]:
    """Show progress until the job has ended; the job as it is then."""
    path = f"/v1/exports/{job['id']}"
    with Progress(title, quiet=quiet) as progress:
        while job["status"] not in ("completed", "failed", "cancelled"):
            for event in client.events(f"{path}/events"):
                job = event
                shares = {stage: job["stages"][stage] for stage in STAGES if stage in job.get("stages", {})}
                progress.update(shares, job["progress"])
            job = client.get(path)
    return job
