"""Project documents: what is read, what is refused and in which words."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidInput
from schemas.limits import Limits
from schemas.project import (
    Animation,
    TextElement,
    canonical,
    dump,
    json_schema,
    parse_project,
    sources,
    unsupported,
)
from tests.unit.builders import document, fade, image, move, project, rect, slide, text, track

FULL: dict[str, Any] = document(
    id="p_1",
    name="Launch",
    meta={"anything": {"goes": [1, None, "here"]}, "Some-Key": 1},
    fonts=[{"family": "Brand", "src": "s3://bucket/brand.ttf", "weight": 700, "style": "italic"}],
    slides=[
        slide(
            3,
            text(
                "Hello world",
                id="t",
                shadow={"x": 1, "y": 2, "blur": 3, "color": "rgba(0, 0, 0, 0.5)"},
                spans=[{"start": 0, "end": 5, "color": "red", "fontWeight": "bold"}],
                stroke={"color": "#fff", "width": 2},
                background={"color": "#00000080", "padding": 4, "radius": 2},
                animations=[
                    move(easing="easeOutBack"),
                    {"property": "y", "keyframes": [{"at": 0, "value": 1}]},
                ],
                blendMode="color-dodge",
                zIndex=3,
            ),
            image("photo.jpg", crop={"x": 0.1, "y": 0, "width": 0.5, "height": 1}, border={"color": "red"}),
            rect(
                {
                    "type": "linear-gradient",
                    "stops": [{"color": "red", "offset": 0}, {"color": "blue", "offset": 1}],
                }
            ),
            rect(shape="polygon", points=[[0, 0], [10, 0], [0, 10]], stroke={"color": "red", "dash": [4, 2]}),
            rect(shape="path", d="M0 0 L10,10 a1 1 0 0 1 2-2z"),
            {"type": "video", "src": "film.mp4", "width": 10, "height": 10, "trimStart": 1, "volume": 0.5},
            {"type": "visualizer", "audio": "music", "midi": "song.mid", "width": 10, "height": 10},
            id="s1",
            transition=fade(0.5, "wipe-left", easing="ease-in"),
        ),
        slide(
            2, background={"type": "image", "src": "https://host/a.jpg", "fit": "contain", "position": [0, 1]}
        ),
        slide(2, background={"type": "video", "src": "b.mp4"}),
    ],
    audio=[track(duck={"by": "voice", "amount": -9}), track("voice.mp3", "voice", fadeIn=1, loop=True)],
    captions={
        "cues": [{"start": 0, "end": 1, "text": "Hi", "words": [{"start": 0, "end": 1, "text": "Hi"}]}]
    },
)
Z = {"width": 1, "height": 1}


def refusal(data: Any, **limits: Any) -> InvalidInput:
    """The error that a document is refused with."""
    with pytest.raises(InvalidInput) as caught:
        parse_project(data, Limits(**limits))
    assert "pydantic" not in caught.value.message
    assert caught.value.message.endswith(".")
    return caught.value


def test_everything_a_document_may_say_is_read_and_written_again() -> None:
    """Stored and canonical forms are read back as the same project."""
    whole = parse_project(FULL)
    assert parse_project(dump(whole)) == whole
    assert parse_project(orjson.dumps(dump(whole))) == whole
    assert canonical(parse_project(canonical(whole))) == canonical(whole)
    assert dump(whole)["meta"] == FULL["meta"]


def test_keys_may_be_in_snake_case() -> None:
    """A client of another language need not translate; what comes out is camelCase."""
    element = text(font_size=12, z_index=4, animations=[move()])
    del element["fontSize"]
    snake = project(slides=[slide(1, element)])
    camel = project(slides=[slide(1, text(fontSize=12, zIndex=4, animations=[move()]))])
    assert snake == camel
    assert "fontSize" in dump(snake)["slides"][0]["elements"][0]


def test_the_short_form_of_an_animation_becomes_keyframes() -> None:
    """From 0.1 s for 0.2 s ends at 0.3 s, not at 0.30000000000000004 s."""
    element = project(slides=[slide(1, rect(animations=[move("x", 0.1, 0.2, (3, 4), easing="ease")]))])
    animation = element.slides[0].elements[0].animations[0]
    assert isinstance(animation, Animation)
    assert [(k.at, k.value) for k in animation.keyframes] == [(0.1, 3), (0.3, 4)]
    assert animation.keyframes[0].easing == "ease"


def test_defaults_are_those_of_the_specification() -> None:
    """A text of which little is said is 32 px, black, at the start and the top."""
    element = (
        parse_project(document(slides=[slide(1, {"type": "text", "text": "x", "width": 9, "height": 9})]))
        .slides[0]
        .elements[0]
    )
    assert isinstance(element, TextElement)
    assert (element.font_size, element.font_weight, element.line_height) == (32, 400, 1.2)
    assert (element.color, element.align, element.vertical_align) == ("black", "start", "top")
    assert element.overflow == "visible"


@pytest.mark.parametrize(
    ("keys", "path", "code"),
    [
        ({"colour": "red"}, ".colour", "unknown_key"),
        ({"text": 3}, ".text", "invalid_value"),
        ({"text": "\ud800"}, ".text", "invalid_json"),
        ({"x": "3"}, ".x", "invalid_value"),
        ({"x": True}, ".x", "invalid_value"),
        ({"x": None}, ".x", "invalid_value"),
        ({"x": float("nan")}, ".x", "non_finite"),
        ({"x": float("-inf")}, ".x", "non_finite"),
        ({"x": 10**30}, ".x", "invalid_json"),
        ({"x": 10**400}, ".x", "invalid_json"),
        ({"x": 1e300}, ".x", "invalid_value"),
        ({"width": -1}, ".width", "invalid_value"),
        ({"opacity": 1.5}, ".opacity", "invalid_value"),
        ({"color": "reddish"}, ".color", "invalid_value"),
        ({"type": "txt"}, ".type", "invalid_value"),
        ({"type": 3}, ".type", "invalid_value"),
        ({"fontWeight": 450.5}, ".fontWeight", "invalid_value"),
        ({"blendMode": "glow"}, ".blendMode", "invalid_value"),
        ({"end": 0.5, "start": 0.5}, ".end", "invalid_value"),
        ({"shadow": {"blur": -1}}, ".shadow.blur", "invalid_value"),
        ({"stroke": {"color": "red", "dash": [1]}}, ".stroke.dash", "unknown_key"),
        ({"spans": [{"start": 3, "end": 3}]}, ".spans[0].end", "invalid_value"),
        ({"animations": {}}, ".animations", "invalid_value"),
        ({"animations": [{"property": "x", "from": 0, "duration": 1}]}, ".animations[0].to", "missing_key"),
        ({"animations": [{"property": "x", "keyframes": []}]}, ".animations[0].keyframes", "invalid_value"),
        ({"animations": [move(easing="easy")]}, ".animations[0].easing", "invalid_value"),
        (
            {"animations": [{"property": "x", "keyframes": [{"at": 1, "value": 0}, {"at": 0, "value": 0}]}]},
            ".animations[0].keyframes",
            "invalid_value",
        ),
    ],
)
def test_what_is_wrong_in_an_element_is_named_by_its_path(keys: Any, path: str, code: str) -> None:
    """The path leads to the culprit, also past the choice of the element's type."""
    error = refusal(document(slides=[slide(), slide(1, rect(), {**text(), **keys})]))
    assert (error.path, error.code) == (f"slides[1].elements[1]{path}", code)


