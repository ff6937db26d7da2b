"""Single moments: the same picture as in the film, from no more than what the moment shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.assets import AssetSource
from connectors.fetch_policy import Download
from connectors.store.memory import MemoryStore
from processors.assets import AssetGatherer
from processors.frames import Frames
from renderers.stored.pixels import Pixels
from schemas.checks import nothing, unlimited
from schemas.errors import InvalidInput, Missing
from schemas.limits import DEFAULT
from schemas.project import Project
from tests.acceptance.media import inline, picture
from tests.unit.builders import fade, film_settings, image, move, project, rect, slide, text
from tests.unit.processors.stream import InProcessDecoder, Stream
from tests.unit.renderers.films import FPS, Film

PHOTO = inline(picture(), "image/png")


class Watched(AssetSource):
    """A source that notes what it was asked for, and has nothing at `gone`."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.asked: list[str] = []

    def fetch(
        self,
        src: str,
        tenant: str,
        path: Path,
        check: Callable[[], None] = nothing,
        spend: Callable[[int], None] = unlimited,
    ) -> Download:
        """The bytes."""
        self.asked.append(src)
        if src == "gone":
            raise Missing("asset_not_found", "There is no such object.")
        return super().fetch(src, tenant, path, check, spend)

    def version(self, src: str, tenant: str) -> str | None:
        """Unknown: everything is fetched."""
        return None


class Watching(InProcessDecoder):
    """A decoder that notes its jobs."""

    def __init__(self) -> None:
        self.jobs: list[Mapping[str, Any]] = []

    def run(self, job: Mapping[str, Any], check: Callable[[], None]) -> dict[str, Any]:
        """The answer to one job."""
        self.jobs.append(job)
        return super().run(job, check)


class Drawer:
    """Draws frames of projects that are 320 x 180, in that size."""

    def __init__(self, folder: Path) -> None:
        store = MemoryStore()
        self._source = Watched(store)
        self._decoder = Watching()
        assets = AssetGatherer(store, self._source, self._decoder, DEFAULT, folder)
        self._frames = Frames(store, assets, DEFAULT)
        self._context = Stream(folder).context()

    @property
    def asked(self) -> list[str]:
        """The sources that were fetched."""
        return self._source.asked

    @property
    def decoded(self) -> list[Mapping[str, Any]]:
        """What the decoder was asked for."""
        return self._decoder.jobs

    def at(self, film: Project, seconds: float) -> Pixels:
        """The picture at a time."""
        asked = film_settings(width=320, height=180, fps=FPS)
        return self._frames.draw(film, asked, seconds, "default", self._context)


@pytest.fixture
def drawer(tmp_path: Path) -> Drawer:
    """One with an empty store."""
    return Drawer(tmp_path)


def test_every_frame_is_as_in_the_film(drawer: Drawer) -> None:
    """Whatever the other slides show: at rest, while something moves, and within transitions."""
    moving = rect(animations=[move("x", 0.1, 0.4, (0, 90))], blendMode="multiply")
    slides = [
        slide(0.6, text("One"), moving, color="#ffcc00", transition=fade(0.2)),
        slide(0.5, rect("#d03030", animations=[move("scale", 0, 0.5, (1, 1.4))]), color="#203040"),
        slide(0.4, text("Three"), transition=fade(0.1, "slide-left")),
        slide(0.3, rect("#00aa55", rotation=20)),
    ]
    film = Film(project(slides=slides), (320, 180))
    compositor = film.compositor()
    for number in range(film.timeline.total_frames):
        expected = compositor.rgba(film.timeline.state(number))
        assert np.array_equal(drawer.at(film.project, (number + 0.5) / FPS), expected), number


def test_a_picture_is_decoded_as_for_the_film(drawer: Drawer) -> None:
    """Once, for the largest size at which any slide shows it, seen or not."""
    small, large = ({"width": side, "height": side * 2 / 3} for side in (120, 210))
    photo = inline(picture(480, 320), "image/png")
    film = project(slides=[slide(1.0, image(photo, **small)), slide(1.0, image(photo, **large))])
    drawer.at(film, 0.5)
    drawer.at(film, 1.5)
    assert [(job["max_width"], job["max_height"]) for job in drawer.decoded] == [(210, 140)]


def test_only_what_is_seen_is_fetched(drawer: Drawer) -> None:
    """A photograph that is gone spoils its own slide, and no other."""
    film = project(slides=[slide(1.0, image("gone")), slide(1.0, image(PHOTO)), slide(1.0)])
    drawer.at(film, 2.5)
    assert drawer.asked == []
    drawer.at(film, 1.5)
    assert drawer.asked == [PHOTO]
    with pytest.raises(Missing) as caught:
        drawer.at(film, 0.5)
    assert caught.value.path == "slides[0].elements[0].src"


def test_both_slides_of_a_transition_are_needed(drawer: Drawer) -> None:
    """The first one's pictures as long as it can be seen."""
    film = project(slides=[slide(1.0, image("gone"), transition=fade(0.5)), slide(1.0, text())])
    with pytest.raises(Missing):
        drawer.at(film, 0.9)
    drawer.at(film, 1.01)


def test_what_cannot_be_shown_yet_matters_where_it_is_seen(drawer: Drawer) -> None:
    """Named by its path in the whole document."""
    video = {"type": "video", "src": "film.mp4", "x": 0, "y": 0, "width": 100, "height": 100}
    film = project(slides=[slide(1.0, text()), slide(1.0, video)])
    drawer.at(film, 0.5)
    with pytest.raises(InvalidInput) as caught:
        drawer.at(film, 1.5)
    assert (caught.value.code, caught.value.path) == ("not_supported", "slides[1].elements[0]")


def test_after_the_end_the_last_frame_is_shown(drawer: Drawer) -> None:
    """As players do."""
    film = project(slides=[slide(1.0, color="red"), slide(1.0, color="blue")])
    assert drawer.at(film, 99)[0, 0].tolist() == [0, 0, 255, 255]
