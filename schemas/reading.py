"""Reading JSON that people wrote: guards before a model sees it, and sentences instead of jargon after.

Shared by everything that has a path to name: project documents and export settings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_snake

from schemas.errors import InvalidInput
from schemas.limits import Limits

Model = TypeVar("Model", bound=BaseModel)

MOST_KEYS = 10_000
"""Keys of one object, also under `meta`."""

_NON_FINITE = re.compile(rb"[:\[,]\s*[-+]?(NaN|Infinity|inf|nan)\b")
_DEEP = "The document is nested more than {} levels deep."


def load(data: bytes | Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """A JSON object as Python values, its size, depth and numbers checked; raises InvalidInput."""
    if isinstance(data, Mapping):
        return _from_mapping(dict(data), limits)
    _check_size(len(data), limits)
    try:
        raw = orjson.loads(
            bytes(data).removeprefix(b"\xef\xbb\xbf")
        )  # which RFC 8259, 8.1 lets a reader skip
    except orjson.JSONDecodeError as error:
        raise _unreadable(bytes(data), error, limits) from None
    if not isinstance(raw, dict):
        raise InvalidInput("invalid_json", f"The document must be a JSON object, not {_kind(raw)}.")
    _check_values(raw, limits)
    return raw


def _from_mapping(raw: dict[str, Any], limits: Limits) -> dict[str, Any]:
    _check_values(raw, limits)
    try:
        size = len(orjson.dumps(raw))
    except (TypeError, ValueError):
        path = next((path for path, value in _leaves(raw) if not _is_json(value)), None)
        raise InvalidInput("invalid_json", "This cannot be written as JSON (UTF-8).", path=path) from None
    _check_size(size, limits)
    return raw


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.document_bytes:
        has, limit = size / (1 << 20), limits.document_bytes / (1 << 20)
        message = f"The document has {has:,.1f} MiB; the limit is {limit:,.3g} MiB. Don't inline large files."
        raise InvalidInput("too_large", message)


def _unreadable(data: bytes, error: orjson.JSONDecodeError, limits: Limits) -> InvalidInput:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or data[:4:2] == b"\0\0" or data[1:4:2] == b"\0\0":
        return InvalidInput(
            "invalid_json", "The document is not JSON in UTF-8 but in UTF-16; write it in UTF-8."
        )
    if "recursion" in error.msg or "depth" in error.msg:
        return InvalidInput("too_deep", _DEEP.format(limits.depth))
    if "infinity" in error.msg or _NON_FINITE.search(data):
        try:
            path = next((path for path, v in _leaves(json.loads(data)) if _is_non_finite(v)), None)
        except (ValueError, RecursionError):
            path = None
        if path is not None or "infinity" in error.msg:
            return InvalidInput("non_finite", "A number must be finite.", path=path)
    return InvalidInput(
        "invalid_json", f"The document is not JSON: {error.msg} (line {error.lineno}, column {error.colno})."
    )


def _check_values(raw: dict[str, Any], limits: Limits) -> None:
    """Depth and finite numbers, level by level and so without recursion."""
    level: list[Any] = [raw]
    for _ in range(limits.depth):
        below: list[Any] = []
        for container in level:
            if type(container) is dict and len(container) > MOST_KEYS:
                message = f"An object has {len(container):,} keys; the limit is {MOST_KEYS:,}."
                raise InvalidInput("limit_exceeded", message)
            for value in container.values() if type(container) is dict else container:
                kind = type(value)
                if kind is dict or kind is list or kind is tuple:
                    below.append(value)
                elif kind is float and value - value != 0:
                    path = next(path for path, v in _leaves(raw) if _is_non_finite(v))
                    raise InvalidInput("non_finite", "A number must be finite.", path=path)
        if not below:
            return
        level = below
    raise InvalidInput("too_deep", _DEEP.format(limits.depth))


def _is_non_finite(value: Any) -> bool:
    return isinstance(value, float) and value - value != 0


def _is_json(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _leaves(root: Any) -> Iterator[tuple[str, Any]]:
    """Every value that is neither object nor array, with its path; keys that are no text as well."""
    stack: list[tuple[str, Any]] = [("", root)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            for key in value:
                if not _is_json({key: None}):
                    yield path or "(root)", key
            stack += [(_join(path, key), item) for key, item in reversed(value.items())]
        elif isinstance(value, list | tuple) and len(path) < 10_000:
            stack += [(f"{path}[{index}]", item) for index, item in reversed(list(enumerate(value)))]
        else:
            yield path, value


def _join(path: str, key: object) -> str:
    text = str(key).encode("utf-8", "backslashreplace").decode()
    if len(text) > 60:
        text = text[:60] + "…"
    return f"{path}.{text}" if path else text


def validate(model: type[Model], raw: Mapping[str, Any]) -> Model:
    """`raw` as a model; raises InvalidInput for the first thing that is wrong."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = min(error.errors(include_url=False), key=_urgency)
        raise _refusal(raw, first) from None


