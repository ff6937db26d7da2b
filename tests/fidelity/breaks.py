"""Where Chromium and we break random texts: `python -m tests.fidelity.breaks [--count N] [--seed N]`.

Each text is broken in the narrowest box, which shows all its places; and, where the shipped fonts have all of
it, in a box of some width, where letters, spaces and hyphens count.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from renderers.text.fonts import FontSet, script_of, shows_emoji
from renderers.text.layout import lay_out
from renderers.text.linebreak import Breaks
from schemas.elements import TextElement
from tests.fidelity.chromium import Chromium
from tests.fidelity.compare import font_faces
from tests.fidelity.markup import families
from tests.fidelity.wordlists import APART, RandomText, random_texts

_SIZE = 24
_READ = r"""document.fonts.ready.then(() => [...document.querySelectorAll('p')].map(block => {
  const node = block.firstChild, range = document.createRange(), places = [];
  let unit = 0, at = 0, last = null;
  for (const character of node.data) {
    range.setStart(node, unit);
    range.setEnd(node, unit += character.length);
    const boxes = range.getClientRects();
    if (boxes.length) {
      const top = boxes[boxes.length - 1].top;
      if (last !== null && top > last + 1) places.push(at);
      last = top;
    }
    at++;
  }
  return places;
}))"""


class Broken(NamedTuple):
    """A text that breaks otherwise: where Chromium breaks it, and where we do."""

    text: RandomText
    theirs: list[int]
    ours: list[int]
    is_narrow: bool

    def __str__(self) -> str:
        box = "narrow" if self.is_narrow else f"{self.text.width:.1f} px"
        shown = (_shown(self.text.text, places) for places in (self.theirs, self.ours))
        return "\n  ".join((f"{self.text.script}, {box}", *shown))


def _shown(text: str, places: list[int]) -> str:
    return "¦".join(text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True))


def differing(texts: Sequence[RandomText]) -> list[Broken]:
    """Those that break otherwise in one box or the other. Raises ServerUnavailable without a Chromium."""
    fonts = FontSet()
    fitting = [text for text in texts if _is_one_list(text.text) and not fonts.coverage(text.text)]
    with tempfile.TemporaryDirectory(prefix="fidelity-") as name, Chromium() as browser:
        folder = Path(name)
        body = "".join(f'<p class="narrow">{escape(text.text)}</p>' for text in texts)
        for text in fitting:
            style = escape(f"width: {text.width}px; font-family: {families('sans-serif', text.text)}")
            body += f'<p dir="auto" style="{style}">{escape(text.text)}</p>'
        style = (
            f"{font_faces(folder)} p {{ white-space: pre-wrap; font-size: {_SIZE}px; line-height: 30px; "
            "margin: 0; overflow-wrap: anywhere } p.narrow { width: 0; overflow-wrap: normal }"
        )
        page = folder / "page.html"
        page.write_text(f'<!doctype html><meta charset="utf-8"><style>{style}</style>{body}', "utf-8")
        browser.open(page, 800, 600)
        theirs = browser.evaluate(_READ)
    ours = [_narrow(text.text) for text in texts] + [_laid_out(text, fonts) for text in fitting]
    every = [(text, True) for text in texts] + [(text, False) for text in fitting]
    return [
        Broken(text, a, b, narrow) for (text, narrow), a, b in zip(every, theirs, ours, strict=True) if a != b
    ]


def _is_one_list(text: str) -> bool:
    """Whether one list of families can say which font each character has, as ours are chosen by script."""
    found = {script_of(character) for character in text} - {"Latn", "Zyyy", "Zinh", "Grek", "Cyrl"}
    return len(found) <= 1 and not (found and shows_emoji(text))


def _narrow(text: str) -> list[int]:
    breaks, places = Breaks(text), [0]
    while (place := next(breaks.after(places[-1]), None)) is not None:
        places.append(place)
    return places[1:]


def _laid_out(text: RandomText, fonts: FontSet) -> list[int]:
    element = TextElement(
        type="text", text=text.text, width=text.width, height=100, font_size=_SIZE, line_height=1.25
    )
    return [line.start for line in lay_out(element, fonts).lines[1:]]


def main(arguments: list[str]) -> None:
    """Count, and show what differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity.breaks", description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("--apart", action="store_true", help="Khmer and Lao only")
    options = parser.parse_args(arguments)
    texts = random_texts(options.count, options.seed, *([APART] if options.apart else []))
    found = differing(texts)
    for broken in found[:40]:
        print(broken)
    print(f"{len({broken.text for broken in found})} of {len(texts)} texts break otherwise")
    print(Counter((broken.text.script, broken.is_narrow) for broken in found).most_common())


if __name__ == "__main__":
    main(sys.argv[1:])
