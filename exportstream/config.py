"""The settings: read once from the environment, typed, and printed without secrets.

Each has a name of ours; the names that the five systems used work too. A secret may lie in a file:
NAME_FILE says where, as container platforms hand them out. `settings_table` is what the README shows;
`python -m exportstream.config README.md` writes it there.
"""

from __future__ import annotations

import ipaddress
import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from schemas.errors import InvalidInput
from schemas.limits import DEFAULT, Limits

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
BEGIN, END = "<!-- settings -->", "<!-- /settings -->"
"""What stands around the table in README.md."""

KAFKA_SETTINGS = (
    ("KAFKA_GROUP_ID", "exportstream", "Consumer group of the workers"),
    ("KAFKA_GROUP_PROTOCOL", "classic", "`consumer` (KIP-848, Kafka 4) rebalances faster"),
    ("KAFKA_TOPIC_PREFIX", "", "In front of every topic, such as `staging.`"),
    (
        "KAFKA_SECURITY_PROTOCOL",
        "",
        "`SASL_SSL` and so on; all `KAFKA_SASL_…` and `KAFKA_SSL_…` are passed on",
    ),
)
"""Read by connectors/kafka.py from the same environment: name, default, what it is."""


def _setting(
    default: Any,
    name: str,
    about: str,
    *aliases: str,
    parse: Callable[[str], Any] = str,
    secret: bool = False,
) -> Any:
    metadata = {"names": (name, *aliases), "about": about, "parse": parse, "secret": secret}
    return field(default=default, repr=not secret, metadata=metadata)


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _flag(text: str) -> bool:
    word = text.lower()
    if word not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
        raise ValueError("true or false")
    return word in ("1", "true", "yes", "on")


def _whole(least: int, most: int | None = None) -> Callable[[str], int]:
    wanted = f"a whole number from {least} {'on' if most is None else f'to {most}'}"

    def parse(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or not least <= int(text) <= (
            int(text) if most is None else most
        ):
            raise ValueError(wanted)
        return int(text)

    return parse


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ValueError("a number above 0")
    return value


def _level(text: str) -> str:
    level = text.lower()
    if level not in ("debug", "info", "warning", "error", "critical"):
        raise ValueError("debug, info, warning, error or critical")
    return level


def _isolation(text: str) -> str:
    if text.lower() not in ("required", "where-possible"):
        raise ValueError("required or where-possible")
    return text.lower()


def _starting(*starts: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not text.startswith(starts):
            raise ValueError(f"an address that begins with {' or '.join(starts)}")
        return text

    return parse


def _template(text: str) -> str:
    if not text.startswith(("http://", "https://")) or "{project_id}" not in text:
        raise ValueError("an http(s) address with {project_id} in it")
    return text


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"[,\n]", text) if part.strip())


def _folders(text: str) -> tuple[str, ...]:
    folders = _list(text)
    if any("{tenant}" not in folder and not Path(folder).is_dir() for folder in folders):
        raise ValueError("folders that are there, divided by commas")
    return tuple(str(Path(folder).absolute()) for folder in folders)


def _prefixes(text: str) -> tuple[str, ...]:
    from connectors.font_places import check_prefix

    try:
        return tuple(check_prefix(prefix) for prefix in _list(text))
    except InvalidInput as error:
        raise ValueError(f"key prefixes, divided by commas ({error.message})") from None


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part, strict=False) for part in _list(text))
    except ValueError:
        raise ValueError("networks such as 10.0.0.0/8, divided by commas") from None


