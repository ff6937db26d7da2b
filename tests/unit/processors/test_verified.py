"""Judging a finished file in the store, without a copy of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.store.memory import MemoryStore
from connectors.store.stored_file import BUFFER, open_object
from processors.verified import verify_object
from renderers.containers.boxes import end_of_boxes
from renderers.h264.mp4 import Part, join, probe
from renderers.h264.video import VideoSpec, encode_still
from renderers.recipes.maker import Check, load
from schemas.checks import nothing
from schemas.errors import Cancelled, InvalidInput, Missing
from schemas.formats import FORMATS
from schemas.plan import Expected
from tests.unit.renderers.media import noise, picture
from tests.unit.renderers.sounds import in_film
from tests.unit.renderers.test_mp4_writer import sound_of


class Counted(MemoryStore):
    """A store that counts the bytes that are read."""

    read = 0

    def open_range(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Blocks of an object, counted."""
        blocks = list(super().open_range(key, start, length))
        self.read += sum(map(len, blocks))
        return iter(blocks)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A film of a minute: two pictures, held, with a sound of some megabytes."""
    spec = VideoSpec(640, 360, 24, still_crf=1)
    path = tmp_path_factory.mktemp("large") / "film.mp4"
    parts = [Part(encode_still(spec, noise(number, 640, 360)), 30 * 24 - 1) for number in range(2)]
    join(path, spec, parts, in_film(sound_of(48_000, 2813, 0, [3000])))
    return path.read_bytes()


def verified(store: MemoryStore, kind: str = "mp4", check: Check = nothing, **fields: Any) -> tuple[str, int]:
    """The hash and the size of the stored file, which is the large film or is refused."""
    given = {"width": 640, "height": 360, "frames": 1440, "fps": 24, "duration": 60.0, "samples": 1}
    return verify_object(store, "film.mp4", load(kind), Expected(**given | fields), check=check)


def stored(data: bytes) -> Counted:
    """A store with one finished file."""
    store = Counted()
    store.put("film.mp4", data)
    return store


def test_a_file_is_read_once(large: bytes) -> None:
    """Its hash, its size and its length are found by reading it once, and its headers once more."""
    store = stored(large)
    assert verified(store) == (hashlib.sha256(large).hexdigest(), len(large))
    assert len(large) > 30 * BUFFER
    assert store.read <= len(large) + 9 * BUFFER


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"duration": 2.0}, "lasts"),
        ({"width": 642}, "640x360"),
        ({"frames": 1439}, "1440 frames"),
        ({"samples": 0}, "by mistake"),
    ],
)
def test_what_was_not_planned_is_refused(large: bytes, fields: dict[str, Any], why: str) -> None:
    """Length, picture, number of frames and sound are compared; the first difference is named."""
    with pytest.raises(InvalidInput, match=why) as caught:
        verified(stored(large), **fields)
    assert caught.value.code == "output_broken"


@pytest.mark.parametrize("missing", [1, 1000, 6_000_000])
def test_a_file_that_lacks_its_end_is_refused(large: bytes, missing: int) -> None:
    """A single byte that is not there is noticed, although headers are all there is to look at."""
    with pytest.raises(InvalidInput) as caught:
        verified(stored(large[:-missing]))
    assert caught.value.code == "output_broken"


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("data", [b"", b"rubbish" * 100])
def test_rubbish_is_refused(format_: str, data: bytes) -> None:
    """What is no file of its format at all is a broken output, never a traceback."""
    with pytest.raises(InvalidInput) as caught:
        verified(stored(data), format_)
    assert caught.value.code == "output_broken"


def test_a_document_is_judged_too() -> None:
    """JSON is parsed."""
    data = b'{"name": "film"}'
    assert verified(stored(data), "json") == (hashlib.sha256(data).hexdigest(), len(data))


def test_a_file_that_is_gone_is_missing() -> None:
    """The caller says so in its own words."""
    with pytest.raises(Missing):
        verified(MemoryStore())


def test_hashing_can_be_cancelled(large: bytes) -> None:
    """The check is called while a file is read."""

    def check() -> None:
        raise Cancelled("cancelled", "The job was cancelled.")

    with pytest.raises(Cancelled):
        verified(stored(large), check=check)


def test_an_object_is_probed_as_its_file_is(tmp_path: Path, large: bytes) -> None:
    """Headers say the same from a store, without a download."""
    store = stored(large)
    path = tmp_path / "film.mp4"
    path.write_bytes(large)
    with open_object(store, "film.mp4") as file:
        assert probe(file) == probe(path)
        assert end_of_boxes(file) == len(large)
    small = VideoSpec(64, 48, 24)
    join(path, small, [Part(encode_still(small, picture(0, 64, 48)), 11)], None)
    with path.open("rb") as plain:
        assert end_of_boxes(plain) == path.stat().st_size


def test_a_file_in_the_store_is_read_like_any_other(large: bytes) -> None:
    """Wherever it is read, the bytes are those of the object; beyond the end there are none."""
    with open_object(stored(large), "film.mp4") as file:
        for start, length in ((0, 10), (BUFFER - 5, 10), (5, 3 * BUFFER), (len(large) - 3, 10)):
            assert file.seek(start) == start
            is_same = file.read(length) == large[start : start + length]
            assert is_same
        file.seek(len(large) + 7)
        assert file.read(5) == b""
        assert file.seek(-4, 2) == len(large) - 4
        assert file.read() == large[-4:]
