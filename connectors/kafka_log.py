"""A topic read from its beginning to the end that it has now, in batches, by whoever wants all of it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.cimpl import Message

from connectors.kafka import KafkaSettings, make_consumer
from schemas.errors import Missing, Unavailable

BATCH = 2000
POLL_S = 1.0
SILENCE_S = 30.0
ANSWER_S = 20.0


class TopicLog:
    """The messages of a topic that are there when this is made; what comes later is left out.

    Not all are in memory at once. Raises Unavailable when the broker does not answer, Missing when it has no
    such topic.
    """

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._settings = settings
        self._name = settings.name(topic)
        self._bounds = self._find_bounds()

    def _find_bounds(self) -> dict[int, tuple[int, int]]:
        """(first offset, offset after the last) of each partition that holds anything."""
        consumer = self._consumer()
        try:
            found = consumer.list_topics(self._name, timeout=ANSWER_S).topics[self._name]
            if found.error is not None:
                raise Missing("missing_topics", f"The broker lacks the topic {self._name}.")
            bounds = {
                number: consumer.get_watermark_offsets(TopicPartition(self._name, number), timeout=ANSWER_S)
                for number in found.partitions
            }
        except KafkaException as error:
            raise self._away(error.args[0].str()) from error
        finally:
            consumer.close()
        return {number: bound for number, bound in bounds.items() if bound[0] < bound[1]}

    def batches(self, size: int = BATCH) -> Iterator[list[Message]]:
        """At most `size` messages at a time, those of a partition in their order."""
        ends = {number: end for number, (_, end) in self._bounds.items()}
        consumer = self._consumer()
        heard, trouble = time.monotonic(), "it says nothing"
        try:
            consumer.assign([TopicPartition(self._name, n, begin) for n, (begin, _) in self._bounds.items()])
            while ends:
                batch: list[Message] = []
                for message in consumer.consume(size, POLL_S):
                    if (error := message.error()) is not None and error.code() != KafkaError._PARTITION_EOF:
                        trouble = error.str()
                        continue
                    heard = time.monotonic()
                    if error is None and _before_end(message, ends):
                        batch.append(message)
                    _note(message, ends, at_end=error is not None)
                if batch:
                    yield batch
                    heard = time.monotonic()  # the time that the caller takes is not the broker's
                elif ends and time.monotonic() - heard > SILENCE_S:
                    raise self._away(trouble)
        except KafkaException as error:
            raise self._away(error.args[0].str()) from error
        finally:
            consumer.close()

    def _consumer(self) -> Consumer:
        # The offset after the last may be that of a message that was compacted away, or of a transaction's
        # mark: the end of a partition is what the client says it is.
        return make_consumer(
            self._settings, f"{self._settings.group}-reader", **{"enable.partition.eof": True}
        )

    def _away(self, why: str) -> Unavailable:
        return Unavailable(
            "broker_unavailable", f"Kafka does not answer at {self._settings.bootstrap}: {why}."
        )


def _place(message: Message) -> tuple[int, int]:
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    return partition, offset


def _before_end(message: Message, ends: dict[int, int]) -> bool:
    partition, offset = _place(message)
    return offset < ends.get(partition, 0)


def _note(message: Message, ends: dict[int, int], *, at_end: bool) -> None:
    """Forget the end of a partition that was reached."""
    partition, offset = _place(message)
    if at_end or offset + 1 >= ends.get(partition, 0):
        ends.pop(partition, None)
