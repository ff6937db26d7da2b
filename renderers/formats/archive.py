"""The JSON export: a project as it was stored, with a manifest of its assets under `meta.archive`.

The result is a project document again, so it can be imported wherever one can. The manifest says
what each source was: SHA-256, size in bytes and content type, to check or to replace it later.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from renderers import ENGINE_VERSION
from schemas.errors import InvalidInput
from schemas.plan import Asset


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
