"""Settings for a deployment's own fonts. Loaded at every start, unlike the fonts' places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from connectors.store.base import ObjectStore, check_key
from schemas.errors import InvalidInput

if TYPE_CHECKING:
    from connectors.font_files import FontPlace

TENANT = "{tenant}"
"""Stands for the tenant in the name of a place."""


class FontPlaces(NamedTuple):
    """The places that a deployment names: folders, and prefixes of the object store."""

    store: ObjectStore | None = None
    folders: Sequence[str] = ()
    prefixes: Sequence[str] = ()

    @property
    def none(self) -> bool:
        """True if no place is set."""
        return not self.folders and not self.prefixes

    def of(self, tenant: str) -> list[FontPlace]:
        """The places whose fonts a tenant may use, in the order in which they are asked: the tenant's own
        first, and prefixes before folders.
        """
        return [place for own in (True, False) for place in self._of(tenant, own)]

    def _of(self, tenant: str, own: bool) -> Iterator[FontPlace]:
        from connectors.font_files import FontFolder, FontPrefix

        for prefix in self.prefixes:
            if self.store is not None and (TENANT in prefix) is own:
                yield FontPrefix(self.store, prefix.strip("/").replace(TENANT, tenant) + "/")
        for folder in self.folders:
            if (TENANT in folder) is own:
                yield FontFolder(Path(folder.replace(TENANT, tenant)), optional=own)


NOWHERE = FontPlaces()
"""No fonts but those that ship, and packages."""


def check_prefix(prefix: str) -> str:
    """The prefix, if it may hold fonts. Raises InvalidInput for one that is no key or one tenant's own."""
    check_key(prefix.strip("/").replace(TENANT, "tenant"))
    if prefix.startswith("t/") and not prefix.startswith(f"t/{TENANT}/"):
        raise InvalidInput("bad_setting", f"{prefix!r} is one tenant's own: write t/{TENANT}/… for each.")
    return prefix
