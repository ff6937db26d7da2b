"""SVG documents as resvg is given them: whole, closed in themselves, and of bounded size.

Expat reads the document in whatever encoding, expands the entities of its internal subset (its own guard
bounds their growth) and adds the defaults of attribute lists; external entities are never read (XML 1.0,
4.4).
What is written again has no document type, no scripts, no reference to another file, and its custom
properties in their places (CSS Variables 1).
"""

from __future__ import annotations

import base64
import binascii
import io
import math
import re
import urllib.parse
from functools import cached_property
from typing import Any, NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from renderers.foreign import stylesheets
from schemas.errors import InvalidInput

_UNITS = {
    "": 1.0,
    "px": 1.0,
    "pt": 4 / 3,
    "pc": 16.0,
    "mm": 96 / 25.4,
    "cm": 96 / 2.54,
    "q": 96 / 101.6,
    "in": 96.0,
    "em": 16.0,
    "rem": 16.0,
    "ex": 8.0,
}
_LENGTH = re.compile(r"\s*\+?(\d*\.?\d+(?:[eE][+-]?\d+)?)\s*([a-zA-Z]*)\s*")
_NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")
_SVG = "http://www.w3.org/2000/svg"
_DROPPED = frozenset(("script", "foreignObject", "animate", "animateTransform", "animateMotion", "set"))
_DEEPEST = 256
_DEEPEST_PICTURES = 3
_MOST_ELEMENTS = 100_000
_MOST_AGAIN = 20_000  # elements that are shown more than once, each time
_MOST_TEXT = 64 << 20
_MOST_PERIODS = 10_000
_LONGEST_LENGTH = 100  # characters


