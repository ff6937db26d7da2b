"""What is left out of a start stays out, and is missed by nobody."""

import subprocess
import sys
from pathlib import Path

from exportstream import lean
from tests.unit.exportstream.test_cli import environ

STARTED = """
import sys
from exportstream import lean
lean.begin()
from numpy import ndarray
from schemas.project import Project
Project.model_validate({"width": 64, "height": 64, "slides": [{"duration": 1}]})
print(bool(ndarray.sort.__doc__), *sys.modules)
"""


def test_what_no_run_needs_is_not_loaded(tmp_path: Path) -> None:
    """Models are built without a look for plugins, arrays added without docstrings."""
    done = subprocess.run(
        [sys.executable, "-c", STARTED],
        capture_output=True,
        text=True,
        timeout=60,
        env=environ(tmp_path),
        check=True,
    )
    has_docs, *modules = done.stdout.split()
    assert set(lean.STAND_INS) <= set(modules)
    assert "importlib.metadata" not in modules
    assert has_docs == "False"
