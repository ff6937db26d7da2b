"""Whatever is sent, reading it ends in a request or in an error that names what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer_api.bodies import ExportBody
from producer_api.dialects import DIALECTS
from producer_api.problems import ApiProblem, to_problem
from schemas.errors import ExportError
from schemas.limits import DEFAULT, Limits

Read = Callable[[bytes, Limits], ExportBody]

_KEYS = st.sampled_from(
    ["project", "project_ref", "format", "settings", "metadata", "width", "customer_id", "project_id", "x"]
)
_SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=10)
_FITTING = st.sampled_from(
    ["mp4", "mp3", "json", "c/p", "720p", {"fps": 30}, {"quality": "4k"}, {"fps": "1"}]
)
_VALUES = st.recursive(
    _SCALARS | _FITTING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_BODIES: st.SearchStrategy[Any] = st.dictionaries(_KEYS, _VALUES, max_size=6) | _VALUES


@pytest.mark.parametrize("read", [dialect.read for dialect in DIALECTS])
@given(st.one_of(_BODIES.map(orjson.dumps), st.binary(max_size=40)))
def test_any_body_is_read_or_refused_in_words(read: Read, data: bytes) -> None:
    """No input leads to a mistake of ours: an error is a 4xx with a code and a sentence."""
    try:
        body = read(data, DEFAULT)
    except (ApiProblem, ExportError) as error:
        problem = to_problem(error)
        assert 400 <= problem.status < 500
        assert problem.code
        assert problem.detail
    else:
        assert body.format in ("mp4", "mp3", "json")
