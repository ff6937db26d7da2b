"""A chunk of the timeline to an encoded one: the way there that takes the least.

A picture at rest is one key picture. A stretch whose movement is known is composed and encoded only at its
anchors (`renderers.h264.anchors`). Of any other stretch every frame is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from renderers.composing.compose import Compositor
from renderers.h264.anchors import known_motion
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
        motion = known_motion(states, layers, canvas, compositor.bounds, hold=hold)
        if motion is not None:
            anchors = (compositor.frame(states[number]) for number in motion.anchors)
            return encode_known(spec, anchors, motion, hold=hold, check=check)
    frames = (compositor.frame(state) for state in states)
    return encode_moving(spec, frames, hold=hold, check=check, count=len(states))


def _coarser(chunk: PicturePart, state: State) -> float:
    if chunk.way == "fade":
        return 0.0
    return STOPPED_CRF if isinstance(state, TransitionState) else PUSHED_CRF
