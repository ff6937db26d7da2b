"""Selectors that resvg does not know, matched here (Selectors 4): `~`, `:not`, `:nth-…`, `:last-…`, kin.

Each becomes a class of its own that the elements it matches are given, as specific as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

UNKNOWN = re.compile(
    r"~(?!=)|:not\(|:nth-|:last-|:only-|:first-of-type|:is\(|:where\(|:has\(|:empty|:root", re.IGNORECASE
)
"""What is matched here; resvg knows the rest."""
_BRACE = re.compile(r"[{}]")
_PART = re.compile(
    r"(?P<type>(?:[\w-]*\|)?(?:[a-zA-Z_][\w-]*|\*))|\.(?P<class>[\w-]+)|#(?P<id>[\w-]+)"
    r"|\[\s*(?P<key>[\w:-]+)\s*(?:(?P<how>[~|^$*]?=)\s*(?P<value>\"[^\"]*\"|'[^']*'|[^\]\s]+)\s*)?\]"
    r"|::?(?P<pseudo>[\w-]+)(?P<open>\()?"
)
_COMBINATOR = re.compile(r"\s*([>+~])\s*|\s+")
_NTH = re.compile(r"\s*([+-]?\d*)n\s*(?:([+-])\s*(\d+))?\s*|\s*([+-]?\d+)\s*", re.IGNORECASE)
_MOST_WORK = 4_000_000
_MOST_PARENTHESES = 4


@dataclass(eq=False)
class Node:
    """An element. place, places: its number among its siblings and theirs from 1; `own…`: of its type."""

    name: str
    attributes: dict[str, str]
    parent: Node | None
    children: list[Node] = field(default_factory=list)
    place: int = 1
    own_place: int = 1
    own_count: int = 1
    before: Node | None = None


class Selector(NamedTuple):
    """matches: whether an element is meant. weight: of identifiers, of classes and their kin, of types."""

    matches: Callable[[Node], bool]
    weight: tuple[int, int, int]


class _UnknownError(ValueError):
    """A selector that is not read."""


def resolved(sheet: str, nodes: Sequence[Node], prefix: str) -> tuple[str, bool]:
    """The sheet with classes in place of such selectors, and whether all could be read. The elements get the
    classes, whose names begin with `prefix`.
    """
    is_whole, count = True, 0

    def rule(selectors: str, body: str) -> str:
        nonlocal is_whole, count
        found = []
        for text in split_list(selectors):
            if not UNKNOWN.search(text):
                found.append(text)
                continue
            try:
                selector = parse(text.strip())
            except _UnknownError:
                is_whole = False
                continue
            if (count + 1) * len(nodes) > _MOST_WORK:
                is_whole = False
                continue
            count += 1
            name = f"{prefix}{count}"
            for node in filter(selector.matches, nodes):
                node.attributes["class"] = f"{node.attributes.get('class', '')} {name}".strip()
            found.append(f".{name}" * max(1, selector.weight[1] + 8 * selector.weight[0]))
        return f"{','.join(found)}{{{body}}}" if found else ""

    return _each_rule(sheet, rule), is_whole


def _each_rule(sheet: str, rule: Callable[[str, str], str]) -> str:
    """The sheet with `rule(selectors, body)` in place of each innermost rule; in linear time."""
    parts, copied, begin = [], 0, 0
    opened: int | None = None
    for brace in _BRACE.finditer(sheet):
        if brace[0] == "{":
            begin = begin if opened is None else opened + 1
            opened = brace.start()
            continue
        if opened is not None and begin < opened:
            parts += [sheet[copied:begin], rule(sheet[begin:opened], sheet[opened + 1 : brace.start()])]
            copied = brace.end()
        opened, begin = None, brace.end()
    return "".join([*parts, sheet[copied:]])


def tree(starts: Iterable[tuple[str, dict[str, str]] | None]) -> list[Node]:
    """The elements in order of (name, attributes) where one begins and None where one ends."""
    nodes: list[Node] = []
    current: Node | None = None
    for start in starts:
        if start is None:
            current = current.parent if current is not None else None
            continue
        node = Node(*start, parent=current)
        if current is not None:
            node.before = current.children[-1] if current.children else None
            current.children.append(node)
        nodes.append(node)
        current = node
    for node in nodes:
        counts: dict[str, int] = {}
        for place, child in enumerate(node.children, 1):
            counts[child.name] = counts.get(child.name, 0) + 1
            child.place, child.own_place = place, counts[child.name]
        for child in node.children:
            child.own_count = counts[child.name]
    return nodes


def split_list(text: str) -> list[str]:
    """The selectors of a list, split at commas that stand in no parentheses or brackets."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def parse(text: str, depth: int = 0) -> Selector:
    """A selector with combinators. Raises ValueError for what is not known."""
    at, chain = 0, []
    combinator = ""
    weight = (0, 0, 0)
    while True:
        compound, at = _compound(text, at, depth)
        chain.append((combinator, compound.matches))
        weight = _sum(weight, compound.weight)
        if at >= len(text):
            break
        match = _COMBINATOR.match(text, at)
        if match is None or match.end() >= len(text):
            raise _UnknownError(text)
        combinator, at = match[1] or " ", match.end()
    return Selector(lambda node: _matches(node, chain, len(chain) - 1), weight)


