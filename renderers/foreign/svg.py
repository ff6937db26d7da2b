"""SVG to pixels, by Skia, without anything from outside of the document.

Runs in the sandbox only (`renderers.foreign.decode`). Expat reads the document first: a document type, an
entity or a reference to another file is refused before Skia sees a byte. What Skia's SVG module does not draw
(style sheets with selectors beyond classes, text, embedded pictures) is named in a warning.
"""

from __future__ import annotations

import math
import re
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from renderers.stored.pixels import Pixels
from schemas.errors import InvalidInput

_UNITS = {
    "": 1.0,
    "px": 1.0,
    "pt": 4 / 3,
    "pc": 16.0,
    "mm": 96 / 25.4,
    "cm": 96 / 2.54,
    "in": 96.0,
    "em": 16.0,
}
_LENGTH = re.compile(r"\s*\+?(\d*\.?\d+(?:[eE][+-]?\d+)?)\s*([a-z]*)\s*")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_SIMPLE = re.compile(r"[a-zA-Z][\w-]*|\.[\w-]+|#[\w-]+")
_REFERENCE = re.compile(r"url\(\s*['\"]?\s*(?!#)", re.IGNORECASE)
_UNSEEN = {
    "text": "text",
    "image": "embedded pictures",
    "foreignObject": "foreign objects",
    "filter": "filters",
}
_DEEPEST = 256
_MOST_ELEMENTS = 100_000


def draw_svg(
    data: bytes, needed: tuple[int, int], max_megapixels: float
) -> tuple[Pixels, tuple[int, int], list[str]]:
    """The picture, its own size in px, and warnings about what is not drawn.

    It covers `needed` exactly in one direction. Raises InvalidInput: `broken_svg`, `svg_external`,
    `image_too_large`.
    """
    from renderers._skia import skia
    from renderers.foreign.images import check_size

    document = _Document(data)
    width, height = document.size
    scale = max(needed[0] / width, needed[1] / height)
    scale = min(scale, math.sqrt(max_megapixels * 1e6 / (width * height)))
    size = max(1, math.ceil(width * scale - 1e-6)), max(1, math.ceil(height * scale - 1e-6))
    check_size(*size, max_megapixels * 1.01)
    dom = skia.SVGDOM.MakeFromStream(skia.MemoryStream(document.rewritten()))
    if dom is None:
        raise InvalidInput("broken_svg", "The SVG cannot be drawn.")
    pixels = np.zeros((size[1], size[0], 4), np.uint8)
    info = skia.ImageInfo.Make(*size, skia.kRGBA_8888_ColorType, skia.AlphaType.kPremul_AlphaType)
    surface = skia.Surface.MakeRasterDirect(info, pixels, size[0] * 4)
    canvas = surface.getCanvas()
    canvas.scale(size[0] / width, size[1] / height)
    dom.setContainerSize(skia.Size(width, height))
    dom.render(canvas)
    own = max(1, round(width)), max(1, round(height))
    return pixels, own, sorted(document.warnings)


