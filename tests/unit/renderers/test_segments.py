"""Long films in segments: the same file as a join in one piece writes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renderers.h264.joining import Part, Planned, Standing
from renderers.h264.mp4 import join
from renderers.h264.segments import (
    Record,
    Segment,
    segments,
    segments_head,
    sound_range,
    write_segment,
)
from renderers.h264.video import VideoSpec
from renderers.sound.aac import FRAME, EncodedAudio
from renderers.sound.m4a import SoundFormat
from schemas.errors import Cancelled, InvalidInput
from tests.unit.renderers.sounds import in_film
from tests.unit.renderers.test_mp4_writer import chunk, films, sound_of, sounds

SPEC = VideoSpec(64, 48, 30)


def planned(parts: Sequence[Part]) -> list[Planned]:
    """What is known of parts before they are encoded."""
    return [Planned(part.chunk.frames, part.hold, len(part.lead)) for part in parts]


def write(
    folder: Path, spec: VideoSpec, segment: Segment, parts: Sequence[Part], audio: EncodedAudio | None
) -> tuple[bytes, Record]:
    """A segment, written by a worker that has nothing but its own parts and its own sound."""
    sound = None if audio is None else SoundFormat.of(audio)

    def packets(numbers: range) -> Sequence[bytes]:
        assert audio is not None
        return audio.packets[numbers.start : numbers.stop]

    path = folder / "segment"
    record = write_segment(path, spec, segment, parts[segment.first : segment.end], sound, packets)
    return path.read_bytes(), Record.from_bytes(record.to_bytes())


def in_segments(
    folder: Path, spec: VideoSpec, parts: Sequence[Part], audio: EncodedAudio | None, seconds: int
) -> bytes:
    """The film's file, its segments written in any order."""
    cut = segments(planned(parts), spec.fps, seconds)
    shuffled = random.Random(len(parts)).sample(range(len(cut)), len(cut))
    written = {number: write(folder, spec, cut[number], parts, audio) for number in shuffled}
    ordered = [written[number] for number in range(len(cut))]
    sound = None if audio is None else SoundFormat.of(audio)
    head = segments_head(spec, [record for _, record in ordered], sound)
    return head + b"".join(data for data, _ in ordered)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(films(), sounds(), st.integers(0, 15))
def test_segments_are_the_file_that_a_join_writes(
    tmp_path: Path, film: tuple[VideoSpec, list[Part]], audio: EncodedAudio | None, seconds: int
) -> None:
    """Any film, cut anywhere and written in any order, comes out the same to the byte."""
    spec, parts = film
    join(tmp_path / "film.mp4", spec, parts, in_film(audio))
    is_same = in_segments(tmp_path, spec, parts, audio, seconds) == (tmp_path / "film.mp4").read_bytes()
    assert is_same


def test_a_film_is_cut_where_nothing_fades() -> None:
    """Segments have all parts once, are long enough but for the last, and none begins with a fade."""
    chance = random.Random(3)
    parts = [
        Planned(1, chance.randrange(400), chance.choice([0, 0, 15])) if chance.random() < 0.5 else Planned(90)
        for _ in range(500)
    ]
    cut = segments(parts, 30, 20)
    assert [segment.first for segment in cut] == [0, *(segment.end for segment in cut[:-1])]
    assert cut[-1].end == len(parts)
    assert sum(segment.frames for segment in cut) == sum(map(sum, parts))
    assert all(segment.frames >= 600 for segment in cut[:-1])
    assert not any(parts[segment.first].lead for segment in cut[1:])
    assert [segment.is_last for segment in cut] == [False] * (len(cut) - 1) + [True]
    assert len(cut) > 20


def test_a_short_film_is_one_segment() -> None:
    """It is joined in one piece."""
    (only,) = segments([Planned(90)] * 20, 30, 60)
    assert only == Segment(0, 20, 1800, Standing(), True)


def test_segments_need_the_sound_between_their_pictures() -> None:
    """All packets are some segment's, each one's once, a minute's for a minute."""
    sound = SoundFormat(b"", 44_100, FRAME, 44_100 * 600, 44_100 * 600 // FRAME + 2)
    cut = segments([Planned(90)] * 200, 30, 60)
    ranges = [sound_range(segment, 30, 2, sound) for segment in cut]
    assert [number for numbers in ranges for number in numbers] == list(range(sound.packets))
    assert max(map(len, ranges)) < 61 * 44_100 / FRAME


def test_segments_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """One that is missing, one of another film, and sound that is not all there are errors."""
    parts = [Part(chunk(SPEC, kind), 2) for kind in ("still", "other", "held", "one")]
    audio = sound_of(44_100, 40, 0, [50])
    cut = segments(planned(parts), SPEC.fps, 0)
    records = [write(tmp_path, SPEC, segment, parts, audio)[1] for segment in cut]
    sound = SoundFormat.of(audio)
    segments_head(SPEC, records, sound)
    other = VideoSpec(64, 48, 30, preset="ultrafast")
    foreign = write(tmp_path, other, cut[3], [Part(chunk(other, "one"), 2)] * 4, audio)[1]
    for wrong, code in (
        (records[1:], "broken_segment"),
        (records[:2] + records[3:], "broken_segment"),
        (records[:-1], "broken_segment"),
        ([*records[:-1], foreign], "chunks_differ"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            segments_head(SPEC, wrong, sound)
        assert refusal.value.code == code


def test_a_record_that_is_damaged_is_refused(tmp_path: Path) -> None:
    """A flipped bit, a cut and something else are told from a record."""
    parts = [Part(chunk(SPEC, "held"), 2)]
    (cut,) = segments(planned(parts), SPEC.fps, 60)
    data = write(tmp_path, SPEC, cut, parts, None)[1].to_bytes()
    flipped = bytes([*data[:-1], data[-1] ^ 1])
    for wrong in (flipped, data[:-4], data[:10], b"", b"XSvc" + data[4:]):
        with pytest.raises(InvalidInput) as refusal:
            Record.from_bytes(wrong)
        assert refusal.value.code == "broken_segment"


def test_a_cancelled_segment_leaves_no_file(tmp_path: Path) -> None:
    """What the check raises ends the work, and the unfinished file is gone."""
    parts = [Part(chunk(SPEC, "held"), 2)] * 3
    (cut,) = segments(planned(parts), SPEC.fps, 60)
    calls = iter(range(3))

    def check() -> None:
        if next(calls) == 2:
            raise Cancelled("cancelled", "The job was cancelled.")

    with pytest.raises(Cancelled):
        write_segment(tmp_path / "gone", SPEC, cut, parts, None, lambda _: (), check=check)
    assert list(tmp_path.iterdir()) == []
