"""Gathers what a project names: each asset fetched once, stored under its hash, and decoded in a sandbox.

What later stages read is the normal form that the decoder wrote; the foreign bytes are kept for the
record and never decoded in this process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import orjson

from connectors.assets import AssetSource
from connectors.fetch_policy import Download
from connectors.store.base import ObjectStore
from processors.stage import TaskContext
from schemas import keys
from schemas.errors import InvalidInput, Missing, Unavailable
from schemas.hashing import content_hash
from schemas.limits import Limits
from schemas.plan import Asset, UsedFont
from schemas.project import Project, SourceRef, sources

if TYPE_CHECKING:
    from renderers.timeline.scene import Canvas

T = TypeVar("T")
R = TypeVar("R")

DECODER_VERSION = "3"
"""Part of the name of each normal form: raise it when the decoder writes something else."""
AT_ONCE = 8


class Decoder(Protocol):
    """Decodes foreign bytes where they can do no harm."""

    def run(self, job: Mapping[str, Any], check: Callable[[], None]) -> dict[str, Any]:
        """The decoder's answer to one job (renderers/decode.py). Raises InvalidInput."""


class Gathered(NamedTuple):
    """What was gathered: assets in the document's order, fonts that are used, warnings for the owner."""

    assets: tuple[Asset, ...]
    warnings: list[str]
    fonts: tuple[UsedFont, ...] = ()


class AssetGatherer:
    """Fetches and decodes the assets of projects."""

    def __init__(
        self, store: ObjectStore, source: AssetSource, decoder: Decoder, limits: Limits, work_dir: Path
    ) -> None:
        self._store = store
        self._source = source
        self._decoder = decoder
        self._limits = limits
        self._work_dir = work_dir

    def gather(
        self,
        project: Project,
        tenant: str,
        kinds: Collection[str],
        canvas: Canvas | None,
        context: TaskContext,
        *,
        whole: Project | None = None,
    ) -> Gathered:
        """The assets of the given kinds, decoded for use on `canvas`; with kind "font", used fonts too.

        whole: what `project` is a part of; it decides the sizes of pictures, so that they are decoded once.

        Raises InvalidInput with the path of the first asset, in document order, that cannot be used.
        """
        refs = distinct([ref for ref in sources(project) if ref.kind in kinds])
        sizes = needed_sizes(whole or project, canvas)
        with tempfile.TemporaryDirectory(dir=self._work_dir, prefix="assets-") as folder:

            def one(numbered: tuple[int, SourceRef]) -> tuple[Asset, list[str]]:
                number, ref = numbered
                context.check()
                path = Path(folder) / str(number)
                try:
                    fetched = self._fetch(ref, tenant, path, context)
                    return self._decode(ref, tenant, path, fetched, sizes.get(ref.src), context)
                except InvalidInput as error:
                    raise type(error)(error.code, error.message, path=ref.path) from error

            decoded = _in_order(one, list(enumerate(refs)))
        assets = tuple(asset for asset, _ in decoded)
        warnings = [warning for _, told in decoded for warning in told]
        self._check_total(assets)
        if "font" not in kinds:
            return Gathered(assets, warnings)
        found = self._with_fonts(project, assets)
        return found._replace(warnings=[*warnings, *found.warnings])

    def fetch_only(self, project: Project, tenant: str, context: TaskContext) -> Gathered:
        """All assets as they are; what cannot be had becomes a warning, for the rest is worth keeping."""
        refs = distinct(sources(project))
        with tempfile.TemporaryDirectory(dir=self._work_dir, prefix="assets-") as folder:

            def one(numbered: tuple[int, SourceRef]) -> Asset | str:
                number, ref = numbered
                context.check()
                try:
                    fetched = self._fetch(ref, tenant, Path(folder) / str(number), context)
                except (InvalidInput, Unavailable) as error:
                    if isinstance(error, Unavailable) and error.code != "source_unavailable":
                        raise  # ours, not the asset's: to be tried again
                    return f"{ref.path}: {error.message}"
                return _asset(ref, tenant, fetched, fetched.sha256)

            found = _in_order(one, list(enumerate(refs)))
        warnings = [item for item in found if isinstance(item, str)]
        return Gathered(tuple(item for item in found if isinstance(item, Asset)), warnings)

    def _fetch(self, ref: SourceRef, tenant: str, path: Path, context: TaskContext) -> Download:
        """The asset's hash and size. The bytes are fetched unless the store is known to have them."""
        version = self._source.version(ref.src, tenant)
        note = None
        if version is not None:
            note = keys.source_key(tenant, content_hash(ref.src, version))
            known = self._read_json(note)
            if known is not None and self._store.exists(keys.asset_key(tenant, known["sha256"])):
                return Download(**known)
        fetched = self._source.fetch(ref.src, tenant, path, context.check)
        key = keys.asset_key(tenant, fetched.sha256)
        if not self._store.exists(key):
            self._store.put_file(key, path)
        if note is not None:
            value = {"sha256": fetched.sha256, "size": fetched.size, "content_type": fetched.content_type}
            self._store.put(note, orjson.dumps(value), content_type="application/json")
        return fetched

    def _decode(
        self,
        ref: SourceRef,
        tenant: str,
        path: Path,
        fetched: Download,
        size: tuple[int, int] | None,
        context: TaskContext,
    ) -> tuple[Asset, list[str]]:
        """The asset, and what its decoder warned of, each with the path of who names it."""
        job = decoder_job(ref.kind, size, self._limits)
        fingerprint = content_hash("normal", DECODER_VERSION, fetched.sha256, job)
        normal_key = _normal_key(ref.kind, tenant, fingerprint)
        probe_key = keys.probe_key(tenant, fingerprint)
        found = self._read_json(probe_key)
        if found is None or (normal_key is not None and not self._store.exists(normal_key)):
            if not path.exists():
                self._store.download(keys.asset_key(tenant, fetched.sha256), path)
            out = path.with_suffix(".normal")
            found = self._decoder.run({**job, "path": str(path), "out": str(out)}, context.check)
            if normal_key is not None:
                self._store.put_file(normal_key, out)
                out.unlink(missing_ok=True)
            self._store.put(probe_key, orjson.dumps(found), content_type="application/json")
        path.unlink(missing_ok=True)
        warnings = [f"{ref.path}: {warning}" for warning in found.get("warnings") or ()]
        return _asset(ref, tenant, fetched, fingerprint, normal_key, found), warnings

    def _read_json(self, key: str) -> dict[str, Any] | None:
        try:
            value = orjson.loads(self._store.get(key))
        except (Missing, orjson.JSONDecodeError):
            return None
        return value if isinstance(value, dict) else None

    def _check_total(self, assets: Sequence[Asset]) -> None:
        total = sum(asset.size for asset in assets)
        if total > self._limits.job_bytes:
            raise InvalidInput(
                "limit_exceeded",
                f"The assets have {total} bytes together; at most {self._limits.job_bytes} are allowed.",
            )

    def _with_fonts(self, project: Project, assets: tuple[Asset, ...]) -> Gathered:
        from processors.typefaces import used_fonts
        from processors.warnings import text_warnings
        from renderers.text.fonts import CustomFont, FontSet

        normal = {a.src: a.normal_key for a in assets if a.kind == "font" and a.normal_key}
        custom = [
            CustomFont(font.family, self._store.get(normal[font.src]), font.weight, font.style)
            for font in project.fonts
            if font.src in normal
        ]
        fonts = FontSet(custom)
        return Gathered(assets, text_warnings(project, fonts), used_fonts(project, fonts, custom))


