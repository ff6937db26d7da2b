"""MP4 of long films, joined in segments by several workers; the same file as one worker would write."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from renderers.containers.cut import Cut
from renderers.h264.codec import parts_of
from renderers.sound.mixing import RATE
from schemas.parts import PicturePart, SoundPart

if TYPE_CHECKING:
    from renderers.h264.joining import Planned
    from renderers.h264.segments import Segment
    from renderers.h264.video import VideoSpec
    from renderers.sound.m4a import SoundFormat

SEGMENT_SECONDS = 60
"""Length at which a segment is closed: about 10 MB of film in 1080p, a fifth of a second of work."""
_DEEPEST_REORDER = 16
"""Frames by which decoding may run ahead at most (H.264, A.3.1): known of a film once it is encoded."""


class Mp4Segments:
    """How a film is cut into segments, how one is written, and what the file begins with."""

    def cut(
        self, spec: VideoSpec, pictures: Sequence[PicturePart], sounds: Sequence[SoundPart]
    ) -> Sequence[Cut]:
        """The segments; none of a film that is too short for two."""
        if pictures[-1].end < 2 * SEGMENT_SECONDS * spec.fps:
            return ()
        from renderers.h264.segments import segments

        sound = _sound(sounds)
        found = []
        for segment in segments(_planned(pictures), spec.fps, SEGMENT_SECONDS):
            heard = range(0) if sound is None else _heard(segment, spec.fps, sound, sounds)
            packets = None if sound is None else _packets(segment, spec.fps, sound)
            own = pictures[segment.first : segment.end]
            identity = [
                [
                    segment.frames,
                    list(segment.standing),
                    segment.is_last,
                    packets and [packets.start, packets.stop],
                ],
                [(part.key, part.hold, part.lead, part.way, part.run) for part in own],
                [(part.key, part.first) for part in sounds[heard.start : heard.stop]],
            ]
            found.append(Cut((segment.first, segment.end), (heard.start, heard.stop), identity))
        return found if len(found) > 1 else ()

    def write(
        self,
        path: Path,
        spec: VideoSpec,
        pictures: Sequence[PicturePart],
        sounds: Sequence[SoundPart],
        cut: Cut,
        chunks: Iterable[tuple[PicturePart, bytes]],
        heard: Sequence[bytes],
        *,
        check: Callable[[], None],
    ) -> bytes:
        """Write a segment at `path`; its record. pictures, sounds: of the film; chunks, heard: its own."""
        from renderers.h264.segments import segment_at, write_segment
        from renderers.sound.aac import FRAME, EncodedAudio, joined

        segment = segment_at(_planned(pictures), *cut.pictures, spec.fps)
        sound, first = _sound(sounds), 0
        packets: tuple[bytes, ...] = ()
        if sound is not None:
            audio = joined(map(EncodedAudio.from_bytes, heard))
            sound = sound._replace(extradata=audio.extradata)
            packets, first = audio.packets, sounds[cut.sounds[0]].first // FRAME
        record = write_segment(
            path,
            spec,
            segment,
            parts_of(chunks),
            sound,
            lambda numbers: packets[numbers.start - first : numbers.stop - first],
            check=check,
        )
        return record.to_bytes()

    def head(self, spec: VideoSpec, sounds: Sequence[SoundPart], records: Sequence[bytes]) -> bytes:
        """All of the file before its segments. Raises InvalidInput where they do not fit one another."""
        from renderers.h264.segments import Record, segments_head

        return segments_head(spec, [Record.from_bytes(record) for record in records], _sound(sounds))


def _planned(pictures: Sequence[PicturePart]) -> list[Planned]:
    from renderers.h264.joining import Planned

    return [Planned(part.frames, part.hold, len(part.lead)) for part in pictures]


def _sound(sounds: Sequence[SoundPart]) -> SoundFormat | None:
    """All of a film's sound, as far as it is known before it is encoded: without its extradata."""
    from renderers.sound.aac import FRAME, PRIMING
    from renderers.sound.m4a import SoundFormat

    if not sounds:
        return None
    samples = sounds[-1].first + sounds[-1].samples
    return SoundFormat(b"", RATE, PRIMING, samples, -(-samples // FRAME) + 1)


def _packets(segment: Segment, fps: int, sound: SoundFormat) -> range:
    """The packets that a segment may need, however far its decoding runs ahead."""
    from renderers.h264.segments import sound_range

    early, late = (sound_range(segment, fps, reorder, sound) for reorder in (_DEEPEST_REORDER, 0))
    return range(early.start, late.stop)


def _heard(segment: Segment, fps: int, sound: SoundFormat, sounds: Sequence[SoundPart]) -> range:
    """The parts of the sound that have these packets."""
    from renderers.sound.aac import FRAME

    packets = _packets(segment, fps, sound)
    begins = [part.first // FRAME for part in sounds]
    first = max(0, bisect_right(begins, packets.start) - 1)
    return range(first, max(first + 1, bisect_left(begins, packets.stop)))