@pytest.mark.parametrize(
    ("keys", "path", "code"),
    [
        ({"slides": {}}, "slides", "invalid_value"),
        ({"slides": [3]}, "slides[0]", "invalid_value"),
        ({"slides": [slide(0)]}, "slides[0].duration", "invalid_value"),
        ({"slides": [slide(-1)]}, "slides[0].duration", "invalid_value"),
        (
            {"slides": [slide(1, rect(None, shape="polygon", points=[]))]},
            "slides[0].elements[0]",
            "invalid_value",
        ),
        (
            {"slides": [slide(1, rect(None, shape="path", d="url(x)"))]},
            "slides[0].elements[0].d",
            "invalid_value",
        ),
        ({"slides": [slide(background={"color": "red"})]}, "slides[0].background.type", "missing_key"),
        ({"slides": [slide(background="red")]}, "slides[0].background", "invalid_value"),
        ({"slides": [slide(1, id="a"), slide(1, id="a")]}, "slides[1].id", "duplicate_id"),
        ({"slides": [slide(1, rect(id="a"), rect(id="a"))]}, "slides[0].elements[1].id", "duplicate_id"),
        (
            {"slides": [slide(1, transition=fade(0.6)), slide()]},
            "slides[0].transition.duration",
            "invalid_value",
        ),
        (
            {"slides": [slide(2, transition=fade(0.6)), slide()]},
            "slides[0].transition.duration",
            "invalid_value",
        ),
        ({"slides": [slide(1, transition=fade(0.1, "melt"))]}, "slides[0].transition.type", "invalid_value"),
        ({"audio": [track(), track()]}, "audio[1].id", "duplicate_id"),
        ({"audio": [track(duck={"by": "nobody"})]}, "audio[0].duck.by", "unknown_reference"),
        ({"audio": [track(duck={"by": "music"})]}, "audio[0].duck.by", "unknown_reference"),
        ({"audio": [track(volume=2.1)]}, "audio[0].volume", "invalid_value"),
        ({"audio": [track("file:///etc/passwd")]}, "audio[0].src", "invalid_value"),
        ({"captions": {}}, "captions", "invalid_value"),
        ({"width": 0}, "width", "invalid_value"),
        ({"width": 1.5}, "width", "invalid_value"),
        ({"width": 7681}, "width", "limit_exceeded"),
        ({"version": 2}, "version", "invalid_value"),
        ({"extra": 1}, "extra", "unknown_key"),
        ({"meta": {"x": float("inf")}}, "meta.x", "non_finite"),
        ({"meta": {"x": "\udfff"}}, "meta.x", "invalid_json"),
        ({"meta": []}, "meta", "invalid_value"),
    ],
)
def test_what_is_wrong_in_a_document_is_named_by_its_path(keys: Any, path: str, code: str) -> None:
    """Each refusal has a code for programs and a path for people."""
    error = refusal(document(**keys))
    assert (error.path, error.code) == (path, code)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"[]", "invalid_json"),
        (b"3", "invalid_json"),
        (b'{"name": "\\ud800"}', "invalid_json"),
        (b'{"width": NaN, "height": 1}', "non_finite"),
        (b'{"width": 1, "height": -Infinity}', "non_finite"),
        (b'{"width": 1e999, "height": 1}', "non_finite"),
        (b'{"width": ' + b"9" * 5000 + b', "height": 1}', "non_finite"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too_deep"),
        (b"[" * 10_000, "too_deep"),
        (b'{"meta":' + b"[" * 500 + b"]" * 500 + b"}", "too_deep"),
        (b" " * 50_000_000, "too_large"),
        (b'{"meta": "' + b"x" * 50_000_000 + b'"}', "too_large"),
    ],
)
def test_what_is_no_document_at_all_is_refused(data: bytes, code: str) -> None:
    """Broken, huge and bottomless input ends in a sentence, not in a crash."""
    assert refusal(data).code == code


