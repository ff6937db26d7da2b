"""Queue between the loop and its worker threads: messages that were read and not yet handled.

The loop adds what it polled; worker threads claim what may run now and finish it; the loop asks
what to commit, and which partitions to pause. One lock, no I/O, no Kafka.

A partition's state lives as long as it is assigned. When it is revoked its waiting messages are
forgotten (its next owner reads them), and what is still running may finish and publish, but
commits nothing: its state is no longer here, and a new assignment begins with a new one.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from processors.running import suspects
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

    @property
    def tenant(self) -> bytes:
        """Whose it is by its key, which is `tenant/job` where we wrote it (`schemas.identity`)."""
        return (self.key or b"").partition(b"/")[0]


@dataclass(frozen=True)
class Limits:
    """Limits of a topic's work in flight: tasks in all, and more than one a partition if `unordered`.

    share: of an unordered topic, tasks of one tenant, so that the rest is left for others.
    """

    concurrency: int = 1
    unordered: bool = False
    share: int | None = None


@dataclass(frozen=True)
class Buffering:
    """Watermarks of a partition's backlog: paused at `high` messages or `size` bytes, resumed at `low`."""

    high: int = 128
    low: int = 64
    size: int = 2 * 1024 * 1024


@dataclass(eq=False)
class _Partition:
    """begun: by offset, how often work on a message was begun, those that are about to be included.

    suspects: of messages that were being handled when a worker died, and are not begun here yet.
    unnamed: messages that wait until a commit names them. trial: how many more do. told: the last commit's
    metadata.
    """

    waiting: deque[Record] = field(default_factory=deque)
    tracker: OffsetTracker = field(default_factory=OffsetTracker)
    begun: dict[int, int] = field(default_factory=dict)
    suspects: dict[int, int] = field(default_factory=dict)
    unnamed: set[int] = field(default_factory=set)
    trial: int = 0
    told: str = ""
    running: int = 0
    size: int = 0
    committed: int | None = None
    paused: bool = False


@dataclass(frozen=True, eq=False)
class Claim:
    """A message that a worker thread handles. `abort` is set when the worker must let go of it.

    deaths: of workers that were handling it.
    """

    record: Record
    abort: threading.Event
    _owner: _Partition
    deaths: int = 0


