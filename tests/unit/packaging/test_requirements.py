"""What is installed: locked with hashes, from no particular index, and all that is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LOCKED = ["requirements.txt", "requirements-build.txt", "requirements-dev.txt", "requirements-fonts.txt"]
OURS = ["schemas", "renderers", "connectors", "processors", "producer_api", "exportstream"]
BY_NAME = {"cv2", "pymupdf_fonts", "skia"}
"""Modules that are imported by their name in a string, which the syntax tree does not show."""
BY_OTHERS = {"brotli", "cramjam"}
"""Packages that those we import look for: aiokafka decompresses with one, fontTools with the other."""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def _entries(file: str) -> dict[str, str]:
    """Each requirement of a locked file: its normal name, and all of it on one line."""
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {_normal(re.split(r"[=\[; ]", line)[0]): line for line in lines}


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("file", LOCKED)
def test_every_requirement_is_one_version_with_hashes(file: str) -> None:
    """`pip install --require-hashes` accepts nothing else."""
    assert _entries(file)
    for line in _entries(file).values():
        assert re.match(r"[\w.-]+==[\w.+!]+( ; [^-]+?)?\s+--hash=sha256:[0-9a-f]{64}", line), line[:80]


@pytest.mark.parametrize("file", [*LOCKED, *(file.replace(".txt", ".in") for file in LOCKED)])
def test_no_requirement_says_where_it_comes_from(file: str) -> None:
    """Neither an index nor a path: that is a matter of whoever installs."""
    text = (ROOT / file).read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links|--trusted-host| @ ", text)


def test_what_the_product_imports_is_required() -> None:
    """Every package that the product imports is named in requirements.in and locked."""
    found = packages_distributions()
    named = {
        _normal(match[0])
        for line in (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
        if (match := re.match(r"[\w.-]+", line))
    }
    modules = set(BY_NAME)
    for package in OURS:
        for path in (ROOT / package).rglob("*.py"):
            modules |= set(_imports(ast.parse(path.read_text(encoding="utf-8"))))
    missing = {
        module
        for module in modules - set(OURS) - set(sys.stdlib_module_names)
        if not named.intersection(_normal(name) for name in found.get(module, []))
    }
    assert missing <= {"starlette"}  # comes with fastapi, and is its face
    assert named <= set(_entries("requirements.txt"))


def test_what_is_required_is_used() -> None:
    """Each package of requirements.in and requirements-fonts.in has a module that the code mentions."""
    code = "\n".join(
        path.read_text(encoding="utf-8") for name in OURS for path in (ROOT / name).rglob("*.py")
    )
    files = [ROOT / "requirements.in", ROOT / "requirements-fonts.in"]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    named = [_normal(match[0]) for line in lines if (match := re.match(r"[\w.-]+", line))]
    modules: dict[str, list[str]] = {}
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            modules.setdefault(_normal(distribution), []).append(module)
    named = [name for name in named if name not in BY_OTHERS]
    unused = [name for name in named if not any(module in code for module in modules[name])]
    assert unused == []


def test_checks_run_on_what_is_shipped() -> None:
    """A package that both the product and the checks need has the same version in both files."""
    product, checks = _entries("requirements.txt"), _entries("requirements-dev.txt")
    shared = product.keys() & checks.keys()
    assert {name: checks[name].split()[0] for name in shared} == {
        name: product[name].split()[0] for name in shared
    }


def test_the_built_package_has_every_folder_of_code() -> None:
    """A folder of ours that is not listed would be missing from an installation."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["setuptools"]["packages"]["find"]["include"] == [f"{name}*" for name in OURS]
    assert project["tool"]["importlinter"]["root_packages"] == OURS
    for package in OURS:
        for folder in {path.parent for path in (ROOT / package).rglob("*.py")}:
            assert (folder / "__init__.py").is_file(), folder
