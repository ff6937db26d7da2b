"""`python -m tests.sounds`: every muxer and encoder beside FFmpeg, whole, cut, damaged and late."""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

import av

from tests.sounds.making import kinds, write
from tests.sounds.variants import VARIANTS, judged

HEADLESS = frozenset(
    [
        "data",
        "rawvideo",
        "mkvtimestamp_v2",
        "alaw",
        "mulaw",
        "vidc",
        "f32be",
        "f32le",
        "f64be",
        "f64le",
        "s16be",
        "s16le",
        "s24be",
        "s24le",
        "s32be",
        "s32le",
        "s8",
        "u16be",
        "u16le",
        "u24be",
        "u24le",
        "u32be",
        "u32le",
        "u8",
        "g722",
        "g726",
        "g726le",
        "aptx",
        "aptx_hd",
        "dfpwm",
        "daud",
        "codec2raw",
    ]
)
"""Muxers whose files do not say what they are: samples without a head, or nothing but time stamps."""


def main() -> None:
    """Print a table: of each variant, how many are alike, and which differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="muxers and encoders whose names hold this")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="by comma")
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    av.logging.set_level(None)
    wanted = {name: VARIANTS[name] for name in options.variants.split(",")}
    counts: dict[str, Counter[str]] = {name: Counter() for name in wanted}
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds():
            if kind.muxer in HEADLESS or (options.only and options.only not in " ".join(kind)):
                continue
            path = Path(folder) / "file"
            if write(kind, path, options.seconds) is None:
                continue
            data = path.read_bytes()
            for name, change in wanted.items():
                changed = change(kind, data, Path(folder))
                if changed is None:
                    continue
                path.write_bytes(changed)
                verdict = judged(
                    path, options.seconds if name == "whole" else None, damaged=name == "damaged"
                )
                counts[name][verdict.word] += 1
                if verdict.word != "alike":
                    print(name, *kind, verdict.word, verdict.detail, flush=True)
    words = sorted({word for counter in counts.values() for word in counter})
    print("\n| files | " + " | ".join(words) + " |\n|---|" + "---|" * len(words))
    for name, counter in counts.items():
        print(f"| {name} | " + " | ".join(str(counter[word]) for word in words) + " |")


if __name__ == "__main__":
    main()
