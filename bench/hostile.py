"""Bombs beside a canary: what one tenant sends to stop the machine, and how long another one waits meanwhile.

    python -m bench.hostile [--only WORD] [--every N] [--out FILE]     # each bomb beside a canary job
    python -m bench.hostile --start                                    # what walls add to a process's start

Everything is embedded on this machine. Each bomb is a job of one tenant; as soon as it is accepted, another
asks for a small film. What has to hold: the canary is never slower than 3 × alone + 2 s, no worker ends, the
memory of each process stays below its limit, and nothing is left behind.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from bench.bombs import BOMBS
from connectors.decoder import PACKAGES, PROGRAM, ROOT, _readable
from connectors.walls import program
from exportstream.client import Client
from exportstream.commands.demo import running
from exportstream.config import Settings
from exportstream.serving import configure_logs
from schemas.errors import ExportError

KEYS = {"attacker": "attacker-key", "canary": "canary-key"}
ALONE_RUNS = 7
LONGEST_S = 90.0
DECODER_MIB = 4096
WORKER_MIB = 2048


@dataclass
class Watched:
    """The most that each kind of process took, in MiB, and the workers that were seen."""

    memory: dict[str, float] = field(default_factory=dict)
    workers: set[int] = field(default_factory=set)


def canary() -> dict[str, Any]:
    """A film of a second that nobody asked for before."""
    color = f"#{time.time_ns() & 0xFFFFFF:06x}"
    slide = {"duration": 1, "background": {"type": "solid", "color": color}, "elements": []}
    settings = {"width": 320, "height": 180, "fps": 24}
    return {"format": "mp4", "settings": settings, "project": _project([slide])}


def _project(slides: list[dict[str, Any]]) -> dict[str, Any]:
    return {"version": 1, "width": 320, "height": 180, "slides": slides, "name": str(time.time_ns())}


def finished(client: Client, job: Mapping[str, Any], longest_s: float) -> str:
    """How a job ended; `running` when it did not in time."""
    deadline = time.monotonic() + longest_s
    while time.monotonic() < deadline:
        status = str(client.get(f"/v1/exports/{job['id']}")["status"])
        if status in ("completed", "failed", "cancelled"):
            return status
        time.sleep(0.02)
    return "running"


def waited(client: Client) -> float:
    """Seconds from asking for a canary to its end."""
    begun = time.monotonic()
    status = finished(client, client.post("/v1/exports", canary()), LONGEST_S)
    return time.monotonic() - begun if status == "completed" else float("inf")


@contextmanager
def watching() -> Iterator[Watched]:
    """Looks at all processes below this one, five times a second."""
    found, stop = Watched(), threading.Event()

    def look() -> None:
        while not stop.wait(0.2):
            for pid, kind in below(os.getpid()):
                with suppress(OSError, IndexError):
                    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                    found.memory[kind] = max(found.memory.get(kind, 0.0), pages * 4096 / (1 << 20))
                if kind != "decoder":
                    found.workers.add(pid)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def below(parent: int) -> Iterator[tuple[int, str]]:
    """The processes that a process started, and those that they started, by what they do."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):
                stat = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(stat[1]), []).append(int(entry))
    left = list(children.get(parent, []))
    while left:
        pid = left.pop()
        left += children.get(pid, [])
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            if "renderers.foreign.decode" in words:
                yield pid, "decoder"
            elif "exportstream" in words:
                yield pid, " ".join(words[words.index("exportstream") + 1 :]).strip()


def run(only: str, every: int, out: Path | None) -> int:
    """Every bomb beside a canary; 1 when something does not hold."""
    chosen = [name for name in BOMBS if only in name][::every]
    with tempfile.TemporaryDirectory(prefix="exportstream-hostile-") as name:
        temp = Path(name) / "temp"
        temp.mkdir()
        environ = {**os.environ, "EXPORTSTREAM_API_KEYS": ",".join(f"{k}:{t}" for t, k in KEYS.items())}
        environ |= {"EXPORTSTREAM_TEMP": str(temp), "EXPORTSTREAM_LOG_LEVEL": "critical"}
        settings = replace(Settings.from_environ(environ), data_dir=Path(name) / "data")
        configure_logs("critical")
        with running(settings) as url, watching() as watched:
            rows = measured(url, chosen)
            after = {pid for pid, kind in below(os.getpid()) if kind != "decoder"}
        ended = watched.workers - after
        left = [str(path.relative_to(temp)) for path in temp.rglob("*") if path.is_file()]
    return report(rows, watched, ended, left, out)


