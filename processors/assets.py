"""Gathers what a project names: each asset fetched once, stored under its hash, and decoded in a sandbox.

What later stages read is the normal form that the decoder wrote; the foreign bytes are kept for the
record and never decoded in this process.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import orjson

from connectors.assets import AssetSource
from connectors.fetch_policy import Download
from connectors.font_places import NOWHERE, FontPlaces
from connectors.store.base import ObjectStore
from processors.effort import Kept, Purse, in_order
from processors.stage import TaskContext
from schemas import keys
from schemas.errors import InvalidInput, Missing, Unavailable
from schemas.hashing import content_hash
from schemas.limits import Limits
from schemas.plan import Asset, UsedFont
from schemas.project import InstalledFont, Project, SourceRef, sources

if TYPE_CHECKING:
    from processors.fontfinder import FontFinder, PlacedFont
    from renderers.timeline.scene import Canvas
    from renderers.timeline.sizes import Box

DECODER_VERSION = "6"
"""Part of the name of each normal form: raise it when the decoder writes something else."""


class Decoder(Protocol):
    """Decodes foreign bytes where they can do no harm."""

    def run(self, job: Mapping[str, Any], check: Callable[[], None]) -> dict[str, Any]:
        """The decoder's answer to one job (renderers/decode.py). Raises InvalidInput."""


class DecoderPool(Decoder, Protocol):
    """Decoders that tenants share."""

    def of(self, tenant: str, seconds: float = ...) -> Decoder:
        """The decoders as a job of a tenant has them, for so many seconds."""


class _Effort(NamedTuple):
    """One job's work on its assets: whose it is, what decodes for it, what it may fetch and has written."""

    tenant: str
    check: Callable[[], None]
    decoder: Decoder
    purse: Purse
    kept: Kept


class Gathered(NamedTuple):
    """Gathered assets in the document's order, fonts that are used, warnings for the owner.

    installed: the deployment's fonts that the project names; their files are the last of the assets.
    """

    assets: tuple[Asset, ...]
    warnings: list[str]
    fonts: tuple[UsedFont, ...] = ()
    installed: tuple[InstalledFont, ...] = ()


class _Installed(NamedTuple):
    """The deployment's fonts that a project names, their files, and why others cannot be used."""

    fonts: tuple[InstalledFont, ...] = ()
    assets: tuple[Asset, ...] = ()
    problems: Mapping[str, str] = MappingProxyType({})


class _Decoded(NamedTuple):
    """warnings: what the decoder warned of, each with the path of who names the asset. is_drawing: whether it
    is an SVG; has_ratio: that has a shape of its own, and does not just fill any box.
    """

    asset: Asset
    warnings: list[str]
    is_drawing: bool
    has_ratio: bool


