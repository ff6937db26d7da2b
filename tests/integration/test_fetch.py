"""Downloads of what strangers name: capped in bytes and time, and never from inside our walls."""

from __future__ import annotations

import gzip
import hashlib
import ipaddress
import socket
import ssl
import subprocess
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.fetch import fetch
from connectors.fetch_policy import FetchPolicy
from connectors.wire import is_public
from schemas.errors import Cancelled, InvalidInput, Missing, Unavailable
from tests.integration.web import Web, web_server
from tests.servers.base import free_port

HERE = FetchPolicy(
    allowed_networks=(ipaddress.ip_network("127.0.0.0/8"),), http=True, connect_s=2, stall_s=0.5, total_s=20
)
"""Lets this machine be asked, and loses patience soon."""


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server that a test teaches how to behave."""
    with web_server() as server:
        yield server


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where downloads go."""
    return tmp_path / "out"


def refused(url: str, out: Path, policy: FetchPolicy = HERE) -> str:
    """The code with which a download is refused for good."""
    with pytest.raises(InvalidInput) as caught:
        fetch(url, out, policy)
    assert not out.exists()
    return caught.value.code


def test_a_file_is_fetched_and_described(web: Web, out: Path) -> None:
    """Its bytes are on the disk; hash, size and type are known."""
    data = bytes(range(256)) * 4000
    url = web.answer("/a.png", data, headers="Content-Type: image/png; charset=x\r\n")
    found = fetch(url, out, HERE)
    assert out.read_bytes() == data
    assert (found.size, found.content_type) == (len(data), "image/png")
    assert found.sha256 == hashlib.sha256(data).hexdigest()


def test_a_body_in_chunks_or_up_to_the_end_is_whole(web: Web, out: Path) -> None:
    """Servers that do not announce a length are understood."""
    web.routes["/chunks"] = lambda sock, _: sock.sendall(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    web.routes["/end"] = lambda sock, _: sock.sendall(b"HTTP/1.0 200 OK\r\n\r\nabcde")
    for path in ("/chunks", "/end"):
        assert fetch(web.url(path), out, HERE).size == 5
        assert out.read_bytes() == b"abcde"


def test_an_address_is_asked_for_as_it_is_written(web: Web, out: Path) -> None:
    """Letters of any script and spaces are escaped, what is escaped stays, the host is named without more."""
    web.answer("/%C3%BC%20b", b"x")
    fetch(web.url("/ü%20b") + "?q=ü ö&sig=a%2Fb+c", out, HERE)
    head = web.requests[0].decode()
    assert head.startswith("GET /%C3%BC%20b?q=%C3%BC%20%C3%B6&sig=a%2Fb+c HTTP/1.1\r\n")
    assert f"\r\nHost: 127.0.0.1:{web.port}\r\n" in head


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
def test_what_is_not_there_is_missing(web: Web, out: Path, status: str) -> None:
    """404 and 410 say that a retry cannot help."""
    url = web.answer("/a", b"nothing", status=status)
    with pytest.raises(Missing) as caught:
        fetch(url, out, HERE)
    assert caught.value.code == "asset_not_found"
    assert not out.exists()


def test_refusals_are_for_good_and_troubles_are_not(web: Web, out: Path) -> None:
    """4xx fails the job; 429 and 5xx are worth another try."""
    assert refused(web.answer("/a", b"", status="403 Forbidden"), out) == "source_refused"
    assert refused(web.answer("/b", b"", status="204 No Content"), out) == "source_refused"
    for status in ("429 Too Many Requests", "500 Oops", "503 Later"):
        with pytest.raises(Unavailable):
            fetch(web.answer("/c", b"", status=status), out, HERE)


def test_a_server_that_is_not_there_may_come_back(out: Path) -> None:
    """A refused connection is worth another try."""
    with pytest.raises(Unavailable):
        fetch(f"http://127.0.0.1:{free_port()}/a", out, HERE)


def test_a_file_that_is_announced_too_large_is_not_begun(web: Web, out: Path) -> None:
    """The limit holds for what a server says it will send."""
    web.routes["/large"] = lambda sock, _: sock.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
    )
    assert refused(web.url("/large"), out) == "asset_too_large"


