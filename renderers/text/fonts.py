"""Fonts: which one draws a character, chosen as CSS chooses and never as the machine would.

A `FontSet` holds the shipped families, the project's own, and the order in which families are asked
for each script, so that two machines draw the same. A `Face` is one font at one weight and slant, with
HarfBuzz's view (shaping, in font units) and Skia's (drawing). Files are read when first needed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar

from renderers.text import aliases, fontfiles
from renderers.text.fontfiles import FontFile
from schemas.errors import InvalidInput
from schemas.hashing import content_hash

_BOLD_FROM = 600  # Blink embolds a face below this weight when at least this weight is asked for


@dataclass(frozen=True)
class CustomFont:
    """A font of the project: its file (as the sandbox wrote it) under the family, weight and style it
    has there. weights: the least and the most that it can have, where it is more than one.
    """

    family: str
    data: bytes = field(repr=False)
    weight: int = 400
    style: str = "normal"
    weights: tuple[int, int] | None = None

    @cached_property
    def sha256(self) -> str:
        """The digest of the file."""
        return fontfiles.sha256(self.data)


class Metrics(NamedTuple):
    """Vertical metrics at a size, in px, as Blink rounds them (SimpleFontData): ascent and descent are
    positive.
    """

    ascent: int
    descent: int
    exact_ascent: float
    exact_descent: float


class Face:
    """One font at one weight and slant, and at one optical size if it has such an axis."""

    def __init__(self, source: _Source, weight: int, italic: bool, optical: float | None = None) -> None:
        self.family = source.family
        self.weight = min(max(weight, source.weights[0]), source.weights[1])
        self.synthetic_bold = weight >= _BOLD_FROM > source.weights[1] and not source.is_emoji
        self.synthetic_italic = italic and not source.italic
        self.is_emoji = source.is_emoji
        self._source = source
        self._asked = weight, italic
        self._optical = optical
        self._others: dict[float, Face] = {}
        self._pictures: dict[int, bool] = {}
        self._drawn: list[bytes] = []
        self._has: dict[int, bool] = {}
        self._sized: dict[tuple[float, bool, int], Any] = {}
        self._metrics: dict[float, Metrics] = {}

    def __repr__(self) -> str:
        return f"Face({self.family!r}, {self.weight}, italic={self._source.italic or self.synthetic_italic})"

    @cached_property
    def hb_font(self) -> Any:
        """HarfBuzz's font, scaled to font units."""
        import uharfbuzz

        font = uharfbuzz.Font(uharfbuzz.Face(self._source.data, self._source.face))
        if self._source.is_variable:
            font.set_variations(self._place)
        return font

    @property
    def _place(self) -> dict[str, float]:
        """Where the axes of a variable font are set."""
        optical = {} if self._optical is None else {"opsz": self._optical}
        return {"wght": float(self.weight), **optical}

    def sized(self, size: float) -> Face:
        """The face for text of `size` px: another one where the font has an axis of optical sizes (CSS Fonts
        4, `font-optical-sizing: auto`).
        """
        sizes = self._optical_sizes
        if sizes is None:
            return self
        place = min(max(size, sizes[0]), sizes[1])
        if place == self._optical:
            return self
        if place not in self._others:
            self._others[place] = Face(self._source, *self._asked, place)
        return self._others[place]

    @cached_property
    def _optical_sizes(self) -> tuple[float, float] | None:
        if not self._source.is_variable:
            return None
        axes = self.hb_font.face.axis_infos
        return next(((axis.min_value, axis.max_value) for axis in axes if axis.tag == "opsz"), None)

    def is_picture(self, glyph: int) -> bool:
        """Whether a glyph of a font that is not for emoji alone is a bitmap in colour (`sbix`, `CBDT`)."""
        known = self._pictures.get(glyph)
        if known is None:
            png = self.hb_font.get_glyph_color_png(glyph) if self.has_pictures else None
            known = self._pictures[glyph] = png is not None and len(png.data) > 0
        return known

    @cached_property
    def has_sized_pictures(self) -> bool:
        """Whether its bitmaps are as wide as they are drawn, whatever the table `hmtx` says (`CBDT`)."""
        return self.is_emoji or (self.has_pictures and "CBDT" in self.hb_font.face.table_tags)

    @cached_property
    def has_pictures(self) -> bool:
        """Whether some glyphs are bitmaps in colour, and others may be outlines."""
        return not self.is_emoji and bool(self.hb_font.face.has_color_png)

    @cached_property
    def units(self) -> int:
        """Font units per em."""
        return int(self.hb_font.face.upem)

    def typeface(self, glyphs: Iterable[int] = ()) -> Any:
        """Skia's typeface, of static outlines, with these glyphs at least. Raises InvalidInput (`bad_font`)
        for what Skia cannot read.

        A variable font is pinned by HarfBuzz: the FreeType inside Skia's wheel applies intermediate masters
        wrongly, which shows as uneven weights between 400 and 900. That takes 15 ms for all glyphs of one,
        and 1 ms for those of Latin.
        """
        if self._source.is_variable:
            typeface, its = self._latin
            if its.issuperset(glyphs):
                return typeface
        return self._whole

    @cached_property
    def _latin(self) -> tuple[Any, frozenset[int]]:
        glyphs = map(self.hb_font.get_nominal_glyph, _LATIN)
        return self._made(_pinned(self.hb_font.face, self._place, _LATIN)), frozenset(filter(None, glyphs))

    @cached_property
    def _whole(self) -> Any:
        if self._source.is_variable or self.has_pictures:
            return self._made(_pinned(self.hb_font.face, self._place))
        return self._made(self._source.data, self._source.face)

    @cached_property
    def _with_pictures(self) -> Any:
        return self._made(self._source.data, self._source.face)

    def _made(self, data: bytes, index: int = 0) -> Any:
        from renderers._skia import skia

        self._drawn.append(data)  # Skia reads from it as long as the typeface lives
        typeface = _manager().makeFromData(skia.Data.MakeWithoutCopy(data), index)
        if typeface is None:
            raise InvalidInput("bad_font", f"The font {self.family!r} cannot be drawn.")
        return typeface

    def has(self, codepoint: int) -> bool:
        """Whether the font maps the character to a glyph."""
        known = self._has.get(codepoint)
        if known is None:
            known = self._has[codepoint] = bool(self.hb_font.get_nominal_glyph(codepoint))
        return known

    def at(
        self, size: float, glyphs: Iterable[int] = (), *, hinted: bool = False, pictures: bool = False
    ) -> Any:
        """Skia's font at `size` px with these glyphs at least, at sub-pixel positions across.

        hinted: for text that rests, as Blink draws it: heights fitted to whole px, baselines on whole px.
        pictures: for those glyphs that are bitmaps.
        """
        typeface = self._with_pictures if pictures else self.typeface(glyphs)
        font = self._sized.get((size, hinted, typeface.uniqueID()))
        if font is None:
            from renderers._skia import skia

            font = skia.Font(typeface, size)
            font.setSubpixel(True)
            font.setHinting(skia.FontHinting.kSlight if hinted else skia.FontHinting.kNone)
            font.setEdging(skia.Font.Edging.kAntiAlias)
            font.setLinearMetrics(True)
            font.setBaselineSnap(hinted)
            font.setEmbeddedBitmaps(self.is_emoji or pictures)
            font.setEmbolden(self.synthetic_bold)
            if self.synthetic_italic:
                font.setSkewX(-0.25)
            self._sized[size, hinted, typeface.uniqueID()] = font
        return font

    def metrics(self, size: float) -> Metrics:
        """Ascent and descent at `size` px."""
        if (sized := self.sized(size)) is not self:
            return sized.metrics(size)
        known = self._metrics.get(size)
        if known is None:
            measured = self.at(size).getMetrics()
            up, down = -measured.fAscent, measured.fDescent
            known = self._metrics[size] = Metrics(int(up + 0.5), int(down + 0.5), up, down)
        return known


