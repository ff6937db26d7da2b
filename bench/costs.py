"""What each step costs on this machine: `python -m bench.costs --save costs.json`, for `bench.simulate`.

Runs the stages of one moving project (that of `bench.wide`) one after the other in this process, against a
real S3 server: a few parts are made, the others are copies of them, so that an hour takes a minute. Seconds
are those of all processors together, of this process, its decoder and the store: what others do on the
machine is not counted, and what the store could do side by side is counted as if it could not. What every
process pays once, to open a plan, is a cost of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bench.projects import project, write
from bench.wide import CACHE, TICKS, case_of
from connectors.decoder import SandboxedDecoder
from connectors.store.s3 import S3Settings, S3Store
from exportstream.commands.submit import with_uploads
from exportstream.config import Settings
from exportstream.wiring import make_stages
from processors.plans import PlanCache, PlanView
from processors.stage import TaskContext
from processors.verified import sha256_of
from schemas import keys
from schemas.messages import (
    DEFAULT_TENANT,
    EncodeTask,
    ExportRequest,
    JoinTask,
    Message,
    PartTask,
    RenderTask,
    SoundTask,
    UploadTask,
)
from tests.acceptance.support import descendants
from tests.servers.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

MADE = 14
"""Parts of a kind that are made; the first is not counted."""
REPEATS = 3


class Costs:
    """The stages over one store, and what they take."""

    def __init__(self, store: S3Store, folder: Path, decoder: SandboxedDecoder) -> None:
        self.store = store
        settings = Settings.from_environ({"EXPORTSTREAM_DATA": str(folder / "data")})
        self.stages = {s.name: s for s in make_stages(settings, store, folder, decoder=decoder)}
        self._context = TaskContext(lambda: None, lambda outgoing: None, lambda: datetime.now(UTC))

    def task(self, stage: str, message: Message) -> float:
        """Seconds that a stage takes for a message."""
        return clock(lambda: list(self.stages[stage].handle(message, self._context)))

    def tasks(self, stage: str, kind: type[PartTask], positions: Sequence[int], about: Any) -> list[float]:
        """Seconds for each of some parts."""
        return [self.task(stage, kind(**about, position=position)) for position in positions]


def clock(work: Callable[[], object]) -> float:
    """Processor seconds of this process and all below it that something takes."""
    began = _processor()
    work()
    return _processor() - began


def _processor() -> float:
    total = 0
    for pid in (os.getpid(), *(child for child, _ in descendants(os.getpid()))):
        with suppress(OSError):
            total += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return total / TICKS


def measure(minutes: float) -> dict[str, float]:
    """Seconds of each step for a project of so many minutes."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(S3Server()) as server,
        closing(SandboxedDecoder()) as decoder,
    ):
        server.start()
        store = S3Store(S3Settings(server.endpoint, ACCESS_KEY, SECRET_KEY, "costs"))
        store.ensure_bucket()
        return _measured(Costs(store, Path(folder), decoder), minutes)


def _measured(costs: Costs, minutes: float) -> dict[str, float]:
    case = case_of(minutes)
    write(case, CACHE)

    def upload(path: Path) -> str:
        data = path.read_bytes()
        key = keys.upload_key(DEFAULT_TENANT, hashlib.sha256(data).hexdigest(), path.suffix)
        costs.store.put(key, data)
        return key

    document = with_uploads(project(case), CACHE, upload)
    costs.task("plan", ExportRequest(job_id="fetches", format="mp4", project=document))
    jobs = [f"plans-{number}" for number in range(REPEATS)]
    plan_s = [costs.task("plan", ExportRequest(job_id=j, format="mp4", project=document)) for j in jobs]
    about = {"job_id": jobs[0], "tenant": DEFAULT_TENANT, "plan_key": keys.plan_key(DEFAULT_TENANT, jobs[0])}

    def opened() -> PlanView:
        view = PlanCache(costs.store).get(about["plan_key"])
        view.timeline.states(view.plan.chunks[len(view.plan.chunks) // 2])
        return view

    view = opened()
    open_s = [clock(opened) for _ in range(REPEATS)]
    plan = view.plan
    pictures, sounds = plan.of_kind("picture"), plan.of_kind("sound")
    render = costs.tasks("render", RenderTask, pictures[:MADE], about)
    encode = costs.tasks("encode", EncodeTask, pictures[:MADE], about)
    sound = costs.tasks("sound", SoundTask, [*sounds[: MADE - 1], sounds[-1]], about)
    for made, kind in ((MADE, pictures), (MADE - 1, sounds[:-1])):
        for number, position in enumerate(kind[made:]):
            costs.store.copy(plan.place(kind[1 + number % (made - 1)]), plan.place(position))
    return {
        "seconds": minutes * 60,
        "plan": statistics.mean(plan_s),
        "open": statistics.mean(open_s),
        "render_photo": statistics.mean(render[1:10]),
        "render": statistics.mean(render[10:]),
        "encode_frame": statistics.mean(encode[1:]) / 90,
        "sound": statistics.mean(sound[1:-1]),
        **_joined(costs, view, about),
    }


def _joined(costs: Costs, view: PlanView, about: Any) -> dict[str, float]:
    """Joining, in segments or in one piece, and publishing."""
    plan, store = view.plan, costs.store
    count = clock(lambda: [store.exists("nothing") for _ in range(200)]) / 200
    segment = [costs.task("mix", JoinTask(**about, segment=n)) for n in range(len(plan.segments))]
    join = []
    for _ in range(REPEATS):
        store.delete(plan.output_key)
        join.append(costs.task("mix", JoinTask(**about)))
    publish = []
    for _ in range(REPEATS):
        store.delete(keys.manifest_key(plan.tenant, plan.job_id))
        publish.append(costs.task("upload", UploadTask(**about, output_key=plan.output_key)))
    size, began = store.stat(plan.output_key).size, time.process_time()
    sha256_of(store, plan.output_key, size)
    return {
        "hash": time.process_time() - began,
        "count": count,
        "segment": statistics.mean(segment) if segment else 0.0,
        "join": statistics.mean(join),
        "upload": statistics.mean(publish),
        "megabytes": store.stat(plan.output_key).size / 1e6,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", default="5,60", help="lengths of the project")
    parser.add_argument("--save", type=Path, help="where the costs go")
    options = parser.parse_args()
    found = {text: measure(float(text)) for text in options.minutes.split(",")}
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    if options.save is not None:
        options.save.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
