"""Work folders and what becomes of them when their process is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from connectors.work_folder import sweep, work_folder
from tests.servers.base import ROOT

HOLD = """
import sys, time
from pathlib import Path
from connectors.work_folder import work_folder
with work_folder(Path(sys.argv[1])) as folder:
    (folder / "file").write_bytes(b"x")
    print(folder, flush=True)
    time.sleep(600)
"""


def left(parent: Path) -> list[Path]:
    """What lies in the folder of this user."""
    return [path for own in parent.iterdir() for path in own.iterdir()]


def test_a_folder_is_gone_with_its_block(tmp_path: Path) -> None:
    """Nothing is left, neither the folder nor its lock."""
    with work_folder(tmp_path / "new") as folder:
        (folder / "file").write_bytes(b"x")
    assert left(tmp_path / "new") == []


def test_only_folders_of_the_dead_are_swept(tmp_path: Path) -> None:
    """The next process removes what a killed one left, and leaves alone what is in use."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    try:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        with work_folder(tmp_path) as other:
            assert (folder / "file").exists()
            process.kill()
            process.wait()
            assert sweep(folder.parent) == 1
            assert other.is_dir()
            assert not folder.exists()
    finally:
        process.kill()
        process.communicate()
    assert left(tmp_path) == []
