"""Who is calling: an API key names a tenant. Without configured keys everybody is `default`.

`/health`, `/ready`, `/metrics` and the documents need no key: they tell nothing of any tenant.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.requests import Request

from producer_api.problems import ApiProblem
from schemas.messages import DEFAULT_TENANT

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="exportstream"'}


class Authenticator:
    """Finds the tenant of a request."""

    def __init__(self, api_keys: Mapping[str, str]) -> None:
        self._keys = tuple((key.encode(), tenant) for key, tenant in api_keys.items())

    def tenant(self, request: Request) -> str:
        """The caller's tenant; raises ApiProblem 401, or 403 for a foreign web page."""
        if not self._keys:
            _refuse_foreign_page(request)
            return DEFAULT_TENANT
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
            raise ApiProblem(401, "key_unknown", "This API key is not known.", headers=_CHALLENGE)
        return tenant

    def _tenant_of(self, presented: bytes) -> str | None:
        """Every key is compared, in constant time: how long it takes tells nothing."""
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


async def current_tenant(request: Request) -> str:
    """The tenant of a request, as a dependency of endpoints."""
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator.tenant(request)


Tenant = Annotated[str, Depends(current_tenant)]
