"""Queue between the loop and its worker threads: messages that were read and not yet handled.

The loop adds what it polled; worker threads claim what may run now and finish it; the loop asks
what to commit, and which partitions to pause. One lock, no I/O, no Kafka.

A partition's state lives as long as it is assigned. When it is revoked its waiting messages are
forgotten (its next owner reads them), and what is still running may finish and publish, but
commits nothing: its state is no longer here, and a new assignment begins with a new one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from processors.running.offsets import OffsetTracker
from schemas.cloudevents import EventHeaders, Headers

Place = tuple[str, int]
"""(topic by its plain name, partition)."""


@dataclass(frozen=True)
class Record:
    """A message as it was read. `raw_headers` is what came, `headers` what it means."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: EventHeaders = field(default_factory=lambda: EventHeaders(None))
    raw_headers: Headers = field(default_factory=list)

    @property
    def place(self) -> Place:
        """The partition it lies in."""
        return self.topic, self.partition

    @property
    def size(self) -> int:
        """Bytes of its value."""
        return len(self.value or b"")


@dataclass(frozen=True)
class Limits:
    """Limits of a topic's work in flight: tasks in all, and more than one a partition if `unordered`."""

    concurrency: int = 1
    unordered: bool = False


@dataclass(frozen=True)
class Buffering:
    """Watermarks of a partition's backlog: paused at `high` messages or `size` bytes, resumed at `low`."""

    high: int = 128
    low: int = 64
    size: int = 2 * 1024 * 1024


@dataclass(eq=False)
class _Partition:
    waiting: deque[Record] = field(default_factory=deque)
    tracker: OffsetTracker = field(default_factory=OffsetTracker)
    running: int = 0
    size: int = 0
    committed: int | None = None
    paused: bool = False


@dataclass(frozen=True, eq=False)
class Claim:
    """A message that a worker thread handles. `abort` is set when the worker must let go of it."""

    record: Record
    abort: threading.Event
    _owner: _Partition


class Backlog:
    """Messages by partition, and who may run. Thread-safe."""

    def __init__(self, limits: Mapping[str, Limits], buffering: Buffering = Buffering()) -> None:
        self._limits = dict(limits)
        self._buffering = buffering
        self._changed = threading.Condition()
        self._partitions: dict[Place, _Partition] = {}
        self._claims: set[Claim] = set()
        self._running = dict.fromkeys(limits, 0)
        self._turn: deque[str] = deque(limits)
        self._closed = False

    # The loop's side

    def assign(self, places: Iterable[Place]) -> None:
        """These partitions are ours now."""
        with self._changed:
            for place in places:
                self._partitions[place] = _Partition()

    def revoke(self, places: Iterable[Place]) -> None:
        """These are no longer ours: what waits is forgotten, what runs is not committed by us."""
        with self._changed:
            for place in places:
                self._partitions.pop(place, None)

    def add(self, record: Record) -> bool:
        """Keep a message until a thread claims it; False when its partition is not ours (any more)."""
        with self._changed:
            partition = self._partitions.get(record.place)
            if partition is None:
                return False
            if partition.tracker.position is None:
                partition.committed = record.offset  # where we began: nothing to commit yet
            partition.tracker.take(record.offset)
            partition.waiting.append(record)
            partition.size += record.size
            self._changed.notify()
            return True

    def commits(self) -> dict[Place, int]:
        """Offsets that moved since they were last returned, for partitions that are ours."""
        moved: dict[Place, int] = {}
        with self._changed:
            for place, partition in self._partitions.items():
                position = partition.tracker.position
                if position is not None and position != partition.committed:
                    partition.committed = moved[place] = position
        return moved

    def uncommitted(self, places: Iterable[Place]) -> None:
        """A commit for these failed: `commits` returns them again."""
        with self._changed:
            for place in places:
                if place in self._partitions:
                    self._partitions[place].committed = None

    def positions(self) -> dict[Place, int]:
        """The next offset to handle, of every partition that is ours and has been read from."""
        with self._changed:
            found = {place: partition.tracker.position for place, partition in self._partitions.items()}
        return {place: position for place, position in found.items() if position is not None}

    def throttle(self) -> tuple[list[Place], list[Place]]:
        """(partitions to pause now, partitions to resume now)."""
        pause: list[Place] = []
        resume: list[Place] = []
        limit = self._buffering
        with self._changed:
            for place, partition in self._partitions.items():
                waiting = len(partition.waiting)
                full = waiting >= limit.high or (waiting > 0 and partition.size >= limit.size)
                if full and not partition.paused:
                    partition.paused = True
                    pause.append(place)
                elif partition.paused and waiting <= limit.low and not full:
                    partition.paused = False
                    resume.append(place)
        return pause, resume

    @property
    def in_flight(self) -> int:
        """Number of messages being handled, those of revoked partitions included."""
        with self._changed:
            return len(self._claims)

    @property
    def assigned(self) -> int:
        """Number of assigned partitions."""
        with self._changed:
            return len(self._partitions)

    def close(self) -> None:
        """No further claims; `claim` returns None to everybody."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Ask everything that runs to let go."""
        with self._changed:
            for claim in self._claims:
                claim.abort.set()

    def wait_idle(self, timeout: float) -> bool:
        """Wait until nothing runs; False when something still does after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._claims, timeout)

    # The threads' side

    def claim(self) -> Claim | None:
        """The next message that may run, waiting for one; None when closed."""
        with self._changed:
            while not self._closed:
                found = self._next()
                if found is not None:
                    return found
                self._changed.wait()
            return None

    def finish(self, claim: Claim, handled: bool) -> None:
        """The task ended. Not `handled`: it is handed back, and no commit passes it."""
        with self._changed:
            self._claims.discard(claim)
            self._running[claim.record.topic] -= 1
            claim._owner.running -= 1
            if handled:
                claim._owner.tracker.finish(claim.record.offset)
            self._changed.notify_all()

    def _next(self) -> Claim | None:
        for topic in list(self._turn):
            limits = self._limits[topic]
            if self._running[topic] >= limits.concurrency:
                continue
            for place, partition in self._partitions.items():
                if place[0] == topic and partition.waiting and (limits.unordered or not partition.running):
                    return self._start(place, partition)
        return None

    def _start(self, place: Place, partition: _Partition) -> Claim:
        record = partition.waiting.popleft()
        partition.size -= record.size
        partition.running += 1
        self._running[record.topic] += 1
        # Whoever was served goes to the end of the line: stages and partitions take turns.
        self._turn.remove(record.topic)
        self._turn.append(record.topic)
        self._partitions[place] = self._partitions.pop(place)
        claim = Claim(record, threading.Event(), partition)
        self._claims.add(claim)
        return claim
