"""Shapes: rectangles and ellipses as CSS boxes, lines, polygons and paths as SVG draws them."""

from __future__ import annotations

from typing import Any

from renderers._skia import skia
from renderers.drawing import brushes
from renderers.drawing.images import rounded
from renderers.drawing.svgpath import parse_path
from schemas.elements import ShapeElement


def draw_shape(target: Any, element: ShapeElement) -> None:
    """Draw in the element's box (0, 0, width, height). Raises InvalidInput (`invalid_path`)."""
    if element.shape in ("rect", "ellipse"):
        _draw_box(target, element)
        return
    path = outline(element)
    if element.fill is not None and element.shape != "line":
        target.drawPath(path, brushes.fill(element.fill, element.width, element.height))
    if element.stroke is not None and element.stroke.width > 0:
        target.drawPath(path, brushes.line(element.stroke))


def outline(element: ShapeElement) -> Any:
    """The path of a shape, in its box. A line without points is its box's diagonal, or its middle where
    it is flat.
    """
    if element.shape == "path":
        return parse_path(element.d)
    if element.shape == "rect":
        path = skia.Path()
        path.addRRect(rounded(skia.Rect.MakeWH(element.width, element.height), element.radius))
        return path
    if element.shape == "ellipse":
        path = skia.Path()
        path.addOval(skia.Rect.MakeWH(element.width, element.height))
        return path
    points = element.points or ((0.0, 0.0), (element.width, element.height))
    return skia.Path.Polygon([skia.Point(x, y) for x, y in points], element.shape == "polygon")


def _draw_box(target: Any, element: ShapeElement) -> None:
    """Fill up to the box's edge; the stroke lies inside, over the fill."""
    box = skia.Rect.MakeWH(element.width, element.height)
    oval = element.shape == "ellipse"
    if element.fill is not None:
        paint = brushes.fill(element.fill, element.width, element.height)
        if oval:
            target.drawOval(box, paint)
        elif element.radius > 0:
            target.drawRRect(rounded(box, element.radius), paint)
        else:
            target.drawRect(box, paint)
    stroke = element.stroke
    if stroke is None or stroke.width <= 0:
        return
    width = min(stroke.width, element.width / 2, element.height / 2)
    if sum(stroke.dash) > 0:
        _draw_dashed(target, element, width)
        return
    paint = skia.Paint(AntiAlias=True)
    paint.setColor(brushes.color(stroke.color))
    outer = skia.RRect.MakeOval(box) if oval else rounded(box, element.radius)
    inside = box.makeInset(width, width)
    if oval:
        inner = skia.RRect.MakeOval(inside)
    else:
        radius = min(element.radius, element.width / 2, element.height / 2)
        inner = rounded(inside, max(0.0, radius - width))
    target.drawDRRect(outer, inner, paint)


def _draw_dashed(target: Any, element: ShapeElement, width: float) -> None:
    """A dashed stroke along the middle of where the whole one would be."""
    assert element.stroke is not None
    box = skia.Rect.MakeWH(element.width, element.height).makeInset(width / 2, width / 2)
    paint = brushes.line(element.stroke.model_copy(update={"width": width}))
    path = skia.Path()
    if element.shape == "ellipse":
        path.addOval(box)
    else:
        # Dashes begin where SVG's do: at the top, behind the left corner, clockwise (SVG 2, 10.2).
        path.addRRect(rounded(box, max(0.0, element.radius - width / 2)), skia.PathDirection.kCW, 0)
    target.drawPath(path, paint)
