"""Declaring the topics on a broker, and looking whether they are there. Both may be repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported without __all__
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    ResourceType,
)
from confluent_kafka.cimpl import NewPartitions, NewTopic

from connectors.kafka import KafkaSettings
from schemas.errors import ExportError, InvalidInput, Missing, Unavailable
from schemas.topics import TOPICS, TopicSpec

TIMEOUT = 20.0


@dataclass(frozen=True)
class TopicReport:
    """Outcome for one topic: "created", "changed" or "unchanged", and a sentence about it."""

    topic: str
    action: str
    detail: str


@dataclass(frozen=True)
class TopicState:
    """A topic as the broker has it; `config` only what was set on the topic itself."""

    partitions: int
    config: Mapping[str, str]


def differences(spec: TopicSpec, state: TopicState) -> tuple[int | None, dict[str, str]]:
    """(partitions to grow to, or None; settings to set). A topic never loses partitions."""
    grow = spec.partitions if state.partitions < spec.partitions else None
    return grow, {name: value for name, value in spec.config().items() if state.config.get(name) != value}


def check_topics(settings: KafkaSettings, names: Iterable[str], timeout: float = TIMEOUT) -> None:
    """Return when all topics (plain names) exist.

    Raises Missing with what to type when some do not, Unavailable when no broker answers.
    """
    there = _metadata(_admin(settings), settings, timeout)
    missing = [settings.name(name) for name in names if settings.name(name) not in there]
    if missing:
        listed = ", ".join(missing)
        plural = "topics" if len(missing) > 1 else "topic"
        sentence = f"The broker at {settings.bootstrap} lacks the {plural} {listed}"
        raise Missing("missing_topics", f"{sentence}: type `exportstream topics create`.")


def create_topics(
    settings: KafkaSettings,
    specs: Sequence[TopicSpec] = TOPICS,
    *,
    partitions: int | None = None,
    replication: int | None = None,
) -> list[TopicReport]:
    """Create what is missing, grow what has too few partitions, set what is set otherwise; says what it did.

    partitions: instead of the specs' own. replication: copies of each message, default the broker's.
    Raises Unavailable when no broker answers, InvalidInput when it refuses.
    """
    if partitions is not None:
        specs = [spec._replace(partitions=partitions) for spec in specs]
    admin = _admin(settings)
    there = _metadata(admin, settings, TIMEOUT)
    missing = [spec for spec in specs if settings.name(spec.name) not in there]
    reports = {spec.name: report for spec, report in _create(admin, settings, missing, replication)}
    _await(admin, settings, [report.topic for report in reports.values()])
    present = [spec for spec in specs if spec.name not in reports]
    configs = _configs(admin, [settings.name(spec.name) for spec in present])
    for spec in present:
        name = settings.name(spec.name)
        reports[spec.name] = _align(
            admin, name, spec, TopicState(there.get(name, spec.partitions), configs[name])
        )
    return [reports[spec.name] for spec in specs]


def _create(
    admin: AdminClient, settings: KafkaSettings, specs: Sequence[TopicSpec], replication: int | None
) -> Iterable[tuple[TopicSpec, TopicReport]]:
    if not specs:
        return
    new = [
        NewTopic(settings.name(spec.name), spec.partitions, replication or -1, config=spec.config())
        for spec in specs
    ]
    futures = admin.create_topics(new, operation_timeout=TIMEOUT)
    for spec in specs:
        name = settings.name(spec.name)
        try:
            _wait(futures[name], f"creating {name}")
        except _Exists:
            continue  # somebody else was faster; aligned like any other
        yield spec, TopicReport(name, "created", f"{spec.partitions} partitions, {spec.cleanup}")


def _await(admin: AdminClient, settings: KafkaSettings, names: Sequence[str]) -> None:
    """Return when a broker names the topics: it may take a moment after the controller made them."""
    deadline = time.monotonic() + TIMEOUT
    while lacking := set(names) - set(_metadata(admin, settings, TIMEOUT)):
        if time.monotonic() > deadline:
            raise Unavailable("topics_unseen", f"No broker names the topic {min(lacking)} that was created.")
        time.sleep(0.05)


def _align(admin: AdminClient, name: str, spec: TopicSpec, state: TopicState) -> TopicReport:
    grow, config = differences(spec, state)
    done: list[str] = []
    if grow is not None:
        _wait(admin.create_partitions([NewPartitions(name, grow)])[name], f"growing {name}")
        done.append(f"partitions {state.partitions} -> {grow} (keys move: best done when no job is running)")
    if config:
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
            for key, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        _wait(admin.incremental_alter_configs([resource])[resource], f"configuring {name}")
        done += [f"{key} {state.config.get(key, 'default')} -> {value}" for key, value in config.items()]
    if not done:
        return TopicReport(name, "unchanged", f"{state.partitions} partitions, {spec.cleanup}")
    return TopicReport(name, "changed", "; ".join(done))


def _admin(settings: KafkaSettings) -> AdminClient:
    # A new one each time: one that outlives a restart of the broker may be fenced.
    return AdminClient(settings.common())


def _metadata(admin: AdminClient, settings: KafkaSettings, timeout: float) -> dict[str, int]:
    """The number of partitions of every topic on the broker."""
    try:
        topics = admin.list_topics(timeout=timeout).topics
    except KafkaException as error:
        sentence = f"No Kafka broker answers at {settings.bootstrap}: {error.args[0].str()}."
        raise Unavailable("broker_unavailable", sentence) from error
    return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}


def _configs(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    futures = admin.describe_configs(resources)
    return {
        resource.name: {
            entry.name: str(entry.value)
            for entry in _wait(futures[resource], f"reading the settings of {resource.name}").values()
            if entry.source == own
        }
        for resource in resources
    }


class _Exists(ExportError):
    """The topic was there already."""


def _wait(future: Future[Any], doing: str) -> Any:
    try:
        return future.result(TIMEOUT + 5)
    except KafkaException as error:
        cause: KafkaError = error.args[0]
        if cause.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            raise _Exists("exists", f"{doing}: it exists.") from error
        kind: Callable[[str, str], ExportError] = Unavailable if cause.retriable() else InvalidInput
        raise kind("broker_refused", f"The broker refused {doing}: {cause.str()}.") from error
    except FutureTimeout as error:
        raise Unavailable("broker_unavailable", f"The broker did not answer {doing}.") from error
