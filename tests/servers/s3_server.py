"""An S3 server on a folder: versitygw, built by the Go tool chain unless it is there."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

from tests.servers.base import CACHE, Server, exclusive, free_port, listening, run_setup

VERSION = "v1.8.0"
ACCESS_KEY = "exportstream"
SECRET_KEY = "exportstream-secret"


@cache
def binary() -> Path:
    """The server's program, built on first use; raises ServerUnavailable."""
    built = CACHE / "go" / "bin" / "versitygw"
    found = shutil.which("versitygw")
    for known in (built, Path(found) if found else built, Path.home() / "go" / "bin" / "versitygw"):
        if known.exists():
            return known
    with exclusive("versitygw"):
        if not built.exists():
            package = f"github.com/versity/versitygw/cmd/versitygw@{VERSION}"
            built.parent.mkdir(parents=True, exist_ok=True)
            run_setup(["go", "install", package], "Building the S3 server", env={"GOBIN": str(built.parent)})
    return built


class S3Server(Server):
    """An S3 endpoint; `endpoint` is "host:port", plain HTTP."""

    name = "s3"
    access_key = ACCESS_KEY
    secret_key = SECRET_KEY

    def __init__(self) -> None:
        self._binary = binary()
        super().__init__()
        self.port = free_port()
        self.endpoint = f"127.0.0.1:{self.port}"
        for name in ("data", "versions"):
            (self.folder / name).mkdir()

    def command(self) -> list[str]:
        """The gateway over two absolute folders, the versions outside the data."""
        flags = ["--port", self.endpoint, "--quiet"]
        folders = ["--versioning-dir", str(self.folder / "versions"), str(self.folder / "data")]
        return [str(self._binary), *flags, "posix", *folders]

    def environment(self) -> dict[str, str]:
        """The credentials of the one user."""
        return {
            "ROOT_ACCESS_KEY": self.access_key,
            "ROOT_SECRET_KEY": self.secret_key,
            "HOME": os.fspath(self.folder),
        }

    def ready(self) -> bool:
        """Whether it accepts connections."""
        return listening(self.port)
