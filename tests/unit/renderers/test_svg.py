"""SVG as people have it: drawn as browsers draw it, bounded, and closed to what lies outside."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from renderers.foreign.images import sniff
from renderers.foreign.svg import draw_svg
from renderers.stored.pixels import Pixels
from schemas.errors import InvalidInput

RED = (255, 0, 0, 255)
BLUE = (0, 0, 255, 255)
LIME = (0, 255, 0, 255)
CLEAR = (0, 0, 0, 0)
NAMES = "xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'"
DISC = "<circle id='it' cx='50' cy='50' r='40'/>"


def _svg(body: str, root: str = "width='100' height='100'") -> bytes:
    return f"<svg {NAMES} {root}>{body}</svg>".encode()


def _drawn(data: bytes, size: tuple[int, int] = (100, 100)) -> Pixels:
    assert sniff(data) == "SVG"
    return draw_svg(data, size, 100)[0]


def _middle(body: str) -> tuple[int, ...]:
    return tuple(map(int, _drawn(_svg(body))[50, 50]))


def _styled(sheet: str) -> str:
    disc = DISC.replace("/>", " class='a b'/>")
    return f"<style>{sheet}</style><g class='g'><path d='M0 0'/>{disc}</g>"


def _picture(kind: str, mime: str) -> str:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "blue").save(file, kind, quality=100)
    return f"data:{mime};base64,{base64.b64encode(file.getvalue()).decode()}"


@pytest.mark.parametrize("length", [*range(300, 2000, 17), *range(2000, 12_000, 199)])
def test_svgs_of_any_length_are_drawn(length: int) -> None:
    """A drawing does not depend on how many bytes its file has."""
    body = "<rect width='100' height='100' fill='blue'/>"
    data = _svg(body + "<rect width='0' height='0'/>" * (length // 28))
    assert tuple(_drawn(data)[50, 50]) == BLUE


@pytest.mark.parametrize(
    "colour",
    [
        "hsl(240 100% 50%)",
        "hsla(240deg,100%,50%,1)",
        "hsl(0.6667turn,100%,50%)",
        "#00f",
        "#00ff",
        "#0000ffff",
        "rgb(0 0 255 / 1)",
        "rgba(0,0,255,100%)",
        "BLUE",
        "Blue",
        "rgb(0%,0%,100%)",
    ],
)
def test_colours_of_css_are_known(colour: str) -> None:
    """Colours are read in each of their spellings, in attributes and in styles."""
    for body in (f"<g fill='{colour}'>{DISC}</g>", f"<g style='fill:{colour}'>{DISC}</g>"):
        assert np.abs(np.subtract(_middle(body), BLUE)).max() <= 1, body


@pytest.mark.parametrize("attribute", ["fill='transparent'", "style='fill:transparent'", "fill='#0000'"])
def test_transparent_is_no_colour(attribute: str) -> None:
    """What is filled with `transparent` is not seen."""
    assert _middle(f"<g {attribute}>{DISC}</g>") == CLEAR


@pytest.mark.parametrize(
    "selector",
    [
        "g circle",
        "g > circle",
        "circle.a",
        ".a.b",
        "*",
        "[r]",
        "[r='40']",
        "#it",
        "path + circle",
        ".g .a",
        "path:first-child + circle",
        "path ~ circle",
        "path ~ .a.b",
        "circle:not(.c)",
        "circle:not([r='9'], .c)",
        ":not(g):not(svg):not(path)",
        "circle:nth-child(2)",
        "circle:nth-child(2n)",
        "circle:nth-child(even)",
        "circle:nth-child(n+2)",
        "circle:nth-child(-n+2)",
        "circle:nth-last-child(1)",
        "circle:nth-of-type(odd)",
        "circle:nth-last-of-type(1)",
        "circle:last-child",
        "circle:only-of-type",
        "circle:first-of-type",
        "g:last-child > circle",
        ":is(.a, .c)",
        ":where(circle)",
        "g:not(:empty) circle",
        ":root .g > :last-child",
        "rect:not(.x), circle",
    ],
)
def test_style_rules_are_obeyed(selector: str) -> None:
    """A rule holds for what its selector matches."""
    assert _middle(_styled(f"{selector}{{fill:red}}")) == RED


@pytest.mark.parametrize(
    "selector",
    [
        "circle ~ circle",
        "circle:not(.a)",
        "circle:nth-child(odd)",
        "circle:first-child",
        "path:last-child",
        "g:only-child circle:nth-of-type(2)",
        "circle:hover",
        "circle:nth-child(-n+1)",
        "path ~ path",
        ":empty:not(circle)",
    ],
)
def test_other_elements_are_not_matched(selector: str) -> None:
    """A rule holds for nothing else."""
    assert _middle(_styled(f".a{{fill:red}}{selector}{{fill:blue}}")) == RED


def test_a_sheet_of_another_kind_is_not_read() -> None:
    """What is not CSS by its type styles nothing."""
    disc = DISC.replace("/>", " fill='red'/>")
    body = f"<style type='text/x'>circle{{fill:blue}}</style>{disc}"
    assert _middle(body) == RED


@pytest.mark.parametrize(
    "sheet",
    [
        "circle:not(#no).a{fill:red}.a{fill:blue}",
        ".a.b{fill:red}circle:not(p){fill:blue}",
        "circle:nth-child(2).a{fill:blue}.a.b:last-child{fill:red}",
        ".a{fill:red}",
    ],
)
def test_the_heavier_rule_wins(sheet: str) -> None:
    """By the weight of its selector, whoever matches it."""
    assert _middle(_styled(sheet)) == RED


@pytest.mark.parametrize(
    "sheet",
    [
        ".a{fill:red}@media (prefers-color-scheme:dark){.a{fill:blue}}",
        ".a{fill:red}@media print{.a{fill:blue}}",
        "@media screen{.a{fill:red}}",
        "@supports (fill:red){.a{fill:red}}",
        "@charset 'utf-8';.a{fill:red}",
        "@import url(https://example.com/a.css);.a{fill:red}",
        "@font-face{font-family:x;src:url(https://example.com/a.woff)}.a{fill:red}",
        ".a{fill:red!important}#it{fill:blue}",
        ":root{--c:red}.a{fill:var(--c)}",
        ".a{fill:var(--none,red)}",
        ".a{-inkscape-stroke:hairline;nonsense:1 2 x;fill:red}",
        "/* .a{fill:blue} */.a{fill:red}",
    ],
)
def test_style_sheets_of_people_are_read(sheet: str) -> None:
    """Media, unknown properties, comments and custom properties do what they do in a browser."""
    assert _middle(_styled(sheet)) == RED


@pytest.mark.parametrize(
    "body",
    [
        f"<defs><g id='d' fill='red'>{DISC}</g></defs><use href='#d'/>",
        f"<defs><g id='d' fill='red'>{DISC}</g><use id='e' href='#d'/></defs><use xlink:href='#e'/>",
        (
            f"<symbol id='s' viewBox='0 0 100 100'>{DISC}</symbol>"
            "<use href='#s' width='100' height='100' fill='red'/>"
        ),
        (
            f"<linearGradient id='a'><stop stop-color='red'/></linearGradient>"
            f"<linearGradient id='b' href='#a'/>"
            f"<g fill='url(#b)'>{DISC}</g>"
        ),
        f"<linearGradient id='a'><stop stop-color='red'/></linearGradient><g fill=\"url('#a')\">{DISC}</g>",
        (
            f"<linearGradient id='a'><stop stop-color='red'/></linearGradient>"
            f"<g style='fill:url( &quot;#a&quot; )'>{DISC}</g>"
        ),
        f"<g style='--c:red'><g style='fill:var(--c,blue)'>{DISC}</g></g>",
        f"<g fill='red' style='-webkit-x:1;--custom:{{}};font:x'>{DISC}</g>",
        f"<switch><foreignObject width='9' height='9'/><g fill='red'>{DISC}</g></switch>",
        f"<switch><g systemLanguage='xx'/><g fill='red'>{DISC}</g></switch>",
        f"<g fill='red' transform='scale(1)' style='transform:translate(0px,0px)'>{DISC}</g>",
        f"<mask id='m' style='mask-type:alpha'><rect width='100' height='100'/></mask>"
        f"<g fill='red' mask='url(\"#m\")'>{DISC}</g>".replace("'url(\"#m\")'", "\"url('#m')\""),
        "<rect width='0.9in' height='25mm' fill='red'/>",
        f"<g fill='red' opacity='100%'>{DISC}</g>",
        (
            "<marker id='k' viewBox='0 0 9 9' markerWidth='60' markerHeight='60' refX='4' refY='4'>"
            "<rect width='9' height='9' fill='red'/></marker><path d='M9 50H50' marker-end='url(#k)'/>"
        ),
    ],
)
def test_documents_of_design_tools_are_drawn(body: str) -> None:
    """References, symbols, masks, markers, units and switches draw what they draw in a browser."""
    assert _middle(body) == RED


@pytest.mark.parametrize(
    ("kind", "mime"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("PNG", "image/jpg")]
)
@pytest.mark.parametrize("href", ["href", "xlink:href"])
def test_pictures_inside_are_drawn(kind: str, mime: str, href: str) -> None:
    """A picture with a `data:` address is drawn, by itself and in a pattern."""
    image = f"<image {href}='{_picture(kind, mime)}' width='100' height='100'/>"
    pattern = f"<pattern id='p' width='1' height='1'>{image}</pattern>"
    for body in (image, f"{pattern}<g fill='url(#p)'>{DISC}</g>"):
        assert np.abs(np.subtract(_middle(body), BLUE)).max() <= 2


def test_text_is_drawn_with_the_shipped_fonts() -> None:
    """Text of any family is seen, whatever fonts the machine has."""
    for family in ("Helvetica", "sans-serif", "serif", "monospace", "Noto Sans"):
        body = f"<text x='5' y='60' font-family='{family}' font-size='40'>Hello<tspan dy='9'>!</tspan></text>"
        assert (_drawn(_svg(body))[..., 3] == 255).sum() > 200, family


@pytest.mark.parametrize(
    "head",
    [
        "<!DOCTYPE svg [<!ENTITY c 'red'>]>",
        '<!DOCTYPE svg [<!ELEMENT a ANY><!-- x --><?y z?><!ENTITY c "red">]>',
        "<!-- " + "long " * 4000 + "--><!DOCTYPE svg [<!ENTITY c 'red'>]>",
        "\ufeff<!DOCTYPE svg [<!ENTITY d 're'><!ENTITY c '&d;d'>]>",
    ],
)
def test_entities_of_the_document_are_expanded(head: str) -> None:
    """A document type may declare entities, and stand behind a long comment."""
    data = head.encode() + _svg(f"<g fill='&c;'>{DISC}</g>")
    assert sniff(data) == "SVG"
    assert tuple(draw_svg(data, (100, 100), 100)[0][50, 50]) == RED


def test_defaults_of_attribute_lists_hold() -> None:
    """An attribute that a document type gives to elements is theirs."""
    data = b"<!DOCTYPE svg [<!ATTLIST circle fill CDATA 'red'>]>" + _svg(DISC)
    assert tuple(draw_svg(data, (100, 100), 100)[0][50, 50]) == RED


@pytest.mark.parametrize("prefix", ["svg", "ns0", "a-b.c"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_names_go_by_namespace_in_every_encoding(prefix: str, encoding: str) -> None:
    """Any prefix and any common encoding is read."""
    text = (
        f"<?xml version='1.0' encoding='{encoding.removesuffix('-sig')}'?>"
        f"<{prefix}:svg xmlns:{prefix}='http://www.w3.org/2000/svg' viewBox='0 0 10 10'>"
        f"<{prefix}:rect width='10' height='10' fill='red' aria-label='é'/></{prefix}:svg>"
    )
    assert tuple(_drawn(text.encode(encoding))[50, 50]) == RED


def test_crisp_edges_leave_no_lines() -> None:
    """Modules of a QR code that touch are solid, at any scale."""
    row = "".join(f"<path d='M{x} 0h1v3h-1z'/>" for x in range(3))
    for attribute in ("shape-rendering='crispEdges'", "style='shape-rendering:crispEdges'"):
        data = _svg(f"<g {attribute}>{row}</g>", "viewBox='0 0 3 3'")
        assert (_drawn(data, (100, 100))[..., 3] == 255).all()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("<foreignObject width='9' height='9'/>", "foreignObject"),
        ("<style>@font-face{font-family:a;src:url(data:font/woff;base64,AA)}</style>", "fonts"),
        ("<text direction='rtl' x='9' y='9'>a</text>", "rtl"),
        ("<style>@import 'a.css';</style>", "imported"),
        ("<style>g:not(.a:has(b)){fill:red}</style>", "style rules"),
        ("<style>path ~ g::before-x(2){fill:red}</style>", "style rules"),
        ("<image href='data:image/png;base64,AAAA' width='9' height='9'/>", "damaged"),
    ],
)
def test_what_is_not_drawn_is_said(body: str, word: str) -> None:
    """Each thing that a browser would draw otherwise gives a warning."""
    warnings = draw_svg(_svg(body), (100, 100), 100)[2]
    assert len(warnings) == 1
    assert word in warnings[0]


INNER = base64.b64encode(_svg("<image href='/etc/passwd'/>")).decode()


@pytest.mark.parametrize(
    "body",
    [
        "<image href='file:///etc/hostname' width='9' height='9'/>",
        "<image xlink:href='/etc/passwd' width='9' height='9'/>",
        "<image href='a.png' width='9' height='9'/>",
        "<use href='https://example.com/a.svg#b'/>",
        "<feImage href='a.png'/>",
        "<g fill='url(http://example.com/a#b)'/>",
        "<g style=\"fill:url( 'other.svg#b' )\"/>",
        "<style>.a{fill:url(other.svg#b)}</style>",
        f"<image href='data:image/svg+xml;base64,{INNER}'/>",
    ],
)
def test_nothing_outside_is_read(body: str) -> None:
    """A reference to another file or host is refused, in pictures in the picture too."""
    with pytest.raises(InvalidInput) as caught:
        draw_svg(_svg(body), (100, 100), 100)
    assert caught.value.code == "svg_external"


def test_external_entities_are_not_read() -> None:
    """An entity that stands for a file is refused or stands for nothing."""
    data = b"<!DOCTYPE svg [<!ENTITY f SYSTEM 'file:///etc/hostname'>]>" + _svg(
        "<text y='50' font-size='40'>&f;</text>"
    )
    assert not draw_svg(data, (100, 100), 100)[0].any()


LAUGHS = "".join(f"<!ENTITY e{n} '" + f"&e{n - 1};" * 10 + "'>" for n in range(1, 12))
USES = "".join(f"<g id='u{n}'>" + f"<use href='#u{n - 1}'/>" * 10 + "</g>" for n in range(1, 12))


@pytest.mark.parametrize(
    "data",
    [
        f"<!DOCTYPE svg [<!ENTITY e0 'ha'>{LAUGHS}]>".encode() + _svg("<text>&e11;</text>"),
        _svg("<g>" * 5000 + "</g>" * 5000),
        _svg(f"<defs><g id='u0'>{DISC}</g>{USES}</defs><use href='#u11'/>"),
        _svg("<rect/>" * 100_001),
        _svg("<g"),
    ],
    ids=["entities", "depth", "uses", "elements", "cut"],
)
def test_bombs_are_refused(data: bytes) -> None:
    """What would grow without bound is refused with a sentence before it does."""
    with pytest.raises(InvalidInput) as caught:
        draw_svg(data, (100, 100), 100)
    assert caught.value.code == "broken_svg"
    assert caught.value.message.endswith(".")
