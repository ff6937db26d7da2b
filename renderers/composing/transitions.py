"""Transitions between two finished pictures, plane by plane.

A picture is a sequence of planes of which the first has the full size and others half of it (YUV), or
a single one with channels (RGBA); before, after and the result have the same planes. `progress` is 0..1,
already eased: at 0 the result is `before` bit for bit, at 1 it is `after`.

* `none` shows `before` to the end: a cut. `fade` blends.
* `slide-left` (right, up, down): the next picture pushes this one out to the left. Motion is by whole
  pixels of luma; where that is half a pixel of chroma, two neighbours are averaged.
* `wipe-left` (right, up, down): the edge between them runs to the left and leaves the next one behind it.
* `zoom`: the next picture grows from nothing to full size about the centre, over this one, while it
  fades in; its edges lie on even pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from renderers._opencv import cv2
from renderers.composing.resample import Source
from renderers.composing.yuv import Plane
from renderers.timeline.scene import border
from schemas.errors import InvalidInput

Planes = Sequence[Plane]


def mix(kind: str, progress: float, before: Planes, after: Planes, out: Planes) -> None:
    """Write the transition's picture into `out`. Raises InvalidInput (`not_supported`) for another kind."""
    name, _, direction = kind.partition("-")
    transition = _KINDS.get((name, direction))
    if transition is None:
        raise InvalidInput("not_supported", f"There is no transition called {kind!r}.")
    if progress <= 0 or name == "none":
        _copy(before if progress < 1 else after, out)
    elif progress >= 1:
        _copy(after, out)
    else:
        transition(direction, progress, before, after, out)


def _copy(source: Planes, out: Planes) -> None:
    for plane, target in zip(source, out, strict=True):
        np.copyto(target, plane)


def _fade(_direction: str, progress: float, before: Planes, after: Planes, out: Planes) -> None:
    for old, new, target in zip(before, after, out, strict=True):
        cv2.addWeighted(old, 1 - progress, new, progress, 0, dst=target)


def _slide(direction: str, progress: float, before: Planes, after: Planes, out: Planes) -> None:
    axis = 1 if direction in ("left", "right") else 0
    full = out[0].shape[axis]
    # Both pictures side by side, and where in them the frame begins.
    shift = border(progress, full)
    if direction in ("right", "down"):
        before, after, shift = after, before, full - shift
    for old, new, target in zip(before, after, out, strict=True):
        _window(old, new, target, axis, shift, full // target.shape[axis])


def _window(first: Plane, second: Plane, out: Plane, axis: int, shift: int, k: int) -> None:
    """`out` from both side by side, beginning at `shift` luma pixels; k of them make one of this plane."""
    first, second, target = (np.moveaxis(plane, axis, 0) for plane in (first, second, out))
    begin, between = divmod(shift, k)
    size = len(target)
    target[: size - begin] = first[begin:]
    target[size - begin :] = second[:begin]
    if between:
        # The same one sample further on, and the mean of both.
        after = out.copy()
        moved = np.moveaxis(after, axis, 0)
        moved[:-1] = target[1:]
        moved[-1] = second[begin]
        cv2.addWeighted(out, 1 - between / k, after, between / k, 0, dst=out)


def _wipe(direction: str, progress: float, before: Planes, after: Planes, out: Planes) -> None:
    axis = 1 if direction in ("left", "right") else 0
    full = out[0].shape[axis]
    edge = border(progress, full)
    if direction in ("left", "up"):
        before, after, edge = after, before, full - edge
    # Now `after` lies before the edge, `before` behind it.
    for old, new, plane in zip(before, after, out, strict=True):
        behind, ahead, target = (np.moveaxis(each, axis, 0) for each in (old, new, plane))
        at, between = divmod(edge, full // len(target))
        target[:at] = ahead[:at]
        target[at:] = behind[at:]
        if between:
            target[at] = (ahead[at].astype(np.uint16) + behind[at] + 1) >> 1


def _zoom(_direction: str, progress: float, before: Planes, after: Planes, out: Planes) -> None:
    _copy(before, out)
    height, width = out[0].shape[:2]
    # Even edges around what the picture covers, so that all planes have a whole rectangle.
    margins = [2 * math.floor(side * (1 - progress) / 4 + 0.5) for side in (width, height)]
    margins = [min(margin, side // 2 - 2) for margin, side in zip(margins, (width, height), strict=True)]
    for new, plane in zip(after, out, strict=True):
        k = height // plane.shape[0]
        across, down = (max(0, margin) // k for margin in margins)
        target = plane[down : plane.shape[0] - down, across : plane.shape[1] - across]
        cv2.addWeighted(target, 1 - progress, _smaller(new, target, progress), progress, 0, dst=target)


def _smaller(picture: Plane, target: Plane, size: float) -> Plane:
    """The middle of `picture` shown `size` times as large, as much as `target` holds."""
    steps = max(0, math.floor(math.log2(1 / size)))
    reduced = picture
    if steps:
        half = [max(1, math.ceil(side / 2**steps)) for side in picture.shape[1::-1]]
        reduced = cv2.resize(picture, half, interpolation=cv2.INTER_AREA)
    sides = [np.array(plane.shape[1::-1], np.float64) for plane in (picture, reduced, target)]
    step = sides[1] / (sides[0] * size)
    origin = sides[1] / 2 - step * sides[2] / 2
    return Source(reduced, goes_on=True).sample(np.diag(step), origin, (target.shape[1], target.shape[0]))


_Transition = Callable[[str, float, Planes, Planes, Planes], None]

_KINDS: dict[tuple[str, str], _Transition] = {
    ("none", ""): _fade,
    ("fade", ""): _fade,
    ("zoom", ""): _zoom,
    **{("slide", way): _slide for way in ("left", "right", "up", "down")},
    **{("wipe", way): _wipe for way in ("left", "right", "up", "down")},
}
