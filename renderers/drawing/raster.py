"""Layers and slides to pixels.

`draw_layer` draws one layer as the compositor needs it; `draw_slide` a whole slide at once, by the same
code: the reference that tests hold the compositor against. All pixels are premultiplied RGBA in sRGB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, cast

import numpy as np

from renderers._arrays import NDArray
from renderers._skia import skia
from renderers.drawing import brushes
from renderers.drawing.backgrounds import draw_background
from renderers.drawing.glyphs import draw_text, text_box
from renderers.drawing.images import clip_rounded, content_box, draw_border, draw_image, rounded
from renderers.drawing.shapes import draw_shape, outline
from renderers.stored.pixels import Pixels
from renderers.text.fonts import FontSet
from renderers.text.layout import Layout, lay_out
from renderers.timeline.scene import Canvas, Inside, Layer, LayerPixels, Placement
from schemas.elements import ImageElement, ShapeElement, TextElement
from schemas.errors import InvalidInput
from schemas.project import Element, Project, Slide

Images = Callable[[str], Pixels]
"""The normal form of an image by its src: (height, width, 4), premultiplied."""

REST = Placement()
_MARGIN = 2  # px around what is measured, for anti-aliasing and sampling
_LARGEST = 33_177_600  # px of a tile, the area of 7680x4320: a larger one is drawn smaller
_RIM = 4  # px at an edge that are looked at one by one: a picture that fills its box begins there

Parts = Literal["all", "picture", "shadow", "border"]


class Painter:
    """Draws elements onto a Skia canvas in output px."""

    def __init__(self, canvas: Canvas, images: Images, fonts: FontSet) -> None:
        self._canvas = canvas
        self._images = images
        self._fonts = fonts
        self._layouts: dict[int, tuple[TextElement, Layout]] = {}

    @property
    def scale(self) -> float:
        """Px of the canvas to one of the document."""
        return self._canvas.scale

    def centre(self, element: Element) -> tuple[float, float]:
        """The centre of an element's box on the canvas."""
        scale = self._canvas.scale
        x = (element.x + element.width / 2) * scale + self._canvas.offset_x
        return x, (element.y + element.height / 2) * scale + self._canvas.offset_y

    def draw(
        self,
        target: Any,
        element: Element,
        placement: Placement | None = None,
        *,
        zoom: float = 1.0,
        turned: bool = True,
        blended: bool = True,
        parts: Parts = "all",
    ) -> None:
        """Draw one element where it is.

        placement: its animated values; None for an element that never moves, whose text is fitted to px.
        zoom: enlarges about the canvas's origin. turned: with its own rotation. blended: by its blend mode.
        parts: of a picture that zooms inside its box, what to draw.
        """
        hinted = placement is None
        placement = placement or REST
        opacity = 1.0 if parts == "picture" else element.opacity * placement.opacity
        if opacity <= 0 or placement.scale == 0:
            return
        x, y = self.centre(element)
        angle = (element.rotation if turned else 0.0) + placement.rotation
        target.save()
        target.scale(zoom, zoom)
        target.translate(x + placement.dx, y + placement.dy)
        if angle % 360:
            target.rotate(angle)
        factor = self._canvas.scale * placement.scale
        target.scale(factor, factor)
        target.translate(-element.width / 2, -element.height / 2)
        shown, shift_x, shift_y = snapped(element)
        target.translate(shift_x, shift_y)
        if isinstance(element, ImageElement):
            shown = shown.model_copy(update={"src": element.picture})  # by the box before it was snapped
        layered = self._begin(target, shown, opacity, blended=blended, parts=parts)
        self._content(target, shown, placement.within, parts, hinted)
        if layered:
            target.restore()
        target.restore()

    def _begin(self, target: Any, element: Element, opacity: float, *, blended: bool, parts: Parts) -> bool:
        """Open a layer where opacity, blend mode or shadow want the element as a whole."""
        blend = element.blend_mode if blended else "normal"
        shadow = element.shadow if parts in ("all", "shadow") else None
        if shadow is not None and parts == "all" and opacity >= 1 and blend == "normal":
            solid = self._solid_outline(element)
            if solid is not None:
                solid.offset(shadow.x, shadow.y)
                target.drawRRect(solid, brushes.shadow_paint(shadow))
                return False
        if opacity >= 1 and blend == "normal" and shadow is None:
            return False
        paint = skia.Paint()
        paint.setAlphaf(opacity)
        paint.setBlendMode(brushes.BLEND_MODES[blend])
        if shadow is not None:
            paint.setImageFilter(brushes.shadow_filter(shadow, alone=parts == "shadow"))
        left, top, right, bottom = self.painted_box(element, shadow=False)
        target.saveLayer(skia.Rect.MakeLTRB(left, top, right, bottom), paint)
        return True

    def _solid_outline(self, element: Element) -> Any:
        """The box, rounded box or ellipse that an element fills without a gap, whose shadow is quick to
        draw.
        """
        box = skia.Rect.MakeWH(element.width, element.height)
        if isinstance(element, ShapeElement) and brushes.is_opaque(element.fill):
            if element.shape == "ellipse":
                return skia.RRect.MakeOval(box)
            return rounded(box, element.radius) if element.shape == "rect" else None
        if isinstance(element, ImageElement) and element.fit != "contain":
            alpha = self._images(element.src)[..., 3]
            return rounded(box, element.radius) if bool((alpha == 255).all()) else None
        return None

    def _content(self, target: Any, element: Element, within: float, parts: Parts, hinted: bool) -> None:
        if isinstance(element, TextElement):
            draw_text(target, element, self._fonts, self.layout(element), hinted=hinted)
        elif isinstance(element, ShapeElement):
            draw_shape(target, element)
        elif isinstance(element, ImageElement):
            self._picture(target, element, within, parts)
        else:
            raise InvalidInput("not_supported", f"An element of type {element.type} cannot be drawn.")

    def _picture(self, target: Any, element: ImageElement, within: float, parts: Parts) -> None:
        if parts == "border":
            draw_border(target, element)
        elif parts == "picture":
            draw_image(target, element, self._images, bare=True)
        elif within == 1:
            draw_image(target, element, self._images)
        else:
            target.save()
            clip_rounded(target, *content_box(element))
            target.translate(element.width / 2, element.height / 2)
            target.scale(within, within)
            target.translate(-element.width / 2, -element.height / 2)
            draw_image(target, element, self._images, bare=True)
            target.restore()
            draw_border(target, element)

    def layout(self, element: TextElement) -> Layout:
        """The lines of a text, worked out once for each element."""
        known = self._layouts.get(id(element))
        if known is None or known[0] is not element:
            known = self._layouts[id(element)] = (element, lay_out(element, self._fonts))
        return known[1]

    def painted_box(self, element: Element, *, shadow: bool = True) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of all that an element may paint, from its corner, in px of the
        document.
        """
        left, top, right, bottom = 0.0, 0.0, element.width, element.height
        if isinstance(element, ShapeElement) and element.shape not in ("rect", "ellipse"):
            bounds = outline(element).getBounds()
            reach = (element.stroke.width if element.stroke else 0.0) * 2.5  # mitres
            left, top = bounds.left() - reach, bounds.top() - reach
            right, bottom = bounds.right() + reach, bounds.bottom() + reach
        elif isinstance(element, TextElement):
            left, top, right, bottom = text_box(element, self.layout(element))
        if shadow and element.shadow is not None:
            cast = element.shadow
            reach = brushes.sigma(cast.blur) * 3 + 1
            left, right = min(left, left + cast.x - reach), max(right, right + cast.x + reach)
            top, bottom = min(top, top + cast.y - reach), max(bottom, bottom + cast.y + reach)
        return left - 1, top - 1, right + 1, bottom + 1


def snapped(element: Element) -> tuple[Element, float, float]:
    """A box as a browser paints it, its edges on whole px of the document, and how far its corner moved.

    That is for upright pictures, rectangles and ellipses; all else is as it was.
    """
    if element.rotation % 360 or not isinstance(element, ImageElement | ShapeElement):
        return element, 0.0, 0.0
    if isinstance(element, ShapeElement) and element.shape not in ("rect", "ellipse"):
        return element, 0.0, 0.0
    left, top = math.floor(element.x + 0.5), math.floor(element.y + 0.5)
    width = math.floor(element.x + element.width + 0.5) - left
    height = math.floor(element.y + element.height + 0.5) - top
    shift = left - element.x, top - element.y
    if not any(shift) and width == element.width and height == element.height:
        return element, 0.0, 0.0
    return element.model_copy(update={"width": float(width), "height": float(height)}), *shift


def draw_layer(layer: Layer, project: Project, canvas: Canvas, images: Images, fonts: FontSet) -> LayerPixels:
    """Draw one layer. Raises InvalidInput where an element cannot be drawn."""
    slide = project.slides[layer.slide]
    painter = Painter(canvas, images, fonts)
    if layer.kind == "tile":
        element = slide.elements[layer.elements[0]]
        if layer.zooms and isinstance(element, ImageElement):
            return _draw_zooming(element, layer, painter, canvas)
        return _draw_tile(element, painter, layer.raster_scale, turned=not layer.rotates)
    drawn = [(slide.elements[index], _placement(layer, at)) for at, index in enumerate(layer.elements)]
    if layer.kind == "overlay":
        pixels = np.zeros((canvas.height, canvas.width, 4), np.uint8)
        _draw_all(pixels, drawn, painter)
        return _trimmed(LayerPixels(pixels, 0, 0))
    pixels = np.empty((canvas.height, canvas.width, 4), np.uint8)
    draw_background(pixels, slide.background, images)
    _draw_all(pixels, drawn, painter)
    return LayerPixels(pixels, 0, 0)


def _draw_all(pixels: Pixels, drawn: list[tuple[Element, Placement | None]], painter: Painter) -> None:
    with _target(pixels) as target:
        for element, placement in drawn:
            painter.draw(target, element, placement)


def draw_slide(
    project: Project,
    index: int,
    canvas: Canvas,
    images: Images,
    fonts: FontSet,
    placements: Mapping[int, Placement] | None = None,
    hidden: Collection[int] = (),
) -> Pixels:
    """A whole slide as one opaque picture, (height, width, 4).

    placements: the animated values of elements that move, by their index. hidden: those not shown.
    """
    slide = project.slides[index]
    pixels = np.empty((canvas.height, canvas.width, 4), np.uint8)
    draw_background(pixels, slide.background, images)
    given = placements or {}
    order = [place for place in painting_order(slide) if place not in hidden]
    drawn = [(slide.elements[place], given.get(place)) for place in order]
    _draw_all(pixels, drawn, Painter(canvas, images, fonts))
    return pixels


def painting_order(slide: Slide) -> list[int]:
    """The indices of a slide's elements from the back to the front."""
    return sorted(range(len(slide.elements)), key=lambda place: slide.elements[place].z_index)


