"""The sound of a project: what is mixed, as a value, and FFmpeg's arguments to do it, by pure functions.

All positions are whole samples of the mix, so a sound begins and ends where the document says, to the
sample. Each track is resampled, made stereo (mono goes to both sides as it is), trimmed, repeated, faded, set
to its volume and moved to its place. The mix adds them up as they are; a look-ahead limiter without
make-up gain keeps the peaks below full scale; its delay is compensated.

Ducking: while the track named by `duck.by` sounds above -50 dBFS (as it would be heard if nothing ducked
it), this one is `amount` dB lower. It goes down within 50 ms and comes up again 200 to 300 ms after the
other's end, so not between words. The other track opens a gate for a constant; smoothed, that constant says
how much of this track is taken away from it. So the amount is exact, whatever the levels.

Fades lie at the ends of what is heard: a track that the picture's end cuts off fades out there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from renderers import instructions
from schemas.motion import exact
from schemas.project import AudioTrack

RATE = 48_000
"""Samples a second of the mix."""

LIMIT = 0.989  # -0.1 dB: what AAC and MP3 overshoot
_LONGEST_LOOP = 120 * RATE  # FFmpeg holds a loop in memory, 8 bytes a sample; longer ones are read again
_SILENCE = f"anullsrc=sample_rate={RATE}:channel_layout=stereo"
_RESAMPLE = f"aresample={RATE}:filter_size=64:cutoff=0.97"
_STEREO = "aformat=sample_fmts=fltp:channel_layouts=mono|stereo,pan=stereo|FL=FL+FC|FR=FR+FC"
_GATE = (
    "sidechaingate=threshold=0.00316:ratio=9:range=0:attack=5:release=100:detection=rms:link=maximum,"
    "lowpass=frequency=8:poles=1"
)
_LIMITER = f"alimiter=limit={LIMIT}:level=disabled:latency=1:attack=5:release=50"
_BITEXACT = ("-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact")


@dataclass(frozen=True)
class SoundTrack:
    """One track that is heard; all numbers but `volume` and `duck` are samples of the mix.

    src: the source as the document spells it, not part of the sound's name. It begins `trim` into its source
    and is heard from `start` on for `length`. period: what the source has from `trim` on, 0 if unknown;
    repeats: how often that is needed. duck: the number of the other track, and dB.
    """

    src: str
    sha256: str
    start: int
    trim: int
    length: int
    period: int
    repeats: int
    volume: float
    fade_in: int
    fade_out: int
    duck: tuple[int, float] | None


@dataclass(frozen=True)
class SoundSpec:
    """A mix: `samples` long at `rate` Hz in stereo; encoded at `bitrate` bit/s."""

    tracks: tuple[SoundTrack, ...]
    samples: int
    bitrate: int
    rate: int = RATE

    @property
    def seconds(self) -> Fraction:
        """Its length."""
        return Fraction(self.samples, self.rate)

    def canonical(self) -> dict[str, Any]:
        """All that determines the sound, in JSON, for content hashes (with the engine's version)."""
        fields = asdict(self)
        for track in fields["tracks"]:
            del track["src"]
        return fields


def make_spec(
    tracks: Sequence[AudioTrack],
    *,
    hashes: Mapping[str, str],
    durations: Mapping[str, float | Fraction],
    seconds: Fraction | None,
    bitrate: int,
) -> SoundSpec:
    """The mix of a document's tracks.

    hashes, durations: of each source, the content's SHA-256 and its length in seconds (0 or missing if
    unknown). seconds: the length of the picture, or None for as long as the longest track.
    """
    length = sound_length(tracks, durations) if seconds is None else seconds
    samples = math.ceil(length * RATE) if seconds is None else _samples(length)
    made = [(track, _track(track, hashes, durations, samples)) for track in tracks]
    heard = [(track, sound) for track, sound in made if sound is not None]
    numbers = {track.id: number for number, (track, _) in enumerate(heard)}
    ducked = (
        replace(sound, duck=(numbers[track.duck.by], float(track.duck.amount)))
        if track.duck is not None and track.duck.by in numbers
        else sound
        for track, sound in heard
    )
    return SoundSpec(tuple(ducked), samples, bitrate)


def sound_length(tracks: Sequence[AudioTrack], durations: Mapping[str, float | Fraction]) -> Fraction:
    """When the last track ends, in seconds.

    A loop without a duration goes on for as long as the others sound, and once through at least.
    """
    ends = [exact(track.start) + _playing(track, durations) for track in tracks]
    return max(ends, default=Fraction(0))


def _source_left(track: AudioTrack, durations: Mapping[str, float | Fraction]) -> Fraction:
    """Seconds of a track's source from `trim_start` on; 0 if unknown."""
    return max(Fraction(0), Fraction(durations.get(track.src, 0)) - exact(track.trim_start))


def _playing(track: AudioTrack, durations: Mapping[str, float | Fraction]) -> Fraction:
    """Seconds for which a track plays by itself."""
    left = _source_left(track, durations)
    if track.duration is None:
        return left
    wanted = exact(track.duration)
    return wanted if track.loop or not durations.get(track.src) else min(wanted, left)


def _track(
    track: AudioTrack, hashes: Mapping[str, str], durations: Mapping[str, float | Fraction], samples: int
) -> SoundTrack | None:
    """A track cut to the mix, or None if nothing of it is heard."""
    start, trim = _samples(exact(track.start)), _samples(exact(track.trim_start))
    period = math.ceil(_source_left(track, durations) * RATE)
    is_known = bool(durations.get(track.src))
    goes_on = track.duration is None and (track.loop or not is_known)
    length = samples - start if goes_on else _samples(_playing(track, durations))
    length = min(length, samples - start)
    if length <= 0 or (is_known and period == 0):
        return None
    return SoundTrack(
        src=track.src,
        sha256=hashes[track.src],
        start=start,
        trim=trim,
        length=length,
        period=period,
        repeats=math.ceil(length / period) if track.loop and period else 1,
        volume=float(track.volume),
        fade_in=min(length, _samples(exact(track.fade_in))),
        fade_out=min(length, _samples(exact(track.fade_out))),
        duck=None,
    )


def _samples(seconds: Fraction) -> int:
    return math.floor(seconds * RATE + Fraction(1, 2))


def pcm_arguments(spec: SoundSpec, inputs: Mapping[str, Path], *, are_samples: bool = False) -> list[str]:
    """FFmpeg's arguments (without the program) to write the mix as 32-bit floats, left and right in turn,
    to standard output. inputs: local files by source. are_samples: they are of the same kind as the output.
    """
    kind = ["-f", "f32le", "-sample_rate", str(spec.rate), "-ch_layout", "stereo"] if are_samples else []
    return [*_mixing(spec, inputs, kind), *_BITEXACT, "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"]


def _mixing(spec: SoundSpec, inputs: Mapping[str, Path], kind: Sequence[str]) -> list[str]:
    arguments = ["-cpuflags", instructions.chosen().ffmpeg]
    for track in spec.tracks:
        arguments += [*kind, "-i", f"file:{inputs[track.src]}"] * _reads(track)
    return [
        *arguments,
        "-filter_complex",
        filter_graph(spec),
        "-map",
        "[mix]",
        "-ar",
        str(spec.rate),
        "-ac",
        "2",
    ]


def _reads(track: SoundTrack) -> int:
    """How often the source is opened: once, but for long loops."""
    return track.repeats if track.period > _LONGEST_LOOP else 1


def filter_graph(spec: SoundSpec) -> str:
    """The mix as a graph of filters from the inputs to [mix]."""
    end = f"apad=whole_len={spec.samples},atrim=end_sample={spec.samples}"
    if not spec.tracks:
        return f"{_SILENCE},{end}[mix]"
    chains, first = [], 0
    for number, track in enumerate(spec.tracks):
        chains += _source(number, track, first)
        chains += _shaped(number, track, end)
        chains += _ducked(number, spec)
        first += _reads(track)
    names = "".join(f"[{_heard(number, spec)}]" for number in range(len(spec.tracks)))
    mixing = f"amix=inputs={len(spec.tracks)}:normalize=0," if len(spec.tracks) > 1 else ""
    return ";".join([*chains, f"{names}{mixing}{_LIMITER},{end}[mix]"])


def _source(number: int, track: SoundTrack, first: int) -> list[str]:
    """From a track's inputs, number `first` and following, to [s<number>]: trimmed, repeated, cut."""
    ready = [_RESAMPLE, _STEREO, "asetpts=N/SR/TB"]
    if track.trim:
        ready += [f"atrim=start_sample={track.trim}", "asetpts=N/SR/TB"]
    cut = f"atrim=end_sample={track.length}"
    if (reads := _reads(track)) == 1:
        # A loop's size beyond the end: FFmpeg repeats exactly what there is.
        loop = ["aloop=loop=-1:size=2147483647"] if track.repeats > 1 else []
        return [f"[{first}:a:0]{','.join([*ready, *loop, cut])}[s{number}]"]
    chains = [f"[{first + read}:a:0]{','.join(ready)}[r{number}_{read}]" for read in range(reads)]
    parts = "".join(f"[r{number}_{read}]" for read in range(reads))
    return [*chains, f"{parts}concat=n={reads}:v=0:a=1,{cut}[s{number}]"]


def _shaped(number: int, track: SoundTrack, end: str) -> list[str]:
    """From [s<number>] to [t<number>]: fades, volume, and the silence before and after it.

    The silence before is a sound of its own: `adelay` would hold all of it in memory.
    """
    filters = []
    if track.fade_in:
        filters.append(f"afade=type=in:start_sample=0:nb_samples={track.fade_in}")
    if track.fade_out:
        begin = track.length - track.fade_out
        filters.append(f"afade=type=out:start_sample={begin}:nb_samples={track.fade_out}")
    if track.volume != 1:
        filters.append(f"volume={track.volume:.6g}:precision=float")
    if not track.start:
        return [f"[s{number}]{','.join([*filters, end])}[t{number}]"]
    return [
        f"{_SILENCE},atrim=end_sample={track.start}[z{number}]",
        f"[s{number}]{','.join(filters or ['anull'])}[u{number}]",
        f"[z{number}][u{number}]concat=n=2:v=0:a=1,{end}[t{number}]",
    ]


def _outlets(number: int, spec: SoundSpec) -> list[str]:
    """What a track's sound is for: m to be heard, b to be taken from m when it is ducked, k as a key."""
    keys = [f"k{n}" for n, track in enumerate(spec.tracks) if track.duck and track.duck[0] == number]
    return [f"m{number}", *([f"b{number}"] if spec.tracks[number].duck else []), *keys]


def _heard(number: int, spec: SoundSpec) -> str:
    """The name of a track's sound as it is mixed."""
    if spec.tracks[number].duck:
        return f"d{number}"
    return f"m{number}" if len(_outlets(number, spec)) > 1 else f"t{number}"


def _ducked(number: int, spec: SoundSpec) -> list[str]:
    """From [t<number>] to its outlets, and to [d<number>] if it is ducked."""
    outlets = _outlets(number, spec)
    if len(outlets) == 1:
        return []
    chains = [f"[t{number}]asplit={len(outlets)}{''.join(f'[{name}]' for name in outlets)}"]
    if (duck := spec.tracks[number].duck) is not None:
        away = 10 ** (-duck[1] / 20) - 1
        chains += [
            # The gate takes digital silence for sound, so the key is never quite silent. And it ends as soon
            # as one of its inputs does, whatever it still holds of both; so neither of them ends.
            f"[k{number}]dcshift=shift=0.0001,aformat=sample_fmts=fltp,apad[key{number}]",
            f"{_SILENCE},dcshift=shift=1,aformat=sample_fmts=fltp[one{number}]",
            f"[one{number}][key{number}]{_GATE},atrim=end_sample={spec.samples}[open{number}]",
            f"[b{number}][open{number}]amultiply,pan=stereo|c0={away:.6f}*c0|c1={away:.6f}*c1[a{number}]",
            f"[m{number}][a{number}]amix=inputs=2:normalize=0[d{number}]",
        ]
    return chains
