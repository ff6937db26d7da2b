"""Syntax of a `src`, checked before anything is fetched."""

from __future__ import annotations

import re

from schemas.limits import DEFAULT

LONGEST = 2048
"""Characters of a source that is not `data:`."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_S3 = re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9.\-_]{1,62}/(.+)", re.DOTALL)
_HTTP = re.compile(r"https?://[^\s/?#\\]+([/?#].*)?", re.IGNORECASE)
_DATA = re.compile(r"data:[^,\s]{0,200},", re.IGNORECASE)


def check_source(src: str) -> str:
    """The source itself, if it is one of s3://, https://, http://, data: or a bare key.

    A bare key is a key of the object store or, for the command line's own `render`, a path relative to
    the document: never absolute, never upwards. Raises ValueError with a sentence.
    """
    if src[:5].lower() == "data:":
        return _check_data(src)
    shown = src if len(src) <= 60 else src[:60] + "…"
    if not src.strip() or len(src) > LONGEST:
        raise ValueError(f"A source has 1 to {LONGEST} characters.")
    if any(ord(character) < 32 or ord(character) == 127 for character in src):
        raise ValueError("A source has no control characters.")
    scheme = _SCHEME.match(src)
    if scheme is None:
        return _check_key(src, src, shown)
    if match := _S3.fullmatch(src):
        return _check_key(src, match[1], shown)
    if _HTTP.fullmatch(src):
        return src
    if scheme[1].lower() in ("s3", "http", "https"):
        raise ValueError(f"{shown!r} is incomplete; write s3://bucket/key or https://host/path.")
    raise ValueError(
        f"{shown!r} has a scheme that is not allowed; use s3://, https://, data: or a bare object key."
    )


def _check_key(src: str, key: str, shown: str) -> str:
    if key.startswith(("/", "~")) or "\\" in key:
        raise ValueError(f"{shown!r} is not an object key: it must be relative, with / between its parts.")
    if any(part in ("..", ".") for part in key.removeprefix("./").split("/")):
        raise ValueError(f"{shown!r} leads out of its folder; a source has no '..' in its path.")
    return src


def _check_data(src: str) -> str:
    if not _DATA.match(src):
        raise ValueError("This data: source is malformed; write data:image/png;base64,…")
    if len(src) > DEFAULT.inline_bytes * 4 // 3 + 256:
        raise ValueError("A data: source holds at most 1 MiB; upload the file and name its key instead.")
    return src
