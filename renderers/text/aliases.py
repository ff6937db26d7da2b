"""Families that everybody may name, and the shipped ones that stand for them."""

from __future__ import annotations

from renderers.text.fontfiles import EMOJI

AS_WIDE: dict[str, str] = {
    **dict.fromkeys(
        (
            "arial",
            "helvetica",
            "liberation sans",
            "nimbus sans",
            "nimbus sans l",
            "tex gyre heros",
            "albany",
            "albany amt",
        ),
        "Arimo",
    ),
    **dict.fromkeys(
        (
            "times new roman",
            "times",
            "liberation serif",
            "nimbus roman",
            "nimbus roman no9 l",
            "tex gyre termes",
            "thorndale",
            "thorndale amt",
        ),
        "Tinos",
    ),
    **dict.fromkeys(
        (
            "courier new",
            "courier",
            "liberation mono",
            "nimbus mono",
            "nimbus mono l",
            "nimbus mono ps",
            "tex gyre cursor",
            "cumberland",
            "cumberland amt",
        ),
        "Cousine",
    ),
    "calibri": "Carlito",
    "cambria": "Caladea",
}
"""Families, in lower case, and the shipped one that has their widths: those that fontconfig knows on Linux
(`30-metric-aliases.conf`), and with it Chromium.
"""

ALIKE: dict[str, str] = {
    **dict.fromkeys(("helvetica neue", "segoe ui", "verdana", "tahoma"), "Noto Sans"),
    "georgia": "Noto Serif",
    **dict.fromkeys(("consolas", "menlo", "monaco"), "Fira Mono"),
}
"""Families, in lower case, and the shipped one that is of their kind but not of their widths."""

_OWN: dict[str, str] = {
    **dict.fromkeys(
        ("sans-serif", "system-ui", "ui-sans-serif", "ui-rounded", "-apple-system", "blinkmacsystemfont"),
        "Noto Sans",
    ),
    **dict.fromkeys(("cursive", "fantasy"), "Noto Sans"),
    **dict.fromkeys(("serif", "ui-serif"), "Noto Serif"),
    **dict.fromkeys(("monospace", "ui-monospace"), "Fira Mono"),
    **dict.fromkeys(("emoji", "noto color emoji", "apple color emoji", "segoe ui emoji"), EMOJI.family),
}
KEYWORDS = frozenset((*_OWN, EMOJI.family.lower()))
"""What no deployment has a font for: CSS's generic families and their like, and emoji, which have theirs."""

GENERIC: dict[str, str] = {**_OWN, **AS_WIDE, **ALIKE}
"""Families that everybody may name, in lower case, and the shipped family that stands for them."""