class AssetGatherer:
    """Fetches and decodes the assets of projects."""

    def __init__(
        self,
        store: ObjectStore,
        source: AssetSource,
        decoder: DecoderPool,
        limits: Limits,
        work_dir: Path,
        places: FontPlaces = NOWHERE,
    ) -> None:
        """places: where the deployment has fonts."""
        self._store = store
        self._source = source
        self._decoder = decoder
        self._limits = limits
        self._work_dir = work_dir
        self._places = places

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
        sizes, boxes = needed_sizes(whole or project, canvas)
        with self._effort(tenant, context) as effort, self._folder("assets-") as folder:

            def one(numbered: tuple[int, SourceRef], check: Callable[[], None]) -> list[_Decoded]:
                number, ref = numbered
                mine = effort._replace(check=check)
                path = folder / str(number)
                try:
                    fetched = self._fetch(ref, path, mine)
                    found = [self._decode(ref, path, fetched, sizes.get(ref.src), mine)]
                    if found[0].is_drawing:
                        found += [
                            self._decode(ref, path, fetched, box.needed, mine, box=(name, box.size))
                            for name, box in boxes.get(ref.src, {}).items()
                            if box.fills or not found[0].has_ratio
                        ]
                    return found
                except InvalidInput as error:
                    raise type(error)(error.code, error.message, path=ref.path) from error

            decoded = in_order(one, list(enumerate(refs)), context.check)
            assets = tuple(found.asset for each in decoded for found in each)
            warnings = [warning for first, *_ in decoded for warning in first.warnings]
            if "font" not in kinds:
                return Gathered(assets, warnings)
            found = self._with_fonts(project, assets, self._installed(project, effort))
            return found._replace(warnings=[*warnings, *found.warnings])

    @contextmanager
    def _effort(self, tenant: str, context: TaskContext) -> Iterator[_Effort]:
        """A job's work on its assets. Refused for a limit, it leaves nothing."""
        decoder = self._decoder.of(tenant, self._limits.decode_seconds)
        kept = Kept(self._store)
        try:
            yield _Effort(tenant, context.check, decoder, Purse(self._limits.job_bytes), kept)
        except InvalidInput as error:
            if error.code == "limit_exceeded":
                kept.take_back()
            raise

    @contextmanager
    def _folder(self, prefix: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._work_dir, prefix=prefix) as name:
            yield Path(name)

    def fetch_only(self, project: Project, tenant: str, context: TaskContext) -> Gathered:
        """All assets as they are; what cannot be had becomes a warning, for the rest is worth keeping."""
        refs = distinct(sources(project))
        with self._effort(tenant, context) as effort, self._folder("assets-") as folder:

            def one(numbered: tuple[int, SourceRef], check: Callable[[], None]) -> Asset | str:
                number, ref = numbered
                path = folder / str(number)
                try:
                    fetched = self._fetch(ref, path, effort._replace(check=check))
                except (InvalidInput, Unavailable) as error:
                    if error.code == "limit_exceeded":
                        raise type(error)(error.code, error.message, path=ref.path) from error
                    if isinstance(error, Unavailable) and error.code != "source_unavailable":
                        raise  # ours, not the asset's: to be tried again
                    return f"{ref.path}: {error.message}"
                finally:
                    path.unlink(missing_ok=True)
                return _asset(ref, tenant, fetched, fetched.sha256)

            found = in_order(one, list(enumerate(refs)), context.check)
        warnings = [item for item in found if isinstance(item, str)]
        return Gathered(tuple(item for item in found if isinstance(item, Asset)), warnings)

    def _fetch(self, ref: SourceRef, path: Path, effort: _Effort) -> Download:
        """The asset's hash and size. The bytes are fetched unless the store is known to have them."""
        tenant = effort.tenant
        version = self._source.version(ref.src, tenant)
        note = None
        if version is not None:
            note = keys.source_key(tenant, content_hash(ref.src, version))
            known = self._read_json(note)
            if known is not None and self._store.exists(keys.asset_key(tenant, known["sha256"])):
                effort.purse.spend(known["size"])
                return Download(**known)
        fetched = self._source.fetch(ref.src, tenant, path, effort.check, effort.purse.spend)
        effort.kept.put_file(keys.asset_key(tenant, fetched.sha256), path)
        if note is not None:
            value = {"sha256": fetched.sha256, "size": fetched.size, "content_type": fetched.content_type}
            effort.kept.put_json(note, orjson.dumps(value))
        return fetched

    def _decode(
        self,
        ref: SourceRef,
        path: Path,
        fetched: Download,
        size: tuple[int, int] | None,
        effort: _Effort,
        *,
        face: int = 0,
        box: tuple[str, tuple[float, float]] | None = None,
    ) -> _Decoded:
        """The normal form. face: of several. box: of an SVG, its name in it and its size in px."""
        tenant = effort.tenant
        job = decoder_job(ref.kind, size, self._limits) | ({"face": face} if face else {})
        if box is not None:
            job |= {"box_width": box[1][0], "box_height": box[1][1]}
        fingerprint = content_hash("normal", DECODER_VERSION, fetched.sha256, job)
        normal_key = _normal_key(ref.kind, tenant, fingerprint)
        probe_key = keys.probe_key(tenant, fingerprint)
        found = self._read_json(probe_key)
        if found is None or (normal_key is not None and not self._store.exists(normal_key)):
            if not path.exists():
                self._store.download(keys.asset_key(tenant, fetched.sha256), path)
            out = path.with_suffix(".normal")
            bounds = {"max_seconds": self._limits.seconds} if ref.kind == "audio" else {}
            found = effort.decoder.run({**job, **bounds, "path": str(path), "out": str(out)}, effort.check)
            if normal_key is not None:
                effort.kept.put_file(normal_key, out)
                out.unlink(missing_ok=True)
            effort.kept.put_json(probe_key, orjson.dumps(found))
        path.unlink(missing_ok=True)
        warnings = [f"{ref.path}: {warning}" for warning in found.get("warnings") or ()]
        asset = _asset(ref, tenant, fetched, fingerprint, normal_key, found)
        if box is not None:
            asset = asset.model_copy(update={"box": box[0].rpartition("\t")[2]})
        return _Decoded(asset, warnings, found.get("format") == "SVG", found.get("ratio", True))

    def _read_json(self, key: str) -> dict[str, Any] | None:
        try:
            value = orjson.loads(self._store.get(key))
        except (Missing, orjson.JSONDecodeError):
            return None
        return value if isinstance(value, dict) else None

    @cached_property
    def _finder(self) -> FontFinder:
        from processors.fontfinder import FontFinder  # most projects name no font that is to be looked for

        return FontFinder(self._store, self._decoder, self._limits, self._places)

    def _installed(self, project: Project, effort: _Effort) -> _Installed:
        """The deployment's fonts for the families that a project names and does not bring along."""
        from processors.typefaces import named_families
        from renderers.text.fonts import FontSet

        shipped = FontSet().answers
        wanted = named_families(project, shipped if self._places.none else lambda name: False)
        if not wanted:
            return _Installed()
        fonts: list[InstalledFont] = []
        assets: dict[str, Asset] = {}
        problems: dict[str, str] = {}
        with self._folder("fonts-") as folder:
            for family, font in self._finder.find(wanted, shipped, effort.tenant, folder, effort.check):
                try:
                    asset = self._kept(font, folder / "font", effort)
                except InvalidInput as error:
                    problems[family.lower()] = error.message.rstrip(".")
                    continue
                assets[asset.src] = asset
                fonts.append(_installed_font(family, font, asset.src))
        return _Installed(tuple(fonts), tuple(assets.values()), problems)

    def _kept(self, font: PlacedFont, path: Path, effort: _Effort) -> Asset:
        """A face of the deployment as if a document had named it, under the name of its content."""
        if font.size > self._limits.asset_bytes:
            raise InvalidInput("asset_too_large", "The file is larger than is allowed.")
        font.fetch(path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        fetched = Download(sha256, path.stat().st_size, "application/octet-stream")
        effort.kept.put_file(keys.asset_key(effort.tenant, sha256), path)
        ref = SourceRef("", "font", f"font:{sha256}{f'#{font.face}' if font.face else ''}")
        return self._decode(ref, path, fetched, None, effort, face=font.face).asset

    def _with_fonts(self, project: Project, assets: tuple[Asset, ...], installed: _Installed) -> Gathered:
        from processors.resources import custom_fonts
        from processors.typefaces import used_fonts
        from processors.warnings import text_warnings
        from renderers.text.fonts import FontSet

        assets = (*assets, *installed.assets)
        custom = custom_fonts(self._store, assets, (*project.fonts, *installed.fonts))
        fonts = FontSet(custom)
        warnings = text_warnings(project, fonts, installed.problems)
        return Gathered(assets, warnings, used_fonts(project, fonts, custom), installed.fonts)


def _installed_font(family: str, font: PlacedFont, src: str) -> InstalledFont:
    style: Literal["italic", "normal"] = "italic" if font.italic else "normal"
    return InstalledFont(family=family, src=src, weight=font.weights[0], style=style, weights=font.weights)


def distinct(refs: Sequence[SourceRef]) -> list[SourceRef]:
    """Each source once, under the path at which it is named first."""
    seen: dict[tuple[str, str], SourceRef] = {}
    for ref in refs:
        seen.setdefault((ref.src, ref.kind), ref)
    return list(seen.values())


def needed_sizes(
    project: Project, canvas: Canvas | None
) -> tuple[dict[str, tuple[int, int]], dict[str, dict[str, Box]]]:
    """The largest size in pixels at which each image is shown, and the boxes that it is shown in."""
    if canvas is None:
        return {}, {}
    from renderers.timeline.sizes import needed_images, shown_boxes

    return needed_images(project, canvas), shown_boxes(project, canvas)


def decoder_job(kind: str, size: tuple[int, int] | None, limits: Limits) -> dict[str, Any]:
    """Decoder job without its paths: all that determines the normal form."""
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