def _keys(text: str) -> tuple[tuple[str, str], ...]:
    """`key:tenant,key:tenant`; a key without a tenant belongs to `default`."""
    pairs = [part.partition(":") for part in _list(text)]
    keys = tuple((key.strip(), tenant.strip() or "default") for key, _, tenant in pairs)
    if any(not key or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", tenant) for key, tenant in keys):
        raise ValueError("key:tenant,…, a tenant being of a-z, 0-9, _ and -")
    return keys


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
    log_level: str = _setting(
        "info", "EXPORTSTREAM_LOG_LEVEL", "debug, info, warning, error", "LOG_LEVEL", parse=_level
    )
    host: str = _setting("127.0.0.1", "EXPORTSTREAM_HOST", "Address that the API binds to")
    port: int = _setting(
        8097, "EXPORTSTREAM_PORT", "Port of the API; 0: any free one", "PORT", parse=_whole(0, 65535)
    )
    url: str = _setting(
        "http://127.0.0.1:8097",
        "EXPORTSTREAM_URL",
        "The API that `submit` and `jobs` speak to",
        parse=_starting("http://", "https://"),
    )
    api_key: str | None = _setting(
        None, "EXPORTSTREAM_API_KEY", "The key that `submit` and `jobs` present", secret=True
    )
    api_keys: tuple[tuple[str, str], ...] = _setting(
        (),
        "EXPORTSTREAM_API_KEYS",
        "key:tenant,… that the API accepts; none: one tenant, no keys",
        parse=_keys,
        secret=True,
    )
    kafka_bootstrap: str | None = _setting(
        None,
        "KAFKA_BOOTSTRAP_SERVERS",
        "host:port,… of the Kafka brokers; none: the embedded broker",
        "KAFKA_BROKERS",
    )
    s3_endpoint: str | None = _setting(
        None,
        "S3_ENDPOINT",
        "host:port of the object store; none: files under the data folder",
        "MINIO_ENDPOINT",
    )
    s3_access_key: str = _setting("", "S3_ACCESS_KEY", "Access key of the object store", "MINIO_ACCESS_KEY")
    s3_secret_key: str = _setting(
        "", "S3_SECRET_KEY", "Secret key of the object store", "MINIO_SECRET_KEY", secret=True
    )
    s3_bucket: str = _setting(
        "exportstream", "S3_BUCKET", "Bucket for everything", "MINIO_BUCKET", "MINIO_BUCKET_NAME"
    )
    s3_secure: bool = _setting(
        False, "S3_SECURE", "TLS to the object store", "MINIO_SECURE", "MINIO_USE_SSL", parse=_flag
    )
    s3_region: str = _setting(
        "us-east-1", "S3_REGION", "Region of the object store", "MINIO_REGION", "AWS_REGION"
    )
    database_url: str | None = _setting(
        None,
        "DATABASE_URL",
        "postgresql://… or sqlite:///…; none: SQLite under the data folder",
        parse=_starting("postgres", "sqlite:", "/"),
        secret=True,
    )
    projects_url: str | None = _setting(
        None,
        "PROJECTS_URL",
        "Address of a project with {customer_id} and {project_id} in it; none: the object store",
        parse=_template,
    )
    projects_token: str | None = _setting(
        None, "PROJECTS_TOKEN", "Bearer token for PROJECTS_URL", secret=True
    )
    asset_prefixes: tuple[str, ...] | None = _setting(
        None,
        "ASSET_PREFIXES",
        "Key prefixes that documents may name, by comma; none: all but reserved ones",
        parse=_list,
    )
    fetch_http: bool = _setting(False, "FETCH_HTTP", "Fetch http:// too, not only https://", parse=_flag)
    fetch_networks: tuple[Network, ...] = _setting(
        (),
        "FETCH_ALLOWED_NETWORKS",
        "Networks that are fetched from although not public (CIDR, by comma)",
        parse=_networks,
    )
    fetch_hosts: tuple[str, ...] = _setting(
        (), "FETCH_ALLOWED_HOSTS", "Hosts that are fetched from although not public", parse=_list
    )
    fetch_seconds: int = _setting(300, "FETCH_SECONDS", "Longest download in seconds", parse=_whole(1))
    width: int = _setting(8, "EXPORTSTREAM_WIDTH", "Chunks of one job in flight at once", parse=_whole(1))
    encoders: int = _setting(
        _cores(), "EXPORTSTREAM_ENCODERS", "Chunks that one process encodes at once", parse=_whole(1)
    )
    retry_seconds: int = _setting(
        120, "EXPORTSTREAM_RETRY_SECONDS", "How long an infrastructure fault is waited out", parse=_whole(0)
    )
    metrics_port: int | None = _setting(
        None,
        "EXPORTSTREAM_METRICS_PORT",
        "Port for Prometheus of workers and projection",
        parse=_whole(1, 65535),
    )
    metrics_host: str = _setting("127.0.0.1", "EXPORTSTREAM_METRICS_HOST", "Address for Prometheus")
    ffmpeg: str | None = _setting(
        None, "FFMPEG_BINARY", "FFmpeg to use; none: the one that is installed along"
    )
    fonts_dir: tuple[str, ...] = _setting(
        (),
        "FONTS_DIR",
        "Folders of fonts that documents may name, by comma; {tenant} stands for the tenant",
        parse=_folders,
    )
    fonts_prefix: tuple[str, ...] = _setting(
        (),
        "FONTS_PREFIX",
        "Key prefixes of such fonts in the object store, by comma; {tenant} stands for the tenant",
        parse=_prefixes,
    )
    poison_attempts: int = _setting(
        3,
        "EXPORTSTREAM_POISON_ATTEMPTS",
        "Workers that a message may kill before it is a dead letter",
        parse=_whole(1, 100),
    )
    memory_mib: int | None = _setting(
        None,
        "EXPORTSTREAM_MEMORY_MIB",
        "Address space of a worker in MiB: a task that needs more fails; none: no limit",
        parse=_whole(256),
    )
    isolation: str = _setting(
        "required",
        "EXPORTSTREAM_ISOLATION",
        "`required`: decode foreign files only where the kernel isolates them; `where-possible`: anyway",
        parse=_isolation,
    )
    limits: Limits = DEFAULT
    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def strict(self) -> bool:
        """Whether foreign files are left alone where they cannot be isolated."""
        return self.isolation == "required"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """The settings in `environ`; what is empty counts as absent.

        Raises InvalidInput naming a variable that cannot be read, without telling a secret.
        """
        given: dict[str, Any] = {}
        for known in _known():
            for name in known.metadata["names"]:
                text = _text(name, known, environ)
                if text:
                    given[known.name] = _read(name, text, known)
                    break
        _split_scheme(given)
        given["limits"] = Limits(**_limits(environ))
        return cls(**given, environ=dict(environ))

    def describe(self) -> dict[str, str]:
        """Each setting's name and value as text; of a secret only whether it is set."""
        shown = {}
        for known in _known():
            value = getattr(self, known.name)
            secret = known.metadata["secret"]
            shown[known.metadata["names"][0]] = ("(set)" if value else "") if secret else _plain(value)
        return shown | {_limit_name(name): _plain(value) for name, value in self.limits._asdict().items()}


def _known() -> Iterator[Field[Any]]:
    return (known for known in fields(Settings) if known.metadata)


def _text(name: str, known: Field[Any], environ: Mapping[str, str]) -> str:
    text = environ.get(name, "").strip()
    path = environ.get(f"{name}_FILE", "").strip()
    if text or not path or not known.metadata["secret"]:
        return text
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("bad_setting", f"{name}_FILE names {path!r}, which cannot be read.") from error


def _read(name: str, text: str, known: Field[Any]) -> Any:
    try:
        return known.metadata["parse"](text)
    except ValueError as error:
        what = "cannot be used" if known.metadata["secret"] else f"is {text!r}"
        raise InvalidInput("bad_setting", f"{name} {what}; it has to be {error}.") from None


def _split_scheme(given: dict[str, Any]) -> None:
    """The object store's address may be an http(s) one, which says whether it is TLS."""
    scheme, divider, place = given.get("s3_endpoint", "").rpartition("://")
    if divider:
        given["s3_endpoint"] = place.rstrip("/")
        given.setdefault("s3_secure", scheme == "https")


def _limit_name(name: str) -> str:
    return f"LIMIT_{name.upper()}"


def _limits(environ: Mapping[str, str]) -> dict[str, Any]:
    given = {}
    for limit, default in Limits()._asdict().items():
        name = _limit_name(limit)
        if text := environ.get(name, "").strip():
            parse: Callable[[str], Any] = _positive if isinstance(default, float) else _whole(1)
            try:
                given[limit] = parse(text)
            except ValueError as error:
                raise InvalidInput("bad_setting", f"{name} is {text!r}; it has to be {error}.") from None
    return given


def settings_table() -> str:
    """All settings as a Markdown table."""
    rows = ["| setting | also | default | what it is |", "|---|---|---|---|"]
    for known in _known():
        first, *others = known.metadata["names"]
        also = ", ".join(f"`{name}`" for name in others)
        rows.append(f"| `{first}` | {also} | {_default(known)} | {known.metadata['about']} |")
        if known.name == "kafka_bootstrap":
            rows += [
                f"| `{name}` | | {_code(default)} | {about} |" for name, default, about in KAFKA_SETTINGS
            ]
    for name, default in Limits()._asdict().items():
        rows.append(f"| `{_limit_name(name)}` | | {_code(_plain(default))} | {LIMITS[name]} |")
    return "\n".join(rows)


def with_table(readme: str) -> str:
    """A README whose table of settings is up to date. Raises ValueError when it has no place for one."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"There is no {BEGIN} with its {END}.")
    return f"{before}{BEGIN}\n{settings_table()}\n{END}{after}"


LIMITS = {
    "slides": "Most slides of a project",
    "elements": "Most elements of a slide",
    "seconds": "Longest timeline, and longest sound, in seconds",
    "long_side": "Largest long side of a picture in px",
    "short_side": "Largest short side of a picture in px",
    "document_side": "Largest `width` and `height` of a document in px",
    "fps": "Most frames a second",
    "tracks": "Most audio tracks",
    "assets": "Most files that a project uses",
    "asset_bytes": "Largest file that a project uses, in bytes",
    "job_bytes": "Most that is fetched for one job, in bytes",
    "megapixels": "Largest image in megapixels",
    "text": "Longest text of an element in characters",
    "depth": "Deepest nesting of a document",
    "document_bytes": "Largest document in bytes",
    "inline_bytes": "Largest `data:` source in bytes",
    "decode_seconds": "Longest that the files of a job occupy decoders, in seconds",
}


def _default(known: Field[Any]) -> str:
    if known.name == "encoders":
        return "the cores"
    return "" if known.default is MISSING else _code(_plain(known.default))


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        Path(argument).write_text(with_table(Path(argument).read_text(encoding="utf-8")), encoding="utf-8")
    if not sys.argv[1:]:
        print(settings_table())