_SUPERSCRIPT = frozenset(map(ord, "ª²³¹º"))
_LATIN = tuple(
    character
    for block in ((0x20, 0x7F), (0xA0, 0x100), (0x2010, 0x2027), (0x20AC, 0x20AD), (0xFB00, 0xFB05))
    for character in range(*block)
    if character not in _SUPERSCRIPT
)
"""What most texts are made of: Latin 1, dashes, quotation marks, the euro, ligatures.

Without superscripts: FreeType fits their heights to those of others, which lie beyond.
"""

_DROPPED = ("GSUB", "GPOS", "GDEF", "kern", "BASE", "JSTF", "sbix", "CBDT", "CBLC")


def _pinned(face: Any, place: Mapping[str, float], characters: Iterable[int] | None = None) -> bytes:
    """A font's outlines, those of a variable one at a place of its axes and otherwise at its defaults; glyph
    ids kept, without what shaping needs and without bitmaps. characters: with their glyphs only.
    """
    import uharfbuzz

    wanted = uharfbuzz.SubsetInput()
    if characters is None:
        wanted.keep_everything()
    else:
        wanted.unicode_set.update(characters)
    wanted.pin_all_axes_to_default(face)
    for axis in face.axis_infos:
        if axis.tag in place:
            wanted.pin_axis_location(face, axis.tag, place[axis.tag])
    wanted.flags = uharfbuzz.SubsetFlags.RETAIN_GIDS | uharfbuzz.SubsetFlags.NOTDEF_OUTLINE
    wanted.drop_table_tag_set.update(int.from_bytes(tag.encode(), "big") for tag in _DROPPED)
    try:
        return bytes(uharfbuzz.subset(face, wanted).blob.data)
    except RuntimeError as error:
        raise InvalidInput("bad_font", "A variable font cannot be set to a weight.") from error


