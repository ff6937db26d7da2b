"""The names and styles of font files, without their glyphs. Runs in the sandbox only (see `decode`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from schemas.errors import InvalidInput

_FAMILIES = (16, 1, 21)
"""Name ids: the typographic family, the family of four styles, the family of weights and slopes."""
_LICENCE, _LICENCE_URL = 13, 14
_MOST_FACES = 64
_LONGEST = 200
_MOST_NAMES = 24


def describe_fonts(paths: Sequence[str]) -> dict[str, Any]:
    """Of each file its faces: {"faces": [{"names", "weights", "italic", "stretch", "licence", "face"}]}, or
    {"problem": a sentence} for one that cannot be read.

    names: as the font spells them, in all its languages; weights: the least and the most; stretch: 1 to 9
    (OS/2 `usWidthClass`, 5 is normal); face: its place in a collection.
    """
    return {"fonts": [_described(path) for path in paths]}


def _described(path: str) -> dict[str, Any]:
    from fontTools.ttLib import TTLibError

    try:
        return {"faces": [_face(font, number) for number, font in enumerate(_faces(path))]}
    except InvalidInput as error:
        return {"problem": error.message}
    except (TTLibError, ImportError, OSError, ValueError, AssertionError, KeyError, EOFError):
        return {"problem": "The file is not a font that is understood."}
    except Exception as error:  # noqa: BLE001 - fontTools' tables fail in many ways
        return {"problem": f"The font is damaged: {type(error).__name__} in its tables."}


def _faces(path: str) -> Iterator[Any]:
    from fontTools.ttLib import TTFont

    with open(path, "rb") as file:
        head = file.read(12)
    count = int.from_bytes(head[8:12], "big") if head[:4] == b"ttcf" else 1
    for number in range(min(count, _MOST_FACES)):
        with TTFont(path, fontNumber=number, lazy=True) as font:
            yield font


def _face(font: Any, number: int) -> dict[str, Any]:
    os2 = font.get("OS/2")
    names = font["name"]
    families = [_said(record) for name in _FAMILIES for record in names.names if record.nameID == name]
    families = list(dict.fromkeys(filter(None, families)))[:_MOST_NAMES]
    if not families:
        raise InvalidInput("bad_font", "The font does not say of which family it is.")
    selection = os2.fsSelection if os2 is not None else 0
    licence = names.getDebugName(_LICENCE) or names.getDebugName(_LICENCE_URL) or ""
    return {
        "names": families,
        "weights": _weights(font, os2, selection),
        "italic": bool(selection & 0x201) or bool(font["head"].macStyle & 2),
        "stretch": min(9, max(1, os2.usWidthClass)) if os2 is not None else 5,
        "licence": " ".join(licence.split())[:_LONGEST],
        "face": number,
    }


def _weights(font: Any, os2: Any, selection: int) -> tuple[int, int]:
    if "fvar" in font:
        for axis in font["fvar"].axes:
            if axis.axisTag == "wght":
                return _weight(axis.minValue), _weight(axis.maxValue)
    bold = bool(selection & 0x20) or bool(font["head"].macStyle & 1)
    given = os2.usWeightClass if os2 is not None else 0
    given = given * 100 if 1 <= given <= 9 else given
    weight = 700 if bold and given in (0, 400) else _weight(given or 400)
    return weight, weight


def _weight(value: float) -> int:
    return min(1000, max(1, round(value)))


def _said(record: Any) -> str:
    try:
        return " ".join(record.toUnicode().split())[:_LONGEST]
    except UnicodeDecodeError:
        return ""