def _urgency(error: Any) -> int:
    """An unknown key often explains a missing one next to it, so it is reported first."""
    return 0 if error["type"] == "extra_forbidden" else 1


def _refusal(raw: Mapping[str, Any], error: Any) -> InvalidInput:
    path, known = _path(raw, error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return InvalidInput("unknown_key", "This key is not known.", path=path)
    if kind == "missing":
        return InvalidInput("missing_key", "This key is required.", path=path)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _wrong_type(known, error, path)
    if kind in _MESSAGES:
        message = _MESSAGES[kind].format(**{key: _plain(value) for key, value in context.items()})
    elif kind == "value_error":
        message = str(context["error"])
    else:
        message = f"This value cannot be used: {error['msg']}."
    return InvalidInput("invalid_value", message, path=path or None)


def _wrong_type(value: Any, error: Any, path: str) -> InvalidInput:
    """The `type` of an object is absent or is none of those known."""
    expected = error.get("ctx", {}).get("expected_tags", "")
    names = re.findall(r"<([^>]+)>", expected)
    if not isinstance(value, dict):
        return InvalidInput("invalid_value", f"This must be an object, not {_kind(value)}.", path=path)
    if "type" not in value:
        return InvalidInput("missing_key", "This key is required.", path=_join(path, "type"))
    choice = f"This must be one of {', '.join(names)}." if names else "This must be the name of a type."
    return InvalidInput("invalid_value", choice, path=_join(path, "type"))


def _path(raw: Any, loc: tuple[int | str, ...]) -> tuple[str, Any]:
    """The path of an error as the document spells it, and the value there."""
    path, value = "", raw
    for step in loc:
        if isinstance(step, int):
            path = f"{path}[{step}]"
            value = value[step] if isinstance(value, list | tuple) and step < len(value) else None
        elif not step.startswith("<"):
            key = step
            if isinstance(value, Mapping):
                key = next((k for k in (step, to_snake(step)) if k in value), step)
                value = value.get(key)
            path = _join(path, key)
        elif isinstance(value, Mapping) and step in value:
            path, value = _join(path, step), value[step]
    return path, value


def _plain(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


_MESSAGES = {
    "float_type": "This must be a number.",
    "int_type": "This must be a whole number.",
    "int_from_float": "This must be a whole number.",
    "int_parsing_size": "This number is too large.",
    "string_type": "This must be text.",
    "string_unicode": "This text is not valid Unicode.",
    "string_too_short": "This must not be empty.",
    "string_too_long": "This text is too long; it may have {max_length} characters.",
    "bool_type": "This must be true or false.",
    "missing_argument": "This must have more entries.",
    "tuple_type": "This must be an array.",
    "list_type": "This must be an array.",
    "dict_type": "This must be an object.",
    "model_type": "This must be an object.",
    "model_attributes_type": "This must be an object.",
    "literal_error": "This must be one of {expected}.",
    "enum": "This must be one of {expected}.",
    "finite_number": "A number must be finite.",
    "greater_than": "This must be greater than {gt}.",
    "greater_than_equal": "This must be at least {ge}.",
    "less_than": "This must be less than {lt}.",
    "less_than_equal": "This must be at most {le}.",
    "multiple_of": "This must be a multiple of {multiple_of}.",
    "too_short": "This must have at least {min_length} entries.",
    "too_long": "This has too many entries; it may have {max_length}.",
}
