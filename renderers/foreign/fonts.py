"""Fonts to fonts that are safe to draw with. Runs in the sandbox only (`renderers.foreign.decode`).

fontTools reads the tables that drawing needs and writes them anew, as browsers have every web font pass
through a sanitiser: what it cannot read is refused, what nobody needs is dropped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from renderers.foreign.decode import head_of
from renderers.foreign.outlines import check_outlines
from schemas.errors import InvalidInput

_REQUIRED = ("head", "hhea", "maxp", "hmtx", "cmap", "name")
_REWRITTEN = (*_REQUIRED, "OS/2", "post", "fvar", "avar", "STAT")
_OTHERS = (
    "glyf loca CFF CFF2 gvar HVAR MVAR VORG GSUB GPOS GDEF BASE kern cvt fpgm prep gasp "
    "COLR CPAL CBDT CBLC sbix vhea vmtx VVAR cvar"
)
_KEPT = frozenset((*_REWRITTEN, *(tag.ljust(4) for tag in _OTHERS.split())))
_MAGIC = (b"\x00\x01\x00\x00", b"true", b"OTTO", b"ttcf", b"wOFF", b"wOF2")


def decode_font(path: str, out: str, face: int = 0) -> dict[str, Any]:
    """Write the font at `path` (TrueType, OpenType, WOFF, WOFF2, one of a collection) as an sfnt to `out`.

    Raises InvalidInput: `unsupported_font`, `broken_font`, `bad_font` (nothing can be drawn with it).
    """
    from fontTools.ttLib import TTFont

    head = head_of(path)
    if not head.startswith(_MAGIC):
        raise InvalidInput(
            "unsupported_font", "The file is not a font that is understood: TTF, OTF, WOFF or WOFF2."
        )
    try:
        # Boxes as the file has them: to find them would run CFF programs in Python, before they are counted.
        font = TTFont(path, fontNumber=face, lazy=False, recalcBBoxes=False, recalcTimestamp=False)
    except Exception as error:  # fontTools says in many ways that a directory is broken
        raise InvalidInput("broken_font", "The font is damaged and cannot be read.") from error
    try:
        described = _rewrite(font, out)
    except InvalidInput:
        raise
    except Exception as error:  # fontTools' tables fail in many ways
        raise InvalidInput("broken_font", "The font is damaged: its tables cannot be read.") from error
    try:
        _try(out)
    except UnicodeDecodeError as error:  # of the tag of an axis
        raise InvalidInput("broken_font", "The font is damaged: its axes have no names.") from error
    return described


def _rewrite(font: Any, out: str) -> dict[str, Any]:
    missing = [tag for tag in _REQUIRED if tag not in font]
    if missing or not {"glyf", "CFF ", "CFF2", "CBDT", "sbix"} & set(font.keys()):
        raise InvalidInput(
            "bad_font", f"The font lacks what drawing needs: {', '.join(missing) or 'its glyphs'}."
        )
    for tag in [tag for tag in font.keys() if tag not in _KEPT and tag != "GlyphOrder"]:  # noqa: SIM118
        del font[tag]
    for tag in _REWRITTEN:
        if tag in font:
            font[tag].ensureDecompiled() if hasattr(font[tag], "ensureDecompiled") else None
    names = font["name"]
    if not any(_is_used(table) and table.cmap for table in font["cmap"].tables):
        raise InvalidInput("bad_font", "The font maps no characters to glyphs.")
    font.flavor = None
    font.save(out, reorderTables=False)
    os2 = font.get("OS/2")
    italic = bool(os2.fsSelection & 0x201) if os2 is not None else bool(font["head"].macStyle & 2)
    return {
        "family": names.getBestFamilyName() or "",
        "weight": min(1000, max(1, os2.usWeightClass)) if os2 is not None else 400,
        "style": "italic" if italic else "normal",
        "variable": "fvar" in font,
        "glyphs": font["maxp"].numGlyphs,
    }


def _is_used(table: Any) -> bool:
    """Whether a table of `cmap` is looked into: Unicode's, of symbols at U+F000 and up, Macintosh Roman's."""
    return table.isUnicode() or (table.platformID, table.platEncID) in ((3, 0), (1, 0))


def _try(out: str) -> None:
    """Load it as it will be used, and count what its glyphs show before they are drawn."""
    from fontTools.ttLib import TTFont

    from renderers.text.fonts import CustomFont, FontSet

    face = FontSet([CustomFont("candidate", Path(out).read_bytes())]).face("candidate")
    metrics = face.metrics(100)
    if face.units < 16 or metrics.ascent + metrics.descent < 0:
        raise InvalidInput("bad_font", "The font has no usable measures.")
    with TTFont(out, lazy=True) as font:
        order = font.getReverseGlyphMap()
        mapped = {
            order[name] for table in font["cmap"].tables for name in table.cmap.values() if name in order
        }
        try:
            check_outlines(font, mapped, lambda: face.at(64.0).getTypeface())
        except InvalidInput:
            raise
        except Exception as error:  # fontTools' tables fail in many ways
            raise InvalidInput("broken_font", "The font is damaged: its outlines cannot be read.") from error
