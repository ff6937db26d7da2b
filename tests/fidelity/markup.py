"""A slide as the HTML and CSS that an editor would show: what PROJECT's keys mean in a browser's words.

This is written from the meaning of the format, not from the renderer, so that both can be held against each
other. Texts that shrink are given the size that was found for them, for CSS has no word for that.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from math import hypot
from typing import Any

from renderers.text import aliases, fontfiles
from renderers.text.fonts import FALLBACKS, LAST, han_region, script_of, shows_emoji, split_families

Style = dict[str, str]
Document = dict[str, Any]


def slide(document: Document, sizes: dict[int, float]) -> str:
    """The body of the first slide. sizes: by the index of an element, the factor its text shrinks by."""
    first = document["slides"][0]
    width, height = document["width"], document["height"]
    parts = [_background(first.get("background", {"type": "solid", "color": "white"}), width, height)]
    order = sorted(enumerate(first["elements"]), key=lambda pair: pair[1].get("zIndex", 0))
    parts += [_element(element, sizes.get(index, 1.0), index) for index, element in order]
    return "".join(parts)


def css(style: Style) -> str:
    """A style attribute's value."""
    return escape("; ".join(f"{name}: {value}" for name, value in style.items()), quote=True)


def paint(value: Any, width: float, height: float) -> str:
    """A colour or gradient as a CSS background."""
    if isinstance(value, str):
        return value
    stops = ", ".join(f"{stop['color']} {stop['offset'] * 100:g}%" for stop in value["stops"])
    if value["type"] == "linear-gradient":
        return f"linear-gradient({value.get('angle', 180)}deg, {stops})"
    x, y = value.get("cx", 0.5) * width, value.get("cy", 0.5) * height
    radius = value.get("radius", 1) * hypot(max(x, width - x), max(y, height - y))
    return f"radial-gradient(circle {radius:.4f}px at {x:g}px {y:g}px, {stops})"


def _background(background: Document, width: int, height: int) -> str:
    box = {"position": "absolute", "inset": "0", "width": "100%", "height": "100%"}
    if background["type"] == "image":
        return f'<img src="{background["src"]}" style="{css(box | _fit(background))}">'
    value = background["color"] if background["type"] == "solid" else background
    return f'<div style="{css(box | {"background": paint(value, width, height)})}"></div>'


def _fit(element: Document) -> Style:
    x, y = element.get("position", (0.5, 0.5))
    return {"object-fit": element.get("fit", "cover"), "object-position": f"{x * 100:g}% {y * 100:g}%"}


def _element(element: Document, scale: float, index: int) -> str:
    box: Style = {
        "position": "absolute",
        "left": f"{element.get('x', 0)}px",
        "top": f"{element.get('y', 0)}px",
        "width": f"{element['width']}px",
        "height": f"{element['height']}px",
        "box-sizing": "border-box",
    }
    if element.get("rotation"):
        box["transform"] = f"rotate({element['rotation']}deg)"
    if "opacity" in element:
        box["opacity"] = f"{element['opacity']}"
    if "blendMode" in element:
        box["mix-blend-mode"] = element["blendMode"]
    draw: Callable[[Document, Style], str]
    if element["type"] == "text":
        return _text(element, box, scale, index)
    draw = _image if element["type"] == "image" else _shape
    return draw(element, box)


def _shadow(element: Document) -> str:
    shadow = element["shadow"]
    return (
        f"{shadow.get('x', 0)}px {shadow.get('y', 0)}px {shadow.get('blur', 0)}px "
        f"{shadow.get('color', 'black')}"
    )


def _drop_shadow(element: Document) -> str:
    """The filter's third length is the deviation: half of what a box has (Filter Effects 1, 4.1.10)."""
    shadow = element["shadow"]
    return f"drop-shadow({_shadow({'shadow': shadow | {'blur': shadow.get('blur', 0) / 2}})})"


