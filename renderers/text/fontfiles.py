"""The fonts that ship with the product, as files of packages: what, where, and with which bytes.

The SHA-256 of each file is written down here, and a test holds them against what is installed. Noto Sans,
Noto Serif and their siblings are those of Google Fonts' repository; Noto Sans CJK is byte for byte that of
Debian's fonts-noto-cjk; FiraGO, Fira Mono and the symbols come in the package pymupdf-fonts as compressed
modules. All of these are under the SIL Open Font License 1.1.

Arimo, Tinos, Cousine, Carlito and Caladea stand in for Arial, Times New Roman, Courier New, Calibri and
Cambria: each glyph is as wide as theirs, so that lines break where they do in the editor. They are under the
SIL Open Font License 1.1 as well, but for Caladea, which is under the Apache License 2.0.

Emoji are Twemoji, © Twitter, Inc and other contributors, under CC-BY 4.0: pictures of 72 px, in a package of
widgets that is there for this file alone (requirements-fonts.in).
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import NamedTuple

from schemas.errors import Unavailable


class FontFile(NamedTuple):
    """A shipped font: a file in a package, or a module of pymupdf-fonts.

    weights: the range of the axis `wght` of a variable font, else twice the same. face: which font of a
    collection. sha256 and size are those of the file that was examined.
    """

    family: str
    package: str
    name: str
    size: int
    sha256: str
    weights: tuple[int, int] = (400, 400)
    italic: bool = False
    face: int = 0

    def load(self) -> bytes:
        """The file's bytes. Raises Unavailable (`font_missing`) where its package is not installed as
        known.
        """
        data = _read(self.package, self.name)
        if len(data) != self.size:
            raise Unavailable(
                "font_missing", f"{self.package} does not hold the {self.name} that is known here."
            )
        return data


def path_of(font: FontFile) -> Path | None:
    """The file of a shipped font; None where its package keeps it as a module, or is not installed."""
    spec = importlib.util.find_spec(font.package)
    if font.package == _MODULES or spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / font.name
    return path if path.is_file() else None


@cache
def _read(package: str, name: str) -> bytes:
    """One copy of each file in a process, whatever number of fonts is in it."""
    try:
        if package == _MODULES:
            data: bytes = importlib.import_module(f"{package}.{name}").fontbuffer
            return data
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(package)
        return (Path(spec.origin).parent / name).read_bytes()
    except (ImportError, OSError) as error:
        raise Unavailable(
            "font_missing",
            f"The package {package} with the font {name} is not installed; `make install` brings all fonts.",
        ) from error


_MODULES = "pymupdf_fonts"
_ALL_WEIGHTS = (100, 900)
_BOLD = (700, 700)
_Digest = tuple[int, str]
_CJK = (
    "noto_cjk_sans_otc",
    "NotoSansCJK-Regular.ttc",
    19484784,
    "b76b0433203017ca80401b2ee0dd69350349871c4b19d504c34dbdd80541690a",
)


def _module(
    family: str,
    name: str,
    size: int,
    sha256: str,
    weights: tuple[int, int] = (400, 400),
    italic: bool = False,
) -> FontFile:
    return FontFile(family, _MODULES, name, size, sha256, weights, italic)


def _four(
    family: str, package: str, folder: str, regular: _Digest, bold: _Digest, italic: _Digest, both: _Digest
) -> tuple[FontFile, ...]:
    """A family of four files that are named alike; of each its size and digest."""
    return (
        FontFile(family, package, f"{folder}{family}-Regular.ttf", *regular),
        FontFile(family, package, f"{folder}{family}-Bold.ttf", *bold, _BOLD),
        FontFile(family, package, f"{folder}{family}-Italic.ttf", *italic, italic=True),
        FontFile(family, package, f"{folder}{family}-BoldItalic.ttf", *both, _BOLD, italic=True),
    )


EMOJI = FontFile(
    "Twemoji",
    "qextrawidgets",
    "fonts/Twemoji-17.0.2.ttf",
    3857500,
    "795b1c0fb2b89e9341826aa36fdee6510edcdee2ad6226e0d386130ab0ea2910",
)
"""The font that all emoji are drawn with, whatever font their text has."""

_STAND_INS = (
    FontFile(
        "Arimo",
        "fontpkg_arimo",
        "files/Arimo[wght].ttf",
        496268,
        "e43898b143ec826ac8cb4034816458a7047fbe0836558de2a1f8c6223ae3e0ca",
        (400, 700),
    ),
    FontFile(
        "Arimo",
        "fontpkg_arimo",
        "files/Arimo-Italic[wght].ttf",
        543196,
        "a80fc54fd0233c1dfe298577c4d00f5ae81d5bb83510975e473c47e699b7f4ed",
        (400, 700),
        italic=True,
    ),
    *_four(
        "Tinos",
        "pdfboss_fonts",
        "fonts/",
        (521588, "60a0e8ef0c04dd5dd69ffe91025fa2ae5836cbd35600a82ba031977557e2cb61"),
        (597880, "393269dbab8899f938db19783eca5eac92eb431f7ae0ab45b8349ca895f1a06b"),
        (565016, "5942266ed398b155d7dc23e36833e7ec6be988f2439bdbeb8ef1bede808eaa91"),
        (578976, "a5de79f0fe863ea0954757acb3d47b3ccd0a930ce3dd5b97230cd3866790a06e"),
    ),
    *_four(
        "Cousine",
        "pdfboss_fonts",
        "fonts/",
        (296856, "1da22250675fc4c42fcf3a9736c44bc0570516105331443b663fd5cfbd1412fe"),
        (298048, "17c8a7245156d2253531c9e529474937b09d9f641c5ae7695c5e33f22822eef4"),
        (306880, "ea2a76ae3d0ece9cd59f0d30fdc08dd70e8f5f457beee5b0852a7b50c2286c7c"),
        (308292, "848e858726fee0ae27b754e4cd6a2755209bf1428a8c91f747696d58c33906c3"),
    ),
    *_four(
        "Carlito",
        "rinoh_typeface_carlito",
        "",
        (635996, "b4ff23ba370cc95a3c349336b73f9c28514a1371210f89832efc85c4b1ea7131"),
        (690516, "0f62ab34ad5d079a0a28fac01bcf7c7a724a4db4d6cb99cab9cabff382fbb80f"),
        (623416, "718a0663864d37a4868220a19b9668a5fe10a46197f6df367b4c2c30c04c026c"),
        (816716, "380764b6898d7b73ceae6384b2958b196d2a0428962ef3adf138d27947228666"),
    ),
    *_four(
        "Caladea",
        "font_caladea",
        "files/",
        (58964, "d2f6cad33f191e65b68bd74e6d4f7708080a41b32db635866109df3090265d91"),
        (58892, "74eda4fc5ffba0d8dc4aa76d41499f5ab76168d9ed6141c6417064c6244db9b6"),
        (61860, "9c968bf60ba1e851cdfea77c71e3540c57792f77482dd241acc29d1425569c4e"),
        (61828, "f47a35ad6cd0efa9914d93f9d03c93e30c55da43674bccfabac73b3c0d522c01"),
    ),
)

SHIPPED: tuple[FontFile, ...] = (
    FontFile(
        "Noto Sans",
        "fontpkg_noto_sans",
        "files/NotoSans[wdth,wght].ttf",
        2049096,
        "bfb7bb691513f12e734dc346c03a03f784912432d7e3fa8e56efcf906fe86b3d",
        _ALL_WEIGHTS,
    ),
    FontFile(
        "Noto Sans",
        "fontpkg_noto_sans",
        "files/NotoSans-Italic[wdth,wght].ttf",
        2322640,
        "58e6e0ebd1931b29a365aa2d3e2ee9a9e831a3af7cf3ad1462d4e72154f0b291",
        _ALL_WEIGHTS,
        italic=True,
    ),
    FontFile(
        "Noto Serif",
        "fontpkg_noto_serif",
        "files/NotoSerif[wdth,wght].ttf",
        1887192,
        "4d8e6761424656867019081a1a01336f3cb086982682698714054fc33f782713",
        _ALL_WEIGHTS,
    ),
    FontFile(
        "Noto Serif",
        "fontpkg_noto_serif",
        "files/NotoSerif-Italic[wdth,wght].ttf",
        2448496,
        "e87acbc6c0efd0d9a20d6a8cbbda2b266c14be3a3a6f5af8ec9d7b2460570ad1",
        _ALL_WEIGHTS,
        italic=True,
    ),
    FontFile(
        "Noto Sans Arabic",
        "fontpkg_noto_sans_arabic",
        "files/NotoSansArabic[wdth,wght].ttf",
        844676,
        "63111b5b2e074dd48cc67692e0a2726d86ee94c1c37fe8598257b7b4e87e869e",
        _ALL_WEIGHTS,
    ),
    FontFile(
        "Noto Sans Devanagari",
        "fontpkg_noto_sans_devanagari",
        "files/NotoSansDevanagari[wdth,wght].ttf",
        641944,
        "14ec4af41f27482216d1c2229f417ff9b1425e1babb014e57d1d40d03229853e",
        _ALL_WEIGHTS,
    ),
    FontFile(
        "Noto Sans Thai",
        "fontpkg_noto_sans_thai",
        "files/NotoSansThai[wdth,wght].ttf",
        218652,
        "5a1c559bb539583c8a1fd99d1c5b9491e5e14478c9cd2bd0970d5c3096cc9ef8",
        _ALL_WEIGHTS,
    ),
    *(
        FontFile(f"Noto Sans CJK {region}", *_CJK, face=face)
        for face, region in enumerate(("JP", "KR", "SC", "TC", "HK"))
    ),
    _module(
        "FiraGO", "FiraGO_Regular", 804888, "495901c0c608ea265f4c31aa2a4c7a313e5cc2a3dd610da78a447fe8e07454a2"
    ),
    _module(
        "FiraGO",
        "FiraGO_Bold",
        807140,
        "ab720753c39073556260ebbaee7e7af89f9ca202a7c7abc257d935db590a1e35",
        _BOLD,
    ),
    _module(
        "FiraGO",
        "FiraGO_Italic",
        813116,
        "36713ecac376845daa58738d2c2ba797cf6f6477b8c5bb4fa79721dc970e8081",
        italic=True,
    ),
    _module(
        "FiraGO",
        "FiraGO_BoldItalic",
        813028,
        "51ad0da400568385e038ccb962a692f145dfbd9071d7fe5cb0903fd2a8912ccd",
        _BOLD,
        italic=True,
    ),
    _module(
        "Fira Mono",
        "FiraMono_Regular",
        125712,
        "1783904b9a03d1852ed185549d74526d9f6a4a643181eb591c3a69993ae42ced",
    ),
    _module(
        "Fira Mono",
        "FiraMono_Bold",
        129004,
        "12b994171a99952fead7756658dfcf3dc69d79e07fff3303444f003580df9a19",
        _BOLD,
    ),
    _module(
        "Space Mono",
        "SpaceMono_Regular",
        90972,
        "d0855b0c557b78ea0449762b25ccca018880f483e56ff9a69e7cbde1dc12fa3a",
    ),
    _module(
        "Space Mono",
        "SpaceMono_Bold",
        86740,
        "6de6db9666e7940da5c4b52855ab2a0e181b14d74772b234496968230ad8c4d0",
        _BOLD,
    ),
    _module(
        "Cascadia Mono",
        "CascadiaMono_Regular",
        454048,
        "8107d343a6e3260d6204002a043fddf077fef00df6d0611d23876b9f7c962e9d",
    ),
    _module(
        "Cascadia Mono",
        "CascadiaMono_Bold",
        459644,
        "6fba97068f413e11fb03c0e063381c4dcf7d8375891b634b946725829584737a",
        _BOLD,
    ),
    _module(
        "Noto Sans Symbols",
        "NotoSansSymbols_Regular",
        109696,
        "c7591ff5fac35caa7845566d7376b7f7092eb228bc70e11f267129d35e2a0ad3",
    ),
    _module(
        "Noto Sans Symbols 2",
        "NotoSansSymbols2_Regular",
        375388,
        "76b6a7b09dae28704c061710e1fcd42d28e3be8a397298414630a07063ae89c6",
    ),
    _module(
        "Noto Sans Math",
        "NotoSansMath_Regular",
        258796,
        "ca61efa77e6bca4d4e90cd277cbb1364e55f5b58289ec28d2a6e5ec43e1e285b",
    ),
    _module(
        "Noto Music",
        "NotoMusic_Regular",
        60812,
        "1a14e6903bd0450b931b595c6095b3562278b16ec1ec3fd89314616a16623923",
    ),
    *_STAND_INS,
    EMOJI,
)

LICENCES = {"font_caladea": "Apache-2.0", "qextrawidgets": "CC-BY-4.0"}
"""Of the packages whose fonts are not under the SIL Open Font License 1.1, as SPDX names it."""


def sha256(data: bytes) -> str:
    """The digest that fonts are named by."""
    return hashlib.sha256(data).hexdigest()