class _Document:
    """An SVG that was read, checked, and had the rules of its style sheets moved to the elements."""

    def __init__(self, data: bytes) -> None:
        self.warnings: set[str] = set()
        self._rules: dict[str, dict[str, str]] = {}
        self._events: list[tuple[str, Any]] = []
        self._root: dict[str, str] = {}
        self._depth = 0
        self._count = 0
        self._style: list[str] | None = None
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise InvalidInput("broken_svg", f"The SVG is not well-formed: {error}.") from error
        if not self._events or self._events[0][1][0].rpartition(":")[2] != "svg":
            raise InvalidInput("broken_svg", "The root of an SVG is an svg element.")
        self.size = self._own_size()

    def _doctype(self, name: str, system: str | None, public: str | None, internal: bool) -> None:
        if internal:
            raise InvalidInput("svg_external", "An SVG with declarations of its own is not read.")

    def _entity(self, *_: Any) -> None:
        raise InvalidInput("svg_external", "An SVG with entities of its own is not read.")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > _DEEPEST or self._count > _MOST_ELEMENTS:
            raise InvalidInput("broken_svg", "The SVG is nested too deeply or has too many elements.")
        local = name.rpartition(":")[2]
        if local == "script":
            self.warnings.add("scripts are not run")
        if local in _UNSEEN:
            self.warnings.add(f"{_UNSEEN[local]} are not drawn" if local != "text" else "text is not drawn")
        for key, value in attributes.items():
            target = value.strip().lower()
            if (
                key.rpartition(":")[2] in ("href", "src")
                and not target.startswith(("#", "data:"))
                and local != "a"
            ):
                raise InvalidInput("svg_external", "The SVG refers to another file; put its content into it.")
            if key != "d" and _REFERENCE.search(value):
                raise InvalidInput("svg_external", "The SVG refers to another file; put its content into it.")
        if local == "style":
            self._style = []
            return
        self._events.append(("start", (name, dict(attributes))))

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._style is not None:
            self._read_style("".join(self._style))
            self._style = None
            return
        self._events.append(("end", name))

    def _text(self, text: str) -> None:
        if self._style is not None:
            self._style.append(text)
        elif text.strip():
            self._events.append(("text", text))

    def _read_style(self, sheet: str) -> None:
        sheet = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
        if "@import" in sheet or _REFERENCE.search(sheet):
            raise InvalidInput("svg_external", "The SVG refers to another file; put its content into it.")
        for selectors, body in _RULE.findall(sheet):
            declared = _declarations(body)
            for selector in selectors.split(","):
                if _SIMPLE.fullmatch(selector.strip()):
                    self._rules.setdefault(selector.strip(), {}).update(declared)
                else:
                    self.warnings.add("style rules with compound selectors are ignored")

    def _own_size(self) -> tuple[float, float]:
        """By width and height, else the view box, else 300 × 150 (CSS 2.1, 10.3.2)."""
        root: dict[str, str] = self._events[0][1][1]
        box = [
            float(part) for part in re.findall(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?", root.get("viewBox", ""))
        ]
        ratio = box[2] / box[3] if len(box) == 4 and box[2] > 0 and box[3] > 0 else None
        width, height = _length(root.get("width")), _length(root.get("height"))
        if width is None and height is None and ratio is not None:
            return box[2], box[3]
        if ratio is not None:
            width, height = width or (height or 0) * ratio, height or (width or 0) / ratio
        return width or 300.0, height or 150.0

    def rewritten(self) -> bytes:
        """The document for Skia: class rules as attributes, sizes in numbers."""
        parts: list[str] = []
        first = True
        for kind, value in self._events:
            if kind == "text":
                parts.append(escape(value))
            elif kind == "end":
                parts.append(f"</{value}>")
            else:
                name, attributes = value
                attributes = self._styled(name.rpartition(":")[2], attributes)
                if first:
                    attributes |= {"width": f"{self.size[0]:g}", "height": f"{self.size[1]:g}"}
                    first = False
                parts.append(
                    f"<{name}{''.join(f' {key}={quoteattr(text)}' for key, text in attributes.items())}>"
                )
        return "".join(parts).encode()

    def _styled(self, name: str, attributes: dict[str, str]) -> dict[str, str]:
        """Presentation attributes, then rules by type, class and id, then the style attribute."""
        if not self._rules and "style" not in attributes:
            return attributes
        styled = dict(attributes)
        selectors = [name, *(f".{part}" for part in attributes.get("class", "").split())]
        if "id" in attributes:
            selectors.append(f"#{attributes['id']}")
        for selector in selectors:
            styled |= self._rules.get(selector, {})
        styled |= _declarations(styled.pop("style", ""))
        return styled


def _declarations(body: str) -> dict[str, str]:
    found = {}
    for declaration in body.split(";"):
        key, colon, value = declaration.partition(":")
        if colon and re.fullmatch(r"\s*[a-z-]+\s*", key):
            found[key.strip()] = value.replace("!important", "").strip()
    return found


def _length(text: str | None) -> float | None:
    match = _LENGTH.fullmatch(text or "")
    if match is None or match[2] not in _UNITS:
        return None
    value = float(match[1]) * _UNITS[match[2]]
    return value if 0 < value < 1e6 else None
