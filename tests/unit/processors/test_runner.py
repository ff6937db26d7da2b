"""What a worker commits at its end. All else of it is tested on a real Kafka."""

from __future__ import annotations

from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, TopicPartition

from connectors.kafka import KafkaSettings
from processors.running.backlog import Record
from processors.running.runner import Runner
from tests.integration.toy import Toy, ToyTask

PLACE = (Toy.topic, 0)


class Silent:
    """A consumer whose broker restarts: what is committed without waiting is not answered."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, int]] = []
        self.kept: list[tuple[str, int, int]] = []

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        """Note the offsets."""
        done = self.sent if asynchronous else self.kept
        done += [(partition.topic, partition.partition, partition.offset) for partition in offsets]


def worker() -> Any:
    """A runner that owns a partition, of which it has handled offset 6."""
    runner: Any = Runner(KafkaSettings("127.0.0.1:1"), [Toy()])
    runner._backlog.assign([PLACE])
    runner._backlog.add(Record(*PLACE, 6, b"k", ToyTask(job_id="j").encode()))
    runner._backlog.named(runner._backlog.unnamed())
    runner._backlog.finish(runner._backlog.claim(), True)
    return runner


def test_what_was_not_answered_is_committed_again_at_the_end() -> None:
    """Else another worker would handle it once more, although this one ended in peace."""
    runner, silent = worker(), Silent()
    consumer = cast(Consumer, silent)
    runner._commit(consumer)
    runner._last_commits(consumer)
    assert silent.sent == silent.kept == [(*PLACE, 7)]
    runner._on_revoke(consumer, [TopicPartition(*PLACE)])
    assert silent.kept == [(*PLACE, 7)]


def test_partitions_that_go_are_committed_with_what_was_not_answered() -> None:
    """Their next owner begins where this worker ended."""
    runner, silent = worker(), Silent()
    runner._commit(cast(Consumer, silent))
    runner._on_revoke(cast(Consumer, silent), [TopicPartition(*PLACE)])
    assert silent.kept == [(*PLACE, 7)]


def test_what_was_answered_is_not_committed_twice() -> None:
    """An answer settles it; a refusal has it sent again."""
    runner, silent = worker(), Silent()
    consumer = cast(Consumer, silent)
    runner._commit(consumer)
    runner._on_commit(KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS), [TopicPartition(*PLACE, 7)])
    runner._commit(consumer)
    runner._on_commit(None, [TopicPartition(*PLACE, 7)])
    runner._last_commits(consumer)
    assert (silent.sent, silent.kept) == ([(*PLACE, 7)] * 2, [])
