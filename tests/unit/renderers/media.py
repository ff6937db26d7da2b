"""Pictures, sound and decoders for the tests of encoding and joining."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from renderers.h264.headers import Stream
from renderers.h264.mp4 import configuration
from renderers.h264.video import EncodedChunk, Frame

WIDTH, HEIGHT, FPS = 320, 180, 30


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> Frame:
    """A detailed picture with a bright box whose place depends on `number`, within limited range."""
    y, x = np.mgrid[:height, :width]
    frame = np.full((height * 3 // 2, width), 128, np.uint8)
    frame[:height] = (x * 2 + y + number * 3) % 180 + 20
    left = width // 8 + number * 4 % (width // 2)
    frame[height // 4 : height // 2, left : left + 40] = 230
    frame[height : height * 5 // 4, : width // 2] = 100 + number % 50
    return frame


def noise(number: int, width: int = WIDTH, height: int = HEIGHT) -> Frame:
    """A picture that no encoder likes."""
    return np.random.default_rng(number).integers(16, 235, (height * 3 // 2, width), np.uint8)


def flat(y: int, u: int, v: int, width: int = WIDTH, height: int = HEIGHT) -> Frame:
    """A picture of one colour."""
    frame = np.full((height * 3 // 2, width), y, np.uint8)
    frame[height : height * 5 // 4] = u
    frame[height * 5 // 4 :] = v
    return frame


def decode_chunk(chunk: EncodedChunk) -> list[Frame]:
    """The pictures of one chunk in the order they are shown."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = configuration(Stream(chunk.sps, chunk.pps))
    decoder.thread_count = 1
    frames = []
    for encoded in chunk.packets:
        packet = av.Packet(encoded.data)
        packet.pts = encoded.pts
        frames += decoder.decode(packet)
    return [_planes(frame) for frame in frames + decoder.decode(None)]


def decode_video(path: Path) -> list[Frame]:
    """All pictures of a file."""
    with av.open(str(path)) as source:
        source.streams.video[0].codec_context.options = {"err_detect": "explode"}
        return [_planes(frame) for frame in source.decode(video=0)]


def decode_at(path: Path, frame_number: int, fps: int = FPS) -> Frame:
    """The picture of one moment, reached by seeking as a player does."""
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        assert stream.time_base is not None
        source.seek(int(Fraction(frame_number, fps) / stream.time_base), stream=stream)
        for frame in source.decode(stream):
            assert frame.pts is not None
            if frame.pts * stream.time_base >= Fraction(frame_number, fps):
                assert frame.pts * stream.time_base == Fraction(frame_number, fps)
                return _planes(frame)
    raise AssertionError(f"frame {frame_number} was not found")


def _planes(frame: av.VideoFrame) -> Frame:
    return np.asarray(frame.to_ndarray(), np.uint8)


def decode_sound(path: Path) -> NDArray[np.float32]:
    """All samples of a file's sound as a player hears them, shape (n, 2); priming is left out."""
    raw = _ffmpeg("-i", str(path), "-map", "0:a", "-f", "f32le", "-")
    return np.frombuffer(raw, np.float32).reshape(-1, 2)


def strict_decode(path: Path, *input_options: str) -> None:
    """Decode a whole file with another FFmpeg and fail on the least warning."""
    _ffmpeg("-xerror", "-err_detect", "explode", *input_options, "-i", str(path), "-f", "null", "-")


def _ffmpeg(*arguments: str) -> bytes:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "warning", *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return done.stdout


def third_decoder(path: Path, program: str) -> list[Frame]:
    """All pictures of a file by Android's decoder: `program` is the example `avcdec` of libavc."""
    with av.open(str(path)) as source:
        context = source.streams.video[0].codec_context
        width, height = context.width, context.height
    stream, raw = path.with_suffix(".h264"), path.with_suffix(".yuv")
    annex_b = ("-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264")
    stream.write_bytes(_ffmpeg("-i", str(path), "-map", "0:v", *annex_b, "-"))
    options = {
        "input": stream, "output": raw, "save_output": 1, "num_frames": -1, "num_cores": 1,
        "chroma_format": "YUV_420P", "share_display_buf": 0,
    }  # fmt: skip
    raw.unlink(missing_ok=True)
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    subprocess.run([program, *arguments], check=True, capture_output=True)
    return list(np.frombuffer(raw.read_bytes(), np.uint8).reshape(-1, height * 3 // 2, width))


def other_decoder(path: Path) -> list[Frame]:
    """All pictures of a file by OpenH264, which shares no code with FFmpeg's own decoder."""
    with av.open(str(path)) as source:
        context = source.streams.video[0].codec_context
        width, height = context.width, context.height
    picture_format = ("-f", "rawvideo", "-pix_fmt", "yuv420p")
    raw = _ffmpeg("-c:v", "libopenh264", "-i", str(path), "-map", "0:v", *picture_format, "-")
    return list(np.frombuffer(raw, np.uint8).reshape(-1, height * 3 // 2, width))
