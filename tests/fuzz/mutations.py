"""Changes of valid files: bytes, pieces, numbers and elements, several at once, the same of one seed."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any

from tests.fuzz.pieces import Format, Pieces, format_of, holds_pieces

_NUMBERS = (
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    65536,
    2**24,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63,
)
_LARGEST = 1 << 22


def mutated(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A file with one to four changes, by its pieces where its format is known, else by its bytes."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        known = format_of(data)
        if known is not None and random.random() < 0.75:
            data = _pieces_changed(known, data, others, random)
        else:
            data = _bytes_changed(data, others, random)
    return data[:_LARGEST]


def _pieces_changed(known: Format, data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    try:
        pieces = known.split(data)
    except (IndexError, ValueError, struct.error):
        return _bytes_changed(data, others, random)
    if not pieces:
        return _bytes_changed(data, others, random)
    at = random.randrange(len(pieces))
    name, content = pieces[at]
    if known.nested and holds_pieces(name) and random.random() < 0.9:
        pieces[at] = name, _pieces_changed(known, content, others, random)
    elif random.random() < 0.7:
        pieces[at] = name, _bytes_changed(content, others, random)
    else:
        _moved(pieces, at, random)
    try:
        return known.join(pieces)
    except (IndexError, ValueError, struct.error):
        return _bytes_changed(data, others, random)


def _moved(pieces: Pieces, at: int, random: Random) -> None:
    """One piece is lost, doubled, moved, emptied, or has another's name."""
    way, other = random.randrange(5), random.randrange(len(pieces))
    if way == 0 and len(pieces) > 1:
        del pieces[at]
    elif way == 1:
        pieces.insert(other, pieces[at])
    elif way == 2:
        pieces[at], pieces[other] = pieces[other], pieces[at]
    elif way == 3:
        pieces[at] = pieces[at][0], b""
    else:
        pieces[at] = pieces[at][0], pieces[other][1]


def _bytes_changed(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    changed = bytearray(data or b"\0")
    at = random.randrange(len(changed))
    if random.random() < 0.4:
        at = random.randrange(min(64, len(changed)))  # heads decide most
    size = min(random.choice((1, 2, 4, 8, 16, 64, 300, 2000)), len(changed) - at)
    way = random.randrange(9)
    if way == 0:
        changed[at] ^= 1 << random.randrange(8)
    elif way == 1:
        changed[at] = random.randrange(256)
    elif way in (2, 3):
        width = random.choice((1, 2, 3, 4, 8))
        number = random.choice(_NUMBERS) + random.choice((-1, 0, 0, 1))
        order: Any = random.choice(("big", "little"))
        changed[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, order)
    elif way == 4:
        del changed[at : at + size]
    elif way == 5:
        changed[at:at] = changed[at : at + size] * random.choice((1, 1, 2, 9))
    elif way == 6:
        changed[at : at + size] = random.randbytes(size)
    elif way == 7:
        del changed[at:]
    else:
        other = random.choice(others)
        begin = random.randrange(len(other))
        changed[at : at + size] = other[begin : begin + size]
    return bytes(changed)


_TOKENS = re.compile(rb"<[^<>]*>|[^<>]+")
_VALUES = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE]-?\d+)?")
_WORDS = (
    b"0", b"-1", b"1e9", b"1e38", b"1e-38", b"NaN", b"inf", b"99999999999999999999", b"100%",
    b"-0.0", b"1e400",
    b"",
    b"url(#a)", b"#a", b"none", b"inherit", b"&a;", b"calc(1px/0)", b"matrix(0 0 0 0 0 0)", b"var(--x)",
)  # fmt: skip


def xml_mutated(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A document with tags moved, doubled or nested deep, and with other numbers and references."""
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        tokens = _TOKENS.findall(data) or [b""]
        at, way = random.randrange(len(tokens)), random.randrange(8)
        if way == 0:
            del tokens[at]
        elif way == 1:
            tokens.insert(random.randrange(len(tokens)), tokens[at])
        elif way == 2:
            other = _TOKENS.findall(random.choice(others))
            begin = random.randrange(len(other))
            tokens[at:at] = other[begin : begin + random.choice((1, 3, 10))]
        elif way == 3:
            depth = random.choice((2, 40, 400, 4000))
            tokens[at:at] = [b"<g>"] * depth
        elif way == 7:
            tokens[at] = _bytes_changed(tokens[at], others, random)
        else:
            values = list(_VALUES.finditer(tokens[at]))
            if values:
                value = random.choice(values)
                word = random.choice(_WORDS)
                tokens[at] = tokens[at][: value.start()] + word + tokens[at][value.end() :]
        data = b"".join(tokens)
    return data[:_LARGEST]


_JSON: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, 1e308, -1e308, 2**63, 10**30, 1e-320, "", "x" * 30_000, "\0", "\ud800",
    "é\u202e", "#fff", "data:,", "data:image/png;base64,AAAA", "/etc/passwd", "file:///etc/passwd",
    "../..", [], {},
    [[]], {"": {}},
    [0] * 3000,
)  # fmt: skip


def json_mutated(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A document whose values are exchanged, lost, doubled or renamed; now and then its bytes."""
    if random.random() < 0.1:
        return _bytes_changed(data, others, random)
    document = json.loads(data)
    for _ in range(random.choice((1, 1, 2, 3, 5))):
        holder, name = random.choice(_places(document))
        way = random.randrange(6)
        if way < 3:
            holder[name] = deepcopy(random.choice(_JSON))
        elif way == 3:
            other, place = random.choice(_places(json.loads(random.choice(others))))
            holder[name] = other[place]
        elif way == 4:
            del holder[name]
        elif isinstance(holder, list):
            holder.extend(deepcopy(holder[name]) for _ in range(random.choice((1, 3, 50))))
        else:
            holder[random.choice((f"{name}s", name.upper(), "", "x", "id", "src"))] = deepcopy(holder[name])
        if not document:
            return b"{}"
        if len(written := json.dumps(document)) > _LARGEST:
            return written[:_LARGEST].encode()
    return json.dumps(document).encode()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """(holder, name or number) of all values in a document."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        names = list(holder) if isinstance(holder, dict) else range(len(holder))
        for name in names:
            found.append((holder, name))
            if isinstance(holder[name], dict | list) and holder[name]:
                waiting.append(holder[name])
    return found
