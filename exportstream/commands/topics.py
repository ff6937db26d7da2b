"""`topics create`: declares the topics on a Kafka broker; may be repeated."""

from __future__ import annotations

import argparse
import dataclasses

import orjson

from exportstream import exits, wiring
from exportstream.config import Settings
from schemas.errors import InvalidInput


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Create what is missing, align what differs, say what was done."""
    kafka = wiring.kafka_settings(settings)
    if kafka is None:
        raise InvalidInput("no_kafka", "Set KAFKA_BOOTSTRAP_SERVERS to the broker, such as 127.0.0.1:9092.")
    from connectors.kafka_topics import create_topics

    reports = create_topics(kafka)
    if options.json:
        print(orjson.dumps([dataclasses.asdict(report) for report in reports]).decode())
        return exits.OK
    for report in reports:
        print(f"{report.topic:<24} {report.action:<10} {report.detail}")
    return exits.OK
