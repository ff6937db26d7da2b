"""The sound of a job: what is mixed, as a value, and the mixing itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors import ffmpeg
from connectors.store.base import ObjectStore
from processors.facts import tell
from processors.plans import PlanView
from processors.stage import TaskContext
from schemas import keys
from schemas.facts import StageProgressed
from schemas.plan import Asset, Plan
from schemas.project import Project
from schemas.settings import ExportSettings

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

    from renderers.sound.mixing import SoundSpec

MIXED = 0.8
"""How far `mix` is when the sound is done and only joining is left."""
STEP = 0.1
BYTES_A_SAMPLE = 8


def sound_spec(
    project: Project, assets: Sequence[Asset], settings: ExportSettings, seconds: Fraction | None
) -> SoundSpec:
    """What is mixed: the tracks cut to `seconds`, or as long as the longest of them for None."""
    from renderers.sound.mixing import make_spec

    known = {asset.src: asset for asset in assets if asset.kind == "audio"}
    return make_spec(
        project.audio,
        hashes={src: asset.sha256 for src, asset in known.items()},
        durations={src: exact_duration(asset) for src, asset in known.items()},
        seconds=seconds,
        bitrate=settings.audio_bitrate,
    )


def exact_duration(asset: Asset) -> Fraction:
    """Seconds of a sound: whole samples at 48 kHz, 0 if unknown."""
    if asset.samples is not None:
        return Fraction(asset.samples, 48_000)
    return Fraction(asset.duration or 0)


def sound_place(plan: Plan) -> str:
    """Where the sound of a plan lies: AAC packets for a video; the sound of an MP3 is its output."""
    assert plan.sound_hash is not None
    return plan.output_key if plan.format == "mp3" else keys.sound_key(plan.tenant, plan.sound_hash)


class SoundMixer:
    """Mixes the sound of a plan and leaves it in the store."""

    def __init__(self, store: ObjectStore, work_dir: Path, workers: int = 2) -> None:
        self._store = store
        self._work_dir = work_dir
        self._workers = workers

    def mix(self, view: PlanView, context: TaskContext) -> None:
        """Mix and encode unless it is there: AAC packets for a video, the finished file for an MP3."""
        plan = view.plan
        key = sound_place(plan)
        if self._store.exists(key):
            return
        seconds = None if plan.format == "mp3" else view.timeline.seconds
        spec = sound_spec(view.project, plan.assets, view.settings, seconds)
        with tempfile.TemporaryDirectory(dir=self._work_dir, prefix="sound-") as folder:
            inputs = self._inputs(plan.assets, Path(folder))
            if plan.format == "mp3":
                self._mp3(spec, inputs, key, Path(folder), context)
            else:
                self._aac(view, spec, inputs, key, context)

    def _inputs(self, assets: Sequence[Asset], folder: Path) -> dict[str, Path]:
        """Each sound on the local disk, by its source."""
        paths = {}
        for number, asset in enumerate(a for a in assets if a.kind == "audio"):
            paths[asset.src] = folder / f"input-{number}"
            self._store.download(asset.key, paths[asset.src])
        return paths

    def _mp3(
        self, spec: SoundSpec, inputs: Mapping[str, Path], key: str, folder: Path, context: TaskContext
    ) -> None:
        from renderers.sound.mixing import mp3_arguments

        path = folder / "sound.mp3"
        for _ in ffmpeg.run(mp3_arguments(spec, inputs, path), check=context.check):
            pass
        self._store.put_file(key, path, content_type="audio/mpeg")

    def _aac(
        self, view: PlanView, spec: SoundSpec, inputs: Mapping[str, Path], key: str, context: TaskContext
    ) -> None:
        from renderers.sound.aac import encode_aac
        from renderers.sound.mixing import pcm_arguments

        output = ffmpeg.run(pcm_arguments(spec, inputs), check=context.check)
        blocks = self._watched(_samples(output), spec.samples, view, context)
        audio = encode_aac(blocks, spec.rate, spec.bitrate, workers=self._workers, check=context.check)
        self._store.put(key, audio.to_bytes())

    def _watched(
        self, blocks: Iterator[NDArray[float32]], total: int, view: PlanView, context: TaskContext
    ) -> Iterator[NDArray[float32]]:
        """The blocks, and progress told as they pass."""
        done, told = 0, 0.0
        for block in blocks:
            yield block
            done += len(block)
            share = min(1.0, done / max(1, total))
            if share >= told + STEP:
                told = share
                fact: Any = StageProgressed(
                    job_id=view.plan.job_id,
                    tenant=view.plan.tenant,
                    at=context.now(),
                    stage="mix",
                    fraction=round(MIXED * share, 2),
                )
                context.emit(tell(fact))


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