def test_an_endless_file_ends_at_the_limit(web: Web, out: Path) -> None:
    """A body without an end is cut off, and nothing of it stays."""

    def endless(sock: socket.socket, _: bytes) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sock.sendall(bytes(65536))

    web.routes["/endless"] = endless
    assert refused(web.url("/endless"), out, replace(HERE, max_bytes=1_000_000)) == "asset_too_large"


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nX:", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"]
)
def test_a_server_that_falls_silent_is_given_up(web: Web, out: Path, sent: bytes) -> None:
    """Before an answer, in the headers and in the body alike."""

    def hang(sock: socket.socket, _: bytes) -> None:
        sock.sendall(sent)
        web.stopping.wait()

    web.routes["/hang"] = hang
    assert refused(web.url("/hang"), out) == "source_too_slow"


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_server_that_drips_is_given_up(web: Web, out: Path, head: bytes) -> None:
    """A byte now and then keeps nobody beyond the total time, in the headers as little as in the body."""

    def drip(sock: socket.socket, _: bytes) -> None:
        sock.sendall(head)
        while not web.stopping.wait(0.05):
            sock.sendall(b"x")

    web.routes["/drip"] = drip
    assert refused(web.url("/drip"), out, replace(HERE, total_s=0.6)) == "source_too_slow"


def test_a_cancelled_job_waits_for_no_server(web: Web, out: Path) -> None:
    """The check is asked while the server is silent, and what it raises ends the download."""
    asked = threading.Event()

    def hang(sock: socket.socket, _: bytes) -> None:
        asked.set()
        web.stopping.wait()

    def check() -> None:
        if asked.is_set():
            raise Cancelled("cancelled", "called off")

    web.routes["/hang"] = hang
    with pytest.raises(Cancelled):
        fetch(web.url("/hang"), out, replace(HERE, stall_s=60, total_s=60), check=check)
    assert not out.exists()


def test_a_file_that_breaks_off_is_not_taken_for_whole(web: Web, out: Path) -> None:
    """Fewer bytes than announced, or a chunk that never ends, are worth another try."""
    web.routes["/short"] = lambda s, _: s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    web.routes["/chunk"] = lambda s, _: s.sendall(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"
    )
    web.routes["/noise"] = lambda s, _: s.sendall(b"\x00\x01\x02 what is this\r\n\r\n")
    for path in ("/short", "/chunk", "/noise"):
        with pytest.raises(Unavailable):
            fetch(web.url(path), out, HERE)
        assert not out.exists()


def test_redirects_are_followed_for_a_while(web: Web, out: Path) -> None:
    """Five, relative ones too; not six, and not a circle."""
    web.answer("/5", b"found")
    for step in range(5):
        web.redirect(f"/{step}", f"/{step + 1}" if step % 2 else web.url(f"/{step + 1}"))
    assert fetch(web.url("/0"), out, HERE).size == 5
    out.unlink()
    web.redirect("/before", "/0")
    assert refused(web.url("/before"), out) == "too_many_redirects"
    assert refused(web.redirect("/circle", "/circle"), out) == "too_many_redirects"
    assert refused(web.redirect("/nowhere", ""), out) == "source_refused"
    assert refused(web.redirect("/file", "file:///etc/passwd"), out) == "bad_url"


def test_credentials_do_not_follow_a_redirect_to_another_host(web: Web, out: Path) -> None:
    """The headers of a policy are for the host that it was made for."""
    policy = replace(HERE, headers={"Authorization": "Bearer secret"})
    with web_server() as other:
        other.answer("/b", b"x")
        web.redirect("/a", "/again")
        web.redirect("/again", other.url("/b"))
        fetch(web.url("/a"), out, policy)
        assert [b"secret" in head for head in web.requests] == [True, True]
        assert [b"secret" in head for head in other.requests] == [False]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0.0.0.0", "[::ffff:127.0.0.1]", "[::1]"],
)
def test_addresses_inside_our_walls_are_refused(web: Web, out: Path, host: str) -> None:
    """However they are written; the server hears nothing of it."""
    web.answer("/a", b"secret")
    assert refused(web.url("/a", host), out, FetchPolicy(http=True)) in ("forbidden_address", "unknown_host")
    assert web.requests == []


