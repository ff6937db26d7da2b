"""mix, its first half: parts of the sound of a job, mixed and encoded.

On a topic of its own, so that joins never wait behind sounds. A worker that runs `mix` runs this too.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from connectors.store.base import ObjectStore
from processors.bench import Bench
from processors.facts import failed, tell
from processors.plans import PlanCache
from processors.sending import after_part
from processors.sources import SoundReader
from processors.stage import Outgoing, TaskContext
from schemas import topics
from schemas.errors import ExportError
from schemas.facts import SoundMixed
from schemas.messages import SoundTask, read_message


class Sound:
    """The stage on `export.sound`."""

    name = "sound"
    topic = topics.SOUND
    unordered = True  # parts need no order

    def __init__(
        self, store: ObjectStore, plans: PlanCache, sounds: SoundReader, concurrency: int = 1
    ) -> None:
        self._store = store
        self._plans = plans
        self._sounds = sounds
        self.concurrency = concurrency

    def parse(self, type_name: str | None, version: str | None, value: bytes) -> SoundTask:
        """A part to mix."""
        message: Any = read_message(type_name, version, value, SoundTask)
        return message  # type: ignore[no-any-return]  # the accepted type

    def job_of(self, message: SoundTask) -> tuple[str, str]:
        """The job that the part belongs to."""
        return message.job_id, message.tenant

    def handle(self, message: SoundTask, context: TaskContext) -> Iterable[Outgoing]:
        """Mix and encode the part unless it is there, announce it, and send the one `width` further on."""
        context.check()
        view = self._plans.get(message.plan_key)
        plan, position = view.plan, message.position
        key = plan.place(position)
        if not self._store.exists(key):
            bench = Bench(view, context.check, sounds=self._sounds)
            self._store.put(key, view.maker.make(plan.part(position), bench, check=context.check))
        done = SoundMixed(
            job_id=message.job_id, tenant=message.tenant, at=context.now(), position=position, frames=1
        )
        return [tell(done), *after_part(plan, position, again=message.again)]

    def on_failure(self, message: SoundTask, error: ExportError, now: datetime) -> Iterable[Outgoing]:
        """The job fails: it has no sound."""
        return [failed(message.job_id, message.tenant, "mix", error, now)]
