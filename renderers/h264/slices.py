"""Slices in another place: a picture put together from slices that were encoded as pictures of their own.

The place of a slice stands in its header, and its codes depend on no other slice of its picture (ITU-T H.264
(08/2021), 7.3.3, 7.3.4). So the only slice of a small picture becomes one of a large picture by another
header, if both are equally wide and their parameter sets say the same.
"""

from __future__ import annotations

from typing import NamedTuple

from renderers.h264.bitstream import BitReader, BitWriter, broken, escape, unescape
from renderers.h264.headers import (
    B_SKIP_STATE,
    B_SLICES,
    I_SLICES,
    IDR_SLICE,
    P_SKIP_STATE,
    P_SLICES,
    Stream,
    skip_slice_data,
    unit_type,
)

_HEADER_BYTES = 96
_WITHIN = 2
"""`disable_deblocking_filter_idc` of a slice that is deblocked, but not at its border to others."""


class _Header(NamedTuple):
    """The parts of a slice header (7.3.3): `same` is all between its place and `cabac_init_idc`."""

    kind: int
    same: BitWriter
    cabac_init: int
    qp_delta: int
    offsets: tuple[int, ...]
    data: bytes


def moved_slice(stream: Stream, unit: bytes, first: int) -> bytes:
    """The slice in NAL unit `unit` as one that begins at macroblock `first`, not deblocked at its border."""
    header = _parsed(stream, unit)
    w = _begun(header, first)
    if header.kind != I_SLICES:
        w.ue(header.cabac_init)
    w.se(header.qp_delta)
    if header.offsets:
        w.ue(_WITHIN)
        for offset in header.offsets:
            w.se(offset)
    else:
        w.ue(1)
    w.align(1)
    return unit[:1] + escape(w.to_bytes() + header.data)


def skipped_slice(stream: Stream, unit: bytes, first: int, macroblocks: int) -> bytes:
    """A slice beside the one in `unit`, of the same picture, in which nothing moves and nothing is coded."""
    header = _parsed(stream, unit)
    if header.kind not in (P_SLICES, B_SLICES):
        raise broken("a picture that refers to none cannot repeat one")
    w = _begun(header, first)
    stream.end_slice_header(w, cabac=True)
    state = P_SKIP_STATE if header.kind == P_SLICES else B_SKIP_STATE
    return unit[:1] + escape(w.to_bytes() + skip_slice_data(macroblocks, state))


def _begun(header: _Header, first: int) -> BitWriter:
    w = BitWriter()
    w.ue(first)
    w.append(header.same)
    return w


def _parsed(stream: Stream, unit: bytes) -> _Header:
    sequence, picture = stream.sequence, stream.picture
    rbsp = unescape(unit[1:])
    head = rbsp[:_HEADER_BYTES]
    bits, r = BitWriter(int.from_bytes(head, "big"), len(head) * 8), BitReader(head)
    r.ue()
    begin = r.position
    kind = r.ue() % 5
    is_idr = unit_type(unit) == IDR_SLICE
    r.ue()
    r.u(sequence.frame_num_bits)
    if is_idr:
        r.ue()
    if sequence.poc_type == 0:
        r.u(sequence.poc_bits)
    if not picture.cabac or picture.order_present or picture.redundant or not picture.deblocking_control:
        raise broken("its slices cannot be moved")
    if (kind == P_SLICES and picture.weighted) or (kind == B_SLICES and picture.weighted_bipred == 1):
        raise broken("its slices have weights")
    if kind != I_SLICES:
        _pass_lists(r, is_both=kind == B_SLICES)
    if unit[0] & 0x60:
        _pass_marking(r, is_idr=is_idr)
    same = bits.part(begin, r.position)
    cabac_init = 0 if kind == I_SLICES else r.ue()
    qp_delta = r.se()
    offsets = () if r.ue() == 1 else (r.se(), r.se())
    return _Header(kind, same, cabac_init, qp_delta, offsets, rbsp[-(-r.position // 8) :])


def _pass_lists(r: BitReader, *, is_both: bool) -> None:
    """Read over the lists of references (7.3.3.1)."""
    if is_both:
        r.u(1)  # direct_spatial_mv_pred_flag
    if r.flag():
        for _ in range(1 + is_both):
            r.ue()
    for _ in range(1 + is_both):
        if r.flag():
            while r.ue() != 3:
                r.ue()


def _pass_marking(r: BitReader, *, is_idr: bool) -> None:
    """Read over what becomes of references (7.3.3.3)."""
    if is_idr:
        r.u(2)
    elif r.flag():
        while operation := r.ue():
            for _ in range((0, 1, 1, 2, 1, 0, 1)[operation]):
                r.ue()
