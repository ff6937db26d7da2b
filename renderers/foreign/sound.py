"""What a sound file holds. Runs in the sandbox only (`renderers.foreign.decode`)."""

from __future__ import annotations

from typing import Any

from renderers.foreign.decode import head_of
from schemas.errors import InvalidInput


def sniff(head: bytes) -> str | None:
    """FFmpeg's demuxer for a file by its first bytes: a fixed list, none of which opens other files."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] == b"ftyp" or head[4:8] in (b"moov", b"mdat"):
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    for magic, name in ((b"OggS", "ogg"), (b"fLaC", "flac"), (b"ID3", "mp3"), (b"caff", "caf")):
        if head.startswith(magic):
            return name
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "aac" if head[1] & 0xF6 == 0xF0 else "mp3"
    return None


def probe_audio(path: str) -> dict[str, Any]:
    """Length in seconds, codec, rate and channels of the first sound stream.

    Raises InvalidInput: `unsupported_audio`, `no_audio_stream`, `broken_audio`.
    """
    import av

    head = head_of(path)
    kind = sniff(head)
    if kind is None:
        raise InvalidInput(
            "unsupported_audio",
            "The file is not a sound that is understood: "
            "WAV, MP3, AAC, M4A, Ogg, FLAC, AIFF, or a film with sound.",
        )
    if kind == "mp3" and head.startswith(b"ID3") and _after_id3(path)[:4] == b"fLaC":
        kind = "flac"
    try:
        with av.open(path, format=kind, options={"protocol_whitelist": "file"}) as container:
            if not container.streams.audio:
                raise InvalidInput("no_audio_stream", "The file has no sound in it.")
            stream = container.streams.audio[0]
            frame = next(container.decode(stream), None)
            if frame is None:
                raise InvalidInput("broken_audio", "The file's sound cannot be decoded.")
            length = _seconds(container, stream)
            return {
                "duration": length,
                "codec": stream.codec_context.name,
                "sample_rate": stream.codec_context.sample_rate,
                "channels": stream.codec_context.channels,
            }
    except (av.FFmpegError, EOFError) as error:
        raise InvalidInput("broken_audio", "The sound is damaged and cannot be decoded.") from error


def _seconds(container: Any, stream: Any) -> float | None:
    """By the stream, else by the container; None where neither says."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration else None


def _after_id3(path: str) -> bytes:
    """What follows a tag: FLAC files may have one too."""
    with open(path, "rb") as file:
        head = file.read(10)
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        file.seek(10 + size)
        return file.read(4)
