"""`dlq list|replay`: messages that could not be handled, with the reason; and sending them back."""

from __future__ import annotations

import argparse
from collections import deque
from dataclasses import dataclass

import orjson
from confluent_kafka import Message

from connectors.kafka import KafkaSettings, Publisher
from connectors.kafka_log import TopicLog
from exportstream import exits, wiring
from exportstream.config import Settings
from exportstream.projecting import wait_for_all
from schemas import topics


@dataclass(frozen=True)
class DeadLetter:
    """A message of `export.dead-letter`, and where it came from."""

    message: Message
    headers: dict[str, bytes]

    def text(self, name: str) -> str:
        """A header as text, empty when it is missing."""
        return self.headers.get(name, b"").decode("utf-8", "replace")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """List the newest dead letters, or publish them again where they came from."""
    kafka = wiring.needed_kafka(settings)
    # A letter may hold 9 MB: only those that are asked for are kept.
    letters = (
        DeadLetter(m, _headers(m)) for some in TopicLog(kafka, topics.DEAD_LETTER).batches() for m in some
    )
    asked = (letter for letter in letters if options.code in (None, letter.text("dlq_code")))
    chosen = list(deque(asked, maxlen=max(0, options.limit)))
    if options.action == "replay":
        return _replay(kafka, chosen)
    if options.json:
        print(orjson.dumps([_described(letter) for letter in chosen], option=orjson.OPT_INDENT_2).decode())
    else:
        for letter in chosen:
            place = f"{letter.text('dlq_topic')}[{letter.text('dlq_partition')}]@{letter.text('dlq_offset')}"
            print(f"{place:<32} {letter.text('dlq_code'):<18} {letter.text('dlq_reason')}")
        if not chosen:
            print("No dead letters.")
    return exits.OK


def _headers(message: Message) -> dict[str, bytes]:
    pairs = message.headers() or []
    items = pairs.items() if isinstance(pairs, dict) else pairs
    return {name: value if isinstance(value, bytes) else str(value or "").encode() for name, value in items}


def _described(letter: DeadLetter) -> dict[str, str]:
    key, value = letter.message.key(), letter.message.value()
    return {
        "key": (key or b"").decode("utf-8", "replace"),
        "value": (value or b"")[:2000].decode("utf-8", "replace"),
        **{name: letter.text(name) for name in letter.headers if name.startswith("dlq_")},
    }


def _replay(kafka: KafkaSettings, letters: list[DeadLetter]) -> int:
    publisher = Publisher(kafka)
    futures = [
        publisher.publish(
            letter.text("dlq_topic"),
            letter.message.key(),
            letter.message.value(),
            [(name, value) for name, value in letter.headers.items() if not name.startswith("dlq_")],
        )
        for letter in letters
    ]
    wait_for_all(futures)
    publisher.close()
    print(f"{len(letters)} messages were sent back to where they came from.")
    return exits.OK
