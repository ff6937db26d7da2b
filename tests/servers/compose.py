"""docker-compose, for judging a compose file without an engine: built from its Go module if need be."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import orjson

from tests.servers.base import CACHE, exclusive, run_setup

VERSION = "v5.5.1"
MODULE = f"github.com/docker/compose/v5@{VERSION}"


@cache
def command() -> tuple[str, ...]:
    """How to call it, built on first use (about a minute and a half); raises ServerUnavailable."""
    built = CACHE / "go" / "bin" / "docker-compose"
    if not built.exists() and _has_plugin():
        return ("docker", "compose")
    with exclusive("docker-compose"):
        if not built.exists():
            _build(built)
    return (str(built),)


def _has_plugin() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0


def _build(target: Path) -> None:
    what = "Building docker-compose"
    run_setup(["go", "mod", "download", MODULE], what)
    asked = subprocess.run(["go", "mod", "download", "-json", MODULE], capture_output=True, check=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"  # the module cache is read-only
        shutil.copytree(orjson.loads(asked.stdout)["Dir"], source, copy_function=shutil.copyfile)
        partial = target.with_suffix(".partial")
        run_setup(["go", "build", "-trimpath", "-o", str(partial), "./cmd"], what, cwd=source)
        partial.replace(target)