@lru_cache(maxsize=1)
def _manager() -> Any:
    """A font manager that knows no font of the system and starts no fontconfig."""
    from renderers._skia import skia

    return skia.FontMgr.New_Custom_Empty()


class _Source:
    """Where a face's bytes come from."""

    def __init__(self, file: FontFile | CustomFont) -> None:
        self._file = file
        self.family = file.family
        if isinstance(file, FontFile):
            self.italic, self.face = file.italic, file.face
        else:
            self.italic, self.face = file.style != "normal", 0
        self.is_emoji = file is fontfiles.EMOJI

    @cached_property
    def weights(self) -> tuple[int, int]:
        """The weights that the font can have: an axis, or one weight twice."""
        if isinstance(self._file, FontFile):
            return self._file.weights
        return self._file.weights or (self._file.weight, self._file.weight)

    @cached_property
    def is_variable(self) -> bool:
        """Whether there is an axis that is set: `wght`, or `opsz`."""
        if isinstance(self._file, FontFile):
            return self._file.weights[0] < self._file.weights[1]
        import uharfbuzz

        return any(axis.tag in ("wght", "opsz") for axis in uharfbuzz.Face(self.data).axis_infos)

    @cached_property
    def data(self) -> bytes:
        """The file."""
        return self._file.load() if isinstance(self._file, FontFile) else self._file.data

    @property
    def sha256(self) -> str:
        """Of the file, without reading a shipped one."""
        return self._file.sha256


@lru_cache(maxsize=1)
def _shipped() -> dict[str, tuple[_Source, ...]]:
    """The shipped families by their names in lower case; shared by all font sets of a process."""
    families: dict[str, tuple[_Source, ...]] = {}
    for file in fontfiles.SHIPPED:
        name = file.family.lower()
        families[name] = (*families.get(name, ()), _Source(file))
    return families


@cache
def _shipped_face(source: _Source, weight: int, italic: bool) -> Face:
    return Face(source, weight, italic)


_HAN = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans CJK TC")
FALLBACKS: dict[str, tuple[str, ...]] = {
    "Arab": ("Noto Sans Arabic", "FiraGO"),
    "Hebr": ("FiraGO",),
    "Geor": ("FiraGO",),
    "Deva": ("Noto Sans Devanagari", "FiraGO"),
    "Thai": ("Noto Sans Thai", "FiraGO"),
    "Hani": _HAN,
    "Hira": ("Noto Sans CJK JP",),
    "Kana": ("Noto Sans CJK JP",),
    "Hang": ("Noto Sans CJK KR",),
    "Bopo": ("Noto Sans CJK TC",),
}
"""The families asked for a script when the wanted one lacks a character; then those of `LAST`, in order."""

