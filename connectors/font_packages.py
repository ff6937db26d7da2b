"""Installed packages of fonts, named `fontpkg-…`, which describe themselves; and those to be had.

Nothing is imported of them, and nothing is looked for before a family is asked for.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, NamedTuple

_KNOWN = Path(__file__).with_name("font_packages.txt")
"""Made of a list of packages by `python -m connectors.font_packages LIST`."""


class PackageFont(NamedTuple):
    """A file of an installed `fontpkg-…`, as its metadata describe it."""

    family: str
    package: str
    path: Path
    weights: tuple[int, int]
    italic: bool
    licence: str


def package_fonts(family: str) -> list[PackageFont]:
    """The files of the installed package that has a family, none if there is no such package.

    Nothing is imported, and nothing is looked for but this package.
    """
    return [font for font in _package(f"fontpkg_{_slug(family, '_')}") if _same(font.family, family)]


def all_package_fonts() -> list[PackageFont]:
    """The files of all installed packages of fonts, by the names of their families."""
    names = sorted(module.name for module in iter_modules() if module.name.startswith("fontpkg_"))
    return [font for name in names for font in _package(name)]


def package_of(family: str) -> str | None:
    """The package that has a family and could be installed, if one is known."""
    name = f"fontpkg-{_slug(family, '-')}"
    known = dict(line.split("\t") for line in _KNOWN.read_text(encoding="utf-8").splitlines())
    return name if _same(known.get(name, ""), family) else None


def _package(module: str) -> list[PackageFont]:
    try:
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            return []
        folder = Path(spec.origin).parent
        described = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
        return [_package_font(described, file, folder) for file in described["files"]]
    except (ImportError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return []  # not a package of fonts, or of a kind that is not known here


def _package_font(described: dict[str, Any], file: dict[str, Any], folder: Path) -> PackageFont:
    axes = {axis["tag"]: (round(axis["min"]), round(axis["max"])) for axis in described.get("axes") or ()}
    weight = file.get("weight") or 400
    weights = axes.get("wght", (weight, weight)) if file.get("variable") else (weight, weight)
    path = folder / file["path"]
    if not path.is_file():
        raise KeyError(file["path"])
    package = folder.name.replace("_", "-")
    return PackageFont(
        str(described["family"]),
        package,
        path,
        weights,
        file.get("style") != "normal",
        str(described["license"]),
    )


def _slug(family: str, between: str) -> str:
    return between.join(re.findall(r"[a-z0-9]+", family.lower()))


def _same(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


_LISTED = re.compile(r"(fontpkg-[a-z0-9-]+)\t.*?([^\t]+) font family, packaged for Python by fontpkg")


def listed_packages(lines: Iterable[str]) -> list[str]:
    """`package<TAB>family` of each package of fonts in a list, whose lines are a name, a tab, … a summary.

    What does not follow the names that `package_of` looks for is left out.
    """
    found = [match.groups() for line in lines if (match := _LISTED.match(line))]
    return sorted(f"{name}\t{family}" for name, family in found if name == f"fontpkg-{_slug(family, '-')}")


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as lines:
        _KNOWN.write_text("\n".join(listed_packages(lines)) + "\n", encoding="utf-8")
