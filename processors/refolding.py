"""Jobs folded anew from the log itself: all requests first, then the facts, each partition in its order.

A job leaves memory when its end is known, so what is held are those that are under way, and of the others
which they were. A job that has no fact yet is held as its snapshot's bytes, a tenth of the object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from schemas.facts import Fact
from schemas.identity import JobRef
from schemas.lifecycle import Job, fold
from schemas.messages import ExportRequest


class Refold:
    """Folds a log from its beginning. The jobs are those that the projection made of it.

    keep: as the projection's, for a project that came inline.
    """

    def __init__(self, keep: Callable[[ExportRequest], ExportRequest] = lambda request: request) -> None:
        self._keep = keep
        self._asked: dict[JobRef, bytes] = {}
        self._open: dict[JobRef, Job] = {}
        self._ended: set[JobRef] = set()

    def ask(self, request: ExportRequest, at: datetime) -> None:
        """A request, published at `at`; the first one of a job counts."""
        if request.ref not in self._asked:
            self._asked[request.ref] = fold(None, self._keep(request), at=at).encode()

    def tell(self, fact: Fact) -> Job | None:
        """A fact; the job if this is its end."""
        ref = fact.ref
        if (job := self._open.get(ref)) is None:
            if ref in self._ended:
                return None
            if (asked := self._asked.pop(ref, None)) is not None:
                job = Job.decode(asked)
        job = fold(job, fact)
        if not job.terminal:
            self._open[ref] = job
            return None
        self._open.pop(ref, None)
        self._ended.add(ref)
        return job

    def unfinished(self) -> Iterator[Job]:
        """The jobs whose end nothing told of."""
        yield from self._open.values()
        for asked in self._asked.values():
            yield Job.decode(asked)
