"""Bad input: the job fails with a code, a sentence and a place (or warns); the worker goes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.local_runs import LocalWorker
from tests.acceptance.media import huge_png, inline, picture, tone
from tests.integration.web import Web, web_server
from tests.unit.builders import document, image, rect, slide, text, track

MIB = 1 << 20
ENVIRON = {
    "FETCH_ALLOWED_NETWORKS": "127.0.0.0/8",
    "FETCH_HTTP": "true",
    "FETCH_SECONDS": "2",
    "LIMIT_ASSET_BYTES": str(4 * MIB),
}
SRC = "slides[0].elements[0].src"


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[LocalWorker]:
    """Stages that fetch from this machine, for two seconds and 4 MiB at most."""
    with closing(LocalWorker(tmp_path, ENVIRON)) as worker:
        yield worker


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server that behaves badly."""
    with web_server() as server:
        yield server


def showing(src: str) -> dict[str, Any]:
    """A document with one picture."""
    return document(slides=[slide(0.25, image(src))])


def saying(words: str, **keys: Any) -> dict[str, Any]:
    """A document with one text."""
    return document(slides=[slide(0.25, text(words, **keys))])


def sounding(src: str) -> dict[str, Any]:
    """A document with one sound."""
    return document(slides=[slide(0.25, rect())], audio=[track(src)])


# --- The document


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"not JSON", b'{"version": 1,', b"\x00" * 100])
def test_what_is_not_json_is_refused(worker: LocalWorker, data: bytes) -> None:
    """A document that is not JSON fails its job at plan."""
    error = worker.refuses(data)
    assert (error.code, error.stage) == ("invalid_json", "plan")
    assert "JSON" in error.message


@pytest.mark.parametrize("data", [b"[]", b'"text"', b"3", b"null"])
def test_json_that_is_no_object_is_refused(worker: LocalWorker, data: bytes) -> None:
    """A document is a JSON object."""
    assert worker.refuses(data).code == "invalid_json"


def test_fifty_megabytes_of_json_are_refused(worker: LocalWorker) -> None:
    """A document above the limit is refused by its size, whatever is in it."""
    filler = b'{"version": 1, "meta": {"x": "' + b"x" * (50 * MIB) + b'"}}'
    error = worker.refuses(filler)
    assert error.code == "too_large"
    assert "8" in error.message


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_of_ten_thousand_levels_is_refused(worker: LocalWorker, opening: bytes) -> None:
    """Nesting does not exhaust the stack of the worker."""
    closing = b"]" if opening == b"[" else b"}"
    nested = opening * 10_000 + b"0" + closing * 10_000
    error = worker.refuses(b'{"version": 1, "width": 320, "height": 180, "meta": {"deep": ' + nested + b"}}")
    assert error.code in ("too_deep", "invalid_json")
    assert error.message


def test_an_unknown_key_is_named_by_its_path(worker: LocalWorker) -> None:
    """A typing error in a key is told with where it is."""
    error = worker.refuses(document(slides=[slide(0.25, rect(), rect(colour="red"))]))
    assert (error.code, error.path) == ("unknown_key", "slides[0].elements[1].colour")


def test_a_slide_without_duration_is_refused(worker: LocalWorker) -> None:
    """A slide of no seconds is an error of its own path."""
    error = worker.refuses(document(slides=[slide(1.0), slide(0.0)]))
    assert (error.code, error.path) == ("invalid_value", "slides[1].duration")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(worker: LocalWorker, number: str) -> None:
    """NaN and infinities, which are not JSON but are written by many, never reach the drawing."""
    data = f'{{"version": 1, "width": 320, "height": 180, "slides": [{{"duration": {number}}}]}}'
    error = worker.refuses(data.encode())
    assert error.code in ("invalid_json", "non_finite")
    assert error.message


@pytest.mark.parametrize("name", ["NaN", "fps"])
def test_settings_that_cannot_be_are_refused(worker: LocalWorker, name: str) -> None:
    """Settings are checked as strictly as documents."""
    error = worker.refuses(document(), **({"bitrate": "lots"} if name == "NaN" else {"fps": 25}))
    assert (error.code, error.path) == ("invalid_value", "bitrate" if name == "NaN" else "fps")


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"captions": {"cues": []}}, "captions"),
        (
            {
                "slides": [
                    slide(1.0, {**rect(), "type": "shape"}),
                    slide(background={"type": "video", "src": "a.mp4"}),
                ]
            },
            "slides[1].background",
        ),
    ],
)
def test_what_comes_later_is_refused_at_plan(worker: LocalWorker, keys: dict[str, Any], path: str) -> None:
    """Parts of a document that cannot be shown yet are named, not left out in silence."""
    error = worker.refuses(document(**keys))
    assert (error.code, error.path, error.stage) == ("not_supported", path, "plan")


# --- What it names


