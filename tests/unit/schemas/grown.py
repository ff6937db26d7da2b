"""A field more in `Asked`, written as its one line, and where it comes to: run in a process of its own."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

ROOT = Path(__file__).parents[3]
NAME, VALUE = "mood", "calm"
LINE = f"    {NAME}: Label | None = None\n\n"
BEFORE = "    def asked(self)"


class Grown(SourceFileLoader):
    """Reads a module's source with the line in it."""

    def get_code(self, fullname: str) -> CodeType:
        """Compiled from the source as it is now, not from a cache."""
        source = self.get_data(self.path).decode()
        assert source.count(BEFORE) == 1
        code: CodeType = self.source_to_code(source.replace(BEFORE, LINE + BEFORE).encode(), self.path)
        return code


def add_the_line() -> None:
    """Load `schemas.messages` as if the line stood there."""
    name = "schemas.messages"
    spec = importlib.util.spec_from_loader(name, Grown(name, str(ROOT / "schemas" / "messages.py")))
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def follow(folder: Path) -> dict[str, object]:
    """Where the value is found after a request by HTTP, its job and its plan."""
    import orjson

    from exportstream.platform import request_of
    from schemas import topics
    from schemas.identity import JobRef
    from schemas.messages import ExportRequest
    from tests.unit import builders as b
    from tests.unit.api.harness import world
    from tests.unit.processors.stream import Stream

    project = b.document(slides=[b.slide(0.1)])
    body: dict[str, Any] = {"project": project, "format": "json", NAME: VALUE}
    with world(folder) as api:
        answer = api.post("/v1/exports", json=body).json()
        [request] = api.stream.on(topics.REQUESTS)
        job = api.jobs.get(JobRef("default", answer["id"]))
        described = api.get("/openapi.json").json()["components"]["schemas"]
    assert isinstance(request, ExportRequest)
    assert job is not None
    stream = Stream(folder)
    stream.export("planned", project, "json", **{NAME: VALUE})
    again = request_of(job)
    return {
        "message": orjson.loads(request.encode())[NAME],
        "row": orjson.loads(job.encode())[NAME],
        "answer": answer[NAME],
        "plan": orjson.loads(stream.plan("planned").encode())[NAME],
        "taken up again": getattr(again, NAME),
        "described": VALUE if all(NAME in described[m]["properties"] for m in _VIEWS) else None,
    }


_VIEWS = ("ExportBody", "ExportView")


if __name__ == "__main__":
    add_the_line()
    with tempfile.TemporaryDirectory() as scratch:
        missing = [place for place, found in follow(Path(scratch)).items() if found != VALUE]
    sys.exit(f"not found in: {', '.join(missing)}" if missing else 0)
