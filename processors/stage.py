"""Interface of a stage, for the loop on Kafka and for one process without Kafka.

A stage reads messages of one topic and answers with messages for others. It knows neither
partitions nor offsets. `handle` may block and runs in a worker thread; it may be called again with
the same message (delivery is at least once), so its effects are named by content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from schemas.errors import ExportError
from schemas.messages import Message

MessageT = TypeVar("MessageT", bound=Message)

JOB_CANCELLED = "job_cancelled"
"""Code of the Cancelled that `check` raises for a job that was called off: what it left may be removed."""


class Outgoing(NamedTuple):
    """A message to be published: `topic` by its plain name, `key` decides the partition."""

    topic: str
    key: str
    message: Message


class Instead(Exception):
    """The message cannot be worked on as it is: publish `outputs` and count it as handled."""

    def __init__(self, outputs: Iterable[Outgoing]) -> None:
        super().__init__("replaced by other messages")
        self.outputs = tuple(outputs)


class TaskContext(NamedTuple):
    """Environment of a task.

    check: raises Cancelled when the job was cancelled or the worker gives the task back; called
    often, at least every half second of work. emit: publishes at once, for progress that is seen
    while the task goes on. now: the time in UTC.
    """

    check: Callable[[], None]
    emit: Callable[[Outgoing], None]
    now: Callable[[], datetime]


class Stage(Protocol[MessageT]):
    """One stage of the stream."""

    @property
    def name(self) -> str:
        """The stage's name: plan, render, encode, mix or upload."""

    @property
    def topic(self) -> str:
        """The topic that it reads, by its plain name."""

    @property
    def concurrency(self) -> int:
        """Number of its tasks that one process has in flight; 1 a partition unless `unordered`."""

    @property
    def unordered(self) -> bool:
        """True if several messages of one partition may be in flight (stages that wait for networks)."""

    def parse(self, type_name: str | None, version: str | None, value: bytes) -> MessageT:
        """The message in `value`; raises InvalidMessage."""

    def job_of(self, message: MessageT) -> tuple[str, str]:
        """(job id, tenant) of a message."""

    def handle(self, message: MessageT, context: TaskContext) -> Iterable[Outgoing]:
        """Do the work; what it returns is published before the message counts as handled.

        Raises InvalidInput (the job fails), Unavailable (tried again), Cancelled (dropped), Instead.
        """

    def on_failure(self, message: MessageT, error: ExportError, now: datetime) -> Iterable[Outgoing]:
        """The fact that ends the job of a message that cannot be handled."""
