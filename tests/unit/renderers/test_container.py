"""Joining chunks and sound to a file, proved on what decoders make of it."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renderers.h264 import bitstream
from renderers.h264.mp4 import IDR_SECONDS, Joiner, Part, Probe, join, probe
from renderers.h264.video import EncodedChunk, Frame, VideoSpec, encode_moving, encode_still
from renderers.sound.aac import EncodedAudio
from schemas.errors import Cancelled, InvalidInput
from tests.unit.renderers.media import (
    FPS,
    HEIGHT,
    WIDTH,
    decode_at,
    decode_chunk,
    decode_sound,
    decode_video,
    noise,
    other_decoder,
    picture,
    strict_decode,
)
from tests.unit.renderers.sounds import encode_aac

SPEC = VideoSpec(WIDTH, HEIGHT, FPS)
CAVLC = replace(SPEC, preset="ultrafast")
RATE = 44_100


def film(spec: VideoSpec, width: int = WIDTH, height: int = HEIGHT) -> list[Part]:
    """Stills, single frames, stretches with and without a hold, one after the other."""
    one, two = (encode_still(spec, picture(n, width, height)) for n in (0, 40))
    moving = encode_moving(spec, [picture(n, width, height) for n in range(24)], hold=True)
    passing = encode_moving(spec, [picture(n, width, height) for n in range(24, 45)], hold=False)
    parts = [(one, 44), (moving, 50), (two, 0), (one, 0), (passing, 0), (passing, 0), (moving, 0), (two, 30)]
    return [Part(*part) for part in parts]


def frames_of(parts: list[Part]) -> int:
    """How many frames the parts are shown for."""
    return sum(len(part.lead) + part.chunk.frames + part.hold for part in parts)


def expected_frames(parts: list[Part]) -> Iterator[Frame]:
    """What each part decodes to by itself, its last picture repeated."""
    for part in parts:
        frames = decode_chunk(part.chunk)
        yield from frames
        for _ in range(part.hold):
            yield frames[-1]


def clicks(seconds: float, times: tuple[float, ...]) -> EncodedAudio:
    """Silence with short clicks at `times`."""
    sound = np.zeros((int(seconds * RATE), 2), np.float32)
    for time in times:
        sound[int(time * RATE) : int(time * RATE) + 20] = 0.9
    return encode_aac(sound, RATE, 192_000)


@pytest.fixture(scope="module", params=["medium", "ultrafast", "veryfast", "slow"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Part]]:
    """A file with sound in one preset, and the parts it is made of."""
    spec = replace(SPEC, preset=request.param)
    parts = film(spec)
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    join(path, spec, parts, clicks(frames_of(parts) / FPS, (1.0, 3.5)))
    return path, parts


Made = tuple[Path, list[Part]]


def test_times_are_regular(made: Made) -> None:
    """Frames are counted exactly, their rate is constant, dts rise by one frame, the picture starts at 0."""
    path, parts = made
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        assert stream.time_base is not None
        assert stream.frames == frames_of(parts)
        assert stream.start_time == 0
        packets = [packet for packet in source.demux(stream) if packet.size]
        tick = Fraction(1, FPS) / stream.time_base
        dts = [packet.dts for packet in packets if packet.dts is not None]
        pts = sorted(packet.pts for packet in packets if packet.pts is not None)
    assert dts == [dts[0] + n * tick for n in range(frames_of(parts))]
    assert pts == [n * tick for n in range(frames_of(parts))]


def test_a_strict_decoder_finds_nothing_to_complain_about(made: Made) -> None:
    """Another FFmpeg decodes the file without an error and without a warning."""
    strict_decode(made[0])


def test_parts_decode_as_they_do_alone_and_holds_are_identical(made: Made) -> None:
    """Joining changes no sample of any picture, and every held frame equals the one it holds."""
    path, parts = made
    decoded = decode_video(path)
    assert len(decoded) == frames_of(parts)
    for got, wanted in zip(decoded, expected_frames(parts), strict=True):
        assert np.array_equal(got, wanted)


def test_seeking_shows_what_playing_shows(made: Made) -> None:
    """Frames reached by a seek are bit for bit those of linear decoding."""
    path, parts = made
    decoded = decode_video(path)
    for number in random.Random(5).sample(range(frames_of(parts)), 25):
        assert np.array_equal(decode_at(path, number), decoded[number]), number


def test_picture_and_sound_are_equally_long(made: Made) -> None:
    """Both tracks last the same to within an AAC frame, and so does what is decoded."""
    path, parts = made
    found = probe(path)
    assert abs(found.video_duration - found.audio_samples / RATE) <= 1024 / RATE
    assert found.duration == pytest.approx(frames_of(parts) / FPS, abs=0.001)
    assert abs(len(decode_sound(path)) - frames_of(parts) * RATE / FPS) <= 1024


def test_a_click_is_heard_when_it_was_made(made: Made) -> None:
    """Priming is taken away: clicks are found within two milliseconds of their time."""
    level = np.abs(decode_sound(made[0])).max(axis=1)
    for time in (1.0, 3.5):
        start = int((time - 0.2) * RATE)
        at = start + int(np.argmax(level[start : start + int(0.4 * RATE)] > 0.4))
        assert abs(at / RATE - time) < 0.002


def test_the_file_says_what_it_is(made: Made) -> None:
    """The index comes before the data, colours are tagged BT.709 in limited range, and no time is told."""
    path, parts = made
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert not any(name in data for name in (b"Lavf", b"Lavc", b"x264"))
    box = data[data.index(b"colrnclx") + 8 :][:7]
    assert box == bytes([0, 1, 0, 1, 0, 1, 0])
    with av.open(str(path)) as source:
        context = source.streams.video[0].codec_context
        tags = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
        assert tags == (1, 1, 1, 1)
    found = probe(path)
    assert (found.width, found.height, found.fps, found.frames) == (WIDTH, HEIGHT, FPS, frames_of(parts))
    assert (found.video_codec, found.audio_codec) == ("h264", "aac")
    assert (found.sample_rate, found.channels) == (RATE, 2)
    assert found.size == len(data)


@pytest.mark.parametrize("spec", [SPEC, CAVLC])
def test_neighbouring_key_pictures_have_different_numbers(spec: VideoSpec) -> None:
    """No two IDR pictures in a row have the same idr_pic_id, not even the same still twice."""
    still, moving = encode_still(spec, noise(0)), encode_moving(spec, [noise(n) for n in range(3)], hold=True)
    joiner = Joiner(spec, still.sps, still.pps)
    holds = (still, 0), (still, 0), (moving, 0), (still, 700), (still, 2), (moving, 5), (moving, 0)
    parts = [Part(*part) for part in holds]
    keys = [sample for part in parts for sample in joiner.add(part) if sample.is_key]
    numbers = [joiner.stream.slice_header(bitstream.split_avcc(key.data)[0]).idr_pic_id for key in keys]
    assert len(numbers) == 9
    assert all(a != b for a, b in pairwise(numbers))


def test_a_long_still_repeats_its_key_picture(tmp_path: Path) -> None:
    """A still of a minute has a key picture every ten seconds and stays the same picture."""
    path = tmp_path / "still.mp4"
    join(path, SPEC, [Part(encode_still(SPEC, picture(7)), 60 * FPS - 1)], None)
    with av.open(str(path)) as source:
        packets = [packet for packet in source.demux(video=0) if packet.size]
    keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    assert keys == list(range(0, 60 * FPS, IDR_SECONDS * FPS))
    strict_decode(path)
    decoded = decode_video(path)
    assert len(decoded) == 60 * FPS
    assert all(np.array_equal(frame, decoded[0]) for frame in decoded)


def test_a_long_hold_after_motion_wraps_its_counters(tmp_path: Path) -> None:
    """A moved picture may be held for hundreds of frames: frame_num and picture order count wrap."""
    moving = encode_moving(SPEC, [picture(n) for n in range(10)], hold=True)
    join(tmp_path / "hold.mp4", SPEC, [Part(moving, 500), Part(moving, 1)], None)
    strict_decode(tmp_path / "hold.mp4")
    decoded = decode_video(tmp_path / "hold.mp4")
    assert all(np.array_equal(frame, decoded[9]) for frame in decoded[10:510])


@pytest.mark.parametrize("spec", [SPEC, CAVLC])
def test_a_decoder_of_other_make_sees_the_same(tmp_path: Path, spec: VideoSpec) -> None:
    """OpenH264, which shares no code with FFmpeg's decoder, shows stills and their holds bit for bit alike.

    So it does with motion, but for B-frames, in which it differs from FFmpeg with any stream of x264's.
    """
    holds = {0: 20, 9: 0, 3: 400, 5: 1}
    parts = [Part(encode_still(spec, picture(n)), hold) for n, hold in holds.items()]
    if spec is CAVLC:
        moving = encode_moving(spec, [picture(n) for n in range(20)], hold=True)
        parts += [Part(moving, 100), parts[0]]
    path = tmp_path / "other.mp4"
    join(path, spec, parts, None)
    expected = decode_video(path)
    got = other_decoder(path)
    assert len(got) == len(expected)
    assert all(np.array_equal(a, b) for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (90, 162), (16, 16), (34, 18)])
@pytest.mark.parametrize("preset", ["medium", "ultrafast"])
def test_sizes_that_do_not_fill_macroblocks(tmp_path: Path, width: int, height: int, preset: str) -> None:
    """Cropped sizes, 1080 among them, are held and joined alike."""
    spec = VideoSpec(width, height, 25, preset=preset)
    still = encode_still(spec, picture(1, width, height))
    moving = encode_moving(spec, [picture(n, width, height) for n in range(3)], hold=True)
    parts = [Part(still, 4), Part(moving, 4), Part(still)]
    path = tmp_path / "odd.mp4"
    join(path, spec, parts, None)
    strict_decode(path)
    for got, wanted in zip(decode_video(path), expected_frames(parts), strict=True):
        assert np.array_equal(got, wanted)
    assert (probe(path).width, probe(path).height, probe(path).frames) == (width, height, 13)


@pytest.mark.parametrize("fps", [1, 7, 24, 25, 50, 60, 120])
@pytest.mark.parametrize("rate", [None, 44_100, 48_000])
def test_any_rate_is_timed_exactly(tmp_path: Path, fps: int, rate: int | None) -> None:
    """Picture and sound of any rate are exactly as long as they were made, down to a single frame."""
    spec = VideoSpec(32, 32, fps)
    frames = fps + 1
    sound = None
    if rate is not None:
        sound = encode_aac(np.zeros((frames * rate // fps, 2), np.float32), rate, 96_000)
    path = tmp_path / "rate.mp4"
    join(path, spec, [Part(encode_still(spec, picture(0, 32, 32)), frames - 1)], sound)
    strict_decode(path)
    found = probe(path)
    assert (found.fps, found.frames) == (fps, frames)
    assert found.video_duration == pytest.approx(frames / fps)
    assert found.audio_samples == (0 if rate is None else frames * rate // fps)
    assert len(decode_video(path)) == frames


def test_the_same_input_gives_the_same_file(tmp_path: Path) -> None:
    """Joining twice gives the same bytes."""
    parts, sound = film(SPEC), clicks(6, (1.0,))
    for name in ("a.mp4", "b.mp4"):
        join(tmp_path / name, SPEC, iter(parts), sound)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_cap_holds_over_the_file_and_in_every_two_seconds(tmp_path: Path) -> None:
    """A noisy video of stills, holds and stretches stays below its cap throughout; else it would not."""
    cap = 1_000_000
    spec = replace(SPEC, max_bitrate=cap)
    stills = [encode_still(spec, noise(n)) for n in range(3)]
    hold = spec.shortest_still - 1
    long = encode_moving(spec, [noise(n) for n in range(96)], hold=False)
    short = encode_moving(spec, [noise(n) for n in range(15)], hold=True)
    holds = [(stills[0], hold), (stills[1], hold), (long, 0), (long, 0), (stills[2], 3 * FPS)]
    holds += [(short, 0), (short, 0), (short, 0), (short, FPS), (long, 0), (stills[0], hold), (short, 0)]
    parts = [Part(*part) for part in holds]
    path = tmp_path / "capped.mp4"
    join(path, spec, parts, None)
    with av.open(str(path)) as source:
        sizes = np.array([packet.size * 8 for packet in source.demux(video=0) if packet.size])
    windows = np.convolve(sizes, np.ones(2 * FPS), "valid")
    assert windows.max() <= 2 * cap
    assert sizes.sum() <= cap * len(sizes) / FPS
    assert sizes.sum() > 0.3 * cap * len(sizes) / FPS
    free = encode_moving(SPEC, [noise(n) for n in range(FPS)], hold=False)
    assert sum(len(packet.data) * 8 for packet in free.packets) > 5 * cap


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 40)), min_size=1, max_size=8))
def test_any_order_of_parts_decodes_to_those_parts(tmp_path: Path, choice: list[tuple[int, int]]) -> None:
    """Parts in any order and with any hold decode to exactly their own pictures."""
    kinds = small_chunks()
    parts = [Part(kinds[kind], hold if kind != 4 else 0) for kind, hold in choice]
    path = tmp_path / "any.mp4"
    join(path, SMALL, parts, None)
    for got, wanted in zip(decode_video(path), expected_frames(parts), strict=True):
        assert np.array_equal(got, wanted)


SMALL = VideoSpec(64, 48, FPS)


def small_chunks() -> list[EncodedChunk]:
    """Two stills, a held single frame, a held stretch and a passing one."""
    frames = [picture(n, 64, 48) for n in range(12)]
    return [
        encode_still(SMALL, frames[0]),
        encode_still(SMALL, frames[9]),
        encode_moving(SMALL, frames[:1], hold=True),
        encode_moving(SMALL, frames, hold=True),
        encode_moving(SMALL, frames, hold=False),
    ]


def test_chunks_that_do_not_fit_are_refused_and_no_file_is_left(tmp_path: Path) -> None:
    """Different parameter sets, a hold of a picture that is no reference, and nothing at all are errors."""
    path = tmp_path / "bad.mp4"
    still, other = encode_still(SPEC, picture(0)), encode_still(CAVLC, picture(0))
    passing = encode_moving(SPEC, [picture(n) for n in range(21)], hold=False)
    backwards = EncodedChunk(passing.sps, passing.pps, passing.packets[:-1], 20)
    cases: list[tuple[list[Part], str]] = [
        ([Part(still, 3), Part(other)], "chunks_differ"),
        ([Part(encode_still(SMALL, picture(0, 64, 48)), 3)], "chunks_differ"),
        ([Part(backwards, 4)], "cannot_hold"),
        ([Part(EncodedChunk(still.sps, still.pps, (), 0))], "broken_chunk"),
        ([Part(still, 3, lead=(64,))], "cannot_blend"),
        ([Part(passing), Part(still, 3, lead=(64,))], "cannot_blend"),
        ([Part(still), Part(passing, 0, lead=(64,))], "cannot_blend"),
        ([], "empty_video"),
    ]
    for parts, code in cases:
        with pytest.raises(InvalidInput) as refusal:
            join(path, SPEC, parts, None)
        assert refusal.value.code == code
        assert not path.exists()


def test_sound_of_another_encoder_is_refused(tmp_path: Path) -> None:
    """Packets that the track's header would not describe are an error."""
    sound = clicks(1, ())._replace(extradata=b"\x13\x10")
    with pytest.raises(InvalidInput) as refusal:
        join(tmp_path / "bad.mp4", SPEC, [Part(encode_still(SPEC, picture(0)), 29)], sound)
    assert refusal.value.code == "broken_sound"


