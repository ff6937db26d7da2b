"""Policy and result of web fetches; separate from `fetch`, which loads an HTTP client."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class FetchPolicy:
    """Rules for fetching. allowed: networks that are reached although they are not public, and hosts
    by name; http: without TLS too; max_bytes of a body; seconds: connect, stall between two blocks, total.

    headers are sent to the host that is asked first, never to one that it redirects to.
    """

    allowed_networks: tuple[Network, ...] = ()
    allowed_hosts: frozenset[str] = frozenset()
    http: bool = False
    max_bytes: int = 512 << 20
    connect_s: float = 5.0
    stall_s: float = 15.0
    total_s: float = 300.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Download(NamedTuple):
    """A body on the local disk."""

    sha256: str
    size: int
    content_type: str
