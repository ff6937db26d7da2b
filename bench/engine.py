"""`exportstream render` and others side by side: `python -m bench.engine [--only CASE] [--quick]`.

Each way is run as a process of its own, in turn, `--runs` times; the table has medians. Wall time is of the
whole process; CPU is that of it and all its children; memory is that of the largest of its processes
(ru_maxrss of wait4(2)). VMAF compares each way's video with its own frames, encoded without loss.

Projects, lossless references and other people's programs lie under `--cache` (.cache). MoviePy is used if
there is an environment of its own at .cache/peers/moviepy, Remotion and editly if they were installed into
.cache/peers/remotion and .cache/peers/editly; docs/performance.md says how.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import orjson

from bench import editly
from bench.projects import CASES, Case, write

ROOT = Path(__file__).resolve().parents[1]
WAYS = ("ours", "concat", "pipe", "png", "moviepy", "remotion", "editly")
LONG_S = 90.0
"""A case whose first run takes longer is not run again by slow peers."""
ONCE = ("png", "moviepy", "remotion", "editly")


@dataclass
class Run:
    """One process: seconds of wall and processor, MiB of its largest process."""

    wall: float
    cpu: float
    memory: float


@dataclass
class Result:
    """What a way needed for a case."""

    case: Case
    way: str
    runs: list[Run] = field(default_factory=list)
    size: int = 0
    vmaf: float | None = None
    failed: str = ""

    def median(self, name: str) -> float:
        """Of the runs' figures called `name`."""
        return float(statistics.median(getattr(run, name) for run in self.runs))


def measured(command: Sequence[str], environ: Mapping[str, str], log: Path) -> tuple[Run, int]:
    """Run a command to its end; what it took, and its exit status."""
    with log.open("wb") as file:
        begin = time.perf_counter()
        before = os.times()
        process = subprocess.Popen(
            list(command),
            stdout=file,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    after = os.times()
    cpu = (after.children_user - before.children_user) + (after.children_system - before.children_system)
    return Run(wall, cpu, usage.ru_maxrss / 1024), process.returncode


def command_of(way: str, case: Case, cache: Path, out: Path) -> list[str] | None:
    """How a way is run, or None where it cannot do this case or is not installed."""
    projects = cache / "bench"
    if way == "ours":
        options = ["--fps", str(case.fps), "--quality", case.quality, "-q"]
        project = projects / f"{case.name}.json"
        return [sys.executable, "-m", "exportstream", "render", str(project), "-o", str(out), *options]
    python = sys.executable
    if way == "concat" and not case.still:
        return None
    if way == "moviepy":
        python = str(cache / "peers" / "moviepy" / "bin" / "python")
        if not Path(python).exists():
            return None
    if way == "remotion":
        return remotion(case, cache, out)
    if way == "editly":
        return editly.command(case, cache, out)
    return [python, "-m", "bench.peers", way, case.name, str(projects), str(out)]


def remotion(case: Case, cache: Path, out: Path) -> list[str] | None:
    """Remotion's command line, its source and the case's files in its own folder."""
    home = cache / "peers" / "remotion"
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not (home / "node_modules" / ".bin" / "remotion").exists() or browser is None:
        return None
    shutil.copy(ROOT / "bench" / "remotion" / "index.jsx", home / "index.jsx")
    public = home / "public"
    public.mkdir(exist_ok=True)
    for path in [*(cache / "bench").glob("photo*.jpg"), *(cache / "bench").glob("sound*.wav")]:
        shutil.copy(path, public / path.name)
    project = orjson.loads((cache / "bench" / f"{case.name}.json").read_bytes())
    size = {"width": case.width, "height": case.height, "fps": case.fps, "frames": case.frames}
    (home / f"{case.name}.json").write_bytes(orjson.dumps({"project": project, **size}))
    script = (
        f"cd {home} && exec node_modules/.bin/remotion render index.jsx film {out}"
        f" --props={case.name}.json --crf=23"
        f" --browser-executable={browser} --log=error --concurrency=2 --overwrite"
    )
    return ["/bin/sh", "-c", script]


def vmaf(out: Path, reference: Path) -> float | None:
    """The mean of every 10th frame, by FFmpeg's libvmaf."""
    graph = (
        "[0:v]settb=1/1000,setpts=N[a];[1:v]settb=1/1000,setpts=N[b];[a][b]libvmaf=n_threads=2:n_subsample=10"
    )
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-hide_banner",
        "-i",
        str(out),
        "-i",
        str(reference),
        "-lavfi",
        graph,
    ]
    ended = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True, check=False)
    found = re.search(r"VMAF score: ([0-9.]+)", ended.stderr)
    return float(found[1]) if found else None