LAST = (
    "Noto Sans",
    "Noto Sans Symbols",
    "Noto Sans Symbols 2",
    "Noto Sans Math",
    "Noto Sans CJK SC",
    "FiraGO",
    "Noto Music",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    fontfiles.EMOJI.family,
)

_REGIONS = (("Hang", "KR"), ("Hira", "JP"), ("Kana", "JP"), ("Bopo", "TC"))


class FontSet:
    """The shipped fonts and the project's own. Hand one set to many drawings: it remembers what it loaded."""

    def __init__(self, custom: Iterable[CustomFont] = ()) -> None:
        self._custom: dict[str, tuple[_Source, ...]] = {}
        for font in custom:
            name = font.family.lower()
            self._custom[name] = (*self._custom.get(name, ()), _Source(font))
        self._faces: dict[tuple[str, int, bool], tuple[Face, ...]] = {}
        self._fallbacks: dict[tuple[str, str, int, bool], Face | None] = {}

    @cached_property
    def hash(self) -> str:
        """A digest of all that can decide which glyphs are drawn: part of the name of each layer with
        text.
        """
        files = [(name, source.sha256) for name, sources in self._all() for source in sources]
        weights = [
            [name, [[*s.weights, s.italic] for s in sources]] for name, sources in self._custom.items()
        ]
        return content_hash(files, weights, aliases.GENERIC, FALLBACKS, LAST)

    def _all(self) -> Iterator[tuple[str, tuple[_Source, ...]]]:
        yield from _shipped().items()
        yield from self._custom.items()

    def unknown_families(self, families: Iterable[str]) -> list[str]:
        """Those names of `families` (each may be a CSS list) that no font answers to, in order."""
        names = (name for family in families for name in split_families(family))
        return [name for name in dict.fromkeys(names) if self._sources(name) is None]

    def replaced_families(self, text: str, family: str) -> list[tuple[str, str]]:
        """(name, family used in its place) of those names of a CSS list that are not there, although some
        character of the text would have come from them: one that all families before them lack.

        A family that a shipped one stands for is there only if that has its widths.
        """
        found: dict[str, str] = {}
        left = {c for c in text if needs_glyph(c) and not c.isspace() and not is_emoji(c)}
        names = split_families(family)
        for at, name in enumerate(names):
            if not left:
                break
            sources = self._sources(name)
            stands_in = name.lower() in aliases.ALIKE and name.lower() not in self._custom
            if sources is None or stands_in:
                found.setdefault(name, self.face(", ".join(map(_quoted, names[at:]))).family)
            if sources is not None and not sources[0].is_emoji:
                face = self.face(_quoted(name))
                left = {c for c in left if not face.has(ord(c))}
        return list(found.items())

    def answers(self, family: str) -> bool:
        """Whether a family is known without a deployment's help: shipped, or as wide as one that is."""
        name = family.lower()
        return name in self._custom or (name not in aliases.ALIKE and self._sources(family) is not None)

    def _sources(self, family: str) -> tuple[_Source, ...] | None:
        name = family.lower()
        if name in self._custom:
            return self._custom[name]
        return _shipped().get(aliases.GENERIC.get(name, name).lower())

    def face(self, family: str, weight: int = 400, italic: bool = False) -> Face:
        """The face that a CSS font-family list measures its lines by: of its first family that is known,
        else of sans-serif.
        """
        return self.faces(family, weight, italic)[0]

    def faces(self, family: str, weight: int = 400, italic: bool = False) -> tuple[Face, ...]:
        """The faces that are asked for each character, one of each family of a CSS font-family list that is
        known, in order; of sans-serif if none is (CSS Fonts 4, section 5.3).

        A family of emoji is passed over: they are drawn with theirs in any case, and it has no other ink.
        """
        key = (family, weight, italic)
        found = self._faces.get(key)
        if found is None:
            named = [sources for name in split_families(family) if (sources := self._sources(name))]
            letters = [sources for sources in named if not sources[0].is_emoji] or [_shipped()["noto sans"]]
            chosen = dict.fromkeys(match(sources, weight, italic) for sources in letters)
            found = self._faces[key] = tuple(_face(source, weight, italic) for source in chosen)
        return found

    def listed(self, character: str, family: str, weight: int = 400, italic: bool = False) -> Face | None:
        """The face of the first family of a list that has the character, if one has."""
        code = ord(character)
        faces = self.faces(family, weight, italic)
        if faces[0].has(code):
            return faces[0]
        return next((face for face in faces[1:] if face.has(code)), None)

    def fallback(self, character: str, script: str, weight: int, italic: bool) -> Face | None:
        """The first family for the script that has the character; None where no font has it.

        script: ISO 15924, with a region appended for Han (`Hani-JP`) where the text shows one.
        """
        key = (character, script, weight, italic)
        if key not in self._fallbacks:
            self._fallbacks[key] = self._find(ord(character), script, weight, italic)
        return self._fallbacks[key]

    def _find(self, codepoint: int, script: str, weight: int, italic: bool) -> Face | None:
        name, _, region = script.partition("-")
        regional = (f"Noto Sans CJK {region}",) if region else ()
        for family in dict.fromkeys((*regional, *FALLBACKS.get(name, ()), *LAST)):
            is_emoji_family = family == fontfiles.EMOJI.family
            face = self.emoji_face(italic) if is_emoji_family else self.face(family, weight, italic)
            if face.has(codepoint):
                return face
        return None

    def emoji_face(self, italic: bool = False) -> Face:
        """The face with emoji in colour."""
        return _face(_shipped()[fontfiles.EMOJI.family.lower()][0], 400, italic)

    def coverage(self, text: str, family: str = "sans-serif") -> list[str]:
        """The scripts of `text` that no font covers, as people call them: `["Tibetan"]`; mostly empty.

        family: the list that the text names.
        """
        missing: dict[str, None] = {}
        for character in dict.fromkeys(text):
            if character.isascii() or not needs_glyph(character):
                continue
            if not self.listed(character, family) and not self.fallback(
                character, script_of(character), 400, False
            ):
                missing.setdefault(_script_name(character))
        return list(missing)


