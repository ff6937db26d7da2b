"""Sounds to their normal form (`renderers.sound.packets`). Runs in the sandbox only.

Where packets say how long they are, they are copied, each at the place in time that the container gives it:
gaps and late beginnings are silence of that length. All else is decoded once, and kept as FLAC.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av

from renderers.foreign.decode import head_of
from renderers.foreign.decodedonce import write_decoded
from renderers.foreign.placing import Clock, origin_of
from renderers.foreign.samples import decoded
from renderers.foreign.soundcodecs import GROUPS, PCM_BYTES, Look, Untrusted, counter_of, flac_frame
from renderers.sound.packets import Index, Packet, Stream, Writer
from schemas.errors import InvalidInput

_LOOKED_AT = 12
_TRIES = 400
"""Packets to find the first sound in, and of the end to see where the sound ends."""
_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,dtshd,eac3,flac,flv,ircam,loas,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,"
    "nut,ogg,oma,qcp,rm,rso,sox,spdif,tak,truehd,tta,voc,w64,wav,wv,wsaud,dsf,iff,bit,mlp,swf,gxf,mxf,aptx,sbc,"
    "adx,alp,apm,argo_asf,argo_cvg,ast,kvag,mmf,nistsphere,smjpeg,wtv"
)
"""Demuxers that open no other file."""
_PROBED = 8
"""Packets of a WAV, of some 16 kB, in which FFmpeg looks for DTS that is written as plain samples. By itself
it looks at all that its buffer holds, which takes longer than to read the file.
"""
_ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"pnot", b"sidx", b"uuid")


def sniff(head: bytes) -> str | None:
    """FFmpeg's demuxer for a file by its first bytes: a fixed list, none of which opens other files."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] in _ATOMS:
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    for magic, name in ((b"OggS", "ogg"), (b"fLaC", "flac"), (b"caff", "caf")):
        if head.startswith(magic):
            return name
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "aac" if head[1] & 0xF6 == 0xF0 else "mp3"
    return None


def normal_sound(path: str, out: str, longest_s: float = math.inf) -> dict[str, Any]:
    """Write the normal form of the first sound of the file at `path` to `out`, and describe it.

    longest_s: seconds that it may last. Raises InvalidInput: `unsupported_audio`, `no_audio_stream`,
    `broken_audio`, `limit_exceeded` as soon as it is too long.
    """
    plain = _without_tags(path, out)
    names: list[str | None] = [sniff(head_of(plain)), None]
    for name in names[names[0] is None :]:
        try:
            with _opened(plain, name) as container:
                look = _look(container)
            index, warnings = _written(plain, out, name, look, longest_s)
        except (av.FFmpegError, EOFError, ValueError):
            continue
        finally:
            Path(f"{out}.plain").unlink(missing_ok=True) if name is None else None
        Path(f"{out}.plain").unlink(missing_ok=True)
        stream = index.stream
        return {
            "duration": stream.length / stream.rate,
            "samples": stream.samples,
            "codec": look.codec.removesuffix("float"),
            "sample_rate": look.rate,
            "channels": look.channels,
            "warnings": warnings,
        }
    if names[0] is None:
        raise InvalidInput(
            "unsupported_audio",
            "The file is not a sound that is understood: "
            "WAV, MP3, AAC, M4A, Ogg, FLAC, AIFF, or a film with sound.",
        )
    raise InvalidInput("broken_audio", "The sound is damaged and cannot be decoded.")


def _without_tags(path: str, out: str) -> str:
    """The file, or a copy of what follows its ID3v2 tags (ID3v2.4, 3.1) where that is no MP3."""
    at = 0
    with open(path, "rb") as file:
        while (head := file.read(10)).startswith(b"ID3") and len(head) == 10:
            size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
            at += 10 + size + (10 if head[5] & 0x10 else 0)
            file.seek(at)
        file.seek(at)
        if not at or sniff(file.read(4096)) in (None, "mp3"):
            return path
        file.seek(at)
        plain = f"{out}.plain"
        with open(plain, "wb") as copy:
            while block := file.read(1 << 20):
                copy.write(block)
    return plain


@contextmanager
def _opened(path: str, name: str | None, probed: int = _PROBED) -> Iterator[Any]:
    options = {"protocol_whitelist": "file", "format_whitelist": f"{_FORMATS},{name or 'wav'}"}
    if name == "wav":
        options["max_probe_packets"] = str(probed)
    # With the name of a file FFmpeg's formats judge by its extension, too: there is none.
    container = av.open(f"file:{path}", format=name, options=options)
    with container:
        if not container.streams.audio:
            raise InvalidInput("no_audio_stream", "The file has no sound in it.")
        if container.streams.audio[0].codec_context is None:
            raise InvalidInput("unsupported_audio", "The file's sound is of a kind that cannot be decoded.")
        yield container


