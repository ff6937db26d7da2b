"""Which fonts a project's text names, and which it is drawn with, for plan and manifest.

Chosen as the layout chooses (`renderers.text.fonts`): for each character the first family of its list that
has it, then the fallback of its script. Of a shipped family all files are named, for a variable weight or a
slant may take any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from renderers.text import fontfiles
from renderers.text.aliases import KEYWORDS
from renderers.text.fonts import (
    CustomFont,
    FontSet,
    han_region,
    needs_glyph,
    script_of,
    shows_emoji,
    split_families,
)
from renderers.text.styling import styled
from schemas.elements import TextElement
from schemas.plan import UsedFont
from schemas.project import Project


class Worn(NamedTuple):
    """The distinct characters of a text element that have a font in common, with its path in the document.

    families: a CSS list; region: that of the whole text's Han characters.
    """

    path: str
    families: str
    weight: int
    italic: bool
    characters: str
    region: str


def worn(project: Project) -> Iterator[Worn]:
    """All text of a project by its fonts, in the order of the document."""
    for number, slide in enumerate(project.slides):
        for index, element in enumerate(slide.elements):
            if isinstance(element, TextElement):
                region = "" if element.text.isascii() else han_region(element.text)
                for (families, weight, italic), characters in _by_font(element).items():
                    path = f"slides[{number}].elements[{index}]"
                    yield Worn(path, families, weight, italic, "".join(characters), region)


def _by_font(element: TextElement) -> dict[tuple[str, int, bool], dict[str, None]]:
    if not element.spans and element.text_transform == "none":
        own = (element.font_family, element.font_weight, element.font_style != "normal")
        return {own: dict.fromkeys(element.text)}
    found: dict[tuple[str, int, bool], dict[str, None]] = {}
    for character, style in zip(*styled(element), strict=True):
        found.setdefault((style.family, style.weight, style.italic), {})[character] = None
    return found


def named_families(
    project: Project, known: Callable[[str], bool] = lambda name: False
) -> dict[str, set[tuple[int, bool]]]:
    """The families that a deployment may have, as the document spells them first, and the (weight, whether
    it slants) of the texts that name each. Without the document's own, CSS's words, and what is `known`.
    """
    spelled: dict[str, str] = {}
    found: dict[str, set[tuple[int, bool]]] = {}
    own = {font.family.lower() for font in project.fonts} | KEYWORDS
    for text in worn(project):
        for family in split_families(text.families):
            if family.lower() not in own and not known(family):
                name = spelled.setdefault(family.lower(), family)
                found.setdefault(name, set()).add((text.weight, text.italic))
    return found


def used_fonts(project: Project, fonts: FontSet, custom: Sequence[CustomFont]) -> tuple[UsedFont, ...]:
    """The files of all families that some character of the project is drawn with, sorted by name.

    custom: the project's own and the deployment's, which are in `fonts` as well.
    """
    families = {family for text in worn(project) for family in _drawn(text, fonts)}
    # The project's own font replaces a shipped one of its name, but for emoji, which no font replaces.
    own = {font.family for font in custom} - {fontfiles.EMOJI.family}
    found = {(font.family, font.sha256) for font in custom if font.family in families}
    found |= {(f.family, f.sha256) for f in fontfiles.SHIPPED if f.family in families - own}
    return tuple(UsedFont(family=family, sha256=sha256) for family, sha256 in sorted(found))


def _drawn(text: Worn, fonts: FontSet) -> Iterator[str]:
    """The families that its characters come from, and that which its lines are measured by."""
    yield fonts.face(text.families, text.weight, text.italic).family
    if shows_emoji(text.characters):
        yield fontfiles.EMOJI.family
    for character in text.characters:
        if character.isspace() or not needs_glyph(character):
            continue
        face = fonts.listed(character, text.families, text.weight, text.italic)
        if face is None:
            script = script_of(character)
            wanted = f"{script}-{text.region}" if script == "Hani" and text.region else script
            face = fonts.fallback(character, wanted, text.weight, text.italic)
        if face is not None:
            yield face.family
