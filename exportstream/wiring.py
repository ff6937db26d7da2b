"""The composition root: the only place that makes adapters and hands them to those who use them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.assets import AssetPolicy, AssetSource
from connectors.decoder import SandboxedDecoder
from connectors.fetch_policy import FetchPolicy
from connectors.font_places import FontPlaces
from connectors.private import private_folder
from connectors.projects import HttpProjects, StoredProjects
from connectors.store.base import ObjectStore
from connectors.store.files import FileStore
from exportstream.config import Settings
from processors.assets import AssetGatherer
from processors.documents import Documents
from processors.encode import Encode
from processors.frames import Frames
from processors.history import StoredProjectHistory
from processors.layers import Layers, SharedLayers, StoredLayers
from processors.mix import Mix
from processors.plan import PlanStage
from processors.plans import PlanCache
from processors.render import Render
from processors.resources import ResourcePool
from processors.sound import Sound
from processors.sources import SoundReader
from processors.stage import Stage
from processors.upload import Upload
from schemas import topics
from schemas.errors import InvalidInput, Unavailable
from schemas.facts import STAGES
from schemas.messages import DEFAULT_TENANT
from schemas.plan import Plan

if TYPE_CHECKING:
    from connectors.jobs import Jobs
    from connectors.kafka import KafkaSettings
    from processors.running.runner import RunnerOptions

EMBEDDED = "EXPORTSTREAM_EMBEDDED"
"""Set by `up` for its workers: the broker they find is the embedded one."""
PLANS_OF_A_TENANT = 4
"""At once in one process, of the six that it has: slow files and hosts of one tenant leave two for others."""
LAYER_MEMORY = 64 << 20
"""Bytes of layers that `render` keeps on their way from drawing to encoding."""


def kafka_settings(settings: Settings) -> KafkaSettings | None:
    """How to reach the Kafka broker, or None when the deployment has none of its own."""
    if settings.kafka_bootstrap is None:
        return None
    from connectors.kafka import KafkaSettings

    if settings.environ.get(EMBEDDED) == "1":
        return embedded_settings(settings.kafka_bootstrap)
    return KafkaSettings.from_environ(
        {**settings.environ, "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap}
    )


def needed_kafka(settings: Settings) -> KafkaSettings:
    """How to reach the Kafka broker. Raises InvalidInput when none is configured."""
    if (kafka := kafka_settings(settings)) is None:
        raise InvalidInput(
            "no_kafka", "Set KAFKA_BOOTSTRAP_SERVERS to the broker; `exportstream up` needs none."
        )
    return kafka


def embedded_settings(bootstrap: str) -> KafkaSettings:
    """How to speak to the embedded broker."""
    from connectors.embedded import MAX_MESSAGE_BYTES
    from connectors.kafka import KafkaSettings

    return KafkaSettings.for_embedded(bootstrap, MAX_MESSAGE_BYTES)


def make_store(settings: Settings) -> ObjectStore:
    """The object store: S3 where an endpoint is set, else files under the data folder."""
    if settings.s3_endpoint is None:
        return FileStore(private_folder(settings.data_dir) / "objects")
    from connectors.store.s3 import S3Settings, S3Store

    store = S3Store(
        S3Settings(
            endpoint=settings.s3_endpoint,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
            bucket=settings.s3_bucket,
            secure=settings.s3_secure,
            region=settings.s3_region,
        )
    )
    with suppress(Unavailable):  # whoever needs it first will wait for it
        store.ensure_bucket()
    return store


def make_jobs(settings: Settings) -> Jobs:
    """The job table, its schema up to date."""
    from connectors.jobs import Jobs

    if settings.database_url is None:
        private_folder(settings.data_dir)
    jobs = Jobs(settings.database_url or f"sqlite:///{(settings.data_dir / 'jobs.db').absolute()}")
    jobs.migrate()
    return jobs


def fetch_policy(settings: Settings) -> FetchPolicy:
    """What may be fetched from the web."""
    return FetchPolicy(
        allowed_networks=settings.fetch_networks,
        allowed_hosts=frozenset(settings.fetch_hosts),
        http=settings.fetch_http,
        max_bytes=settings.limits.asset_bytes,
        total_s=float(settings.fetch_seconds),
    )


def make_source(settings: Settings, store: ObjectStore, base: Path | None = None) -> AssetSource:
    """Where assets come from; `base` only for the command line's `render`."""
    several = len({tenant for _, tenant in settings.api_keys}) > 1
    prefixes = () if settings.asset_prefixes is None and several else settings.asset_prefixes
    policy = AssetPolicy(settings.s3_bucket, prefixes, fetch_policy(settings))
    return AssetSource(store, policy, base=base)


