"""Limiter and ducking gates: FFmpeg's filters, run in this process over arrays.

Both have a state, so what they are given begins earlier than what is wanted of them (`windows`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import av
import av.filter
import numpy as np

from renderers import instructions
from renderers.sound.aac import Samples
from renderers.sound.mixing import RATE

LIMIT = 0.989  # -0.1 dB: what AAC and MP3 overshoot
_LIMITER = (("alimiter", f"limit={LIMIT}:level=disabled:latency=1:attack=5:release=50"),)
_GATE = (
    (
        "sidechaingate",
        "threshold=0.00316:ratio=9:range=0:attack=5:release=100:detection=rms:link=maximum",
    ),
    ("lowpass", "frequency=8:poles=1"),
)
_BLOCK = RATE // 2
_FLOOR = 0.0001
"""Added to what a gate listens to, which takes digital silence for sound."""
_BEYOND = 8192
"""Samples that a gate is given beyond its end: it stops where one of its inputs does, whatever it holds."""


def limit(sound: Samples, check: Callable[[], None]) -> Samples:
    """Keep peaks below full scale; shape (n, 2), not delayed. Where all are, the sound is as it was."""
    if not len(sound) or max(float(sound.max()), -float(sound.min())) <= LIMIT:
        return sound
    return _filtered([sound], _LIMITER, check)


def openness(key: Samples, check: Callable[[], None]) -> Samples:
    """How far a gate is open that listens to `key`, from 0 to 1; shapes (n, 2)."""
    if not key.any():
        return np.zeros_like(key)
    listened = np.full((len(key) + _BEYOND, 2), _FLOOR, np.float32)
    listened[: len(key)] += key
    return _filtered([np.ones_like(listened), listened], _GATE, check)[: len(key)]


def _filtered(
    inputs: Sequence[Samples], chain: Sequence[tuple[str, str]], check: Callable[[], None]
) -> Samples:
    """Run inputs of one length through a chain of filters, the first of which takes them all."""
    graph = av.filter.Graph()
    sources = [graph.add_abuffer(sample_rate=RATE, format="flt", layout="stereo") for _ in inputs]
    nodes = [graph.add(name, arguments) for name, arguments in chain]
    nodes += [graph.add("aformat", "sample_fmts=flt"), graph.add("abuffersink")]
    for number, source in enumerate(sources):
        source.link_to(nodes[0], 0, number)
    for node, following in pairwise(nodes):
        node.link_to(following)
    with instructions.in_ffmpeg():
        graph.configure()
    done: list[Samples] = []
    for start in range(0, len(inputs[0]), _BLOCK):
        check()
        for source, sound in zip(sources, inputs, strict=True):
            source.push(_frame(sound[start : start + _BLOCK], start))
        done += _pulled(nodes[-1])
    for source in sources:
        source.push(None)
    done += _pulled(nodes[-1])
    return np.concatenate(done)


def _frame(sound: Samples, at: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(sound, np.float32).reshape(1, -1), format="flt", layout="stereo"
    )
    frame.sample_rate, frame.pts = RATE, at
    return frame


def _pulled(sink: Any) -> Iterator[Samples]:
    """What a chain has ready."""
    while True:
        try:
            frame = sink.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        yield frame.to_ndarray().reshape(-1, 2)