def measured(url: str, names: list[str]) -> list[dict[str, Any]]:
    """Of each bomb what became of it, and how long the canary beside it took."""
    attacker, other = Client(url, KEYS["attacker"]), Client(url, KEYS["canary"])
    waited(other)
    alone = statistics.median(waited(other) for _ in range(ALONE_RUNS))
    limit = 3 * alone + 2
    print(f"canary alone {alone:.2f} s, limit {limit:.2f} s", flush=True)
    rows: list[dict[str, Any]] = []
    for name in names:
        body = orjson.loads(orjson.dumps(BOMBS[name]()))
        begun, status = time.monotonic(), ""
        try:
            job = attacker.post("/v1/exports", body)
        except ExportError as error:
            job, status = None, f"refused: {error.code}"
        beside = waited(other)
        if job is not None:
            status = finished(attacker, job, LONGEST_S)
            found = attacker.get(f"/v1/exports/{job['id']}")
            status += f": {found['error']['code']}" if found.get("error") else ""
            if status == "running":
                with suppress(ExportError):
                    attacker.post(f"/v1/exports/{job['id']}/cancel")
        row = {"bomb": name, "canary": round(beside, 2), "seconds": round(time.monotonic() - begun, 2)}
        rows.append({**row, "ended": status, "holds": beside <= limit and status != "running"})
        print(f"{'ok' if rows[-1]['holds'] else '!!'}  {beside:6.2f} s  {name}: {status}", flush=True)
    return rows


def report(
    rows: list[dict[str, Any]], watched: Watched, ended: set[int], left: list[str], out: Path | None
) -> int:
    """Say what did not hold."""
    broken = [row["bomb"] for row in rows if not row["holds"]]
    large = {
        kind: round(mib)
        for kind, mib in watched.memory.items()
        if mib > (DECODER_MIB if kind == "decoder" else WORKER_MIB)
    }
    summary = {
        "bombs": len(rows),
        "slowest canary": max((row["canary"] for row in rows), default=0),
        "broken": broken,
        "workers that ended": len(ended),
        "memory in MiB": {kind: round(mib) for kind, mib in sorted(watched.memory.items())},
        "above their limit": large,
        "left behind": left,
    }
    print(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode())
    if out is not None:
        out.write_bytes(orjson.dumps({"summary": summary, "rows": rows}, option=orjson.OPT_INDENT_2))
    return int(bool(broken or ended or large or left))


def start(times: int = 41) -> int:
    """What walls add to the time that a process takes from its start to its end, and to its processor's."""
    plain = ("-P", "-c", f"import {PROGRAM[1]} as program; program.main()")
    more: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as work:
        for name in ("in", "out"):
            (Path(work) / name).mkdir()
        walls = {"work": work, "readable": _readable(), "packages": PACKAGES, "parent": os.getpid()}
        walled = (*program.COMMAND, orjson.dumps({**walls, "strict": True}).decode(), *PROGRAM)
        for _ in range(times):
            before, after = _taken(plain), _taken(walled)
            more.append((after[0] - before[0], after[1] - before[1]))
    wall, cpu = (statistics.median(values) for values in zip(*more, strict=True))
    print(f"walls take {wall:.1f} ms more, {cpu:.1f} ms of them on the processor; 10 are allowed")
    return int(min(wall, cpu) > 10)


def _taken(arguments: tuple[str, ...]) -> tuple[float, float]:
    """Milliseconds that a process of Python takes, and those of the processor."""
    begun, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    environ = {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *arguments], stdin=subprocess.DEVNULL, env=environ, check=True)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return 1000 * (time.perf_counter() - begun), 1000 * cpu


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="", help="bombs whose names have this in them")
    parser.add_argument("--every", type=int, default=1, help="every so manieth of them")
    parser.add_argument("--out", type=Path, help="a file for all of it as JSON")
    parser.add_argument("--start", action="store_true", help="measure the start of a decoder")
    options = parser.parse_args()
    return start() if options.start else run(options.only, options.every, options.out)


if __name__ == "__main__":
    sys.exit(main())
