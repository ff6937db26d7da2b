"""The guarded HTTP client: fetches what a customer's address names, and nothing inside our walls.

Every host is resolved here, every address it has is checked, and the connection is made to a checked
address, so that a name cannot point elsewhere the second time (DNS rebinding). Redirects go through
the same check. Bodies stream to a file and are capped in bytes, in time, and in silence.
"""

from __future__ import annotations

import hashlib
import http.client
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from connectors.content_coding import unpacker
from connectors.fetch_policy import Download, FetchPolicy
from connectors.store.base import write_blocks
from connectors.wire import Address, Patience, Resolve, Wire, addresses, dial, is_public, system_resolve
from schemas.checks import nothing
from schemas.errors import InvalidInput, Missing, Unavailable

BLOCK = 1 << 16
REDIRECTS = 5
REDIRECTED = (301, 302, 303, 307, 308)
PASSING = (408, 425, 429)
SAFE = "/%:@!$&'()*+,;=~"


def fetch(
    url: str,
    path: Path,
    policy: FetchPolicy,
    *,
    check: Callable[[], None] = nothing,
    resolve: Resolve = system_resolve,
) -> Download:
    """Write the body at `url` to `path`, whole or not at all. `check` is called at least every 0.2 s.

    Raises Missing (404, 410), InvalidInput (forbidden, too large, too slow to be worth it, other 4xx)
    or Unavailable (5xx, 429, no connection: may pass).
    """
    patience = Patience(check, policy.stall_s, time.monotonic() + policy.total_s)
    first = _checked_url(url, policy)
    parts = first
    for _ in range(REDIRECTS + 1):
        headers = policy.headers if _origin(parts) == _origin(first) else {}
        try:
            with _connect(parts, policy, patience, resolve) as wire:
                response = _request(wire.connection(parts.hostname or ""), parts, headers)
                if response.status not in REDIRECTED:
                    _check_status(response.status, parts)
                    return _receive(response, path, policy, parts)
                target = response.getheader("Location")
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(parts, error) from error
        if not target:
            raise InvalidInput("source_refused", f"{parts.hostname} redirects to nowhere.")
        parts = _checked_url(urljoin(parts.geturl(), _escaped(target)), policy)
    raise InvalidInput("too_many_redirects", f"The address redirects more than {REDIRECTS} times.")


def _escaped(location: str) -> str:
    """A Location's bytes beyond ASCII, percent-encoded as they are (WHATWG URL); they come as Latin-1."""
    raw = location.strip().encode("latin-1", "replace")
    return "".join(chr(byte) if byte < 128 else f"%{byte:02X}" for byte in raw)


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


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, _port(parts)


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _permitted(host: str, found: list[Address], policy: FetchPolicy) -> list[Address]:
    """The addresses of a host, if each of them may be reached. Raises InvalidInput."""
    for address in found:
        allowed = host in policy.allowed_hosts or any(address in net for net in policy.allowed_networks)
        if not allowed and not is_public(address):
            raise InvalidInput("forbidden_address", f"{host} is not a public address, so it is not fetched.")
    return found


def _connect(parts: SplitResult, policy: FetchPolicy, patience: Patience, resolve: Resolve) -> Wire:
    """A connection to one of the checked addresses; TLS is verified against the host's name."""
    host, port = parts.hostname or "", _port(parts)
    choices = _permitted(host, addresses(host, port, patience, resolve), policy)
    tls_name = _ascii(host) if parts.scheme == "https" else None
    return dial(choices, port, tls_name, patience, policy.connect_s)


def _ascii(host: str) -> str:
    try:
        return host.encode("ascii" if host.isascii() else "idna").decode()
    except UnicodeError as error:
        raise InvalidInput("unknown_host", f"Host {host!r} does not exist.") from error


def _request(
    connection: http.client.HTTPConnection, parts: SplitResult, headers: Mapping[str, str]
) -> http.client.HTTPResponse:
    host = _ascii(parts.hostname or "")
    place = f"[{host}]" if ":" in host else host
    if parts.port is not None:
        place = f"{place}:{parts.port}"
    given = {"Host": place, "User-Agent": "exportstream", "Accept": "*/*", "Accept-Encoding": "identity"}
    connection.putrequest("GET", request_target(parts), skip_host=True, skip_accept_encoding=True)
    for name, value in {**given, "Connection": "close", **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection.getresponse()


def request_target(parts: SplitResult) -> str:
    """Path and query in ASCII: what is escaped already stays, the rest is escaped (RFC 3986, 2.1)."""
    path = quote(parts.path or "/", safe=SAFE)
    return f"{path}?{quote(parts.query, safe=SAFE + '?')}" if parts.query else path


def _check_status(status: int, parts: SplitResult) -> None:
    host = parts.hostname
    if status in (404, 410):
        raise Missing("asset_not_found", f"{host} has nothing at this address (HTTP {status}).")
    if status in PASSING or status >= 500:
        raise Unavailable("source_unavailable", f"{host} does not hand it out now (HTTP {status}).")
    if status != 200:
        raise InvalidInput("source_refused", f"{host} refuses to hand it out (HTTP {status}).")


def _receive(
    response: http.client.HTTPResponse, path: Path, policy: FetchPolicy, parts: SplitResult
) -> Download:
    announced = response.getheader("Content-Length") or ""
    expected = int(announced) if announced.isascii() and announced.isdigit() else None
    if expected is not None and expected > policy.max_bytes:
        raise _too_large(policy)
    digest, size = hashlib.sha256(), 0
    codings = [name.strip().lower() for name in (response.getheader("Content-Encoding") or "").split(",")]
    unpackers = [unpacker(name, parts.hostname) for name in reversed(codings) if name not in ("", "identity")]

    def received() -> Iterator[bytes]:
        got = 0
        try:
            while block := response.read1(BLOCK):
                got += len(block)
                yield block
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(parts, error) from error
        if expected is not None and got != expected:
            raise Unavailable("source_unavailable", f"{parts.hostname} broke off in the middle.")

    def blocks() -> Iterator[bytes]:
        nonlocal size
        stream: Iterator[bytes] = received()
        for unpack in unpackers:
            stream = unpack(stream)
        for block in stream:
            size += len(block)
            if size > policy.max_bytes:
                raise _too_large(policy)
            digest.update(block)
            yield block

    write_blocks(path, blocks())
    kind = (response.getheader("Content-Type") or "application/octet-stream").partition(";")[0].strip()
    return Download(digest.hexdigest(), size, kind[:100])


def _too_large(policy: FetchPolicy) -> InvalidInput:
    most = policy.max_bytes / (1 << 20)
    return InvalidInput("asset_too_large", f"The file is larger than the {most:.0f} MiB that are allowed.")


def _unreachable(parts: SplitResult, error: Exception) -> Unavailable:
    return Unavailable("source_unavailable", f"{parts.hostname} cannot be reached ({type(error).__name__}).")