def _look(container: Any) -> Look:
    """Decode the first packets. Raises InvalidInput (`broken_audio`) when there is no sound in many."""
    stream = container.streams.audio[0]
    stream.codec_context.thread_count = 1
    frames: list[av.AudioFrame] = []
    for tries, packet in enumerate(container.demux(stream)):
        with suppress(av.FFmpegError, EOFError):
            frames += stream.codec_context.decode(packet if packet.size else None)
        if len(frames) >= _LOOKED_AT or tries > _TRIES:
            break
    if not frames:
        raise InvalidInput("broken_audio", "The file's sound cannot be decoded.")
    last = frames[-1]
    sizes = {frame.samples for frame in frames[1:-1]}
    same = len({(frame.sample_rate, frame.layout.nb_channels) for frame in frames}) == 1
    return Look(
        stream.codec_context.name,
        last.sample_rate if same else 0,
        last.layout.nb_channels,
        last.layout.name,
        frames[1].samples if len(frames) > 1 else last.samples,
        len(sizes) <= 1,
        last.format.name,
    )


def _written(path: str, out: str, name: str | None, look: Look, longest_s: float) -> tuple[Index, list[str]]:
    try:
        if not look.rate:
            raise Untrusted
        probed = 1 if look.codec in PCM_BYTES else _PROBED
        with _opened(path, name, probed) as container, open(out, "w+b") as file:
            return _copied(container, file, look, longest_s), []
    except Untrusted:
        with _opened(path, name) as container, open(out, "w+b") as file:
            return write_decoded(container, file, longest_s)


def _copied(container: Any, file: Any, look: Look, longest_s: float) -> Index:
    """Copy packets. Raises Untrusted where they have to be decoded to know their places."""
    count = counter_of(look)
    stream = container.streams.audio[0]
    writer = Writer(file, look.rate, is_pcm=look.codec in PCM_BYTES)
    about = _stream_of(look, stream)
    clock = Clock(container, stream, look.rate, origin_of(container), longest_s=longest_s)
    tail: deque[Packet] = deque(maxlen=_LOOKED_AT)
    end_trim, is_first, begun = 0, True, False
    is_raw_flac = container.format.name == "flac"
    for packet in container.demux(stream):
        if not packet.size:
            continue
        data = bytes(packet)
        if end_trim or (packet.is_discard and begun):
            raise Untrusted
        skip, end_trim = _trims(packet)
        if skip and begun:
            raise Untrusted
        begun = begun or not packet.is_discard
        samples = count(data)
        if is_raw_flac:
            at = clock.numbered(*flac_frame(data))
        else:
            at = clock.place(packet.pts, samples, skip if is_first else None)
        is_first = False
        writer.add(at, data, samples)
        tail.append(Packet(at, data))
    length = _end(about, tail, end_trim, clock)
    return writer.close(Stream(**{**vars(about), "length": length}))


def _stream_of(look: Look, stream: Any) -> Stream:
    extradata = bytes(stream.codec_context.extradata or b"")
    if look.codec == "opus" and extradata.startswith(b"OpusHead"):
        # Without a pre-skip (RFC 7845, 5.1): else the decoder drops it wherever it begins.
        extradata = extradata[:10] + bytes(2) + extradata[12:]
    group = GROUPS.get(look.codec, 0)
    layout = "" if look.layout.endswith("channels") else look.layout
    # The other decoder of MP2 dithers, by where it began.
    codec = "mp2float" if look.codec == "mp2" else look.codec
    return Stream(codec, look.rate, look.channels, layout, extradata.hex(), group=group)


def _trims(packet: Any) -> tuple[int, int]:
    """Samples to drop at the beginning and at the end of a packet (AV_PKT_DATA_SKIP_SAMPLES)."""
    if not packet.has_sidedata("skip_samples"):
        return 0, 0
    raw = bytes(packet.get_sidedata("skip_samples"))
    return int.from_bytes(raw[:4], "little"), int.from_bytes(raw[4:8], "little")


def _end(about: Stream, tail: deque[Packet], trim: int, clock: Clock) -> int:
    """Where the last packets' sound ends, less what the container takes away."""
    ends = [at + samples.shape[1] for at, samples in decoded(about, iter(tail))]
    if not ends:
        raise Untrusted
    end = int(max(ends)) - trim
    end = clock.end_of(end)
    if end <= 0:
        raise InvalidInput("broken_audio", "The file's sound has no length.")
    return end
