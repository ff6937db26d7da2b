"""Joining a long film to a file, in one piece and in segments: `python -m bench.joining [--minutes 6]`.

Chunks of three seconds at 30 frames a second, of as many bytes as 1080p has (about 170 kB a second), and a
sound of 192 kbit/s. Their pictures are small and their packets are padded: a join does not look into them.
Compared is FFmpeg's muxer, by PyAV, as it was used before (tests/unit/renderers/ffmpeg_muxer.py), in turns.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from renderers.h264.bitstream import join_avcc, split_avcc
from renderers.h264.joining import Part, Planned
from renderers.h264.mp4 import join
from renderers.h264.segments import segments, segments_head, write_segment
from renderers.h264.video import EncodedChunk, Packet, VideoSpec, encode_moving
from renderers.sound.aac import FRAME, EncodedAudio
from renderers.sound.m4a import SoundFormat
from tests.unit.renderers import ffmpeg_muxer
from tests.unit.renderers.media import picture

FPS, CHUNK = 30, 90
BYTES_A_SECOND = 172_000
SPEC = VideoSpec(64, 48, FPS)


def chunk() -> bytes:
    """One chunk as it lies in the store."""
    frames = [picture(number, SPEC.width, SPEC.height) for number in range(CHUNK)]
    made = encode_moving(SPEC, frames, hold=False)
    missing = BYTES_A_SECOND * CHUNK // FPS - sum(len(packet.data) for packet in made.packets)
    # As unequal as real ones: the key picture takes a third.
    padding = [missing // 3] + [missing * 2 // 3 // (CHUNK - 1)] * (CHUNK - 1)
    packets = [
        Packet(join_avcc([split_avcc(packet.data)[0] + b"\x55" * more]), packet.pts, packet.is_key)
        for packet, more in zip(made.packets, padding, strict=True)
    ]
    return EncodedChunk(made.sps, made.pps, tuple(packets), CHUNK).to_bytes()


def sound(seconds: float) -> EncodedAudio:
    """Packets of 192 kbit/s."""
    rate = 44_100
    count = round(seconds * rate / FRAME)
    packets = tuple(bytes([number % 251]) * 557 for number in range(count))
    return EncodedAudio(packets, b"\x12\x10\x56\xe5\x00", rate, FRAME, (count - 1) * FRAME)


def main() -> None:
    """Measure and print seconds a minute of film."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    stored = chunk()
    count = round(options.minutes * 60 * FPS / CHUNK)
    audio = sound(options.minutes * 60)

    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "film.mp4"

        def ours() -> None:
            join(path, SPEC, (Part(EncodedChunk.from_bytes(stored)) for _ in range(count)), audio)

        def ffmpegs() -> None:
            parts = (Part(EncodedChunk.from_bytes(stored)) for _ in range(count))
            ffmpeg_muxer.join(path, SPEC, parts, audio)

        def in_segments() -> None:
            heard = SoundFormat.of(audio)
            cuts = segments([Planned(CHUNK)] * count, FPS)
            paths = [path.with_suffix(f".{cut.first}") for cut in cuts]
            records = []
            for cut, own in zip(cuts, paths, strict=True):
                parts = (Part(EncodedChunk.from_bytes(stored)) for _ in range(cut.first, cut.end))
                packets = lambda numbers: audio.packets[numbers.start : numbers.stop]  # noqa: E731
                records.append(write_segment(own, SPEC, cut, parts, heard, packets))
            with path.open("wb") as file:
                file.write(segments_head(SPEC, records, heard))
                for own in paths:
                    with own.open("rb") as segment:
                        shutil.copyfileobj(segment, file)
                    own.unlink()

        ways: dict[str, Callable[[], None]] = {
            "FFmpeg's muxer": ffmpegs,
            "in one piece": ours,
            "in segments, one after the other": in_segments,
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.runs):
            for name, way in ways.items():
                start = time.perf_counter()
                way()
                times[name].append((time.perf_counter() - start) / options.minutes)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {options.minutes:g} min; seconds a minute of film:")
        for name, found in times.items():
            print(f"{name}: median {statistics.median(found):.3f} ({', '.join(f'{s:.3f}' for s in found)})")


if __name__ == "__main__":
    main()