def make_projects(settings: Settings, store: ObjectStore) -> StoredProjects | HttpProjects:
    """Where projects by reference come from."""
    if settings.projects_url is None:
        return StoredProjects(store)
    headers = {"Authorization": f"Bearer {settings.projects_token}"} if settings.projects_token else {}
    return HttpProjects(
        settings.projects_url, headers, fetch_policy(settings), settings.limits.document_bytes
    )


def make_stages(
    settings: Settings,
    store: ObjectStore,
    work_dir: Path,
    names: Sequence[str] = STAGES,
    *,
    base: Path | None = None,
    width: int | None = None,
    decoder: SandboxedDecoder | None = None,
    layers: Layers | None = None,
) -> list[Stage[Any]]:
    """The named stages over one store, sharing plans.

    decoder: one that the caller closes. layers: where drawn layers are kept if not in the store.
    """
    plans = PlanCache(store, settings.limits)
    decoder = decoder or SandboxedDecoder(folder=work_dir, strict=settings.strict)
    sounds = SoundReader(store, decoder, work_dir)
    encoders = settings.encoders
    makers: dict[str, Callable[[], list[Stage[Any]]]] = {
        "plan": lambda: [_plan(settings, store, plans, decoder, work_dir, base, width)],
        "render": lambda: [Render(store, plans, ResourcePool(store), layers=layers)],
        "encode": lambda: [Encode(store, plans, concurrency=encoders, layers=layers)],
        "mix": lambda: [Sound(store, plans, sounds, concurrency=encoders), Mix(store, plans, work_dir)],
        "upload": lambda: [_upload(settings, store, plans, work_dir)],
    }
    return [stage for name in names for stage in makers[name]()]


def _upload(settings: Settings, store: ObjectStore, plans: PlanCache, work_dir: Path) -> Upload:
    publish_copy = _publisher(settings.output_dir)
    return Upload(store, plans, work_dir, StoredProjectHistory(store), publish_copy=publish_copy)


def _plan(
    settings: Settings,
    store: ObjectStore,
    plans: PlanCache,
    decoder: SandboxedDecoder,
    work_dir: Path,
    base: Path | None,
    width: int | None,
) -> PlanStage:
    assets = _assets(settings, store, decoder, work_dir, base)
    documents = Documents(store, make_projects(settings, store))
    return PlanStage(store, plans, documents, assets, settings.limits, width=width or settings.width)


def _assets(
    settings: Settings, store: ObjectStore, decoder: SandboxedDecoder, work_dir: Path, base: Path | None
) -> AssetGatherer:
    source = make_source(settings, store, base)
    return AssetGatherer(store, source, decoder, settings.limits, work_dir, font_places(settings, store))


def font_places(settings: Settings, store: ObjectStore) -> FontPlaces:
    """Where the deployment has fonts besides those that ship."""
    return FontPlaces(store, settings.fonts_dir, settings.fonts_prefix)


def make_frames(
    settings: Settings, store: ObjectStore, decoder: SandboxedDecoder, work_dir: Path, base: Path
) -> Frames:
    """What draws single pictures; relative paths of a project start from `base`."""
    return Frames(store, _assets(settings, store, decoder, work_dir, base), settings.limits)


def _publisher(folder: Path | None) -> Callable[[Plan, Path], None] | None:
    """Copies each finished file into a folder, named by the job's id; tenants have folders below it."""
    if folder is None:
        return None

    def publish(plan: Plan, path: Path) -> None:
        own = folder if plan.tenant == DEFAULT_TENANT else folder / plan.tenant
        own.mkdir(parents=True, exist_ok=True)
        partial = own / f".{plan.job_id}.partial"
        shutil.copyfile(path, partial)
        which = f"-{path.stem}" if len(plan.files) > 1 else ""
        partial.replace(own / f"{plan.job_id}{which}{path.suffix}")

    return publish


def local_store(folder: Path) -> ObjectStore:
    """The store of `render`: files in `folder`."""
    return FileStore(folder)


def local_stages(
    settings: Settings,
    store: ObjectStore,
    work_dir: Path,
    base: Path,
    decoder: SandboxedDecoder | None = None,
) -> list[Stage[Any]]:
    """All stages for one process: as wide as it has threads to encode, and one more to draw ahead."""
    return make_stages(
        settings,
        store,
        work_dir,
        base=base,
        width=settings.encoders + 2,
        decoder=decoder,
        layers=SharedLayers(StoredLayers(store), LAYER_MEMORY),
    )


def runner_options(settings: Settings) -> RunnerOptions:
    """How workers behave in trouble."""
    from processors.running.policies import RetryPolicy
    from processors.running.runner import RunnerOptions

    retry = RetryPolicy(budget=float(settings.retry_seconds))
    return RunnerOptions(
        retry=retry, shares={topics.REQUESTS: PLANS_OF_A_TENANT}, attempts=settings.poison_attempts
    )
