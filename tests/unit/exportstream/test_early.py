"""What `render` begins before it knows its document."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.decoder import SandboxedDecoder
from connectors.sandbox import started as sandboxed
from exportstream import early
from exportstream.cli import run
from exportstream.config import Settings
from processors.encode import Encode
from processors.stage import Outgoing, TaskContext
from schemas.messages import EncodeTask
from tests.acceptance.media import inline, picture, tone
from tests.unit.builders import document, image, slide, text, track

MUSIC = {"id": "music", "src": "music.wav"}


class Recorder:
    """A decoder that notes what it was asked to load."""

    begun: list[tuple[int, str]] = []  # noqa: RUF012  # of all, for there is one at a time

    def __init__(
        self, size: int, meanwhile: Callable[[], None], folder: Path | None, *, strict: bool
    ) -> None:
        self._size = size

    def warm(self, operation: str) -> None:
        """As a decoder's."""
        self.begun.append((self._size, operation))

    def close(self) -> None:
        """As a decoder's."""


@pytest.mark.parametrize(
    ("slides", "audio", "begun"),
    [
        ([slide(1, text("Hi"))], [], []),
        ([slide(1, text("Hi"))], [MUSIC], ["audio"]),
        ([slide(1, image("a.jpg"))], [], ["image"]),
        ([slide(1, image("a.jpg"))], [MUSIC], ["image"]),
    ],
)
def test_a_decoder_starts_only_for_what_a_document_has(
    monkeypatch: pytest.MonkeyPatch, slides: list[dict[str, object]], audio: list[object], begun: list[str]
) -> None:
    """A process costs a tenth of a short export: a slide of text has none."""
    monkeypatch.setattr(early, "EarlyDecoder", Recorder)
    monkeypatch.setattr(Recorder, "begun", [])
    for option in (None, orjson.OPT_INDENT_2):
        Recorder.begun.clear()
        written = orjson.dumps(document(slides=slides, audio=audio), option=option)
        with early.early_decoder(written, Settings()):
            pass
        assert [operation for _, operation in Recorder.begun] == begun


def test_imports_are_not_searched_for_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector rests meanwhile, and is as it was afterwards; what was loaded it never looks at again."""
    before = gc.get_freeze_count()
    try:
        with early.uncollected():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() <= before  # what was frozen before may have been freed meanwhile
        with early.uncollected():
            monkeypatch.setitem(sys.modules, "something_new", sys)
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()


def test_decoders_end_before_anything_is_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they hold is a hundred megabytes each, and the last thing to wait for."""
    order: list[str] = []
    closes, encodes = SandboxedDecoder.close, Encode.handle

    def close(self: SandboxedDecoder) -> None:
        order.append("close")
        closes(self)

    monkeypatch.setattr(SandboxedDecoder, "close", close)

    def encode(self: Encode, message: EncodeTask, context: TaskContext) -> Iterable[Outgoing]:
        done = list(encodes(self, message, context))
        order.append("encoded")
        return done

    monkeypatch.setattr(Encode, "handle", encode)
    project, out = tmp_path / "project.json", tmp_path / "out.mp4"
    project.write_bytes(
        orjson.dumps(document(slides=[slide(1, image(inline(picture(64, 48), "image/png")))]))
    )
    assert run(["render", str(project), "-o", str(out), "--quality", "720p", "-q"], {}) == 0
    assert order[0] == order[-1] == "close"
    assert "encoded" in order


def test_decoders_stay_until_all_sound_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that made a sound's normal form reads it too: a second one would cost its start."""
    sandbox: list[object] = []

    def count(*args: Any, **kwargs: Any) -> Any:
        sandbox.append(args)
        return sandboxed(*args, **kwargs)

    monkeypatch.setattr("connectors.decoder.started", count)
    project, out = tmp_path / "project.json", tmp_path / "out.mp4"
    music = inline(tone(25.0), "audio/wav")
    project.write_bytes(orjson.dumps(document(slides=[slide(25)], audio=[track(music)])))
    assert run(["render", str(project), "-o", str(out), "--quality", "720p", "-q"], {}) == 0
    assert len(sandbox) == 1
