"""The command line: what there is, and which module does it. Commands are imported when they run."""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from exportstream import __version__, exits
from schemas.errors import ExportError
from schemas.formats import DEFAULT_FORMAT, FORMATS
from schemas.stages import STAGES

PROGRAM = "exportstream"

OVERVIEW = """\
Turns projects of a design editor into MP4, MP3 and JSON, as a stream of events on Kafka.

Try it
  demo                     export the example project with everything on this machine
  render FILE -o OUT       export one project in this process, without Kafka
  frame FILE --at S -o OUT draw one moment of a project
  up                       run all of it on this machine: API, workers, job table

Run it
  topics create            declare the topics on a Kafka broker; may be repeated
  worker STAGE…            run stages: plan, render, encode, mix, upload, or all
  projection               fold facts into the job table; `projection rebuild` makes it anew
  api                      serve HTTP

Use it
  submit FILE              send a project to an API; --follow shows how it goes
  jobs list|show|cancel    look at jobs and call them off

Look after it
  dlq list|replay          messages that could not be handled
  doctor                   what is missing on this machine, and what to do about it

`exportstream COMMAND --help` says more. Settings come from the environment: see the README.
Exit codes: 0 done, 1 failed, 2 wrong input, 3 a service is away, 4 cancelled, 130 interrupted.
"""


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser of all commands, or of one: making those of the others takes a hundredth of a short run."""
    top = argparse.ArgumentParser(
        prog=PROGRAM,
        description=OVERVIEW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    top.add_argument("-h", "--help", action="store_true", help=argparse.SUPPRESS)
    top.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    for name, (text, add_options) in COMMANDS.items():
        if command in (None, name):
            add_options(commands.add_parser(name, help=text, description=text))
    return top


def _export_options(command: argparse.ArgumentParser) -> None:
    """What `render` and `submit` share."""
    command.add_argument(
        "--format", choices=list(FORMATS), help=f"default: by the name of OUT, else {DEFAULT_FORMAT}"
    )
    command.add_argument("--quality", choices=["720p", "1080p", "1440p", "2160p"], help="short side (1080p)")
    command.add_argument("--fps", type=int, choices=[24, 30, 60], help="frames a second (30)")
    command.add_argument("--bitrate", metavar="RATE", help="cap on the picture's bit rate, such as 5M")
    command.add_argument("--audio-bitrate", metavar="RATE", help="bit rate of the sound (192k)")
    command.add_argument("--no-audio", action="store_true", help="leave the sound out")
    command.add_argument("--at", type=float, metavar="SECONDS", help="the moment of a single picture (0)")
    command.add_argument(
        "--each-slide", action="store_true", help="a picture of each slide: OUT-01, OUT-02 …"
    )
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress")


def _demo(command: argparse.ArgumentParser) -> None:
    command.add_argument("--out", type=Path, default=Path("out"), help="folder for the files (out)")


def _render(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "file", type=Path, help="the project; paths in it are relative to it; - for standard input"
    )
    command.add_argument(
        "-o", "--output", metavar="OUT", required=True, help="the file to write; a folder with --each-slide"
    )
    _export_options(command)
    command.add_argument(
        "--cache", type=Path, help="folder to keep chunks in, so that the next time is faster"
    )


def _frame(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "file", type=Path, help="the project; paths in it are relative to it; - for standard input"
    )
    command.add_argument("--at", type=float, default=0.0, metavar="SECONDS", help="the moment (0)")
    command.add_argument(
        "-o", "--output", type=Path, required=True, help="the picture to write: PNG, JPEG or WebP"
    )


def _up(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, default=None, help="where everything is kept (data)")
    command.add_argument(
        "--workers", type=int, default=None, help="processes that encode (one for each core)"
    )
    _listen(command)


def _listen(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", default=None, help="address to bind to (127.0.0.1)")
    command.add_argument("--port", type=int, default=None, help="port (8097)")


def _topics(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=["create"], help="create what is missing, align what differs")
    command.add_argument("--json", action="store_true", help="print the report as JSON")


def _worker(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "stages", nargs="+", choices=[*STAGES, "all"], metavar="STAGE", help=", ".join([*STAGES, "all"])
    )
    command.add_argument("--metrics-port", type=int, default=None, help="serve Prometheus metrics here")


def _projection(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", nargs="?", choices=["run", "rebuild"], default="run", help="default: run")
    command.add_argument(
        "--from-progress",
        action="store_true",
        help="rebuild from the requests and facts themselves, and publish the snapshots again",
    )
    command.add_argument("--metrics-port", type=int, default=None, help="serve Prometheus metrics here")


def _api_address(command: argparse.ArgumentParser) -> None:
    command.add_argument("--url", default=None, help="the API (EXPORTSTREAM_URL, else http://127.0.0.1:8097)")


def _submit(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "file", type=Path, help="the project; files that it names by a relative path are uploaded"
    )
    command.add_argument(
        "-o", "--output", metavar="OUT", help="download the finished file to this; implies --follow"
    )
    command.add_argument("--follow", action="store_true", help="show progress until the job has ended")
    command.add_argument("--idempotency-key", metavar="KEY", help="the same key twice is one job")
    _export_options(command)
    _api_address(command)


def _jobs(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=["list", "show", "cancel"])
    command.add_argument("id", nargs="?", help="the job, for show and cancel")
    command.add_argument("--status", help="only jobs in this state")
    command.add_argument("--limit", type=int, default=20, help="how many (20)")
    command.add_argument("--json", action="store_true", help="print JSON")
    _api_address(command)


def _dlq(command: argparse.ArgumentParser) -> None:
    command.add_argument("action", choices=["list", "replay"])
    command.add_argument("--limit", type=int, default=50, help="how many, the newest (50)")
    command.add_argument("--code", help="only those with this error code")
    command.add_argument("--json", action="store_true", help="print JSON")


def _doctor(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON")


COMMANDS: Mapping[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "demo": ("Export the example project with everything embedded on this machine.", _demo),
    "render": ("Export one project in this process, without Kafka.", _render),
    "frame": ("Draw one moment of a project as a PNG in its own size.", _frame),
    "up": ("Run everything on this machine until Ctrl-C.", _up),
    "topics": ("Declare the topics on a Kafka broker.", _topics),
    "worker": ("Run stages of the stream until SIGTERM.", _worker),
    "projection": ("Fold facts into the job table until SIGTERM.", _projection),
    "api": ("Serve HTTP until SIGTERM.", _listen),
    "submit": ("Send a project to an API.", _submit),
    "jobs": ("Look at jobs and call them off.", _jobs),
    "dlq": ("Messages that could not be handled.", _dlq),
    "doctor": ("Say what is missing on this machine, and what to do about it.", _doctor),
}
MODULES = {"api": "api_server", "dlq": "dead_letters"}
"""Commands whose module is not called as they are."""


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command; the exit code. Errors are printed to standard error as one sentence."""
    try:
        code = _run(arguments, environ)
        sys.stdout.flush()
        return code
    except ExportError as error:
        where = f" ({error.path})" if error.path else ""
        print(f"{PROGRAM}: {error.message}{where} [{error.code}]", file=sys.stderr)
        return exits.of(error)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        # Whoever read has enough; nor may the interpreter try to flush what is left (Python's docs, SIGPIPE).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OK


def _run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    first = next(iter(arguments), None)
    options = parser(first if first in COMMANDS else None).parse_args(arguments)
    if options.help or options.command is None:
        print(OVERVIEW, end="")
        return exits.OK if options.help else exits.USAGE
    name = MODULES.get(options.command, options.command)
    module = importlib.import_module(f"exportstream.commands.{name}")
    gc.freeze()
    gc.enable()
    from exportstream.config import Settings

    code: int = module.run(options, Settings.from_environ(environ))
    return code
