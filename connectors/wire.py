"""Connections of the guarded HTTP client: to checked addresses only, and never silent for long.

All waiting is done in short turns, between which `check` is called and the time looked at; so a peer
that hangs, or sends a byte now and then, holds no caller up beyond the limits, in the headers as little
as in the body.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import queue
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.errors import InvalidInput, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

TURN_S = 0.2
SHARED = ipaddress.ip_network("100.64.0.0/10")
RELAYS = ipaddress.ip_network("192.88.99.0/24")
UNICAST = ipaddress.ip_network("2000::/3")
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """True if an address is public, also behind IPv4-mapped, 6to4 and NAT64 addresses.

    IANA special-purpose registries (RFC 6890) as far as `ipaddress` knows them; besides, shared space
    (RFC 6598), 6to4 relays (RFC 7526), and all IPv6 that is not global unicast (RFC 4291, 2.4).
    """
    if isinstance(address, ipaddress.IPv4Address):
        return (
            address.is_global and not address.is_multicast and address not in SHARED and address not in RELAYS
        )
    inner = address.ipv4_mapped or address.sixtofour
    if address in NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return is_public(inner)
    return address in UNICAST and address.is_global and address.teredo is None


def system_resolve(host: str, port: int) -> list[str]:
    """The addresses of a host as the system finds them. Raises OSError or UnicodeError."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True)
class Patience:
    """Time limits: `stall_s` in silence, until `deadline` on `clock` in all, while `check` returns."""

    check: Callable[[], None]
    stall_s: float
    deadline: float
    clock: Callable[[], float] = time.monotonic

    def turn(self, since: float, most: float | None = None) -> float:
        """Seconds of the next turn of waiting. Raises InvalidInput when it was too long, and as `check` does.

        since: when something happened last; most: allowed silence in seconds, if not `stall_s`.
        """
        self.check()
        now = self.clock()
        silence = self.stall_s if most is None else most
        if now >= self.deadline:
            raise InvalidInput("source_too_slow", "The source takes longer than is allowed to send the file.")
        if now - since >= silence:
            raise InvalidInput("source_too_slow", f"The source sent nothing for {silence:.0f} s.")
        return min(TURN_S, self.deadline - now)


def addresses(host: str, port: int, patience: Patience, resolve: Resolve = system_resolve) -> list[Address]:
    """All addresses of a host. Raises InvalidInput if there is none, Unavailable if no resolver answers."""
    answer: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(resolve(host, port))
        except (OSError, UnicodeError) as error:
            answer.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    begin = patience.clock()
    while True:
        try:
            found = answer.get(timeout=patience.turn(begin))
            break
        except queue.Empty:
            continue
    if isinstance(found, socket.gaierror) and found.errno == socket.EAI_AGAIN:
        raise Unavailable("source_unavailable", f"The name {host!r} cannot be looked up now.") from found
    if isinstance(found, Exception) or not found:
        raise InvalidInput("unknown_host", f"Host {host!r} does not exist.")
    return [ipaddress.ip_address(text.partition("%")[0]) for text in found]


def dial(
    choices: Sequence[Address], port: int, tls_name: str | None, patience: Patience, connect_s: float
) -> Wire:
    """A connection to the first of the addresses that takes it, with TLS for `tls_name` if given.

    Raises OSError when none does, InvalidInput when the certificate is not for that name.
    """
    trouble: OSError = OSError("no address")
    for address in choices:
        try:
            sock = _connected(address, port, patience, connect_s)
        except OSError as error:
            trouble = error
            continue
        try:
            return Wire(sock if tls_name is None else _secured(sock, tls_name, patience, connect_s), patience)
        except BaseException:
            sock.close()
            raise
    raise trouble


def _connected(address: Address, port: int, patience: Patience, connect_s: float) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.connect_ex((str(address), port))
        begin = patience.clock()
        while not select.select([], [sock], [], patience.turn(begin))[1]:
            if patience.clock() - begin > connect_s:
                raise TimeoutError("no answer")
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, f"connecting failed ({error})")
    except BaseException:
        sock.close()
        raise
    return sock


def _secured(sock: socket.socket, name: str, patience: Patience, connect_s: float) -> ssl.SSLSocket:
    sock.settimeout(TURN_S)
    secured = ssl.create_default_context().wrap_socket(
        sock, server_hostname=name, do_handshake_on_connect=False
    )
    begin = patience.clock()
    try:
        while True:
            patience.turn(begin, connect_s)
            try:
                secured.do_handshake()
            except TimeoutError:
                continue
            return secured
    except ssl.SSLCertVerificationError as error:
        secured.close()
        raise InvalidInput(
            "bad_certificate", f"{name} does not prove to be itself (TLS certificate)."
        ) from error
    except BaseException:
        secured.close()
        raise


class Wire:
    """Socket adapter with timeouts for http.client. A context manager; closes on exit."""

    def __init__(self, sock: socket.socket, patience: Patience) -> None:
        self._sock = sock
        self._patience = patience

    def __enter__(self) -> Wire:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._sock.close()

    def sendall(self, data: bytes) -> None:
        """Send a request, which is small."""
        self._sock.settimeout(self._patience.stall_s)
        self._sock.sendall(data)

    def makefile(self, mode: str, *_: Any, **__: Any) -> io.BufferedReader:
        """The reading side."""
        return io.BufferedReader(_Reader(self._sock, self._patience))

    def close(self) -> None:
        """Nothing: http.client closes what its response still reads from."""

    def connection(self, host: str) -> http.client.HTTPConnection:
        """An HTTP connection over this wire."""
        made = http.client.HTTPConnection(host)
        made.sock = self
        return made


class _Reader(io.RawIOBase):
    """Reads from a socket in turns."""

    def __init__(self, sock: socket.socket, patience: Patience) -> None:
        self._sock = sock
        self._patience = patience

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Available bytes; waits for the first one, checking in between."""
        begin = self._patience.clock()
        while True:
            self._sock.settimeout(max(0.001, self._patience.turn(begin)))
            try:
                return self._sock.recv_into(buffer)
            except TimeoutError:
                continue
