"""The one place that runs FFmpeg: limited, watched, and with errors in sentences.

Command lines are built by pure functions elsewhere; here they get the options that make FFmpeg safe
and quiet, and a sandbox around them.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from connectors.sandbox import Died, Limits, stream
from schemas.checks import nothing
from schemas.errors import ExportError, InvalidInput, Unavailable

ALWAYS = ("-nostdin", "-hide_banner", "-loglevel", "error")
LIMITS = Limits()
PROTOCOLS = "file,pipe,fd"
FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,gif,h264,hevc,ivf,loas,matroska,mov,mp3,"
    "mpeg,mpegts,mpegvideo,obu,ogg,rawvideo,tta,voc,w64,wav,webp_pipe,png_pipe,wv,yuv4mpegpipe"
)
"""Demuxers that read one file and nothing else: no playlist, no script that names other files."""

SENTENCES: tuple[tuple[str, str, str], ...] = (
    (
        r"No space left on device|Disk quota exceeded",
        "disk_full",
        "The disk is full: make room, and the export goes on by itself.",
    ),
    (
        r"Cannot allocate memory|Out of memory",
        "too_expensive",
        "The media need more memory than is allowed.",
    ),
    (r"does not contain any stream|matches no streams", "no_audio_stream", "The file has no sound in it."),
    (
        r"(Protocol|Format) .*not on whitelist|Unsafe file name",
        "forbidden_source",
        "The file refers to other files or addresses, or is of a kind that could.",
    ),
    (
        r"Invalid data found|moov atom not found|[Cc]ould not find codec",
        "undecodable",
        "The file is damaged, or no media file.",
    ),
    (r"No such file or directory", "asset_missing", "A file that is needed is not there."),
    (
        r"Unknown encoder|No such filter|Option not found|Unknown decoder|Unrecognized option",
        "ffmpeg_too_old",
        "This FFmpeg lacks a part that is needed.",
    ),
)
"""FFmpeg's words, the code, and the sentence for the owner; the first match counts."""


@cache
def binary() -> str:
    """The FFmpeg that is used: FFMPEG_BINARY, the one that comes as a wheel, or the system's."""
    given = os.environ.get("FFMPEG_BINARY")
    if given:
        return given
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        found = shutil.which("ffmpeg")
        if found is None:
            raise Unavailable(
                "no_ffmpeg", "There is no FFmpeg: install imageio-ffmpeg or set FFMPEG_BINARY."
            ) from None
        return found


def run(
    arguments: Sequence[str],
    limits: Limits = LIMITS,
    *,
    check: Callable[[], None] = nothing,
) -> Iterator[bytes]:
    """FFmpeg's standard output for these arguments, in blocks as they come.

    Raises an ExportError with a code and a sentence when it fails, and what `check` raises.
    """
    try:
        yield from stream([binary(), *ALWAYS, *guarded(arguments)], limits, check=check)
    except Died as error:
        raise explain(error.stderr, error.status) from error


def guarded(arguments: Sequence[str]) -> list[str]:
    """The arguments with a guard in front of each input: options hold for the next input only.

    An input opens local files and pipes, and one whose format is not forced by `-f` is taken for
    nothing that could name other files.
    """
    guarded: list[str] = []
    forced = False
    for argument in arguments:
        if argument == "-i":
            guarded += ["-protocol_whitelist", PROTOCOLS]
            guarded += [] if forced else ["-format_whitelist", FORMATS]
        forced = (forced or argument == "-f") and argument != "-i"
        guarded.append(argument)
    return guarded


def explain(stderr: str, status: int) -> ExportError:
    """The error that FFmpeg's last words mean; `status` as of subprocess."""
    if status in (-signal.SIGKILL, -signal.SIGTERM):
        return Unavailable("process_killed", "FFmpeg was killed from outside, perhaps for want of memory.")
    for pattern, code, sentence in SENTENCES:
        if re.search(pattern, stderr):
            return Unavailable(code, sentence) if code == "disk_full" else InvalidInput(code, sentence)
    last = stderr.splitlines()[-1] if stderr else f"status {status}"
    return InvalidInput("ffmpeg_failed", f"FFmpeg could not do it: {last[:300]}")