def reference_of(way: str, case: Case, cache: Path) -> Path | None:
    """The way's own frames without loss, made once; None where they are not to be had."""
    if way in ("remotion", "editly") or case.frames > 2000:
        return None
    path = cache / "bench" / f"{case.name}-{'ours' if way == 'ours' else 'peers'}.mkv"
    if not path.exists():
        project = cache / "bench" / f"{case.name}.json"
        command = [sys.executable, "-m"]
        if way == "ours":
            command += ["bench.reference", str(project), str(case.fps), case.quality, str(path)]
        else:
            command += ["bench.peers", "lossless", case.name, str(cache / "bench"), str(path)]
        ended = subprocess.run(command, cwd=ROOT, check=False)
        if ended.returncode:
            path.unlink(missing_ok=True)
            return None
    return path


def bench(case: Case, ways: Sequence[str], runs: int, cache: Path, *, compare: bool) -> list[Result]:
    """All ways of one case, in turn, so that what else the machine does hits all alike."""
    write(case, cache / "bench")
    work = cache / "bench" / "out"
    work.mkdir(exist_ok=True)
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    results = {way: Result(case, way) for way in ways}
    for turn in range(runs):
        for way, result in results.items():
            slow = turn > 0 and way in ONCE and result.runs and result.runs[0].wall > LONG_S
            out = work / f"{case.name}-{way}.mp4"
            command = command_of(way, case, cache, out)
            if command is None or result.failed or slow:
                continue
            run, status = measured(command, environ, work / f"{case.name}-{way}.log")
            if status or not out.exists():
                result.failed = f"ended with {status}"
                print(f"{case.name} {way}: {result.failed}", file=sys.stderr)
                continue
            result.runs.append(run)
            result.size = out.stat().st_size
            for left in (out.with_suffix(".frames"), out.with_suffix(".stills")):
                shutil.rmtree(left, ignore_errors=True)
            print(
                f"{case.name} {way}: {run.wall:.2f} s, {run.cpu:.2f} s CPU, {run.memory:.0f} MiB",
                file=sys.stderr,
            )
    done = [result for result in results.values() if result.runs]
    for result in done if compare else ():
        if (reference := reference_of(result.way, case, cache)) is not None:
            result.vmaf = vmaf(work / f"{case.name}-{result.way}.mp4", reference)
    return done


def table(results: Sequence[Result]) -> str:
    """Markdown. Ratios are ours / theirs."""
    lines = [
        "| work | way | runs | wall s | CPU s | ours / theirs (wall) | (CPU) | memory MiB | file kB | VMAF |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    ours = {result.case.name: result for result in results if result.way == "ours"}
    for result in results:
        base = ours.get(result.case.name)
        ratios = ["", ""]
        if base is not None and base is not result:
            ratios = [f"{base.median(name) / result.median(name):.3f}" for name in ("wall", "cpu")]
        cells: list[Any] = [
            result.case.title, f"**{result.way}**" if result.way == "ours" else result.way, len(result.runs),
            f"{result.median('wall'):.2f}", f"{result.median('cpu'):.2f}", *ratios,
            f"{max(run.memory for run in result.runs):.0f}", f"{result.size / 1000:.0f}",
            "" if result.vmaf is None else f"{result.vmaf:.1f}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run what was asked for and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--only", action="append", choices=[case.name for case in CASES], help="a case; may be repeated"
    )
    parser.add_argument(
        "--peers", nargs="*", choices=WAYS[1:], default=list(WAYS[1:]), help="others to compare with"
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one run each of ours and the pipe, no VMAF")
    parser.add_argument("--no-vmaf", action="store_true", help="leave the comparison of pictures out")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache")
    parser.add_argument("--out", type=Path, help="write the table here too")
    given = parser.parse_args()
    ways = ["ours", *(["pipe"] if given.quick else given.peers)]
    compare = not (given.quick or given.no_vmaf)
    cache = given.cache.absolute()
    results: list[Result] = []
    for case in CASES:
        if given.only and case.name not in given.only:
            continue
        results += bench(case, ways, 1 if given.quick else given.runs, cache, compare=compare)
        if given.out:
            given.out.write_text(table(results) + "\n")
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n{table(results)}")


if __name__ == "__main__":
    main()