def _image(element: Document, box: Style) -> str:
    box = box | _fit(element)
    if "radius" in element:
        box["border-radius"] = f"{element['radius']}px"
    if "border" in element:
        box["border"] = f"{element['border'].get('width', 1)}px solid {element['border']['color']}"
    if "shadow" in element:
        see_through = element.get("seeThrough") or element.get("fit") == "contain"
        if see_through:
            box["filter"] = _drop_shadow(element)
        else:
            box["box-shadow"] = _shadow(element)
    if "crop" in element:
        crop = {"x": 0, "y": 0, "width": 1, "height": 1} | element["crop"]
        right, bottom = 1 - crop["x"] - crop["width"], 1 - crop["y"] - crop["height"]
        insets = (crop["y"], right, bottom, crop["x"])
        box["object-view-box"] = f"inset({' '.join(f'{inset * 100:.4f}%' for inset in insets)})"
    return f'<img src="{element["src"]}" style="{css(box)}">'


def _shape(element: Document, box: Style) -> str:
    kind, stroke = element["shape"], element.get("stroke")
    if kind not in ("rect", "ellipse") or (stroke and stroke.get("dash")):
        return _svg(element, box)
    width, height = element["width"], element["height"]
    if element.get("fill"):
        box["background"] = paint(element["fill"], width, height)
        box["background-origin"] = "border-box"  # a gradient spans the whole box
    if stroke:
        box["border"] = f"{stroke.get('width', 1)}px solid {stroke['color']}"
    if kind == "ellipse":
        box["border-radius"] = "50%"
    elif "radius" in element:
        box["border-radius"] = f"{element['radius']}px"
    if "shadow" in element:
        box["box-shadow" if element.get("fill") else "filter"] = (
            _shadow(element) if element.get("fill") else _drop_shadow(element)
        )
    return f'<div style="{css(box)}"></div>'


def _svg(element: Document, box: Style) -> str:
    """Lines, polygons and paths; and dashed outlines, which lie in the middle of where a border would."""
    box["overflow"] = "visible"
    if "shadow" in element:
        box["filter"] = _drop_shadow(element)
    width, height, kind = element["width"], element["height"], element["shape"]
    fill = element.get("fill") or "none"
    under = ""
    if kind in ("rect", "ellipse"):
        # As under a border, the fill goes on under the outline.
        corner = f'rx="{element.get("radius", 0)}"' if kind == "rect" else 'rx="50%" ry="50%"'
        under = f'<rect width="{width}" height="{height}" {corner} fill="{fill}"/>'
        fill = "none"
    look = f'fill="{fill if kind != "line" else "none"}"'
    stroke = element.get("stroke")
    inset = 0.0
    if stroke:
        thick = stroke.get("width", 1)
        look += f' stroke="{stroke["color"]}" stroke-width="{thick}"'
        look += (
            f' stroke-dasharray="{" ".join(map(str, stroke.get("dash", ())))}"' if "dash" in stroke else ""
        )
        inset = thick / 2
    points = element.get("points") or ((0, 0), (width, height))
    listed = " ".join(f"{x},{y}" for x, y in points)
    outline = {
        "line": f'<polyline points="{listed}" {look}/>',
        "polygon": f'<polygon points="{listed}" {look}/>',
        "path": f'<path d="{element.get("d", "")}" {look}/>',
        "rect": f'<rect x="{inset}" y="{inset}" width="{width - 2 * inset}" height="{height - 2 * inset}" '
        f'rx="{max(0, element.get("radius", 0) - inset)}" {look}/>',
        "ellipse": f'<ellipse cx="{width / 2}" cy="{height / 2}" rx="{width / 2 - inset}" '
        f'ry="{height / 2 - inset}" {look}/>',
    }[kind]
    return f'<svg style="{css(box)}" viewBox="0 0 {width} {height}">{under}{outline}</svg>'


# --- text -------------------------------------------------------------------------------------------


def families(names: str, text: str) -> str:
    """A CSS font-family list that falls back as `renderers.text.fonts` does for the scripts of this text."""
    wanted = [aliases.GENERIC.get(name.lower(), name) for name in split_families(names)]
    if shows_emoji(text):
        wanted.append(fontfiles.EMOJI.family)
    region = han_region(text)
    if region:
        wanted.append(f"Noto Sans CJK {region}")
    for character in text:
        wanted += FALLBACKS.get(script_of(character), ())
    return ", ".join(f'"{name}"' for name in dict.fromkeys((*wanted, *LAST)))


