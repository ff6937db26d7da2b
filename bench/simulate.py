"""One job on many encoders, simulated: `python -m bench.simulate [--measured FILE]`.

A discrete-event model of what the stream does with one moving project: plan cuts it, the first *width* chunks
go to render, render sends each to encode, encode sends the one that is *width* further on; when the last one
is there, mix joins the file and upload publishes it. Messages go to partitions as `connectors.kafka` chooses
them, processes own equally many partitions, and each encode process has some cores.

Stage times are those of `bench.wide --save FILE`, or MEASURED. Not modelled: a store or a broker that gets
slow, other jobs, rebalancing, and cores that get slower when their neighbours are busy.
"""

from __future__ import annotations

import argparse
import heapq
import math
import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import orjson

from connectors.kafka import chunk_partition
from schemas.topics import DEFAULT_PARTITIONS

WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
JOBS = 15
SLIDE_S, FPS = 3.0, 30


@dataclass(frozen=True)
class Times:
    """Seconds that stages take, on a core of their own, for a project of `measured_seconds`.

    plan: once, most of it for the ten photographs, whatever the length. join, upload, sound: once; they grow
    with the length. render: for each chunk; encode_frame: for each of its frames, storing included. hop: from
    the end of a stage to the beginning of the next.
    """

    plan: float
    render: float
    encode_frame: float
    join: float
    upload: float
    hop: float
    sound: float
    measured_seconds: float

    def scaled(self, seconds: float) -> Times:
        """For a project of another length."""
        factor = seconds / self.measured_seconds
        once = {name: getattr(self, name) * factor for name in ("join", "upload", "sound")}
        return replace(self, **once, measured_seconds=seconds)


MEASURED = Times(1.47, 0.141, 0.0174, 0.233, 0.106, 0.0062, 1.6, 60.0)
"""What docs/scaling.md says was measured."""


@dataclass(frozen=True)
class Setup:
    """How wide: cores that encode, of which a process has `cores`; render processes; chunks in flight.

    hashed: chunks go to partitions by a hash of their key, and of a partition one at a time is handled. So it
    was before chunks took turns.
    """

    encoders: int
    renderers: int
    width: int
    cores: int = 1
    partitions: int = DEFAULT_PARTITIONS
    hashed: bool = False


class _Pool:
    """The processes that read one topic: each owns as many partitions, dealt out at random."""

    def __init__(self, processes: int, cores: int, setup: Setup, chance: np.random.Generator) -> None:
        self._cores, self._setup, self._chance = cores, setup, chance
        dealt = chance.permutation(setup.partitions)  # the broker moves them to and fro as members come
        self._owners = [int(turn) % processes for turn in dealt]
        self._waiting: list[deque[tuple[int, int]]] = [deque() for _ in range(processes)]
        self._running: list[list[int]] = [[] for _ in range(processes)]

    def add(self, job: bytes, chunk: int) -> int:
        """A message arrives; the process that owns its partition."""
        count = self._setup.partitions
        partition = chunk_partition(b"%b:%d" % (job, chunk), count)
        if self._setup.hashed:
            partition = int(self._chance.integers(count))
        process = self._owners[partition]
        self._waiting[process].append((partition, chunk))
        return process

    def begin(self, process: int) -> tuple[int, int] | None:
        """(partition, chunk) of what the process begins now, if it has a core and something that may run."""
        running, waiting = self._running[process], self._waiting[process]
        if len(running) >= self._cores:
            return None
        for index, (partition, chunk) in enumerate(waiting):
            if not (self._setup.hashed and partition in running):
                del waiting[index]
                running.append(partition)
                return partition, chunk
        return None

    def end(self, process: int, partition: int) -> None:
        """A core is free again."""
        self._running[process].remove(partition)


