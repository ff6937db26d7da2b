"""A web server that behaves as badly as a test wants it to: raw sockets, one thread for each connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Handler = Callable[[socket.socket, bytes], None]


class Web:
    """Listens on 127.0.0.1; `routes` maps a path to what is done with its connection.

    `requests` has the head of each request as it came. `stopping` is set at the end: handlers that
    hang wait for it.
    """

    def __init__(self) -> None:
        self.routes: dict[str, Handler] = {}
        self.requests: list[bytes] = []
        self.stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The address of a path, under any name that leads here."""
        return f"http://{host}:{self.port}{path}"

    def answer(self, path: str, body: bytes, *, status: str = "200 OK", headers: str = "") -> str:
        """Have a path answer with a body; returns its address."""
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode()
        self.routes[path] = lambda sock, _: sock.sendall(head + body)
        return self.url(path)

    def redirect(self, path: str, target: str) -> str:
        """Have a path lead elsewhere; returns its address."""
        return self.answer(path, b"", status="302 Found", headers=f"Location: {target}\r\n")

    def close(self) -> None:
        """End all of it."""
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(sock,)))
                self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            sock.settimeout(10)
            head = b""
            while b"\r\n\r\n" not in head:
                block = sock.recv(65536)
                if not block:
                    return
                head += block
            self.requests.append(head)
            path = head.split(b" ", 2)[1].partition(b"?")[0].decode()
            self.routes[path](sock, head)


@contextmanager
def web_server() -> Iterator[Web]:
    """A server for one test."""
    server = Web()
    try:
        yield server
    finally:
        server.close()