class Backlog:
    """Messages by partition, and who may run. Thread-safe.

    naming: the first messages of a partition wait for `named`, so that one that kills at once is known.
    """

    def __init__(
        self, limits: Mapping[str, Limits], buffering: Buffering = Buffering(), *, naming: bool = False
    ) -> None:
        self._naming = naming
        self._limits = dict(limits)
        self._buffering = buffering
        self._changed = threading.Condition()
        self._partitions: dict[Place, _Partition] = {}
        self._claims: set[Claim] = set()
        self._running = dict.fromkeys(limits, 0)
        self._tenants: Counter[tuple[str, bytes]] = Counter()
        self._turn: deque[str] = deque(limits)
        self._closed = False
        self._alone = self._named = False

    # The loop's side

    def assign(
        self, places: Iterable[Place], deaths: Mapping[Place, Mapping[int, int]] | None = None
    ) -> None:
        """These partitions are ours now. deaths: by offset, of workers that were handling a message."""
        with self._changed:
            for place in places:
                trial = self._limits[place[0]].concurrency + 1 if self._naming else 0
                self._partitions[place] = _Partition(
                    suspects=dict((deaths or {}).get(place, {})), trial=trial
                )

    def revoke(self, places: Iterable[Place]) -> None:
        """These are no longer ours: what waits is forgotten, what runs is not committed by us."""
        with self._changed:
            for place in places:
                gone = self._partitions.pop(place, None)
                if gone is not None and not self._alone and gone.begun.keys() & gone.suspects.keys():
                    self._named = False  # it was about to run
            self._changed.notify_all()

    def add(self, record: Record) -> bool:
        """Keep a message until a thread claims it; False when its partition is not ours (any more)."""
        with self._changed:
            partition = self._partitions.get(record.place)
            if partition is None:
                return False
            if partition.tracker.position is None:
                partition.committed = record.offset  # where we began: nothing to commit yet
            partition.tracker.take(record.offset)
            if record.offset in partition.suspects or partition.trial > 0:
                partition.trial -= 1
                partition.unnamed.add(record.offset)
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

    def unnamed(self) -> dict[Place, int]:
        """Positions to commit, with `metadata`, before some messages may be begun."""
        with self._changed:
            found: list[Place] = []
            for place, partition in self._partitions.items():
                offsets = self._to_name(partition)
                partition.begun |= {offset: partition.suspects.get(offset, 0) + 1 for offset in offsets}
                found += [place] if offsets else []
            return self._positions(found)

    def _to_name(self, partition: _Partition) -> list[int]:
        """Those that are not behind a suspect; a suspect when it is about to run alone. So whoever dies of
        another is suspected once at most.
        """
        named: list[int] = []
        for record in partition.waiting:
            if record.offset in partition.suspects:
                again = record.offset in partition.begun and record.offset in partition.unnamed
                if not named and (again or not (self._claims or self._named)):
                    self._named = True
                    return [record.offset]
                return named
            if record.offset in partition.unnamed:
                named.append(record.offset)
        return named

    def named(self, places: Iterable[Place]) -> None:
        """The commit is answered: what it named may be begun."""
        with self._changed:
            for place in places:
                if (partition := self._partitions.get(place)) is not None:
                    partition.unnamed -= partition.begun.keys()
            self._changed.notify_all()

    def metadata(self, place: Place, *, leaving: bool = False) -> str:
        """What a commit says of messages in hand. leaving: in order, so that what runs is not suspected."""
        with self._changed:
            partition = self._partitions.get(place)
            if partition is None:
                return ""
            counts = partition.suspects | ({} if leaving else partition.begun)
            begin = partition.tracker.position or 0
            partition.told = suspects.written({at: count for at, count in counts.items() if at >= begin})
            return partition.told

    def named_places(self) -> dict[Place, int]:
        """Positions of partitions of which messages are named: whoever leaves in order commits them anew."""
        with self._changed:
            named = [place for place, its in self._partitions.items() if its.told]
            return self._positions(named)

    def _positions(self, places: Iterable[Place]) -> dict[Place, int]:
        found = {place: self._partitions[place].tracker.position for place in places}
        return {place: position for place, position in found.items() if position is not None}

    def uncommitted(self, places: Iterable[Place]) -> None:
        """A commit for these failed: `commits` returns them again."""
        with self._changed:
            for place in places:
                if place in self._partitions:
                    self._partitions[place].committed = None

    def positions(self) -> dict[Place, int]:
        """The next offset to handle, of every partition that is ours and has been read from."""
        with self._changed:
            return self._positions(self._partitions)

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
            self._tenants[claim.record.topic, claim.record.tenant] -= 1
            self._tenants += Counter()  # drops those that have nothing
            claim._owner.running -= 1
            if handled:
                claim._owner.tracker.finish(claim.record.offset)
            claim._owner.begun.pop(claim.record.offset, None)
            if self._alone:
                self._alone = self._named = False
            self._changed.notify_all()

    def _next(self) -> Claim | None:
        suspects = [(place, its) for place, its in self._partitions.items() if _is_suspected(its)]
        if suspects or self._alone:
            # It is to run alone: nothing more is begun until all is done.
            named = [(place, its) for place, its in suspects if its.waiting[0].offset not in its.unnamed]
            if self._claims or not named:
                return None
            self._alone = True
            return self._start(*named[0], 0)
        for topic in list(self._turn):
            limits = self._limits[topic]
            if self._running[topic] >= limits.concurrency:
                continue
            for place, partition in self._partitions.items():
                if place[0] == topic and (limits.unordered or not partition.running):
                    chosen = self._chosen(partition, limits)
                    if chosen is not None:
                        return self._start(place, partition, chosen)
        return None

    def _chosen(self, partition: _Partition, limits: Limits) -> int | None:
        """Which of those that wait in a partition may run: the first whose tenant has not its share yet."""
        for number, record in enumerate(partition.waiting):
            if record.offset in partition.unnamed or record.offset in partition.suspects:
                return None
            if not limits.unordered or limits.share is None:
                return number
            if self._tenants[record.topic, record.tenant] < limits.share:
                return number
        return None

    def _start(self, place: Place, partition: _Partition, number: int) -> Claim:
        record = partition.waiting[number]
        del partition.waiting[number]
        self._tenants[record.topic, record.tenant] += 1
        partition.size -= record.size
        partition.running += 1
        deaths = partition.suspects.pop(record.offset, 0)
        partition.begun[record.offset] = deaths + 1
        self._running[record.topic] += 1
        # Whoever was served goes to the end of the line: stages and partitions take turns.
        self._turn.remove(record.topic)
        self._turn.append(record.topic)
        self._partitions[place] = self._partitions.pop(place)
        claim = Claim(record, threading.Event(), partition, deaths)
        self._claims.add(claim)
        return claim


def _is_suspected(partition: _Partition) -> bool:
    """Whether the next of a partition's messages was in hand when a worker died."""
    return bool(partition.waiting) and partition.waiting[0].offset in partition.suspects
