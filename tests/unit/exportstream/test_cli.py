"""The command line as a person or a script meets it: help, exit codes, sentences, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from exportstream import exits
from exportstream.cli import parser, run
from tests.acceptance.media import decode, inline, picture, tone
from tests.unit.builders import document, image, move, rect, slide, text, track

COMMANDS = (
    "demo",
    "render",
    "frame",
    "up",
    "topics",
    "worker",
    "projection",
    "api",
    "submit",
    "jobs",
    "dlq",
    "doctor",
)
SMALL = ("--quality", "720p", "--fps", "24")
HEAVY = {
    *("fastapi", "starlette", "uvicorn", "confluent_kafka", "faust", "sqlalchemy", "aiokafka", "rich"),
    *("http", "ssl"),
}


def environ(folder: Path) -> dict[str, str]:
    """An environment of its own, with its temporary files in `folder`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "TMPDIR": str(folder), "PYTHONWARNINGS": "error"}


def start(arguments: Sequence[str], folder: Path, **options: Any) -> subprocess.Popen[bytes]:
    """`exportstream` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "exportstream", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ(folder),
        **options,
    )


def call(arguments: Sequence[str], folder: Path, stdin: bytes = b"") -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a command."""
    with start(arguments, folder) as process:
        out, err = process.communicate(stdin, timeout=60)
    return process.returncode, out.decode(), err.decode()


