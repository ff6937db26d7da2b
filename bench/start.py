"""What it costs to begin, and one frame: `python -m bench.start [--runs 9]`.

The first table has whole processes, from their start to their end: `render` of one slide of one second
and `frame` of the same, with a rectangle, with a title, and with one over a photograph of 3000 x 2000; and,
as a measure of the machine, Python alone and Python that imports numpy. The second has `frame` as it works
in a process that has done so before: parse, fetch, decode, draw, encode the PNG, nothing kept from the time
before.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import orjson

from bench.engine import measured
from bench.projects import CASES, Case, project, write
from exportstream.commands.frame import draw
from exportstream.config import Settings
from exportstream.early import early_decoder, keep_memory
from renderers.stored.png import encode_png

CACHE = Path(".cache") / "bench"
SECOND = next(case for case in CASES if case.name == "second")
ZOOM = Case("zoomed", "a photograph that grows", 1, 1.0, zoom=True, title_moves=True, sounds=0)


def _projects() -> dict[str, Path]:
    """What is drawn, by its title."""
    photo = write(SECOND, CACHE)
    document = project(SECOND)
    for slide in document["slides"]:
        slide["elements"] = [element for element in slide["elements"] if element["type"] == "text"]
    text, plain = CACHE / "text.json", CACHE / "plain.json"
    text.write_bytes(orjson.dumps(document))
    box = {
        "type": "shape",
        "shape": "rect",
        "x": 200,
        "y": 200,
        "width": 800,
        "height": 500,
        "fill": "#e63946",
    }
    for slide in document["slides"]:
        slide["elements"] = [box]
    plain.write_bytes(orjson.dumps(document))
    return {
        "a rectangle": plain,
        "a title": text,
        "a photograph and a title": photo,
        ZOOM.title: write(ZOOM, CACHE),
    }


def _whole(command: Sequence[str], runs: int) -> str:
    log = CACHE / "start.log"
    made = [measured(command, os.environ, log) for _ in range(runs)]
    if any(status for _, status in made):
        raise SystemExit(log.read_text())
    walls, cpus = zip(*((run.wall, run.cpu) for run, _ in made), strict=True)
    return f"{statistics.median(walls):.2f} | {min(walls):.2f} | {statistics.median(cpus):.2f}"


def _warm(path: Path, runs: int) -> str:
    document, settings = path.read_bytes(), Settings.from_environ({})
    walls = []
    keep_memory()
    with early_decoder(document, Settings()) as decoder:
        for _ in range(runs + 2):
            with tempfile.TemporaryDirectory() as folder:
                begin = time.perf_counter()
                encode_png(draw(document, path.parent, 0.5, settings, Path(folder), decoder))
                walls.append(time.perf_counter() - begin)
    return f"{1000 * statistics.median(walls[2:]):.0f} | {1000 * min(walls[2:]):.0f}"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    projects = _projects()
    commands = {
        "Python alone": [sys.executable, "-c", "pass"],
        "Python with numpy": [sys.executable, "-c", "import numpy"],
    }
    exportstream = [sys.executable, "-m", "exportstream"]
    for title, path in projects.items():
        out = str(CACHE / "start.mp4")
        commands[f"`render`, {title}"] = [*exportstream, "render", str(path), "-o", out, "-q"]
        png = str(CACHE / "start.png")
        commands[f"`frame`, {title}"] = [*exportstream, "frame", str(path), "--at", "0.5", "-o", png]
    load = os.getloadavg()[0]
    print("| whole process | median s | least s | CPU s |\n|---|--:|--:|--:|")
    for title, command in commands.items():
        print(f"| {title} | {_whole(command, runs)} |", flush=True)
    print("\n| `frame`, warm | median ms | least ms |\n|---|--:|--:|")
    for title, path in projects.items():
        print(f"| {title} | {_warm(path, runs)} |", flush=True)
    print(f"\nLoad before and after: {load:.1f}, {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")


if __name__ == "__main__":
    main()
