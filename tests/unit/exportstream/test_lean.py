"""What is left out of a start stays out, and is missed by nobody."""

import subprocess
import sys
from pathlib import Path

import pytest

from exportstream import lean
from tests.unit.exportstream.test_cli import environ

STARTED = """
import sys
from exportstream import lean
lean.begin(sys.argv[1:])
from numpy import ndarray
from schemas.project import Project
Project.model_validate({"width": 64, "height": 64, "slides": [{"duration": 1}]})
print(bool(ndarray.sort.__doc__), *sys.modules)
"""
WANTED = """
import sys, threading
sys.setswitchinterval(1e-5)
from exportstream import lean
lean.begin(["render"])
import numpy as np
def ask():
    import numpy.typing as types
    from numpy._typing import DTypeLike, NDArray
    assert types.NDArray[np.uint8].__origin__ is np.ndarray
    assert types.DTypeLike is DTypeLike
    asked.append(True)
asked = []
threads = [threading.Thread(target=ask) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
from numpy._typing import NDArray, _nbit_base
assert NDArray[np.uint8].__origin__ is np.ndarray
assert not hasattr(sys.modules["numpy._typing"], "no_such_name")
assert sys.modules["numpy._typing"].NDArray is NDArray
print(len(asked))
"""


def run(folder: Path, code: str, *arguments: str, **variables: str) -> list[str]:
    """What a Python process prints, in words."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=environ(folder) | variables,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize("command", sorted(lean.SHORT))
def test_what_no_short_run_needs_is_not_loaded(tmp_path: Path, command: str) -> None:
    """Models are built without a look for plugins, arrays added without docstrings and names of types."""
    has_docs, *modules = run(tmp_path, STARTED, command)
    assert set(lean.STAND_INS) <= set(modules)
    assert "importlib.metadata" not in modules
    assert not [name for name in modules if name.startswith(f"{lean.TYPES}.")]
    assert has_docs == "False"


@pytest.mark.parametrize(
    ("command", "variables"), [("worker", {}), ("render", {lean.PLUGINS: "somebodys-plugin"})]
)
def test_others_load_all_there_is(tmp_path: Path, command: str, variables: dict[str, str]) -> None:
    """What runs for long may load anything, and who switches plugins off one by one wants the others."""
    has_docs, *modules = run(tmp_path, STARTED, command, **variables)
    assert {"importlib.metadata", f"{lean.TYPES}._array_like"} <= set(modules)
    assert has_docs == "True"


def test_what_is_wanted_after_all_is_there(tmp_path: Path) -> None:
    """Who asks numpy for its types gets numpy's own, from any thread."""
    assert run(tmp_path, WANTED) == ["8"]
