"""Chunks to one stream of pictures, joined as packets.

A part's hold is written here, as skip pictures (`headers`), and so is the fade that leads to it (`blends`):
the frame rate is constant, and nothing is encoded twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from renderers.h264 import bitstream, blends, headers, predicted, pushes
from renderers.h264.video import EncodedChunk, VideoSpec
from schemas.errors import InvalidInput


class Part(NamedTuple):
    """A chunk, and how many frames its last picture is held beyond its own.

    lead: frames that lead from the part before to this chunk's only picture, by the transition `way`, with
    the border between both slides at `run` there and here (`schemas.parts.PicturePart`). The part before
    must end with a picture that can be held.
    """

    chunk: EncodedChunk
    hold: int = 0
    lead: tuple[int, ...] = ()
    way: str = "fade"
    run: tuple[int, int] = (0, 0)


IDR_SECONDS = 10
"""A still's IDR picture is repeated after this time at the latest, so that seeking stays quick."""


class Sample(NamedTuple):
    """One picture of the file in decoding order: slices after their lengths, times in frames."""

    data: bytes
    pts: int
    dts: int
    is_key: bool


class _Reference(NamedTuple):
    """The last reference picture in decoding order, as far as later ones count on from it."""

    frame_num: int
    poc_lsb: int


def configuration(stream: headers.Stream) -> bytes:
    """What a decoder has to know before the first picture of a stream, written ones included."""
    more = []
    if blends.can_blend(stream):
        more.append(blends.blend_parameters(stream))
    if predicted.can_predict(stream):
        more.append(predicted.predicted_parameters(stream))
    return stream.configuration(*more)


class Planned(NamedTuple):
    """A part before it is encoded: frames of its chunk, of its hold, and of the fade that leads to it."""

    frames: int
    hold: int = 0
    lead: int = 0


class Standing(NamedTuple):
    """Where a stream stands between two parts: frames so far, and place and `idr_pic_id` of the last IDR."""

    frames: int = 0
    key_at: int = 0
    idr_pic_id: int = -1

    def after(self, part: Planned, fps: int) -> Standing:
        """Where it stands behind a part whose chunk has one IDR picture, the first, of `idr_pic_id` 0."""
        frames, key_at, number = self
        if not part.lead:
            key_at, number = frames, _another(number)
        frames += part.lead + part.frames
        end = frames + part.hold
        again = max(frames, key_at + IDR_SECONDS * fps)
        while part.frames == 1 and again < end:
            key_at, number = again, _another(number)
            again += IDR_SECONDS * fps
        return Standing(end, key_at, number)


BEGIN = Standing()


def _another(idr_pic_id: int, own: int = 0) -> int:
    """The `idr_pic_id` of an IDR picture behind one of this, which must be another (H.264, 7.4.3)."""
    return own if own != idr_pic_id else headers.renumbered(own)