class _Job:
    """One job on its way through the stages."""

    def __init__(self, chunks: Sequence[int], times: Times, setup: Setup, seed: int) -> None:
        self._chunks, self._times, self._setup = chunks, times, setup
        self._name = b"job-%d" % seed
        chance = np.random.default_rng(seed)
        processes = min(math.ceil(setup.encoders / setup.cores), setup.partitions)
        self._pools = {
            "render": _Pool(min(setup.renderers, setup.partitions), 1, setup, chance),
            "encode": _Pool(processes, setup.cores, setup, chance),
        }
        self._events: list[tuple[float, int, str, str, tuple[int, ...]]] = []

    def run(self) -> float:
        """Seconds from the request to the published file."""
        times = self._times
        planned = times.hop + times.plan
        for chunk in range(min(self._setup.width, len(self._chunks))):
            self._at(planned + times.hop, "arrives", "render", chunk)
        last = planned + times.hop + times.sound
        while self._events:
            now, _, what, stage, given = heapq.heappop(self._events)
            if what == "arrives":
                self._begin(now, stage, self._pools[stage].add(self._name, given[0]))
                continue
            process, partition, chunk = given
            self._pools[stage].end(process, partition)
            self._begin(now, stage, process)
            if stage == "render":
                self._at(now + times.hop, "arrives", "encode", chunk)
                continue
            last = max(last, now)
            if (following := chunk + self._setup.width) < len(self._chunks):
                self._at(now + times.hop, "arrives", "render", following)
        return last + times.hop + times.join + times.hop + times.upload

    def _at(self, time: float, what: str, stage: str, *given: int) -> None:
        heapq.heappush(self._events, (time, len(self._events), what, stage, given))

    def _begin(self, now: float, stage: str, process: int) -> None:
        while (begun := self._pools[stage].begin(process)) is not None:
            partition, chunk = begun
            encoding = self._times.encode_frame * self._chunks[chunk]
            work = self._times.render if stage == "render" else encoding
            self._at(now + work, "done", stage, process, partition, chunk)


def seconds_of(minutes: float, times: Times, setup: Setup) -> float:
    """The median over some jobs of one project: slides of three seconds that move from end to end."""
    chunks = [round(SLIDE_S * FPS)] * round(minutes * 60 / SLIDE_S)
    scaled = times.scaled(minutes * 60)
    return statistics.median(_Job(chunks, scaled, setup, seed).run() for seed in range(JOBS))


def setups(encoders: int) -> dict[str, tuple[float, Setup]]:
    """(minutes, how wide) by the head of a column."""
    renderers, wide = max(1, encoders // 4), 2 * encoders + 8
    cores = max(1, encoders // 16)
    processes = math.ceil(encoders / cores)
    # A multiple of the processes: the 12 that topics have are one for 1, 2 and 4 of them.
    partitions = processes * max(1, DEFAULT_PARTITIONS // processes)
    return {
        "5 min, hashed, 12 partitions": (
            5.0,
            Setup(encoders, renderers, wide, partitions=max(12, encoders), hashed=True),
        ),
        "5 min, width 8": (5.0, Setup(encoders, renderers, 8, cores, partitions)),
        "5 min, width 2 N + 8": (5.0, Setup(encoders, renderers, wide, cores, partitions)),
        "60 min, width 2 N + 8": (60.0, Setup(encoders, renderers, wide, cores, partitions)),
    }


def table(times: Times) -> list[str]:
    """Lines of Markdown: for each number of encoders the seconds, and how many times quicker than one."""
    heads = list(setups(1))
    lines = [
        f"| cores that encode | {' | '.join(f'{head}: s | ×' for head in heads)} |",
        f"|--:|{'--:|' * 2 * len(heads)}",
    ]
    first: dict[str, float] = {}
    for encoders in WORKERS:
        cells = [str(encoders)]
        for head, (minutes, setup) in setups(encoders).items():
            seconds = seconds_of(minutes, times, setup)
            first.setdefault(head, seconds)
            cells += [f"{seconds:.1f}", f"{first[head] / seconds:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--measured", type=Path, help="what `bench.wide --save` wrote")
    options = parser.parse_args()
    times = MEASURED
    if options.measured is not None:
        known = orjson.loads(options.measured.read_bytes())
        times = Times(**{field.name: known[field.name] for field in fields(Times)})
    print(times)
    minutes = times.measured_seconds / 60
    same = [seconds_of(minutes, times, Setup(encoders, 1, 8)) for encoders in (1, 2, 4)]
    print(f"The measured project itself, on 1, 2 and 4 cores: {', '.join(f'{s:.1f} s' for s in same)}\n")
    print("\n".join(table(times)))


if __name__ == "__main__":
    main()
