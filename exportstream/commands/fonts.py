"""`fonts`: the families that documents of a tenant may name, where each is from, and samples as PNG."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from connectors.decoder import SandboxedDecoder
from connectors.font_packages import all_package_fonts, package_of
from connectors.store.base import ObjectStore
from exportstream import exits
from exportstream.commands.frame import draw
from exportstream.config import Settings
from exportstream.wiring import font_places, local_store, make_store
from processors.fontfinder import FontFinder, by_family, folded
from renderers.stored.png import encode_png
from renderers.text.fontfiles import SHIPPED
from schemas.checks import nothing
from schemas.errors import InvalidInput

_SHIPS = "ships with exportstream"
_SAMPLE = "The quick brown fox jumps over the lazy dog. 0123456789"


class Style(NamedTuple):
    """One face of a family: its weights, the same twice where it has but one."""

    weights: tuple[int, int]
    italic: bool


class Family(NamedTuple):
    """A family that documents may name. origin: what it is from; styles: in the order of their weights."""

    name: str
    origin: str
    licence: str
    styles: tuple[Style, ...]

    def described(self) -> str:
        """Its faces in few words: `100-900, 400 italic`."""
        return ", ".join(
            ("-".join(map(str, sorted(set(style.weights)))) + (" italic" if style.italic else ""))
            for style in self.styles
        )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """List them, and draw a sample of each where a folder is given."""
    with tempfile.TemporaryDirectory(prefix="exportstream-", dir=settings.temp_dir) as name:
        folder, decoder = Path(name), SandboxedDecoder()
        try:
            store = make_store(settings) if settings.fonts_prefix else local_store(folder / "store")
            families, problems = available(settings, store, options.tenant, decoder, folder)
            chosen = _chosen(families, options.family)
            if options.samples is not None:
                _draw_samples(chosen, options.samples, settings, options.tenant, decoder, folder)
        finally:
            decoder.close()
    if options.json:
        print(orjson.dumps([_plain(family) for family in chosen], option=orjson.OPT_INDENT_2).decode())
    else:
        width = max((len(family.name) for family in chosen), default=0)
        for family in chosen:
            print(f"{family.name:<{width}}  {family.described():<28} {family.origin}")
    for name, sentence in problems:
        print(f"{name}: {sentence}", file=sys.stderr)
    return exits.OK


def available(
    settings: Settings, store: ObjectStore, tenant: str, decoder: SandboxedDecoder, folder: Path
) -> tuple[list[Family], list[tuple[str, str]]]:
    """The families by their names, a nearer place before a farther one, and what could not be read: (file,
    sentence). Raises Unavailable for a folder that is not there.
    """
    places = font_places(settings, store)
    finder = FontFinder(store, decoder, settings.limits, places)
    found: dict[str, Family] = {}
    problems: list[tuple[str, str]] = []
    for place in places.of(tenant):
        shelf = finder.shelf(place, tenant, folder, nothing)
        problems += shelf.problems
        for name, fonts in by_family(shelf.fonts).items():
            styles = (Style(font.weights, font.italic) for font in fonts)
            _add(found, name, place.origin, fonts[0].licence, styles)
    for name in dict.fromkeys(font.family for font in SHIPPED):
        styles = (Style(font.weights, font.italic) for font in SHIPPED if font.family == name)
        _add(found, name, _SHIPS, "", styles)
    packaged = all_package_fonts()
    for name in dict.fromkeys(font.family for font in packaged):
        fonts_ = [font for font in packaged if font.family == name]
        styles = (Style(font.weights, font.italic) for font in fonts_)
        _add(found, name, fonts_[0].package, fonts_[0].licence, styles)
    return sorted(found.values(), key=lambda family: folded(family.name)), problems


def _add(found: dict[str, Family], name: str, origin: str, licence: str, styles: Iterable[Style]) -> None:
    found.setdefault(folded(name), Family(name, origin, licence, tuple(sorted(set(styles)))))


def _chosen(families: Sequence[Family], wanted: Sequence[str]) -> list[Family]:
    """All, or those that are named. Raises InvalidInput for one that is not there."""
    if not wanted:
        return list(families)
    known = {folded(family.name): family for family in families}
    for name in wanted:
        if folded(name) not in known:
            package = package_of(name)
            way = f"install the package {package}" if package else "put its files into FONTS_DIR"
            raise InvalidInput("unknown_font", f"The font {name!r} is not available here: {way}.")
    return [known[folded(name)] for name in wanted]


def _draw_samples(
    families: Sequence[Family],
    out: Path,
    settings: Settings,
    tenant: str,
    decoder: SandboxedDecoder,
    folder: Path,
) -> None:
    """`NAME.png` for each, drawn as documents are."""
    out.mkdir(parents=True, exist_ok=True)
    for family in families:
        rows = [(family.name, 44, style) for style in family.styles[:6]]
        elements = [
            {"type": "text", "text": text, "x": 24, "y": 16 + 112 * at, "width": 912, "height": 104}
            | {"fontFamily": f'"{family.name}"', "fontSize": size, "fontWeight": _weight(style)}
            | {"fontStyle": "italic" if style.italic else "normal", "overflow": "shrink"}
            for at, (text, size, style) in enumerate(
                (f"{name}\n{_SAMPLE}", size, style) for name, size, style in rows
            )
        ]
        document = {"version": 1, "width": 960, "height": 24 + 112 * len(rows)}
        slide = {"duration": 1, "background": {"type": "solid", "color": "white"}, "elements": elements}
        data = orjson.dumps({**document, "slides": [slide]})
        pixels = draw(data, folder, 0.0, settings, folder, decoder, tenant=tenant)
        name = "-".join(re.findall(r"\w+", family.name.lower())) or "font"
        (out / f"{name}.png").write_bytes(encode_png(pixels))


def _weight(style: Style) -> int:
    low, high = style.weights
    return min(max(400, low), high)


def _plain(family: Family) -> dict[str, object]:
    styles = [{"weights": list(style.weights), "italic": style.italic} for style in family.styles]
    return {"family": family.name, "origin": family.origin, "licence": family.licence, "styles": styles}