class Document:
    """An SVG that was read and checked. size: width and height in px. warnings: what will not be seen."""

    def __init__(self, data: bytes, max_megapixels: float, *, depth: int = 0) -> None:
        """Raises InvalidInput: `broken_svg`, `svg_external`, `image_too_large`."""
        self.warnings: set[str] = set()
        self.has_text = False
        self._max_megapixels = max_megapixels
        self._nested = depth
        self._events: list[tuple[str, Any]] = []
        self._open: list[str] = []
        self._variables = [_Scope({}, None)]
        self._count = self._length = self._skipped = 0
        self._style: list[str] | None = None
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.buffer_text = True
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise InvalidInput("broken_svg", f"The SVG is not well-formed: {error}.") from error
        except (LookupError, ValueError) as error:
            raise InvalidInput("broken_svg", "The SVG is in an encoding that is not known.") from error
        if not self._events or _local(self._events[0][1][0]) != "svg":
            raise InvalidInput("broken_svg", "The root of an SVG is an svg element.")
        self.size = self._own_size()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        local = _local(name)
        if self._skipped or local in _DROPPED:
            self._skipped += 1
            if local == "foreignObject" and "switch" not in self._open:  # where text stands beside it
                self.warnings.add("HTML in foreignObject is not drawn")
            return
        self._open.append(local)
        self._variables.append(
            self._variables[-1].with_own(stylesheets.properties(attributes.get("style", "")))
        )
        if len(self._variables) > _DEEPEST or self._count > _MOST_ELEMENTS:
            raise InvalidInput("broken_svg", "The SVG is nested too deeply or has too many elements.")
        self._grow(sum(map(len, attributes.values())))
        if local == "style":
            self._style = []
            return
        if local in ("text", "tspan", "textPath"):
            self.has_text = True
            style = attributes.get("style", "")
            if attributes.get("direction") == "rtl" or stylesheets.runs_right_to_left(style):
                self.warnings.add("text with direction rtl may be drawn at another place")
        kept = {key: self._checked(local, key, value) for key, value in attributes.items()}
        if not self._events and "xmlns" not in kept and name == "svg":
            kept["xmlns"] = _SVG
        self._events.append(("start", (name, kept, self._variables[-1])))

    def _checked(self, local: str, key: str, value: str) -> str:
        """The value, without what it embeds that is unsafe. Raises InvalidInput (`svg_external`)."""
        if key == "d" or key.startswith("xmlns"):
            return value
        if _local(key) == "href" and local in _REFERRING:
            target = value.strip()
            if target[:5].lower() == "data:":
                return self._embedded(target)
            if target and not target.startswith("#"):
                raise InvalidInput("svg_external", "The SVG refers to another file; put its content into it.")
        if stylesheets.leads_outside(value):
            raise InvalidInput("svg_external", "The SVG refers to another file; put its content into it.")
        return value

    def _embedded(self, address: str) -> str:
        """A picture inside, whose size is checked; one that is an SVG itself is read as this one is."""
        from renderers.foreign.images import check_size

        head, _, body = address.partition(",")
        try:
            data = urllib.parse.unquote_to_bytes(body)
            if ";base64" in head.lower():
                packed = re.sub(rb"[\s=]", b"", data)
                data = base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
        except (binascii.Error, ValueError):
            self.warnings.add("a picture inside is damaged and not drawn")
            return ""
        if "svg" in head.lower() or data.lstrip()[:1] == b"<":
            if self._nested >= _DEEPEST_PICTURES:
                raise InvalidInput("broken_svg", "The SVG has pictures in pictures, too deeply.")
            inner = Document(data, self._max_megapixels, depth=self._nested + 1)
            self.warnings |= inner.warnings
            self.has_text |= inner.has_text
            packed = base64.b64encode(inner.rewritten(None).encode())
            return f"data:image/svg+xml;base64,{packed.decode()}"
        from PIL import Image

        try:
            with Image.open(io.BytesIO(data)) as image:
                check_size(*image.size, self._max_megapixels)
                kind = (image.format or "").lower()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            self.warnings.add("a picture inside is damaged and not drawn")
            return ""
        return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"

    def _end(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        self._open.pop()
        self._variables.pop()
        if self._style is not None:
            sheet = self._sheet("".join(self._style))
            self._style = None
            self._events += [("start", (name, {}, self._variables[0])), ("sheet", sheet), ("end", name)]
            return
        self._events.append(("end", name))

    def _text(self, text: str) -> None:
        self._grow(len(text))
        if self._style is not None:
            self._style.append(text)
        elif not self._skipped:
            self._events.append(("text", text))

    def _grow(self, length: int) -> None:
        self._length += length
        if self._length > _MOST_TEXT:
            raise InvalidInput("broken_svg", "The SVG is too large once its entities are expanded.")

    def _sheet(self, sheet: str) -> str:
        """A style sheet without what lies outside; its custom properties hold for the whole document."""
        sheet = stylesheets.cleaned(sheet, self.warnings)
        if stylesheets.leads_outside(sheet):
            raise InvalidInput("svg_external", "The SVG refers to another file; put its content into it.")
        if stylesheets.runs_right_to_left(sheet):
            self.warnings.add("text with direction rtl may be drawn at another place")
        self._variables[0].own.update(stylesheets.properties(sheet))
        return stylesheets.plain(sheet)

    @property
    def has_ratio(self) -> bool:
        """Whether it has a shape of its own, by which `cover` and `contain` are; as Chromium has it, one with
        a view box that is stretched (`preserveAspectRatio="none"`) and no size has none.
        """
        root: dict[str, str] = self._events[0][1][1]
        if all(_length(root.get(side)) is not None for side in ("width", "height")):
            return True
        has_view = len(_NUMBER.findall(root.get("viewBox", ""))) == 4
        return has_view and not root.get("preserveAspectRatio", "").strip().startswith("none")

    def _own_size(self) -> tuple[float, float]:
        """By width and height, else the view box, else 300 × 150 (CSS 2.1, 10.3.2)."""
        root: dict[str, str] = self._events[0][1][1]
        box = [float(part) for part in _NUMBER.findall(root.get("viewBox", ""))]
        ratio = box[2] / box[3] if len(box) == 4 and box[2] > 0 and box[3] > 0 else None
        width, height = _length(root.get("width")), _length(root.get("height"))
        if width is None and height is None and ratio is not None:
            return box[2], box[3]
        if ratio is not None:
            width, height = width or (height or 0) * ratio, height or (width or 0) / ratio
        return width or 300.0, height or 150.0

    def rewritten(self, size: tuple[int, int] | None, box: tuple[float, float] | None = None) -> str:
        """The document, its root `size` px large (None: as large as it says). box: what its lengths without
        a view box are of, if it has no size of its own.
        """
        self._check_uses()
        parts: list[str] = []
        length = 0
        for number, (kind, value) in enumerate(self._events):
            if kind == "text":
                parts.append(escape(value))
            elif kind == "sheet":
                sheet = _styled(value, self._variables[0])
                parts.append(escape(stylesheets.without_dust(sheet, self._finest)))
            elif kind == "end":
                parts.append(f"</{value}>")
            else:
                name, attributes, known = value
                kept = {
                    key: _styled(text, known) if "(" in text and key != "href" else text
                    for key, text in attributes.items()
                }
                self._sweep(kept)
                if number == 0 and size is not None:
                    kept = self._sized(kept, size, box)
                parts.append(f"<{name}{''.join(f' {key}={quoteattr(text)}' for key, text in kept.items())}>")
            length += len(parts[-1])
            if length > 2 * _MOST_TEXT:
                raise InvalidInput("broken_svg", "The SVG is too large once its variables are expanded.")
        return "".join(parts)

    @cached_property
    def _finest(self) -> float:
        """The least period of dashes, in px of the document: ten thousand from corner to corner."""
        box = [float(part) for part in _NUMBER.findall(self._events[0][1][1].get("viewBox", "")[:200])]
        width, height = box[2:] if len(box) == 4 else self.size
        return math.hypot(width, height) / _MOST_PERIODS

    def _sweep(self, attributes: dict[str, str]) -> None:
        """Lines instead of dashes that nobody could see."""
        if stylesheets.is_dust(attributes.get("stroke-dasharray", ""), self._finest):
            attributes["stroke-dasharray"] = "none"
        if "stroke-dasharray" in attributes.get("style", ""):
            attributes["style"] = stylesheets.without_dust(attributes["style"], self._finest)

    def _sized(
        self, root: dict[str, str], size: tuple[int, int], box: tuple[float, float] | None
    ) -> dict[str, str]:
        if len(_NUMBER.findall(root.get("viewBox", ""))) != 4:
            absolute = all(_length(root.get(side)) is not None for side in ("width", "height"))
            width, height = self.size if absolute or box is None else box
            root = root | {"viewBox": f"0 0 {width:g} {height:g}", "preserveAspectRatio": "none"}
        return root | {"width": str(size[0]), "height": str(size[1])}

    def _check_uses(self) -> None:
        """Raises InvalidInput (`broken_svg`) where elements that show one another would grow boundlessly."""
        shown: dict[str, float] = {}
        totals: list[tuple[str | None, float]] = []
        for _ in range(12):  # deeper chains have grown by then, or do not grow
            before = dict(shown)
            totals.clear()
            for kind, value in self._events:
                if kind == "start":
                    target = _href(value[1]) if _local(value[0]) == "use" else ""
                    totals.append((value[1].get("id"), 1 + before.get(target, 0)))
                elif kind == "end":
                    own, count = totals.pop()
                    if own:
                        shown[own] = count
                    if totals:
                        totals[-1] = totals[-1][0], totals[-1][1] + count
                    if count > self._count + _MOST_AGAIN:
                        raise InvalidInput("broken_svg", "The SVG shows its elements too often.")
            if shown == before:
                return


_REFERRING = frozenset(
    (
        "image",
        "use",
        "feImage",
        "linearGradient",
        "radialGradient",
        "pattern",
        "filter",
        "textPath",
        "tref",
        "mask",
        "clipPath",
        "mpath",
    )
)


class _Scope(NamedTuple):
    """Custom properties that hold for an element: its own, then those of what it stands in."""

    own: dict[str, str]
    outer: _Scope | None

    def with_own(self, own: dict[str, str]) -> _Scope:
        """The scope of an element in this one."""
        return _Scope(own, self) if own else self

    def get(self, name: str, default: str, /) -> str:
        """The value of a property."""
        scope: _Scope | None = self
        while scope is not None:
            if (found := scope.own.get(name)) is not None:
                return found
            scope = scope.outer
        return default


def _styled(text: str, known: _Scope) -> str:
    return stylesheets.with_colours(stylesheets.with_variables(text, known))


def _href(attributes: dict[str, str]) -> str:
    value = attributes.get("href")
    if value is None:
        value = next((text for key, text in attributes.items() if _local(key) == "href"), "")
    return value.strip().removeprefix("#")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _length(text: str | None) -> float | None:
    match = _LENGTH.fullmatch(text) if text and len(text) <= _LONGEST_LENGTH else None
    if match is None or match[2].lower() not in _UNITS:
        return None
    value = float(match[1]) * _UNITS[match[2].lower()]
    return value if 0 < value < 1e6 else None
