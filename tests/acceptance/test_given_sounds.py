"""What people have, as they have it: the sounds of `tests/cases` are heard when they should be."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.acceptance.local_runs import LocalWorker

FOLDER = Path(__file__).parents[1] / "cases"
RATE = 48_000
HALF = RATE // 2
NOISE = -1
"""Stands for anything that is heard."""


class Heard(NamedTuple):
    """What each half second of a film sounds like, in Hz (0: silence), and how many seconds an MP3 has."""

    halves: list[int]
    seconds: float


CASES = {
    "aac-adts-length": Heard([NOISE] * 4 + [0] * 16 + [1000] * 2, 11),
    "flac-streamed": Heard(([300] * 4 + [1000] * 2) * 2 + [300] * 4, 3),
    "mp3-no-length": Heard([NOISE] * 4 + [200] * 16 + [1000] * 2, 11),
    "recording-without-length": Heard([300] * 4 + [1000] * 2 + [0] * 10, 3),
    "recording-without-length-loop": Heard(([300] * 4 + [1000] * 2) * 2 + [300] * 4, 3),
    "sound-begins-late": Heard([0, 0, 300, 1000, 0, 0], 2),
    "sound-magic-id3": Heard([300, 1000], 1),
    "sound-magic-mov": Heard([300, 300, 600, 600, 1000, 1000], 3),
    "sound-magic-mp3": Heard([500] * 4 + [1000] * 2, 3),
    "sound-many-channels": Heard([300, 0], 0.3),
    "sound-time-stamps": Heard([300, 300, 0, 0, 1000, 1000], 3),
}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalWorker]:
    """Stages for all of them."""
    made = LocalWorker(tmp_path_factory.mktemp("sounds"))
    yield made
    made.close()


@pytest.mark.parametrize("name", CASES)
def test_a_sound_is_heard_when_it_should_be(name: str, worker: LocalWorker) -> None:
    """Tones of a film, half second by half second; the MP3 begins alike and is as long as it should be."""
    document = _placed(name, worker)
    film = _samples(worker.file(worker.completes(document)))
    alone = _samples(worker.file(worker.completes(document, format="mp3")))
    wanted = CASES[name]
    assert _alike(_tones(film), wanted.halves), _tones(film)
    assert _alike(_tones(alone), wanted.halves[: len(_tones(alone))]), _tones(alone)
    assert len(alone) / RATE == pytest.approx(wanted.seconds, abs=0.06)


def test_a_track_that_is_trimmed_away_is_named(worker: LocalWorker) -> None:
    """The film is silent; a sound alone would have nothing, and the sentence says which key is why."""
    document = _placed("trim-beyond-end", worker)
    assert _tones(_samples(worker.file(worker.completes(document)))) == [0] * 4
    problem = worker.run(document, format="mp3").error
    assert problem is not None
    assert (problem.code, problem.path) == ("no_sound", "audio[0].trimStart")
    assert "/" not in problem.message


def _placed(name: str, worker: LocalWorker) -> dict[str, object]:
    """The document of a case, its media beside it."""
    import orjson

    for file in (FOLDER / name).iterdir():
        shutil.copy(file, worker.folder / file.name)
    document: dict[str, object] = orjson.loads((FOLDER / name / "project.json").read_bytes())
    return document


def _samples(path: Path) -> NDArray[np.float32]:
    """The sound as a decoder gives it, one channel at 48 kHz."""
    found = []
    with av.open(str(path)) as source:
        resampler = av.AudioResampler("fltp", "mono", RATE)
        for frame in source.decode(audio=0):
            found += resampler.resample(frame)
        found += resampler.resample(None)
    samples: NDArray[np.float32] = np.concatenate([frame.to_ndarray()[0] for frame in found])
    return samples


def _tones(samples: NDArray[np.float32]) -> list[int]:
    """The loudest frequency of the middle of each half second, to 10 Hz; 0 for silence."""
    found = []
    for start in range(0, len(samples) - HALF // 2, HALF):
        part = samples[start + HALF // 10 : start + HALF * 9 // 10]
        loud = float(np.sqrt((part**2).mean()))
        peak = np.abs(np.fft.rfft(part * np.hanning(len(part)))).argmax() * RATE / len(part)
        found.append(round(float(peak) / 10) * 10 if loud > 1e-3 else 0)
    return found


def _alike(found: list[int], wanted: list[int]) -> bool:
    return len(found) == len(wanted) and all(
        a == b or (b == NOISE and a > 0) for a, b in zip(found, wanted, strict=True)
    )
