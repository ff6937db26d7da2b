"""Authentication: a credential identifies a caller. Without configured keys all callers are tenant `default`.

`/health`, `/ready`, `/metrics` and the documents need no key: they contain nothing of any tenant.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.requests import Request

from producer_api.problems import ApiProblem
from schemas.lifecycle import Job
from schemas.messages import DEFAULT_TENANT

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="exportstream"'}


Role = Literal["service", "user"]
"""Services see all jobs of their tenant, users only their own."""


class Caller(NamedTuple):
    """Identity behind a request. user: a person's id, as in a job's `user_id`; None for a service."""

    tenant: str
    user: str | None = None
    role: Role = "service"

    def sees(self, job: Job) -> bool:
        """True for jobs that this caller may know of."""
        return job.tenant == self.tenant and (self.role == "service" or job.user_id == self.user)


class Authenticator:
    """Identifies callers by their API keys."""

    def __init__(self, api_keys: Mapping[str, str]) -> None:
        self._keys = tuple((key.encode(), tenant) for key, tenant in api_keys.items())

    def caller(self, request: Request) -> Caller:
        """The caller; raises ApiProblem 401, or 403 for a foreign web page."""
        if not self._keys:
            _refuse_foreign_page(request)
            return Caller(DEFAULT_TENANT)
        presented = presented_key(request.headers)
        if presented is None:
            raise ApiProblem(
                401,
                "key_required",
                "Send an API key: Authorization: Bearer KEY, or X-API-Key: KEY.",
                headers=_CHALLENGE,
            )
        tenant = self._tenant_of(presented.encode("utf-8", "surrogatepass"))
        if tenant is None:
            raise ApiProblem(401, "key_unknown", "This API key is not valid.", headers=_CHALLENGE)
        return Caller(tenant)

    def _tenant_of(self, presented: bytes) -> str | None:
        """Compares all keys in constant time, so that timing reveals nothing."""
        found = None
        for key, tenant in self._keys:
            if hmac.compare_digest(key, presented):
                found = tenant
        return found


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key in `Authorization: Bearer` (RFC 6750) or `X-API-Key`."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    return headers.get("x-api-key")


def _refuse_foreign_page(request: Request) -> None:
    """Without keys a page of another site could make a visitor's browser start exports here."""
    origin = request.headers.get("origin")
    if request.method in _SAFE or origin is None:
        return
    if urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise ApiProblem(
            403, "foreign_origin", "A page of another site may not do this here; configure API keys for that."
        )


async def current_caller(request: Request) -> Caller:
    """The caller of a request, as a dependency of endpoints."""
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator.caller(request)


Calling = Annotated[Caller, Depends(current_caller)]
"""Type of an endpoint's parameter that receives the caller."""