def distinct(refs: Sequence[SourceRef]) -> list[SourceRef]:
    """Each source once, under the path at which it is named first."""
    seen: dict[tuple[str, str], SourceRef] = {}
    for ref in refs:
        seen.setdefault((ref.src, ref.kind), ref)
    return list(seen.values())


def needed_sizes(project: Project, canvas: Canvas | None) -> dict[str, tuple[int, int]]:
    """The largest size in pixels at which each image is shown."""
    if canvas is None:
        return {}
    from renderers.timeline.sizes import needed_images

    return needed_images(project, canvas)


def decoder_job(kind: str, size: tuple[int, int] | None, limits: Limits) -> dict[str, Any]:
    """What the decoder is asked to do, without the paths: all that determines the normal form."""
    if kind == "image":
        width, height = size or (1, 1)
        return {"op": "image", "max_width": width, "max_height": height, "max_megapixels": limits.megapixels}
    return {"op": kind}


def _normal_key(kind: str, tenant: str, fingerprint: str) -> str | None:
    if kind == "image":
        return keys.image_key(tenant, fingerprint)
    if kind == "audio":
        return keys.sound_source_key(tenant, fingerprint)
    return keys.font_key(tenant, fingerprint) if kind == "font" else None


def _asset(
    ref: SourceRef,
    tenant: str,
    fetched: Download,
    fingerprint: str,
    normal_key: str | None = None,
    found: Mapping[str, Any] | None = None,
) -> Asset:
    known = {name: (found or {}).get(name) for name in ("width", "height", "duration", "samples", "family")}
    return Asset(
        src=ref.src,
        kind=ref.kind,
        sha256=fetched.sha256,
        size=fetched.size,
        key=keys.asset_key(tenant, fetched.sha256),
        content_type=fetched.content_type,
        normal_key=normal_key,
        fingerprint=fingerprint,
        **known,
    )


def _in_order(one: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """`one` of each item, several at once; the first error in the order of the items is raised."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(one, item) for item in items]
        errors = [error for future in futures if (error := future.exception()) is not None]
        if errors:
            raise errors[0]
        return [future.result() for future in futures]
