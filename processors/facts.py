"""Facts of stages: the topic, the key, and the fact that ends a job."""

from __future__ import annotations

from datetime import datetime

from processors.stage import Outgoing
from schemas import topics
from schemas.errors import ExportError
from schemas.facts import Fact, Failed, Problem, StageName


def tell(fact: Fact) -> Outgoing:
    """The fact on its way: keyed by its job, so that the job's facts keep their order."""
    return Outgoing(topics.PROGRESS, str(fact.ref), fact)


def failed(job_id: str, tenant: str, stage: StageName, error: ExportError, now: datetime) -> Outgoing:
    """The end of a job that cannot be done."""
    problem = Problem(
        code=error.code, message=error.message, path=error.path, stage=stage, retriable=error.retriable
    )
    return tell(Failed(job_id=job_id, tenant=tenant, at=now, error=problem))
