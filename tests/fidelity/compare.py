"""Every case drawn both ways, and how far apart the two are.

All cases lie on one page, which one Chromium shows and one screenshot takes; its script tells where the lines
of each text begin and how far they reach.
"""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from renderers.drawing.raster import draw_slide
from renderers.foreign.fonts import decode_font
from renderers.foreign.images import decode_image
from renderers.stored.pixels import Pixels, unpack
from renderers.text import fontfiles
from renderers.text.bidi import first_strong
from renderers.text.fonts import CustomFont, FontSet
from renderers.text.layout import Layout, Line, lay_out
from renderers.timeline.scene import Canvas
from renderers.timeline.sizes import needed_images, shown_boxes
from schemas.elements import TextElement
from schemas.paint import picture_source
from schemas.project import Project, parse_project
from tests.fidelity import markup, pictures
from tests.fidelity.cases import HEIGHT, WIDTH, Case
from tests.fidelity.chromium import Chromium
from tests.fidelity.metrics import difference, ink, ssim, worst_block
from tests.fidelity.typefaces import SHOWN, made

_COLUMNS = 4
Lines = list[tuple[int, float, float]]
"""Of each line: its first character that is no space, and its left and right end from the box's corner."""


@dataclass(frozen=True)
class Result:
    """A case drawn by us and by Chromium.

    block: how far the block is apart that is most. ink: how far the boxes of what is painted are apart, in
    px, or None where that is not asked; starts: whether all lines begin alike; reach: how far line ends
    differ, in px.
    """

    case: Case
    ours: Pixels
    theirs: Pixels
    ssim: float
    difference: float
    block: float
    ink: int | None
    starts: bool
    reach: float