def write(folder: Path, project: Mapping[str, Any]) -> str:
    """A document on the disk."""
    path = folder / "project.json"
    path.write_bytes(orjson.dumps(project))
    return str(path)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` fits a terminal, says in a sentence what the command is for, and leaves no option bare."""
    with pytest.raises(SystemExit) as ended:
        run([command, "--help"], {})
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: exportstream {command}")
    assert ". " in said.replace("\n", " ")
    assert "==SUPPRESS==" not in said
    options = [line for line in said.splitlines() if line.startswith("  --")]
    assert len(said.splitlines()) < 45
    for number, line in enumerate(said.splitlines()):
        if line in options and len(line.split("  ")) < 3:
            assert said.splitlines()[number + 1].startswith(" " * 20), line


def test_the_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`exportstream --help` is the map; without a command it is shown too, and that is wrong usage."""
    assert run(["--help"], {}) == exits.OK
    overview = capsys.readouterr().out
    assert [command for command in COMMANDS if f"  {command} " not in overview] == []
    assert run([], {}) == exits.USAGE
    assert capsys.readouterr().out == overview


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["render", "x.json"],
        ["render", "x.json", "-o", "y.mp4", "--fps", "25"],
        ["worker", "paint"],
        ["jobs", "list", "--limit", "many"],
    ],
)
def test_wrong_usage_is_told_with_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """As argparse has it: what was wrong, on standard error."""
    with pytest.raises(SystemExit) as ended:
        run(arguments, {})
    assert ended.value.code == exits.USAGE
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "word"),
    [
        (["render", "nowhere.json", "-o", "x.mp4"], {}, exits.USAGE, "no_such_file"),
        (["render", "pyproject.toml", "-o", "nowhere/x.mp4"], {}, exits.USAGE, "no_such_folder"),
        (["render", "pyproject.toml", "-o", "."], {}, exits.USAGE, "is_a_folder"),
        (["submit", "pyproject.toml"], {}, exits.USAGE, "invalid_json"),
        (["jobs", "list", "--url", "http://127.0.0.1:9"], {}, exits.UNAVAILABLE, "api_unavailable"),
        (["jobs", "show"], {}, exits.USAGE, "missing_id"),
        (["worker", "all"], {}, exits.USAGE, "no_kafka"),
        (["topics", "create"], {}, exits.USAGE, "no_kafka"),
        (["dlq", "list"], {}, exits.USAGE, "no_kafka"),
        (["api"], {}, exits.USAGE, "no_kafka"),
        (["projection"], {}, exits.USAGE, "no_kafka"),
        (["up", "--host", "0.0.0.0"], {}, exits.USAGE, "open_to_all"),
    ],
)
def test_an_error_is_one_sentence_with_its_code(
    arguments: list[str], settings: dict[str, str], code: int, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, without a traceback, and the exit code says what kind of trouble it is."""
    assert run(arguments, settings) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("exportstream: ")
    assert err.endswith(f" [{word}]\n")
    assert err.count("\n") == 1


def test_a_broken_document_is_told_with_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`render` says what is wrong and where, ends with 2, and leaves no file."""
    project = write(tmp_path, document(slides=[slide(1.0, {**rect(), "colour": "red"})]))
    assert run(["render", project, "-o", str(tmp_path / "x.mp4"), "--quiet"], {}) == exits.USAGE
    err = capsys.readouterr().err
    assert "(slides[0].elements[0].colour)" in err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["project.json"]


def test_render_reads_standard_input_and_tells_in_json(tmp_path: Path) -> None:
    """`render - --json`: the result parses, the file is there, and nothing else is left."""
    (tmp_path / "tmp").mkdir()
    output = tmp_path / "film.mp4"
    given = orjson.dumps(document(slides=[slide(0.5, text("Hi"))]))
    arguments = ["render", "-", "-o", str(output), *SMALL, "--json", "-q"]
    code, out, err = call(arguments, tmp_path / "tmp", given)
    assert (code, err) == (exits.OK, "")
    told = orjson.loads(out)
    assert (told["status"], told["output"], told["result"]["duration"]) == ("completed", str(output), 0.5)
    assert told["result"]["size"] == output.stat().st_size
    assert len(decode(output).frames) == 12
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("command", "options"), [("render", ["-q", "--quality", "720p"]), ("frame", [])], ids=["render", "frame"]
)
def test_no_web_framework_kafka_sql_or_http_is_loaded(
    tmp_path: Path, command: str, options: list[str]
) -> None:
    """Their start is what benchmarks feel."""
    project = write(tmp_path, document(slides=[slide(0.1, rect())]))
    output = str(tmp_path / ("x.png" if command == "frame" else "x.mp4"))
    code = (
        "import sys; from exportstream.cli import run; code = run(sys.argv[1:], {}); "
        "print(code, *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    arguments = [sys.executable, "-c", code, command, project, "-o", output, *options]
    done = subprocess.run(
        arguments, capture_output=True, text=True, timeout=60, env=environ(tmp_path), check=True
    )
    ended, *modules = done.stdout.split()
    assert (ended, done.stderr) == ("0", "")
    assert "schemas" in modules
    assert HEAVY & set(modules) == set()


def test_a_cache_makes_the_second_time_cheap_and_keeps_no_jobs(tmp_path: Path) -> None:
    """Chunks stay for the next time; what is named by a job, of which there is never a second, goes."""
    cache = tmp_path / "cache"
    project = write(tmp_path, document(slides=[slide(0.25, rect())]))
    for name, other in (("a.mp4", project), ("b.mp4", project)):
        output = str(tmp_path / name)
        assert run(["render", other, "-o", output, "--cache", str(cache), *SMALL, "-q"], {}) == exits.OK
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    kinds = {path.relative_to(cache).parts[2] for path in cache.glob("t/default/*") if any(path.iterdir())}
    assert {"chunks", "outputs"} <= kinds
    assert not kinds & {"plans", "exports", "library"}


def children(pid: int) -> set[int]:
    """All processes below one; one that ends meanwhile has none."""
    found: set[int] = set()
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in task.read_text().split():
                found |= {int(child)} | children(int(child))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_nobody_need_listen(tmp_path: Path, closed: str) -> None:
    """As below a daemon: without standard output and errors it works, and says by its code how it went."""
    project, broken = write(tmp_path, document(slides=[slide(0.25, rect())])), tmp_path / "broken.json"
    broken.write_text("{")
    output = tmp_path / "a.mp4"
    for file, code in ((project, exits.OK), (str(broken), exits.USAGE)):
        command = f'exec "$0" -m exportstream render "$1" -o "$2" {" ".join(SMALL)} {closed}'
        ended = subprocess.run(
            ["/bin/sh", "-c", command, sys.executable, file, str(output)], env=environ(tmp_path), check=False
        )
        assert ended.returncode == code
    assert output.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("pictures", [1, 40])
def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, number: signal.Signals, pictures: int) -> None:
    """Ctrl-C or SIGTERM in the middle: gone within 2 s, with its decoders, its folder and half a file.

    While it encodes, and while it decodes many pictures.
    """
    folder = tmp_path / "tmp"
    folder.mkdir()
    images = [image(inline(picture(640 + n, 480), "image/png")) for n in range(pictures)]
    sound = track(inline(tone(20), "audio/wav"))
    turning = rect(animations=[move("rotation", duration=60, values=(0, 3600))])  # encoded frame by frame
    project = write(tmp_path, document(slides=[slide(60.0, turning, *images)], audio=[sound]))
    output = tmp_path / "film.mp4"
    with start(["render", project, "-o", str(output), *SMALL], folder, process_group=0) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the first progress
        wait_until(lambda: is_stored(folder, "plans/*.json" if pictures == 1 else "images/*"))
        below = children(process.pid)
        began = time.monotonic()
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
        seconds = time.monotonic() - began
    assert process.returncode == (exits.INTERRUPTED if number == signal.SIGINT else 143), err.decode()
    assert b"Traceback" not in err
    assert seconds < 2.0
    assert below or pictures == 1  # when all is decoded, decoders end
    wait_until(lambda: not any(is_alive(pid) for pid in below))
    assert list(folder.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project.json", "tmp"]


def is_stored(folder: Path, pattern: str) -> bool:
    """Whether such a file lies below a folder in which others come and go, which `os.walk` does not mind."""
    return any(Path(root, name).match(pattern) for root, _, names in os.walk(folder) for name in names)


def wait_until(condition: Any) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_parser_can_be_made_without_an_environment() -> None:
    """Nothing is read before a command runs."""
    assert parser().prog == "exportstream"


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    """`exportstream --help | head -1` says nothing about pipes."""
    with start(["--help"], tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == exits.OK