def _face(source: _Source, weight: int, italic: bool) -> Face:
    return (
        _shipped_face(source, weight, italic)
        if source in _shipped_sources()
        else Face(source, weight, italic)
    )


@lru_cache(maxsize=1)
def _shipped_sources() -> frozenset[_Source]:
    return frozenset(source for sources in _shipped().values() for source in sources)


class Styled(Protocol):
    """What a face is chosen by."""

    @property
    def italic(self) -> bool:
        """Whether it slants."""

    @property
    def weights(self) -> tuple[int, int]:
        """The least and the most that it can have."""


StyledT = TypeVar("StyledT", bound=Styled)


def match(sources: Sequence[StyledT], weight: int, italic: bool) -> StyledT:
    """The face of a family that is asked for (CSS Fonts 4, section 5.2): first the slant, then the weight."""
    slanted = [source for source in sources if source.italic == italic] or sources
    return min(slanted, key=lambda source: _distance(source.weights, weight))


def _distance(weights: tuple[int, int], wanted: int) -> tuple[int, int]:
    """How far a face is from the wanted weight: (turn in which CSS looks there, distance)."""
    low, high = weights
    if low <= wanted <= high:
        return 0, 0
    if 400 <= wanted <= 500:
        if wanted < low <= 500:
            return 1, low - wanted
        return (2, wanted - high) if high < wanted else (3, low - 500)
    if wanted < 400:
        return (1, wanted - high) if high < wanted else (2, low - wanted)
    return (1, low - wanted) if low > wanted else (2, wanted - high)


def _quoted(name: str) -> str:
    return f"'{name}'" if '"' in name else f'"{name}"'


