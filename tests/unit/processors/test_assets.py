"""Gathering assets: what is bad ends a video with its path, and a JSON export with a warning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.assets import AssetSource
from connectors.fetch_policy import Download
from connectors.store.memory import MemoryStore
from processors.assets import AssetGatherer
from schemas.checks import nothing, unlimited
from schemas.errors import InvalidInput, Missing, Unavailable
from schemas.limits import Limits
from tests.acceptance.media import inline, picture
from tests.unit.builders import image, project, slide
from tests.unit.processors.stream import InProcessDecoder, Stream

PHOTO = inline(picture(), "image/png")


class Failing(AssetSource):
    """A source of which some addresses fail, each with its error."""

    def __init__(self, store: MemoryStore, **errors: Exception) -> None:
        super().__init__(store)
        self._errors = errors
        self.fetched: list[str] = []

    def fetch(
        self,
        src: str,
        tenant: str,
        path: Path,
        check: Callable[[], None] = nothing,
        spend: Callable[[int], None] = unlimited,
    ) -> Download:
        """The bytes, or the error."""
        self.fetched.append(src)
        if src in self._errors:
            raise self._errors[src]
        return super().fetch(src, tenant, path, check, spend)

    def version(self, src: str, tenant: str) -> str | None:
        """Unknown for those that fail."""
        return None if src in self._errors else super().version(src, tenant)


def gatherer(folder: Path, limits: Limits, **errors: Exception) -> AssetGatherer:
    """A gatherer over a source in which these addresses fail."""
    store = MemoryStore()
    return AssetGatherer(store, Failing(store, **errors), InProcessDecoder(), limits, folder)


AWAY = Unavailable("source_unavailable", "example.com cannot be reached.")
GONE = Missing("asset_not_found", "There is no such object.")


def test_a_host_that_is_away_is_a_warning_for_an_archive(tmp_path: Path) -> None:
    """A backup is made although a picture cannot be had; it says which one."""
    film = project(slides=[slide(1.0, image("away"), image(PHOTO), image("gone"))])
    found = gatherer(tmp_path, Limits(), away=AWAY, gone=GONE)
    gathered = found.fetch_only(film, "default", Stream(tmp_path).context())
    assert [asset.src for asset in gathered.assets] == [PHOTO]
    assert gathered.warnings == [
        "slides[0].elements[0].src: example.com cannot be reached.",
        "slides[0].elements[2].src: There is no such object.",
    ]


def test_our_own_store_being_away_is_no_fault_of_an_asset(tmp_path: Path) -> None:
    """Then everything is tried again."""
    away = Unavailable("store_unavailable", "The object store is away.")
    found = gatherer(tmp_path, Limits(), x=away)
    with pytest.raises(Unavailable):
        found.fetch_only(project(slides=[slide(1.0, image("x"))]), "default", Stream(tmp_path).context())


def test_the_first_bad_asset_of_the_document_is_named(tmp_path: Path) -> None:
    """Whichever fails first in time."""
    film = project(slides=[slide(1.0, image(PHOTO), image("gone")), slide(1.0, image("other"))])
    found = gatherer(tmp_path, Limits(), gone=GONE, other=GONE)
    with pytest.raises(Missing) as caught:
        found.gather(film, "default", {"image"}, None, Stream(tmp_path).context())
    assert caught.value.path == "slides[0].elements[1].src"
    assert list(tmp_path.iterdir()) == []


def test_the_sum_of_all_assets_has_a_limit(tmp_path: Path) -> None:
    """A job that fetches more than it may is refused."""
    film = project(slides=[slide(1.0, image(PHOTO))])
    found = gatherer(tmp_path, Limits(job_bytes=100))
    with pytest.raises(InvalidInput) as caught:
        found.gather(film, "default", {"image"}, None, Stream(tmp_path).context())
    assert caught.value.code == "limit_exceeded"