_WORDS = {"fontWeight": "font-weight", "fontStyle": "font-style", "color": "color"}


def _letters(style: Document, text: str, scale: float) -> Style:
    """What an element and a span may both say."""
    found = {name: str(style[key]) for key, name in _WORDS.items() if key in style}
    if "fontFamily" in style:
        found["font-family"] = families(style["fontFamily"], text)
    if "fontSize" in style:
        found["font-size"] = f"{style['fontSize'] * scale:g}px"
    if "lineHeight" in style:
        found["line-height"] = f"{style['lineHeight']}"
    if "letterSpacing" in style:
        found["letter-spacing"] = f"{style['letterSpacing'] * scale:g}px"
    if "textTransform" in style:
        found["text-transform"] = style["textTransform"]
    lines = [
        name
        for key, name in (("underline", "underline"), ("strikethrough", "line-through"))
        if style.get(key)
    ]
    if lines:
        found["text-decoration"] = " ".join(lines)
    if "stroke" in style:
        found["-webkit-text-stroke"] = f"{style['stroke'].get('width', 1)}px {style['stroke']['color']}"
        found["paint-order"] = "stroke fill"
    return found


_DEFAULTS = {"fontFamily": "sans-serif", "fontSize": 32, "lineHeight": 1.2, "color": "black"}
_VERTICAL = {"top": "flex-start", "middle": "center", "bottom": "flex-end"}


def _text(element: Document, box: Style, scale: float, index: int) -> str:
    text = element["text"]
    box |= {"display": "flex", "flex-direction": "column", "box-sizing": "content-box"}
    box["justify-content"] = _VERTICAL[element.get("verticalAlign", "top")]
    if "background" in element:
        back = element["background"]
        padding = back.get("padding", 0)
        box |= {"background": back["color"], "padding": f"{padding}px", "margin": f"-{padding}px"}
        box["border-radius"] = f"{back.get('radius', 0)}px"
    inner: Style = {"white-space": "pre-wrap", "overflow-wrap": "anywhere", "flex": "none", "width": "100%"}
    inner["text-align"] = element.get("align", "start")
    inner |= _letters(_DEFAULTS | element, text, scale)
    if "shadow" in element:
        inner["text-shadow"] = _shadow(element)
    overflow = element.get("overflow")
    if overflow == "clip":
        box["overflow"] = "hidden"
    if overflow == "ellipsis":
        size = element.get("fontSize", 32) * element.get("lineHeight", 1.2)
        inner |= {"display": "-webkit-box", "-webkit-box-orient": "vertical", "overflow": "hidden"}
        inner["-webkit-line-clamp"] = str(max(1, int(element["height"] / size + 1e-6)))
    direction = element.get("direction", "auto")
    return (
        f'<div style="{css(box)}"><div dir="{direction}" data-text="{index}" style="{css(inner)}">'
        f"{_spans(element, scale)}</div></div>"
    )


def _spans(element: Document, scale: float) -> str:
    text, at, parts = element["text"], 0, []
    units = [index for index, character in enumerate(text) for _ in character.encode("utf-16-le")[::2]]
    units.append(len(text))
    for span in element.get("spans", ()):
        start = units[span["start"]]
        parts.append(escape(text[at:start]))
        at = units[min(span["end"], len(units) - 1)]
        style = _letters(span, text, scale)
        if "background" in span:
            back = span["background"]
            padding = back.get("padding", 0)
            style |= {"background": back["color"], "padding": f"{padding}px", "margin": f"0 -{padding}px"}
            style |= {"border-radius": f"{back.get('radius', 0)}px", "box-decoration-break": "clone"}
        parts.append(f'<span style="{css(style)}">{escape(text[start:at])}</span>')
    return "".join((*parts, escape(text[at:])))
