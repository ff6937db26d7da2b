"""Identity of jobs: a job is (tenant, id), and so are its keys on the stream.

Two tenants may choose the same id; their jobs have nothing in common. Neither a tenant's name nor an id
contains a slash or a colon, so no two pairs have the same key.
"""

from __future__ import annotations

from typing import NamedTuple


class JobRef(NamedTuple):
    """The pair that identifies a job. `str` is its key on the stream."""

    tenant: str
    id: str

    def __str__(self) -> str:
        return job_key(self.tenant, self.id)


def job_key(tenant: str, job_id: str) -> str:
    """The Kafka key of everything about a job: one job, one partition."""
    return f"{tenant}/{job_id}"


def task_key(tenant: str, job_id: str, position: int) -> str:
    """The Kafka key of a task about one part of a job (`connectors.kafka.chunk_partition` spreads them)."""
    return f"{job_key(tenant, job_id)}:{position}"
