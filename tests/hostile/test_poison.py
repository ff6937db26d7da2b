"""Messages that kill their worker: three deaths, then a dead letter and a failed job; all others are done."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import pytest
from confluent_kafka.cimpl import Message

from connectors.kafka import KafkaSettings
from processors.running import suspects
from processors.running.backlog import Backlog, Limits, Place, Record
from schemas.cloudevents import decode_headers
from schemas.facts import Failed
from schemas.topics import DEAD_LETTER, PROGRESS
from tests.integration.kafka_support import embedded_settings, read_all, real_settings
from tests.integration.toy import ToyDone, ToyTask, publish
from tests.servers.base import ROOT

PLACE: Place = ("t", 0)


class Broker(NamedTuple):
    """Where the worker is to connect, and how it is told."""

    settings: KafkaSettings
    protocol: str


@pytest.fixture(params=["embedded", "consumer"])
def broker(request: pytest.FixtureRequest, topic_prefix: str) -> Iterator[Broker]:
    """The embedded broker, and a real one."""
    if request.param == "embedded":
        server, settings = embedded_settings(topic_prefix)
        yield Broker(settings, "embedded")
        server.close()
    else:
        yield Broker(real_settings(request.getfixturevalue("kafka_bootstrap"), topic_prefix), "consumer")


@contextmanager
def worker(broker: Broker) -> Iterator[subprocess.Popen[bytes]]:
    """A process that handles tasks until one of them kills it."""
    settings = broker.settings
    arguments = (settings.bootstrap, settings.topic_prefix, settings.group, broker.protocol)
    command = [sys.executable, "-m", "tests.integration.toy", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def deaths_until_done(broker: Broker, wanted: int, failed: int) -> int:
    """Start workers until so many tasks are done and failed; how many were killed meanwhile."""
    deaths = 0
    deadline = time.monotonic() + 100
    while True:
        with worker(broker) as process:
            while process.poll() is None:
                if told(broker, ToyDone.TYPE) >= wanted and told(broker, Failed.TYPE) >= failed:
                    return deaths
                assert time.monotonic() < deadline, (
                    deaths,
                    told(broker, ToyDone.TYPE),
                    told(broker, Failed.TYPE),
                )
            assert process.returncode == -signal.SIGKILL
        deaths += 1
        assert deaths < 12


def told(broker: Broker, kind: str) -> int:
    """Different jobs of which something is told."""
    found: list[Message] = []

    def enough(messages: list[Message]) -> bool:
        found[:] = messages
        return False

    with suppress(TimeoutError):
        read_all(broker.settings, PROGRESS, enough, 1.0)
    return len({m.key() for m in found if decode_headers(m.headers()).type == kind})


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("seconds", [0.0, 0.3], ids=["at once", "after a while"])
def test_a_message_that_kills_is_a_dead_letter_and_all_others_are_done(
    broker: Broker, seconds: float
) -> None:
    """Among many that are handled at the same time, in workers that are started again."""
    tasks = [ToyTask(job_id=f"j{number}", seconds=0.05) for number in range(39)]
    tasks.insert(17, ToyTask(job_id="poison", act="crash", seconds=seconds))
    publish(broker.settings, *tasks)
    assert 3 <= deaths_until_done(broker, 39, 1) <= 4
    letters = read_all(broker.settings, DEAD_LETTER, lambda found: len(found) >= 1)
    headers = dict(letters[0].headers() or [])
    assert headers["dlq_code"] == b"killed_its_worker"
    assert [m.key() for m in letters] == [b"poison"]
    facts = read_all(broker.settings, PROGRESS, lambda found: any(_is_failure(m) for m in found))
    failure = next(Failed.decode(m.value() or b"") for m in facts if _is_failure(m))
    assert (failure.job_id, failure.error.code) == ("poison", "killed_its_worker")
    assert failure.error.message == "Processing it ended the worker 3 times."


def _is_failure(message: Message) -> bool:
    return decode_headers(message.headers()).type == Failed.TYPE


class Group:
    """One partition as a group has it: what is in it, where its members are, and what they told."""

    def __init__(self, count: int, concurrency: int = 4) -> None:
        self.records = [Record(*PLACE, offset, b"k", b"") for offset in range(count)]
        self.position, self.metadata = 0, ""
        self.concurrency = concurrency

    def member(self) -> Backlog:
        """A worker that is started, and has read all that is left."""
        backlog = Backlog({"t": Limits(self.concurrency, unordered=True)}, naming=True)
        backlog.assign([PLACE], {PLACE: suspects.read(self.metadata)})
        for record in self.records[self.position :]:
            backlog.add(record)
        self.turn(backlog)
        return backlog

    def turn(self, backlog: Backlog) -> None:
        """A turn of its loop."""
        named = backlog.unnamed()
        for place, position in (named | backlog.commits()).items():
            self.position, self.metadata = position, backlog.metadata(place)
        backlog.named(named)

    def left(self, backlog: Backlog) -> None:
        """It leaves in order."""
        for place, position in backlog.named_places().items():
            self.position, self.metadata = position, backlog.metadata(place, leaving=True)


@pytest.mark.parametrize("poison", [{3}, {0}, {19}, {3, 4}, {0, 19}, {7, 8, 9}])
def test_every_neighbour_is_done_wherever_poison_lies(poison: set[int]) -> None:
    """Of twenty messages in a partition all that do not kill are handled, each that does is not for ever."""
    group, done, buried, begun, deaths = Group(20), set[int](), set[int](), dict.fromkeys(range(20), 0), 0
    while len(done | buried) < 20:
        backlog, alive = group.member(), True
        while alive and len(done | buried) < 20:
            claim = backlog.claim()
            assert claim is not None
            offset = claim.record.offset
            if claim.deaths >= suspects.ATTEMPTS:
                buried.add(offset)
            else:
                begun[offset] += 1
                if offset in poison:
                    alive = False
                    deaths += 1
                    continue
                done.add(offset)
            backlog.finish(claim, handled=True)
            group.turn(backlog)
    assert buried == poison
    # One that was in hand when another killed has that death on its account, and one that was never named
    # kills once more.
    assert all(begun[offset] in (2, 3, 4) for offset in poison)
    assert all(begun[offset] <= 4 for offset in range(20))
    assert deaths == sum(begun[offset] for offset in poison)


def test_a_suspect_runs_alone() -> None:
    """While it does nothing else is begun, and it waits for what runs: so who dies with it is cleared."""
    group = Group(6)
    group.metadata = suspects.written({2: 1})
    backlog = group.member()
    before = [backlog.claim(), backlog.claim()]
    assert [claim.record.offset for claim in before if claim] == [0, 1]
    assert backlog._next() is None
    for claim in before:
        assert claim is not None
        backlog.finish(claim, handled=True)
    group.turn(backlog)
    alone = backlog.claim()
    assert alone is not None
    assert (alone.record.offset, alone.deaths) == (2, 1)
    group.turn(backlog)
    assert backlog._next() is None
    backlog.finish(alone, handled=True)
    group.turn(backlog)
    assert backlog.claim() is not None


def test_a_suspect_is_named_until_the_broker_says_so() -> None:
    """A commit that fails is sent again; before it is answered the suspect does not run."""
    group = Group(2)
    group.metadata = suspects.written({0: 1})
    backlog = Backlog({"t": Limits(4, unordered=True)}, naming=True)
    backlog.assign([PLACE], {PLACE: suspects.read(group.metadata)})
    backlog.add(group.records[0])
    for _ in range(3):
        assert backlog.unnamed() == {PLACE: 0}
        assert suspects.read(backlog.metadata(PLACE)) == {0: 2}
        assert backlog._next() is None
    backlog.named([PLACE])
    assert backlog.unnamed() == {}
    assert backlog.claim() is not None


def test_who_leaves_in_order_leaves_no_suspects() -> None:
    """What a stopped worker hands back is not its fault; what was suspected before and not tried stays so."""
    group = Group(6)
    group.metadata = suspects.written({4: 2})
    backlog = group.member()
    first = backlog.claim()
    assert first is not None
    assert 0 in suspects.read(group.metadata)
    backlog.finish(first, handled=False)
    group.left(backlog)
    assert suspects.read(group.metadata) == {4: 2}


def test_metadata_keeps_the_highest_counts() -> None:
    """A broker takes 4,096 bytes: where thousands are in hand, those that are suspected most are kept."""
    counts = {10**9 + number: 1 for number in range(5000)} | {7: 3, 8: 2}
    text = suspects.written(counts)
    assert len(text) <= suspects.LONGEST
    found = suspects.read(text)
    assert (found[7], found[8]) == (3, 2)
    assert len(found) > 200


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "x",
        "[]",
        "{}",
        '{"v": 2, "run": {"1": 3}}',
        '{"v": 1, "run": [1]}',
        '{"v": 1, "run": {"a": 1}}',
    ],
)
def test_metadata_of_others_means_nothing(text: str | None) -> None:
    """Whatever another client or version wrote there, nobody is suspected for it."""
    assert suspects.read(text) == {}
