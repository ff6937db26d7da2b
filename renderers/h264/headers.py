"""H.264 bitstreams, as far as joining needs them: read headers, write held pictures, change heads.

A held frame is an *all-skip P picture*: every macroblock is P_Skip, which with neither motion nor
residual repeats the reference picture sample for sample. Such a picture is written here from the
stream's own SPS and PPS; nothing is encoded for it. Clauses are those of ITU-T H.264 (08/2021).

Supported is what x264 writes for progressive 4:2:0 at eight bits with one slice per picture: no
interlacing, no separate colour planes, no scaling matrices, picture order count type 0 or 2, one
slice group. Anything else raises InvalidInput instead of making a broken stream.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from typing import NamedTuple

from renderers.h264.bitstream import BitReader, BitWriter, broken, escape, rbsp_bits, unescape

SLICE, IDR_SLICE, SPS, PPS = 1, 5, 7, 8
"""`nal_unit_type` (table 7-1) of a coded slice, one of an IDR picture, and the parameter sets."""

P_SLICES, B_SLICES, I_SLICES = 0, 1, 2
"""`slice_type` modulo 5 (table 7-6)."""

WIDER = 8
"""Bits that `widen` adds to `pic_order_cnt_lsb`."""

_HEADER_BYTES = 64  # more than what is read of a slice header can take
SKIP_QP = 26
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


def unit_type(unit: bytes) -> int:
    """`nal_unit_type` (7.3.1)."""
    return unit[0] & 31


class Sequence(NamedTuple):
    """What a sequence parameter set says (7.3.2.1.1); sizes in macroblocks, bit counts of fields.

    `reorder` is `max_num_reorder_frames` (E.2.1): by how many frames decoding runs ahead of showing;
    `references` is `max_num_ref_frames`. `poc_at` and `poc_end` are the bits of `log2_max_pic_order_cnt_lsb`.
    """

    profile: int
    level: int
    frame_num_bits: int
    poc_type: int
    poc_bits: int
    mb_width: int
    mb_height: int
    reorder: int
    references: int
    poc_at: int
    poc_end: int

    @classmethod
    def parse(cls, unit: bytes) -> Sequence:
        """Read the NAL unit `unit`; raises InvalidInput for what is not supported."""
        r = BitReader(unescape(unit[1:]))
        profile = r.u(8)
        r.u(8)
        level = r.u(8)
        r.ue()
        if profile in _HIGH_PROFILES:
            _parse_high(r)
        frame_num_bits = r.ue() + 4
        poc_type = r.ue()
        if poc_type not in (0, 2):
            raise broken(f"picture order count type {poc_type}")
        poc_at = r.position
        poc_bits = r.ue() + 4 if poc_type == 0 else 0
        poc_end = r.position
        references = r.ue()
        r.u(1)
        mb_width, mb_height = r.ue() + 1, r.ue() + 1
        if not r.flag():
            raise broken("it is interlaced")
        r.u(1)
        if r.flag():
            for _ in range(4):
                r.ue()
        reorder = _parse_vui(r) if r.flag() else None
        if reorder is None:
            reorder = 0 if poc_type == 2 else 16
        counts = frame_num_bits, poc_type, poc_bits, mb_width, mb_height, reorder, references
        return cls(profile, level, *counts, poc_at, poc_end)


def _parse_high(r: BitReader) -> None:
    if r.ue() != 1 or r.ue() or r.ue():
        raise broken("it is not 4:2:0 at eight bits")
    r.u(1)  # qpprime_y_zero_transform_bypass_flag: a lossless stream is held like any other
    if r.flag():
        raise broken("it has scaling matrices")


def _parse_vui(r: BitReader) -> int | None:
    """`max_num_reorder_frames` of the VUI parameters (E.1.1), None when it does not say."""
    if r.flag() and r.u(8) == 255:
        r.u(32)
    if r.flag():
        r.u(1)
    if r.flag():
        r.u(4)
        if r.flag():
            r.u(24)
    if r.flag():
        r.ue()
        r.ue()
    if r.flag():
        r.u(65)
    if r.flag() or r.flag():
        raise broken("it has HRD parameters")
    r.u(1)
    if not r.flag():
        return None
    r.u(1)
    for _ in range(4):
        r.ue()
    return r.ue()


class Picture(NamedTuple):
    """What a picture parameter set says (7.3.2.2), as far as slice headers depend on it.

    `id_end`, `cabac_at` and `bipred_at` are the bits behind its id, of `entropy_coding_mode_flag` and of
    `weighted_bipred_idc`.
    """

    id: int
    cabac: bool
    order_present: bool
    references: int
    weighted: bool
    weighted_bipred: int
    qp: int
    deblocking_control: bool
    redundant: bool
    id_end: int
    cabac_at: int
    bipred_at: int

    @classmethod
    def parse(cls, unit: bytes) -> Picture:
        """Read the NAL unit `unit`; raises InvalidInput for what is not supported."""
        r = BitReader(unescape(unit[1:]))
        pps_id, id_end = r.ue(), r.position
        r.ue()
        cabac_at = r.position
        cabac, order_present = r.flag(), r.flag()
        if r.ue():
            raise broken("it has slice groups")
        references = r.ue() + 1
        r.ue()
        weighted, bipred_at = r.flag(), r.position
        bipred = r.u(2)
        qp = 26 + r.se()
        r.se()
        r.se()
        control = r.flag()
        r.u(1)
        head = pps_id, cabac, order_present, references, weighted, bipred, qp, control
        return cls(*head, r.flag(), id_end, cabac_at, bipred_at)


class SliceHeader(NamedTuple):
    """The head of a slice header (7.3.3). `id_at` and `id_end` are the bits of `idr_pic_id`."""

    is_reference: bool
    is_idr: bool
    slice_type: int
    frame_num: int
    idr_pic_id: int
    poc_lsb: int
    id_at: int
    id_end: int


def renumbered(idr_pic_id: int) -> int:
    """A number for an `idr_pic_id`: of all others one whose Exp-Golomb code has exactly eight bits more."""
    return (idr_pic_id + 1) * 16 - 1


class Stream:
    """The parameter sets of a stream, and what is written and read by them."""

    def __init__(self, sps: bytes, pps: bytes) -> None:
        """Parse both NAL units; raises InvalidInput for what is not supported."""
        if not sps or not pps or unit_type(sps) != SPS or unit_type(pps) != PPS:
            raise broken("its parameter sets are missing")
        self.sps, self.pps = sps, pps
        self.sequence, self.picture = Sequence.parse(sps), Picture.parse(pps)
        self._skips: dict[tuple[int, int], bytes] = {}

    def configuration(self, *more: bytes) -> bytes:
        """The AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1.2), lengths of four bytes.

        more: picture parameter sets beside the stream's own.
        """
        record = b"\x01" + self.sps[1:4] + b"\xff\xe1" + struct.pack(">H", len(self.sps)) + self.sps
        record += bytes([1 + len(more)])
        record += b"".join(struct.pack(">H", len(pps)) + pps for pps in (self.pps, *more))
        return record + b"\xfd\xf8\xf8\x00" if self.sequence.profile in _HIGH_PROFILES else record

    def slice_header(self, unit: bytes) -> SliceHeader:
        """Read the slice in NAL unit `unit` up to its picture order count."""
        r = BitReader(unescape(unit[1 : _HEADER_BYTES + 1]))
        if unit_type(unit) not in (SLICE, IDR_SLICE):
            raise broken("a packet holds no slice where one is due")
        is_idr = unit_type(unit) == IDR_SLICE
        r.ue()
        slice_type = r.ue() % 5
        r.ue()
        frame_num = r.u(self.sequence.frame_num_bits)
        id_at = r.position
        idr_pic_id = r.ue() if is_idr else 0
        id_end = r.position
        poc = r.u(self.sequence.poc_bits) if self.sequence.poc_type == 0 else 0
        return SliceHeader(unit[0] & 0x60 != 0, is_idr, slice_type, frame_num, idr_pic_id, poc, id_at, id_end)

    def skip_picture(self, frame_num: int, poc_lsb: int) -> bytes:
        """A NAL unit that repeats the picture before it in decoding order, which must be a reference.

        `frame_num` is one more, and `poc_lsb` two more, than that picture's; both are taken modulo
        their fields' sizes. The picture is a reference itself (`nal_ref_idc` 2), so that holds chain.
        """
        frame_num %= 1 << self.sequence.frame_num_bits
        poc_lsb %= 1 << self.sequence.poc_bits
        key = (frame_num, poc_lsb)
        if key not in self._skips:
            self._skips[key] = b"\x41" + escape(self._skip_rbsp(frame_num, poc_lsb))
        return self._skips[key]

    def _skip_rbsp(self, frame_num: int, poc_lsb: int) -> bytes:
        sequence, picture = self.sequence, self.picture
        macroblocks = sequence.mb_width * sequence.mb_height
        w = self.begin_slice(P_SLICES, frame_num, poc_lsb)
        w.u(1, 1)  # num_ref_idx_active_override_flag
        w.ue(0)  # one reference: the picture before
        w.u(0, 1)  # ref_pic_list_modification_flag_l0
        if picture.weighted:
            w.ue(0)  # luma_log2_weight_denom: with no flag below, weights are the default
            w.ue(0)
            w.u(0, 2)
        w.u(0, 1)  # adaptive_ref_pic_marking_mode_flag: sliding window
        self.end_slice_header(w, cabac=picture.cabac)
        if picture.cabac:
            return w.to_bytes() + skip_slice_data(macroblocks, P_SKIP_STATE)
        w.ue(macroblocks)  # mb_skip_run
        w.trail()
        return w.to_bytes()

    def begin_slice(self, slice_type: int, frame_num: int, poc_lsb: int, parameters: int = 0) -> BitWriter:
        """The head of a slice header (7.3.3) of a picture that is not an IDR picture and has no other slice.

        Both numbers are taken modulo their fields' sizes. parameters: how far behind its own the id of the
        PPS is.
        """
        sequence = self.sequence
        w = BitWriter()
        w.ue(0)  # first_mb_in_slice
        w.ue(slice_type + 5)  # so are all slices of the picture
        w.ue(self.picture.id + parameters)
        w.u(frame_num % (1 << sequence.frame_num_bits), sequence.frame_num_bits)
        if sequence.poc_type == 0:
            w.u(poc_lsb % (1 << sequence.poc_bits), sequence.poc_bits)
            if self.picture.order_present:
                w.se(0)  # delta_pic_order_cnt_bottom
        if self.picture.redundant:
            w.ue(0)  # redundant_pic_cnt
        return w

    def end_slice_header(self, w: BitWriter, *, cabac: bool) -> None:
        """The end of the slice header of a predicted picture: without residual, not deblocked."""
        if cabac:
            w.ue(0)  # cabac_init_idc
        w.se(SKIP_QP - self.picture.qp)
        if self.picture.deblocking_control:
            w.ue(1)  # disable_deblocking_filter_idc: samples are shown as they are predicted
        if cabac:
            w.align(1)

    def more_parameters(self, further: int, *changes: tuple[int, BitWriter]) -> bytes:
        """The PPS once more, its id `further` behind; changes: bits to put at places, in their order."""
        bits = rbsp_bits(self.pps)
        w = BitWriter()
        w.ue(self.picture.id + further)
        end = self.picture.id_end
        for at, by in changes:
            w.append(bits.part(end, at))
            w.append(by)
            end = at + by.size
        w.append(bits.part(end, bits.size))
        w.trail()
        return self.pps[:1] + escape(w.to_bytes())

    def renumber_idr(self, unit: bytes) -> bytes:
        """The IDR slice `unit` with another `idr_pic_id` (7.4.3): see `renumbered`."""
        header = self.slice_header(unit)
        if not header.is_idr or header.slice_type != I_SLICES:
            raise broken("a key picture does not begin with an IDR slice")
        w = BitWriter()
        w.ue(renumbered(header.idr_pic_id))
        return _replaced(unit, header.id_at, header.id_end, w)

    def widened(self) -> Stream:
        """This stream as `widen` makes it: with a `pic_order_cnt_lsb`, if any, of `WIDER` bits more.

        The order of pictures can be told only across half of what the field counts to, and x264 lets it count
        to 64: 16 pictures. A blend needs as many as it has frames.
        """
        sequence = self.sequence
        if sequence.poc_type != 0:
            return self
        bits = rbsp_bits(self.sps)
        w = bits.part(0, sequence.poc_at)
        w.ue(sequence.poc_bits + WIDER - 4)
        w.append(bits.part(sequence.poc_end, bits.size))
        w.trail()
        return Stream(self.sps[:1] + escape(w.to_bytes()), self.pps)

    def widen(self, unit: bytes, was: int, poc: int) -> bytes:
        """A slice of this stream for `widened()`: it counts to `was`, and there to `poc`.

        Both are twice a picture's place from its IDR on: `was` among those that were encoded, `poc` among
        all.
        """
        sequence, header = self.sequence, self.slice_header(unit)
        if sequence.poc_type != 0:
            return unit
        if (was - header.poc_lsb) % (1 << sequence.poc_bits):
            raise broken("its pictures do not count by two")
        w = BitWriter()
        bits = sequence.poc_bits + WIDER
        w.u(poc % (1 << bits), bits)
        return _replaced(unit, header.id_end, header.id_end + sequence.poc_bits, w)


def _replaced(unit: bytes, start: int, end: int, by: BitWriter) -> bytes:
    """A slice with the bits start .. end - 1 of its RBSP replaced by others, eight more.

    So all that follows moves by one byte and stays aligned as it was, which I_PCM macroblocks (7.3.5)
    and CABAC data (7.3.4) demand; beyond the first bytes nothing has to be looked at.
    """
    assert by.size == end - start + 8
    # Where the byte before is above 3, no run of zeros and no emulation prevention goes across.
    cut = next((at for at in range(16, len(unit)) if unit[at - 1] > 3), len(unit))
    rbsp = unescape(unit[1:cut])
    bits = BitWriter(int.from_bytes(rbsp, "big"), len(rbsp) * 8)
    w = bits.part(0, start)
    w.append(by)
    w.append(bits.part(end, bits.size))
    return unit[:1] + escape(w.to_bytes()) + unit[cut:]


# rangeTabLPS (table 9-44) for the states that a run of most probable symbols passes, from pStateIdx 6
# to the last (62), for qCodIRangeIdx 0 to 3. mb_skip_flag starts at SKIP_QP in state 6 in a P slice
# (context 11, cabac_init_idc 0: m = 23, n = 33, table 9-13), in 29 in a B slice (24: 18, 64, table 9-14).
P_SKIP_STATE, B_SKIP_STATE = 6, 29
_FIRST_STATE = P_SKIP_STATE
_RANGE_LPS = """
105 128 152 175|100 122 144 166|95 116 137 158|90 110 130 150|85 104 123 142|81 99 117 135
77 94 111 128|73 89 105 122|69 85 100 116|66 80 95 110|62 76 90 104|59 72 86 99
56 69 81 94|53 65 77 89|51 62 73 85|48 59 69 80|46 56 66 76|43 53 63 72
41 50 59 69|39 48 56 65|37 45 54 62|35 43 51 59|33 41 48 56|32 39 46 53
30 37 43 50|29 35 41 48|27 33 39 45|26 31 37 43|24 30 35 41|23 28 33 39
22 27 32 37|21 26 30 35|20 24 29 33|19 23 27 31|18 22 26 30|17 21 25 28
16 20 23 27|15 19 22 25|14 18 21 24|14 17 20 23|13 16 19 22|12 15 18 21
12 14 17 20|11 14 16 19|11 13 15 18|10 12 15 17|10 12 14 16|9 11 13 15
9 11 12 14|8 10 12 14|8 9 11 13|7 9 11 12|7 9 10 12|7 8 10 11
6 8 9 11|6 7 9 10|6 7 8 9"""


@lru_cache(maxsize=16)
def skip_slice_data(macroblocks: int, state: int) -> bytes:
    """CABAC data of a slice of `macroblocks` skipped macroblocks, with the trailing bits (7.3.4, 9.3.4).

    Every mb_skip_flag is 1, the most probable symbol of a context that begins in `state`, and every
    end_of_slice_flag but the last is 0. Neither ever moves codILow from 0, so the arithmetic encoder
    (9.3.4.2) writes one zero bit for each renormalisation, which is all that has to be counted.
    """
    table = [[int(v) for v in row.split()] for row in re.split(r"[|\n]", _RANGE_LPS.strip())]
    interval, zeros, state = 510, 0, state - _FIRST_STATE
    for index in range(macroblocks):
        interval -= table[state][interval >> 6 & 3]
        if state < len(table) - 1:
            state += 1
        if interval < 256:
            interval <<= 1
            zeros += 1
        interval -= 2
        if interval < 256 and index < macroblocks - 1:
            interval <<= 1
            zeros += 1
    # EncodeFlush (9.3.4.5): codILow = codIRange - 2, renormalised by seven bits, then PutBit and two
    # bits more, the last of which is rbsp_stop_one_bit. Of these nine the first is 0 and makes up for
    # the encoder's very first bit, which is never written (firstBitFlag).
    w = BitWriter(0, zeros)
    w.u(interval << 7 >> 8, 8)
    w.trail()
    return w.to_bytes()
