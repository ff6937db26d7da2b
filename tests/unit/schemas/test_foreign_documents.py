"""Documents as other programs write them: numbers, byte order marks, encodings, banners."""

from __future__ import annotations

import json
from typing import Any

import pytest

from renderers.timeline.timeline import canvas
from schemas.errors import InvalidInput
from schemas.limits import DEFAULT
from schemas.project import parse_project
from tests.unit.builders import film_settings


def _document(**fields: Any) -> dict[str, Any]:
    return {"version": 1, "width": 320, "height": 180, "slides": [{"duration": 1, "elements": []}], **fields}


@pytest.mark.parametrize("number", ["320.0", "3.2e2", "320"])
def test_whole_numbers_may_be_written_with_a_point(number: str) -> None:
    """As JSON Schema has it: width, spans and weights alike."""
    span = '{"start": 0.0, "end": 1.0, "fontWeight": 7e2}'
    text = (
        f'{{"type":"text","text":"a","x":0,"y":0,"width":9,"height":9,"fontWeight":700.0,"spans":[{span}]}}'
    )
    data = f'{{"version":1,"width":{number},"height":180.0,"slides":[{{"duration":1,"elements":[{text}]}}]}}'
    project = parse_project(data.encode(), DEFAULT)
    assert project.width == 320
    assert isinstance(project.width, int)


def test_a_fraction_is_no_whole_number() -> None:
    """320.5 is refused with its path."""
    with pytest.raises(InvalidInput) as caught:
        parse_project(json.dumps(_document(width=320.5)).encode(), DEFAULT)
    assert caught.value.path == "width"


def test_a_byte_order_mark_is_read_over() -> None:
    """A reader may skip it (RFC 8259, 8.1)."""
    assert parse_project(json.dumps(_document()).encode("utf-8-sig"), DEFAULT).width == 320


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(encoding: str) -> None:
    """With a mark or without, the sentence says what the encoding is and what to do."""
    with pytest.raises(InvalidInput, match=r"UTF-16; write it in UTF-8\."):
        parse_project(json.dumps(_document()).encode(encoding), DEFAULT)


@pytest.mark.parametrize("size", [(728, 90), (970, 90), (160, 600), (320, 50)])
def test_banners_have_a_size(size: tuple[int, int]) -> None:
    """Where even the lowest quality would be too long, the picture is as large as the limit allows."""
    project = parse_project(json.dumps(_document(width=size[0], height=size[1])).encode(), DEFAULT)
    picture = canvas(project, film_settings(quality="720p"))
    assert max(picture.width, picture.height) <= DEFAULT.long_side
    assert picture.width / picture.height == pytest.approx(size[0] / size[1], rel=0.02)
