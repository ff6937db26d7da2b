"""SVG to pixels, by resvg, without anything from outside of the document.

Runs in the sandbox only (`renderers.foreign.decode`). `renderers.foreign.svgtext` reads the document first,
expands its own entities within bounds and refuses references to other files: resvg would open those. The
fonts are those that ship with the product.
"""

from __future__ import annotations

import io
import math
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from renderers.foreign.svgtext import Document
from renderers.stored.pixels import Pixels
from schemas.errors import InvalidInput

_SERIF = re.compile(
    r"(?<![\w-])(?:serif|times|georgia|garamond|cambria|palatino|noto serif)\b", re.IGNORECASE
)


class Drawing(NamedTuple):
    """size: the SVG's own width and height in px. warnings: what is not drawn. has_ratio: whether it has a
    shape of its own, or fills any box.
    """

    pixels: Pixels
    size: tuple[int, int]
    warnings: list[str]
    has_ratio: bool


def draw_svg(
    data: bytes,
    needed: tuple[int, int],
    max_megapixels: float,
    box: tuple[float, float] | None = None,
) -> Drawing:
    """The picture; it covers `needed` exactly in one direction.

    box: the viewport's width and height in px, instead of its own (CSS Images 3, 5.5, `fill`). Raises
    InvalidInput: `broken_svg`, `svg_external`, `image_too_large`.
    """
    from renderers.foreign.images import check_size

    document = Document(data, max_megapixels)
    width, height = box or document.size
    scale = max(needed[0] / width, needed[1] / height)
    scale = min(scale, math.sqrt(max_megapixels * 1e6 / (width * height)))
    size = max(1, math.ceil(width * scale - 1e-6)), max(1, math.ceil(height * scale - 1e-6))
    check_size(*size, max_megapixels * 1.01)
    pixels = _premultiplied(_drawn(document.rewritten(size, box), document.has_text))
    own = max(1, round(document.size[0])), max(1, round(document.size[1]))
    return Drawing(pixels, own, sorted(document.warnings), document.has_ratio)


def _drawn(text: str, has_text: bool) -> bytes:
    """A PNG of the document in its own size. Raises InvalidInput (`broken_svg`)."""
    import resvg_py

    with tempfile.TemporaryDirectory(prefix="svg-fonts-") as folder:
        try:
            return resvg_py.svg_to_bytes(
                svg_string=text,
                skip_system_fonts=True,
                dpi=96.0,
                resources_dir=folder,  # nothing else could be reached, were a reference overlooked
                languages=["en"],
                font_family="Noto Sans",
                # The last resort of every list of families is this one.
                serif_family="Noto Serif" if _SERIF.search(text) else "Noto Sans",
                sans_serif_family="Noto Sans",
                cursive_family="Noto Sans",
                fantasy_family="Noto Sans",
                monospace_family="Fira Mono",
                font_files=font_files(Path(folder), text) if has_text else [],
            )
        except (MemoryError, KeyboardInterrupt):
            raise
        except BaseException as error:  # a panic of Rust is no Exception
            raise InvalidInput("broken_svg", "The SVG cannot be drawn.") from error


def font_files(folder: Path, text: str) -> list[str]:
    """The shipped fonts as files; those that packages hold as modules are written to `folder` if named."""
    from renderers.text import fontfiles

    found: dict[str, None] = {}
    lower = text.lower()
    mono = "mono" in lower or "courier" in lower
    for font in fontfiles.SHIPPED:
        path = fontfiles.path_of(font)
        if path is None and (font.family.lower() in lower or (mono and "Mono" in font.family)):
            path = folder / f"{font.name}.ttf"
            path.write_bytes(font.load())
        if path is not None:
            found[str(path)] = None
    return list(found)


def _premultiplied(png: bytes) -> Pixels:
    from PIL import Image

    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        straight: Any = image.convert("RGBA").convert("RGBa")
        raw = straight.tobytes()
        return np.frombuffer(raw, np.uint8).reshape(straight.height, straight.width, 4)
