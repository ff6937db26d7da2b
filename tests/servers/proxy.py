"""A proxy before an object store that misbehaves on demand: refuses with 503, or holds a request.

Held requests make faults deterministic: a test waits until a worker is in the middle of an effect
that it names ("PUT of a chunk"), kills the worker, and lets go. One thread for each connection, one
request on each connection; heads and bodies are passed on as they came, so signatures stay valid.
"""

from __future__ import annotations

import re
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.servers.base import wait_until

REFUSAL = b'<?xml version="1.0"?><Error><Code>ServiceUnavailable</Code><Message>Later.</Message></Error>'
BLOCK = 1 << 16
TURN_S = 0.02


class StoreProxy:
    """Listens on 127.0.0.1, before `upstream` ("host:port"); `endpoint` is its own "host:port"."""

    def __init__(self, upstream: str) -> None:
        host, port = upstream.split(":")
        self._upstream = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.endpoint = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.refusing = False
        self.refused = 0
        self.seen: list[str] = []
        self._hold: re.Pattern[str] | None = None
        self._holding = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    @contextmanager
    def hold(self, pattern: str) -> Iterator[None]:
        """Hold requests whose "METHOD /path" matches, until the block is left."""
        self._hold = re.compile(pattern)
        try:
            yield
        finally:
            self._hold = None

    def wait_held(self, timeout: float = 60) -> None:
        """Wait until a request is being held."""
        wait_until(lambda: self._holding > 0, f"a request matches {self._hold}", timeout)

    def close(self) -> None:
        """Accept nothing more and let go of everything."""
        self._closing.set()
        self._hold = None
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError, ValueError):
            client.settimeout(60)
            head, body = _request(client)
            if not head:
                return
            what = head.split(b" HTTP/")[0].decode().partition("?")[0]
            self.seen.append(what)
            if not self._wait(what, client):
                return
            if self.refusing:
                self.refused += 1
                length = f"Content-Length: {len(REFUSAL)}\r\nConnection: close\r\n\r\n".encode()
                body = b"" if what.startswith("HEAD") else REFUSAL
                client.sendall(b"HTTP/1.1 503 Service Unavailable\r\n" + length + body)
                return
            with socket.create_connection(self._upstream, timeout=60) as server:
                server.sendall(_closing(head) + body)
                while block := server.recv(BLOCK):
                    client.sendall(block)

    def _wait(self, what: str, client: socket.socket) -> bool:
        """Hold the request while it is wanted; whether its sender is still there."""
        hold = self._hold
        if hold is None or not hold.search(what):
            return True
        self._holding += 1
        try:
            while self._hold is hold and not self._closing.wait(TURN_S):
                pass
            gone = bool(select.select([client], [], [], 0)[0]) and client.recv(1, socket.MSG_PEEK) == b""
            return not gone and not self._closing.is_set()
        finally:
            self._holding -= 1


def _request(client: socket.socket) -> tuple[bytes, bytes]:
    """(head, body) of one request; an empty head when the connection ended."""
    data = b""
    while b"\r\n\r\n" not in data:
        block = client.recv(BLOCK)
        if not block:
            return b"", b""
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?im)^content-length: *(\d+)", head)
    missing = (int(found[1]) if found else 0) - len(body)
    if re.search(rb"(?im)^expect: *100-continue", head):
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    parts = [body]
    while missing > 0:
        block = client.recv(min(BLOCK, missing))
        if not block:
            return b"", b""
        parts.append(block)
        missing -= len(block)
    return head, b"".join(parts)


def _closing(head: bytes) -> bytes:
    """The head with which the server closes after its answer; Connection is never signed."""
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection:", b"expect:"))]
    return b"\r\n".join([*kept, b"Connection: close", b"", b""])
