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
import colorsys
import io
import math
import re
import urllib.parse
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from schemas.colors import parse_color
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
_URL = re.compile(r"url\([\s'\"]*([^\s'\")]{0,5})", re.IGNORECASE)
_IMPORT = re.compile(r"@import[^;{}]*(?:;|$)", re.IGNORECASE)
_FONT_FACE = re.compile(r"@font-face\s*\{[^{}]*\}", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.DOTALL)
_PROPERTY = re.compile(r"(?<![\w-])(--[\w-]+)\s*:\s*([^;{}]*)")
_VAR = re.compile(r"var\(\s*(--[\w-]+)\s*(?:,((?:[^()]|\([^()]*\))*))?\)")
_FUNCTION = re.compile(
    r"(?<![\w-])(?:rgb|hsl)a?\([^()]*\)|(?<![\w-])(?:hwb|lab|lch|oklab|oklch)\([^()]*\)", re.IGNORECASE
)
_HSL = re.compile(
    r"hsla?\(\s*([-+]?[\d.]+)(deg|grad|rad|turn|)[\s,]+([\d.]+)%?[\s,]+([\d.]+)%?\s*(?:[,/]\s*([\d.]+)(%)?)?\s*\)",
    re.IGNORECASE,
)
_OWN_URL = re.compile(r"url\(\s*['\"]?\s*(#[^'\")\s]+)\s*['\"]?\s*\)", re.IGNORECASE)
_VENDOR = re.compile(r"(?<=[{;])\s*-[\w-]+\s*:[^;{}]*;?")
_CONDITION = re.compile(r"@(media|supports)\b([^{}]*)\{", re.IGNORECASE)
_UNMATCHED = re.compile(r"[^{}]*(?:~|:not\(|:nth-|:last-|:only-|:is\(|:where\(|:has\()[^{}]*\{")
_SVG = "http://www.w3.org/2000/svg"
_DROPPED = frozenset(("script", "foreignObject", "animate", "animateTransform", "animateMotion", "set"))
_DEEPEST = 256
_DEEPEST_PICTURES = 3
_MOST_ELEMENTS = 100_000
_MOST_SHOWN = 200_000
_MOST_TEXT = 64 << 20


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
        self._variables: list[dict[str, str]] = [{}]
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
        self._variables.append(self._variables[-1] | dict(_PROPERTY.findall(attributes.get("style", ""))))
        if len(self._variables) > _DEEPEST or self._count > _MOST_ELEMENTS:
            raise InvalidInput("broken_svg", "The SVG is nested too deeply or has too many elements.")
        self._grow(sum(map(len, attributes.values())))
        if local == "style":
            self._style = []
            return
        if local in ("text", "tspan", "textPath"):
            self.has_text = True
            style = attributes.get("style", "")
            if attributes.get("direction") == "rtl" or re.search(r"direction\s*:\s*rtl", style):
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
        if _leads_outside(value):
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
            self._events += [("start", (name, {}, {})), ("sheet", sheet), ("end", name)]
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
        sheet = _COMMENT.sub("", sheet)
        if _IMPORT.search(sheet):
            self.warnings.add("style sheets that are imported are left out")
            sheet = _IMPORT.sub("", sheet)
        if _FONT_FACE.search(sheet):
            self.warnings.add("fonts that are embedded are not used")
            sheet = _FONT_FACE.sub("", sheet)
        sheet = _for_screens(sheet)
        if _UNMATCHED.search(sheet):
            self.warnings.add("style rules with ~, :not, :nth-child and their kin are ignored")
        if _leads_outside(sheet):
            raise InvalidInput("svg_external", "The SVG refers to another file; put its content into it.")
        if re.search(r"direction\s*:\s*rtl", sheet):
            self.warnings.add("text with direction rtl may be drawn at another place")
        self._variables[0].update(_PROPERTY.findall(sheet))
        return _VENDOR.sub("", sheet)

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
        for number, (kind, value) in enumerate(self._events):
            if kind == "text":
                parts.append(escape(value))
            elif kind == "sheet":
                parts.append(escape(_with_colours(_with_variables(value, self._variables[0]))))
            elif kind == "end":
                parts.append(f"</{value}>")
            else:
                name, attributes, variables = value
                known = self._variables[0] | variables
                kept = {
                    key: _with_colours(_with_variables(text, known))
                    if "(" in text and key != "href"
                    else text
                    for key, text in attributes.items()
                }
                if number == 0 and size is not None:
                    kept = self._sized(kept, size, box)
                parts.append(f"<{name}{''.join(f' {key}={quoteattr(text)}' for key, text in kept.items())}>")
        return "".join(parts)

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
                    if count > _MOST_SHOWN:
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


def _leads_outside(text: str) -> bool:
    return any(not start.startswith("#") and start.lower() != "data:" for start in _URL.findall(text))


def _href(attributes: dict[str, str]) -> str:
    value = attributes.get("href")
    if value is None:
        value = next((text for key, text in attributes.items() if _local(key) == "href"), "")
    return value.strip().removeprefix("#")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _with_variables(text: str, known: dict[str, str]) -> str:
    """With each `var()` replaced by its property's value, else by its fallback (CSS Variables 1, 3)."""
    for _ in range(8):
        if "var(" not in text or len(text) > 1 << 20:
            return text
        text = _VAR.sub(lambda match: known.get(match[1], match[2] or "").strip(), text)
    return text


def _with_colours(text: str) -> str:
    """With the functions of CSS Color 4 as `#rrggbbaa`, which any reader knows."""
    if "(" not in text:
        return text
    return _FUNCTION.sub(lambda match: _hexadecimal(match[0]), _OWN_URL.sub(r"url(\1)", text))


def _for_screens(sheet: str) -> str:
    """With the rules of each `@media` that holds for a picture on a light screen, and of `@supports`."""
    parts: list[str] = []
    while (match := _CONDITION.search(sheet)) is not None:
        depth, end = 1, match.end()
        while end < len(sheet) and depth:
            depth += {"{": 1, "}": -1}.get(sheet[end], 0)
            end += 1
        parts.append(sheet[: match.start()])
        condition = match[2].lower()
        holds = match[1].lower() == "supports" or (
            re.search(r"\b(?:screen|all|light|no-preference|min-width)\b", condition)
            and "not" not in condition.split()
        )
        if holds:
            parts.append(_for_screens(sheet[match.end() : end - 1]))
        sheet = sheet[end:]
    return "".join((*parts, sheet))


def _hexadecimal(function: str) -> str:
    if (match := _HSL.fullmatch(function)) is not None:
        turn = (
            float(match[1]) / {"": 360, "deg": 360, "grad": 400, "rad": math.tau, "turn": 1}[match[2].lower()]
        )
        light, saturation = (min(1.0, float(match[index]) / 100) for index in (4, 3))
        alpha = float(match[5] or 1) / (100 if match[6] else 1)
        channels = (*colorsys.hls_to_rgb(turn % 1, light, saturation), min(1.0, max(0.0, alpha)))
        return "#" + "".join(f"{int(channel * 255 + 0.5):02x}" for channel in channels)
    try:
        red, green, blue, alpha = parse_color(function)
    except ValueError:
        return function
    return f"#{red:02x}{green:02x}{blue:02x}{int(alpha * 255 + 0.5):02x}"


def _length(text: str | None) -> float | None:
    match = _LENGTH.fullmatch(text or "")
    if match is None or match[2].lower() not in _UNITS:
        return None
    value = float(match[1]) * _UNITS[match[2].lower()]
    return value if 0 < value < 1e6 else None
