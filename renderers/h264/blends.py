"""Blends of two pictures that are written instead of encoded: a crossfade for some dozens of bytes a frame.

H.264 predicts a B picture from two references by weights that its slice header names (explicit weighted
prediction, 8.4.2.3). Where every macroblock is B_Skip, that prediction is the picture: sample for sample
(a * (128 - w) + b * w + 64) >> 7, which is what a crossfade between two pictures at rest looks like. So the
picture that a fade leads to is moved in front of it in decoding order, and the decoder does the rest.

Both pictures have to be references. The one that a fade leads to was encoded as an IDR picture, which
nothing before it may be referred to across: here it becomes an ordinary I picture by another slice header.
Clauses are those of ITU-T H.264 (08/2021).
"""

from __future__ import annotations

from renderers.h264.bitstream import BitReader, BitWriter, broken, escape, unescape
from renderers.h264.headers import B_SKIP_STATE, B_SLICES, I_SLICES, Stream, skip_slice_data
from renderers.timeline.scene import WHOLE

FURTHER = 1
"""How far behind the stream's own PPS that of blends is."""
_WHOLE_LOG2 = WHOLE.bit_length() - 1


def can_blend(stream: Stream) -> bool:
    """Whether such pictures can be written into a stream: it has CABAC, reorders and keeps two references."""
    sequence = stream.sequence
    return (
        stream.picture.cabac and sequence.poc_type == 0 and sequence.reorder >= 1 and sequence.references >= 2
    )


def blend_parameters(stream: Stream) -> bytes:
    """The stream's PPS once more, under the next id and with explicit weights (`weighted_bipred_idc` 1)."""
    return stream.more_parameters(FURTHER, (stream.picture.bipred_at, BitWriter(1, 2)))


def blend_picture(stream: Stream, frame_num: int, poc_lsb: int, weight: int) -> bytes:
    """A NAL unit that shows the last reference before it and the next one after it in the order of showing.

    weight: of the later one, 1 .. WHOLE - 1. `frame_num` is one more than that of the last reference in
    decoding order. The picture is no reference itself (`nal_ref_idc` 0). Needs `blend_parameters`.
    """
    if not 0 < weight < WHOLE:
        raise ValueError(f"a weight is 1 to {WHOLE - 1}, not {weight}")
    sequence = stream.sequence
    w = stream.begin_slice(B_SLICES, frame_num, poc_lsb, FURTHER)
    w.u(1, 1)  # direct_spatial_mv_pred_flag: without neighbours, no motion and the first of each list
    w.u(1, 1)  # num_ref_idx_active_override_flag
    w.ue(0)
    w.ue(0)
    w.u(0, 2)  # ref_pic_list_modification_flag_l0, _l1: the nearest before, the nearest after (8.2.4.2.3)
    w.ue(_WHOLE_LOG2 - 1)  # luma_log2_weight_denom, then that of chroma
    w.ue(_WHOLE_LOG2 - 1)
    for part in (WHOLE - weight, weight):
        for planes in (1, 2):
            w.u(1, 1)
            for _ in range(planes):
                w.se(part)
                w.se(0)
    stream.end_slice_header(w, cabac=True)
    data = skip_slice_data(sequence.mb_width * sequence.mb_height, B_SKIP_STATE)
    return b"\x01" + escape(w.to_bytes() + data)


def as_reference(stream: Stream, unit: bytes, frame_num: int, poc_lsb: int) -> bytes:
    """The IDR slice `unit` as that of an I picture that is a reference among others (7.3.3, 7.3.3.3).

    Its samples stay the same: nothing in an I slice's data depends on what changes here.
    """
    sequence, picture = stream.sequence, stream.picture
    header = stream.slice_header(unit)
    if not header.is_idr or header.slice_type != I_SLICES or not picture.cabac:
        raise broken("a key picture does not begin with an IDR slice")
    rbsp = unescape(unit[1:])
    r = BitReader(rbsp[:64])
    r.ue()
    r.ue()
    r.ue()
    r.u(sequence.frame_num_bits)
    r.ue()
    r.u(sequence.poc_bits)
    if (picture.order_present and r.se()) or (picture.redundant and r.ue()):
        raise broken("a picture is made of fields or is there twice")
    r.u(2)  # no_output_of_prior_pics_flag, long_term_reference_flag
    qp_delta = r.se()
    deblocking = r.ue() if picture.deblocking_control else 1
    offsets = [r.se(), r.se()] if picture.deblocking_control and deblocking != 1 else []
    begin = -(-r.position // 8)
    w = stream.begin_slice(I_SLICES, frame_num, poc_lsb)
    w.u(0, 1)  # adaptive_ref_pic_marking_mode_flag: sliding window
    w.se(qp_delta)
    if picture.deblocking_control:
        w.ue(deblocking)
        for value in offsets:
            w.se(value)
    w.align(1)
    return bytes([unit[0] & 0x60 | 1]) + escape(w.to_bytes() + rbsp[begin:])
