"""Limits of a job hold in every format and while it happens; what was refused leaves nothing."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.assets import AssetSource
from connectors.store.memory import MemoryStore
from processors.assets import AssetGatherer
from processors.effort import Purse
from renderers.foreign.sound import normal_sound
from renderers.formats.mp3 import MAKER as MP3
from renderers.formats.wav import MAKER as WAV
from renderers.recipes.maker import Subject
from schemas.errors import InvalidInput
from schemas.limits import Limits
from schemas.plan import Asset
from schemas.project import Project
from schemas.settings import parse_settings
from tests.unit.builders import image, project, slide
from tests.unit.processors.stream import InProcessDecoder, Stream

MANY = [f"media/{number}.png" for number in range(30)]


@pytest.fixture
def store() -> MemoryStore:
    """Thirty files of 10 kB."""
    filled = MemoryStore()
    for number, key in enumerate(MANY):
        filled.put(key, bytes([number]) * 10_000)
    return filled


class Counted(AssetSource):
    """A source that counts what was written."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.fetched = 0

    def fetch(self, *given: Any, **named: Any) -> Any:
        """As any other."""
        found = super().fetch(*given, **named)
        self.fetched += found.size
        return found


def film() -> Project:
    """A project that shows all of them."""
    return project(slides=[slide(1.0, *(image(key) for key in MANY))])


@pytest.mark.parametrize("as_they_are", [False, True])
def test_bytes_of_a_job_are_counted_while_they_come(
    store: MemoryStore, tmp_path: Path, as_they_are: bool
) -> None:
    """No more is fetched than is allowed, for an archive too; nothing stays, here or in the store."""
    before = sorted(info.key for info in store.list(""))
    source = Counted(store)
    limits = Limits(job_bytes=45_000)
    gatherer = AssetGatherer(store, source, Undecided(), limits, tmp_path)
    context = Stream(tmp_path).context()

    def gather() -> object:
        if as_they_are:
            return gatherer.fetch_only(film(), "default", context)
        return gatherer.gather(film(), "default", {"image"}, None, context)

    with pytest.raises(InvalidInput, match="45000 bytes together") as caught:
        gather()
    assert caught.value.code == "limit_exceeded"
    assert source.fetched <= limits.job_bytes
    assert sorted(info.key for info in store.list("")) == before
    assert list(tmp_path.iterdir()) == []


class Undecided(InProcessDecoder):
    """A decoder to which all is a picture."""

    def run(self, job: Any, check: Callable[[], None]) -> dict[str, Any]:
        """Writes what it read."""
        Path(job["out"]).write_bytes(Path(job["path"]).read_bytes())
        return {"ok": True, "width": 1, "height": 1}


def test_what_was_there_before_stays(store: MemoryStore, tmp_path: Path) -> None:
    """A refused job takes back what it wrote, not what another job of the tenant wrote."""
    few = project(slides=[slide(1.0, image(MANY[0]))])
    gatherer = AssetGatherer(store, AssetSource(store), Undecided(), Limits(job_bytes=45_000), tmp_path)
    context = Stream(tmp_path).context()
    gatherer.gather(few, "default", {"image"}, None, context)
    before = sorted(info.key for info in store.list(""))
    with pytest.raises(InvalidInput):
        gatherer.gather(film(), "default", {"image"}, None, context)
    assert sorted(info.key for info in store.list("")) == before
    assert gatherer.gather(few, "default", {"image"}, None, context).assets


def test_known_files_count_too(store: MemoryStore, tmp_path: Path) -> None:
    """What need not be fetched again is part of the job all the same."""
    generous = AssetGatherer(store, AssetSource(store), Undecided(), Limits(), tmp_path)
    context = Stream(tmp_path).context()
    generous.gather(film(), "default", {"image"}, None, context)
    strict = AssetGatherer(store, AssetSource(store), Undecided(), Limits(job_bytes=45_000), tmp_path)
    with pytest.raises(InvalidInput) as caught:
        strict.gather(film(), "default", {"image"}, None, context)
    assert caught.value.code == "limit_exceeded"


def test_a_purse_is_one_for_all_threads() -> None:
    """Exactly what is allowed can be spent, and no byte more."""
    purse = Purse(100)
    for _ in range(10):
        purse.spend(10)
    with pytest.raises(InvalidInput):
        purse.spend(1)


ENDLESS: list[dict[str, Any]] = [
    {"id": "a", "src": "a", "duration": 900_000.0, "loop": True},
    {"id": "a", "src": "a", "start": 900_000.0},
    {"id": "a", "src": "a", "start": 100_000.0, "duration": 10.0},
]
"""Tracks that ask for days and years of sound."""


@pytest.mark.parametrize("track", ENDLESS)
@pytest.mark.parametrize("maker", [MP3, WAV])
def test_sound_has_a_longest_length(maker: Any, track: dict[str, Any]) -> None:
    """A file of sound alone may last as long as a film, by whatever its tracks ask for."""
    limits = Limits()
    asked = project(audio=[track], slides=[slide(1.0)])
    asset = Asset(
        src="a", kind="audio", sha256="0" * 64, size=1, key="t/x/assets/0", content_type="audio/wav",
        normal_key="t/x/sources-sound/0", fingerprint="f", duration=60.0, samples=60 * 48_000,
    )  # fmt: skip
    subject = Subject(asked, "p", [asset], [], limits)
    settings = parse_settings({"format": "mp3" if maker is MP3 else "wav"}, limits)
    with pytest.raises(InvalidInput, match="The sound lasts") as caught:
        maker.outline(subject, settings, None)
    assert (caught.value.code, caught.value.path) == ("limit_exceeded", "audio")


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_a_source_of_sound_is_read_no_further_than_a_film_may_last(tmp_path: Path, kind: str) -> None:
    """Hours of silence are some kB: reading stops where nobody could hear any more."""
    path, out = tmp_path / "in", tmp_path / "out"
    path.write_bytes(_silence(kind, seconds=30))
    assert normal_sound(str(path), str(out), 31.0)["duration"] == 30.0
    with pytest.raises(InvalidInput, match="longer than the 5 s") as caught:
        normal_sound(str(path), str(out), 5.0)
    assert caught.value.code == "limit_exceeded"


def _silence(kind: str, seconds: int) -> bytes:
    file = io.BytesIO()
    if kind == "wav":
        with wave.open(file, "wb") as writer:
            writer.setnchannels(1)
            writer.setsampwidth(2)
            writer.setframerate(8000)
            writer.writeframes(bytes(2 * 8000 * seconds))
        return file.getvalue()
    import av
    import numpy as np

    with av.open(file, "w", format="flac") as output:
        stream: Any = output.add_stream("flac", rate=8000, layout="mono")
        for _ in range(seconds):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
            frame.sample_rate = 8000
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()
