"""Destination of finished files: the option `-o`, and the paths that it gives to one or several files.

-o film.mp4                    the file
-o stills.png --each-slide     stills-01.png, stills-02.png …
-o stills/ --each-slide        stills/slide-001.png …: a folder, made if need be; files keep their names
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from schemas.errors import InvalidInput
from schemas.formats import DEFAULT_FORMAT, FORMATS, Format, format_named, format_of_file

PICTURES = tuple(row for row in FORMATS.values() if row.recipe == "pages")
"""Formats of single pictures: a moment, or each slide."""
_LONGEST_NAME = 4096
"""Characters of a path (PATH_MAX)."""


class Output(NamedTuple):
    """The option `-o`. folder: it is one or ends with a slash; several: one file for each slide."""

    path: Path
    folder: bool
    several: bool

    def check(self) -> None:
        """Raise InvalidInput when nothing can be written there: better before the work than after it."""
        if not self.folder or not self.several:
            check_output(self.path, folder=self.folder)
        elif self.path.is_dir():
            _check_folder(self.path)
        elif self.path.exists():
            message = f"{self.path} is a file, not a folder; choose another folder."
            raise InvalidInput("not_a_folder", message)
        else:
            _check_folder(self.path.parent)

    def places(self, names: Sequence[str]) -> list[Path]:
        """Paths of files that are called `names` in their result."""
        if not self.several:
            return [self.path]
        if self.folder:
            return [self.path / name for name in names]
        digits = max(2, len(str(len(names))))
        return [
            self.path.with_name(f"{self.path.stem}-{number:0{digits}}{self.path.suffix or Path(name).suffix}")
            for number, name in enumerate(names, 1)
        ]

    def prepare(self) -> None:
        """Make the folder where it is not there. Raises InvalidInput."""
        if self.several and self.folder:
            try:
                self.path.mkdir(exist_ok=True)
            except OSError as error:
                message = f"The folder {self.path} cannot be created: {error.strerror}."
                raise InvalidInput("cannot_write", message) from error


def output_of(options: argparse.Namespace) -> Output | None:
    """The destination, None without `-o`. Raises InvalidInput when nothing can be written there."""
    if options.output is None:
        return None
    path = Path(options.output)
    folder = options.output.endswith(os.sep) or path.is_dir() or not path.name
    output = Output(path, folder, options.each_slide)
    output.check()
    return output


def format_asked(options: argparse.Namespace, output: Output | None) -> str:
    """The format by `--format` or by the name of the file. Raises InvalidInput where it is ambiguous."""
    named = None if output is None or output.folder else _named(output.path, options.format)
    if options.format is None and output is not None and output.folder:
        choices = ", ".join(row.name for row in PICTURES)
        message = f"{output.path} is a folder, so the format is unknown; add --format with one of {choices}."
        raise InvalidInput("no_format", message)
    format_ = format_named(options.format or named or DEFAULT_FORMAT)
    _check_moment(options, format_)
    return format_.name


def _named(path: Path, asked: str | None) -> str | None:
    """The format by a file's name and `--format`."""
    if asked is None:
        return format_of(path)
    named = format_of_file(path.name)
    if named is not None and named.name != asked:
        message = f"{path.name} means {named.name}, but --format says {asked}; make them agree."
        raise InvalidInput("formats_differ", message)
    return asked


def _check_moment(options: argparse.Namespace, format_: Format) -> None:
    """Refuse options of single pictures that exclude each other, or that the format does not have."""
    if options.each_slide and options.at is not None:
        message = "--at means one moment and --each-slide all slides; use one of them."
        raise InvalidInput("ambiguous", message)
    given = "--each-slide" if options.each_slide else None if options.at is None else "--at"
    if given is not None and format_ not in PICTURES:
        choices = ", ".join(row.name for row in PICTURES)
        message = f"{given} works with single pictures ({choices}), not with {format_.name}."
        raise InvalidInput("not_a_picture", message)


def format_of(output: Path) -> str:
    """The format that a file's name asks for. Raises InvalidInput for a suffix that no format has."""
    if not output.suffix:
        return DEFAULT_FORMAT
    if (found := format_of_file(output.name)) is None:
        written = ", ".join(f".{row.extension}" for row in FORMATS.values())
        message = f"{output.name} has no known suffix; use one of {written}, or add --format."
        raise InvalidInput("unknown_ending", message)
    return found.name


def picture_format(output: Path) -> Format:
    """The format of one picture that a file's name asks for. Raises InvalidInput for a name of another."""
    if not output.suffix:
        return PICTURES[0]
    if (found := format_of_file(output.name)) not in PICTURES or found is None:
        written = ", ".join(f".{row.extension}" for row in PICTURES)
        raise InvalidInput(
            "unknown_ending", f"{output.name} cannot be written; use a name that ends with {written}."
        )
    return found


def check_output(output: Path, *, folder: bool = False) -> None:
    """Raise InvalidInput when a file cannot be written there."""
    if folder or output.is_dir() or not output.name:
        raise InvalidInput("is_a_folder", f"{output} is a folder; name the file to write.")
    _check_folder(output.parent)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise InvalidInput("no_such_folder", f"The folder {folder} does not exist.")
    if not os.access(folder, os.W_OK):
        raise InvalidInput("cannot_write", f"Nothing can be written to the folder {folder}.")


def check_no_input(output: Path, file: Path, document: bytes, base: Path) -> None:
    """Raises InvalidInput when `output` is the project itself, or a file that it names: it would be gone.

    base: the folder that the document's paths start from.
    """
    if not output.exists():
        return
    if _is_same(output, file):
        raise InvalidInput("overwrites_input", f"{output} is the project itself: name another file.")
    try:
        named = list(_texts(orjson.loads(document)))
    except orjson.JSONDecodeError:
        return  # whoever reads it says what is wrong
    if any(_is_same(output, base / name) for name in named):
        raise InvalidInput("overwrites_input", f"{output} is a file that the project uses: name another one.")


def _is_same(output: Path, other: Path) -> bool:
    try:
        return os.path.samefile(output, other)
    except (OSError, ValueError):
        return False


def _texts(document: Any) -> Iterator[str]:
    """All texts of a document that may be names of files."""
    left = [document]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME:
            yield value