def test_a_cancelled_join_leaves_no_file(tmp_path: Path) -> None:
    """What the check raises ends the work, and the unfinished file is gone."""
    calls = iter(range(3))

    def check() -> None:
        if next(calls) == 2:
            raise Cancelled("cancelled", "The job was cancelled.")

    with pytest.raises(Cancelled):
        join(tmp_path / "gone.mp4", SPEC, film(SPEC), None, check=check)
    assert not (tmp_path / "gone.mp4").exists()


def test_probing_decodes_no_picture(made: Made) -> None:
    """FFmpeg would, to learn of the stream: for a photograph that took 26 ms of each export."""

    def told(read: Callable[[], object]) -> str:
        before = av.logging.get_level()
        av.logging.set_level(av.logging.DEBUG)
        try:
            with av.logging.Capture(local=False) as lines:
                read()
        finally:
            av.logging.set_level(before)
        return "".join(line for _, name, line in lines if name == "h264")

    path, _ = made
    assert "Reinit context" in told(lambda: av.open(str(path)).close())
    assert "Reinit context" not in told(lambda: probe(path))


def test_a_film_without_tracks_has_nothing_to_say(tmp_path: Path) -> None:
    """It is a file all the same: who expects pictures in it sees that there are none."""

    def box(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", 8 + len(content)) + name + content

    head = struct.pack(">IIIII", 0, 0, 0, 1000, 0) + bytes(76) + struct.pack(">I", 1)
    path = tmp_path / "empty.mp4"
    path.write_bytes(box(b"ftyp", b"isom\0\0\2\0isom") + box(b"moov", box(b"mvhd", head)))
    assert probe(path) == Probe(path.stat().st_size, "mov,mp4,m4a,3gp,3g2,mj2", 0.0)


def test_a_stream_whose_tracks_show_late_is_probed(tmp_path: Path) -> None:
    """An MPEG program stream has no head."""
    path = tmp_path / "film.mpg"
    with av.open(str(path), "w", format="mpeg") as output:
        stream = output.add_stream("mpeg1video", rate=25, width=64, height=48, pix_fmt="yuv420p")
        for _ in range(10):
            output.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        output.mux(stream.encode(None))
    found = probe(path)
    assert (found.width, found.height, found.video_codec) == (64, 48, "mpeg1video")


def test_sound_files_are_probed_too(tmp_path: Path) -> None:
    """An MP3 and an M4A say their codec, rate and length; a text file is refused."""
    for name, codec in (("a.mp3", "libmp3lame"), ("a.m4a", "aac")):
        silence = np.zeros((2, RATE), np.float32)
        with av.open(str(tmp_path / name), "w") as output:
            stream = output.add_stream(codec, rate=RATE)
            assert isinstance(stream, AudioStream)
            frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="stereo")
            frame.sample_rate = RATE
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        found = probe(tmp_path / name)
        assert (found.video_codec, found.sample_rate, found.channels) == (None, RATE, 2)
        assert found.audio_codec in ("mp3", "mp3float", "aac")
        assert found.duration == pytest.approx(1, abs=0.06)
    (tmp_path / "a.txt").write_text("nothing to hear")
    for name in ("a.txt", "missing.mp4"):
        with pytest.raises(InvalidInput):
            probe(tmp_path / name)
