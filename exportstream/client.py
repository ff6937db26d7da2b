"""A small client of the API, for `submit` and `jobs`: JSON over HTTP, and a stream of events."""

from __future__ import annotations

import http.client
import mimetypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson

from schemas.errors import InvalidInput, Unavailable

TIMEOUT_S = 60.0
BLOCK = 1 << 18


class Client:
    """Speaks to one API. Raises Unavailable when it does not answer, InvalidInput when it refuses."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput("bad_url", f"{url!r} is not the address of an API.")
        self.url = url.rstrip("/")
        self._parts = parts
        # Each request has its own connection, which goes with the answer.
        self._headers = {"Connection": "close", **({"Authorization": f"Bearer {api_key}"} if api_key else {})}

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The JSON at a path."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        return self._json("GET", f"{path}?{urlencode(given)}" if given else path)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """The answer to a JSON body."""
        content = orjson.dumps(body) if body is not None else b""
        return self._json("POST", path, content, {"Content-Type": "application/json", **(headers or {})})

    def upload(self, path: Path) -> str:
        """Send a file; the key by which a document names it."""
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        headers = {"Content-Type": kind, "Content-Length": str(path.stat().st_size)}
        with path.open("rb") as file:
            answer = self._json("POST", f"/v1/uploads?filename={quote(path.name)}", file, headers)
        return str(answer["src"])

    def events(self, path: str) -> Iterator[dict[str, Any]]:
        """The events of a stream (server-sent events, WHATWG HTML 9.2), until it ends."""
        data: list[bytes] = []
        with self._request("GET", path, headers={"Accept": "text/event-stream"}) as response, self._reading():
            for line in response:
                line = line.rstrip(b"\r\n")
                if line.startswith(b"data:"):
                    data.append(line[5:].lstrip())
                elif not line and data:
                    yield self._parsed(b"\n".join(data))
                    data.clear()

    def download(self, path: str, target: Path) -> int:
        """Write a file, whole or not at all; its size in bytes. Raises InvalidInput for a bad `target`."""
        partial = target.with_name(f".{target.name}.partial")
        try:
            with self._request("GET", path) as response:
                size = self._save(response, partial)
            partial.replace(target)
        except OSError as error:
            raise InvalidInput("cannot_write", f"{target} cannot be written: {error.strerror}.") from error
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
        return size

    def _save(self, response: http.client.HTTPResponse, path: Path) -> int:
        size, announced = 0, response.length
        with path.open("wb") as file:
            while True:
                with self._reading():
                    block = response.read(BLOCK)
                if not block:
                    break
                size += file.write(block)
        if announced not in (None, size):
            raise Unavailable("api_unavailable", f"The download from {self.url} ended after {size} bytes.")
        return size

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            sentence = f"The answer of {self.url} broke off ({error!r})."
            raise Unavailable("api_unavailable", sentence) from error

    def _parsed(self, content: bytes) -> Any:
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise InvalidInput(
                "not_an_api", f"What answers at {self.url} is not exportstream's API."
            ) from error

    def _json(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        with self._request(method, path, body, headers) as response, self._reading():
            content = response.read()
        return self._parsed(content) if content else None

    def _request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> http.client.HTTPResponse:
        secure = self._parts.scheme == "https"
        make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = make(self._parts.hostname or "", self._parts.port, timeout=TIMEOUT_S)
        try:
            connection.request(
                method, self._parts.path.rstrip("/") + path, body, {**self._headers, **(headers or {})}
            )
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            sentence = f"No API answers at {self.url} ({error}). Is `exportstream up` running?"
            raise Unavailable("api_unavailable", sentence) from error
        if response.status >= 400:
            with response, self._reading():
                raise refusal(response.status, response.read())
        return response


def refusal(status: int, body: bytes) -> InvalidInput | Unavailable:
    """The error in a problem document (RFC 9457)."""
    try:
        problem = orjson.loads(body)
    except orjson.JSONDecodeError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    code = str(problem.get("code") or f"http_{status}")
    sentence = str(problem.get("detail") or problem.get("title") or f"The API answers with status {status}.")
    errors = problem.get("errors")
    path = (
        errors[0].get("path") if isinstance(errors, list) and errors and isinstance(errors[0], dict) else None
    )
    if status in (429, 502, 503, 504):
        return Unavailable(code, sentence)
    return InvalidInput(code, sentence, path=path)
