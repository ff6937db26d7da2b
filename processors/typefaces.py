"""Which fonts a project's text is drawn with, for the manifest: families by name, files by hash.

Chosen as the layout chooses (`renderers.text.fonts`): the first family that is known, and for each character
that it lacks the fallback of its script. Of a family all its files are named, for a variable weight or a
slant may take any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from renderers.text import fontfiles
from renderers.text.fonts import CustomFont, FontSet, han_region, is_invisible, script_of, shows_emoji
from schemas.elements import TextElement
from schemas.plan import UsedFont
from schemas.project import Project


def used_fonts(project: Project, fonts: FontSet, custom: Sequence[CustomFont]) -> tuple[UsedFont, ...]:
    """The files of all families that some character of the project is drawn with, sorted by name.

    custom: the project's own, which are in `fonts` as well.
    """
    families = {
        family
        for slide in project.slides
        for element in slide.elements
        if isinstance(element, TextElement)
        for family in _families(element, fonts)
    }
    # The project's own font replaces a shipped one of its name, but for emoji, which no font replaces.
    own = {font.family for font in custom} - {fontfiles.EMOJI.family}
    found = {(font.family, font.sha256) for font in custom if font.family in families}
    found |= {(f.family, f.sha256) for f in fontfiles.SHIPPED if f.family in families - own}
    return tuple(UsedFont(family=family, sha256=sha256) for family, sha256 in sorted(found))


def _families(element: TextElement, fonts: FontSet) -> Iterator[str]:
    characters = _characters(element)
    region = han_region(element.text)
    if shows_emoji(element.text):
        yield fontfiles.EMOJI.family
    for family, weight, italic in dict.fromkeys(_styles(element)):
        primary = fonts.face(family, weight, italic)
        yield primary.family
        for character in characters:
            if not primary.has(ord(character)):
                script = script_of(character)
                wanted = f"{script}-{region}" if script == "Hani" and region else script
                if (face := fonts.fallback(character, wanted, weight, italic)) is not None:
                    yield face.family


def _characters(element: TextElement) -> list[str]:
    """Each that leaves ink once; where a style may turn its case, in both."""
    text = element.text
    transforms = {element.text_transform, *(span.text_transform or "none" for span in element.spans)}
    every = dict.fromkeys(text if transforms == {"none"} else text + text.upper() + text.lower())
    return [c for c in every if not c.isspace() and not is_invisible(c)]


def _styles(element: TextElement) -> Iterable[tuple[str, int, bool]]:
    """(families, weight, whether it slants) of the element and of each of its spans."""
    family, weight, style = element.font_family, element.font_weight, element.font_style
    yield family, weight, style != "normal"
    for span in element.spans:
        yield span.font_family or family, span.font_weight or weight, (span.font_style or style) != "normal"
