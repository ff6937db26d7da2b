"""Warnings for the owner of an export that goes on: fonts replaced, text that shows as boxes."""

from __future__ import annotations

from collections.abc import Mapping

from processors.typefaces import worn
from renderers.text.aliases import ALIKE
from renderers.text.fonts import FontSet
from schemas.project import Project

MOST = 50
"""Most warnings of one kind: more are not read, and a job's snapshot stays small."""


def text_warnings(project: Project, fonts: FontSet, problems: Mapping[str, str] | None = None) -> list[str]:
    """One sentence for each family that is not there and each script that no font covers, with where.

    problems: of families in lower case, why their files cannot be used.
    """
    replaced: dict[str, str] = {}
    uncovered: dict[str, str] = {}
    for text in worn(project):
        for family, used in fonts.replaced_families(text.characters, text.families):
            if family not in replaced:
                why = (problems or {}).get(family.lower())
                replaced[family] = f"{text.path}: {_replaced(family, used, why)}"
        for script in fonts.coverage(text.characters, text.families):
            uncovered.setdefault(script, text.path)
    boxes = [
        f"{path}: no font covers the script {script}; its characters show as boxes."
        for script, path in uncovered.items()
    ]
    return [*list(replaced.values())[:MOST], *boxes[:MOST]]


def _replaced(family: str, used: str, why: str | None) -> str:
    if why is not None:
        return f"the font {family!r} cannot be used ({why}); {used} is used instead."
    said = f"the font {family!r} is not available here; {used} is used instead"
    if family.lower() in ALIKE:
        said += ", whose letters are of other widths"
    from connectors.font_packages import package_of

    package = package_of(family)
    return f"{said}. The package {package} has it." if package else f"{said}."
