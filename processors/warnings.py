"""What an owner should know although the export goes on: fonts replaced, text that shows as boxes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from renderers.text.fonts import FontSet, split_families
from schemas.elements import TextElement
from schemas.project import Project

MOST = 50
"""Warnings about one kind of thing: nobody reads more, and a job's snapshot stays small."""


def text_warnings(project: Project, fonts: FontSet) -> list[str]:
    """One sentence for each family that is not there and each script that no font covers, with where."""
    unknown: dict[str, str] = {}
    uncovered: dict[str, str] = {}
    for path, text, families in _texts(project):
        for family in fonts.unknown_families(families):
            unknown.setdefault(family, path)
        for script in fonts.coverage(text, families[0] if families else "sans-serif"):
            uncovered.setdefault(script, path)
    replaced = [
        f"{path}: the font {family!r} is not available here; the default font is used instead."
        for family, path in unknown.items()
    ]
    boxes = [
        f"{path}: no font covers the script {script}; its characters show as boxes."
        for script, path in uncovered.items()
    ]
    return [*replaced[:MOST], *boxes[:MOST]]


def _texts(project: Project) -> Iterator[tuple[str, str, list[str]]]:
    """(path, text, families named in it) of each text element."""
    for number, slide in enumerate(project.slides):
        for index, element in enumerate(slide.elements):
            if isinstance(element, TextElement):
                named = [element.font_family, *(span.font_family for span in element.spans)]
                yield f"slides[{number}].elements[{index}]", element.text, _families(named)


def _families(named: Iterable[str | None]) -> list[str]:
    families = [family for value in named if value for family in split_families(value)]
    return list(dict.fromkeys(families))
