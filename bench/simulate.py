"""One job on many encoders, simulated: `python -m bench.simulate [--costs FILE]`.

A discrete-event model of what the stream does with one moving project. plan cuts it; the first *width*
parts of a kind go out; render sends each chunk to encode, encode and sound send the one that is *width*
further on. Each part that is done is counted, in the partition of its segment, where the segment is written
when all of it is there; segments are counted under the job's key, the store puts them together, upload
verifies and publishes. Messages go to partitions as `connectors.kafka` chooses them, processes own equally
many partitions and have some cores, and each process opens the plan before its first task of it.

Costs are those of `bench.costs --save FILE`, or MEASURED. Not modelled: a store or a broker that gets slow,
other jobs, rebalancing, and cores that get slower when their neighbours are busy.
"""

from __future__ import annotations

import argparse
import heapq
import math
import statistics
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import orjson

from connectors.kafka import chunk_partition
from schemas.topics import DEFAULT_PARTITIONS

WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
JOBS = 5
SLIDE_S, FPS, SOUND_S, SEGMENT_S = 3.0, 30, 10.0, 60.0
PHOTOS = 10


@dataclass(frozen=True)
class Costs:
    """Seconds that steps take on a core of their own, for a project of so many `seconds` (see `bench.costs`).

    plan: once. open: once for each process that works on the job. render_photo: a chunk whose photograph is
    not drawn yet; render: any other. encode_frame: for each frame. sound: a part. count: a part, by
    the worker that counts it. segment: a minute. join, upload: once; of the latter hash by one
    core, however many the store has. hop: from the end of a stage to the
    beginning of the next.
    """

    seconds: float
    plan: float
    open: float
    render_photo: float
    render: float
    encode_frame: float
    sound: float
    count: float
    segment: float
    join: float
    upload: float
    hash: float
    hop: float = 0.01


MEASURED = {
    "5": Costs(300.0, 0.30333, 0.02, 0.1, 0.0125, 0.00332, 0.1, 0.0015, 0.116, 0.23, 0.28, 0.075),
    "60": Costs(
        3600.0, 1.88667, 0.34, 0.15333, 0.015, 0.00375, 0.09833, 0.00155, 0.12383, 2.51333, 3.75333, 0.897
    ),
}
"""What docs/scaling.md says was measured, by minutes."""


@dataclass(frozen=True)
class Setup:
    """How wide: cores that encode, of which a process has `cores`; cores that draw; cores that mix and join.

    store: how many cores the store has for what it copies for one job.
    """

    encoders: int
    renderers: int
    mixers: int
    width: int
    cores: int = 1
    partitions: int = DEFAULT_PARTITIONS
    store: int = 1


class _Pool:
    """The processes that read one topic: each owns as many partitions, dealt out at random."""

    def __init__(self, cores: int, setup: Setup, chance: np.random.Generator, *, ordered: bool) -> None:
        self._cores = min(cores, setup.cores)
        processes = min(math.ceil(cores / self._cores), setup.partitions)
        self._partitions, self._ordered = setup.partitions, ordered
        dealt = chance.permutation(setup.partitions)  # the broker moves them to and fro as members come
        self._owners = [int(turn) % processes for turn in dealt]
        self._waiting: list[deque[tuple[int, str, int]]] = [deque() for _ in range(processes)]
        self._running: list[list[int]] = [[] for _ in range(processes)]
        self._opened: set[int] = set()

    def add(self, key: bytes, what: str, number: int) -> int:
        """A message arrives; the process that owns its partition."""
        partition = chunk_partition(key, self._partitions)
        process = self._owners[partition]
        self._waiting[process].append((partition, what, number))
        return process

    def begin(self, process: int) -> tuple[int, str, int, bool] | None:
        """What the process begins now: (partition, what, number, whether the plan is to be opened)."""
        running, waiting = self._running[process], self._waiting[process]
        if len(running) >= self._cores:
            return None
        for index, (partition, what, number) in enumerate(waiting):
            if not (self._ordered and partition in running):
                del waiting[index]
                running.append(partition)
                is_new = process not in self._opened
                self._opened.add(process)
                return partition, what, number, is_new
        return None

    def end(self, process: int, partition: int) -> None:
        """A core is free again."""
        self._running[process].remove(partition)


