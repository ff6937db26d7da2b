"""The fonts that a document names and does not bring along, from the deployment's places and packages.

What a place holds is described in the sandbox, once for each state of the place, and kept in the store. Of a
family only those files are taken that its texts ask for.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from connectors.font_files import FontEntry, FontPlace
from connectors.font_packages import package_fonts
from connectors.font_places import FontPlaces
from connectors.store.base import ObjectStore, disk_error
from schemas import keys
from schemas.errors import InvalidInput, Missing
from schemas.hashing import content_hash
from schemas.limits import Limits

if TYPE_CHECKING:
    from processors.assets import Decoder

INDEX_VERSION = "1"
"""Part of the name of each description of a place: raise it when something else is described."""
BATCH = 32
"""Files that the sandbox describes at once: its answer has a limit, and so has its time."""
_NORMAL_STRETCH = 5
_MOST_KNOWN = 16

Wanted = Mapping[str, set[tuple[int, bool]]]
"""Families as documents spell them, and of each the (weight, whether it slants) of its texts."""


@dataclass(frozen=True)
class PlacedFont:
    """A face that a place or package has. fetch: writes its file; stretch: 1 to 9, 5 is normal (OS/2)."""

    names: tuple[str, ...]
    origin: str
    weights: tuple[int, int]
    italic: bool
    licence: str
    size: int
    fetch: Callable[[Path], None]
    face: int = 0
    stretch: int = _NORMAL_STRETCH


class Shelf(NamedTuple):
    """The faces of a place, and what could not be read there: (name, sentence)."""

    fonts: list[PlacedFont]
    problems: list[tuple[str, str]]


class FontFinder:
    """Finds faces by the names of their families."""

    def __init__(self, store: ObjectStore, decoder: Decoder, limits: Limits, places: FontPlaces) -> None:
        self._store = store
        self._decoder = decoder
        self._limits = limits
        self._places = places
        self._known: OrderedDict[str, list[dict[str, Any]]] = OrderedDict()
        self._lock = threading.Lock()

    def find(
        self,
        wanted: Wanted,
        shipped: Callable[[str], bool],
        tenant: str,
        folder: Path,
        check: Callable[[], None],
    ) -> Iterator[tuple[str, PlacedFont]]:
        """(family as it is wanted, face) of each face that CSS would choose among all of its family.

        shipped: whether the product has a family itself, so that no package is looked for. folder: for work.
        """
        shelves = [self.shelf(place, tenant, folder, check).fonts for place in self._places.of(tenant)]
        for family, styles in wanted.items():
            found = next(filter(None, (_named(fonts, family) for fonts in shelves)), None)
            if found is None and not shipped(family):
                found = _packaged(family)
            if found:
                for font in _needed(found, styles):
                    yield family, font

    def shelf(self, place: FontPlace, tenant: str, folder: Path, check: Callable[[], None]) -> Shelf:
        """All faces of a place."""
        entries = place.entries()
        name = content_hash("fonts", INDEX_VERSION, place.origin, [(e.name, e.version) for e in entries])
        with self._lock:
            described = self._known.get(name)
        if described is None:
            described = self._described(name, place, entries, tenant, folder, check)
            with self._lock:
                self._known[name] = described
                while len(self._known) > _MOST_KNOWN:
                    self._known.popitem(last=False)
        shelf = Shelf([], [])
        for entry, found in zip(entries, described, strict=True):
            if "problem" in found:
                shelf.problems.append((entry.name, str(found["problem"])))
            shelf.fonts.extend(_placed(place, entry, face) for face in found.get("faces", ()))
        return shelf

    def _described(
        self,
        name: str,
        place: FontPlace,
        entries: Sequence[FontEntry],
        tenant: str,
        folder: Path,
        check: Callable[[], None],
    ) -> list[dict[str, Any]]:
        key = keys.probe_key(tenant, name)
        try:
            found: list[dict[str, Any]] = orjson.loads(self._store.get(key))["fonts"]
            return found
        except (Missing, ValueError, KeyError, TypeError):
            pass
        described: list[dict[str, Any]] = []
        for at in range(0, len(entries), BATCH):
            described += self._batch(place, entries[at : at + BATCH], folder, check)
        self._store.put(key, orjson.dumps({"fonts": described}), content_type="application/json")
        return described

    def _batch(
        self, place: FontPlace, entries: Sequence[FontEntry], folder: Path, check: Callable[[], None]
    ) -> list[dict[str, Any]]:
        """Answers of the sandbox about some files; one that breaks it is found by asking for each alone."""
        check()
        paths: list[Path] = []
        described: dict[int, dict[str, Any]] = {}
        for number, entry in enumerate(entries):
            path = folder / f"font-{number}"
            if entry.size > self._limits.asset_bytes:
                described[number] = {"problem": "The file is larger than is allowed."}
            else:
                place.fetch(entry.name, path)
                paths.append(path)
        numbers = [number for number in range(len(entries)) if number not in described]
        try:
            described |= zip(numbers, self._names(paths, check), strict=True)
        except InvalidInput:
            described |= {
                number: self._alone(path, check) for number, path in zip(numbers, paths, strict=True)
            }
        finally:
            for path in paths:
                path.unlink(missing_ok=True)
        return [described[number] for number in range(len(entries))]

    def _alone(self, path: Path, check: Callable[[], None]) -> dict[str, Any]:
        try:
            return self._names([path], check)[0]
        except InvalidInput as error:
            return {"problem": error.message}

    def _names(self, paths: Sequence[Path], check: Callable[[], None]) -> list[dict[str, Any]]:
        job = {"op": "font_names", "paths": [str(path) for path in paths]}
        found: list[dict[str, Any]] = self._decoder.run(job, check)["fonts"] if paths else []
        return found


def _placed(place: FontPlace, entry: FontEntry, face: Mapping[str, Any]) -> PlacedFont:
    return PlacedFont(
        names=tuple(face["names"]),
        origin=place.origin,
        weights=(face["weights"][0], face["weights"][1]),
        italic=face["italic"],
        licence=face["licence"],
        size=entry.size,
        fetch=lambda path: place.fetch(entry.name, path),
        face=face["face"],
        stretch=face["stretch"],
    )


def _packaged(family: str) -> list[PlacedFont]:
    return [
        PlacedFont(
            names=(font.family,),
            origin=font.package,
            weights=font.weights,
            italic=font.italic,
            licence=font.licence,
            size=font.path.stat().st_size,
            fetch=_copier(font.path),
        )
        for font in package_fonts(family)
    ]


def _copier(source: Path) -> Callable[[Path], None]:
    def fetch(path: Path) -> None:
        try:
            copyfile(source, path)
        except OSError as error:
            raise disk_error(error) from error

    return fetch


def _named(fonts: Sequence[PlacedFont], family: str) -> list[PlacedFont]:
    """The faces that answer to a family, of normal width or what comes nearest."""
    name = folded(family)
    found = [font for font in fonts if any(folded(own) == name for own in font.names)]
    nearest = min((abs(font.stretch - _NORMAL_STRETCH) for font in found), default=0)
    return [font for font in found if abs(font.stretch - _NORMAL_STRETCH) == nearest]


def _needed(fonts: Sequence[PlacedFont], styles: set[tuple[int, bool]]) -> list[PlacedFont]:
    """Those of a family that CSS chooses for some style: among them alone it chooses the same."""
    from renderers.text.fonts import match

    chosen = [match(fonts, weight, italic) for weight, italic in sorted(styles)]
    return [font for font in fonts if any(font is one for one in chosen)]


def folded(family: str) -> str:
    """A name as it is compared: CSS compares without case, and white space is one space."""
    return " ".join(family.split()).casefold()


def by_family(fonts: Sequence[PlacedFont]) -> dict[str, list[PlacedFont]]:
    """Faces by the first name that each has."""
    families: defaultdict[str, list[PlacedFont]] = defaultdict(list)
    for font in fonts:
        families[font.names[0]].append(font)
    return dict(families)
