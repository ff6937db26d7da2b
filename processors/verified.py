"""Verification of a finished file in the store: read once for its hash, and its head for all else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from connectors.store.ahead import blocks
from connectors.store.base import ObjectStore
from connectors.store.stored_file import open_object
from schemas.checks import nothing
from schemas.plan import Expected

if TYPE_CHECKING:
    from renderers.recipes.maker import Maker


def verify_object(
    store: ObjectStore,
    key: str,
    maker: Maker[Any],
    expected: Expected,
    *,
    check: Callable[[], None] = nothing,
) -> tuple[str, int]:
    """(SHA-256 in hex, size in bytes) of an object that is what its plan says.

    Raises InvalidInput("output_broken") naming the first difference, Missing where it is not there. check:
    called for each block that is read; may raise.
    """
    size = store.stat(key).size
    with open_object(store, key) as file:
        maker.verify(file, expected)
    return sha256_of(store, key, size, check=check), size


def sha256_of(store: ObjectStore, key: str, size: int, *, check: Callable[[], None] = nothing) -> str:
    """The SHA-256 of an object in hex; its ranges are read ahead, side by side."""
    digest = hashlib.sha256()
    for block in blocks(store, key, size):
        check()
        digest.update(block)
    return digest.hexdigest()
