"""What is exported stays the same to the byte while the house is rebuilt around it.

The hashes in same_bytes.json were recorded before formats had a table and plans had parts, with the engine
version that the file names. Pictures of unknown movement hold for one vendor's processors
(docs/decisions/0013), so they are compared only where they were recorded.
`python -m tests.unit.processors.test_same_bytes` records them again: after a change that is meant to show.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import av
import orjson
import pytest

from renderers import ENGINE_VERSION
from tests.acceptance.media import inline, picture, tone
from tests.unit.builders import Document, document, fade, image, move, rect, slide, text, track
from tests.unit.processors.stream import TINY, Stream

RECORDED = Path(__file__).with_name("same_bytes.json")


class Export(NamedTuple):
    """A project, the format it is exported to, and the settings."""

    project: Document
    kind: str = "mp4"
    settings: Document = {}  # noqa: RUF012  # never changed


def _photo() -> str:
    return inline(picture(), "image/png")


def _sound(seconds: float = 1.0) -> Document:
    return track(inline(tone(seconds), "audio/wav"))


EXPORTS: dict[str, Export] = {
    "stills": Export(
        document(slides=[slide(1, text("One")), slide(2, image(_photo()), text("Two")), slide(0.5, rect())])
    ),
    "crossfades": Export(
        document(slides=[slide(1.5, image(_photo()), transition=fade(0.5)), slide(1.5, text("After"))])
    ),
    "pushes": Export(
        document(slides=[slide(1, text("A"), transition=fade(0.5, "slide-left")), slide(1, text("B"))])
    ),
    "known movement": Export(
        document(slides=[slide(2, image(_photo(), animations=[move("scale", values=(1, 1.2), duration=2)]))])
    ),
    "a title that slides in and is held": Export(
        document(slides=[slide(4, text("Hello", animations=[move(duration=0.5)]), color="navy")])
    ),
    "a turning box": Export(
        document(slides=[slide(1, rect(animations=[move("rotation", values=(0, 90), duration=1)]))])
    ),
    "a capped bit rate": Export(
        document(slides=[slide(1, image(_photo())), slide(1, rect(animations=[move(duration=1)]))]),
        settings={"bitrate": "200k"},
    ),
    "sixty frames a second": Export(
        document(slides=[slide(1, rect(animations=[move(duration=1)]))]), settings={"fps": 60}
    ),
    "the picture of a film with sound": Export(
        document(slides=[slide(1, text("One")), slide(1, text("Two"))], audio=[_sound()])
    ),
    "an archive": Export(document(slides=[slide(1, image(_photo()))], audio=[_sound()]), "json"),
}


def measured(folder: Path, name: str) -> dict[str, Any]:
    """What is compared of an export: the whole file, or the pictures of one with sound."""
    export = EXPORTS[name]
    settings = {**TINY, **export.settings} if export.kind == "mp4" else {}
    stream = Stream(folder)
    stream.export("job", export.project, export.kind, settings=settings)
    data = stream.file("job")
    if not export.project.get("audio") or export.kind != "mp4":
        return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    digest = hashlib.sha256()
    with av.open(io.BytesIO(data), "r") as source:
        for packet in source.demux(source.streams.video[0]):
            digest.update(b"%r %r " % (packet.pts, packet.dts) + bytes(packet))
        sound = source.streams.audio[0]
        return {"pictures": digest.hexdigest(), "sound_ticks": sound.duration}


def recorded() -> dict[str, Any]:
    """What was recorded, and by which engine."""
    found: dict[str, Any] = orjson.loads(RECORDED.read_bytes())
    return found


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_what_it_was(tmp_path: Path, name: str) -> None:
    """An export has the bytes that it had when they were recorded."""
    known = recorded()
    assert known["engine"] == ENGINE_VERSION, "the engine's version rose: record what its files are now"
    assert measured(tmp_path, name) == known["exports"][name]


def main() -> None:
    """Record."""
    exports = {}
    for name in EXPORTS:
        with tempfile.TemporaryDirectory() as folder:
            exports[name] = measured(Path(folder), name)
    RECORDED.write_bytes(
        orjson.dumps({"engine": ENGINE_VERSION, "exports": exports}, option=orjson.OPT_INDENT_2) + b"\n"
    )


if __name__ == "__main__":
    main()