def test_a_missing_file_is_named(worker: LocalWorker) -> None:
    """An asset that is not there fails the job with the path of the element that names it."""
    error = worker.refuses(showing("nowhere.png"))
    assert (error.code, error.path) == ("asset_not_found", SRC)
    assert "nowhere.png" in error.message


def test_a_file_outside_of_the_folder_is_not_read(worker: LocalWorker) -> None:
    """A document cannot name what lies above its folder."""
    assert worker.refuses(showing("../../../../etc/passwd")).path == SRC


def test_an_address_that_is_gone_is_named(worker: LocalWorker, web: Web) -> None:
    """A 404 is final: it is told, not tried again."""
    error = worker.refuses(showing(web.answer("/gone.png", b"", status="404 Not Found")))
    assert (error.code, error.path) == ("asset_not_found", SRC)
    assert len(web.requests) == 1


def test_a_download_that_hangs_is_given_up(worker: LocalWorker, web: Web) -> None:
    """A server that accepts and says nothing costs the time that the deployment allows, and no more."""

    def hang(sock: socket.socket, _: bytes) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        web.stopping.wait(60)

    web.routes["/hang.png"] = hang
    error = worker.refuses(showing(web.url("/hang.png")))
    assert error.path == SRC
    assert error.code in ("source_too_slow", "source_unavailable", "download_timeout")


def test_a_download_without_end_is_cut_off(worker: LocalWorker, web: Web) -> None:
    """A body that never ends is cut off at the limit for assets."""

    def endless(sock: socket.socket, _: bytes) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
        while not web.stopping.is_set():
            sock.sendall(bytes(1 << 16))

    web.routes["/endless.png"] = endless
    error = worker.refuses(showing(web.url("/endless.png")))
    assert (error.code, error.path) == ("asset_too_large", SRC)


def test_text_called_png_is_refused(worker: LocalWorker) -> None:
    """What a file is, its bytes say, not its name."""
    error = worker.refuses(showing(worker.put("note.png", b"Dear Sir or Madam,\n" * 50)))
    assert error.path == SRC
    assert error.code == "unsupported_image"


def test_a_jpeg_without_any_of_its_picture_is_refused(worker: LocalWorker) -> None:
    """What has a head and nothing else shows nothing."""
    whole = picture(640, 480, "JPEG")
    error = worker.refuses(showing(worker.put("half.jpg", whole[: round(len(whole) * 0.02)])))
    assert error.path == SRC
    assert error.code in ("image_truncated", "unsupported_image", "broken_image")


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_jpeg_is_shown_as_far_as_it_goes(worker: LocalWorker, share: float) -> None:
    """As browsers do, and the owner is told."""
    whole = picture(640, 480, "JPEG")
    job = worker.completes(showing(worker.put("half.jpg", whole[: round(len(whole) * share)])))
    assert any("cut off" in warning for warning in job.warnings)


def test_a_picture_of_900_megapixels_is_refused_by_its_header(worker: LocalWorker) -> None:
    """A small file that unpacks to gigabytes is refused before it is unpacked."""
    error = worker.refuses(showing(worker.put("bomb.png", huge_png())))
    assert (error.code, error.path) == ("image_too_large", SRC)
    assert "100" in error.message


@pytest.mark.parametrize("data", [picture(), b"no sound at all" * 100], ids=["picture", "text"])
def test_sound_without_an_audio_stream_is_refused(worker: LocalWorker, data: bytes) -> None:
    """A sound file in which nothing sounds fails the job with the path of its track."""
    error = worker.refuses(sounding(worker.put("sound.mp3", data)))
    assert error.path == "audio[0].src"
    assert error.code in ("no_audio_stream", "unsupported_audio", "broken_audio")


# --- What is worth a warning only


def test_an_unknown_font_is_replaced_with_a_warning(worker: LocalWorker) -> None:
    """The job completes in another font, and says which was not there."""
    job = worker.completes(saying("Hello", fontFamily="Nobody Sans"))
    (warning,) = job.warnings
    assert "Nobody Sans" in warning
    assert "slides[0].elements[0]" in warning


def test_a_script_that_no_font_covers_is_named_in_a_warning(worker: LocalWorker) -> None:
    """The job completes with boxes, and says in which script."""
    job = worker.completes(saying("\U00012000\U00012001 and Latin"))
    (warning,) = job.warnings
    assert "Cuneiform" in warning


def test_text_that_fonts_cover_is_no_cause_for_warnings(worker: LocalWorker) -> None:
    """Scripts that ship with the product are shown without a word."""
    job = worker.completes(saying("Hello, Здравствуйте, שלום, 你好, 👋"))
    assert job.warnings == ()


def test_pictures_and_sound_in_the_document_itself_do(worker: LocalWorker) -> None:
    """The good case, so that all of the above fails for its own reason."""
    project = document(
        slides=[slide(0.25, image(inline(picture(), "image/png")))],
        audio=[track(inline(tone(0.3), "audio/wav"))],
    )
    assert worker.completes(project).result is not None
