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
    assert not [name for name in modules if name.startswith("numpy._typing.")]
    assert has_docs == "False"


def test_what_is_wanted_after_all_is_there(tmp_path: Path) -> None:
    """Who asks numpy for its types gets numpy's own."""
    code = (
        "from exportstream import lean; lean.begin(); import numpy as np; import numpy.typing as t; "
        "assert t.NDArray[np.uint8].__origin__ is np.ndarray, t.NDArray; "
        "from numpy._typing import DTypeLike, _nbit_base; assert t.DTypeLike is DTypeLike; "
        "from numpy import _typing; assert _typing.NDArray is t.NDArray"
    )
    subprocess.run([sys.executable, "-c", code], timeout=60, env=environ(tmp_path), check=True)