class Joiner:
    """Turns parts into samples, one part at a time; remembers only where the stream stands."""

    def __init__(self, spec: VideoSpec, sps: bytes, pps: bytes, standing: Standing = BEGIN) -> None:
        """standing: where the stream stands that is gone on with. Nothing fades to the first part then."""
        self.stream = headers.Stream(sps, pps)
        macroblocks = (self.stream.sequence.mb_width, self.stream.sequence.mb_height)
        if macroblocks != (-(-spec.width // 16), -(-spec.height // 16)):
            raise InvalidInput("chunks_differ", "A chunk has another size than the video that it is for.")
        self._spec = spec
        self._position, self._key_at, self._idr_pic_id = standing
        self._last: _Reference | None = None
        self._holds: dict[tuple[int, int], bytes] = {}

    @property
    def frames(self) -> int:
        """Frames written so far."""
        return self._position

    @property
    def standing(self) -> Standing:
        """Where the stream stands."""
        return Standing(self._position, self._key_at, self._idr_pic_id)

    def configuration(self) -> bytes:
        """What a decoder has to know before the first sample (AVCDecoderConfigurationRecord)."""
        return configuration(self.stream)

    def add(self, part: Part) -> Iterator[Sample]:
        """The samples of the next part.

        Raises InvalidInput if its parameter sets differ from the first part's, or if a picture cannot be
        held or faded from although it should be: then it is no reference.
        """
        chunk, hold = part.chunk, part.hold
        if (chunk.sps, chunk.pps) != (self.stream.sps, self.stream.pps):
            raise InvalidInput(
                "chunks_differ", "Two chunks of one video have different parameter sets and cannot be joined."
            )
        if not chunk.packets or len(chunk.packets) != chunk.frames or not chunk.packets[0].is_key or hold < 0:
            raise InvalidInput("broken_chunk", "A chunk has a packet for each frame, and the first is a key.")
        if part.lead:
            yield from self._lead(part)
        else:
            start = self._position
            for packet in chunk.packets:
                data = self._renumber(packet.data) if packet.is_key else packet.data
                yield self._sample(data, start + packet.pts, packet.is_key)
            self._last = self._reference(chunk)
        if hold:
            yield from self._hold(chunk, hold)

    def _reference(self, chunk: EncodedChunk) -> _Reference | None:
        """The chunk's last picture, None where it cannot be held."""
        last = chunk.packets[-1]
        header = self.stream.slice_header(bitstream.split_avcc(last.data)[0])
        if not header.is_reference or last.pts != chunk.frames - 1:
            return None
        return _Reference(header.frame_num, header.poc_lsb)

    def _lead(self, part: Part) -> Iterator[Sample]:
        """The part's picture, and before it in the order of showing the frames that lead to it."""
        stream, before, length = self.stream, self._last, len(part.lead)
        is_able = blends.can_blend(stream) if part.way == "fade" else predicted.can_predict(stream)
        chunk = part.chunk
        if before is None or chunk.frames != 1 or not is_able:
            raise InvalidInput("cannot_blend", "A fade needs a picture at rest before it and one behind it.")
        (unit,) = bitstream.split_avcc(chunk.packets[0].data)
        after = _Reference(before.frame_num + 1, before.poc_lsb + 2 * (length + 1))
        data = blends.as_reference(stream, unit, after.frame_num, after.poc_lsb)
        yield self._sample(bitstream.join_avcc([data]), self._position + length, False)
        counts = [before.poc_lsb + 2 * number for number in range(1, length + 1)]
        for data in self._between(part, after.frame_num + 1, counts):
            yield self._sample(bitstream.join_avcc([data]), self._position - 1, False)
        self._last = after

    def _between(self, part: Part, frame_num: int, counts: Sequence[int]) -> Iterator[bytes]:
        """The frames that lead to a part, by their picture order counts."""
        steps = list(zip(counts, part.lead, strict=True))
        if part.way == "fade":
            return (blends.blend_picture(self.stream, frame_num, poc, weight) for poc, weight in steps)
        size = self._spec.width, self._spec.height
        fields = [(poc, pushes.push_field(part.way, size, at, part.run)) for poc, at in steps]
        return predicted.predicted_pictures(self.stream, frame_num, fields)

    def _sample(self, data: bytes, pts: int, is_key: bool) -> Sample:
        dts = self._position - self.stream.sequence.reorder
        if pts < dts:
            raise InvalidInput("broken_chunk", "A picture is shown before it can have been decoded.")
        if is_key:
            self._key_at = pts
        self._position += 1
        return Sample(data, pts, dts, is_key)

    def _renumber(self, data: bytes) -> bytes:
        """Give an IDR picture another `idr_pic_id` than the one before it has (H.264, 7.4.3)."""
        units = bitstream.split_avcc(data)
        own = self.stream.slice_header(units[0]).idr_pic_id
        self._idr_pic_id = _another(self._idr_pic_id, own)
        if self._idr_pic_id == own:
            return data
        return bitstream.join_avcc([self.stream.renumber_idr(unit) for unit in units])

    def _hold(self, chunk: EncodedChunk, hold: int) -> Iterator[Sample]:
        if self._last is None:
            raise InvalidInput("cannot_hold", "A chunk whose last picture is not a reference cannot be held.")
        is_still = chunk.frames == 1
        for _ in range(hold):
            if is_still and self._position - self._key_at >= IDR_SECONDS * self._spec.fps:
                self._last = _Reference(0, 0)
                yield self._sample(self._renumber(chunk.packets[0].data), self._position, True)
            else:
                self._last = self._counted(self._last)
                if self._last not in self._holds:
                    self._holds[self._last] = bitstream.join_avcc([self.stream.skip_picture(*self._last)])
                yield self._sample(self._holds[self._last], self._position, False)

    def _counted(self, last: _Reference) -> _Reference:
        """The reference after the last one, counted as far as its fields do."""
        sequence = self.stream.sequence
        frame_num = (last.frame_num + 1) % (1 << sequence.frame_num_bits)
        return _Reference(frame_num, (last.poc_lsb + 2) % (1 << sequence.poc_bits))
