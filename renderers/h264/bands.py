"""Pictures of which only a band changes: the rest is coded once, and the band as pictures of their own.

What moves over a photograph, turns or grows is for the encoder, but often there is rest above and below. An
encoder takes its time for every macroblock, also for those at rest. So the rows of macroblocks that hold all
that moves are encoded as small pictures, and what is above and below as one key picture each. Every picture
of the stretch has three slices then (`slices`): one of the band, and two that repeat what was there.

Vectors of the band must not point beyond its first and last rows, where a decoder sees what the small
pictures do not have. So the band has some rows at rest more than it needs on either side, and vectors are
kept shorter than these are high: whatever moves refers to the band. Rows at rest refer to where they are, but
for some of smooth pictures, which look alike everywhere. So a decoder is asked for the vectors, which takes a
fifth of the encoder's time. Where one does point out of the band, that is tried with more rows, or given up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import av
import numpy as np

from renderers.composing.tiles import Rect
from renderers.composing.yuv import planes
from renderers.h264 import bitstream, headers
from renderers.h264.slices import moved_slice, skipped_slice
from renderers.h264.video import (
    EncodedChunk,
    Frame,
    VideoSpec,
    encode_moving,
    encode_still,
    stream_of,
)
from renderers.timeline.scene import Placement, SlideState, State
from schemas.checks import nothing

MACROBLOCK = 16
GUARDS = 3, 4, 6
"""Rows of macroblocks at rest above and below what moves, the fewest that will do."""
REACH = 32
"""Pixels that vectors reach at most; with what a sample is interpolated from, less than these rows."""
REST_CRF = 1.0
"""The quality below `still_crf` of what is above and below."""
LARGEST = 0.6
"""The share of a picture's rows that a band may have to be worth while."""


def changing_rows(
    states: Sequence[State], bounds: Callable[[str, Placement | None], Rect | None]
) -> range | None:
    """Rows of macroblocks that hold all that changes in a stretch; None if that cannot be said.

    All layers are painted normally. bounds: the rectangle that a layer touches.
    """
    slides = [state for state in states if isinstance(state, SlideState)]
    if len(slides) < len(states) or len({slide.layers[0] for slide in slides}) > 1:
        return None
    shown = {entry for slide in slides for entry in slide.layers}
    changing = {entry for slide in slides for entry in shown.difference(slide.layers)}
    rects = [bounds(*entry) for entry in changing]
    rows = [(rect[1], rect[3]) for rect in rects if rect is not None]
    if not rows:
        return None
    return range(min(top for top, _ in rows) // MACROBLOCK, -(-max(end for _, end in rows) // MACROBLOCK))


def bands(changing: range | None, height: int) -> Iterator[range]:
    """Rows of macroblocks that may be encoded alone if only these change, the fewest first."""
    count = -(-height // MACROBLOCK)
    if changing is None:
        return
    for guard in GUARDS:
        first, end = max(0, changing.start - guard), min(count, changing.stop + guard)
        if height - end * MACROBLOCK < MACROBLOCK:
            end = count  # no picture is as small as the last row may be
        if end - first <= LARGEST * count:
            yield range(first, end)


def encode_band(
    spec: VideoSpec,
    frames: Iterable[Frame],
    rows: range,
    *,
    hold: bool,
    count: int,
    check: Callable[[], None] = nothing,
) -> EncodedChunk | None:
    """As `video.encode_moving`, of `count` frames of which only these rows of macroblocks change.

    None if vectors point out of the band. Needs `video.can_predict`.
    """
    stream = stream_of(spec).widened()
    width = stream.sequence.mb_width
    parts: dict[int, tuple[int, bytes]] = {}
    begin, end = rows.start * MACROBLOCK, min(rows.stop * MACROBLOCK, spec.height)

    def cut() -> Iterable[Frame]:
        for number, frame in enumerate(frames):
            if number == 0:
                for top, bottom in ((0, begin), (end, spec.height)):
                    if bottom > top:
                        part = encode_still(
                            replace(spec, height=bottom - top), _cut(frame, top, bottom), REST_CRF
                        )
                        (unit,) = bitstream.split_avcc(part.packets[0].data)
                        macroblocks = -(-(bottom - top) // MACROBLOCK) * width
                        parts[top // MACROBLOCK * width] = macroblocks, unit
            yield _cut(frame, begin, end)

    band = replace(spec, height=end - begin)
    chunk = encode_moving(band, cut(), hold=hold, check=check, count=count, reach=REACH)
    if not _stays_within(chunk, rows.start > 0, end < spec.height):
        return None
    packets = []
    for packet in chunk.packets:
        (unit,) = bitstream.split_avcc(packet.data)
        units = {rows.start * width: moved_slice(stream, unit, rows.start * width)}
        for first, (macroblocks, own) in parts.items():
            units[first] = (
                moved_slice(stream, own, first)
                if packet.is_key
                else skipped_slice(stream, unit, first, macroblocks)
            )
        packets.append(packet._replace(data=bitstream.join_avcc(units[first] for first in sorted(units))))
    return EncodedChunk(stream.sps, stream.pps, tuple(packets), chunk.frames)


def _stays_within(chunk: EncodedChunk, above: bool, below: bool) -> bool:
    """Whether a chunk's pictures are made of samples that lie in them, as far as that is asked."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = headers.Stream(chunk.sps, chunk.pps).configuration()
    decoder.thread_count = 1
    decoder.options = {"flags2": "+export_mvs"}
    for packet in [*(av.Packet(each.data) for each in chunk.packets), None]:
        for frame in decoder.decode(packet):
            vectors = frame.side_data.get("MOTION_VECTORS")
            if vectors is None:
                continue
            blocks = vectors.to_ndarray()
            move = blocks["motion_y"].astype(np.int64) * 4 // blocks["motion_scale"]
            begin = blocks["dst_y"].astype(np.int64) - blocks["h"] // 2 + (move >> 2)
            end = begin + blocks["h"]
            # Between pixels, a sample is made of two more before and three behind (8.4.2.2.1).
            is_between = move & 7 != 0
            if above and (begin - 2 * is_between).min(initial=0) < 0:
                return False
            if below and (end + 3 * is_between).max(initial=0) > frame.height:
                return False
    return True


def _cut(frame: Frame, top: int, bottom: int) -> Frame:
    """Some rows of pixels of a frame, as a frame."""
    y, u, v = planes(frame)
    parts = y[top:bottom], u[top // 2 : bottom // 2], v[top // 2 : bottom // 2]
    cut: Frame = np.concatenate([part.reshape(-1) for part in parts]).reshape(-1, y.shape[1])
    return cut