def compare(cases: Sequence[Case], shown: Sequence[Case] | None = None) -> tuple[list[Result], str]:
    """The results in order, and the browser's version. Raises ServerUnavailable without a Chromium.

    shown: what Chromium draws, if that is to be something else.
    """
    with tempfile.TemporaryDirectory(prefix="fidelity-") as name, Chromium() as browser:
        folder = Path(name)
        for file, data in pictures.files().items():
            (folder / file).write_bytes(data)
        fonts = FontSet(_made(folder))
        projects = [parse_project(case.document) for case in cases]
        layouts = [_layouts(project, fonts) for project in projects]
        ours = [_draw(project, folder, fonts) for project in projects]
        page = folder / "page.html"
        page.write_text(_page(shown or cases, layouts, folder), "utf-8")
        rows = -(-len(cases) // _COLUMNS)
        browser.open(page, WIDTH * _COLUMNS, HEIGHT * rows)
        missing = browser.evaluate(READY)
        if missing:
            raise RuntimeError(f"Chromium could not load: {missing}")
        lines = browser.evaluate(_LINES)
        shot = np.asarray(Image.open(io.BytesIO(browser.screenshot())).convert("RGBA"))
        found = []
        for at, case in enumerate(cases):
            x, y = at % _COLUMNS * WIDTH, at // _COLUMNS * HEIGHT
            theirs = shot[y : y + HEIGHT, x : x + WIDTH]
            found.append(_result(case, ours[at], theirs, layouts[at], lines[at]))
        return found, browser.version()


def _result(case: Case, ours: Pixels, theirs: Pixels, layouts: dict[int, Layout], lines: Any) -> Result:
    starts, reach = True, 0.0
    for index, layout in layouts.items():
        element = case.elements[index]
        mine = _lines(element["text"], layout)
        given: Lines = [(int(a), b, c) for a, b, c in lines[str(index)]][: len(mine)]
        if "\u00ad" in element["text"] and first_strong(element["text"]) == "rtl":
            continue  # Chromium counts a soft hyphen that ends such a line to the next one
        starts = starts and [line[0] for line in mine] == [line[0] for line in given]
        if starts and element.get("overflow") != "ellipsis" and not element.get("rotation"):
            for line, a, b in zip(_inked(element["text"], layout), mine, given, strict=True):
                # Chromium's range begins with the first character that is seen, our line with its spaces.
                left = 0.0 if element["text"][line.start].isspace() else abs(a[1] - b[1])
                reach = max(reach, left, abs(a[2] - b[2]))
    apart = None
    if case.compares_ink:
        boxes = ink(ours), ink(theirs)
        if boxes[0] is None or boxes[1] is None:
            raise RuntimeError(f"{case.name}: nothing was drawn")
        apart = max(abs(a - b) for a, b in zip(boxes[0], boxes[1], strict=True))
    alike = ssim(ours, theirs), difference(ours, theirs), worst_block(ours, theirs)
    return Result(case, ours, theirs, *alike, apart, starts, reach)


def _inked(text: str, layout: Layout) -> list[Line]:
    """The lines that have more than spaces."""
    return [line for line in layout.lines if text[line.start : line.end].strip()]


def _lines(text: str, layout: Layout) -> Lines:
    found = []
    for line in _inked(text, layout):
        first = next(at for at in range(line.start, line.end) if not text[at].isspace())
        found.append((first, line.x, line.x + line.width))
    return found


def _layouts(project: Project, fonts: FontSet) -> dict[int, Layout]:
    elements = enumerate(project.slides[0].elements)
    return {index: lay_out(element, fonts) for index, element in elements if isinstance(element, TextElement)}


def _draw(project: Project, folder: Path, fonts: FontSet) -> Pixels:
    canvas = Canvas(WIDTH, HEIGHT, 1.0, 0.0, 0.0)
    needed, boxes = needed_images(project, canvas), shown_boxes(project, canvas)

    decoded = {}
    for src, size in needed.items():
        found = decode_image(str(folder / src), str(folder / "decoded"), size, 100)
        decoded[src] = unpack((folder / "decoded").read_bytes())[0]
        for name, box in boxes.get(src, {}).items():
            if found["format"] == "SVG" and (box.fills or not found["ratio"]):
                decode_image(str(folder / src), str(folder / "decoded"), box.needed, 100, box.size)
                decoded[name] = unpack((folder / "decoded").read_bytes())[0]

    def image(name: str) -> Pixels:
        return decoded[name if name in decoded else picture_source(name)]

    return draw_slide(project, 0, canvas, image, fonts)


def _made(folder: Path) -> list[CustomFont]:
    """The fonts that are made for the cases, as the decoder hands them on; their files stay in the folder."""
    found = []
    for number, family in enumerate(SHOWN):
        path = folder / f"made{number}"
        path.write_bytes(made(family))
        decode_font(str(path), str(folder / "decoded"))
        found.append(CustomFont(family, (folder / "decoded").read_bytes()))
    return found


# --- the page ---------------------------------------------------------------------------------------


def _page(cases: Sequence[Case], layouts: Sequence[dict[int, Layout]], folder: Path) -> str:
    cells = []
    for at, case in enumerate(cases):
        sizes = {index: layout.scale for index, layout in layouts[at].items()}
        place = f"left: {at % _COLUMNS * WIDTH}px; top: {at // _COLUMNS * HEIGHT}px"
        document = case.document["slides"][0] | {"elements": list(case.elements)}
        body = markup.slide(case.document | {"slides": [document]}, sizes)
        cells.append(f'<section style="{place}">{body}</section>')
    return (
        f'<!doctype html><meta charset="utf-8">'
        f"<style>{font_faces(folder)} body {{ margin: 0; background: white }} "
        f"section {{ position: absolute; width: {WIDTH}px; height: {HEIGHT}px; overflow: hidden; "
        f"isolation: isolate; background: white }}</style>{''.join(cells)}"
    )


def font_faces(folder: Path) -> str:
    """CSS for the very files that our fonts are drawn from, which are written to the folder."""
    rules = []
    for number, font in enumerate(fontfiles.SHIPPED):
        data = font.load()
        name = f"font{number}"
        (folder / name).write_bytes(_single(data, font.face) if data[:4] == b"ttcf" else data)
        low, high = font.weights
        rules.append(
            f"@font-face {{ font-family: '{font.family}'; src: url({name}); "
            f"font-weight: {f'{low} {high}' if low < high else low}; "
            f"font-style: {'italic' if font.italic else 'normal'} }}"
        )
    rules += [
        f"@font-face {{ font-family: '{family}'; src: url(made{at}) }}" for at, family in enumerate(SHOWN)
    ]
    return " ".join(rules)


def _single(data: bytes, index: int) -> bytes:
    """One font of a collection as a file of its own (OpenType, `Font Collections`), as browsers want it."""
    at = struct.unpack_from(">I", data, 12 + 4 * index)[0]
    count = struct.unpack_from(">H", data, at + 4)[0]
    head, body, start = bytearray(data[at : at + 12]), [], 12 + 16 * count
    for entry in range(count):
        tag, checksum, offset, length = struct.unpack_from(">4sIII", data, at + 12 + 16 * entry)
        head += struct.pack(">4sIII", tag, checksum, start, length)
        body.append(data[offset : offset + length] + bytes(-length % 4))
        start += len(body[-1])
    return bytes(head) + b"".join(body)


READY = """(async () => {
  await document.fonts.ready;
  await Promise.all([...document.images].map(image => image.decode().catch(() => 0)));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  return [...document.fonts].filter(font => font.status === 'error').map(font => font.family)
    .concat([...document.images].filter(image => !image.naturalWidth).map(image => image.src)).join(', ');
})()"""

_LINES = r"""[...document.querySelectorAll('section')].map(section => {
  const found = {};
  for (const block of section.querySelectorAll('[data-text]')) {
    const corner = block.parentElement.getBoundingClientRect();
    const padding = parseFloat(getComputedStyle(block.parentElement).paddingLeft);
    const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    const lines = [], range = document.createRange();
    let at = 0, bottom = -Infinity;
    for (let node; (node = walker.nextNode());) {
      let unit = 0;
      for (const character of node.data) {
        range.setStart(node, unit);
        range.setEnd(node, unit += character.length);
        const boxes = range.getClientRects();  // a hyphen may be the first of two
        const box = boxes[boxes.length - 1] ?? {height: 0, width: 0};
        if (!/\s/.test(character) && (box.height || box.width)) {
          const left = box.left - corner.left - padding, right = box.right - corner.left - padding;
          if ((box.top + box.bottom) / 2 > bottom) {
            lines.push([at, left, right]);
            bottom = box.bottom;
          } else {
            const line = lines[lines.length - 1];
            line[1] = Math.min(line[1], left);
            line[2] = Math.max(line[2], right);
          }
        }
        at++;
      }
    }
    found[block.dataset.text] = lines;
  }
  return found;
})"""