def test_bottomless_values_are_refused() -> None:
    """The same holds for a document that comes as values: deep ones and ones that contain themselves."""
    deep: dict[str, Any] = {}
    innermost = deep
    for _ in range(10_000):
        innermost["meta"] = {}
        innermost = innermost["meta"]
    assert refusal(deep).code == "too_deep"
    endless: dict[str, Any] = dict(Z)
    endless["meta"] = endless
    assert refusal(endless).code == "too_deep"
    assert refusal({**Z, "meta": {"x": {1, 2}}}).path == "meta.x"


def test_a_million_mistakes_are_one_error() -> None:
    """Reading ends at the first wrong item of an array, and an object has only so many keys."""
    slides = [slide(1, *[{"type": "text"}] * 500) for _ in range(900)]
    assert refusal(document(slides=slides)).path == "slides[0].elements[0].width"
    many = {f"k{number}": 1 for number in range(200_000)}
    assert refusal(document(slides=[many])).code == "limit_exceeded"


@pytest.mark.parametrize(
    ("keys", "limits", "path"),
    [
        ({"slides": [slide()] * 3}, {"slides": 2}, "slides"),
        ({"slides": [slide(1, *[rect()] * 3)]}, {"elements": 2}, "slides[0].elements"),
        ({"audio": [track(name=str(k)) for k in range(3)]}, {"tracks": 2}, "audio"),
        ({"slides": [slide(1, *[image(f"{k}.png") for k in range(3)])]}, {"assets": 2}, "slides"),
        ({"slides": [slide(2), slide(2)]}, {"seconds": 3}, "slides"),
        ({"slides": [slide(1, text("abc"))]}, {"text": 2}, "slides[0].elements[0].text"),
    ],
)
def test_limits_are_named(keys: Any, limits: Any, path: str) -> None:
    """A limit's error says how much there is, how much may be, and where."""
    parse_project(document(**keys))
    error = refusal(document(**keys), **limits)
    assert (error.code, error.path) == ("limit_exceeded", path)
    assert "the limit is" in error.message