def _matches(node: Node, chain: Sequence[tuple[str, Callable[[Node], bool]]], last: int) -> bool:
    combinator, compound = chain[last]
    if not compound(node):
        return False
    if last == 0:
        return True
    return any(_matches(other, chain, last - 1) for other in _related(node, combinator))


def _related(node: Node, combinator: str) -> Iterator[Node]:
    """The elements that a combinator leads back to."""
    if combinator in ("+", "~"):
        other = node.before
        while other is not None:
            yield other
            other = other.before if combinator == "~" else None
        return
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent if combinator == " " else None


def _compound(text: str, at: int, depth: int) -> tuple[Selector, int]:
    tests: list[Callable[[Node], bool]] = []
    weight, begin = (0, 0, 0), at
    while (match := _PART.match(text, at)) is not None and (match["type"] is None or at == begin):
        at = match.end()
        argument = ""
        if match["open"]:
            end = _closing(text, at)
            argument, at = text[at:end], end + 1
        test, own = _simple(match, argument, depth)
        tests.append(test)
        weight = _sum(weight, own)
    if not tests:
        raise _UnknownError(text)
    return Selector(lambda node: all(test(node) for test in tests), weight), at


def _closing(text: str, at: int) -> int:
    depth = 1
    for end in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            return end
    raise _UnknownError(text)


def _simple(
    match: re.Match[str], argument: str, depth: int
) -> tuple[Callable[[Node], bool], tuple[int, int, int]]:
    if match["type"]:
        name = match["type"].rpartition("|")[2]
        if name == "*":
            return lambda node: True, (0, 0, 0)
        return lambda node: node.name == name, (0, 0, 1)
    if match["class"]:
        return lambda node: match["class"] in node.attributes.get("class", "").split(), (0, 1, 0)
    if match["id"]:
        return lambda node: node.attributes.get("id") == match["id"], (1, 0, 0)
    if match["key"]:
        value = (match["value"] or "").strip("\"'")
        return lambda node: _has(node.attributes.get(match["key"]), match["how"], value), (0, 1, 0)
    return _pseudo(match["pseudo"].lower(), argument, depth)


def _has(found: str | None, how: str | None, value: str) -> bool:
    """Whether an attribute is as a selector has it (Selectors 4, 6)."""
    if found is None or how is None:
        return found is not None
    if how == "=":
        return found == value
    if how == "|=":
        return found == value or found.startswith(f"{value}-")
    if how == "~=":
        return value in found.split()
    ways = {"^=": found.startswith, "$=": found.endswith, "*=": found.__contains__}
    return bool(value) and bool(ways[how](value))


def _pseudo(name: str, argument: str, depth: int) -> tuple[Callable[[Node], bool], tuple[int, int, int]]:
    if name in ("not", "is", "where", "matches"):
        if depth >= _MOST_PARENTHESES:
            raise _UnknownError(name)
        listed = [parse(text.strip(), depth + 1) for text in split_list(argument)]
        weight = max((one.weight for one in listed), default=(0, 0, 0)) if name != "where" else (0, 0, 0)
        if name == "not":
            return lambda node: not any(one.matches(node) for one in listed), weight
        return lambda node: any(one.matches(node) for one in listed), weight
    if name in _STRUCTURAL:
        return _STRUCTURAL[name], (0, 1, 0)
    if name.startswith("nth-"):
        step, offset = _nth(argument)
        place = _PLACES.get(name)
        if place is None:
            raise _UnknownError(name)
        return lambda node: _is_nth(place(node), step, offset), (0, 1, 0)
    if name in ("hover", "active", "focus", "visited", "link", "target", "focus-within", "focus-visible"):
        return lambda node: False, (0, 1, 0)
    raise _UnknownError(name)


def _siblings(node: Node) -> int:
    return len(node.parent.children) if node.parent is not None else 1


_STRUCTURAL: dict[str, Callable[[Node], bool]] = {
    "root": lambda node: node.parent is None,
    "empty": lambda node: not node.children,
    "first-child": lambda node: node.place == 1,
    "last-child": lambda node: node.place == _siblings(node),
    "only-child": lambda node: _siblings(node) == 1,
    "first-of-type": lambda node: node.own_place == 1,
    "last-of-type": lambda node: node.own_place == node.own_count,
    "only-of-type": lambda node: node.own_count == 1,
}
_PLACES: dict[str, Callable[[Node], int]] = {
    "nth-child": lambda node: node.place,
    "nth-last-child": lambda node: _siblings(node) + 1 - node.place,
    "nth-of-type": lambda node: node.own_place,
    "nth-last-of-type": lambda node: node.own_count + 1 - node.own_place,
}


def _nth(text: str) -> tuple[int, int]:
    """Step and offset of `an+b` (CSS Syntax 3, 6)."""
    words = {"odd": (2, 1), "even": (2, 0)}
    if (word := text.strip().lower()) in words:
        return words[word]
    match = _NTH.fullmatch(text)
    if match is None:
        raise _UnknownError(text)
    if match[4]:
        return 0, int(match[4])
    step = {"": 1, "+": 1, "-": -1}.get(match[1]) or int(match[1])
    return step, int((match[2] or "+") + (match[3] or "0"))


def _is_nth(place: int, step: int, offset: int) -> bool:
    if step == 0:
        return place == offset
    return (place - offset) % step == 0 and (place - offset) // step >= 0


def _sum(one: tuple[int, int, int], other: tuple[int, int, int]) -> tuple[int, int, int]:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]
