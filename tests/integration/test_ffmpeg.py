"""FFmpeg in its one place: guarded inputs, errors in sentences, stopped when it must be."""

from __future__ import annotations

import struct
import time
import wave
from pathlib import Path

import pytest

from connectors.ffmpeg import FORMATS, PROTOCOLS, explain, guarded, run
from connectors.sandbox import MIB, Limits
from schemas.errors import Cancelled, ExportError, InvalidInput, Unavailable

GUARD = ["-protocol_whitelist", PROTOCOLS]
FULL = [*GUARD, "-format_whitelist", FORMATS]


def sound(path: Path, seconds: float = 1.0) -> Path:
    """A WAV file with a saw tooth."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join(struct.pack("<h", n % 100 * 99) for n in range(int(8000 * seconds))))
    return path


def to_pcm(*paths: Path) -> list[str]:
    """Arguments that mix files to raw samples."""
    inputs = [argument for path in paths for argument in ("-i", str(path))]
    return [*inputs, "-filter_complex", f"amix=inputs={len(paths)}", "-f", "s16le", "-"]


def test_each_input_is_guarded() -> None:
    """Options hold for the next input only, so every one has its own; a forced format needs no list."""
    given = ["-i", "a", "-ss", "1", "-i", "b", "-f", "lavfi", "-i", "sine", "-i", "c", "-f", "null", "-"]
    assert guarded(given) == [
        *FULL, "-i", "a", "-ss", "1", *FULL, "-i", "b", "-f", "lavfi", *GUARD, "-i", "sine", *FULL, "-i", "c",
        "-f", "null", "-",
    ]  # fmt: skip


def test_samples_come_out(tmp_path: Path) -> None:
    """Standard output is what FFmpeg writes to it."""
    path = sound(tmp_path / "in")
    assert len(b"".join(run(to_pcm(path, path)))) == 16_000


def test_foreign_words_become_sentences(tmp_path: Path) -> None:
    """What is no media file is said to be none, with a code."""
    text = tmp_path / "in.wav"
    text.write_text("this is a letter")
    with pytest.raises(InvalidInput) as caught:
        list(run(to_pcm(text)))
    assert caught.value.code == "undecodable"
    with pytest.raises(InvalidInput) as caught:
        list(run(to_pcm(tmp_path / "nowhere")))
    assert caught.value.code == "asset_missing"


@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile {secret}\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    ],
)
@pytest.mark.parametrize("name", ["in.wav", "in.m3u8", "in.sdp", "in"])
def test_files_that_name_other_files_are_refused(tmp_path: Path, playlist: str, name: str) -> None:
    """A playlist or script reads nothing, neither as the first input nor as the second."""
    secret = sound(tmp_path / "secret.wav")
    path = tmp_path / name
    path.write_text(playlist.format(secret=secret))
    for arguments in (to_pcm(path), to_pcm(secret, path)):
        with pytest.raises(InvalidInput) as caught:
            list(run(arguments))
        assert caught.value.code in ("forbidden_source", "undecodable")


def test_a_picture_has_no_sound(tmp_path: Path) -> None:
    """Asked for the sound of a file without any, FFmpeg says so, and so do we."""
    path = tmp_path / "in.mkv"
    list(run(["-f", "lavfi", "-i", "testsrc=d=0.5:s=64x64", "-c:v", "mpeg4", str(path)]))
    with pytest.raises(InvalidInput) as caught:
        list(run(["-i", str(path), "-map", "0:a", "-f", "s16le", "-"]))
    assert caught.value.code == "no_audio_stream"


def test_cancelling_stops_it_at_once() -> None:
    """An endless mix ends within half a second."""
    begin = time.monotonic()
    asked = 0.0

    def check() -> None:
        nonlocal asked
        if time.monotonic() - begin > 0.3:
            asked = asked or time.monotonic()
            raise Cancelled("cancelled", "called off")

    with pytest.raises(Cancelled):
        for _ in run(["-f", "lavfi", "-i", "anoisesrc", "-f", "null", "-"], check=check):
            pass
    assert time.monotonic() - asked < 0.5


def test_endless_output_ends_at_the_limit() -> None:
    """Output and time are limited."""
    endless = ["-f", "lavfi", "-i", "anoisesrc", "-f", "s16le", "-"]
    for limits, code in ((Limits(output_bytes=MIB), "output_too_large"), (Limits(wall_s=0.5), "too_slow")):
        with pytest.raises(InvalidInput) as caught:
            list(run(endless, limits))
        assert caught.value.code == code


def test_a_pipe_that_nobody_fills_is_a_stall(tmp_path: Path) -> None:
    """An input that never comes is given up."""
    import os

    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ExportError) as caught:
        list(run(["-f", "s16le", "-i", str(tmp_path / "fifo"), "-f", "null", "-"], Limits(stall_s=0.5)))
    assert caught.value.code == "stalled"


@pytest.mark.parametrize(
    ("stderr", "status", "code", "kind"),
    [
        ("av_interleaved_write_frame(): No space left on device", 1, "disk_full", Unavailable),
        ("Stream map '0:a' matches no streams.", 1, "no_audio_stream", InvalidInput),
        ("[AVFilterGraph] No such filter: 'nix'", 1, "ffmpeg_too_old", InvalidInput),
        ("Cannot allocate memory", 1, "too_expensive", InvalidInput),
        ("", -9, "process_killed", Unavailable),
        ("", -11, "ffmpeg_failed", InvalidInput),
        ("something new", 1, "ffmpeg_failed", InvalidInput),
    ],
)
def test_words_are_understood(stderr: str, status: int, code: str, kind: type[ExportError]) -> None:
    """Each kind of trouble has a code, and says whether a retry can help."""
    error = explain(stderr, status)
    assert (error.code, type(error)) == (code, kind)
    assert error.message.endswith((".", "new", "-11"))
