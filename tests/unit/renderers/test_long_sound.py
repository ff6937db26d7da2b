"""An hour of sound is joined in the memory of some parts, alone and in a film."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from renderers.h264.mp4 import Part, join
from renderers.h264.stretches import Sound
from renderers.h264.video import VideoSpec
from renderers.recipes import soundfiles
from renderers.sound.aac import EncodedAudio
from renderers.sound.tracks import AAC, FLAC, MP3, PCM, SoundCodec
from schemas.checks import nothing
from tests.unit.renderers.sounds import Sources, lengths, spec_of, track
from tests.unit.renderers.test_mp4_writer import chunk
from tests.unit.renderers.test_sound_parts import programme

ROOT = Path(__file__).resolve().parents[3]
HOUR = 360
"""Parts of ten seconds."""
MOST_MIB = 64
"""By so much may an hour need more than a minute: a container's samples up to `body.KEPT`, and tables."""
KINDS: dict[str, SoundCodec] = {"m4a": AAC, "mp3": MP3, "flac": FLAC, "wav": PCM}


def ends(codec: SoundCodec) -> list[bytes]:
    """The first and the last part of a sound of two."""
    sounds = {"a": programme()[: 2 * codec.part]}
    spec = spec_of([track("a")], lengths(sounds), None, 192_000)
    return [codec.encode(spec, part, Sources(sounds)) for part in codec.parts(spec)]


def write(kind: str, count: int, folder: Path) -> int:
    """A file of so many parts that are read one by one; KiB that this process had at most."""
    first, last = folder / "first", folder / "last"
    parts = chain((first.read_bytes() for _ in range(count - 1)), [last.read_bytes()])
    getattr(soundfiles, f"{kind}_file")(folder / f"file.{kind}", parts, nothing)
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def peak(kind: str, count: int, folder: Path) -> float:
    """MiB at most of a process that does nothing else."""
    code = (
        "import sys; from pathlib import Path; from tests.unit.renderers.test_long_sound import write;"
        "print(write(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))"
    )
    command = [sys.executable, "-c", code, kind, str(count), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    return int(done.stdout) / 1024


@pytest.mark.parametrize("kind", KINDS)
def test_the_memory_of_a_join_does_not_grow_with_the_sound(kind: str, tmp_path: Path) -> None:
    """An hour takes little more than a minute does, and far less than its file has."""
    for name, part in zip(("first", "last"), ends(KINDS[kind]), strict=True):
        (tmp_path / name).write_bytes(part)
    minute, hour = peak(kind, 6, tmp_path), peak(kind, HOUR, tmp_path)
    size = (tmp_path / f"file.{kind}").stat().st_size
    print(f"{kind}: {minute:.0f} MiB a minute, {hour:.0f} MiB an hour of {size >> 20} MiB")
    assert size > 80 << 20
    assert hour - minute < MOST_MIB


def test_a_film_takes_its_sound_as_it_goes(tmp_path: Path) -> None:
    """Where ten seconds of picture are written, no more than two parts of sound were read ahead of them."""
    first, last = map(EncodedAudio.from_bytes, ends(AAC))
    taken: list[int] = []

    def sounds() -> Iterator[EncodedAudio]:
        for number in range(30):
            taken.append(number)
            yield last if number == 29 else first

    def pictures() -> Iterator[Part]:
        for number in range(30):
            assert len(taken) <= number + 2
            yield Part(still, 30 * 10 - 1)

    spec = VideoSpec(64, 48, 30)
    still = chunk(spec, "still")
    samples = 29 * first.samples + last.samples
    join(tmp_path / "film.mp4", spec, pictures(), Sound.of(sounds(), samples))
    assert len(taken) == 30