class _Job:
    """One job on its way through the stages."""

    def __init__(self, costs: Costs, setup: Setup, seed: int) -> None:
        self._costs, self._setup = costs, setup
        self._name = b"t/job-%d" % seed
        self._chunks = round(costs.seconds / SLIDE_S)
        self._sounds = math.ceil(costs.seconds / SOUND_S)
        self._segments = max(1, round(costs.seconds / SEGMENT_S))
        chance = np.random.default_rng(seed)
        self._pools = {
            "render": _Pool(setup.renderers, setup, chance, ordered=True),
            "encode": _Pool(setup.encoders, setup, chance, ordered=False),
            "sound": _Pool(setup.mixers, setup, chance, ordered=False),
            "mix": _Pool(setup.mixers, setup, chance, ordered=True),
        }
        self._missing = Counter(self._segment(n, self._chunks) for n in range(self._chunks))
        self._missing.update(self._segment(n, self._sounds) for n in range(self._sounds))
        self._photos: set[int] = set()
        self._events: list[tuple[float, int, str, str, tuple[int, ...], str]] = []
        self._written = 0
        self.ends: dict[str, float] = {}

    def _segment(self, number: int, count: int) -> int:
        return number * self._segments // count

    def run(self) -> float:
        """Seconds from the request to the published file."""
        costs, setup = self._costs, self._setup
        now = costs.hop + costs.plan
        self.ends["plan"] = now
        for stage, count in (("render", self._chunks), ("sound", self._sounds)):
            for number in range(min(setup.width, count)):
                self._at(now + costs.hop, "arrives", stage, (number,), stage)
        while self._events:
            now, _, event, stage, given, what = heapq.heappop(self._events)
            if event == "arrives":
                self._arrive(now, stage, what, given[0])
                continue
            process, partition, number = given
            self._pools[stage].end(process, partition)
            self._begin(now, stage, process)
            self._after(now, stage, what, number)
        self.ends["parts and segments"] = now
        upload = max(costs.hash, (costs.upload - costs.hash) / setup.store)
        return now + costs.hop + costs.join / setup.store + costs.hop + upload

    def _arrive(self, now: float, stage: str, what: str, number: int) -> None:
        key = b"%b:%d" % (self._name, self._segment_of(what, number) if stage == "mix" else number)
        self._begin(now, stage, self._pools[stage].add(key, what, number))

    def _segment_of(self, what: str, number: int) -> int:
        return (
            number
            if what == "segment"
            else self._segment(number, self._sounds if what == "sound" else self._chunks)
        )

    def _after(self, now: float, stage: str, what: str, number: int) -> None:
        """What follows from a step that is done."""
        then = now + self._costs.hop
        if stage == "render":
            self._at(then, "arrives", "encode", (number,), "encode")
        elif stage in ("encode", "sound"):
            self._at(then, "arrives", "mix", (number,), stage)
            count, first = (self._chunks, "render") if stage == "encode" else (self._sounds, "sound")
            if (following := number + self._setup.width) < count:
                self._at(then, "arrives", first, (following,), first)
        elif what != "segment":
            segment = self._segment_of(what, number)
            self._missing[segment] -= 1
            if not self._missing[segment]:
                self._at(now, "arrives", "mix", (segment,), "segment")

    def _at(self, time: float, event: str, stage: str, given: tuple[int, ...], what: str) -> None:
        heapq.heappush(self._events, (time, len(self._events), event, stage, given, what))

    def _begin(self, now: float, stage: str, process: int) -> None:
        while (begun := self._pools[stage].begin(process)) is not None:
            partition, what, number, is_new = begun
            work = self._work(what, number, stage) + (self._costs.open if is_new else 0.0)
            self._at(now + work, "done", stage, (process, partition, number), what)

    def _work(self, what: str, number: int, stage: str) -> float:
        costs = self._costs
        if stage == "mix":
            return costs.segment if what == "segment" else costs.count
        if what == "render":
            # Whoever begins while a photograph is being drawn elsewhere draws it too: only the first wave.
            is_first = number < max(PHOTOS, min(self._setup.width, self._setup.renderers))
            return costs.render_photo if is_first else costs.render
        return costs.encode_frame * SLIDE_S * FPS if what == "encode" else costs.sound


def seconds_of(costs: Costs, setup: Setup) -> float:
    """The median over some jobs of one project: slides of three seconds that move from end to end."""
    return statistics.median(_Job(costs, setup, seed).run() for seed in range(JOBS))


def setups(encoders: int, costs: Mapping[str, Costs]) -> dict[str, tuple[Costs, Setup]]:
    """(costs, how wide) by the head of a column."""
    # One core in four draws, one in four mixes and joins; a process has up to 16 of them.
    others, wide = max(1, encoders // 4), 2 * encoders + 8
    cores = max(1, encoders // 16)
    processes = math.ceil(encoders / cores)
    # A multiple of the processes: the 12 that topics have are one for 1, 2 and 4 of them.
    partitions = processes * max(1, DEFAULT_PARTITIONS // processes)
    narrow = Setup(encoders, others, others, 8, cores, partitions)
    segments = Setup(encoders, others, others, wide, cores, partitions)
    quick = Setup(encoders, others, others, wide, cores, partitions, store=8)
    last = max(costs, key=float)
    first = min(costs, key=float)
    return {
        f"{first} min, width 8": (costs[first], narrow),
        f"{first} min, width 2 N + 8": (costs[first], segments),
        f"{last} min, width 2 N + 8": (costs[last], segments),
        f"{last} min, the store has 8 cores": (costs[last], quick),
    }


def table(costs: Mapping[str, Costs]) -> list[str]:
    """Lines of Markdown: for each number of encoders the seconds, and how many times quicker than one."""
    heads = list(setups(1, costs))
    lines = [
        f"| cores that encode | {' | '.join(f'{head}: s | ×' for head in heads)} |",
        f"|--:|{'--:|' * 2 * len(heads)}",
    ]
    first: dict[str, float] = {}
    for encoders in WORKERS:
        cells = [str(encoders)]
        for head, (given, setup) in setups(encoders, costs).items():
            seconds = seconds_of(given, setup)
            first.setdefault(head, seconds)
            cells += [f"{seconds:.1f}", f"{first[head] / seconds:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--costs", type=Path, help="what `bench.costs --save` wrote")
    options = parser.parse_args()
    costs = MEASURED
    if options.costs is not None:
        names = [field.name for field in fields(Costs) if field.name != "hop"]
        read = orjson.loads(options.costs.read_bytes())
        costs = {minutes: Costs(**{name: known[name] for name in names}) for minutes, known in read.items()}
    for given in costs.values():
        print(given)
    print("\n".join(table(costs)))
    last = costs[max(costs, key=float)]
    job = _Job(last, setups(WORKERS[-1], costs)[list(setups(1, costs))[-1]][1], 0)
    total = job.run()
    print(f"\nOf {total:.2f} s on {WORKERS[-1]} cores: {job.ends}, then join and upload")


if __name__ == "__main__":
    main()