def _placement(layer: Layer, at: int) -> Placement | None:
    return layer.placements[at] if at < len(layer.placements) else None


@contextmanager
def _target(pixels: Pixels) -> Iterator[Any]:
    """A Skia canvas that draws into the array while the context lasts."""
    height, width = pixels.shape[:2]
    surface = skia.Surface.MakeRasterDirect(brushes.image_info(width, height), pixels, width * 4)
    yield surface.getCanvas()


def _trimmed(layer: LayerPixels) -> LayerPixels:
    """Without transparent edges; what is left is aligned to whole px of the canvas if it was before."""
    alpha = layer.rgba[..., 3]
    top, bottom = _seen(alpha)
    if top == bottom:
        return layer._replace(rgba=np.zeros((1, 1, 4), np.uint8))
    left, right = _seen(alpha[top:bottom].T)
    return layer._replace(
        rgba=np.ascontiguousarray(layer.rgba[top:bottom, left:right]),
        x=layer.x + left,
        y=layer.y + top,
        centre_x=layer.centre_x - left,
        centre_y=layer.centre_y - top,
    )


def _seen(lines: NDArray[np.uint8]) -> tuple[int, int]:
    """From which to before which of the lines there is anything in them; twice 0 if nowhere."""
    first = next((at for at, line in enumerate(lines[:_RIM]) if line.any()), None)
    after = next((len(lines) - at for at, line in enumerate(lines[: -_RIM - 1 : -1]) if line.any()), None)
    if first is None or after is None:
        filled = np.flatnonzero(lines.any(axis=1))
        return (int(filled[0]), int(filled[-1]) + 1) if len(filled) else (0, 0)
    return first, after


