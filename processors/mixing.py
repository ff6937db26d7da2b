"""The mix of a project as samples: sources read from their normal forms, mixed by FFmpeg."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from connectors import ffmpeg
from processors.sources import SoundReader
from schemas.plan import Asset, Plan

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

    from renderers.sound.mixing import SoundSpec

BYTES_A_SAMPLE = 8
READ_S = 60
"""Seconds of a source that are decoded at a time."""


class SoundMixer:
    """Mixes sounds; what is foreign was decoded in the sandbox before FFmpeg sees it."""

    def __init__(self, sounds: SoundReader, work_dir: Path) -> None:
        self._sounds = sounds
        self._work_dir = work_dir

    def mix(self, plan: Plan, spec: SoundSpec, check: Callable[[], None]) -> Iterator[NDArray[float32]]:
        """All of the mix, in blocks of shape (n, 2)."""
        from renderers.sound.mixing import pcm_arguments

        assets = {asset.src: asset for asset in plan.assets if asset.kind == "audio"}
        with tempfile.TemporaryDirectory(dir=self._work_dir, prefix="sound-") as folder:
            inputs: dict[str, Path] = {}
            for number, (src, needed) in enumerate(heard(spec).items()):
                inputs[src] = Path(folder) / f"input-{number}"
                self._write(assets[src], needed, inputs[src], check)
            yield from _samples(ffmpeg.run(pcm_arguments(spec, inputs, are_samples=True), check=check))

    def _write(self, asset: Asset, count: int, path: Path, check: Callable[[], None]) -> None:
        """The first `count` samples of a source, as they lie in memory."""
        step = READ_S * 48_000
        with path.open("wb") as file:
            for first in range(0, count, step):
                sound = self._sounds.read(asset, first, min(step, count - first), check)
                file.write(sound.astype("<f4").tobytes())


def heard(spec: SoundSpec) -> dict[str, int]:
    """How many samples of each source are needed, from its beginning on."""
    needed: dict[str, int] = {}
    for track in spec.tracks:
        once = min(track.length, track.period) if track.period else track.length
        needed[track.src] = max(needed.get(track.src, 0), track.trim + once)
    return needed


def _samples(blocks: Iterator[bytes]) -> Iterator[NDArray[float32]]:
    """Stereo float samples of shape (n, 2) from a stream of bytes cut anywhere."""
    from numpy import frombuffer

    rest = b""
    for block in blocks:
        data = rest + block
        whole = len(data) - len(data) % BYTES_A_SAMPLE
        rest = data[whole:]
        if whole:
            yield frombuffer(data[:whole], dtype="<f4").reshape(-1, 2)
