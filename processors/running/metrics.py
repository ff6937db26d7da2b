"""The workers' metrics, declared once."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

TASK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

TASKS = Counter(
    "exportstream_tasks",
    "Messages handled, by stage and outcome (done, failed, cancelled, dead_letter, handed_back).",
    ("stage", "outcome"),
)
TASK_SECONDS = Histogram(
    "exportstream_task_seconds",
    "Time from taking a message to its outputs being acknowledged.",
    ("stage",),
    buckets=TASK_BUCKETS,
)
TASKS_IN_FLIGHT = Gauge("exportstream_tasks_in_flight", "Messages being handled now.", ("stage",))
RETRIES = Counter("exportstream_task_retries", "Attempts repeated after an infrastructure fault.", ("stage",))
DEAD_LETTERS = Counter("exportstream_dead_letters", "Messages that could not be handled.", ("topic", "code"))
CONSUMER_LAG = Gauge(
    "exportstream_consumer_lag",
    "Messages between the next one to handle and the end of the log, for partitions of this process.",
    ("topic", "partition"),
)
ASSIGNED_PARTITIONS = Gauge("exportstream_assigned_partitions", "Partitions assigned to this process.")
LAST_POLL = Gauge("exportstream_last_poll_timestamp_seconds", "When the consumer loop last went round.")
LAST_PROGRESS = Gauge(
    "exportstream_last_progress_timestamp_seconds",
    "When a message was last handled or nothing was left to do.",
)
