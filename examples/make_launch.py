"""Makes the example project: examples/launch/project.json and, beside it in media/, its pictures and sound.

    python examples/make_launch.py [--out FOLDER] [--seed N] [--if-missing]

Everything is drawn and composed here from numbers; the same seed makes the same files. No third-party
material is in it, so all of it is under the licence of the repository.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import launch_music
import launch_scenes
import launch_slides
import numpy as np
from launch_canvas import Array, save
from launch_lamp import lamp
from launch_words import starts

HERE = Path(__file__).resolve().parent
PICTURES: dict[str, Callable[[np.random.Generator], Array]] = {
    "mountains.jpg": launch_scenes.mountains,
    "lamp.jpg": lamp,
    "city.jpg": launch_scenes.city,
    "sea.jpg": launch_scenes.sea,
    "flow.jpg": launch_scenes.flow,
}
CHIME_DELAY = 0.2
"""Seconds at which the track of the chimes starts in the film."""


def picture(name: str, seed: int) -> Callable[[Path], None]:
    """What draws one picture, whatever else is drawn."""
    rng = np.random.default_rng([seed, *name.encode()])
    return lambda path: save(PICTURES[name](rng), path, rng)


def sound(name: str, seed: int) -> Callable[[Path], None]:
    """What plays one track."""
    rng = np.random.default_rng([seed, *name.encode()])
    times = starts(launch_slides.slides())
    if name == "music.wav":
        return lambda path: launch_music.write(launch_music.music(rng, times[-1]), path)
    bells = times[:-1]
    return lambda path: launch_music.write(launch_music.chimes(rng, times[-1] - CHIME_DELAY, bells), path)


def makers(seed: int) -> dict[str, Callable[[Path], None]]:
    """Every file of media/ and what makes it, the slowest first."""
    pictures = {name: picture(name, seed) for name in PICTURES}
    return {"music.wav": sound("music.wav", seed), **pictures, "chimes.wav": sound("chimes.wav", seed)}


def make(folder: Path, seed: int, *, if_missing: bool = False) -> list[Path]:
    """Write the document and its media; the files that were made."""
    media = folder / "media"
    media.mkdir(parents=True, exist_ok=True)
    made = []

    def one(name: str, maker: Callable[[Path], None]) -> None:
        partial = media / f".{name.partition('.')[0]}.partial.{name.partition('.')[2]}"
        maker(partial)
        partial.replace(media / name)
        made.append(media / name)

    with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
        todo = {n: m for n, m in makers(seed).items() if not (if_missing and (media / n).is_file())}
        for done in [pool.submit(one, name, maker) for name, maker in todo.items()]:
            done.result()
    (folder / "project.json").write_text(written(), encoding="utf-8")
    return made


def written() -> str:
    """The document as it lies in the repository."""
    return json.dumps(launch_slides.document(), ensure_ascii=False, indent=1) + "\n"


def main(arguments: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Make the example project and its media.")
    parser.add_argument("--out", type=Path, default=HERE / "launch", help="folder (examples/launch)")
    parser.add_argument("--seed", type=int, default=7, help="other pictures and sounds (7)")
    parser.add_argument("--if-missing", action="store_true", help="leave files that are there")
    options = parser.parse_args(arguments)
    for path in make(options.out, options.seed, if_missing=options.if_missing):
        print(f"made {os.path.relpath(path)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
