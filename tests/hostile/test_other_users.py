"""Another user of the machine, who may write to the folder for temporary files and read what is open."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.jobs import Jobs
from connectors.private import open_own, own_folder, private_folder
from connectors.work_folder import LOCK, NAME, PREFIX, sweep, work_folder
from exportstream.config import Settings
from exportstream.wiring import make_jobs, make_store
from tests.servers.base import ROOT

TRAPS = ("pipe", "link", "file", "folder of another")


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def set_trap(path: Path, kind: str) -> None:
    """What somebody puts where a known name is going to be looked for."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(path.parent)
    elif kind == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        os.chown(path, 12345, 12345)


@pytest.mark.parametrize("kind", TRAPS)
def test_a_taken_name_stops_nobody(tmp_path: Path, kind: str) -> None:
    """Whatever lies at the only name that can be known, work goes on in a folder with another one."""
    if kind == "folder of another" and os.getuid() != 0:
        pytest.skip("only root can make another user's folder")
    trap = tmp_path / f"{NAME}-{os.getuid()}"
    set_trap(trap, kind)
    with work_folder(tmp_path) as folder:
        assert trap not in folder.parents
        assert mode(folder) == 0o700
        (folder / "file").write_bytes(b"x")
    assert list(tmp_path.iterdir()) == [trap]


def test_a_pipe_among_the_locks_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe, a link and a folder that look like locks are passed over, and what they mean is left alone."""
    own = own_folder(tmp_path, NAME)
    assert own is not None
    os.mkfifo(own / f"{PREFIX}pipe{LOCK}")
    (own / f"{PREFIX}link{LOCK}").symlink_to(own / f"{PREFIX}pipe{LOCK}")
    (own / f"{PREFIX}folder{LOCK}").mkdir()
    for name in ("pipe", "link", "folder"):
        (own / f"{PREFIX}{name}").mkdir()
    command = [sys.executable, "-c", SWEEP, str(own)]
    assert subprocess.run(command, cwd=ROOT, timeout=30, check=True, capture_output=True).stdout == b"0\n"
    assert len(list(own.iterdir())) == 6


SWEEP = (
    "import sys, pathlib; from connectors.work_folder import sweep; print(sweep(pathlib.Path(sys.argv[1])))"
)


def test_work_is_seen_by_nobody_else(tmp_path: Path) -> None:
    """The folder that holds all work of a user is closed, were it open before."""
    (tmp_path / f"{NAME}-{os.getuid()}").mkdir(mode=0o777)
    with work_folder(tmp_path) as folder:
        assert mode(folder.parent) == mode(folder) == 0o700
        assert sweep(folder.parent) == 0


def test_data_and_job_table_are_closed_to_others(tmp_path: Path) -> None:
    """Objects and jobs lie in a folder that only their user enters; the table itself is closed too."""
    settings = Settings(data_dir=tmp_path / "deep" / "data")
    make_store(settings).put("projects/x", b"secret")
    make_jobs(settings).close()
    assert mode(settings.data_dir) == 0o700
    assert mode(settings.data_dir / "jobs.db") & 0o007 == 0


def test_a_table_elsewhere_is_closed_too(tmp_path: Path) -> None:
    """Where the address of a database names a file in an open folder, the file is not for all."""
    tmp_path.chmod(0o755)
    jobs = Jobs(f"sqlite:///{tmp_path / 'jobs.db'}")
    jobs.migrate()
    jobs.close()
    assert mode(tmp_path / "jobs.db") == 0o600
    assert mode(tmp_path) == 0o755


def test_an_open_data_folder_is_closed_to_all_and_stays_its_groups(tmp_path: Path) -> None:
    """A folder of before is no longer for all; that a group shares it is the deployment's choice."""
    open_ = tmp_path / "data"
    open_.mkdir()
    open_.chmod(0o775)
    private_folder(open_)
    assert mode(open_) == 0o770


def test_only_plain_files_of_ours_are_opened(tmp_path: Path) -> None:
    """Neither pipe nor link nor folder, and none of them is waited for."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(__file__)
    (tmp_path / "file").write_bytes(b"x")
    for name in ("pipe", "link", "."):
        with pytest.raises(OSError):
            open_own(tmp_path / name)
    os.close(open_own(tmp_path / "file"))
