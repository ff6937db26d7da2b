"""What `render` begins before it knows its document."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import orjson
import pytest

from exportstream import early
from tests.unit.builders import document, image, slide, text

MUSIC = {"id": "music", "src": "music.wav"}


class Recorder:
    """A decoder that notes what it was asked to load."""

    begun: list[tuple[int, str]] = []  # noqa: RUF012  # of all, for there is one at a time

    def __init__(self, size: int, meanwhile: Callable[[], None]) -> None:
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
        with early.early_decoder(orjson.dumps(document(slides=slides, audio=audio), option=option)):
            pass
        assert [operation for _, operation in Recorder.begun] == begun


def test_imports_are_not_searched_for_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector rests meanwhile, and is as it was afterwards; what was loaded it never looks at again."""
    before = gc.get_freeze_count()
    try:
        with early.uncollected():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() == before
        with early.uncollected():
            monkeypatch.setitem(sys.modules, "something_new", sys)
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
