"""`doctor`: what is missing on this machine, and what to do about it."""

from __future__ import annotations

import argparse
import importlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import orjson

from exportstream import exits, wiring
from exportstream.config import Settings
from schemas.errors import ExportError

FREE_BYTES = 2 << 30
PACKAGES = ("av", "confluent_kafka", "cv2", "faust", "fastapi", "numpy", "PIL", "sqlalchemy", "structlog")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. advice: what to do when it is not fine."""

    name: str
    state: Literal["fine", "note", "missing"]
    detail: str
    advice: str = ""


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Look at everything; exit code 1 when something that is needed is missing."""
    findings = list(examine(settings))
    if options.json:
        print(orjson.dumps([asdict(f) for f in findings], option=orjson.OPT_INDENT_2).decode())
    else:
        for finding in findings:
            sign = {"fine": "ok", "note": "--", "missing": "!!"}[finding.state]
            print(f"{sign}  {finding.name:<16} {finding.detail}")
            if finding.advice and finding.state != "fine":
                print(f"    {'':<16} {finding.advice}")
    return exits.FAILED if any(f.state == "missing" for f in findings) else exits.OK


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything that an export needs, in the order in which it needs it."""
    yield _python()
    yield from (_package(name) for name in PACKAGES)
    yield _guarded("Skia", "pip install skia-python", _skia)
    yield _guarded("FFmpeg", "pip install imageio-ffmpeg, or set FFMPEG_BINARY", _ffmpeg)
    yield _encoders()
    yield _guarded("fonts", "make install", _fonts)
    yield _isolation(strict=settings.strict)
    yield _disk(settings)
    yield _guarded(
        "object store", "look at S3_ENDPOINT and its keys, or at the data folder", lambda: _store(settings)
    )
    yield _guarded("job table", "look at DATABASE_URL", lambda: _jobs(settings))
    yield _guarded(
        "Kafka", "look at KAFKA_BOOTSTRAP_SERVERS; `exportstream topics create`", lambda: _kafka(settings)
    )


def _guarded(name: str, advice: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "fine", look())
    except ExportError as error:
        return Finding(name, "missing", error.message, advice)
    except Exception as error:  # noqa: BLE001  # whatever is broken is a finding, not a crash
        return Finding(name, "missing", f"{type(error).__name__}: {error}", advice)


def _python() -> Finding:
    version = platform.python_version()
    fine = sys.version_info >= (3, 11)
    return Finding("Python", "fine" if fine else "missing", version, "Python 3.11 or newer is needed.")


def _package(name: str) -> Finding:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        return Finding(name, "missing", str(error), "make install")
    return Finding(name, "fine", str(getattr(module, "__version__", "installed")))


def _skia() -> str:
    from renderers._skia import skia

    return str(skia.__version__)


def _ffmpeg() -> str:
    from connectors.ffmpeg import binary

    said = subprocess.run(
        [binary(), "-version"], capture_output=True, text=True, timeout=20, check=True
    ).stdout
    return " ".join(said.split()[:3])


def _encoders() -> Finding:
    from renderers import instructions

    sets = instructions.chosen()
    given = f"instruction sets of {sets.name}: x264 {sets.x264}, FFmpeg {sets.ffmpeg}"
    if instructions.libavutil() is not None:
        return Finding("encoders", "fine", given)
    advice = (
        "Install PyAV's wheel: this one's AAC encoder chooses by the processor, and so do the bytes of sound."
    )
    return Finding("encoders", "note", given, advice)


def _fonts() -> str:
    from renderers.text.fontfiles import SHIPPED

    for file in SHIPPED:
        file.load()
    return f"{len({file.family for file in SHIPPED})} families, emoji in colour"


def _isolation(*, strict: bool) -> Finding:
    from connectors.sandbox import check_isolation

    without = check_isolation(required=False)
    if not without:
        return Finding("isolation", "fine", "foreign files are decoded behind walls")
    state: Literal["missing", "note"] = "missing" if strict else "note"
    advice = "Use Linux 5.13 or newer with Landlock on, or set EXPORTSTREAM_ISOLATION=where-possible."
    return Finding(
        "isolation", state, f"decoders cannot be isolated here: no {' and '.join(without)}", advice
    )


def _disk(settings: Settings) -> Finding:
    folder = settings.temp_dir if settings.temp_dir and settings.temp_dir.is_dir() else "/tmp"
    free = shutil.disk_usage(folder).free
    state: Literal["fine", "note"] = "fine" if free > FREE_BYTES else "note"
    return Finding(
        "disk", state, f"{free / 1e9:.0f} GB free in {folder}", "Long videos need some GB of room."
    )


def _store(settings: Settings) -> str:
    store = wiring.make_store(settings)
    store.put("doctor/probe", b"ok")
    store.delete("doctor/probe")
    return settings.s3_endpoint or f"files under {settings.data_dir / 'objects'}"


def _jobs(settings: Settings) -> str:
    jobs = wiring.make_jobs(settings)
    jobs.ping()
    return "PostgreSQL" if settings.database_url else f"SQLite under {settings.data_dir}"


def _kafka(settings: Settings) -> str:
    kafka = wiring.kafka_settings(settings)
    if kafka is None:
        return "none is configured: `exportstream up` brings its own"
    from connectors.kafka_topics import check_topics
    from schemas.topics import TOPICS

    check_topics(kafka, [spec.name for spec in TOPICS])
    return kafka.bootstrap