def test_a_document_is_read_whatever_its_size_within_the_limit() -> None:
    """The limit on the document's size says what to do instead."""
    assert "inline" in refusal(document(meta={"x": "y" * 2000}), document_bytes=1000).message


def test_a_transition_may_take_half_of_each_slide() -> None:
    """Half is allowed, and the last slide's transition leads nowhere and is not judged."""
    whole = project(slides=[slide(1, transition=fade(0.5)), slide(1, transition=fade(9))])
    assert whole.seconds() == 1.5
    project(slides=[slide(1, transition=fade(9, "none")), slide(1)])


def test_what_cannot_be_exported_yet_is_named() -> None:
    """The first unsupported part has its path; documents without one pass."""
    assert unsupported(project()) is None
    error = unsupported(parse_project(FULL))
    assert error is not None
    assert error.path == "slides[0].elements[5]"
    assert "not yet supported" in error.message
    captions = unsupported(project(captions={"src": "a.srt"}))
    assert captions is not None
    assert captions.path == "captions"
    film = unsupported(project(slides=[slide(background={"type": "video", "src": "b.mp4"})]))
    assert film is not None
    assert film.path == "slides[0].background"


def test_every_source_is_listed_with_its_path() -> None:
    """Fonts, pictures, films, MIDI files and sounds, in the order of the document."""
    assert [(ref.path, ref.kind, ref.src) for ref in sources(parse_project(FULL))] == [
        ("fonts[0].src", "font", "s3://bucket/brand.ttf"),
        ("slides[0].elements[1].src", "image", "photo.jpg"),
        ("slides[0].elements[5].src", "video", "film.mp4"),
        ("slides[0].elements[6].midi", "midi", "song.mid"),
        ("slides[1].background.src", "image", "https://host/a.jpg"),
        ("slides[2].background.src", "video", "b.mp4"),
        ("audio[0].src", "audio", "sound.wav"),
        ("audio[1].src", "audio", "voice.mp3"),
    ]


def test_the_published_schema_knows_the_document() -> None:
    """Keys are in camelCase and unknown ones are excluded."""
    schema = json_schema()
    assert schema["additionalProperties"] is False
    assert {"required", "properties", "$defs"} <= set(schema)
    assert "fontSize" in schema["$defs"]["TextElement"]["properties"]


def test_the_published_schema_says_what_spans_count() -> None:
    """The units by name, the one that stands for none given, and where they differ."""
    span = json_schema()["$defs"]["Span"]
    assert span["properties"]["unit"]["enum"] == ["utf16", "codepoint"]
    assert span["properties"]["unit"]["default"] == "utf16"
    assert "code units of JavaScript's strings" in span["description"]
    assert "emoji" in span["description"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "text", "src", "x", "keyframes", "<text>", "\ud800"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(
        ["slides", "audio", "fonts", "captions", "meta", "width", "elements", "background", "fill", "src"]
    ),
    json_values,
)
def test_nonsense_anywhere_is_refused_or_read_but_never_crashes(place: str, value: Any) -> None:
    """Any value in any place ends as a project or as InvalidInput."""
    keys: dict[str, Any] = {place: value}
    if place in ("elements", "background"):
        keys = {"slides": [{"duration": 1, place: value}]}
    elif place in ("fill", "src"):
        keys = {
            "slides": [
                {"duration": 1, "elements": [{**(rect() if place == "fill" else image()), place: value}]}
            ]
        }
    try:
        whole = parse_project(document(**keys))
    except InvalidInput:
        return
    assert parse_project(canonical(whole)) == whole