def test_a_redirect_does_not_lead_inside_our_walls(web: Web, out: Path) -> None:
    """A host that may be asked cannot send us to one that may not."""
    with web_server() as inside:
        inside.answer("/secret", b"secret")
        url = web.redirect("/a", inside.url("/secret", "127.0.0.2"))
        policy = replace(HERE, allowed_networks=(ipaddress.ip_network("127.0.0.1/32"),))
        assert refused(url, out, policy) == "forbidden_address"
        assert (
            refused(web.redirect("/m", "http://169.254.169.254/latest"), out, policy) == "forbidden_address"
        )
        assert inside.requests == []


def test_a_name_that_changes_its_mind_leads_nowhere_else(web: Web, out: Path) -> None:
    """A host is looked up once, all of its addresses are checked, and a checked one is connected to."""
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    web.answer("/a", b"x")
    fetch(web.url("/a", "rebinding.example"), out, HERE, resolve=resolve)
    assert asked == ["rebinding.example"]
    assert f"Host: rebinding.example:{web.port}".encode() in web.requests[0]
    with pytest.raises(InvalidInput) as caught:
        fetch(web.url("/a"), out, HERE, resolve=lambda host, port: ["127.0.0.1", "10.0.0.1"])
    assert caught.value.code == "forbidden_address"


def test_a_name_without_an_address_is_the_owners_mistake_or_passes(out: Path) -> None:
    """No such host fails the job; a name server that does not answer is worth another try."""

    def fails(number: int) -> None:
        def resolve(host: str, port: int) -> list[str]:
            raise socket.gaierror(number, "no")

        fetch("https://nowhere.example/a", out, HERE, resolve=resolve)

    with pytest.raises(InvalidInput):
        fails(socket.EAI_NONAME)
    with pytest.raises(Unavailable):
        fails(socket.EAI_AGAIN)


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com/a", "https://", "https://user:pw@example.com/a", "https://example.com:99999/a", "https://[::1/a",
     "http:///a", "gopher://x", "https://a..b.example/", "https://" + "a" * 70 + ".example/"],
)  # fmt: skip
def test_what_is_no_address_is_refused(out: Path, url: str) -> None:
    """Before anybody is asked."""
    assert refused(url, out) in ("bad_url", "unknown_host")


def test_plain_http_needs_permission(web: Web, out: Path) -> None:
    """By default addresses begin with https."""
    assert refused(web.url("/a"), out, replace(HERE, http=False)) == "http_forbidden"


PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "0.1.2.3",
    "192.0.0.1", "198.18.0.1", "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
    "::127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:1::1",
    "fe80::1", "fc00::1", "fec0::1", "ff02::1", "100::1", "2001:db8::1", "5f00::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address: str) -> None:
    """What anybody may reach may be fetched from."""
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_other_addresses_are_not(address: str) -> None:
    """Private, shared, local, reserved, and all of these inside of an IPv6 address."""
    assert not is_public(ipaddress.ip_address(address))


