"""The command line's HTTP client against a server that says what a test wants."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from exportstream.client import Client, refusal
from schemas.errors import InvalidInput, Unavailable


@dataclass
class Canned:
    """What the server answers to everything, and what it was asked."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)


@contextmanager
def serving(canned: Canned) -> Iterator[Client]:
    """A client of a server that gives one answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            canned.asked.append((self.command, self.path, self.rfile.read(length)))
            canned.seen.update(self.headers.items())
            self.send_response(canned.status)
            for name, value in {"Content-Length": str(len(canned.body)), **canned.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(canned.body)

        do_POST = do_GET  # noqa: N815  # the base class's name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Client(f"http://127.0.0.1:{server.server_port}/base/", "secret")
        finally:
            server.shutdown()
            thread.join()


def test_requests_carry_path_query_body_and_key() -> None:
    """A base path, a query without what is not set, a JSON body and the API key arrive."""
    canned = Canned(body=b'{"id": "j"}')
    with serving(canned) as client:
        assert client.get("/v1/exports", {"limit": 3, "status": None}) == {"id": "j"}
        assert client.post("/v1/exports", {"a": 1}, {"Idempotency-Key": "k"}) == {"id": "j"}
    assert canned.asked == [
        ("GET", "/base/v1/exports?limit=3", b""),
        ("POST", "/base/v1/exports", b'{"a":1}'),
    ]
    assert (canned.seen["Authorization"], canned.seen["Idempotency-Key"]) == ("Bearer secret", "k")


def test_event_streams_are_taken_apart() -> None:
    """Data of several lines is one event; ids, comments, carriage returns and an unfinished event are not."""
    first = b': hello\n\nid: 1\ndata: {"a":\ndata: 1}\n\n'
    stream = first + b'id: 2\r\nevent: x\r\ndata:{"a": 2}\r\n\r\n:\n\ndata: {"a"'
    with serving(Canned(body=stream)) as client:
        assert list(client.events("/events")) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidInput), (404, InvalidInput), (413, InvalidInput), (429, Unavailable), (503, Unavailable)],
)
def test_problems_become_errors_with_code_sentence_and_path(status: int, kind: type[Exception]) -> None:
    """A problem document (RFC 9457) is an error of the kind that says whether another try helps."""
    problem = b'{"code": "no", "title": "t", "detail": "It is not.", "errors": [{"path": "slides[0]"}]}'
    with serving(Canned(status, problem)) as client, pytest.raises(kind, match="It is not") as caught:
        client.get("/x")
    error = caught.value
    assert isinstance(error, InvalidInput | Unavailable)
    assert error.code == "no"
    if kind is InvalidInput:
        assert error.path == "slides[0]"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errors": [3]}'])
def test_refusals_without_a_problem_document_are_told_by_status(body: bytes) -> None:
    """Whatever a proxy on the way answers, there is a code and a sentence."""
    error = refusal(418, body)
    assert (error.code, error.message) == ("http_418", "The API answers with status 418.")


def test_what_is_not_our_api_is_said_to_be_so() -> None:
    """A page for people where JSON should be is wrong input, told in a sentence."""
    with serving(Canned(body=b"<html>hello</html>")) as client, pytest.raises(InvalidInput) as caught:
        client.get("/v1/exports")
    assert caught.value.code == "not_an_api"


def test_no_api_is_unavailable() -> None:
    """Where nobody listens, the sentence says what to look at."""
    with pytest.raises(Unavailable, match="exportstream up"):
        Client("http://127.0.0.1:9").get("/v1/exports")


@pytest.mark.parametrize("url", ["", "ftp://host", "127.0.0.1:8097", "http://"])
def test_a_bad_address_is_refused(url: str) -> None:
    """An address that is none is wrong input."""
    with pytest.raises(InvalidInput, match="address"):
        Client(url)


def test_a_download_is_whole_or_not_there(tmp_path: Path) -> None:
    """A file that breaks off leaves nothing, and is no success."""
    target = tmp_path / "film.mp4"
    with serving(Canned(body=b"12345")) as client:
        assert client.download("/file", target) == 5
    assert target.read_bytes() == b"12345"
    target.unlink()
    broken = Canned(body=b"12345", headers={"Content-Length": "9"})
    with serving(broken) as client, pytest.raises(Unavailable, match="5 bytes"):
        client.download("/file", target)
    assert list(tmp_path.iterdir()) == []


def test_a_download_to_no_folder_is_wrong_input(tmp_path: Path) -> None:
    """The sentence names the file."""
    with serving(Canned(body=b"x")) as client, pytest.raises(InvalidInput, match=r"film\.mp4"):
        client.download("/file", tmp_path / "nowhere" / "film.mp4")


def test_uploads_carry_name_and_kind(tmp_path: Path) -> None:
    """The file's name travels in the query, its kind in the header; the answer says what to call it."""
    file = tmp_path / "my photo.png"
    file.write_bytes(b"PNG")
    canned = Canned(body=b'{"src": "t/default/uploads/x.png"}')
    with serving(canned) as client:
        assert client.upload(file) == "t/default/uploads/x.png"
    assert canned.asked == [("POST", "/base/v1/uploads?filename=my%20photo.png", b"PNG")]
    assert canned.seen["Content-Type"] == "image/png"
