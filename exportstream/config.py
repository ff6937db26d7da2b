"""The settings: read once from the environment, typed, and printed without secrets.

Each has a name of ours; the names that the five systems used work too. `SETTINGS` is the table that
the README is generated from.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from schemas.errors import InvalidInput
from schemas.limits import DEFAULT, Limits

SECRET = "secret"


def _setting(
    default: Any, name: str, about: str, *aliases: str, parse: Callable[[str], Any] = str, secret: bool = False
) -> Any:
    metadata = {"names": (name, *aliases), "about": about, "parse": parse, SECRET: secret}
    return field(default=default, repr=not secret, metadata=metadata)


def _flag(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return words[text.strip().lower()]
    except KeyError:
        raise ValueError("true or false") from None


def _at_least(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if value < least:
            raise ValueError(f"a whole number from {least} on")
        return value

    return parse


def _level(text: str) -> str:
    level = text.strip().lower()
    if level not in ("debug", "info", "warning", "error", "critical"):
        raise ValueError("debug, info, warning, error or critical")
    return level


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _networks(text: str) -> tuple[Any, ...]:
    return tuple(ipaddress.ip_network(part, strict=False) for part in _list(text))


def _keys(text: str) -> tuple[tuple[str, str], ...]:
    """`key:tenant,key:tenant`; a key without a tenant belongs to `default`."""
    pairs = [part.partition(":") for part in _list(text)]
    return tuple((key, tenant or "default") for key, _, tenant in pairs)


@dataclass(frozen=True)
class Settings:
    """All that a deployment may say."""

    data_dir: Path = _setting(
        Path("data"), "EXPORTSTREAM_DATA", "Folder of the embedded default: objects, job table", parse=Path
    )
    temp_dir: Path | None = _setting(
        None, "EXPORTSTREAM_TEMP", "Folder for work files; default: the system's", "TEMP_DIR", parse=Path
    )
    output_dir: Path | None = _setting(
        None,
        "EXPORTSTREAM_OUTPUT",
        "Folder that gets a copy of each finished file besides the object store",
        "EXPORT_OUTPUT_DIR",
        parse=Path,
    )
    log_level: str = _setting("info", "EXPORTSTREAM_LOG_LEVEL", "debug, info, warning, error", "LOG_LEVEL", parse=_level)
    host: str = _setting("127.0.0.1", "EXPORTSTREAM_HOST", "Address that the API binds to", "HOST")
    port: int = _setting(8097, "EXPORTSTREAM_PORT", "Port of the API", "PORT", parse=_at_least(0))
    url: str = _setting("http://127.0.0.1:8097", "EXPORTSTREAM_URL", "The API that `submit` and `jobs` speak to")
    api_key: str | None = _setting(
        None, "EXPORTSTREAM_API_KEY", "The key that `submit` and `jobs` present", secret=True
    )
    api_keys: tuple[tuple[str, str], ...] = _setting(
        (), "EXPORTSTREAM_API_KEYS", "key:tenant,… that the API accepts; none: one tenant, no keys", parse=_keys, secret=True
    )
    kafka_bootstrap: str | None = _setting(
        None,
        "KAFKA_BOOTSTRAP_SERVERS",
        "host:port of the Kafka brokers; none: the embedded broker. More KAFKA_… settings: docs/operations.md",
        "KAFKA_BROKERS",
    )
    s3_endpoint: str | None = _setting(
        None, "S3_ENDPOINT", "host:port of the object store; none: files under the data folder", "MINIO_ENDPOINT"
    )
    s3_access_key: str = _setting("", "S3_ACCESS_KEY", "Access key of the object store", "MINIO_ACCESS_KEY")
    s3_secret_key: str = _setting(
        "", "S3_SECRET_KEY", "Secret key of the object store", "MINIO_SECRET_KEY", secret=True
    )
    s3_bucket: str = _setting("exportstream", "S3_BUCKET", "Bucket for everything", "MINIO_BUCKET", "MINIO_BUCKET_NAME")
    s3_secure: bool = _setting(False, "S3_SECURE", "TLS to the object store", "MINIO_SECURE", "MINIO_USE_SSL", parse=_flag)
    s3_region: str = _setting("us-east-1", "S3_REGION", "Region of the object store", "MINIO_REGION", "AWS_REGION")
    database_url: str | None = _setting(
        None, "DATABASE_URL", "postgresql://… or sqlite:///…; none: SQLite under the data folder", secret=True
    )
    projects_url: str | None = _setting(
        None,
        "PROJECTS_URL",
        "Address of a project with {customer_id} and {project_id} in it; none: the object store",
    )
    projects_token: str | None = _setting(
        None, "PROJECTS_TOKEN", "Bearer token for PROJECTS_URL", secret=True
    )
    asset_prefixes: tuple[str, ...] | None = _setting(
        None, "ASSET_PREFIXES", "Key prefixes that documents may name, by comma; none: all but reserved ones", parse=_list
    )
    fetch_http: bool = _setting(False, "FETCH_HTTP", "Fetch http:// too, not only https://", parse=_flag)
    fetch_networks: tuple[Any, ...] = _setting(
        (), "FETCH_ALLOWED_NETWORKS", "Networks that are fetched from although not public (CIDR, by comma)", parse=_networks
    )
    fetch_hosts: tuple[str, ...] = _setting(
        (), "FETCH_ALLOWED_HOSTS", "Hosts that are fetched from although not public", parse=_list
    )
    fetch_seconds: int = _setting(300, "FETCH_SECONDS", "Longest download in seconds", parse=_at_least(1))
    width: int = _setting(8, "EXPORTSTREAM_WIDTH", "Chunks of one job in flight at once", parse=_at_least(1))
    encoders: int = _setting(
        max(1, os.cpu_count() or 1), "EXPORTSTREAM_ENCODERS", "Chunks that one process encodes at once", parse=_at_least(1)
    )
    retry_seconds: int = _setting(
        120, "EXPORTSTREAM_RETRY_SECONDS", "How long an infrastructure fault is waited out", parse=_at_least(0)
    )
    metrics_port: int | None = _setting(
        None, "EXPORTSTREAM_METRICS_PORT", "Port for Prometheus of workers and projection", parse=_at_least(0)
    )
    metrics_host: str = _setting("127.0.0.1", "EXPORTSTREAM_METRICS_HOST", "Address for Prometheus")
    ffmpeg: str | None = _setting(None, "FFMPEG_BINARY", "FFmpeg to use; none: the one that is installed along")
    limits: Limits = DEFAULT
    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """The settings in `environ`. Raises InvalidInput naming a variable that cannot be read."""
        given: dict[str, Any] = {}
        for known in fields(cls):
            for name in known.metadata.get("names", ()):
                if environ.get(name):
                    given[known.name] = _read(name, environ[name], known.metadata["parse"])
                    break
        given["limits"] = Limits(**_limits(environ))
        return cls(**given, environ=dict(environ))


def _read(name: str, text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise InvalidInput("bad_setting", f"{name} is {text!r}; it has to be {error}.") from error


def _limits(environ: Mapping[str, str]) -> dict[str, Any]:
    given = {}
    for known in fields(Limits):
        name = f"LIMIT_{known.name.upper()}"
        if environ.get(name):
            number = float if isinstance(known.default, float) else int
            given[known.name] = _read(name, environ[name], number)
    return given


def settings_table() -> str:
    """All settings as a Markdown table."""
    lines = ["| setting | other names | default | what it is |", "|---|---|---|---|"]
    for known in fields(Settings):
        if names := known.metadata.get("names"):
            others = ", ".join(f"`{name}`" for name in names[1:])
            lines.append(f"| `{names[0]}` | {others} | {_shown(known.name, known.default)} | {known.metadata['about']} |")
    for known in fields(Limits):
        lines.append(f"| `LIMIT_{known.name.upper()}` | | {_number(known.default)} | Limit: {known.name.replace('_', ' ')} |")
    return "\n".join(lines)


def _shown(name: str, default: Any) -> str:
    if name == "encoders":
        return "the cores"
    if default is None or default == ():
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _number(value: Any) -> str:
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
