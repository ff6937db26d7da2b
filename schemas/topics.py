"""The topics of the stream, as data: what lies on them, by which key, for how long.

Names here are plain; a deployment may put a prefix before all of them (`topic_name`), so that
several share a broker. What a topic's settings mean: Kafka's documentation, "Topic Configs".
"""

from __future__ import annotations

from typing import Literal, NamedTuple

REQUESTS = "export.requests"
RENDER = "export.render"
ENCODE = "export.encode"
SOUND = "export.sound"
MIX = "export.mix"
UPLOAD = "export.upload"
CONTROL = "export.control"
PROGRESS = "export.progress"
STATUS = "export.status"
DEAD_LETTER = "export.dead-letter"

DEFAULT_PARTITIONS = 12
"""Shared evenly by 2, 3, 4, 6 and 12 processes; more than these have nothing to do (docs/scaling.md)."""
DAY_MS = 24 * 3600 * 1000
MIB = 1024 * 1024

JOB_KEY = "tenant/job_id"
TASK_KEY = "tenant/job_id:part"
MIX_KEY = "tenant/job_id, or tenant/job_id:segment"
"""Formats of keys; schemas/identity.py makes them."""

MAX_REQUEST_BYTES = 8 * MIB
"""A request may inline its project; every other message stays under 64 kB."""
MAX_DEAD_LETTER_BYTES = 9 * MIB
"""An unreadable request, with the headers that give the reason."""


class TopicSpec(NamedTuple):
    """Declaration of a topic. `retention_ms` applies to cleanup "delete" only."""

    name: str
    key: str
    carries: str
    cleanup: Literal["delete", "compact"] = "delete"
    retention_ms: int = 2 * DAY_MS
    max_message_bytes: int = MIB
    partitions: int = DEFAULT_PARTITIONS

    def config(self) -> dict[str, str]:
        """The settings of the topic, as Kafka names and writes them."""
        config = {"cleanup.policy": self.cleanup, "max.message.bytes": str(self.max_message_bytes)}
        if self.cleanup == "delete":
            return {**config, "retention.ms": str(self.retention_ms)}
        # A snapshot that was overtaken goes within the hour, and who was away for a day sees deletions.
        return {**config, "max.compaction.lag.ms": str(DAY_MS // 24), "delete.retention.ms": str(DAY_MS)}


TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec(
        REQUESTS,
        "tenant/job_id, or what the producer likes",
        "what a service asks for",
        retention_ms=7 * DAY_MS,
        max_message_bytes=MAX_REQUEST_BYTES,
    ),
    TopicSpec(RENDER, TASK_KEY, "draw one part"),
    TopicSpec(ENCODE, TASK_KEY, "compose and encode one part"),
    TopicSpec(SOUND, TASK_KEY, "mix and encode one part of the sound"),
    TopicSpec(MIX, MIX_KEY, "part finished, join them"),
    TopicSpec(UPLOAD, JOB_KEY, "publish one finished file"),
    TopicSpec(CONTROL, JOB_KEY, "cancel, change priority", cleanup="compact"),
    TopicSpec(PROGRESS, JOB_KEY, "facts: what a stage started, finished, failed", retention_ms=7 * DAY_MS),
    TopicSpec(
        STATUS,
        JOB_KEY,
        "snapshot of a job after each change: what user interfaces consume",
        cleanup="compact",
    ),
    TopicSpec(
        DEAD_LETTER,
        "the original key",
        "a message that could not be handled, with reason and origin in headers",
        retention_ms=28 * DAY_MS,
        max_message_bytes=MAX_DEAD_LETTER_BYTES,
    ),
)

CHUNK_TOPICS = frozenset(spec.name for spec in TOPICS if spec.key in (TASK_KEY, MIX_KEY))
"""What is about parts in a row, or segments in a row, goes to partitions in turn."""


def topic_name(plain: str, prefix: str = "") -> str:
    """The name of a topic on the broker."""
    return f"{prefix}{plain}"


def plain_name(name: str, prefix: str = "") -> str:
    """The name of a topic as the code knows it; the inverse of `topic_name`."""
    return name.removeprefix(prefix)
