"""The mix as one graph of FFmpeg's filters over whole files: what mixing in stretches is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from renderers import instructions
from renderers.sound.mixing import RATE, SoundSpec, SoundTrack

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
