"""A chunk of the timeline to an encoded one: the way there that takes the least.

A picture at rest is one key picture. A stretch whose movement is known is composed and encoded only at its
anchors (`renderers.h264.anchors`). Of any other stretch every frame is, but only as far as it changes
(`renderers.h264.bands`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from renderers.composing.compose import Compositor
from renderers.h264.anchors import known_motion
from renderers.h264.bands import bands, changing_rows, encode_band
from renderers.h264.video import (
    PUSHED_CRF,
    STOPPED_CRF,
    EncodedChunk,
    VideoSpec,
    can_predict,
    encode_known,
    encode_moving,
    encode_still,
)
from renderers.timeline.scene import Canvas, LayerPixels, State, TransitionState
from schemas.checks import nothing
from schemas.parts import PicturePart


def encode_chunk(
    spec: VideoSpec,
    chunk: PicturePart,
    states: Sequence[State],
    layers: Mapping[str, LayerPixels],
    blend_modes: Mapping[str, str],
    canvas: Canvas,
    *,
    check: Callable[[], None] = nothing,
) -> EncodedChunk:
    """The encoded pictures of a chunk with these states. check: called before each of them; may raise."""
    compositor = Compositor(canvas, layers, blend_modes)
    if chunk.shape == "still":
        return encode_still(spec, compositor.frame(states[0]), _coarser(chunk, states[0]))
    hold = chunk.hold > 0
    if can_predict(spec) and all(mode == "normal" for mode in blend_modes.values()):
        made = _spared(spec, compositor, states, layers, canvas, hold=hold, check=check)
        if made is not None:
            return made
    frames = (compositor.frame(state) for state in states)
    return encode_moving(spec, frames, hold=hold, check=check, count=len(states))


def _spared(
    spec: VideoSpec,
    compositor: Compositor,
    states: Sequence[State],
    layers: Mapping[str, LayerPixels],
    canvas: Canvas,
    *,
    hold: bool,
    check: Callable[[], None],
) -> EncodedChunk | None:
    """A moving stretch of which not every frame is encoded as a whole; None where that cannot be."""
    for is_partly in (False, True):
        bounds = compositor.bounds
        motion = known_motion(states, layers, canvas, bounds, hold=hold, is_partly=is_partly)
        if motion is not None:
            anchors = (compositor.frame(states[number]) for number in motion.anchors)
            return encode_known(spec, anchors, motion, hold=hold, check=check)
        for rows in () if is_partly else bands(changing_rows(states, bounds), spec.height):
            frames = (compositor.frame(state) for state in states)
            made = encode_band(spec, frames, rows, hold=hold, check=check, count=len(states))
            if made is not None:
                return made
    return None


def _coarser(chunk: PicturePart, state: State) -> float:
    if chunk.way == "fade":
        return 0.0
    return STOPPED_CRF if isinstance(state, TransitionState) else PUSHED_CRF
