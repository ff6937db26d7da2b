"""`exportstream fonts`: what documents may name, by tenant, and samples of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import Image

from exportstream import exits
from exportstream.cli import run
from renderers.text.fontfiles import SHIPPED
from tests.fidelity.typefaces import SHOWN, made


def _font(family: str) -> bytes:
    """A font file with this name."""
    font = TTFont(io.BytesIO(made(SHOWN[0])))
    for record in font["name"].names:
        if record.nameID == 1:
            record.string = family
    file = io.BytesIO()
    font.save(file)
    return file.getvalue()


def _folders(folder: Path) -> dict[str, str]:
    """FONTS_DIR of two: one for all, with a file that is none, and one a tenant."""
    for name in ("shared", "acme"):
        (folder / name).mkdir()
    (folder / "shared" / "flat.ttf").write_bytes(_font("Shared Face"))
    (folder / "shared" / "bad.ttf").write_bytes(b"no font")
    (folder / "acme" / "own.ttf").write_bytes(_font("Acme Own"))
    return {"FONTS_DIR": f"{folder}/shared,{folder}/{{tenant}}"}


def test_what_ships_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each family with its weights, by its name; as JSON too."""
    assert run(["fonts"], {}) == exits.OK
    listed = capsys.readouterr().out
    assert all(font.family in listed for font in SHIPPED)
    assert run(["fonts", "--json", "noto  SANS"], {}) == exits.OK
    (family,) = json.loads(capsys.readouterr().out)
    assert family["family"] == "Noto Sans"
    assert {"weights": [100, 900], "italic": True} in family["styles"]


def test_each_tenant_has_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tenant's folder is nobody else's; a file that is no font is named, without the folder it is in."""
    environ, lists = _folders(tmp_path), {}
    for tenant in ("acme", "other"):
        assert run(["fonts", "--json", "--tenant", tenant], environ) == exits.OK
        said = capsys.readouterr()
        assert "bad.ttf" in said.err
        assert str(tmp_path) not in said.err
        lists[tenant] = [
            family["family"] for family in json.loads(said.out) if family["origin"] == "FONTS_DIR"
        ]
    assert lists == {"acme": ["Acme Own", "Shared Face"], "other": ["Shared Face"]}


def test_samples_are_drawn(tmp_path: Path) -> None:
    """A PNG for each family that is named, in that family."""
    out = tmp_path / "samples"
    assert run(["fonts", "Noto Serif", "Cousine", "--samples", str(out)], {}) == exits.OK
    assert sorted(path.name for path in out.iterdir()) == ["cousine.png", "noto-serif.png"]
    drawn = [np.asarray(Image.open(path).convert("L"))[:120] for path in sorted(out.iterdir())]
    assert all(picture.min() < 60 for picture in drawn)
    assert (drawn[0] != drawn[1]).any()


@pytest.mark.parametrize(
    ("family", "way"), [("Roboto", "install the package fontpkg-roboto"), ("Nowhere", "FONTS_DIR")]
)
def test_a_family_that_is_nowhere_has_a_way(
    family: str, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The package that has it, if one is known."""
    assert run(["fonts", family], {}) == exits.USAGE
    assert way in capsys.readouterr().err