class Secure:
    """A TLS server on 127.0.0.1 with a certificate of its own for `localhost`."""

    def __init__(self, folder: Path) -> None:
        key, self.certificate = folder / "key.pem", folder / "cert.pem"
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ]
        command += ["-batch", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        try:
            done = [*command, "-keyout", str(key), "-out", str(self.certificate)]
            subprocess.run(done, check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("openssl is not installed")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        """Answer one request with half a MiB."""
        sock, _ = self._listener.accept()
        try:
            with self._context.wrap_socket(sock, server_side=True) as secured:
                secured.recv(65536)
                secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + bytes(500_000))
                secured.unwrap()
        except OSError:
            sock.close()

    def close(self) -> None:
        """End it, after its one request."""
        self._thread.join()
        self._listener.close()


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    """A TLS server that answers one request."""
    server = Secure(tmp_path)
    yield server
    server.close()


def test_a_file_is_fetched_by_tls(secure: Secure, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to a checked address, the certificate is the one of the name."""
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.certificate))
    assert fetch(f"https://localhost:{secure.port}/a", out, HERE, resolve=loopback).size == 500_000


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: Secure, out: Path) -> None:
    """For good: a retry cannot help."""
    assert refused(f"https://127.0.0.1:{secure.port}/a", out) == "bad_certificate"


def test_a_certificate_for_another_name_is_refused(
    secure: Secure, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever vouches for it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.certificate))
    with pytest.raises(InvalidInput) as caught:
        fetch(f"https://other.example:{secure.port}/a", out, HERE, resolve=loopback)
    assert caught.value.code == "bad_certificate"


def loopback(host: str, port: int) -> list[str]:
    """Every name leads to this machine."""
    return ["127.0.0.1"]


def test_a_handshake_that_hangs_is_given_up(web: Web, out: Path) -> None:
    """A server that takes the connection and never says hello holds nobody up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert refused(f"https://127.0.0.1:{port}/a", out, replace(HERE, connect_s=0.4)) == "source_too_slow"


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("/my photo.png", "/my%20photo.png"),
        ("/[a|b]", "/%5Ba%7Cb%5D"),
        ("/caf\u00e9[1]{2}", "/caf%C3%A9%5B1%5D%7B2%7D"),
    ],
)
def test_addresses_are_encoded_as_browsers_do(web: Web, tmp_path: Path, asked: str, sent: str) -> None:
    """Spaces brackets and letters beyond ASCII."""
    web.answer(sent, b"here")
    assert fetch(web.url(asked), tmp_path / "out", HERE).size == 4


@pytest.mark.parametrize(
    ("target", "sent"),
    [("/café.png", "/caf%C3%A9.png"), ("/日本", "/%E6%97%A5%E6%9C%AC")],
)
def test_redirects_in_utf_8_are_followed(web: Web, tmp_path: Path, target: str, sent: str) -> None:
    """The bytes of a Location are encoded as they are."""
    web.answer(sent, b"here")
    web.routes["/from"] = lambda sock, _: sock.sendall(
        f"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {target}\r\n\r\n".encode()
    )
    assert fetch(web.url("/from"), tmp_path / "out", HERE).size == 4


def gzipped(data: bytes) -> bytes:
    """Without the time of day: cases have the same names in each process of a run."""
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzipped(b"here" * 99)),
        ("x-gzip", gzipped(b"here" * 50) + gzipped(b"here" * 49)),
        ("deflate", zlib.compress(b"here" * 99)),
        ("deflate", zlib.compress(b"here" * 99, wbits=-15)),
        ("gzip, gzip", gzipped(gzipped(b"here" * 99))),
        ("identity", b"here" * 99),
    ],
)
def test_stored_codings_are_undone(web: Web, tmp_path: Path, coding: str, body: bytes) -> None:
    """What is hashed and kept is the file itself."""
    url = web.answer("/packed", body, headers=f"Content-Encoding: {coding}\r\n")
    assert fetch(url, tmp_path / "out", HERE).size == 396
    assert (tmp_path / "out").read_bytes() == b"here" * 99


@pytest.mark.parametrize(
    ("coding", "body", "code"),
    [
        ("gzip", gzipped(bytes(1 << 24)), "asset_too_large"),
        ("gzip", gzipped(gzipped(bytes(1 << 24)))[:-9], "broken_coding"),
        ("gzip", b"no gzip", "broken_coding"),
        ("br", b"x", "unknown_coding"),
    ],
)
def test_bombs_and_damaged_codings_are_refused(
    web: Web, tmp_path: Path, coding: str, body: bytes, code: str
) -> None:
    """The limit of a file holds for what comes out."""
    url = web.answer("/packed", body, headers=f"Content-Encoding: {coding}\r\n")
    with pytest.raises(InvalidInput) as caught:
        fetch(url, tmp_path / "out", replace(HERE, max_bytes=1 << 20))
    assert caught.value.code == code