def _draw_tile(
    element: Element, painter: Painter, scale: float, *, turned: bool, parts: Parts = "all"
) -> LayerPixels:
    """One element alone, in its own box: at scale 1 exactly the pixels it has in place."""
    centre = painter.centre(element)
    left, top, right, bottom = _bounds(painter, element, turned=turned)
    area = (right - left) * (bottom - top) * scale * scale
    if area > _LARGEST:
        scale *= math.sqrt(_LARGEST / area)
    x, y = math.floor((centre[0] + left) * scale), math.floor((centre[1] + top) * scale)
    width = max(1, math.ceil((centre[0] + right) * scale) - x)
    height = max(1, math.ceil((centre[1] + bottom) * scale) - y)
    pixels = np.zeros((height, width, 4), np.uint8)
    with _target(pixels) as target:
        target.translate(-x, -y)
        painter.draw(target, element, REST, zoom=scale, turned=turned, blended=False, parts=parts)
    drawn = LayerPixels(
        pixels,
        x,
        y,
        scale,
        centre[0] * scale - x,
        centre[1] * scale - y,
        *centre,
        0.0 if turned else element.rotation,
    )
    return _trimmed(drawn)


def _bounds(painter: Painter, element: Element, *, turned: bool) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what an element paints, about its centre, in px of the canvas."""
    left, top, right, bottom = painter.painted_box(element)
    scale = painter.scale
    x, y = element.width / 2, element.height / 2
    corners = [(left - x, top - y), (right - x, top - y), (left - x, bottom - y), (right - x, bottom - y)]
    if turned and element.rotation % 360:
        angle = math.radians(element.rotation)
        cosine, sine = math.cos(angle), math.sin(angle)
        corners = [(a * cosine - b * sine, a * sine + b * cosine) for a, b in corners]
    across, down = [corner[0] * scale for corner in corners], [corner[1] * scale for corner in corners]
    return min(across) - _MARGIN, min(down) - _MARGIN, max(across) + _MARGIN, max(down) + _MARGIN


def _draw_zooming(element: ImageElement, layer: Layer, painter: Painter, canvas: Canvas) -> LayerPixels:
    """The bare picture of a box that it zooms in, and what is around it."""
    shown, shift_x, shift_y = snapped(element)
    scale = canvas.scale
    inner, radius = content_box(cast(ImageElement, shown))
    left = (element.x + shift_x + inner.left()) * scale + canvas.offset_x
    top = (element.y + shift_y + inner.top()) * scale + canvas.offset_y
    box = (left, top, inner.width() * scale, inner.height() * scale)
    picture = element.model_copy(update={"shadow": None})
    drawn = _draw_tile(picture, painter, layer.raster_scale, turned=False, parts="picture")
    under = over = None
    if element.shadow is not None:
        under = _draw_tile(element, painter, 1.0, turned=False, parts="shadow")
    if element.border is not None and element.border.width > 0:
        over = _draw_tile(picture, painter, 1.0, turned=False, parts="border")
    mask, x, y = _mask(box, radius * scale, element.opacity)
    return drawn._replace(inside=Inside(box, mask, x, y, under, over))


def _mask(box: tuple[float, float, float, float], radius: float, opacity: float) -> tuple[Pixels, int, int]:
    """How much of each px of the canvas a rounded box covers, and where the mask's corner is."""
    x, y = math.floor(box[0]), math.floor(box[1])
    width = max(1, math.ceil(box[0] + box[2]) - x)
    height = max(1, math.ceil(box[1] + box[3]) - y)
    pixels = np.zeros((height, width, 4), np.uint8)
    with _target(pixels) as target:
        target.translate(-x, -y)
        paint = skia.Paint(AntiAlias=True)
        paint.setAlphaf(opacity)
        target.drawRRect(rounded(skia.Rect.MakeXYWH(*box), radius), paint)
    return np.ascontiguousarray(pixels[..., 3]), x, y
