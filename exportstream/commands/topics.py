"""`topics create`: declares the topics on a Kafka broker; may be repeated."""

from __future__ import annotations

import argparse
import dataclasses

import orjson

from exportstream import exits, wiring
from exportstream.config import Settings


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Create what is missing, align what differs, say what was done."""
    kafka = wiring.needed_kafka(settings)
    from connectors.kafka_topics import create_topics

    reports = create_topics(kafka)
    if options.json:
        print(orjson.dumps([dataclasses.asdict(report) for report in reports]).decode())
        return exits.OK
    for report in reports:
        print(f"{report.topic:<24} {report.action:<10} {report.detail}")
    return exits.OK
