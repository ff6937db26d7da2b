"""The JSON export: a project as it was stored, with a manifest of its assets under `meta.archive`.

The result is a project document again, so it can be imported wherever one can. The manifest says
what each source was: SHA-256, size in bytes and content type, to check or to replace it later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import orjson

from renderers import ENGINE_VERSION
from renderers.recipes.maker import Check, Needs, Outline, Subject, Workbench, broken, no_join
from schemas.errors import InvalidInput
from schemas.hashing import content_hash
from schemas.limits import Limits
from schemas.parts import FilePart, Part
from schemas.plan import Asset, Expected
from schemas.project import Project
from schemas.settings import ExportSettings


def project_archive(document: bytes, assets: Sequence[Asset], warnings: Sequence[str] = ()) -> bytes:
    """The JSON of a project document (UTF-8) with its manifest, indented, in the document's own key order.

    An archive that is exported again gets a new manifest. Raises InvalidInput for what is no document.
    """
    project = orjson.loads(document)
    if not isinstance(project, dict):
        raise InvalidInput("invalid_json", "A project document is a JSON object.")
    meta = project.get("meta")
    manifest = {
        "engineVersion": ENGINE_VERSION,
        "assets": [
            {"src": a.src, "kind": a.kind, "sha256": a.sha256, "size": a.size, "contentType": a.content_type}
            for a in assets
        ],
        "warnings": list(warnings),
    }
    project["meta"] = {**(meta if isinstance(meta, dict) else {}), "archive": manifest}
    return orjson.dumps(project, option=orjson.OPT_INDENT_2)


class Archive:
    """The project itself: assets are fetched as they are, and nothing is decoded."""

    version = "1"

    def needs(self, project: Project, settings: ExportSettings, limits: Limits) -> Needs:
        """All that the document names; what cannot be had is a warning, for the rest is worth keeping."""
        return Needs(project, as_they_are=True)

    def timeline(self, subject: Subject, settings: ExportSettings) -> None:
        """There is no picture."""
        return

    def outline(self, subject: Subject, settings: ExportSettings, timeline: None) -> Outline:
        """One document."""
        named = [(asset.src, asset.sha256) for asset in subject.assets]
        key = content_hash("archive", subject.project_key, named, subject.warnings, ENGINE_VERSION)
        return Outline([FilePart(key=key)], None, Expected(), joined=False)

    def make(self, part: Part, bench: Workbench, *, check: Check) -> bytes:
        """The document with its manifest."""
        return project_archive(bench.document, bench.subject.assets, bench.subject.warnings)

    def join(
        self,
        parts: Sequence[Part],
        read: Callable[[Iterable[Part]], Iterator[bytes]],
        bench: Workbench,
        path: Path,
        *,
        check: Check,
    ) -> None:
        """Not needed: the part is the file."""
        raise no_join(parts)

    def verify(self, file: BinaryIO, expected: Expected) -> None:
        """It is JSON."""
        try:
            orjson.loads(file.read())
        except orjson.JSONDecodeError as error:
            raise broken("it is not JSON") from error


MAKER = Archive()
