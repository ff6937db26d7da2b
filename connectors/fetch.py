"""The guarded HTTP client: fetches what a customer's address names, and nothing inside our walls.

Every host is resolved here, every address it has is checked, and the connection is made to a checked
address, so that a name cannot point elsewhere the second time (DNS rebinding). Redirects go through
the same check. Bodies stream to a file and are capped in bytes, in time, and in silence.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import SplitResult, urljoin, urlsplit

from connectors.sandbox import nothing
from connectors.store.base import disk_error
from schemas.errors import InvalidInput, Missing, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

BLOCK = 1 << 16
REDIRECTS = 5
REDIRECTED = (301, 302, 303, 307, 308)
SHARED = ipaddress.ip_network("100.64.0.0/10")
"""Carrier-grade NAT (RFC 6598): neither private nor global to `ipaddress` in all versions."""


@dataclass(frozen=True)
class FetchPolicy:
    """What may be fetched. allowed: networks that are reached although they are not public, and hosts
    by name; http: without TLS too; max_bytes of a body; seconds: connect, stall between two blocks, total."""

    allowed_networks: tuple[Network, ...] = ()
    allowed_hosts: frozenset[str] = frozenset()
    http: bool = False
    max_bytes: int = 512 << 20
    connect_s: float = 5.0
    stall_s: float = 15.0
    total_s: float = 300.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Download:
    """A body on the local disk."""

    sha256: str
    size: int
    content_type: str


def is_public(address: Address) -> bool:
    """Whether an address is somebody else's: global unicast, seen through IPv4-mapped, 6to4 and NAT64 too."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None:
            return False
    elif address in SHARED:
        return False
    return address.is_global and not address.is_multicast


def fetch(
    url: str, path: Path, policy: FetchPolicy = FetchPolicy(), *, check: Callable[[], None] = nothing
) -> Download:
    """Write the body at `url` to `path`.

    Raises Missing (404, 410), InvalidInput (forbidden, too large, too slow to be worth it, other 4xx)
    or Unavailable (5xx, no connection: may pass).
    """
    deadline = time.monotonic() + policy.total_s
    for _ in range(REDIRECTS + 1):
        check()
        parts = _checked_url(url, policy)
        connection = _connect(parts, policy)
        try:
            response = _request(connection, parts, policy)
            if response.status not in REDIRECTED:
                _check_status(response.status, parts)
                return _receive(connection, response, path, policy, deadline, check)
            url = urljoin(url, response.getheader("Location") or "")
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(parts, error) from error
        finally:
            connection.close()
    raise InvalidInput("too_many_redirects", f"The address redirects more than {REDIRECTS} times.")


def _checked_url(url: str, policy: FetchPolicy) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises ValueError for a port that is none
    except ValueError as error:
        raise InvalidInput("bad_url", f"{url[:200]!r} is not an address.") from error
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise InvalidInput("bad_url", f"{url[:200]!r} is not an http or https address.")
    if parts.scheme == "http" and not policy.http and parts.hostname not in policy.allowed_hosts:
        raise InvalidInput("http_forbidden", "Addresses begin with https:// here.")
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("bad_url", "Addresses with a user name in them are not fetched.")
    return parts


def _addresses(parts: SplitResult, policy: FetchPolicy) -> list[Address]:
    """The addresses of a host, each of which may be reached."""
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, _port(parts), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InvalidInput("unknown_host", f"There is no host {host!r}.") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for address in addresses:
        allowed = host in policy.allowed_hosts or any(address in net for net in policy.allowed_networks)
        if not allowed and not is_public(address):
            raise InvalidInput("forbidden_address", f"{host} is not a public address, so it is not fetched.")
    return addresses


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _connect(parts: SplitResult, policy: FetchPolicy) -> http.client.HTTPConnection:
    """A connection to one of the checked addresses; TLS is verified against the host's name."""
    trouble: OSError | None = None
    for address in _addresses(parts, policy):
        try:
            sock = socket.create_connection((str(address), _port(parts)), policy.connect_s)
            sock.settimeout(policy.stall_s)
            if parts.scheme == "https":
                sock = ssl.create_default_context().wrap_socket(sock, server_hostname=parts.hostname)
        except OSError as error:
            trouble = error
            continue
        connection = http.client.HTTPConnection(parts.hostname or "", _port(parts))
        connection.sock = sock
        return connection
    raise _unreachable(parts, trouble or OSError("no address"))


def _request(
    connection: http.client.HTTPConnection, parts: SplitResult, policy: FetchPolicy
) -> http.client.HTTPResponse:
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    headers = {"User-Agent": "exportstream", "Accept": "*/*", "Accept-Encoding": "identity"}
    connection.request("GET", target, headers={**headers, **policy.headers})
    return connection.getresponse()


def _check_status(status: int, parts: SplitResult) -> None:
    host = parts.hostname
    if status in (404, 410):
        raise Missing("asset_not_found", f"{host} has nothing at this address (HTTP {status}).")
    if status == 429 or status >= 500:
        raise Unavailable("source_unavailable", f"{host} does not hand it out now (HTTP {status}).")
    if status != 200:
        raise InvalidInput("source_refused", f"{host} refuses to hand it out (HTTP {status}).")


def _receive(
    connection: http.client.HTTPConnection,
    response: http.client.HTTPResponse,
    path: Path,
    policy: FetchPolicy,
    deadline: float,
    check: Callable[[], None],
) -> Download:
    announced = response.getheader("Content-Length") or ""
    if announced.isdigit() and int(announced) > policy.max_bytes:
        raise _too_large(policy)
    try:
        with path.open("wb") as file:
            sha256, size = _copy(response, file, policy, deadline, check)
    except TimeoutError as error:
        raise InvalidInput(
            "source_too_slow", f"The source sent nothing for {policy.stall_s:.0f} s."
        ) from error
    if announced.isdigit() and size != int(announced):
        raise Unavailable("source_unavailable", "The source broke off in the middle.")
    kind = (response.getheader("Content-Type") or "application/octet-stream").partition(";")[0].strip()
    return Download(sha256, size, kind[:100])


def _copy(
    response: http.client.HTTPResponse,
    file: IO[bytes],
    policy: FetchPolicy,
    deadline: float,
    check: Callable[[], None],
) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while block := response.read1(BLOCK):
        check()
        size += len(block)
        if size > policy.max_bytes:
            raise _too_large(policy)
        if time.monotonic() > deadline:
            raise InvalidInput("source_too_slow", f"The source takes longer than {policy.total_s:.0f} s.")
        digest.update(block)
        try:
            file.write(block)
        except OSError as error:
            raise disk_error(error) from error
    return digest.hexdigest(), size


def _too_large(policy: FetchPolicy) -> InvalidInput:
    most = policy.max_bytes / (1 << 20)
    return InvalidInput("asset_too_large", f"The file is larger than the {most:.0f} MiB that are allowed.")


def _unreachable(parts: SplitResult, error: Exception) -> InvalidInput | Unavailable:
    if isinstance(error, ssl.SSLCertVerificationError):
        return InvalidInput("bad_certificate", f"{parts.hostname} does not prove to be itself (TLS certificate).")
    return Unavailable("source_unavailable", f"{parts.hostname} cannot be reached ({type(error).__name__}).")
