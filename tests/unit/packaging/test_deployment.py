"""The compose file and the Dockerfile say things that the code understands."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from exportstream.cli import parser
from exportstream.config import KAFKA_SETTINGS, Settings, settings_table
from schemas.facts import STAGES

ROOT = Path(__file__).resolve().parents[3]
SERVERS = {"kafka", "s3", "postgres", "prometheus"}


@cache
def _compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


def _ours() -> dict[str, dict[str, Any]]:
    return {name: service for name, service in _compose()["services"].items() if name not in SERVERS}


def test_every_part_of_the_stream_has_a_service() -> None:
    """A stage that nobody runs would leave jobs waiting for ever."""
    assert set(_ours()) == {"topics", "api", "projection", *STAGES}


@pytest.mark.parametrize("name", sorted(_ours()))
def test_commands_are_commands(name: str) -> None:
    """Each service's command is one that the command line takes."""
    options = parser().parse_args(_ours()[name]["command"])
    assert options.command in ("api", "projection", "topics", "worker")
    if options.command == "worker":
        assert options.stages == [name]


@pytest.mark.parametrize("name", sorted(_ours()))
def test_variables_are_settings(name: str) -> None:
    """Each variable is one that the product reads, and its value can be read."""
    environment = {key: _filled(value) for key, value in _ours()[name]["environment"].items()}
    known = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", settings_table())) | {row[0] for row in KAFKA_SETTINGS}
    assert set(environment) <= known
    settings = Settings.from_environ(environment)
    assert (settings.kafka_bootstrap, settings.s3_endpoint) == ("kafka:9092", "s3:7070")


def _filled(value: str) -> str:
    """A value as compose would fill it in, where a variable without a default is `x`."""
    return re.sub(r"\$\{\w+(?::-([^}]*)|:\?[^}]*)\}", lambda m: "x" if m[1] is None else m[1], value)


@pytest.mark.parametrize("name", sorted(_ours()))
def test_memory_and_processes_are_limited(name: str) -> None:
    """No service of ours takes the machine's memory or its process table, whatever it is given to do."""
    service = _ours()[name]
    assert service["pids_limit"] <= 1024
    assert re.fullmatch(r"(\$\{\w+:-)?\d+g\}?", service["mem_limit"])
    assert "no-new-privileges:true" in service["security_opt"]


def test_secrets_have_no_default() -> None:
    """Whoever starts it chooses them: compose refuses to start without."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for name in ("S3_SECRET_KEY", "POSTGRES_PASSWORD", "EXPORTSTREAM_API_KEYS"):
        assert re.findall(rf"\$\{{{name}(..)", text), name
        assert set(re.findall(rf"\$\{{{name}(..)", text)) == {":?"}


def test_only_what_meets_the_world_is_on_its_network() -> None:
    """Stages that decode and draw cannot reach anything but the servers; ports are of this machine only."""
    services = _compose()["services"]
    assert {name for name, service in services.items() if "outside" in service["networks"]} == {
        "api",
        "plan",
        "prometheus",
    }
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_service_says_whether_it_is_well() -> None:
    """All but the one-shot, and the API, whose check is the image's."""
    without = {name for name, service in _compose()["services"].items() if "healthcheck" not in service}
    assert without == {"api"}
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_prometheus_scrapes_every_process() -> None:
    """By the names and the ports that the compose file gives them."""
    config = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text(encoding="utf-8"))
    found = {
        (name, entry["port"])
        for job in config["scrape_configs"]
        for entry in job.get("dns_sd_configs", [])
        for name in entry["names"]
    }
    assert found == {("api", 8097), *((name, 9100) for name in ("projection", *STAGES))}


def test_the_image_runs_as_nobody_in_particular() -> None:
    """The last user of the Dockerfile is a number that is not root's."""
    users = re.findall(r"^USER (.+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert users == ["10001:10001"]