_LISTED = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^,]*))[^,]*(?:,|$)""")


@lru_cache(maxsize=1024)
def split_families(family: str) -> tuple[str, ...]:
    """The names of a CSS font-family list, without quotes (CSS Fonts 4, section 2.1): a comma in quotes
    belongs to the name, and white space between words is one space.
    """
    found = (" ".join((match[1] or match[2] or match[3] or "").split()) for match in _LISTED.finditer(family))
    return tuple(name.strip("'\"") for name in found if name.strip("'\""))


@lru_cache(maxsize=8192)
def script_of(character: str) -> str:
    """The script of a character in ISO 15924, `Zyyy` for what all scripts share."""
    import uharfbuzz

    if character.isascii():
        return "Latn" if character.isalpha() else "Zyyy"
    buffer = uharfbuzz.Buffer()
    buffer.add_str(character)
    buffer.guess_segment_properties()
    return buffer.script or "Zyyy"


def han_region(text: str) -> str:
    """The region whose shapes Han characters of `text` take, by the other scripts beside them: JP, KR,
    TC or "".
    """
    for character in text:
        if ord(character) >= 0x1100:
            script = script_of(character)
            for name, region in _REGIONS:
                if script == name:
                    return region
    return ""


def is_invisible(character: str) -> bool:
    """Joiners, variation selectors, direction marks: what no font needs a glyph for."""
    code = ord(character)
    return (
        0x200B <= code <= 0x200F
        or 0x202A <= code <= 0x202E
        or 0x2060 <= code <= 0x206F
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0000 <= code <= 0xE0FFF
        or code in (0x00AD, 0x034F, 0x061C, 0xFEFF)
    )


def needs_glyph(character: str) -> bool:
    """Whether something of a font is seen of the character, or of the room that it takes."""
    return unicodedata.category(character)[0] != "C" and not is_invisible(character)


def shows_emoji(text: str) -> bool:
    """Whether some of the text is drawn as emoji."""
    return not text.isascii() and ("\ufe0f" in text or any(map(is_emoji, text)))


def is_emoji(character: str) -> bool:
    """Whether the character is shown as an emoji unless a variation selector says otherwise (UTS #51)."""
    code = ord(character)
    if not 0x231A <= code < 0x1FB00:
        return False
    if code >= 0x1F300:
        return code not in _TEXT_STYLE
    return code in _EMOJI_BMP or code in _EMOJI_LOW


def _codes(ranges: str) -> frozenset[int]:
    found: set[int] = set()
    for part in ranges.split():
        first, _, last = part.partition("-")
        found.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(found)


# Emoji_Presentation of Unicode 15: all such below U+1F300 ...
_EMOJI_BMP = _codes(
    "231A-231B 23E9-23EC 23F0 23F3 25FD-25FE 2614-2615 2648-2653 267F 2693 26A1 26AA-26AB 26BD-26BE "
    "26C4-26C5 26CE 26D4 26EA 26F2-26F3 26F5 26FA 26FD 2705 270A-270B 2728 274C 274E 2753-2755 2757 "
    "2795-2797 27B0 27BF 2B1B-2B1C 2B50 2B55"
)
_EMOJI_LOW = _codes(
    "1F1E6-1F1FF 1F004 1F0CF 1F18E 1F191-1F19A 1F201 1F21A 1F22F 1F232-1F236 1F238-1F23A 1F250-1F251"
)
# ... and from there on those that are not.
_TEXT_STYLE = _codes(
    "1F321-1F32C 1F336 1F37D 1F394-1F39F 1F3CB-1F3CE 1F3D4-1F3DF 1F3F1-1F3F3 1F3F5-1F3F7 1F43F 1F441 "
    "1F4FD-1F4FE 1F53E-1F54A 1F54F 1F568-1F579 1F57B-1F594 1F597-1F5A3 1F5A5-1F5FA 1F650-1F67F "
    "1F6C6-1F6CB 1F6CD-1F6CF 1F6D3-1F6D4 1F6E0-1F6EA 1F6ED-1F6F3 1F700-1F7DF 1F7EC-1F7EF 1F7F1-1F90B "
    "1F93B 1F946 1FA00-1FA6F"
)


def _script_name(character: str) -> str:
    """`Tibetan` for a Tibetan letter: the first word of its name."""
    name = unicodedata.name(character, "")
    first = name.split(" ")[0]
    if not first or first.startswith("CJK"):
        return "Chinese, Japanese or Korean" if first else f"U+{ord(character):04X}"
    return "symbols" if script_of(character) in ("Zyyy", "Zinh") else first.capitalize()
